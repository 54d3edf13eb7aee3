//! Fields that hold several things: lists of names and objects of pairs.

use std::sync::Arc;

use serde_json::{Map, Value, value::RawValue};

use super::{Fields, is_channel, is_name, is_tag};
use crate::{
    limits,
    server::{
        problem::FaultKind,
        v1::body::{Object, fields_of},
    },
};

impl<'body> Fields<'body> {
    /// A list of different names; `None` if it is absent, empty or wrong.
    pub(in crate::server::v1) fn names(
        &mut self,
        name: &str,
        most: usize,
    ) -> Option<Vec<Arc<str>>> {
        self.list(name, (1, most), |fields, item| fields.name_of(name, item))
    }

    /// A list of different names, which may be empty; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn names_or_none(
        &mut self,
        name: &str,
        most: usize,
    ) -> Option<Vec<Arc<str>>> {
        self.list(name, (0, most), |fields, item| fields.name_of(name, item))
    }

    /// A list of different channels, up to `limits::CHANNELS_MAX`; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn channels(&mut self, name: &str) -> Option<Vec<Arc<str>>> {
        self.list(name, (1, limits::CHANNELS_MAX), |fields, item| {
            fields.channel_of(name, item)
        })
    }

    /// A channel; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn channel(&mut self, name: &str) -> Option<Arc<str>> {
        let value = self.take_given(name)?;
        self.channel_of(name, value)
    }

    fn channel_of(&mut self, name: &str, value: &RawValue) -> Option<Arc<str>> {
        let text = self.text_of(name, value)?;
        if is_channel(&text) {
            return Some(text.into());
        }
        let most = limits::NAME_BYTES_MAX;
        let rule = format!("must have 1 to {most} of the characters a-z A-Z 0-9 . _ - : +");
        self.wrong(name, FaultKind::Value, &rule);
        None
    }

    /// The name of a session; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn session(&mut self, name: &str) -> Option<Arc<str>> {
        let value = self.take_given(name)?;
        self.session_of(name, value)
    }

    /// A list of different names of sessions; none if it is absent or wrong.
    pub(in crate::server::v1) fn sessions(&mut self, name: &str, most: usize) -> Vec<Arc<str>> {
        let sessions = self.list(name, (0, most), |fields, item| {
            fields.session_of(name, item)
        });
        sessions.unwrap_or_default()
    }

    fn session_of(&mut self, name: &str, value: &RawValue) -> Option<Arc<str>> {
        let text = self.text_of(name, value)?;
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"@_-".contains(&byte);
        let most = limits::SESSION_BYTES_MAX;
        if (1..=most).contains(&text.len()) && text.bytes().all(is_fit) {
            return Some(text.into());
        }
        let rule = format!("must have 1 to {most} of the characters a-z A-Z 0-9 @ _ -");
        self.wrong(name, FaultKind::Value, &rule);
        None
    }

    /// A list of different tags; none if it is absent or wrong.
    pub(in crate::server::v1) fn tags(&mut self, name: &str) -> Vec<Arc<str>> {
        let tags = self.list(name, (0, limits::TAGS_MAX), |fields, item| {
            fields.tag_of(name, item, "must hold tags")
        });
        tags.unwrap_or_default()
    }

    /// A tag; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn tag(&mut self, name: &str) -> Option<Arc<str>> {
        let value = self.take_given(name)?;
        self.tag_of(name, value, "must be a tag")
    }

    /// The tag that a value is; if it is none it is noted what must be there.
    fn tag_of(&mut self, name: &str, value: &RawValue, must: &str) -> Option<Arc<str>> {
        let text = self.text_of(name, value)?;
        if is_tag(&text) {
            return Some(text.into());
        }
        let most = limits::TAG_BYTES_MAX;
        let rule = format!("{must} of 1 to {most} of the characters a-z A-Z 0-9 . _ - / \\ #");
        self.wrong(name, FaultKind::Value, &rule);
        None
    }

    /// A list of different names in which `*` may stand for any characters; else as `names`.
    pub(in crate::server::v1) fn patterns(
        &mut self,
        name: &str,
        most: usize,
    ) -> Option<Vec<Arc<str>>> {
        self.list(name, (1, most), |fields, item| {
            let text = fields.text_of(name, item)?;
            if text == "*" || is_name(&text.replace('*', "x")) {
                return Some(text.into());
            }
            let most = limits::NAME_BYTES_MAX;
            let rule =
                format!("must hold names of 1 to {most} of the characters a-z A-Z 0-9 . _ - *");
            fields.wrong(name, FaultKind::Value, &rule);
            None
        })
    }

    fn list(
        &mut self,
        name: &str,
        (least, most): (usize, usize),
        mut read: impl FnMut(&mut Self, &RawValue) -> Option<Arc<str>>,
    ) -> Option<Vec<Arc<str>>> {
        let value = self.take_given(name)?;
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(value.get()) else {
            self.wrong(name, FaultKind::Type, "must be a list");
            return None;
        };
        if !(least..=most).contains(&items.len()) {
            let rule = format!("must be null or hold {least} to {most} texts");
            self.wrong(name, FaultKind::Value, &rule);
            return None;
        }
        if items.iter().any(|item| !item.get().starts_with('"')) {
            self.wrong(name, FaultKind::Type, "must hold texts");
            return None;
        }
        let names: Option<Vec<Arc<str>>> = items.into_iter().map(|item| read(self, item)).collect();
        let names = names?;
        let mut sorted = names.clone();
        sorted.sort_unstable();
        if !sorted.is_sorted_by(|one, next| one < next) {
            self.wrong(name, FaultKind::Value, "must not hold a name twice");
            return None;
        }
        Some(names)
    }

    /// The pairs of an object, `most` at most, none twice; `None` if it is absent or wrong.
    pub(in crate::server::v1) fn pairs(
        &mut self,
        name: &str,
        most: usize,
    ) -> Option<Object<'body>> {
        let value = self.take_given(name)?;
        if !value.get().starts_with('{') {
            self.wrong(name, FaultKind::Type, "must be an object");
            return None;
        }
        let text = core::str::from_utf8(self.body).unwrap_or_default();
        let pairs = match fields_of(text, value) {
            Ok(pairs) => pairs,
            Err(problem) => {
                self.malformed.get_or_insert(problem);
                return None;
            }
        };
        if pairs.len() > most {
            let rule = format!("must have at most {most} pairs");
            self.wrong(name, FaultKind::Value, &rule);
            return None;
        }
        Some(pairs)
    }

    /// Pairs of texts; none if absent.
    pub(in crate::server::v1) fn metadata(&mut self, name: &str) -> Map<String, Value> {
        let mut metadata = Map::new();
        let pairs = self.pairs(name, limits::METADATA_PAIRS_MAX);
        for (key, value) in pairs.unwrap_or_default() {
            if let Some(text) = self.metadata_value(name, &key, value) {
                metadata.insert(key, text.into());
            }
        }
        metadata
    }

    fn metadata_value(&mut self, name: &str, key: &str, value: &RawValue) -> Option<String> {
        let (key_most, most) = (
            limits::METADATA_KEY_BYTES_MAX,
            limits::METADATA_VALUE_BYTES_MAX,
        );
        let (kind, rule) = if key.is_empty() || key.len() > key_most || key.contains('\0') {
            let rule = format!("must have keys of 1 to {key_most} bytes without NUL");
            (FaultKind::Value, rule)
        } else if value.get().starts_with('"') {
            let text = self.text_of(name, value)?;
            if text.len() <= most && !text.contains('\0') {
                return Some(text);
            }
            let rule = format!("must have values of at most {most} bytes without NUL");
            (FaultKind::Value, rule)
        } else {
            (FaultKind::Type, "must have texts as values".to_owned())
        };
        let message = format!("`{name}` {rule}");
        self.note(&[name, key], kind, message);
        None
    }
}
