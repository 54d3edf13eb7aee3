//! Moments, as people say them.

use jiff::{Span, SpanRelativeTo, Timestamp};

/// A time as the server reads it; or so long ago, a day as 24 hours.
pub(in crate::cli) fn moment(text: &str) -> Result<String, String> {
    if text.parse::<Timestamp>().is_ok() {
        return Ok(text.to_owned());
    }
    let wrong =
        || "give a time such as 2026-11-24T16:00:00Z, or how long ago: 90m, 6h or 7d".to_owned();
    let span: Span = text.parse().map_err(|_| wrong())?;
    let ago = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    if ago.is_negative() {
        return Err(wrong());
    }
    let at = Timestamp::now().checked_sub(ago).map_err(|_| wrong())?;
    Ok(at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        assert_eq!(
            moment("2026-11-24T16:00:00Z").as_deref(),
            Ok("2026-11-24T16:00:00Z")
        );
        for (text, seconds) in [("90m", 5_400), ("6h", 21_600), ("7d", 604_800)] {
            let at: Timestamp = moment(text).expect(text).parse().expect("a time");
            let ago = Timestamp::now().duration_since(at).as_secs();
            assert!((seconds..seconds + 60).contains(&ago), "{text}: {ago}");
        }
        for wrong in ["", "yesterday", "-1h", "6", "2026-11-24"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
