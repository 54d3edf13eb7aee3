//! Keeps what an endpoint's owner put into header fields out of the replies that are kept: a receiver may
//! send back what it got, and others than the owner read replies.

use http::{HeaderName, HeaderValue};

use crate::limits;

/// What stands in place of each byte.
const MASK: u8 = b'*';

/// Masks the values of these fields wherever they stand, also where the end of what is kept cuts one. Values
/// of less than [`limits::MASKED_BYTES_MIN`] bytes are no secrets and stand in many a text.
pub(super) fn mask(body: &mut [u8], fields: &[(HeaderName, HeaderValue)]) {
    for (_, value) in fields {
        let value = value.as_bytes();
        if value.len() >= limits::MASKED_BYTES_MIN {
            mask_value(body, value);
        }
    }
}

fn mask_value(body: &mut [u8], value: &[u8]) {
    let mut from = 0;
    while let Some(place) = place_of(value, body.get(from..).unwrap_or_default()) {
        let end = from + place + value.len();
        if let Some(found) = body.get_mut(from + place..end) {
            found.fill(MASK);
        }
        from = end;
    }
    let longest = value.len().min(body.len());
    let cut = (limits::MASKED_BYTES_MIN..=longest).rev();
    let mut cut = cut.filter(|length| body.ends_with(value.get(..*length).unwrap_or_default()));
    if let Some(length) = cut.next() {
        let start = body.len() - length;
        body.get_mut(start..).unwrap_or_default().fill(MASK);
    }
}

/// Where a value begins in a text.
fn place_of(value: &[u8], text: &[u8]) -> Option<usize> {
    let first = value.first()?;
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let place = from + rest.iter().position(|byte| byte == first)?;
        if text.get(place..)?.starts_with(value) {
            return Some(place);
        }
        from = place + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(body: &str, values: &[&'static str]) -> String {
        let fields = values.iter().map(|value| {
            let name = HeaderName::from_static("authorization");
            (name, HeaderValue::from_static(value))
        });
        let fields: Vec<_> = fields.collect();
        let mut body = body.as_bytes().to_vec();
        mask(&mut body, &fields);
        String::from_utf8(body).expect("it was text")
    }

    #[test]
    fn values_are_masked_wherever_they_stand() {
        let values = ["Bearer 12345", "abababab"];
        assert_eq!(masked("got Bearer 12345!", &values), "got ************!");
        assert_eq!(masked("Bearer 12345Bearer 12345", &values), "*".repeat(24));
        assert_eq!(masked("Bearer 1234", &values), "*".repeat(11));
        assert_eq!(masked("xxxBearer 12", &values), "xxx*********");
        assert_eq!(masked("Bearer", &values), "Bearer");
        assert_eq!(masked("abababababab", &values), "********abab");
        assert_eq!(masked("a harmless text", &values), "a harmless text");
        assert_eq!(masked("", &values), "");
    }

    #[test]
    fn short_values_are_no_secrets() {
        assert_eq!(masked("true and 1", &["true", "1"]), "true and 1");
    }
}
