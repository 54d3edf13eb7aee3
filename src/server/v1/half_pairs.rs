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
    use super::*;

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
