//! I26: to open a store twice is as to open it once: a process that dies straight after its recovery, with
//! nothing asked, leaves the next one the same events, states and attempts, and that one does the same.

use crate::sim::violation::Violation;

/// What an opened store shows, and what an engine over it does at first: line by line.
pub(in crate::sim) type Recovered = Vec<String>;

/// Judges what was found after one opening and after two.
pub(in crate::sim) fn judge(once: &Recovered, twice: &Recovered) -> Option<Violation> {
    let lines = once.iter().zip(twice);
    let differs = lines.into_iter().find(|(one, other)| one != other);
    let what = match differs {
        Some((one, other)) => format!("{one}, and then {other}"),
        None if once.len() != twice.len() => {
            format!("{} things, and then {}", once.len(), twice.len())
        }
        None => return None,
    };
    Some(Violation::RecoversOtherwise(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_and_what_is_missing_too() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Recovered>();
        let one = lines("a b");
        assert_eq!(judge(&one, &one), None);
        for (other, told) in [("a c", "b, and then c"), ("a", "2 things, and then 1")] {
            let what = told.to_owned();
            let found = Some(Violation::RecoversOtherwise(what));
            assert_eq!(judge(&one, &lines(other)), found);
        }
    }
}
