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
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Any JSON, of few levels.
    pub(in crate::server) fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[\\[\\]{}\"\\\\a\u{e9}]{0,6}".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[\\[{\"\\\\b]{0,4}", inner), 0..4)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    /// The levels of a value that was read by another reader.
    fn levels(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
            Value::Object(pairs) => 1 + pairs.values().map(levels).max().unwrap_or(0),
            _ => 0,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_levels_are_those_that_another_reader_finds(value in json(), pretty in any::<bool>()) {
            let text = if pretty {
                serde_json::to_string_pretty(&value)
            } else {
                serde_json::to_string(&value)
            };
            prop_assert_eq!(depth(&text.expect("it is written")), levels(&value));
        }

        #[test]
        fn no_text_at_all_stops_the_scan(text in any::<String>()) {
            prop_assert!(depth(&text) <= text.len());
        }
    }

    #[test]
    fn nesting_counts_brackets_outside_of_strings_only() {
        assert_eq!(depth(r#"{"a":["[[[[\"[["],"b":{}}"#), 2);
        assert_eq!(depth(&"[".repeat(200_000)), 200_000);
        assert_eq!(depth("1"), 0);
    }
}
