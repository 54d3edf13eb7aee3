//! What keeps a delivery that has not ended when the journal does, and whether its event is for the endpoint at
//! all: of one that was never tried nothing else tells so.

use core::fmt;
use std::{collections::BTreeMap, sync::Arc};

use super::{Explanation, Fact, fact::Seconds};
use crate::{
    domain::{
        circuit::{Circuit, CircuitState},
        command::{EndpointUpdate, NewEndpoint, NewEvent},
        endpoint::{Endpoint, EndpointState},
        event::Event,
        filter::Filter,
        page::EndpointRecovery,
    },
    journal::trace::Record,
    time::{Now, Span, Timestamp},
};

/// What a delivery waits for when the journal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Its time: so long it is until then.
    NotDue(Span),
    /// Its endpoint is disabled.
    EndpointDisabled,
    /// Its endpoint is deleted: nothing more comes.
    EndpointDeleted,
    /// Its payload was let go: nothing more comes.
    PayloadGone,
    /// The circuit of the endpoint is not closed.
    Circuit,
    /// All of so many send slots are taken.
    AllSlots(usize),
    /// The endpoint has as many attempts in flight as it has earned.
    Window(usize),
    /// Its turn: a page that is to be loaded, or other deliveries.
    Turn,
}

impl Waits {
    /// Tells it of a delivery that was tried so often.
    pub(super) fn tell(self, attempts: u16, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let further = if attempts > 0 { "further " } else { "" };
        write!(
            out,
            "no {further}attempt is made up to the end of the journal: {self}"
        )
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDue(until) => write!(out, "it is due in {}", Seconds(*until)),
            Self::EndpointDisabled => out.write_str("its endpoint is disabled"),
            Self::EndpointDeleted => out.write_str("its endpoint is deleted"),
            Self::PayloadGone => out.write_str("its payload is let go"),
            Self::Circuit => out.write_str("the circuit of the endpoint is not closed"),
            Self::AllSlots(slots) => write!(out, "all {slots} send slots are taken"),
            Self::Window(count) => {
                write!(
                    out,
                    "the endpoint has its {count} in flight and no more at once"
                )
            }
            Self::Turn => out.write_str("it waits for its turn"),
        }
    }
}

/// What an event is found to be for an endpoint by.
#[derive(Clone, Debug)]
struct Label {
    event_type: Arc<str>,
    channels: Vec<Arc<str>>,
    only_to: Option<u32>,
}

/// What an endpoint takes: by its filter, if that is known, and whether it takes anything.
#[derive(Clone, Debug, Default)]
struct Takes {
    filter: Option<Arc<Filter>>,
    is_enabled: bool,
}

/// What is known of the event, the endpoint and what is between them.
#[derive(Default)]
pub(super) struct Address {
    /// Events and endpoints that are asked for, by their requests.
    events: BTreeMap<u64, Label>,
    endpoints: BTreeMap<u64, Takes>,
    /// What the endpoint is to take, when a change of it was asked for last.
    change: Takes,
    /// What it was made with, what it takes now, and what it took when the event came.
    made: Takes,
    takes: Takes,
    took: Option<Takes>,
    /// The endpoint as the last life began with it.
    recovered: Option<Arc<Endpoint>>,
    event: Option<Label>,
    /// The application of the event.
    application: Option<u128>,
    /// What an endpoint of before says of an event of before.
    matched: Option<bool>,
    is_deleted: bool,
    is_payload_gone: bool,
    is_circuit_open: bool,
}

impl Address {
    /// A producer asks for an event.
    pub(super) fn event_asked(&mut self, request: u64, new: &NewEvent) {
        let label = Label {
            event_type: Arc::clone(&new.event_type),
            channels: new.channels.clone(),
            only_to: new.besides.only_to,
        };
        self.events.insert(request, label);
    }

    /// Somebody asks for an endpoint.
    pub(super) fn endpoint_asked(&mut self, request: u64, new: &NewEndpoint) {
        let takes = Takes {
            filter: Some(Arc::new(new.filter.clone())),
            is_enabled: new.is_enabled,
        };
        self.endpoints.insert(request, takes);
    }

    /// Somebody asks for a change of the endpoint.
    pub(super) fn change_asked(&mut self, update: &EndpointUpdate) {
        self.change = Takes {
            filter: Some(Arc::new(update.filter.clone())),
            is_enabled: update.is_enabled,
        };
    }

    /// A request is answered: with the event, with the endpoint, or with neither.
    pub(super) fn answered(&mut self, request: u64, is_event: bool, is_endpoint: bool) {
        let event = self.events.remove(&request);
        if is_event {
            self.event = event.or_else(|| self.event.take());
        }
        let endpoint = self.endpoints.remove(&request);
        if let Some(made) = endpoint.filter(|_| is_endpoint && self.made.filter.is_none()) {
            if self.takes.filter.is_none() {
                self.takes = made.clone();
            }
            self.made = made;
        }
    }

    /// A life begins with the endpoint.
    pub(super) fn recovered(&mut self, known: &EndpointRecovery) {
        let endpoint = &known.endpoint;
        self.takes = Takes {
            filter: Some(Arc::clone(&endpoint.filter)),
            is_enabled: endpoint.state == EndpointState::Enabled,
        };
        self.is_deleted = endpoint.is_deleted();
        let is_closed = |circuit: &Circuit| circuit.state == CircuitState::Closed;
        self.is_circuit_open = known.circuit.is_some_and(|circuit| !is_closed(&circuit));
        self.recovered = Some(Arc::clone(endpoint));
    }

    /// Nobody waits for an answer of the process before.
    pub(super) fn process_began(&mut self) {
        self.events.clear();
        self.endpoints.clear();
        // What is kept of a circuit comes with the shard.
        self.is_circuit_open = false;
    }

    /// The event is seen as it is stored.
    pub(super) fn seen(&mut self, event: &Event) {
        self.event = Some(Label {
            event_type: Arc::clone(&event.event_type),
            channels: event.channels.clone(),
            only_to: event.only_to(),
        });
        let matched = self.recovered.as_ref().map(|it| it.matched(event));
        self.matched = self.matched.or(matched);
    }

    /// The event is about to be durable, in this application.
    pub(super) fn event_made(&mut self, application: u128) {
        self.application = Some(application);
        self.took = Some(self.takes.clone());
    }

    /// It did not become durable, as far as is known.
    pub(super) fn event_lost(&mut self) {
        self.took = None;
    }

    /// The payload of the event is let go.
    pub(super) const fn payload_gone(&mut self) {
        self.is_payload_gone = true;
    }

    /// Whether the event may be of this application.
    pub(super) fn is_in(&self, application: u128) -> bool {
        self.application.is_none_or(|of| of == application)
    }

    /// Whether the event goes to the endpoint with this place, as far as can be told.
    fn is_for(&self, key: u128) -> bool {
        let Some((took, event)) = self.took.as_ref().zip(self.event.as_ref()) else {
            return self.matched == Some(true);
        };
        // One whose making was not answered yet took what it was made with.
        let took = match &took.filter {
            Some(_) => took,
            None if took.is_enabled => &self.made,
            None => return false,
        };
        let is_its = self.application == Some(key >> 32);
        let fits = match event.only_to {
            Some(ordinal) => u128::from(ordinal) == key & u128::from(u32::MAX),
            None => {
                let filter = took.filter.as_ref();
                filter.is_some_and(|filter| filter.takes(&event.event_type, &event.channels))
            }
        };
        took.is_enabled && is_its && fits
    }
}

impl Explanation {
    /// The endpoint is made or changed.
    pub(super) fn endpoint_made(&mut self, now: Now, is_new: bool) {
        if is_new {
            // With what, its answer tells.
            self.address.takes = Takes {
                filter: None,
                is_enabled: true,
            };
            return;
        }
        let before = core::mem::replace(&mut self.address.takes, self.address.change.clone());
        let is_enabled = self.address.takes.is_enabled;
        if before.filter.is_some() && before.is_enabled != is_enabled {
            self.has_state(now, is_enabled);
        }
    }

    fn has_state(&mut self, now: Now, is_enabled: bool) {
        self.address.takes.is_enabled = is_enabled;
        if is_enabled {
            self.own.disabled = None;
            self.own.enabled = Some(now.steady);
        } else {
            self.own.disabled = Some(now.steady);
        }
        if self.position.is_some() {
            self.tell(now, Fact::EndpointState { is_enabled });
        }
    }

    /// The endpoint is enabled, disabled or deleted, or its circuit is another one; there may be no event yet.
    pub(super) fn endpoint_changed(&mut self, now: Now, record: &Record, until: Timestamp) {
        match (record.kind, record.second) {
            (202, _) => self.has_state(now, record.value == 1),
            (217, _) => {
                self.address.takes.is_enabled = false;
                self.address.is_deleted = true;
                if self.position.is_some() {
                    self.tell(now, Fact::EndpointDeleted);
                }
            }
            // Open until then, half-open or recovering from now on, or closed.
            (_, state) => {
                self.address.is_circuit_open = state > 1;
                match state {
                    2 => self.own.circuit_until = Some(until),
                    3 | 4 => self.own.circuit_until = Some(now.steady),
                    _ => {}
                }
            }
        }
    }

    /// Whether there is such a delivery, though nothing of it alone is recorded.
    pub(super) fn is_delivery(&self) -> bool {
        let key = self.key.filter(|_| self.position.is_some());
        key.is_some_and(|key| self.address.is_for(key))
    }

    /// Tells what it waits for at the end of the journal, if it waits.
    pub(super) fn tell_what_keeps_it(&mut self) {
        let is_on_its_way = self.own.flight.is_some() || self.own.outcome.is_some();
        if self.own.has_ended || is_on_its_way || self.batch.is_some() {
            return;
        }
        let (now, attempts) = (self.last, self.own.attempts);
        let why = self.what_keeps_it(now);
        self.tell(now, Fact::Waits { attempts, why });
    }

    fn what_keeps_it(&self, now: Now) -> Waits {
        let until = self.own.ready.map(|ready| ready.since(now.steady));
        let to_endpoint = self.flying.values().filter(|it| **it == self.endpoint);
        let to_endpoint = to_endpoint.count();
        let slots = self.options.send_slots;
        if self.address.is_deleted {
            Waits::EndpointDeleted
        } else if self.address.is_payload_gone {
            Waits::PayloadGone
        } else if let Some(until) = until.filter(|until| *until > Span::ZERO) {
            Waits::NotDue(until)
        } else if !self.address.takes.is_enabled {
            Waits::EndpointDisabled
        } else if self.address.is_circuit_open {
            Waits::Circuit
        } else if self.flying.len() >= slots {
            Waits::AllSlots(slots)
        } else if to_endpoint > 0 {
            Waits::Window(to_endpoint)
        } else {
            Waits::Turn
        }
    }
}
