//! The `uid` of an application, as settings name it.

use core::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;
use thiserror::Error;

use crate::limits;

/// A `uid` that an application can have.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ApplicationUid(Arc<str>);

impl ApplicationUid {
    /// Its text.
    #[must_use]
    pub fn text(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl FromStr for ApplicationUid {
    type Err = ApplicationUidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_uid = (1..=limits::NAME_BYTES_MAX).contains(&text.len())
            && text.bytes().all(fits)
            && !text.starts_with("app_");
        if is_uid {
            Ok(Self(text.into()))
        } else {
            Err(ApplicationUidError)
        }
    }
}

impl TryFrom<String> for ApplicationUid {
    type Error = ApplicationUidError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// The text is no `uid`; the fault of who wrote it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it must be the `uid` of an application: letters, digits, `.`, `_` and `-`, at most {} of them, \
     and not an id, which begins with app_",
    limits::NAME_BYTES_MAX
)]
pub struct ApplicationUidError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_application_can_be_called_is_taken() {
        for text in ["operations", "a", "A.b_c-1", &"a".repeat(256)] {
            assert_eq!(&*text.parse::<ApplicationUid>().expect(text).text(), text);
        }
        for text in ["", "a b", "ä", "app_x", &"a".repeat(257)] {
            assert_eq!(
                text.parse::<ApplicationUid>(),
                Err(ApplicationUidError),
                "{text}"
            );
        }
    }
}
