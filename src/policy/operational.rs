//! Operational events: which of what happens to endpoints and deliveries their owner's operator hears
//! of, and what is said of it. The shapes are those of the published API.

use bytes::Bytes;
use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;

use crate::{
    domain::{
        application::Application, attempt::AttemptResult, endpoint::Endpoint, event::Event,
        id::AttemptId, outcome::OutcomeKind,
    },
    time::Timestamp,
};

/// Failed attempts of a delivery after which it counts as failing.
const FAILING_AFTER: u16 = 4;

/// What happened to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointNews {
    /// It was created.
    Created,
    /// Its owner changed it, or enabled or disabled it.
    Updated,
    /// It was deleted by itself; not with its application.
    Deleted,
    /// It was disabled because of how it answered, at this wall time.
    Disabled(Timestamp),
}

/// What an attempt meant for its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptNews {
    /// It failed for the fourth time and is tried again.
    Failing,
    /// It failed for the last time.
    Exhausted,
    /// It succeeded after four failures or more.
    Recovered,
}

/// An event to be told: its type and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationalEvent {
    /// Its type.
    pub event_type: &'static str,
    /// What it says, as JSON.
    pub payload: Bytes,
}

/// The attempt that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastAttempt {
    /// Its name.
    pub id: AttemptId,
    /// What it met.
    pub outcome: OutcomeKind,
    /// When it ended, as the wall clock had it.
    pub ended_wall: Timestamp,
}

impl EndpointNews {
    /// The type of its event.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Created => "endpoint.created",
            Self::Updated => "endpoint.updated",
            Self::Deleted => "endpoint.deleted",
            Self::Disabled(_) => "endpoint.disabled",
        }
    }

    /// What is said of it.
    #[must_use]
    pub fn told(self, application: &Application, endpoint: &Endpoint) -> OperationalEvent {
        let fail_since = match self {
            Self::Disabled(at) => Some(date(at)),
            Self::Created | Self::Updated | Self::Deleted => None,
        };
        event(
            self.event_type(),
            &EndpointData {
                app_id: application.id.to_string(),
                app_uid: application.uid.as_deref(),
                endpoint_id: endpoint.id.to_string(),
                endpoint_uid: endpoint.uid.as_deref(),
                fail_since,
            },
        )
    }
}

impl AttemptNews {
    /// What the end of an attempt means, from its result, its number among all of its delivery and its
    /// step in the delivery's schedule, both from 1.
    #[must_use]
    pub const fn of(result: AttemptResult, number: u16, step: u16) -> Option<Self> {
        match result {
            AttemptResult::RetryAt(_) if step == FAILING_AFTER => Some(Self::Failing),
            AttemptResult::Exhausted => Some(Self::Exhausted),
            AttemptResult::Succeeded if number > FAILING_AFTER => Some(Self::Recovered),
            AttemptResult::RetryAt(_) | AttemptResult::Succeeded | AttemptResult::Failed => None,
        }
    }

    /// The type of its event.
    #[must_use]
    pub const fn event_type(self) -> &'static str {
        match self {
            Self::Failing => "message.attempt.failing",
            Self::Exhausted => "message.attempt.exhausted",
            Self::Recovered => "message.attempt.recovered",
        }
    }

    /// What is said of it.
    #[must_use]
    pub fn told(
        self,
        application: &Application,
        endpoint: &Endpoint,
        carried: &Event,
        last: LastAttempt,
    ) -> OperationalEvent {
        let status = if let OutcomeKind::Status(status) = last.outcome {
            status
        } else {
            0
        };
        event(
            self.event_type(),
            &AttemptData {
                app_id: application.id.to_string(),
                app_uid: application.uid.as_deref(),
                endpoint_id: endpoint.id.to_string(),
                msg_id: carried.id.to_string(),
                msg_event_id: carried.uid.as_deref(),
                last_attempt: LastAttemptData {
                    id: last.id.to_string(),
                    response_status_code: status,
                    timestamp: date(last.ended_wall),
                },
            },
        )
    }
}

#[derive(Serialize)]
struct Told<'data, D> {
    #[serde(rename = "type")]
    event_type: &'static str,
    data: &'data D,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointData<'of> {
    app_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_uid: Option<&'of str>,
    endpoint_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint_uid: Option<&'of str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fail_since: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptData<'of> {
    app_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_uid: Option<&'of str>,
    endpoint_id: String,
    msg_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg_event_id: Option<&'of str>,
    last_attempt: LastAttemptData,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastAttemptData {
    id: String,
    response_status_code: u16,
    timestamp: String,
}

fn event(event_type: &'static str, data: &impl Serialize) -> OperationalEvent {
    // Texts and numbers can't fail to be written.
    let payload = serde_json::to_vec(&Told { event_type, data }).unwrap_or_default();
    OperationalEvent {
        event_type,
        payload: payload.into(),
    }
}

/// A wall time in RFC 3339, with microseconds.
fn date(wall: Timestamp) -> String {
    let time = jiff::Timestamp::from_microsecond(wall.as_micros()).unwrap_or_default();
    let printer = DateTimePrinter::new().precision(Some(6));
    printer.timestamp_to_string(&time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_failure_the_last_one_and_a_success_after_four_are_told() {
        let later = AttemptResult::RetryAt(Timestamp::ZERO);
        for (result, number, step, news) in [
            (later, 3, 3, None),
            (later, 4, 4, Some(AttemptNews::Failing)),
            (later, 5, 5, None),
            (later, 14, 4, Some(AttemptNews::Failing)),
            (
                AttemptResult::Exhausted,
                10,
                10,
                Some(AttemptNews::Exhausted),
            ),
            (AttemptResult::Exhausted, 1, 1, Some(AttemptNews::Exhausted)),
            (AttemptResult::Failed, 11, 11, None),
            (AttemptResult::Succeeded, 4, 4, None),
            (AttemptResult::Succeeded, 5, 5, Some(AttemptNews::Recovered)),
            (
                AttemptResult::Succeeded,
                11,
                1,
                Some(AttemptNews::Recovered),
            ),
        ] {
            assert_eq!(
                AttemptNews::of(result, number, step),
                news,
                "{result:?} {number}"
            );
        }
    }

    #[test]
    fn each_news_has_the_type_of_the_published_api() {
        for (news, event_type) in [
            (EndpointNews::Created, "endpoint.created"),
            (EndpointNews::Updated, "endpoint.updated"),
            (EndpointNews::Deleted, "endpoint.deleted"),
            (EndpointNews::Disabled(Timestamp::ZERO), "endpoint.disabled"),
        ] {
            assert_eq!(news.event_type(), event_type);
        }
        for (news, event_type) in [
            (AttemptNews::Failing, "message.attempt.failing"),
            (AttemptNews::Exhausted, "message.attempt.exhausted"),
            (AttemptNews::Recovered, "message.attempt.recovered"),
        ] {
            assert_eq!(news.event_type(), event_type);
        }
    }

    #[test]
    fn times_are_in_rfc_3339() {
        let time = Timestamp::from_micros(1_764_000_000_000_001);
        assert_eq!(date(time), "2025-11-24T16:00:00.000001Z");
    }
}
