//! Setting aside: somebody skips or parks a delivery that has not ended, so that its line goes on.
//!
//! It ends with the change that notes who did it, and why. An attempt that is in flight ends by itself: it
//! may still succeed, and until then its line waits, since two of a line are never in flight at once.

use super::{
    Engine,
    flight::Source,
    on_commit::{OnCommit, SentAgain},
};
use crate::{
    domain::{
        audit::{AuditEntry, NewAuditEntry},
        change::{Change, ChangeResult},
        command::{Answer, Refusal, RequestHandle},
        event::EventPosition,
        id::AuditId,
    },
    time::Now,
};

/// A delivery that somebody sets aside, until that is durable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aside {
    /// The name of what is noted.
    pub(super) id: AuditId,
    /// Its lane.
    lane: usize,
    /// Whether its row may be one of those that stand in the store alone, so that it is not counted yet that
    /// the row goes.
    is_uncounted: bool,
}

impl Engine {
    /// Takes a delivery out of its course and gathers that it ends.
    pub(super) fn set_aside(
        &mut self,
        request: RequestHandle,
        new: NewAuditEntry,
        now: Now,
    ) -> Result<(), Refusal> {
        let endpoint = self.endpoint_of(new.application, new.endpoint)?.key;
        self.writable(new.application)?;
        let lane = self.registry.lane(new.endpoint);
        let lane = lane.ok_or(Refusal::UnknownEndpoint)?;
        let position = new.position;
        let (is_in_flight, is_here) = self.take_out(lane, position, now)?;
        self.note_task(lane, position);
        // Whether there was room was asked before anything was changed.
        let log = self.logs.get_mut(&endpoint.application.shard);
        let log = log.ok_or(Refusal::NotReady)?;
        let id = AuditId::new(log.next_id(now));
        let bytes = new.by.len() + new.reason.len();
        let entry = AuditEntry {
            id,
            endpoint,
            position,
            event: new.event,
            act: new.act,
            at: now,
            by: new.by,
            reason: new.reason,
        };
        let change = Change::SetAside(entry.into());
        let aside = Aside {
            id,
            lane,
            is_uncounted: !is_in_flight && !is_here,
        };
        log.gather_urgent(
            change,
            OnCommit::SentAgain(SentAgain::SetAside(request, aside)),
            bytes,
        );
        if is_here {
            self.row_goes(lane, now);
        }
        #[cfg(not(feature = "mutants"))]
        let moves = true;
        #[cfg(feature = "mutants")]
        let moves = !self.has(super::mutant::Mutant::StopsAtWhatWasSkipped);
        if !is_in_flight && moves {
            self.leave_line(lane, position);
        }
        self.reconsider(lane, now);
        Ok(())
    }

    /// What somebody wanted to set aside was, or had no row and ended before.
    pub(super) fn is_set_aside(
        &mut self,
        request: RequestHandle,
        aside: Aside,
        result: ChangeResult,
        now: Now,
    ) {
        if result != ChangeResult::Fresh {
            self.replies.push((request, Err(Refusal::NotOpen)));
            return;
        }
        self.stats.set_aside += 1;
        if aside.is_uncounted {
            self.row_goes(aside.lane, now);
        }
        let id = aside.id;
        self.replies.push((request, Ok(Answer::SetAside { id })));
    }

    /// Takes a delivery out of its course: whether an attempt of it is in flight, and whether its row stood
    /// here.
    fn take_out(
        &mut self,
        lane: usize,
        position: EventPosition,
        now: Now,
    ) -> Result<(bool, bool), Refusal> {
        #[cfg(not(feature = "mutants"))]
        let goes_on = false;
        #[cfg(feature = "mutants")]
        let goes_on = self.has(super::mutant::Mutant::RetriesWhatWasSkipped);
        let scheduled = self.flights.iter_mut().find(|(_, flight)| {
            flight.lane == lane
                && flight.event.position == position
                && matches!(flight.source, Source::Walk | Source::Open)
        });
        if let Some((_, flight)) = scheduled {
            // It succeeded by hand, has no payload any more, or is set aside already.
            if flight.is_overtaken {
                return Err(Refusal::NotOpen);
            }
            flight.is_overtaken = !goes_on;
            // On the walk it has no row yet. With one it is known after a restart that it has ended.
            self.give_row(lane, position, now);
            return Ok((true, false));
        }
        let Some(lane) = self.registry.lanes.get_mut(lane) else {
            return Err(Refusal::UnknownEndpoint);
        };
        let before = lane.open.held();
        let (is_here, may_be_stored) = lane.open.withdraw(position);
        self.open_held.replace(before, lane.open.held());
        if is_here || may_be_stored {
            Ok((false, is_here))
        } else {
            Err(Refusal::NotOpen)
        }
    }

    /// One row of a lane's application is fewer.
    fn row_goes(&mut self, lane: usize, now: Now) {
        let application = self.registry.lanes.get(lane).map(|lane| lane.application);
        if let Some(application) = application {
            self.count_open_rows(application, -1, now);
        }
    }
}
