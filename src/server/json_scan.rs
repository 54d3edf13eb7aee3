//! What is asked of JSON text before anything parses it.

/// How deep brackets nest outside of strings. Of text that is not JSON it says nothing much, which
/// does no harm: that is refused anyway.
pub(super) fn depth(text: &str) -> usize {
    let mut depth: usize = 0;
    let mut deepest = 0;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nesting_counts_brackets_outside_of_strings_only() {
        assert_eq!(depth(r#"{"a":["[[[[\"[["],"b":{}}"#), 2);
        assert_eq!(depth(&"[".repeat(200_000)), 200_000);
        assert_eq!(depth("1"), 0);
    }
}
