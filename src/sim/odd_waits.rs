//! What receivers ask for in `Retry-After` beside a plain number of seconds: a date in each of its
//! forms, one that is over, less than nothing, more than anybody waits, nonsense, and two things at
//! once. And what it means, read here anew, so that the oracle does not believe the engine's reading.

use crate::{
    random::Stream,
    time::{Span, Timestamp},
};

const DAY_S: i64 = 86_400;
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];
/// What says nothing at all.
const NONSENSE: [&str; 8] = [
    "soon",
    "",
    "1.5",
    "0x10",
    "1e9",
    "+5",
    "120, 120",
    "Sun, 99 Nov 2026 08:49:37 GMT",
];
/// More than anybody waits: above what a few digits, 32 bits, 63 bits and any machine word hold.
const HUGE: [&str; 4] = [
    "999999",
    "4294967296",
    "9223372036854775808",
    "999999999999999999999999999999",
];
/// Longer than a wait that nobody has ended: a clamp makes it what it is.
const LONGEST: Span = Span::from_seconds(1_000_000 * DAY_S);

/// The fields `Retry-After` of one reply, by a receiver whose clock shows `clock`. Where there are two
/// the first one counts.
pub(super) fn drawn(random: &mut Stream, clock: Timestamp) -> Vec<String> {
    let seconds = i64::try_from(random.between(1, 3_600)).unwrap_or(1);
    let mut picked = |from: &[&str]| random.pick(from).copied().unwrap_or_default().to_owned();
    let first = picked(&["later", "over", "negative", "huge", "nonsense", "twice"]);
    match first.as_str() {
        "later" | "over" => {
            let form = picked(&["usual", "old", "oldest"]);
            let ahead = if first == "over" { -seconds } else { seconds };
            vec![date(clock.plus(Span::from_seconds(ahead)), &form)]
        }
        "negative" => vec![format!("-{seconds}")],
        "huge" => vec![picked(&HUGE)],
        "nonsense" => vec![picked(&NONSENSE)],
        _ => vec![seconds.to_string(), (seconds * 7).to_string()],
    }
}

/// The wait that a text asks for when the wall clock shows `wall`: digits are seconds however many
/// there are, a date is the time until then and nothing if it is over; all else asks for nothing.
pub(super) fn meaning(text: &str, wall: Timestamp) -> Option<Span> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse::<i64>().unwrap_or(i64::MAX);
        let days = LONGEST.as_micros() / 1_000_000;
        return Some(Span::from_seconds(seconds.min(days)));
    }
    Some(read_date(text)?.since(wall).max(Span::ZERO))
}

/// Whether a text is anything but a plain number of seconds that people wait.
pub(super) fn is_odd(text: &str) -> bool {
    text.len() > 5 || text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A time as HTTP has it: usually, as it was in RFC 850, or as C writes it.
fn date(time: Timestamp, form: &str) -> String {
    let seconds = time.as_millis().div_euclid(1_000);
    let (days, within) = (seconds.div_euclid(DAY_S), seconds.rem_euclid(DAY_S));
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], place: i64| {
        let place = usize::try_from(place).unwrap_or_default();
        names.get(place).copied().unwrap_or_default()
    };
    let weekday = name(&WEEKDAYS, days.rem_euclid(7));
    let short = weekday.get(..3).unwrap_or_default();
    let month = name(&MONTHS, month - 1);
    let clock = format!(
        "{:02}:{:02}:{:02}",
        within / 3_600,
        within / 60 % 60,
        within % 60
    );
    match form {
        "old" => format!("{weekday}, {day:02}-{month}-{:02} {clock} GMT", year % 100),
        "oldest" => format!("{short} {month} {day:>2} {clock} {year}"),
        _ => format!("{short}, {day:02} {month} {year} {clock} GMT"),
    }
}

/// Reads a date in one of the three forms.
fn read_date(text: &str) -> Option<Timestamp> {
    let words = text.split([' ', ',', '-']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    let (day, month, year, clock) = match words.as_slice() {
        [_, day, month, year, clock, "GMT"] => (day, month, year, clock),
        [_, month, day, clock, year] => (day, month, year, clock),
        _ => return None,
    };
    let number = |text: &str| text.parse::<i64>().ok();
    let month = MONTHS.iter().position(|name| name == month)? + 1;
    let year = number(year).map(|year| if year < 100 { year + 2_000 } else { year })?;
    let day = number(day).filter(|day| (1..=31).contains(day))?;
    let days = days(year, i64::try_from(month).ok()?, day);
    let clock: Vec<i64> = clock.split(':').map_while(number).collect();
    let [hours, minutes, seconds] = *clock.as_slice() else {
        return None;
    };
    let seconds = days * DAY_S + hours * 3_600 + minutes * 60 + seconds;
    Some(Timestamp::from_millis(seconds * 1_000))
}

/// Days from 1970 to a day, counted in years that begin in March.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let from_march = (month + 9) % 12;
    let year = if from_march >= 10 { year - 1 } else { year };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leaps + (from_march * 306 + 5) / 10 + day - 719_469
}

/// Year, month and day of so many days since 1970.
fn civil(since_1970: i64) -> (i64, i64, i64) {
    // The year is at most one too large, and a day is found within it.
    let mut year = since_1970.div_euclid(365) + 1_970;
    while days(year, 1, 1) > since_1970 {
        year -= 1;
    }
    let month = (1..=12)
        .rev()
        .find(|month| days(year, *month, 1) <= since_1970);
    let month = month.unwrap_or(1);
    (year, month, since_1970 - days(year, month, 1) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::outcome::{Outcome, OutcomeKind},
        policy::classify::{Verdict, classify},
    };

    #[test]
    fn dates_are_those_of_the_standard_and_read_back() {
        let example = Timestamp::from_millis(784_111_777_000);
        for (form, text) in [
            ("usual", "Sun, 06 Nov 1994 08:49:37 GMT"),
            ("oldest", "Sun Nov  6 08:49:37 1994"),
        ] {
            assert_eq!(date(example, form), text);
            assert_eq!(read_date(text), Some(example));
        }
        assert_eq!(
            date(example, "old"),
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "the year of two digits is read as one of this century"
        );
        for day in 0..40_000 {
            let time = Timestamp::from_millis(day * DAY_S * 1_000 + 61_000);
            assert_eq!(read_date(&date(time, "usual")), Some(time), "{day}");
        }
        assert_eq!(days(2_000, 3, 1), 11_017);
    }

    /// What is drawn means the same to the engine, whose reading is another one.
    #[test]
    fn each_thing_that_is_asked_for_means_the_same_to_both() {
        let clock = Timestamp::from_millis(1_795_000_000_500);
        let day = Span::from_seconds(DAY_S);
        let (mut odd, mut texts) = (0, 0);
        for number in 0..3_000 {
            let mut random = Stream::new(number, "test", 0, 0);
            for text in drawn(&mut random, clock) {
                let outcome = Outcome {
                    retry_after: Some(text.as_str().into()),
                    ..Outcome::without_reply(OutcomeKind::Status(503), Span::ZERO)
                };
                let Verdict::Retry { retry_after } = classify(&outcome, clock) else {
                    panic!("503 is a failure");
                };
                let clamped = |asked: Option<Span>| asked.map(|asked| asked.min(day));
                assert_eq!(
                    clamped(retry_after),
                    clamped(meaning(&text, clock)),
                    "{text}"
                );
                odd += u32::from(is_odd(&text));
                texts += 1;
            }
        }
        assert!(odd * 2 > texts && odd < texts, "{odd} of {texts}");
    }
}
