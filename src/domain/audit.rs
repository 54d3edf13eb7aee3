//! Audit: who took a delivery out of its course by hand, when and why.

use std::sync::Arc;

use super::{
    application::ApplicationKey,
    endpoint::EndpointKey,
    event::EventPosition,
    id::{AuditId, EndpointId, EventId},
};
use crate::time::Now;

/// What somebody did with a delivery that had not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    /// It is over: only who asks for an attempt of it by hand sends it again.
    #[default]
    Skip,
    /// It is set aside for later: what sends failed deliveries again sends it, too.
    Park,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Skip, Self::Park];

    /// Its name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Park => "park",
        }
    }

    /// Its number in stores and journals, from 1; it never changes.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Skip => 1,
            Self::Park => 2,
        }
    }

    /// The one with this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.number() == number)
    }
}

/// What was done by hand with a delivery; kept as long as its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its public name.
    pub id: AuditId,
    /// The endpoint of the delivery.
    pub endpoint: EndpointKey,
    /// Its event.
    pub position: EventPosition,
    /// The public name of its event.
    pub event: EventId,
    /// What was done.
    pub act: Act,
    /// When.
    pub at: Now,
    /// Who did it: the id of a key of the API, or `admin`.
    pub by: Arc<str>,
    /// Why, as they said it; `limits::TEXT_BYTES_MAX` bytes at most, empty if they said nothing.
    pub reason: Arc<str>,
}

/// What somebody wants to do with a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// The application.
    pub application: ApplicationKey,
    /// The endpoint of the delivery.
    pub endpoint: EndpointId,
    /// Its event.
    pub position: EventPosition,
    /// The public name of its event.
    pub event: EventId,
    /// What is to be done.
    pub act: Act,
    /// Who asks, as in [`AuditEntry::by`].
    pub by: Arc<str>,
    /// Why, as in [`AuditEntry::reason`].
    pub reason: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_act_is_known_by_its_number() {
        for act in Act::ALL {
            assert_eq!(Act::from_number(act.number()), Some(act));
        }
        assert_eq!(Act::from_number(0), None);
        assert_eq!(Act::from_number(3), None);
    }
}
