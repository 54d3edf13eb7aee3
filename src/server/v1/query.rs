//! The query of a request. Keys that nobody asks for are ignored: client libraries send some.

use super::{
    faults::Faults,
    fields::{is_channel, is_name, is_tag},
    wall_time::WallTime,
};
use crate::{limits, server::problem::FaultKind};

/// The keys and values of a query, in their order.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads a query; bytes that are no UTF-8 become `�`, which fits nothing that is asked for.
    pub(super) fn of(text: &str) -> Self {
        Self(
            form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The one value of a key; notes it if there are several.
    pub(super) fn one(&self, key: &str, faults: &mut Faults) -> Option<&str> {
        let mut values = self.0.iter().filter(|(given, _)| given == key);
        let (_, value) = values.next()?;
        if values.next().is_some() {
            let message = format!("`{key}` may be given once");
            faults.add(&["query", key], FaultKind::Value, message);
            return None;
        }
        Some(value)
    }

    /// A key that is yes or no.
    pub(super) fn flag(&self, key: &str, usual: bool, faults: &mut Faults) -> bool {
        match self.one(key, faults) {
            None => usual,
            Some("true") => true,
            Some("false") => false,
            Some(_) => {
                let message = format!("`{key}` must be true or false");
                faults.add(&["query", key], FaultKind::Type, message);
                usual
            }
        }
    }

    /// A key that is a whole number from 1 to `most`, in digits only.
    pub(super) fn count(&self, key: &str, usual: usize, most: usize, faults: &mut Faults) -> usize {
        let Some(text) = self.one(key, faults) else {
            return usual;
        };
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number);
        match number.filter(|number| (1..=most).contains(number)) {
            Some(number) => number,
            None => {
                let message = format!("`{key}` must be a whole number from 1 to {most}");
                faults.add(&["query", key], FaultKind::Value, message);
                usual
            }
        }
    }

    /// A key that is one of these numbers.
    pub(super) fn choice(&self, key: &str, allowed: &[u16], faults: &mut Faults) -> Option<u16> {
        let text = self.one(key, faults)?;
        let found = allowed.iter().find(|number| number.to_string() == *text);
        if found.is_none() {
            let allowed: Vec<String> = allowed.iter().map(u16::to_string).collect();
            let message = format!("`{key}` must be one of {}", allowed.join(", "));
            faults.add(&["query", key], FaultKind::Value, message);
        }
        found.copied()
    }

    /// A key that is a set of names, each given by itself, with `[]` behind the key, or several with
    /// commas between. An empty set asks for nothing.
    pub(super) fn names(&self, key: &str, faults: &mut Faults) -> Vec<&str> {
        let given = self.0.iter().filter(|(given, _)| is_of_set(given, key));
        let names = given.flat_map(|(_, value)| value.split(','));
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        if !names.iter().all(|name| is_name(name)) {
            let most = limits::NAME_BYTES_MAX;
            let message = format!(
                "`{key}` must hold names of 1 to {most} of the characters a-z A-Z 0-9 . _ -, with \
                 commas between"
            );
            faults.add(&["query", key], FaultKind::Value, message);
            return Vec::new();
        }
        names
    }

    /// A key that is one name.
    pub(super) fn name(&self, key: &str, faults: &mut Faults) -> Option<&str> {
        let name = self.one(key, faults)?;
        if is_name(name) {
            return Some(name);
        }
        let most = limits::NAME_BYTES_MAX;
        let message = format!("`{key}` must have 1 to {most} of the characters a-z A-Z 0-9 . _ -");
        faults.add(&["query", key], FaultKind::Value, message);
        None
    }

    /// A key that is one channel.
    pub(super) fn channel(&self, key: &str, faults: &mut Faults) -> Option<&str> {
        let channel = self.one(key, faults)?;
        if is_channel(channel) {
            return Some(channel);
        }
        let most = limits::NAME_BYTES_MAX;
        let message = format!(
            "`{key}` must have 1 to {most} of the characters a-z A-Z 0-9 . _ - : + (in a URL a + is \
             written %2B)"
        );
        faults.add(&["query", key], FaultKind::Value, message);
        None
    }

    /// A key that is a moment.
    pub(super) fn moment(&self, key: &str, faults: &mut Faults) -> Option<WallTime> {
        let read = WallTime::parse(self.one(key, faults)?);
        if read.is_none() {
            let message = format!(
                "`{key}` must be a time as RFC 3339 has it, such as 2026-11-24T16:00:00Z (in a \
                 URL a + is written %2B)"
            );
            faults.add(&["query", key], FaultKind::Value, message);
        }
        read
    }

    /// A key that is one tag.
    pub(super) fn tag(&self, key: &str, faults: &mut Faults) -> Option<&str> {
        let tag = self.one(key, faults)?;
        if is_tag(tag) {
            return Some(tag);
        }
        let most = limits::TAG_BYTES_MAX;
        let message =
            format!("`{key}` must have 1 to {most} of the characters a-z A-Z 0-9 . _ - / \\ #");
        faults.add(&["query", key], FaultKind::Value, message);
        None
    }
}

/// Whether a key that was given is this one, by itself or as one of a set.
fn is_of_set(given: &str, key: &str) -> bool {
    given.strip_suffix("[]").unwrap_or(given) == key
}

/// Whether a query has a key by which callers of other services show who they are.
pub(super) fn names_a_credential(text: &str) -> bool {
    const KEYS: [&str; 5] = ["access_token", "api_key", "authorization", "key", "token"];
    form_urlencoded::parse(text.as_bytes())
        .any(|(key, _)| KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(faults: Faults) -> bool {
        faults.into_result().is_ok()
    }

    #[test]
    fn a_count_is_digits_from_one_to_its_limit() {
        for (text, expected) in [
            ("limit=1", Some(1)),
            ("limit=250", Some(250)),
            ("a=b", Some(50)),
            ("limit=0", None),
            ("limit=251", None),
            ("limit=-1", None),
            ("limit=%2B5", None),
            ("limit=+5", None),
            ("limit=1e2", None),
            ("limit=18446744073709551616", None),
            ("limit=", None),
            ("limit=5&limit=5", None),
        ] {
            let mut faults = Faults::default();
            let count = Query::of(text).count("limit", 50, 250, &mut faults);
            assert_eq!(is_fine(faults).then_some(count), expected, "{text}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false() {
        for (text, expected) in [
            ("with_content=true", Some(true)),
            ("with_content=false", Some(false)),
            ("", Some(true)),
            ("with_content=1", None),
            ("with_content=", None),
            ("with_content=true&with_content=false", None),
        ] {
            let mut faults = Faults::default();
            let flag = Query::of(text).flag("with_content", true, &mut faults);
            assert_eq!(is_fine(faults).then_some(flag), expected, "{text}");
        }
    }

    #[test]
    fn a_set_is_known_by_each_of_its_spellings() {
        for (text, expected) in [
            ("event_types=a,b", Some(&["a", "b"][..])),
            ("event_types=a&event_types=b", Some(&["a", "b"])),
            ("event_types[]=a", Some(&["a"])),
            (
                "event_types%5B%5D=a&event_types=b%2Cc",
                Some(&["a", "b", "c"]),
            ),
            ("event_type=a", Some(&[])),
            ("event_types=", Some(&[])),
            ("event_types=a,%20b", None),
            ("event_types=a%2Fb", None),
        ] {
            let mut faults = Faults::default();
            let query = Query::of(text);
            let names = query.names("event_types", &mut faults);
            assert_eq!(is_fine(faults).then_some(&names[..]), expected, "{text}");
        }
    }

    #[test]
    fn a_choice_is_one_of_the_numbers_in_their_one_spelling() {
        for (text, expected) in [
            ("status=0", Some(Some(0))),
            ("status=2", Some(Some(2))),
            ("", Some(None)),
            ("status=00", None),
            ("status=5", None),
            ("status=-1", None),
            ("status=", None),
            ("status=0&status=2", None),
        ] {
            let mut faults = Faults::default();
            let choice = Query::of(text).choice("status", &[0, 1, 2], &mut faults);
            assert_eq!(is_fine(faults).then_some(choice), expected, "{text}");
        }
    }

    #[test]
    fn a_key_in_the_query_is_known_in_any_case() {
        for text in ["token=x", "a=b&API_KEY=x", "%6Bey=x", "access_token="] {
            assert!(names_a_credential(text), "{text}");
        }
        assert!(!names_a_credential("limit=5&tokens=x&keyed"));
    }
}
