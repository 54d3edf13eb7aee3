//! Everything that is wrong with a request's fields, gathered so that it is told at once.

use crate::server::problem::{Fault, FaultKind, Problem};

/// The faults found so far.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault; `loc` leads to the field.
    pub(super) fn add(&mut self, loc: &[&str], kind: FaultKind, message: impl Into<String>) {
        self.0.push(Fault {
            loc: loc.iter().map(|part| shown(part).to_owned()).collect(),
            message: message.into(),
            kind,
        });
    }

    /// Takes in what else was found.
    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Whether something about this field was noted.
    pub(super) fn names(&self, loc: &[&str]) -> bool {
        self.0.iter().any(|fault| fault.loc == loc)
    }

    /// Notes a last fault, after which nothing more can be judged, and tells all.
    pub(super) fn and(mut self, loc: &[&str], kind: FaultKind, message: &str) -> Problem {
        self.add(loc, kind, message);
        Problem::with_faults(self.0)
    }

    /// Whether nothing was found.
    ///
    /// # Errors
    /// All faults as one problem.
    pub(super) fn into_result(self) -> Result<(), Problem> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Problem::with_faults(self.0))
    }
}

/// The beginning of a name that a caller made up.
pub(super) fn shown(name: &str) -> &str {
    const BYTES_MAX: usize = 64;
    let fitting = name.char_indices().map(|(at, sign)| at + sign.len_utf8());
    let end = fitting.take_while(|end| *end <= BYTES_MAX).last();
    name.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_shown_by_its_beginning_and_never_cut_within_a_character() {
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(""), "");
        assert_eq!(shown(&"a".repeat(65)), "a".repeat(64));
        assert_eq!(shown(&"€".repeat(30)), "€".repeat(21));
    }
}
