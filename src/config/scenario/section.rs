//! A table of a scenario file, key by key. Whatever is wrong is noted with its line and what is
//! allowed, and reading goes on, so that all of it is told at once.

use core::{cell::RefCell, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    sim::units::{self, RATE_FORM, SHARE_FORM, SPAN_FORM, shown_span},
    time::Span,
};

/// The longest time that can be said, so that no sum of times overflows.
pub(super) const SPAN_MAX: Span = Span::from_seconds(10 * 366 * 86_400);

/// Something that is wrong with a file; the fault of who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

/// All that is wrong with a text.
pub(super) struct Faults<'text> {
    text: &'text str,
    found: RefCell<Vec<Fault>>,
}

impl<'text> Faults<'text> {
    pub(super) const fn of(text: &'text str) -> Self {
        Self {
            text,
            found: RefCell::new(Vec::new()),
        }
    }

    /// Notes what is wrong at a place of the text.
    pub(super) fn note(&self, at: usize, reason: impl Into<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        self.found.borrow_mut().push(Fault {
            line: 1 + before.matches('\n').count(),
            reason: reason.into().replace('\n', " "),
        });
    }

    /// All of it, by line.
    pub(super) fn into_found(self) -> Vec<Fault> {
        let mut found = self.found.into_inner();
        found.sort();
        found.dedup();
        found
    }
}

/// A value and where it stands.
pub(super) type Value<'file> = &'file Spanned<DeValue<'file>>;

/// A table.
pub(super) struct Section<'file> {
    faults: &'file Faults<'file>,
    /// What it is called, with those above it; empty for the file itself.
    name: String,
    table: &'file DeTable<'file>,
    /// Where it begins.
    at: usize,
    /// Keys that were asked for, which are all that are allowed.
    known: RefCell<Vec<&'static str>>,
}

impl<'file> Section<'file> {
    pub(super) const fn root(faults: &'file Faults<'file>, table: &'file DeTable<'file>) -> Self {
        Self {
            faults,
            name: String::new(),
            table,
            at: 0,
            known: RefCell::new(Vec::new()),
        }
    }

    /// Whether it is the file itself.
    pub(super) const fn is_root(&self) -> bool {
        self.name.is_empty()
    }

    /// What it is called, with those above it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The full name of one of its keys.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }

    /// Notes something about the table as a whole.
    pub(super) fn object(&self, reason: impl Into<String>) {
        self.faults.note(self.at, reason);
    }

    /// Notes something about a place in the file.
    pub(super) fn object_at(&self, at: usize, reason: impl Into<String>) {
        self.faults.note(at, reason);
    }

    /// Notes something about a key of a table below, or about the table, or this one.
    pub(super) fn object_below(&self, table: &str, key: &str, reason: impl Into<String>) {
        let below = self.entry(table).and_then(|value| self.below(table, value));
        match below {
            Some(below) => below.object_to(key, reason),
            None => self.object_to(table, reason),
        }
    }

    /// Notes something about a key, or about the table if it does not have it.
    pub(super) fn object_to(&self, key: &str, reason: impl Into<String>) {
        let place = self.entry(key).map_or(self.at, |value| value.span().start);
        self.faults.note(place, reason);
    }

    /// Whether a key is there; this does not make it an allowed one.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// Whether a key is there and does not say no.
    pub(super) fn is_said(&self, key: &str) -> bool {
        let value = self.entry(key);
        value.is_some_and(|value| !matches!(value.get_ref(), DeValue::Boolean(false)))
    }

    /// Whether a table below has a key.
    pub(super) fn has_below(&self, table: &str, key: &str) -> bool {
        let below = self.entry(table).and_then(|value| self.below(table, value));
        below.is_some_and(|below| below.has(key))
    }

    fn entry(&self, key: &str) -> Option<Value<'file>> {
        let mut entries = self.table.iter();
        let found = entries.find(|(name, _)| name.get_ref() == key);
        found.map(|(_, value)| value)
    }

    /// The value of an allowed key.
    pub(super) fn value(&self, key: &'static str) -> Option<Value<'file>> {
        self.known.borrow_mut().push(key);
        self.entry(key)
    }

    /// Allows a key that is read elsewhere.
    pub(super) fn allow(&self, key: &'static str) {
        self.known.borrow_mut().push(key);
    }

    /// The keys that nobody asked for so far, with their values.
    pub(super) fn others(&self) -> impl Iterator<Item = (&'file str, Value<'file>)> {
        let known = self.known.borrow().clone();
        let entries = self.table.iter();
        let entries = entries.map(|(key, value)| (key.get_ref().as_ref(), value));
        entries.filter(move |(key, _)| !known.contains(key))
    }

    fn wrong(&self, key: &str, value: Value<'file>, form: &str) {
        let (path, shown) = (self.path(key), shown(value.get_ref()));
        self.faults
            .note(value.span().start, format!("`{path}` is {shown}: {form}"));
    }

    /// A whole number within bounds.
    pub(super) fn integer(&self, key: &'static str, bounds: Range<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let fits = number.filter(|number| bounds.contains(number));
        if fits.is_none() {
            let (least, most) = (bounds.start, bounds.end.saturating_sub(1));
            self.wrong(
                key,
                value,
                &format!("it must be a whole number from {least} to {most}"),
            );
        }
        fits
    }

    /// The same, of 32 bits.
    pub(super) fn small(&self, key: &'static str, bounds: Range<u32>) -> Option<u32> {
        let number = self.integer(key, bounds.start.into()..bounds.end.into());
        number.and_then(|number| u32::try_from(number).ok())
    }

    /// The same, as a size.
    pub(super) fn size(&self, key: &'static str, least: u64) -> Option<usize> {
        let number = self.integer(key, least..1 << 48);
        number.and_then(|number| usize::try_from(number).ok())
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong(key, value, "it must be true or false");
        None
    }

    /// A text.
    pub(super) fn text(&self, key: &'static str) -> Option<&'file str> {
        let value = self.value(key)?;
        if let DeValue::String(text) = value.get_ref() {
            return Some(text);
        }
        self.wrong(key, value, "it must be a text");
        None
    }

    /// A text that means something.
    pub(super) fn meant<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Option<T>,
        form: &str,
    ) -> Option<T> {
        let value = self.value(key)?;
        let found = match value.get_ref() {
            DeValue::String(text) => read(text),
            _ => None,
        };
        if found.is_none() {
            self.wrong(key, value, form);
        }
        found
    }

    /// One of some names.
    pub(super) fn one_of<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let find = |text: &str| {
            let found = choices.iter().find(|(name, _)| *name == text);
            found.map(|(_, choice)| *choice)
        };
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let form = format!("it must be one of {}", names.join(", "));
        self.meant(key, find, &form)
    }

    /// A time from nothing to ten years.
    pub(super) fn span(&self, key: &'static str) -> Option<Span> {
        self.span_within(key, Span::ZERO, SPAN_MAX)
    }

    /// A time from one to another.
    pub(super) fn span_within(&self, key: &'static str, least: Span, most: Span) -> Option<Span> {
        let found = self.meant(key, units::span, SPAN_FORM)?;
        if least <= found && found <= most {
            return Some(found);
        }
        let (path, least, most) = (self.path(key), shown_span(least), shown_span(most));
        self.object_to(key, format!("`{path}` must be {least} to {most}"));
        None
    }

    /// By how much a clock is ahead, or behind if it is less than nothing.
    pub(super) fn clock_step(&self, key: &'static str) -> Option<Span> {
        let back = Span::from_micros(-SPAN_MAX.as_micros());
        self.span_within(key, back, SPAN_MAX)
    }

    /// A time that is longer than nothing.
    pub(super) fn some_span(&self, key: &'static str) -> Option<Span> {
        let found = self.span(key)?;
        if found > Span::ZERO {
            return Some(found);
        }
        self.object_to(key, format!("`{}` must be longer than 0s", self.path(key)));
        None
    }

    /// A share, in parts of ten thousand.
    pub(super) fn share(&self, key: &'static str) -> Option<u32> {
        self.meant(key, units::share, SHARE_FORM)
    }

    /// A rate.
    pub(super) fn rate(&self, key: &'static str) -> Option<(u64, Span)> {
        self.meant(key, units::rate, RATE_FORM)
    }

    /// A list.
    pub(super) fn list(&self, key: &'static str) -> Vec<Value<'file>> {
        let Some(value) = self.value(key) else {
            return Vec::new();
        };
        if let DeValue::Array(list) = value.get_ref() {
            return list.iter().collect();
        }
        self.wrong(key, value, "it must be a list");
        Vec::new()
    }

    /// Texts, each with where it stands; what is none is noted.
    pub(super) fn texts(&self, key: &'static str) -> Vec<(&'file str, usize)> {
        let mut texts = Vec::new();
        for value in self.list(key) {
            match value.get_ref() {
                DeValue::String(text) => texts.push((text.as_ref(), value.span().start)),
                _ => self.wrong(key, value, "each must be a text"),
            }
        }
        texts
    }

    /// A table below.
    pub(super) fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.value(key)?;
        let below = self.below(key, value);
        if below.is_none() {
            self.wrong(
                key,
                value,
                &format!("it must be a table, as [{}]", self.path(key)),
            );
        }
        below
    }

    /// Tables below, of one name.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Self> {
        let mut sections = Vec::new();
        for value in self.list(key) {
            match self.below(key, value) {
                Some(below) => sections.push(below),
                None => self.wrong(key, value, "each must be a table"),
            }
        }
        sections
    }

    fn below(&self, key: &str, value: Value<'file>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return None;
        };
        Some(Self {
            faults: self.faults,
            name: self.path(key),
            table,
            at: value.span().start,
            known: RefCell::new(Vec::new()),
        })
    }

    /// Notes every key that nobody asked for.
    pub(super) fn close(&self) {
        let allowed = || {
            let mut allowed = self.known.borrow().clone();
            allowed.sort_unstable();
            allowed.dedup();
            allowed.join(", ")
        };
        for (key, value) in self.table {
            if self
                .known
                .borrow()
                .iter()
                .any(|known| key.get_ref() == *known)
            {
                continue;
            }
            let path = self.path(key.get_ref());
            let at = key.span().start.min(value.span().start);
            let reason = format!("unknown key `{path}`: allowed are {}", allowed());
            self.faults.note(at, reason);
        }
    }
}

/// A value for people, short.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
