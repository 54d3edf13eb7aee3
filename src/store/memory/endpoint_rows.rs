//! One endpoint's rows: itself, its lagging lane and its open deliveries.

use core::ops::Bound;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    domain::{
        circuit::Circuit,
        delivery::{LaneRow, OpenDelivery, Resend},
        endpoint::{Endpoint, EndpointState},
        event::EventPosition,
        ordering::OrderingKey,
        page::Ordered,
    },
    time::Timestamp,
};

/// What is stored of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointRows {
    endpoint: Arc<Endpoint>,
    /// Where its lane stands, if it lags.
    pub(super) lane: Option<LaneRow>,
    /// What is kept of its circuit breaker.
    pub(super) circuit: Option<Circuit>,
    /// Its open deliveries, by their events.
    open: BTreeMap<EventPosition, OpenDelivery>,
    /// When each is due, earliest first.
    due: BTreeSet<(Timestamp, EventPosition)>,
    /// The lines in which rows stand.
    ordered: BTreeMap<EventPosition, OrderingKey>,
    /// Attempts that somebody asked for.
    pub(super) resends: BTreeMap<EventPosition, Resend>,
}

impl EndpointRows {
    /// A new endpoint without work.
    pub(super) const fn new(endpoint: Arc<Endpoint>) -> Self {
        Self {
            endpoint,
            lane: None,
            circuit: None,
            open: BTreeMap::new(),
            due: BTreeSet::new(),
            ordered: BTreeMap::new(),
            resends: BTreeMap::new(),
        }
    }

    /// The endpoint as it is now.
    pub(super) const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Puts the endpoint into a state; those who hold the old one keep it as it was.
    pub(super) fn set_state(&mut self, state: EndpointState, from: EventPosition) {
        Arc::make_mut(&mut self.endpoint).set_state(state, from);
    }

    /// The endpoint is another one from now on.
    pub(super) fn replace(&mut self, endpoint: Arc<Endpoint>) {
        self.endpoint = endpoint;
    }

    /// Writes a row or replaces the one of this event; true if there was none.
    pub(super) fn put_open(&mut self, row: OpenDelivery) -> bool {
        let replaced = self.open.insert(row.position, row);
        if let Some(replaced) = &replaced {
            self.due.remove(&(replaced.due, row.position));
        }
        self.due.insert((row.due, row.position));
        replaced.is_none()
    }

    /// Takes the row of an event away; true if there was one.
    pub(super) fn delete_open(&mut self, position: EventPosition) -> bool {
        let Some(row) = self.open.remove(&position) else {
            return false;
        };
        self.due.remove(&(row.due, position));
        self.ordered.remove(&position);
        true
    }

    /// The row of an event stands in a line, if there is one.
    pub(super) fn put_ordered(&mut self, position: EventPosition, order: OrderingKey) {
        if self.open.contains_key(&position) {
            self.ordered.insert(position, order);
        }
    }

    /// Its rows that stand in line, in order.
    pub(super) fn ordered(&self) -> impl Iterator<Item = Ordered> + '_ {
        self.ordered.iter().map(|(position, order)| Ordered {
            position: *position,
            order: *order,
            is_held: self.due_of(*position) == Some(Timestamp::MAX),
        })
    }

    /// When the row of this event is due, if there is one.
    pub(super) fn due_of(&self, position: EventPosition) -> Option<Timestamp> {
        self.open.get(&position).map(|row| row.due)
    }

    /// When the first row is due.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Events from `position` on that have a row, in order.
    pub(super) fn open_from(
        &self,
        position: EventPosition,
    ) -> impl Iterator<Item = EventPosition> + '_ {
        self.open.range(position..).map(|(position, _)| *position)
    }

    /// How many rows there are.
    pub(super) fn open_rows(&self) -> usize {
        self.open.len()
    }

    /// The rows behind `after`, earliest due first.
    pub(super) fn open_after(
        &self,
        after: Option<(Timestamp, EventPosition)>,
    ) -> impl Iterator<Item = &OpenDelivery> + '_ {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = self.due.range((from, Bound::Unbounded));
        behind.filter_map(|(_, position)| self.open.get(position))
    }
}
