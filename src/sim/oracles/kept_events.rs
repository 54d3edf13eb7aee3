//! I1 and I2: every event that is durable is there with its exact bytes, by its id and by its name;
//! only what retention may let go is missing.

use std::sync::Arc;

use crate::{
    domain::history::Name,
    sim::{inspection::Inspection, seen::SeenEvent, violation::Violation},
    store::ReadError,
    time::Span,
};

impl Inspection<'_> {
    /// One event, by its id and by its name; false if retention let it go.
    pub(in crate::sim) fn look_at_event(
        &self,
        seen: &SeenEvent,
        found: &mut Vec<Violation>,
    ) -> Result<bool, ReadError> {
        let event = seen.event.id;
        let mut lost = |what| found.push(Violation::Lost { event, what });
        let by_id = self.store.event(self.application, &Name::Id(event.id()))?;
        let Some(entry) = by_id else {
            if !self.may_go(seen, self.row_age) {
                lost("it is gone");
            }
            return Ok(false);
        };
        let same = entry.event.position == seen.event.position
            && entry.event.accepted_at == seen.event.accepted_at
            && entry.event.accepted_wall == seen.event.accepted_wall
            && entry.event.uid == seen.event.uid
            && entry.event.event_type == seen.event.event_type
            && entry.event.channels == seen.event.channels
            && entry.event.expires_at == seen.event.expires_at
            && entry.event.besides == seen.event.besides;
        if !same {
            lost("it is another one");
        }
        if entry.has_payload && seen.expunged_at.is_some() {
            lost("its payload was taken away, and is there");
        }
        if entry.has_payload {
            if entry.event.payload != seen.event.payload {
                lost("its bytes are others");
            }
        } else if seen.expunged_at.is_none() && !self.may_go(seen, self.payload_age) {
            lost("its bytes are gone");
        }
        if let Some(uid) = &seen.event.uid {
            let by_name = self
                .store
                .event(self.application, &Name::Uid(Arc::clone(uid)))?;
            if by_name.is_none_or(|entry| entry.event.id != event) {
                lost("its name does not lead to it");
            }
        }
        Ok(true)
    }

    /// Whether retention may have let go what is kept so long.
    fn may_go(&self, seen: &SeenEvent, age: Span) -> bool {
        let is_old = self.now.steady.since(seen.touched_at) >= age;
        let mut deliveries = (0_u32..).zip(&seen.deliveries);
        is_old
            && deliveries.all(|(ordinal, delivery)| {
                delivery.end.is_some()
                    || delivery.sent == 0
                    || self.witness.is_called_off(seen, ordinal)
            })
    }
}
