//! Which deliveries a task sends again.
//!
//! A delivery whose first attempt is still to come, or to which an attempt by hand is owed, is never
//! chosen: it is on its way. One that was called off is not brought back.

use crate::{
    domain::{
        delivery::DeliveryState,
        endpoint::Endpoint,
        event::Event,
        outcome::OutcomeKind,
        task::{Candidate, Matching, Selection, Standing},
    },
    time::Timestamp,
};

/// Whether a task with this selection sends the candidate to the endpoint that it is a candidate for.
#[must_use]
pub fn selects(selection: &Selection, endpoint: &Endpoint, candidate: &Candidate) -> bool {
    let standing = standing(candidate);
    match selection {
        Selection::Failed => match standing {
            Some(Standing::Waiting | Standing::Failed) => has_something_to_send(candidate),
            Some(Standing::Succeeded | Standing::Unsendable) | None => false,
        },
        Selection::Missing => {
            let is_new = matches!(candidate.state, None | Some(DeliveryState::Expired));
            is_new && candidate.attempts == 0 && endpoint.wants(&candidate.event)
        }
        Selection::Matching(matching) => standing.is_some_and(|standing| {
            has_something_to_send(candidate) && fits(matching, standing, candidate)
        }),
    }
}

/// Whether an event may be sent now, whatever of it is to be sent again: its time has come, and its payload
/// has not had its own.
#[must_use]
pub fn has_its_time(event: &Event, now: Timestamp) -> bool {
    event.not_before() <= now && event.payload_until() > now
}

/// Whether there is something to send again: an attempt was made, or it was parked before the first.
fn has_something_to_send(candidate: &Candidate) -> bool {
    candidate.attempts > 0 || candidate.state == Some(DeliveryState::Parked)
}

/// How the delivery stands, for those that a task may choose.
const fn standing(candidate: &Candidate) -> Option<Standing> {
    match candidate.state {
        Some(DeliveryState::Succeeded) => Some(Standing::Succeeded),
        Some(DeliveryState::Waiting { .. }) => Some(Standing::Waiting),
        Some(DeliveryState::Exhausted | DeliveryState::Expired | DeliveryState::Parked) => {
            Some(Standing::Failed)
        }
        Some(DeliveryState::Pending | DeliveryState::Cancelled | DeliveryState::Skipped) | None => {
            None
        }
    }
}

fn fits(matching: &Matching, standing: Standing, candidate: &Candidate) -> bool {
    let event = &candidate.event;
    let types = &matching.event_types;
    let of_type = types.is_empty() || types.contains(&event.event_type);
    let channel = matching.channel.as_ref();
    let in_channel = channel.is_none_or(|channel| event.channels.contains(channel));
    let tag = matching.tag.as_ref();
    let is_tagged = tag.is_none_or(|tag| event.tags().contains(tag));
    let stands = matching.standing.is_none_or(|asked| asked == standing);
    let answered = match candidate.last_outcome {
        Some(OutcomeKind::Status(code)) => code / 100,
        _ => 0,
    };
    let class = matching.status_class;
    of_type && in_channel && is_tagged && stands && class.is_none_or(|class| class == answered)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::{
        domain::{
            endpoint::{BodyFormat, EndpointKey, EndpointState, Target},
            endpoint_url::EndpointUrl,
            event::{Besides, Event, EventPosition, JSON, Payload},
            filter::Filter,
            id::{EndpointId, EventId},
            secret::Secret,
        },
        time::{Now, Span, Timestamp},
    };

    fn candidate(state: Option<DeliveryState>, attempts: u16) -> Candidate {
        let event = Event {
            id: EventId::default(),
            application: Default::default(),
            position: EventPosition::default(),
            uid: None,
            event_type: "order.made".into(),
            channels: vec!["a".into(), "b".into()],
            payload: Payload {
                content_type: JSON.into(),
                bytes: Bytes::new(),
            },
            accepted_at: Timestamp::ZERO,
            accepted_wall: Timestamp::ZERO,
            expires_at: Timestamp::MAX,
            besides: Some(Arc::new(Besides {
                tags: vec!["vip".into()],
                ..Besides::default()
            })),
        };
        Candidate {
            event: Arc::new(event),
            state,
            attempts,
            last_outcome: (attempts > 0).then_some(OutcomeKind::Status(503)),
        }
    }

    /// An endpoint that takes these types today and has no subscription of the past.
    fn endpoint(event_types: &[&str]) -> Endpoint {
        let (key, id) = (EndpointKey::default(), EndpointId::default());
        Endpoint {
            key,
            id,
            uid: None,
            original_url_sha256: None,
            filter: Arc::new(Filter {
                event_types: event_types.iter().map(|name| Arc::from(*name)).collect(),
                ..Filter::default()
            }),
            target: Arc::new(Target {
                endpoint: key,
                id,
                revision: 1,
                url: EndpointUrl::parse("https://example.com/").expect("valid"),
                secret: Secret::new(vec![7; 32]).expect("valid"),
                older_secrets: Vec::new(),
                headers: Vec::new(),
                body_format: BodyFormat::Payload,
            }),
            state: EndpointState::Enabled,
            throttle_rate: None,
            ordering: crate::domain::ordering::Ordering::default(),
            subscriptions: Vec::new(),
            registration: Bytes::new(),
            details: Bytes::new(),
            created_at: Now::default(),
            updated_at: Now::default(),
        }
    }

    fn every_state() -> [Option<DeliveryState>; 9] {
        let due = Timestamp::ZERO;
        [
            None,
            Some(DeliveryState::Pending),
            Some(DeliveryState::Waiting { due }),
            Some(DeliveryState::Succeeded),
            Some(DeliveryState::Exhausted),
            Some(DeliveryState::Expired),
            Some(DeliveryState::Cancelled),
            Some(DeliveryState::Skipped),
            Some(DeliveryState::Parked),
        ]
    }

    /// Which of all states are chosen after so many attempts.
    fn chosen(selection: &Selection, attempts: u16) -> Vec<bool> {
        let endpoint = endpoint(&[]);
        let candidates = every_state().map(|state| candidate(state, attempts));
        let chosen = candidates.map(|candidate| selects(selection, &endpoint, &candidate));
        chosen.to_vec()
    }

    const NONE: [bool; 9] = [false; 9];

    #[test]
    fn a_recovery_takes_what_failed_and_nothing_that_was_never_tried() {
        let failed = [false, false, true, false, true, true, false, false, true];
        assert_eq!(chosen(&Selection::Failed, 1), failed);
        // What was parked in its line is sent though it was never tried.
        let parked = [false, false, false, false, false, false, false, false, true];
        assert_eq!(chosen(&Selection::Failed, 0), parked);
    }

    #[test]
    fn what_is_missing_was_never_tried_and_is_wanted_today() {
        let missing = [true, false, false, false, false, true, false, false, false];
        assert_eq!(chosen(&Selection::Missing, 0), missing);
        assert_eq!(chosen(&Selection::Missing, 1), NONE);
        let other = endpoint(&["bill.*"]);
        assert!(!selects(&Selection::Missing, &other, &candidate(None, 0)));
        // One that was for another endpoint alone was never meant for this one.
        let mut only = candidate(None, 0);
        Arc::make_mut(&mut only.event).besides = Some(Arc::new(Besides {
            only_to: Some(7),
            ..Besides::default()
        }));
        assert!(!selects(&Selection::Missing, &endpoint(&[]), &only));
    }

    #[test]
    fn what_is_for_later_waits_for_its_time_and_what_had_its_time_is_not_sent_again() {
        let mut event = Event::clone(&candidate(None, 0).event);
        event.besides = Some(Arc::new(Besides {
            deliver_after: Some(Span::from_seconds(10)),
            payload_for: Some(Span::from_seconds(20)),
            ..Besides::default()
        }));
        for (seconds, has) in [(9, false), (10, true), (19, true), (20, false), (21, false)] {
            let now = Timestamp::ZERO.plus(Span::from_seconds(seconds));
            assert_eq!(has_its_time(&event, now), has, "{seconds} s");
        }
        event.besides = None;
        assert!(has_its_time(&event, Timestamp::ZERO));
    }

    #[test]
    fn each_field_of_a_bulk_replay_narrows_it() {
        let parked = [false, false, false, false, false, false, false, false, true];
        let of = |standing| Matching {
            standing: Some(standing),
            ..Matching::default()
        };
        let chosen_by = |matching: Matching| chosen(&Selection::Matching(matching), 1);
        let all = [false, false, true, true, true, true, false, false, true];
        for (matching, expected) in [
            (Matching::default(), all),
            (
                Matching {
                    event_types: vec!["x".into(), "order.made".into()],
                    channel: Some("b".into()),
                    tag: Some("vip".into()),
                    status_class: Some(5),
                    ..Matching::default()
                },
                all,
            ),
            (
                Matching {
                    event_types: vec!["order.*".into()],
                    ..Matching::default()
                },
                NONE,
            ),
            (
                Matching {
                    channel: Some("c".into()),
                    ..Matching::default()
                },
                NONE,
            ),
            (
                Matching {
                    tag: Some("x".into()),
                    ..Matching::default()
                },
                NONE,
            ),
            (
                Matching {
                    status_class: Some(4),
                    ..Matching::default()
                },
                NONE,
            ),
            (
                of(Standing::Succeeded),
                [false, false, false, true, false, false, false, false, false],
            ),
            (
                of(Standing::Waiting),
                [false, false, true, false, false, false, false, false, false],
            ),
            (
                of(Standing::Failed),
                [false, false, false, false, true, true, false, false, true],
            ),
            (of(Standing::Unsendable), NONE),
        ] {
            assert_eq!(chosen_by(matching.clone()), expected, "{matching:?}");
        }
        let everything = Selection::Matching(Matching::default());
        assert_eq!(chosen(&everything, 0), parked);
    }
}
