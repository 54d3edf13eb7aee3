//! Between the drive loop and its transport: what goes out and what comes of it passes by the
//! witness.

use core::task::{Context, Poll};
use std::{collections::BTreeMap, rc::Rc};

use super::{
    receivers::{self, Receipts},
    stage::Stage,
};
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        endpoint_url::EndpointHost,
        outcome::{Outcome, OutcomeKind},
    },
    sim::{
        oracles::{
            causes::{self, Deeds},
            delivered,
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
        witness.answered(flight.facts, outcome, stage.moment());
        let receipts = stage.receipts.borrow();
        let delivery = (event, endpoint);
        let is_received = receipts.is_delivered(event, endpoint);
        let judged = [
            causes::judge(
                delivery,
                outcome.kind,
                flight.deeds(outcome.kind, &receipts),
            ),
            delivered::judge_told(delivery, outcome, is_received),
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
            has_spoilt: receipts.spoilt(self.receiver) > self.spoilt,
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
            let receiver = receivers::number_of(host).unwrap_or(u32::MAX);
            let spoilt = receipts.spoilt(receiver);
            let flight = Flight {
                facts,
                receiver,
                spoilt,
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
