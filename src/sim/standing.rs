//! How the deliveries to an endpoint stand, as the store lists them.

use crate::{
    domain::{
        delivery::DeliveryState,
        endpoint::EndpointKey,
        history::{HistoryQuery, Order},
        id::{EventId, Id},
    },
    store::{ReadError, Reads},
};

/// Entries of one endpoint, oldest first.
#[derive(Debug, Default)]
pub(super) struct Standing {
    entries: Vec<(EventId, Option<DeliveryState>)>,
    /// The entry that is looked for next, if they are looked for in their order.
    next: usize,
}

impl Standing {
    /// Reads the whole list of an endpoint.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn read(store: &dyn Reads, endpoint: EndpointKey) -> Result<Self, ReadError> {
        Self::read_part(store, endpoint, (None, None))
    }

    /// Reads the part of an endpoint's list from one event to another, both included.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn read_span(
        store: &dyn Reads,
        endpoint: EndpointKey,
        (first, last): (EventId, EventId),
    ) -> Result<Self, ReadError> {
        let above = first.id().value().checked_sub(1);
        let below = last.id().value().checked_add(1);
        let ends = (above.map(Id::from_value), below.map(Id::from_value));
        Self::read_part(store, endpoint, ends)
    }

    fn read_part(
        store: &dyn Reads,
        endpoint: EndpointKey,
        (above, below): (Option<Id>, Option<Id>),
    ) -> Result<Self, ReadError> {
        let part = HistoryQuery {
            above,
            below,
            order: Order::OldestFirst,
            limit: usize::MAX,
        };
        let listed = store.deliveries(endpoint, part)?;
        let entries = listed.iter().map(|entry| (entry.event, entry.state));
        Ok(Self {
            entries: entries.collect(),
            next: 0,
        })
    }

    /// How the delivery of an event stands; `None` if the event is not in the list, and inside of that if
    /// it does not go to the endpoint.
    pub(super) fn of(&mut self, event: EventId) -> Option<Option<DeliveryState>> {
        let guessed = self.entries.get(self.next);
        let place = if guessed.is_some_and(|(known, _)| *known == event) {
            self.next
        } else {
            let found = self
                .entries
                .binary_search_by_key(&event, |(known, _)| *known);
            found.ok()?
        };
        self.next = place + 1;
        self.entries.get(place).map(|(_, state)| *state)
    }

    /// Whether each entry is there once, in the order of ids.
    pub(super) fn is_in_order(&self) -> bool {
        let mut entries = self.entries.iter().map(|(event, _)| event);
        let mut before = entries.next();
        entries.all(|event| before.replace(event) < Some(event))
    }
}
