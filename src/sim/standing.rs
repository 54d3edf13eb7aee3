//! How the deliveries to an endpoint stand, as the store lists them.

use crate::{
    domain::{
        delivery::DeliveryState,
        endpoint::EndpointKey,
        history::{HistoryQuery, Order},
        id::EventId,
    },
    store::{ReadError, Reads},
};

use super::paging::Ends;

/// Entries of one endpoint, oldest first.
#[derive(Debug, Default)]
pub(super) struct Standing {
    entries: Vec<(EventId, Option<DeliveryState>)>,
    /// The entry that is looked for next, if they are looked for in their order.
    next: usize,
}

impl Standing {
    /// Reads what of the list of an endpoint is between two ids.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn read(
        store: &dyn Reads,
        endpoint: EndpointKey,
        (above, below): Ends,
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
