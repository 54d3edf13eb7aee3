//! The master key as an operator writes it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use thiserror::Error;

use crate::domain::master_key::MasterKey;

/// What a text for a master key lacks; the fault of who chose it. The text is never repeated.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum MasterKeyError {
    /// It is neither of the two forms.
    #[error(
        "it must be 32 bytes, as 64 hexadecimal digits or as 44 characters of base64; \
         `openssl rand -hex 32` makes a good one"
    )]
    Form,
    /// All bytes are the same, as in an example or a forgotten placeholder.
    #[error("all its bytes are the same, so anybody guesses it; `openssl rand -hex 32` makes one")]
    Guessable,
}

/// Reads a key of 32 bytes in hexadecimal or in base64 with its padding.
///
/// # Errors
/// [`MasterKeyError`]
pub(super) fn parse(text: &str) -> Result<MasterKey, MasterKeyError> {
    let bytes = match text.len() {
        64 => hexadecimal(text),
        44 => BASE64_STANDARD.decode(text).ok(),
        _ => None,
    };
    let bytes: Option<[u8; 32]> = bytes.and_then(|bytes| bytes.try_into().ok());
    let bytes = bytes.ok_or(MasterKeyError::Form)?;
    let [first, ..] = bytes;
    if bytes.iter().all(|byte| *byte == first) {
        return Err(MasterKeyError::Guessable);
    }
    Ok(MasterKey::new(bytes))
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.chars().map(|digit| digit.to_digit(16));
    let digits = digits.collect::<Option<Vec<u32>>>()?;
    let (pairs, _) = digits.as_chunks::<2>();
    let bytes = pairs
        .iter()
        .map(|[high, low]| u8::try_from(high * 16 + low));
    bytes.collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_in_hexadecimal_or_base64() {
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
        let base64 = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let key = parse(hex).expect("it is one");
        assert_eq!(key, parse(base64).expect("it is one"));
        assert_eq!(key.expose()[..3], [0, 1, 2]);
        for other in [
            "",
            &hex[1..],
            &format!("{hex}00"),
            &format!("{}g0", &hex[2..]),
            &base64[..43],
            &format!(" {}", &base64[..43]),
            &format!("é{}", &hex[2..]),
            "correct horse battery staple correct horse bat",
        ] {
            assert_eq!(parse(other), Err(MasterKeyError::Form), "{other}");
        }
        let zeros = "0".repeat(64);
        assert_eq!(parse(&zeros), Err(MasterKeyError::Guessable));
    }
}
