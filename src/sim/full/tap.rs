//! Between the drive loop and its transport: what goes out and what comes of it passes by the
//! witness.

use core::task::{Context, Poll};
use std::{collections::BTreeMap, rc::Rc};

use super::stage::Stage;
use crate::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        endpoint_url::EndpointHost,
        outcome::Outcome,
    },
    sim::{oracle, violation::Violation, witness::FlightFacts},
    transport::Transport,
};

/// A transport that is watched.
pub(super) struct WatchedTransport<T> {
    stage: Rc<Stage>,
    inside: T,
    flights: BTreeMap<AttemptHandle, FlightFacts>,
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
        witness.answered(flight, outcome, stage.moment());
        let (event, endpoint) = (flight.event, flight.endpoint);
        if oracle::is_success(outcome) && !stage.receipts.borrow().is_delivered(event, endpoint) {
            witness.object(Violation::NotDelivered { event, endpoint });
        }
    }
}

impl<T: Transport> Transport for WatchedTransport<T> {
    fn start(&mut self, request: AttemptRequest) {
        let stage = &self.stage;
        stage.tell(|trace| trace.send(&request));
        let flight = stage.witness.borrow_mut().sent(&request, stage.moment());
        if let EndpointHost::Name(host) = request.target.url.host() {
            let mut receipts = stage.receipts.borrow_mut();
            receipts.expect(host, flight.endpoint);
        }
        self.flights.insert(request.attempt, flight);
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
