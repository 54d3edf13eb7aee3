//! Wall times as people write and read them: RFC 3339.

use crate::time::Timestamp;

/// A moment as text, in UTC and with microseconds, so that it can be given back as a bound.
pub(super) fn shown(wall: Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(wall.as_micros()).unwrap_or_default();
    format!("{time:.6}")
}

/// A moment that a caller wrote; it may lie between two microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WallTime {
    /// The last microsecond that is not after it.
    pub(super) floor: Timestamp,
    /// The first microsecond that is not before it.
    pub(super) ceiling: Timestamp,
}

impl WallTime {
    /// Reads a date and time with a zone; `None` for anything else, a leap second included.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !has_shape(text.as_bytes()) {
            return None;
        }
        let time: jiff::Timestamp = text.parse().ok()?;
        let nanos = time.as_nanosecond();
        let floor = i64::try_from(nanos.div_euclid(1_000)).ok()?;
        let is_between = nanos.rem_euclid(1_000) != 0;
        Some(Self {
            floor: Timestamp::from_micros(floor),
            ceiling: Timestamp::from_micros(floor + i64::from(is_between)),
        })
    }
}

/// Whether a text has RFC 3339's shape; parsers also take much that only resembles it.
fn has_shape(text: &[u8]) -> bool {
    let Some((start, rest)) = text.split_at_checked("2026-11-24T16:00:00".len()) else {
        return false;
    };
    let pattern = b"dddd-dd-ddTdd:dd:dd";
    let fits = start.iter().zip(pattern).all(|(byte, sign)| match sign {
        b'd' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(sign),
    });
    let zone = match rest.strip_prefix(b".") {
        None => Some(rest),
        Some(fraction) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit());
            let count = digits.count();
            (1..=9)
                .contains(&count)
                .then(|| fraction.get(count..).unwrap_or_default())
        }
    };
    let is_leap_second = start.ends_with(b"60");
    fits && !is_leap_second && zone.is_some_and(is_zone)
}

fn is_zone(text: &[u8]) -> bool {
    match text {
        b"Z" | b"z" => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_from_its_text() {
        for micros in [0, 1, 1_764_000_000_123_456, 253_402_207_200_000_000] {
            let time = Timestamp::from_micros(micros);
            let expected = WallTime {
                floor: time,
                ceiling: time,
            };
            assert_eq!(WallTime::parse(&shown(time)), Some(expected));
        }
        let text = shown(Timestamp::from_micros(1_764_000_000_120_000));
        assert_eq!(text, "2025-11-24T16:00:00.120000Z");
    }

    #[test]
    fn a_moment_has_a_zone_and_may_lie_between_two_microseconds() {
        let parsed = |text| WallTime::parse(text).expect(text);
        let zoned = parsed("1970-01-01t02:00:00.0000019+01:30");
        assert_eq!(zoned.floor.as_micros(), 1_800_000_001);
        assert_eq!(zoned.ceiling.as_micros(), 1_800_000_002);
        assert_eq!(parsed("1969-12-31T23:59:59.999999Z").floor.as_micros(), -1);
    }

    #[test]
    fn what_only_resembles_rfc_3339_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T16:00:00",
            "2026-11-24 16:00:00Z",
            "2026-11-24T16:00Z",
            "2026-11-24T16:00:60Z",
            "2026-11-24T24:00:00Z",
            "2026-02-30T16:00:00Z",
            "10000-01-01T00:00:00Z",
            "+010000-01-01T00:00:00Z",
            "2026-11-24T16:00:00.Z",
            "2026-11-24T16:00:00.0000000000Z",
            "2026-11-24T16:00:00+02",
            "2026-11-24T16:00:00 02:00",
            "2026-11-24T16:00:00Z[UTC]",
            "1764000000",
            "-1",
            "zzzz-zz-zzTzz:zz:zzZ",
        ] {
            assert_eq!(WallTime::parse(text), None, "{text}");
        }
    }
}
