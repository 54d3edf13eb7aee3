//! Inspections: what a reader of lists and history sees, compared with the ledger. Every list is
//! read page by page, in both directions, with pages of drawn sizes. What must hold of them stands
//! with the oracles. Where there is much, only the last one reads all of it: see [`super::stretch`].

use std::collections::BTreeSet;

use super::{
    oracle::Violation,
    seen::Moment,
    stretch::{Extent, Stretch},
    witness::Witness,
};
use crate::{
    domain::{application::ApplicationKey, endpoint::EndpointKey},
    random::Stream,
    store::{ReadError, Reads},
    time::Span,
};

impl Witness {
    /// Compares what the store shows with the ledger, as much of it as the extent says; payloads and rows of
    /// ended work may go at the ages given.
    pub(super) fn inspect(
        &mut self,
        store: &dyn Reads,
        application: ApplicationKey,
        (payload_age, row_age, extent): (Span, Span, Extent),
        now: Moment,
        random: &mut Stream,
    ) {
        let mut found = Vec::new();
        let mut looked = Ok(0);
        let read = store.as_of_one_moment(&mut |store| {
            let inspection = Inspection {
                witness: self,
                store,
                application,
                payload_age,
                row_age,
                now,
            };
            looked = inspection.look(extent, random, &mut found);
        });
        match read.and(looked) {
            Ok(retained) => self.happened.retained += retained,
            Err(ReadError { reason }) => found.push(Violation::StoreFails { reason }),
        }
        for violation in found {
            self.object(violation);
        }
    }
}

/// One look at what the store shows.
pub(super) struct Inspection<'look> {
    pub(super) witness: &'look Witness,
    pub(super) store: &'look dyn Reads,
    pub(super) application: ApplicationKey,
    pub(super) payload_age: Span,
    pub(super) row_age: Span,
    pub(super) now: Moment,
}

impl Inspection<'_> {
    /// Looks at as much as the extent says; gives how many of the events had gone.
    fn look(
        &self,
        extent: Extent,
        random: &mut Stream,
        found: &mut Vec<Violation>,
    ) -> Result<u64, ReadError> {
        let mut gone = 0;
        for stretch in self.witness.stretches(extent, random) {
            gone += self.look_at(&stretch, random, found)?;
        }
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }

    /// Looks at a stretch of the events; gives how many of them had gone.
    fn look_at(
        &self,
        stretch: &Stretch<'_>,
        random: &mut Stream,
        found: &mut Vec<Violation>,
    ) -> Result<usize, ReadError> {
        let mut gone = BTreeSet::new();
        let mut standing = self.standing(stretch, found)?;
        for seen in &stretch.events {
            let is_there = self.look_at_event(seen, found)?;
            if !is_there {
                gone.insert(seen.event.position);
            } else {
                self.look_at_states(seen, &mut standing, found)?;
            }
        }
        self.look_at_registrations(found)?;
        self.look_at_events(stretch, random, &gone, found)?;
        self.look_at_attempts(stretch, random, &gone, found)?;
        self.look_at_audit(stretch, random, &gone, found)?;
        Ok(gone.len())
    }

    /// The endpoint with this ordinal.
    pub(super) const fn endpoint(&self, ordinal: u32) -> EndpointKey {
        EndpointKey {
            application: self.application,
            ordinal,
        }
    }
}
