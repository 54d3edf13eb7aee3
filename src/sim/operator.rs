//! The operator: what is done by hand is chosen by what everybody can read, and becomes a command. How
//! that is asked is the host's business: of the engine itself, or over HTTP.

use std::sync::Arc;

use super::{
    by_hand::{Action, Asked, TaskKind},
    changed::{Changed, change},
    fan_out::channel,
    scenario::Scenario,
    witness::Witness,
    workload::event_type,
};
use crate::{
    domain::{
        application::ApplicationKey,
        audit::{Act, NewAuditEntry},
        command::{CalledTask, Command, NewTask},
        endpoint::Endpoint,
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition},
        filter::Filter,
        history::{HistoryQuery, Name, Order},
        secret::Secret,
        task::{Matching, Selection},
    },
    limits,
    store::Reads,
};

/// How the names of header fields begin that owners ask for.
pub(super) const ASKED_HEADER: &str = "x-asked-";

/// What somebody knows who does something by hand.
pub(super) struct Operator<'world> {
    pub(super) scenario: &'world Scenario,
    pub(super) witness: &'world Witness,
    pub(super) store: &'world dyn Reads,
    pub(super) application: ApplicationKey,
    /// The endpoint that it is done to, if it is done to one that is there.
    pub(super) endpoint: Option<Name>,
}

impl Operator<'_> {
    /// What an action asks for, with what is known now; nothing if there is nothing to do it to.
    pub(super) fn command_of(&self, action: Action, number: u32) -> Option<(Command, Asked)> {
        let application = self.application;
        match action {
            Action::Move(_)
            | Action::Refilter(..)
            | Action::Reorder(..)
            | Action::Rerate(..)
            | Action::Reheader(..)
            | Action::Rechannel(..)
            | Action::Rotate(..)
            | Action::Disable(_)
            | Action::Enable(_) => {
                let known = self.known()?;
                let changed = self.changed_by(action, number, &known)?;
                Some(change(&known, changed))
            }
            Action::Delete(_) => {
                let known = self.known()?;
                let command = Command::DeleteEndpoint {
                    application,
                    endpoint: known.id,
                };
                let ordinal = known.key.ordinal;
                Some((command, Asked::Delete { ordinal }))
            }
            Action::Resend(event, _) => {
                let (known, event) = (self.known()?, self.accepted_event(event)?);
                let store = self.store;
                let (endpoint, position) = (known.key, event.position);
                store.delivery_state(endpoint, position).ok()??;
                let entry = store.event(application, &Name::Id(event.id.id())).ok()??;
                let command = Command::Resend {
                    endpoint: known.id,
                    attempts: attempts_made(store, &known, position)?,
                    event: entry.has_payload.then_some(entry.event)?,
                };
                let ordinal = endpoint.ordinal;
                Some((command, Asked::Resend { position, ordinal }))
            }
            Action::SetAside(act, event, _) => self.open_of(act, event),
            Action::Task(kind, event, _) => self.task_of(kind, event),
            Action::CancelTask(_) => self.end_of_task(),
            Action::Add => None,
            Action::Expunge(event) => {
                let position = self.accepted_event(event)?.position;
                let command = Command::Expunge {
                    application,
                    position,
                    attempt: None,
                };
                Some((command, Asked::Expunge { position }))
            }
        }
    }

    /// What an action makes other about an endpoint; nothing if it does not change one.
    fn changed_by(&self, action: Action, number: u32, known: &Endpoint) -> Option<Changed> {
        let mut changed = Changed::default();
        match action {
            Action::Move(of) => {
                let url = self.scenario.moved_url_of(of, number);
                changed.url = Some(EndpointUrl::parse(&url).ok()?);
            }
            Action::Refilter(_, types) => {
                changed.filter = Some(Filter {
                    event_types: event_types(types),
                    ..Filter::clone(&known.filter)
                });
            }
            Action::Rechannel(_, of) => {
                changed.filter = Some(Filter {
                    channels: of.map(channel).into_iter().collect(),
                    ..Filter::clone(&known.filter)
                });
            }
            Action::Reorder(_, ordering) => changed.ordering = Some(ordering),
            Action::Rerate(_, rate) => changed.throttle_rate = Some(rate),
            Action::Reheader(_, count) => changed.headers = Some(header_fields(count, number)),
            Action::Rotate(_, grace) => changed.rotation = Some((secret(number)?, grace)),
            Action::Disable(_) => changed.is_enabled = Some(false),
            Action::Enable(_) => changed.is_enabled = Some(true),
            _ => return None,
        }
        Some(changed)
    }

    /// The first delivery to an endpoint that has not ended, from an event on, to be set aside.
    fn open_of(&self, act: Act, event: u32) -> Option<(Command, Asked)> {
        let known = self.known()?;
        let store = self.store;
        let count = u32::try_from(self.witness.answers.len()).ok()?;
        let open = (0..count).filter_map(|further| {
            let event = self.accepted_event(event.wrapping_add(further))?;
            let state = store.delivery_state(known.key, event.position).ok()??;
            (!state.is_terminal()).then_some(event)
        });
        let open: Vec<Arc<Event>> = open.collect();
        // One that flies, else one that was tried: others are mostly refused.
        let rank = |event: &&Arc<Event>| {
            let seen = self.witness.events.get(&event.position);
            let seen = seen.map(|seen| seen.seen(known.key.ordinal));
            match seen.filter(|seen| seen.sent > 0) {
                Some(seen) if seen.told_at.is_none() => 0,
                Some(_) => 1,
                None => 2,
            }
        };
        let open = open.iter().min_by_key(rank)?;
        let (ordinal, position) = (known.key.ordinal, open.position);
        let command = Command::SetAside(Box::new(NewAuditEntry {
            application: self.application,
            endpoint: known.id,
            position,
            event: open.id,
            act,
            by: "operator".into(),
            reason: "by hand".into(),
        }));
        let asked = Asked::SetAside {
            act,
            position,
            ordinal,
        };
        Some((command, asked))
    }

    /// A task of this kind for an endpoint, from an event on.
    fn task_of(&self, kind: TaskKind, event: u32) -> Option<(Command, Asked)> {
        let (known, event) = (self.known()?, self.accepted_event(event)?);
        let selection = match kind {
            TaskKind::Recover => Selection::Failed,
            TaskKind::ReplayMissing => Selection::Missing,
            TaskKind::Replay => Selection::Matching(Matching::default()),
        };
        let command = Command::StartTask(Box::new(NewTask {
            application: self.application,
            endpoint: known.id,
            selection,
            from: event.position,
            until: EventPosition::new(u64::MAX),
        }));
        let ordinal = known.key.ordinal;
        Some((command, Asked::Task { ordinal }))
    }

    /// The end of the last task of an endpoint.
    fn end_of_task(&self) -> Option<(Command, Asked)> {
        let known = self.known()?;
        let id = self.witness.last_task(known.key.ordinal)?;
        let command = Command::CancelTask(CalledTask {
            application: self.application,
            endpoint: known.id,
            id,
        });
        Some((command, Asked::CancelTask { id }))
    }

    /// The endpoint as everybody can read it.
    fn known(&self) -> Option<Arc<Endpoint>> {
        let known = self
            .store
            .endpoint(self.application, self.endpoint.as_ref()?);
        known.ok()?.filter(|known| !known.is_deleted())
    }

    /// One of the events that were accepted.
    fn accepted_event(&self, number: u32) -> Option<Arc<Event>> {
        let count = u32::try_from(self.witness.answers.len()).ok()?;
        let nth = usize::try_from(number.checked_rem(count)?).ok()?;
        let (_, id) = self.witness.answers.iter().nth(nth)?;
        let position = self.witness.positions.get(id)?;
        let seen = self.witness.events.get(position)?;
        Some(Arc::clone(&seen.event))
    }
}

/// So many header fields, which the action with this number brings; in the order of their names.
fn header_fields(count: u8, number: u32) -> Vec<(Arc<str>, Arc<str>)> {
    let field = |place: u8| {
        let name = format!("{ASKED_HEADER}{place}");
        (name.into(), format!("by-hand-{number}").into())
    };
    (0..count).map(field).collect()
}

/// The names of types, one bit for each.
fn event_types(types: u8) -> Vec<Arc<str>> {
    let numbers = (0..u8::BITS).filter(|number| types >> number & 1 == 1);
    numbers.map(event_type).collect()
}

/// The secret that the action with this number brings.
fn secret(number: u32) -> Option<Secret> {
    let mut bytes = vec![b'h'; limits::SECRET_BYTES];
    for (byte, of_number) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = of_number;
    }
    Secret::new(bytes).ok()
}

/// The number of the last attempt of a delivery.
fn attempts_made(store: &dyn Reads, known: &Endpoint, position: EventPosition) -> Option<u16> {
    let all = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: usize::MAX,
    };
    let listed = store.attempts_of_event(known.key.application, position, all);
    let listed = listed.ok()?;
    let of_this = listed
        .iter()
        .filter(|entry| entry.record.endpoint == known.key);
    Some(of_this.map(|entry| entry.record.number).max().unwrap_or(0))
}
