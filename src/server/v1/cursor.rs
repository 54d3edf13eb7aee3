//! Iterators of lists: where a page ends and in which direction to go on.
//!
//! To callers an iterator is an opaque text. It is good for the list that gave it and no other, and
//! a check over all of it finds what was cut, mistyped or made up.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

use crate::{
    domain::id::Id,
    server::problem::{Code, Problem},
};

/// Which list a page is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    /// All applications.
    Applications,
    /// The catalogue of event types.
    EventTypes,
    /// The keys of the API.
    Keys,
    /// The tasks that go on in the background.
    Tasks,
    /// The endpoints of an application.
    Endpoints,
    /// The events of an application.
    Events,
    /// The attempts to an endpoint.
    AttemptsOfEndpoint,
    /// The attempts for an event.
    AttemptsOfEvent,
    /// What was done by hand with deliveries to an endpoint.
    AuditOfEndpoint,
    /// The events that go to an endpoint.
    DeliveriesOfEndpoint,
    /// The endpoints that an event goes to.
    DeliveriesOfEvent,
}

/// One list: what it lists, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct List {
    /// What it lists.
    pub(super) kind: ListKind,
    /// The application it belongs to.
    pub(super) application: Id,
    /// What it is a list of: the application, an endpoint or an event.
    pub(super) of: Id,
}

/// A place in a list and a direction from there; the place itself is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// What has a smaller id.
    Older(Id),
    /// What has a greater id.
    Newer(Id),
}

impl Cursor {
    /// Its text, for this list.
    pub(super) fn text(self, list: List) -> String {
        let (direction, id) = match self {
            Self::Older(id) => (OLDER, id),
            Self::Newer(id) => (NEWER, id),
        };
        let id = id.value().to_be_bytes();
        let mut bytes = vec![direction];
        bytes.extend_from_slice(&id);
        bytes.extend(check(list, &bytes));
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the text of an iterator that this list gave.
    ///
    /// # Errors
    /// [`Code::InvalidCursor`] for any other text; the client's fault.
    pub(super) fn parse(text: &str, list: List) -> Result<Self, Problem> {
        Self::read(text, list).ok_or_else(|| {
            let message = "this iterator was not given by this list: start without one";
            Problem::new(Code::InvalidCursor, message)
        })
    }

    fn read(text: &str, list: List) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, shown_check) = bytes.split_at_checked(1 + size_of::<Id>())?;
        if check(list, said) != *shown_check {
            return None;
        }
        let (direction, id) = said.split_first()?;
        let id = Id::from_value(u128::from_be_bytes(id.try_into().ok()?));
        match *direction {
            OLDER => Some(Self::Older(id)),
            NEWER => Some(Self::Newer(id)),
            _ => None,
        }
    }
}

const OLDER: u8 = 1;
const NEWER: u8 = 2;

/// What only this list writes behind these bytes.
fn check(list: List, said: &[u8]) -> [u8; 8] {
    let kind = match list.kind {
        ListKind::Events => 1_u8,
        ListKind::AttemptsOfEndpoint => 2,
        ListKind::AttemptsOfEvent => 3,
        ListKind::Applications => 4,
        ListKind::Endpoints => 5,
        ListKind::DeliveriesOfEndpoint => 6,
        ListKind::DeliveriesOfEvent => 7,
        ListKind::EventTypes => 8,
        ListKind::Keys => 9,
        ListKind::Tasks => 10,
        ListKind::AuditOfEndpoint => 11,
    };
    let mut hash = Sha256::new_with_prefix(b"fanfare iterator");
    hash.update([kind]);
    hash.update(list.application.value().to_be_bytes());
    hash.update(list.of.value().to_be_bytes());
    hash.update(said);
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: List = List {
        kind: ListKind::Events,
        application: Id::from_value(7),
        of: Id::from_value(7),
    };

    proptest! {
        #[test]
        fn an_iterator_reads_back_from_its_text(value: u128, is_older: bool) {
            let id = Id::from_value(value);
            let cursor = if is_older { Cursor::Older(id) } else { Cursor::Newer(id) };
            prop_assert_eq!(Cursor::parse(&cursor.text(LIST), LIST).ok(), Some(cursor));
        }

        #[test]
        fn one_changed_bit_makes_it_void(value: u128, bit in 0_usize..200) {
            let text = Cursor::Older(Id::from_value(value)).text(LIST);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(&text).expect("ours");
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert!(Cursor::parse(&changed, LIST).is_err());
        }
    }

    #[test]
    fn an_iterator_of_another_list_is_void() {
        let text = Cursor::Older(Id::from_value(1)).text(LIST);
        let of = Id::from_value(8);
        for other in [
            List {
                kind: ListKind::AttemptsOfEndpoint,
                ..LIST
            },
            List {
                application: of,
                ..LIST
            },
            List { of, ..LIST },
        ] {
            let problem = Cursor::parse(&text, other).expect_err("void");
            assert_eq!(problem.code(), Code::InvalidCursor);
        }
    }

    #[test]
    fn what_is_no_iterator_at_all_is_void() {
        let text = Cursor::Newer(Id::from_value(1)).text(LIST);
        for other in ["", "null", "-", "msg_0", &text[1..], &format!("{text}A")] {
            assert!(Cursor::parse(other, LIST).is_err(), "{other}");
        }
    }
}
