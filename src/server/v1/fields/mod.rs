//! Takes the fields of a body one after another and notes what is wrong with each.

mod collections;
mod numbers;
mod ordering;

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use super::{
    body::{self, Object, invalid, offset_of},
    faults::{Faults, shown},
    half_pairs::half_pair,
    wall_time::WallTime,
};
use crate::{
    limits,
    server::problem::{FaultKind, Problem},
};

/// The fields of a body that nobody has asked for yet.
#[derive(Debug)]
pub(super) struct Fields<'body> {
    body: &'body Bytes,
    left: Object<'body>,
    /// What is wrong so far.
    pub(super) faults: Faults,
    /// Why the body can't be understood after all.
    malformed: Option<Problem>,
    /// The field of the body that they are inside of, if they are not its own.
    within: Option<&'static str>,
    /// Whether they change something that is there.
    is_change: bool,
}

impl<'body> Fields<'body> {
    /// The fields of a body; what is wrong with the query already stands in `faults`.
    ///
    /// # Errors
    /// A [`Problem`] if it is no object of fields; the client's fault.
    pub(super) fn of(body: &'body Bytes, faults: Faults) -> Result<Self, Problem> {
        let (left, faults) = body::object(body, faults)?;
        Ok(Self {
            body,
            left,
            faults,
            malformed: None,
            within: None,
            is_change: false,
        })
    }

    /// The fields of an object that a field may be; notes it if that is something else. What is wrong
    /// with them is told by [`Self::take_in`].
    pub(super) fn inside(&mut self, name: &'static str) -> Option<Self> {
        let value = self.take_given(name)?;
        if !value.get().starts_with('{') {
            self.wrong(name, FaultKind::Type, "must be an object");
            return None;
        }
        let text = core::str::from_utf8(self.body).unwrap_or_default();
        match body::fields_of(text, value) {
            Ok(left) => Some(Self {
                body: self.body,
                left,
                faults: Faults::default(),
                malformed: None,
                within: Some(name),
                is_change: self.is_change,
            }),
            Err(problem) => {
                self.malformed.get_or_insert(problem);
                None
            }
        }
    }

    /// Takes in what is wrong with fields that are inside of these, once they were all asked for.
    pub(super) fn take_in(&mut self, mut inner: Self) {
        inner.note_unknown();
        self.faults.append(inner.faults);
        if let Some(problem) = inner.malformed {
            self.malformed.get_or_insert(problem);
        }
    }

    /// The fields of a body that changes something: what it leaves out is as `base` has it, which is
    /// an object of fields that were read before. A field of `base` that the body names by its older
    /// name is left out, too; `older` has pairs of the name and the older one.
    ///
    /// # Errors
    /// A [`Problem`] if it is no object of fields; the client's fault.
    pub(super) fn over(
        body: &'body Bytes,
        base: &'body Bytes,
        older: &[(&str, &str)],
    ) -> Result<Self, Problem> {
        let mut fields = Self::of(body, Faults::default())?;
        fields.is_change = true;
        let (base, _) = body::object(base, Faults::default())?;
        for (name, value) in base {
            let is_named = |(given, _): &(String, _)| {
                *given == name || older.contains(&(name.as_str(), given.as_str()))
            };
            if !fields.left.iter().any(is_named) {
                fields.left.push((name, value));
            }
        }
        Ok(fields)
    }

    /// Tells all that is wrong; a field that is still left is one that nobody knows.
    ///
    /// # Errors
    /// A [`Problem`] if anything is wrong; the client's fault.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        if let Some(problem) = self.malformed {
            return Err(problem);
        }
        self.note_unknown();
        self.faults.into_result()
    }

    /// Notes each field that is still left.
    fn note_unknown(&mut self) {
        for (name, _) in core::mem::take(&mut self.left) {
            let message = format!("there is no field `{}`", shown(&name));
            self.note(&[&name], FaultKind::Unknown, message);
        }
    }

    /// Notes a fault of a field, or of what `loc` leads to inside of it.
    fn note(&mut self, loc: &[&str], kind: FaultKind, message: impl Into<String>) {
        let within: Vec<&str> = core::iter::once("body").chain(self.within).collect();
        self.faults.add(&[&within, loc].concat(), kind, message);
    }

    /// Takes a field; `None` if it is absent.
    fn take(&mut self, name: &str) -> Option<&'body RawValue> {
        let at = self.left.iter().position(|(given, _)| given == name)?;
        Some(self.left.swap_remove(at).1)
    }

    /// Takes a field that may be absent or null, which are the same.
    fn take_given(&mut self, name: &str) -> Option<&'body RawValue> {
        self.take(name).filter(|value| value.get() != "null")
    }

    /// Takes a field that must be there; notes it if it isn't.
    fn take_required(&mut self, name: &str) -> Option<&'body RawValue> {
        let value = self.take(name);
        if value.is_none() {
            let message = format!("`{name}` is required");
            self.note(&[name], FaultKind::Missing, message);
        }
        value
    }

    fn wrong(&mut self, name: &str, kind: FaultKind, rule: &str) {
        let message = format!("`{name}` {rule}");
        self.note(&[name], kind, message);
    }

    /// The text that a value is; notes it if it is another type.
    pub(super) fn text_of(&mut self, name: &str, value: &RawValue) -> Option<String> {
        if !value.get().starts_with('"') {
            self.wrong(name, FaultKind::Type, "must be a text");
            return None;
        }
        // Only half of a surrogate pair is valid by the grammar and still no text.
        let read = serde_json::from_str(value.get());
        if read.is_err() {
            self.note_half_pair(value);
        }
        read.ok()
    }

    fn note_half_pair(&mut self, value: &RawValue) {
        let text = core::str::from_utf8(self.body).unwrap_or_default();
        let inside = half_pair(value.get()).unwrap_or_default();
        let at = offset_of(text, value.get()) + inside;
        let message = format!("half of a surrogate pair is no text: see byte {at}, counted from 0");
        self.malformed.get_or_insert_with(|| invalid(message));
    }

    /// A text for people: from `least` to `limits::TEXT_BYTES_MAX` bytes, without NUL.
    fn plain_text(&mut self, name: &str, value: &RawValue, least: usize) -> Option<String> {
        let text = self.text_of(name, value)?;
        let most = limits::TEXT_BYTES_MAX;
        if text.len() < least {
            self.wrong(name, FaultKind::Value, "must not be empty");
        } else if text.len() > most {
            let rule = format!("must have at most {most} bytes");
            self.wrong(name, FaultKind::Value, &rule);
        } else if text.contains('\0') {
            self.wrong(name, FaultKind::Value, "must not hold a NUL character");
        } else {
            return Some(text);
        }
        None
    }

    /// A text that must be there and say something.
    pub(super) fn required_text(&mut self, name: &str) -> Option<String> {
        let value = self.take_required(name)?;
        self.plain_text(name, value, 1)
    }

    /// A text that may be absent, which is the empty one.
    pub(super) fn text_or_empty(&mut self, name: &str) -> Option<String> {
        match self.take_given(name) {
            Some(value) => self.plain_text(name, value, 0),
            None => Some(String::new()),
        }
    }

    /// A text that must be there and may be empty.
    pub(super) fn required_plain_text(&mut self, name: &str) -> Option<String> {
        let value = self.take_required(name)?;
        self.plain_text(name, value, 0)
    }

    /// A text that may be absent.
    pub(super) fn plain_or_null(&mut self, name: &str) -> Option<String> {
        let value = self.take_given(name)?;
        self.plain_text(name, value, 0)
    }

    /// An object that may be absent; what is in it is kept as it came.
    pub(super) fn object_or_null(&mut self, name: &str) -> Option<Value> {
        let value = self.take_given(name)?;
        if !value.get().starts_with('{') {
            self.wrong(name, FaultKind::Type, "must be an object");
            return None;
        }
        let read = serde_json::from_str(value.get());
        if read.is_err() {
            self.note_half_pair(value);
        }
        read.ok()
    }

    /// A text that must be there and is judged by the caller.
    pub(super) fn required_raw_text(&mut self, name: &str) -> Option<String> {
        let value = self.take_required(name)?;
        self.text_of(name, value)
    }

    /// A text that may be absent and is judged by the caller.
    pub(super) fn raw_text(&mut self, name: &str) -> Option<String> {
        let value = self.take_given(name)?;
        self.text_of(name, value)
    }

    /// A name that its owner chooses, if one is given: it may not look like an id of its kind.
    pub(super) fn uid(&mut self, name: &str, prefix: &str) -> Option<Arc<str>> {
        let value = self.take_given(name)?;
        let text = self.name_of(name, value)?;
        if text.starts_with(prefix) {
            let rule = format!("must not begin with `{prefix}`, as ids do");
            self.wrong(name, FaultKind::Value, &rule);
            return None;
        }
        if matches!(&*text, "." | "..") {
            self.wrong(name, FaultKind::Value, "must not be `.` or `..`");
            return None;
        }
        Some(text)
    }

    /// A moment that must be there.
    pub(super) fn required_moment(&mut self, name: &str) -> Option<WallTime> {
        let value = self.take_required(name)?;
        self.moment_of(name, value)
    }

    /// A moment that may be absent.
    pub(super) fn moment(&mut self, name: &str) -> Option<WallTime> {
        let value = self.take_given(name)?;
        self.moment_of(name, value)
    }

    fn moment_of(&mut self, name: &str, value: &RawValue) -> Option<WallTime> {
        let text = self.text_of(name, value)?;
        let read = WallTime::parse(&text);
        if read.is_none() {
            let rule = "must be a time as RFC 3339 has it, such as 2026-11-24T16:00:00Z";
            self.wrong(name, FaultKind::Value, rule);
        }
        read
    }

    /// A name that must be there.
    pub(super) fn required_name(&mut self, name: &str) -> Option<Arc<str>> {
        let value = self.take_required(name)?;
        self.name_of(name, value)
    }

    /// The name that a value is.
    fn name_of(&mut self, name: &str, value: &RawValue) -> Option<Arc<str>> {
        let text = self.text_of(name, value)?;
        if is_name(&text) {
            return Some(text.into());
        }
        let most = limits::NAME_BYTES_MAX;
        let rule = format!("must have 1 to {most} of the characters a-z A-Z 0-9 . _ -");
        self.wrong(name, FaultKind::Value, &rule);
        None
    }

    /// The exact bytes of a field that must be there and be an object.
    pub(super) fn required_object(&mut self, name: &str) -> Option<Bytes> {
        let value = self.take_required(name)?;
        if !value.get().starts_with('{') {
            self.wrong(name, FaultKind::Type, "must be a JSON object");
            return None;
        }
        if half_pair(value.get()).is_some() {
            let rule = "must not hold half of a surrogate pair";
            self.wrong(name, FaultKind::Value, rule);
            return None;
        }
        Some(self.body.slice_ref(value.get().as_bytes()))
    }

    /// A field that is yes or no; no if it is absent.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.take_given(name).map(RawValue::get) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.wrong(name, FaultKind::Type, "must be true or false");
                false
            }
        }
    }
}

/// Whether a text has 1 to `limits::TAG_BYTES_MAX` of the characters that tags are made of.
pub(super) fn is_tag(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./\\#".contains(&byte);
    (1..=limits::TAG_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit)
}

/// Whether a text has 1 to `limits::NAME_BYTES_MAX` of the characters that channels are made of.
pub(super) fn is_channel(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:+".contains(&byte);
    (1..=limits::NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit)
}

/// Whether a text has 1 to `limits::NAME_BYTES_MAX` of the characters that names are made of.
pub(super) fn is_name(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=limits::NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_fit)
}
