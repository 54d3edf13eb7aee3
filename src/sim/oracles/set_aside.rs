//! I1 for what is skipped and parked: what is acknowledged is durable, and noted as it was asked. I2: the
//! audit shows each of these once, as long as its event is kept, and nothing else.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    domain::{
        audit::{Act, AuditEntry},
        event::EventPosition,
        history::{HistoryQuery, Order},
        id::Id,
    },
    random::Stream,
    sim::{
        by_hand::Asked,
        inspection::Inspection,
        oracle::End,
        paging::pages,
        seen::{Moment, Seen},
        stretch::Stretch,
        violation::Violation,
        whole::Whole,
        witness::Witness,
    },
    store::{ReadError, Reads},
    time::Timestamp,
};

/// The list that tells who did it.
const LIST: &str = "the audit";

/// What was noted, and when that was durable, in real time.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Noted {
    entry: Arc<AuditEntry>,
    at: Timestamp,
}

/// Whether a task may send a delivery again that ended so, whatever was tried; `None` if that depends on
/// what was.
pub(in crate::sim) const fn is_sent_again(seen: &Seen) -> Option<bool> {
    match seen.end {
        Some(End::SetAside(Act::Skip)) => Some(false),
        Some(End::SetAside(Act::Park)) => Some(true),
        Some(End::Succeeded | End::Exhausted | End::Expired | End::CalledOff) | None => None,
    }
}

/// Whether a delivery was parked, and no attempt of it in flight, before some time.
pub(in crate::sim) fn was_parked(seen: &Seen, before: Timestamp) -> bool {
    let has_landed = seen.sent == 0 || seen.told_at.is_some_and(|at| at < before);
    seen.end == Some(End::SetAside(Act::Park)) && has_landed
}

impl Witness {
    /// It is durable that somebody set a delivery aside.
    pub(in crate::sim) fn set_aside(&mut self, entry: &Arc<AuditEntry>, at: Moment) {
        self.happened.set_aside += 1;
        self.id_given(entry.id.id().value());
        let noted = Noted {
            entry: Arc::clone(entry),
            at: at.real,
        };
        self.by_hand.noted.insert(entry.id, noted);
        let delivery = (entry.endpoint.ordinal, entry.position);
        let end = End::SetAside(entry.act);
        self.ended(delivery, end, 0, at);
    }

    /// Judges that somebody was told that a delivery is set aside.
    pub(in crate::sim) fn judge_set_aside(
        &mut self,
        (act, ordinal, position): (Act, u32, EventPosition),
        asked_at: Moment,
        now: Moment,
    ) {
        let mut noted = self.by_hand.noted.values();
        let is_noted = noted.any(|noted| {
            let entry = &noted.entry;
            entry.act == act
                && (entry.endpoint.ordinal, entry.position) == (ordinal, position)
                && noted.at >= asked_at.real
                && noted.at <= now.real
        });
        if !is_noted {
            let endpoint = self.endpoint_id(ordinal);
            self.object(Violation::ChangeLost { endpoint });
        }
    }

    /// Whether a store has noted this.
    pub(in crate::sim) fn is_noted(store: &dyn Reads, entry: &AuditEntry) -> bool {
        let id = entry.id.id();
        let query = HistoryQuery {
            above: Some(Id::from_value(id.value().saturating_sub(1))),
            below: None,
            order: Order::OldestFirst,
            limit: 1,
        };
        let found = store.audit(entry.endpoint, query).unwrap_or_default();
        found.first().is_some_and(|found| found.id == entry.id)
    }
}

impl Inspection<'_> {
    /// What was done by hand with the deliveries of each endpoint.
    pub(in crate::sim) fn look_at_audit(
        &self,
        stretch: &Stretch<'_>,
        random: &mut Stream,
        gone: &BTreeSet<EventPosition>,
        found: &mut Vec<Violation>,
    ) -> Result<(), ReadError> {
        if self.witness.by_hand.noted.is_empty() {
            return Ok(());
        }
        for ordinal in self.witness.endpoints.keys() {
            let noted = self
                .witness
                .by_hand
                .noted
                .values()
                .map(|noted| &*noted.entry);
            let expected = noted.filter(|entry| {
                entry.endpoint.ordinal == *ordinal
                    && stretch.has(entry.position)
                    && !gone.contains(&entry.position)
            });
            let expected: Vec<&AuditEntry> = expected.collect();
            let read = |query| self.store.audit(self.endpoint(*ordinal), query);
            let ends = (None, None);
            let mut listed = pages(random, ends, expected.len(), read, |entry: &AuditEntry| {
                entry.id.id()
            })?;
            listed.retain(|entry| stretch.has(entry.position));
            if !listed.iter().eq(expected.iter().copied()) {
                let what = format!("{} of {} entries", listed.len(), expected.len());
                found.push(Whole::List { list: LIST, what }.into());
            }
        }
        Ok(())
    }
}

impl Asked {
    /// What is set aside, if that is what was asked.
    pub(in crate::sim) const fn set_aside(&self) -> Option<(Act, u32, EventPosition)> {
        match self {
            Self::SetAside {
                act,
                position,
                ordinal,
            } => Some((*act, *ordinal, *position)),
            _ => None,
        }
    }
}
