//! Finds what is valid by JSON's grammar but is no text: half of a surrogate pair.

/// Where a `\u` escape that is half of a pair begins, if there is one; `json` is valid JSON.
///
/// Many receivers can't read such a text at all, so it is refused here rather than by them.
pub(super) fn half_pair(json: &str) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut at = 0;
    // Backslashes stand only inside of strings.
    while let Some(next) = bytes.get(at..)?.iter().position(|byte| *byte == b'\\') {
        at += next;
        match unit(bytes, at) {
            Some(0xD800..=0xDBFF) => match unit(bytes, at + 6) {
                Some(0xDC00..=0xDFFF) => at += 12,
                _ => return Some(at),
            },
            Some(0xDC00..=0xDFFF) => return Some(at),
            Some(_) => at += 6,
            None => at += 2,
        }
    }
    None
}

/// The code unit of the `\u` escape at `at`, if there is one.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    let digits = core::str::from_utf8(escape.strip_prefix(b"\\u")?).ok()?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, value::RawValue};

    use super::*;

    /// A part of a text: plain, escaped, or some code unit as an escape.
    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            2 => "[a-z\u{e9}\u{1F980}]{1,3}",
            2 => prop::sample::select(vec!["\\\"", "\\\\", "\\/", "\\n", "u", "d800"]).prop_map(str::to_owned),
            3 => (0xD7FE_u16..=0xE001).prop_map(|unit| format!("\\u{unit:04x}")),
            2 => (0xD800_u16..=0xDBFF, 0xDC00_u16..=0xDFFF)
                .prop_map(|(high, low)| format!("\\u{high:04X}\\u{low:04x}")),
            1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Another reader takes a text by the grammar, and refuses to make one of it, exactly where
        /// half of a pair is found.
        #[test]
        fn half_a_pair_is_found_exactly_where_another_reader_can_t_make_a_text(
            parts in prop::collection::vec(part(), 0..6),
        ) {
            let text = format!(r#"{{"{}":["x","{0}"]}}"#, parts.concat());
            prop_assert!(serde_json::from_str::<&RawValue>(&text).is_ok(), "{}", text);
            let is_text = serde_json::from_str::<Value>(&text).is_ok();
            prop_assert_eq!(half_pair(&text).is_none(), is_text, "{}", text);
        }
    }

    #[test]
    fn only_half_a_pair_is_found_and_at_its_place() {
        for (json, expected) in [
            (r#""plain \" \\ \/ é \u00e9 \u0000""#, None),
            (r#""\ud83d\ude00""#, None),
            (r#""\\ud800""#, None),
            (r#""\ud800""#, Some(1)),
            (r#""a\udc00""#, Some(2)),
            (r#""\ud83d\ud83d\ude00""#, Some(1)),
            (r#""\ud83d\n""#, Some(1)),
            (r#""\ud83dude00""#, Some(1)),
            (r#"{"a":"\ud83d\ude00","\uDFFF":1}"#, Some(21)),
            ("{}", None),
        ] {
            assert_eq!(half_pair(json), expected, "{json}");
        }
    }
}
