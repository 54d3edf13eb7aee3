//! What the body of the test route must look like, in the original server's words.

use serde_json::Value;

use super::registration::NOT_AN_OBJECT;

/// Everything that is wrong with a body of the test route; nothing if it is good.
///
/// `payload` is a list of texts and objects with a text `valid`, neither text empty; at least one
/// item is a text. Fields nobody asked for pass.
pub(super) fn complaints(value: &Value) -> Vec<String> {
    let Value::Object(fields) = value else {
        return vec![NOT_AN_OBJECT.into()];
    };
    let items = match fields.get("payload") {
        None => return vec![r#""payload" is required"#.into()],
        Some(Value::Array(items)) => items,
        Some(_) => return vec![r#""payload" must be an array"#.into()],
    };
    let mut found: Vec<String> = items
        .iter()
        .enumerate()
        .filter(|(_, item)| !is_text(item) && !is_text(item.get("valid").unwrap_or(&Value::Null)))
        .map(|(at, _)| format!(r#""payload[{at}]" does not match any of the allowed types"#))
        .collect();
    if !items.iter().any(is_text) {
        found.push(r#""payload" does not contain 1 required value(s)"#.into());
    }
    found
}

/// Whether a value is a text that says something.
fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_item_that_fits_nothing_is_named_before_what_is_missing() {
        let body = json!({ "payload": [3, { "valid": "x" }, null, ["a"], { "valid": "" }] });
        let wrong = |at| format!(r#""payload[{at}]" does not match any of the allowed types"#);
        let missing = r#""payload" does not contain 1 required value(s)"#.to_owned();
        assert_eq!(
            complaints(&body),
            [wrong(0), wrong(2), wrong(3), wrong(4), missing]
        );
    }
}
