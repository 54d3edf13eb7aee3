//! Filters: which entries of a list are asked for, beside its times.

use std::{collections::BTreeSet, sync::Arc};

use super::{faults::Faults, query::Query};
use crate::{
    domain::{
        attempt::AttemptRecord,
        event::Event,
        history::{AttemptEntry, Name},
        id::EndpointId,
        outcome::OutcomeKind,
    },
    server::v1::status::Status,
};

/// What an event must be like.
#[derive(Debug, Default)]
pub(super) struct EventFilter {
    /// Its type is one of these; empty for all.
    event_types: BTreeSet<String>,
    /// One of its channels is this one.
    channel: Option<String>,
    /// One of its tags is this one.
    tag: Option<String>,
}

impl EventFilter {
    /// Reads the keys of a query; what is wrong is noted.
    pub(super) fn of(query: &Query, faults: &mut Faults) -> Self {
        let names = query.names("event_types", faults);
        Self {
            channel: query.channel("channel", faults).map(Into::into),
            tag: query.tag("tag", faults).map(Into::into),
            event_types: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether every event fits.
    pub(super) fn takes_all(&self) -> bool {
        self.event_types.is_empty() && self.channel.is_none() && self.tag.is_none()
    }

    /// Whether an event fits.
    pub(super) fn fits(&self, event: &Event) -> bool {
        let of_type = self.event_types.is_empty() || self.event_types.contains(&*event.event_type);
        let has = |names: &[Arc<str>], wanted: &Option<String>| {
            let wanted = wanted.as_deref();
            wanted.is_none_or(|wanted| names.iter().any(|name| **name == *wanted))
        };
        of_type && has(&event.channels, &self.channel) && has(event.tags(), &self.tag)
    }
}

/// What an attempt must be like.
#[derive(Debug, Default)]
pub(super) struct AttemptFilter {
    status: Option<Status>,
    /// The hundreds of the answer's status; 0 where no answer came.
    status_class: Option<u16>,
    event: EventFilter,
    endpoint: EndpointFilter,
}

/// To which endpoint an attempt must have gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum EndpointFilter {
    /// To any.
    #[default]
    Any,
    /// To this one.
    Id(EndpointId),
    /// To none that there is.
    Nothing,
}

impl AttemptFilter {
    /// Reads the keys of a query; what is wrong is noted.
    pub(super) fn of(query: &Query, faults: &mut Faults) -> Self {
        let classes = [0, 100, 200, 300, 400, 500];
        Self {
            status: Status::asked(query, faults),
            status_class: query.choice("status_code_class", &classes, faults),
            event: EventFilter::of(query, faults),
            endpoint: EndpointFilter::Any,
        }
    }

    /// Only attempts to this endpoint.
    pub(super) fn to(self, endpoint: EndpointFilter) -> Self {
        Self { endpoint, ..self }
    }

    /// Whether every attempt fits.
    pub(super) fn takes_all(&self) -> bool {
        let any = self.endpoint == EndpointFilter::Any;
        any && self.status.is_none() && self.status_class.is_none() && self.event.takes_all()
    }

    /// Whether no attempt fits, so that none need be looked at.
    pub(super) fn takes_none(&self) -> bool {
        let has_ended = |status| matches!(status, Status::Success | Status::Fail);
        self.endpoint == EndpointFilter::Nothing
            || self.status.is_some_and(|status| !has_ended(status))
    }

    /// Whether an attempt fits.
    pub(super) fn fits(&self, entry: &AttemptEntry) -> bool {
        let record = &entry.record;
        let to_endpoint = match self.endpoint {
            EndpointFilter::Any => true,
            EndpointFilter::Id(id) => entry.endpoint == id,
            EndpointFilter::Nothing => false,
        };
        to_endpoint
            && self
                .status
                .is_none_or(|status| status == Status::of_attempt(record))
            && self
                .status_class
                .is_none_or(|class| class == class_of(record))
            && self.event.fits(&entry.event)
    }
}

impl EndpointFilter {
    /// Reads the key of a query, which is an id or a `uid` that `find` knows. An id may be of an
    /// endpoint that is no more.
    pub(super) fn of<E>(
        query: &Query,
        faults: &mut Faults,
        find: impl FnOnce(&Name) -> Result<Option<EndpointId>, E>,
    ) -> Result<Self, E> {
        let Some(text) = query.name("endpoint_id", faults) else {
            return Ok(Self::Any);
        };
        if text.starts_with(EndpointId::PREFIX) {
            return Ok(text.parse().map_or(Self::Nothing, Self::Id));
        }
        let found = find(&Name::Uid(text.into()))?;
        Ok(found.map_or(Self::Nothing, Self::Id))
    }
}

/// The hundreds of an answer's status; 0 where no answer came.
fn class_of(record: &AttemptRecord) -> u16 {
    match record.outcome {
        OutcomeKind::Status(code) => code / 100 * 100,
        _ => 0,
    }
}
