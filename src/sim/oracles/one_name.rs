//! I18: a name that a producer chose belongs to one event, and each answer under it names that one.

use std::sync::Arc;

use crate::{
    domain::{event::Event, id::EventId},
    sim::{seen::SeenEvent, violation::Violation, witness::Witness},
};

impl Witness {
    /// An event is durable: nobody else may have its name.
    pub(in crate::sim) fn name_given(&mut self, event: &Event) {
        if let Some(uid) = &event.uid
            && let Some(other) = self.names.insert(Arc::clone(uid), event.id)
        {
            let event = event.id;
            self.object(Violation::NameTwice { event, other });
        }
    }
}

/// Judges the event that a producer is told of; `before` is the one that it was told of before.
pub(in crate::sim) fn judge_told(seen: &SeenEvent, before: Option<EventId>) -> Option<Violation> {
    let (event, is_named) = (seen.event.id, seen.event.uid.is_some());
    let other = before.filter(|before| is_named && *before != event)?;
    Some(Violation::NameTwice { event, other })
}
