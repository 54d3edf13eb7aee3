//! Secrets as people pass them on: `whsec_` and the base64 of the bytes (Standard Webhooks).

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::domain::secret::{Secret, SecretError};

/// Why a text is no secret; the fault of who wrote it. The text itself is never repeated.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SecretTextError {
    /// It does not begin with `whsec_`.
    #[error("a signing secret begins with `whsec_`")]
    Prefix,
    /// What follows is no base64.
    #[error("after `whsec_` a signing secret is base64, with padding")]
    Encoding,
    /// The bytes are too few or too many.
    #[error(transparent)]
    Bytes(#[from] SecretError),
}

/// The text of a secret. Handle it as the secret itself.
#[must_use]
pub fn encode_secret(secret: &Secret) -> String {
    let mut text = String::from(PREFIX);
    BASE64_STANDARD.encode_string(secret.expose(), &mut text);
    text
}

/// Reads the text of a secret.
///
/// # Errors
/// [`SecretTextError`]
pub fn decode_secret(text: &str) -> Result<Secret, SecretTextError> {
    let encoded = text.strip_prefix(PREFIX).ok_or(SecretTextError::Prefix)?;
    let bytes = BASE64_STANDARD
        .decode(encoded)
        .map_err(|_| SecretTextError::Encoding)?;
    Ok(Secret::new(bytes)?)
}

const PREFIX: &str = "whsec_";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_secret_reads_back_from_its_text(bytes in prop::collection::vec(any::<u8>(), 24..=64)) {
            let secret = Secret::new(bytes).expect("valid");
            prop_assert_eq!(decode_secret(&encode_secret(&secret)), Ok(secret));
        }
    }

    #[test]
    fn what_is_no_secret_says_why_and_does_not_repeat_it() {
        for (text, expected) in [
            ("", SecretTextError::Prefix),
            ("whpk_AAAA", SecretTextError::Prefix),
            ("whsec_not base64", SecretTextError::Encoding),
            (
                "whsec_AAAA",
                SecretTextError::Bytes(SecretError::Length { length: 3 }),
            ),
        ] {
            let error = decode_secret(text).expect_err(text);
            assert_eq!(error, expected);
            assert!(text.len() < 7 || !error.to_string().contains(&text[6..]));
        }
    }
}
