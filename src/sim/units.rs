//! Times, shares and rates as people write them, exact in both directions: what is written as text
//! reads as the same number, and what is no whole number of the smallest part is refused.

use super::network::WHOLE;
use crate::time::Span;

/// The units of a time and how many microseconds each is, the largest first.
const UNITS: [(&str, i64); 6] = [
    ("d", 86_400_000_000),
    ("h", 3_600_000_000),
    ("m", 60_000_000),
    ("s", 1_000_000),
    ("ms", 1_000),
    ("us", 1),
];

/// What a time must look like.
pub const SPAN_FORM: &str =
    "a time is a number with its unit, as \"250ms\" or \"1h30m\"; units are us, ms, s, m, h and d";
/// What a share must look like.
pub const SHARE_FORM: &str = "a share is written in per cent, from \"0%\" to \"100%\" with two decimals at most, as \"0.5%\"";
/// What a rate must look like.
pub const RATE_FORM: &str = "a rate is a whole number of events and a unit of time, as \"500/s\" or \"20/m\"; units are s, m, h and d";

/// Reads a time: numbers with units, as `1h30m`; a minus sign before all of it.
#[must_use]
pub fn span(text: &str) -> Option<Span> {
    let (rest, sign) = match text.strip_prefix('-') {
        Some(rest) => (rest, -1),
        None => (text, 1),
    };
    let mut rest = rest;
    let mut micros = 0_i64;
    while !rest.is_empty() {
        let (number, after) = digits(rest)?;
        let length = after
            .bytes()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (unit, after) = after.split_at_checked(length)?;
        let (_, of_unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let part = i64::try_from(number).ok()?.checked_mul(*of_unit)?;
        micros = micros.checked_add(part)?;
        rest = after.trim_start();
    }
    (!text.is_empty() && text != "-").then(|| Span::from_micros(micros * sign))
}

/// Writes a time so that [`span`] reads the same.
#[must_use]
pub fn shown_span(span: Span) -> String {
    let micros = span.as_micros();
    let whole = |(_, of_unit): &&(&str, i64)| micros != 0 && micros % of_unit == 0;
    match UNITS.iter().find(whole) {
        Some((unit, of_unit)) => format!("{}{unit}", micros / of_unit),
        None => "0s".to_owned(),
    }
}

/// A time for people: `3 d 05:06:07`, `00:01:01`, `5.250 s`, `12.5 ms` or `0`.
#[must_use]
pub fn readable_span(span: Span) -> String {
    let micros = span.as_micros().max(0);
    let (millis, seconds) = (micros / 1_000, micros / 1_000_000);
    match (millis, seconds) {
        (0..10, _) => format!("{}.{} ms", millis, micros / 100 % 10),
        (_, 0) => format!("{millis} ms"),
        (_, 1..60) => format!("{seconds}.{:03} s", millis % 1_000),
        _ => {
            let (days, rest) = (seconds / 86_400, seconds % 86_400);
            let (hours, minutes, seconds) = (rest / 3_600, rest / 60 % 60, rest % 60);
            let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
            match days {
                0 => clock,
                _ => format!("{days} d {clock}"),
            }
        }
    }
}

/// A number for people: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut result = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            result.push(',');
        }
        result.push(digit);
    }
    result
}

/// Reads a share, in parts of ten thousand.
#[must_use]
pub fn share(text: &str) -> Option<u32> {
    let number = text.strip_suffix('%')?.trim_end();
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let (whole, rest) = digits(whole)?;
    let (part, rest_of_part) = digits(decimals)?;
    let part = match decimals.len() {
        1 => part.checked_mul(10)?,
        2 => part,
        _ => return None,
    };
    let share = u32::try_from(whole.checked_mul(100)?.checked_add(part)?).ok()?;
    (rest.is_empty() && rest_of_part.is_empty() && share <= WHOLE).then_some(share)
}

/// Writes a share so that [`share`] reads the same.
#[must_use]
pub fn shown_share(share: u32) -> String {
    let (whole, part) = (share / 100, share % 100);
    match part {
        0 => format!("{whole}%"),
        part if part % 10 == 0 => format!("{whole}.{}%", part / 10),
        part => format!("{whole}.{part:02}%"),
    }
}

/// Reads a rate: events, and in which time.
#[must_use]
pub fn rate(text: &str) -> Option<(u64, Span)> {
    let (number, unit) = text.split_once('/')?;
    let (events, rest) = digits(number.trim())?;
    if !rest.is_empty() {
        return None;
    }
    let unit = unit.trim();
    let is_bare = ["s", "m", "h", "d"].contains(&unit);
    let per = if is_bare {
        span(&format!("1{unit}"))
    } else {
        span(unit)
    }?;
    (per > Span::ZERO).then_some((events, per))
}

/// Writes a rate so that [`rate`] reads the same.
#[must_use]
pub fn shown_rate(events: u64, per: Span) -> String {
    let per = shown_span(per);
    let bare = ["1s", "1m", "1h", "1d"].contains(&per.as_str());
    let per = per.strip_prefix('1').filter(|_| bare).unwrap_or(&per);
    format!("{events}/{per}")
}

/// The number at the beginning of a text, `_` between its digits left out, and what follows it.
pub(super) fn digits(text: &str) -> Option<(u64, &str)> {
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || *byte == b'_';
    let length = text.bytes().take_while(|byte| is_of_number(byte)).count();
    let (number, rest) = text.split_at_checked(length)?;
    let begins_well = number
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit());
    let number = number.replace('_', "").parse().ok()?;
    begins_well.then_some((number, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, micros) in [
            ("0s", 0),
            ("7us", 7),
            ("250ms", 250_000),
            ("1h30m", 5_400_000_000),
            ("1d 2h", 93_600_000_000),
            ("-2h", -7_200_000_000),
            ("1_000ms", 1_000_000),
        ] {
            assert_eq!(span(text), Some(Span::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            "-",
            "30",
            "s",
            "1.5h",
            "1 h",
            "1w",
            "1hour",
            "9223372036854775807d",
            "1h30",
            "_1s",
            "1é",
        ] {
            assert_eq!(span(text), None, "{text}");
        }
    }

    #[test]
    fn a_share_is_exact() {
        for (text, parts) in [("0%", 0), ("0.5%", 50), ("12.34%", 1_234), ("100%", WHOLE)] {
            assert_eq!(share(text), Some(parts), "{text}");
        }
        for text in [
            "5", "0.005%", "100.01%", "-1%", "%", "a%", "1.%", "1.a%", "0.1",
        ] {
            assert_eq!(share(text), None, "{text}");
        }
    }

    #[test]
    fn a_rate_is_events_in_a_time() {
        let second = Span::from_seconds(1);
        assert_eq!(rate("500/s"), Some((500, second)));
        assert_eq!(rate("0/s"), Some((0, second)));
        assert_eq!(rate("1 / 250ms"), Some((1, Span::from_millis(250))));
        for text in ["500", "500/", "/s", "1.5/s", "5/0s", "5/-1s", "5/x"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            micros in -4_000_000_000_000_000_i64..4_000_000_000_000_000,
            scale in prop::sample::select(&[1_i64, 1_000, 1_000_000, 60_000_000][..]),
            parts in 0..=WHOLE,
            events: u64,
        ) {
            let time = Span::from_micros(micros / scale * scale);
            prop_assert_eq!(span(&shown_span(time)), Some(time));
            prop_assert_eq!(share(&shown_share(parts)), Some(parts));
            let per = Span::from_micros(time.as_micros().abs().max(1));
            prop_assert_eq!(rate(&shown_rate(events, per)), Some((events, per)));
        }
    }
}
