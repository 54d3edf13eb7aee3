//! What succeeds by hand far ahead of the walk has succeeded: the walk passes over it, also after a restart.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command, Refusal, Reply},
        delivery::DeliveryState,
        event::EventPosition,
        history::Name,
        id::EndpointId,
        ordering::Ordering,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    limits,
    policy::circuit_breaker::CircuitBreakerPolicy,
    store::Reads as _,
    time::Span,
};

use crate::support::rig::Rig;

const OK: OutcomeKind = OutcomeKind::Status(200);
const DOWN: OutcomeKind = OutcomeKind::Refused;

/// Circuits open at the first failure.
fn options(ring_events_max: usize) -> Options {
    Options {
        circuit_breaker: Some(CircuitBreakerPolicy {
            attempts_min: 1,
            ..CircuitBreakerPolicy::default()
        }),
        ring_events_max,
        page_rows: 16,
        ..Options::default()
    }
}

/// An endpoint that turned the first of so many events away, and whose circuit holds the others back.
struct Behind {
    rig: Rig,
    application: ApplicationKey,
    endpoint: EndpointId,
}

impl Behind {
    fn new(options: Options, ordering: Ordering, events: usize) -> Self {
        let mut rig = Rig::new(options);
        let application = rig.application(DEFAULT_APPLICATION_UID);
        let endpoint = rig.endpoint_in_order(application, ordering);
        for number in 0..events {
            rig.event(application);
            if number == 0 {
                rig.answer(DOWN);
            }
        }
        assert!(rig.sent.is_empty());
        Self {
            rig,
            application,
            endpoint,
        }
    }

    /// Asks for an attempt of an event.
    fn ask(&mut self, position: usize) -> Reply {
        let place = EventPosition::new(u64::try_from(position).expect("it fits"));
        let event = self.rig.store.event(self.application, place);
        let request = self.rig.command(Command::Resend {
            endpoint: self.endpoint,
            event: Arc::clone(event.expect("it is there")),
            attempts: 0,
        });
        self.rig.replies.remove(&request).expect("an answer")
    }

    /// Answers what flies and what follows within a day with success; the places.
    fn deliver(&mut self) -> Vec<u64> {
        let mut places = Vec::new();
        for _ in 0..24 * 60 {
            self.rig.advance(Span::from_seconds(60));
            while !self.rig.sent.is_empty() {
                places.push(self.rig.answer(OK).event.position.number());
            }
        }
        places
    }

    /// Succeeds by hand with an event.
    fn succeed(&mut self, position: usize) {
        assert_eq!(self.ask(position), Ok(Answer::Resend));
        let sent = self.rig.sent.pop_front().expect("at once");
        assert!(sent.is_by_hand);
        self.rig.done(&sent, OK);
    }

    fn state(&self, position: u64) -> Option<DeliveryState> {
        let name = Name::Id(self.endpoint.id());
        let found = self.rig.store.endpoint(self.application, &name);
        let key = found.expect("readable").expect("it is there").key;
        self.rig.store.delivery(key, EventPosition::new(position))
    }
}

#[test]
fn the_walk_passes_over_what_succeeded_by_hand_more_than_256_places_ahead() {
    for ordering in [Ordering::Free, Ordering::Whole] {
        for (ring_events_max, restarts) in [(1_000, false), (1_000, true), (8, false), (8, true)] {
            let options = options(ring_events_max);
            let mut behind = Behind::new(options.clone(), ordering, 300);
            behind.succeed(290);
            behind.rig.advance(Span::from_millis(100));
            if restarts {
                behind.rig.restart(options);
            }
            let case = (ordering, ring_events_max, restarts);
            let mut delivered = behind.deliver();
            delivered.sort_unstable();
            let expected: Vec<u64> = (0..300).filter(|place| *place != 290).collect();
            assert_eq!(delivered, expected, "{case:?}");
            assert_eq!(
                behind.state(290),
                Some(DeliveryState::Succeeded),
                "{case:?}"
            );
        }
    }
}

#[test]
fn so_far_ahead_only_so_many_may_succeed_by_hand_and_more_when_the_walk_has_come_near() {
    let reach = usize::try_from(limits::DONE_MAP_EVENTS).expect("it fits");
    let most = limits::DONE_FAR_MAX;
    let first_far = reach + 1;
    // The first stops the line, and so the walk.
    let mut behind = Behind::new(options(2_000), Ordering::Whole, first_far + most + 2);
    for position in first_far..first_far + most {
        behind.succeed(position);
    }
    let last = first_far + most + 1;
    assert_eq!(behind.ask(last), Err(Refusal::Overloaded));
    behind.succeed(reach - 1);
    assert_eq!(behind.deliver().len(), reach + 2);
    assert_eq!(behind.ask(last), Ok(Answer::Resend), "it has come near");
}
