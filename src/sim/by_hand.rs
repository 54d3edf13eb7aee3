//! What operators do by hand while events go on: they change endpoints, ask for attempts, take
//! payloads away. Each is read, changed and asked as the server does it; who gets no answer asks
//! again.

use super::{ask::Ask, changed::Changed, operator::Operator, world::World};
use crate::{
    domain::{
        audit::Act,
        command::{Command, RequestHandle},
        event::EventPosition,
        history::Name,
        id::TaskId,
        ordering::Ordering,
    },
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
    /// The endpoint takes so many attempts a second from now on; as many as come, if nothing is said.
    Rerate(u32, Option<u16>),
    /// The endpoint gets requests with so many header fields of its owner.
    Reheader(u32, u8),
    /// The endpoint wants events of this channel, which is that of the endpoint with the second number; of all, if
    /// nothing is said.
    Rechannel(u32, Option<u32>),
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
    pub const fn endpoint(mut self) -> Option<u32> {
        match self.endpoint_mut() {
            Some(endpoint) => Some(*endpoint),
            None => None,
        }
    }

    /// The same, to make it another one.
    pub(super) const fn endpoint_mut(&mut self) -> Option<&mut u32> {
        match self {
            Self::Move(endpoint)
            | Self::Refilter(endpoint, _)
            | Self::Reorder(endpoint, _)
            | Self::Rerate(endpoint, _)
            | Self::Reheader(endpoint, _)
            | Self::Rechannel(endpoint, _)
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
    /// The endpoint with this ordinal, which was of this revision, is so from now on.
    Change {
        ordinal: u32,
        revision: u32,
        changed: Box<Changed>,
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

    /// What an action asks for, with what is known now; nothing if there is nothing to do it to.
    fn command_of(&self, action: Action, number: u32) -> Option<(Command, Asked)> {
        let endpoint = action.endpoint();
        let endpoint = endpoint.and_then(|number| self.workload.endpoint(number));
        let operator = Operator {
            scenario: self.scenario,
            witness: &self.witness,
            store: self.host.store()?,
            application: self.application,
            endpoint: endpoint.map(|id| Name::Id(id.id())),
        };
        operator.command_of(action, number)
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
