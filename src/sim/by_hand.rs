//! What operators do by hand while events go on: they change endpoints, ask for attempts, take
//! payloads away. Each is read, changed and asked as the server does it; who gets no answer asks
//! again.

use std::sync::Arc;

use super::{
    changed::{Changed, change},
    workload::{Ask, event_type},
    world::World,
};
use crate::{
    domain::{
        audit::{Act, NewAuditEntry},
        command::{CalledTask, Command, NewTask, RequestHandle},
        endpoint::Endpoint,
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition},
        filter::Filter,
        history::{HistoryQuery, Name, Order},
        id::TaskId,
        ordering::Ordering,
        secret::Secret,
        task::{Matching, Selection},
    },
    limits,
    store::Reads,
    time::Span,
};

/// Something that is done by hand. Endpoints go by their number; an event by a number that chooses
/// among those that are accepted at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The endpoint gets another URL.
    Move(u32),
    /// The endpoint gets another secret; the one of before signs for so long, too.
    Rotate(u32, Span),
    /// The endpoint wants events of these types from now on, one bit for each; of all, if there is none.
    Refilter(u32, u8),
    /// The endpoint keeps such an order from now on.
    Reorder(u32, Ordering),
    /// The endpoint is disabled.
    Disable(u32),
    /// The endpoint is enabled.
    Enable(u32),
    /// The endpoint is deleted.
    Delete(u32),
    /// An attempt of an event to an endpoint is asked for.
    Resend(u32, u32),
    /// The payload of an event is taken away.
    Expunge(u32),
    /// A delivery to an endpoint is skipped or parked: the first of which an attempt is in flight, from an
    /// event on; else the first that was tried, else the first that has not ended.
    SetAside(Act, u32, u32),
    /// A task sends deliveries of an endpoint again, from an event on: which, the event, the endpoint.
    Task(TaskKind, u32, u32),
    /// The last task of an endpoint is called off.
    CancelTask(u32),
    /// Another endpoint is made. Its number is how many there were at first and the place of this among what is
    /// done by hand.
    Add,
}

/// Which deliveries a task sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Those that failed.
    #[default]
    Recover,
    /// Those that were never tried.
    ReplayMissing,
    /// All that were tried.
    Replay,
}

impl Action {
    /// The endpoint that it is done to, by its number, if it is done to one.
    #[must_use]
    pub const fn endpoint(self) -> Option<u32> {
        match self {
            Self::Move(endpoint)
            | Self::Refilter(endpoint, _)
            | Self::Reorder(endpoint, _)
            | Self::Rotate(endpoint, _)
            | Self::Disable(endpoint)
            | Self::Enable(endpoint)
            | Self::Delete(endpoint)
            | Self::Resend(_, endpoint)
            | Self::SetAside(_, _, endpoint)
            | Self::Task(_, _, endpoint)
            | Self::CancelTask(endpoint) => Some(endpoint),
            Self::Expunge(_) | Self::Add => None,
        }
    }
}

/// What was asked of the engine, as far as its acknowledgement promises something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The endpoint with this ordinal has this target and is enabled or not from now on.
    Change {
        ordinal: u32,
        url: EndpointUrl,
        filter: Filter,
        /// A new secret, and how long the one of before signs, too.
        rotation: Option<(Secret, Span)>,
        is_enabled: bool,
    },
    /// The endpoint with this ordinal is no more.
    Delete { ordinal: u32 },
    /// The event is sent to the endpoint once more.
    Resend {
        position: EventPosition,
        ordinal: u32,
    },
    /// The delivery is skipped or parked.
    SetAside {
        act: Act,
        position: EventPosition,
        ordinal: u32,
    },
    /// The payload is sent no more.
    Expunge { position: EventPosition },
    /// A task begins.
    Task { ordinal: u32 },
    /// A task sends nothing more.
    CancelTask { id: TaskId },
}

impl World<'_> {
    /// Does what is to be done by hand, if there is something to do it to.
    pub(super) fn act(&mut self, number: u32) {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let action = self.scenario.by_hand.get(index).copied();
        let Some((_, action)) = action.filter(|_| !self.is_healed()) else {
            return;
        };
        if action == Action::Add {
            let added = self.scenario.endpoints.saturating_add(number);
            self.witness.happened.added += 1;
            return self.plan_ask((Span::ZERO, Ask::Endpoint(added)));
        }
        let Some((command, asked)) = self.command_of(action, number) else {
            return;
        };
        let ask = Ask::ByHand(number);
        let request = self.workload.request(ask);
        let moment = self.moment();
        self.witness.asked_by_hand(&asked, moment);
        self.acts.insert(request, (asked, moment));
        self.step(crate::engine::io::Input::Command(request, command));
    }

    /// Something that was done by hand is acknowledged.
    pub(super) fn acted(&mut self, request: RequestHandle, task: Option<TaskId>) {
        if let Some((asked, asked_at)) = self.acts.remove(&request) {
            let moment = self.moment();
            if let (Asked::Task { .. }, Some(id)) = (&asked, task) {
                self.witness.task_told(id, moment);
            }
            self.witness.done_by_hand(&asked, asked_at, moment);
        }
    }

    /// What an action asks for, with what is known now; nothing if there is nothing to do it to.
    fn command_of(&self, action: Action, number: u32) -> Option<(Command, Asked)> {
        let application = self.application;
        let none = Changed::default();
        match action {
            Action::Move(of) => {
                let known = self.known(of)?;
                let url = EndpointUrl::parse(&self.scenario.moved_url_of(of, number)).ok()?;
                let url = Some(url);
                Some(change(&known, Changed { url, ..none }))
            }
            Action::Refilter(of, types) => {
                let known = self.known(of)?;
                let filter = Filter {
                    event_types: event_types(types),
                    ..Filter::clone(&known.filter)
                };
                let filter = Some(filter);
                Some(change(&known, Changed { filter, ..none }))
            }
            Action::Reorder(of, ordering) => {
                let ordering = Some(ordering);
                Some(change(&*self.known(of)?, Changed { ordering, ..none }))
            }
            Action::Rotate(of, grace) => {
                let rotation = Some((secret(number)?, grace));
                Some(change(&*self.known(of)?, Changed { rotation, ..none }))
            }
            Action::Disable(of) | Action::Enable(of) => {
                let is_enabled = Some(matches!(action, Action::Enable(_)));
                Some(change(&*self.known(of)?, Changed { is_enabled, ..none }))
            }
            Action::Delete(of) => {
                let known = self.known(of)?;
                let command = Command::DeleteEndpoint {
                    application,
                    endpoint: known.id,
                };
                let ordinal = known.key.ordinal;
                Some((command, Asked::Delete { ordinal }))
            }
            Action::Resend(event, of) => {
                let (known, event) = (self.known(of)?, self.accepted_event(event)?);
                let store = self.host.store()?;
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
            Action::SetAside(act, event, of) => self.open_of(act, event, of),
            Action::Task(kind, event, of) => self.task_of(kind, event, of),
            Action::CancelTask(of) => self.end_of_task(of),
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

    /// The first delivery to an endpoint that has not ended, from an event on, to be set aside.
    fn open_of(&self, act: Act, event: u32, of: u32) -> Option<(Command, Asked)> {
        let known = self.known(of)?;
        let store = self.host.store()?;
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
    fn task_of(&self, kind: TaskKind, event: u32, of: u32) -> Option<(Command, Asked)> {
        let (known, event) = (self.known(of)?, self.accepted_event(event)?);
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
    fn end_of_task(&self, of: u32) -> Option<(Command, Asked)> {
        let known = self.known(of)?;
        let id = self.witness.last_task(known.key.ordinal)?;
        let command = Command::CancelTask(CalledTask {
            application: self.application,
            endpoint: known.id,
            id,
        });
        Some((command, Asked::CancelTask { id }))
    }

    /// The endpoint with this number as everybody can read it.
    fn known(&self, number: u32) -> Option<Arc<Endpoint>> {
        let id = self.workload.endpoint(number)?;
        let store = self.host.store()?;
        let known = store.endpoint(self.application, &Name::Id(id.id()));
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

/// Whether the same is asked again after this refusal; else there is nothing more to do.
pub(super) const fn is_asked_again(refusal: crate::domain::command::Refusal) -> bool {
    use crate::domain::command::Refusal;
    matches!(
        refusal,
        Refusal::Stale
            | Refusal::StoreFull
            | Refusal::DiskFull
            | Refusal::Overloaded
            | Refusal::ShuttingDown
            | Refusal::Unknown
            | Refusal::NotReady
    )
}
