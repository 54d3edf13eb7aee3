//! Between the drive loop and its transport: what goes out and what comes of it passes by the
//! witness.

use core::task::{Context, Poll};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use super::{receipts::Receipts, receivers, stage::Stage};
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        endpoint_url::EndpointHost,
        outcome::{Outcome, OutcomeKind},
    },
    sim::{
        oracles::{
            causes::{self, Deeds},
            delivered, planned,
        },
        seen::FlightFacts,
    },
    transport::Transport,
};

/// A transport that is watched.
pub(super) struct WatchedTransport<T> {
    stage: Rc<Stage>,
    inside: T,
    flights: BTreeMap<AttemptHandle, Flight>,
}

/// An attempt that is on its way.
#[derive(Clone, Copy)]
struct Flight {
    facts: FlightFacts,
    /// The receiver that it goes to.
    receiver: u32,
    /// How often that had spoilt an attempt before.
    spoilt: u64,
    /// How often the process had stood still before.
    stalls: usize,
}

impl<T> WatchedTransport<T> {
    pub(super) const fn new(stage: Rc<Stage>, inside: T) -> Self {
        Self {
            stage,
            inside,
            flights: BTreeMap::new(),
        }
    }

    /// An outcome is told to the loop.
    fn tell(&mut self, attempt: AttemptHandle, outcome: &Outcome) {
        let stage = &self.stage;
        stage.tell(|trace| trace.attempt_done(attempt, outcome));
        let Some(flight) = self.flights.remove(&attempt) else {
            return;
        };
        let mut witness = stage.witness.borrow_mut();
        witness.happened.met(outcome);
        let (event, endpoint) = (flight.facts.event, flight.facts.endpoint);
        let wall = stage.clock()().wall;
        witness.answered(flight.facts, outcome, stage.moment(), wall);
        let was_still = witness.stalls.len() > flight.stalls;
        let receipts = stage.receipts.borrow();
        let delivery = (event, endpoint);
        let is_received = receipts.is_delivered(event, endpoint);
        let told = outcome.retry_after.as_deref();
        let has_asked = receipts.has_asked(event, endpoint, told);
        let deeds = Deeds {
            was_still,
            ..flight.deeds(outcome.kind, &receipts)
        };
        let judged = [
            causes::judge(delivery, outcome.kind, deeds),
            delivered::judge_told(delivery, outcome, is_received),
            planned::judge_told(delivery, outcome, has_asked),
        ];
        drop(receipts);
        for violation in judged.into_iter().flatten() {
            witness.object(violation);
        }
    }
}

impl Flight {
    /// What its receiver did, as far as it may explain how the attempt ended.
    fn deeds(&self, met: OutcomeKind, receipts: &Receipts) -> Deeds {
        Deeds {
            has_answered_so: matches!(met, OutcomeKind::Status(status) if receipts.has_answered(self.receiver, status)),
            has_spoilt: match met {
                OutcomeKind::AddressBlocked => receipts.was_astray(self.receiver),
                _ => receipts.spoilt(self.receiver) > self.spoilt,
            },
            was_still: false,
        }
    }
}

impl<T: Transport> Transport for WatchedTransport<T> {
    fn start(&mut self, request: AttemptRequest) {
        let stage = &self.stage;
        stage.tell(|trace| trace.send(&request));
        let facts = stage.witness.borrow_mut().sent(&request, stage.moment());
        if let EndpointHost::Name(host) = request.target.url.host() {
            let mut receipts = stage.receipts.borrow_mut();
            receipts.expect(host, facts.endpoint);
            let (real, wall) = (stage.real(), stage.clock()().wall);
            let start = (real, wall, Arc::clone(&request.target));
            receipts.started((facts.event, facts.endpoint), start);
            let receiver = receivers::number_of(host).unwrap_or(u32::MAX);
            let spoilt = receipts.spoilt(receiver);
            let flight = Flight {
                facts,
                receiver,
                spoilt,
                stalls: stage.witness.borrow().stalls.len(),
            };
            self.flights.insert(request.attempt, flight);
        }
        self.inside.start(request);
    }

    fn cancel(&mut self, attempt: AttemptHandle) {
        self.inside.cancel(attempt);
    }

    fn poll_outcomes(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<(AttemptHandle, Outcome)>,
    ) -> Poll<()> {
        let before = done.len();
        let polled = self.inside.poll_outcomes(context, done);
        for (attempt, outcome) in done.iter().skip(before) {
            self.tell(*attempt, outcome);
        }
        polled
    }
}
