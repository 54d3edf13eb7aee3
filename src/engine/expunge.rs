//! Expunging: a payload is taken away, so nothing of it may be sent any more. What is in flight is; what
//! was still to come is called off.

use super::{Engine, flight::Flight, on_commit::OnCommit};
use crate::{
    domain::{
        application::ApplicationKey,
        change::Change,
        command::{Answer, Refusal, RequestHandle},
        event::EventPosition,
        id::AttemptId,
    },
    time::Now,
};

impl Engine {
    /// Gathers that a payload or a reply's body goes.
    pub(super) fn expunge(
        &mut self,
        request: RequestHandle,
        (application, position): (ApplicationKey, EventPosition),
        attempt: Option<AttemptId>,
    ) -> Result<(), Refusal> {
        let (_, log) = self.writable(application)?;
        let (change, then) = match attempt {
            Some(attempt) => {
                let change = Change::ExpungeAttempt {
                    application,
                    position,
                    attempt,
                };
                (change, OnCommit::Expunged(request, None))
            }
            None => {
                let change = Change::Expunge {
                    application,
                    position,
                };
                (
                    change,
                    OnCommit::Expunged(request, Some((application, position))),
                )
            }
        };
        log.gather_urgent(change, then, 0);
        Ok(())
    }

    /// A payload is gone: its event is none any more for those who walk, and nothing is owed of it.
    pub(super) fn expunged(
        &mut self,
        request: RequestHandle,
        payload_of: Option<(ApplicationKey, EventPosition)>,
        now: Now,
    ) {
        self.replies.push((request, Ok(Answer::Expunged)));
        let Some((key, position)) = payload_of else {
            return;
        };
        #[cfg(feature = "mutants")]
        if self.has(super::mutant::Mutant::SendsExpungedPayloads) {
            return;
        }
        // It may have become durable in this very turn, and not have been fanned out.
        for (of, place, event) in &mut self.arrived {
            if (*of, *place) == (key, position) {
                *event = None;
            }
        }
        let Some(application) = self.registry.application(key) else {
            return;
        };
        let Some(entry) = self.registry.applications.get_mut(application) else {
            return;
        };
        entry.ring.forget(position);
        entry.pages.forget(position);
        let lanes = entry.lanes.clone();
        for (_, flight) in &mut self.flights {
            let is_of = flight.event.application == key && flight.event.position == position;
            flight.is_overtaken |= is_of;
        }
        let mut gone = 0;
        for index in lanes {
            self.drop_resend(index, position, now);
            self.note_task(index, position);
            let Some(lane) = self.registry.lanes.get_mut(index) else {
                continue;
            };
            let before = lane.open.held();
            let (was_here, may_be_stored) = lane.open.withdraw(position);
            self.open_held.replace(before, lane.open.held());
            let endpoint = lane.endpoint.key;
            // A row that was gathered since would stay.
            if (was_here || may_be_stored)
                && let Some(log) = self.logs.get_mut(&key.shard)
            {
                log.gather(Change::DeleteOpen { endpoint, position }, now);
            }
            gone += i64::from(was_here);
            // One in flight stands in its line until it ends.
            let mut flights = self.flights.iter();
            let is_of = |flight: &Flight| flight.lane == index && flight.event.position == position;
            if !flights.any(|(_, flight)| is_of(flight)) {
                self.lines_move(vec![(index, position)], now);
            }
        }
        self.count_open_rows(application, -gone, now);
    }
}
