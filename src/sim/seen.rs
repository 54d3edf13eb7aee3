//! What was seen of each event, delivery and endpoint, as plain facts.
//!
//! Two times are told apart: real time goes on whatever happens; steady time is what the engine is
//! told, and is what a due time is counted in.

use std::sync::Arc;

use super::{
    oracle::End,
    oracles::{
        as_owned::Owned,
        circuit::SeenCircuit,
        earned::SeenEarned,
        fan_out::Wants,
        gone::SeenGone,
        in_line::SeenLines,
        present_target::SeenTarget,
        rate::SeenRate,
        slow::{SeenPromptness, Sure},
    },
};
use crate::{
    domain::{
        attempt::{AttemptRecord, AttemptResult, Holder, Trigger},
        endpoint::{EndpointKey, Target},
        event::{Event, EventPosition},
        id::{AttemptId, EndpointId, EventId},
        outcome::OutcomeKind,
    },
    time::{Now, Span, Timestamp},
};

/// One moment, in real and in steady time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) real: Timestamp,
    pub(super) steady: Timestamp,
}

impl Moment {
    /// The later moment at this real time.
    pub(super) const fn later(self, real: Timestamp) -> Self {
        Self {
            real,
            steady: self.steady.plus(real.since(self.real)),
        }
    }
}

/// An attempt in flight, as the world names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct FlightFacts {
    pub(super) event: EventId,
    pub(super) endpoint: EndpointId,
    pub(super) position: EventPosition,
    pub(super) ordinal: u32,
    /// The number of the host it goes to.
    pub(super) host: usize,
    pub(super) number: u16,
    /// Whether somebody asked for it beside the schedule.
    pub(super) is_by_hand: bool,
    /// Whether it comes behind one of its schedule that failed, by what was heard.
    pub(super) is_retry: bool,
    /// The life of the process that sent it.
    pub(super) life: usize,
    /// In which period it was sent, and when, in steady time.
    pub(super) period: usize,
    pub(super) started_at: Timestamp,
    /// What is sure of how soon its receiver answers.
    pub(super) sure: Sure,
    /// The endpoint it goes to, where that is of another application than the one that is watched.
    pub(super) neighbour: Option<EndpointKey>,
}

/// The result of an attempt, as a batch has it. A run has one for each attempt, so it is no longer than what
/// is judged by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeenRecord {
    pub(super) id: AttemptId,
    pub(super) endpoint: EndpointKey,
    pub(super) position: EventPosition,
    pub(super) number: u16,
    pub(super) trigger: Trigger,
    pub(super) started_at: Now,
    pub(super) duration: Span,
    pub(super) outcome: OutcomeKind,
    pub(super) result: AttemptResult,
    /// Which attempt of its schedule it is told to be, when it was due, and what it waited for.
    pub(super) step: u16,
    pub(super) due: Timestamp,
    pub(super) held_by: Option<Holder>,
}

impl SeenRecord {
    /// Of what is recorded.
    pub(super) const fn of(record: &AttemptRecord) -> Self {
        Self {
            id: record.id,
            endpoint: record.endpoint,
            position: record.position,
            number: record.number,
            trigger: record.trigger,
            started_at: record.started_at,
            duration: record.duration,
            outcome: record.outcome,
            result: record.result,
            step: record.timing.step,
            due: record.timing.due,
            held_by: record.timing.held_by,
        }
    }
}

/// What was seen of one delivery.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// The last attempt number that was sent.
    pub(super) sent: u16,
    /// The greatest attempt number whose result is durable.
    pub(super) recorded: u16,
    /// When that was told, in real time.
    pub(super) recorded_at: Timestamp,
    /// When the next attempt is due, as the durable result has it, in steady time.
    pub(super) due: Timestamp,
    /// The last attempt that failed, and when the next one may come, in steady time.
    pub(super) failed: u16,
    pub(super) not_before: Timestamp,
    /// The latest time for which the next one may be planned, in steady time.
    pub(super) not_after: Timestamp,
    /// The last attempt: in which period it was sent, and when its outcome was told.
    pub(super) period: usize,
    pub(super) told_at: Option<Timestamp>,
    /// When the first 2xx came, in real time.
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) end: Option<End>,
    /// When it was recorded first that it had, in real time.
    pub(super) ended_at: Timestamp,
    /// Whether somebody skipped or parked it since it began.
    pub(super) is_set_aside: bool,
    /// How many attempts there were when a task made it begin anew, and when, in real time.
    pub(super) reopened_after: Option<u16>,
    pub(super) reopened_at: Timestamp,
    /// How it had ended then.
    pub(super) end_before: Option<End>,
}

impl Seen {
    /// Of a delivery that was not begun.
    const NOTHING: Self = Self {
        sent: 0,
        recorded: 0,
        recorded_at: Timestamp::ZERO,
        due: Timestamp::ZERO,
        failed: 0,
        not_before: Timestamp::ZERO,
        not_after: Timestamp::ZERO,
        period: 0,
        told_at: None,
        delivered_at: None,
        end: None,
        ended_at: Timestamp::ZERO,
        is_set_aside: false,
        reopened_after: None,
        reopened_at: Timestamp::ZERO,
        end_before: None,
    };

    /// Whether its schedule had another attempt after the last one that failed.
    pub(super) fn is_planned(&self) -> bool {
        self.not_after < Timestamp::MAX
    }

    /// Which attempt of its schedule the attempt with this number is.
    pub(super) fn step(&self, number: u16) -> u16 {
        number.saturating_sub(self.reopened_after.unwrap_or(0))
    }

    /// What it is again once nothing more comes of it: how it had ended before it began anew, if nothing was
    /// tried since.
    pub(super) fn end_again(&self) -> Option<End> {
        let is_untried = self.reopened_after == Some(self.recorded);
        self.end_before.filter(|_| is_untried)
    }
}

/// The end of a delivery as it is recorded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) event: EventId,
    pub(super) endpoint: EndpointId,
    /// The last attempt; 0 if that has no number.
    pub(super) number: u16,
    /// Which attempt of its schedule that is.
    pub(super) step: u16,
    pub(super) end: End,
    /// How it had ended before, if it had; and whether it had been set aside.
    pub(super) before: Option<End>,
    pub(super) is_set_aside: bool,
    /// Whether the schedule had another attempt when the last one failed, if that was heard.
    pub(super) was_planned: Option<bool>,
    /// Whether a 2xx came.
    pub(super) is_delivered: bool,
    pub(super) is_asked_by_hand: bool,
    /// Whether its endpoint is deleted.
    pub(super) is_deleted: bool,
}

/// What was seen of one event.
#[derive(Debug)]
pub(super) struct SeenEvent {
    pub(super) event: Arc<Event>,
    /// Its place among all events and changes of endpoints, in the order in which they became durable.
    pub(super) order: u64,
    /// From when on it may be acted on, in real time.
    pub(super) durable_at: Timestamp,
    /// When something of it was last written, in steady time.
    pub(super) touched_at: Timestamp,
    /// When its payload was taken away, in real time.
    pub(super) expunged_at: Option<Timestamp>,
    /// By endpoint ordinal.
    pub(super) deliveries: Vec<Seen>,
}

/// What was seen of one endpoint.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenEndpoint {
    pub(super) id: EndpointId,
    pub(super) in_flight: usize,
    /// Since when nothing is in flight to it, in real time.
    pub(super) idle_since: Timestamp,
    pub(super) disabled_at: Option<Timestamp>,
    /// When it was last enabled, and when it was deleted, in real time.
    pub(super) enabled_at: Timestamp,
    pub(super) deleted_at: Option<Timestamp>,
    /// What it was from its creation on, oldest first.
    pub(super) targets: Vec<SeenTarget>,
    /// What it wanted from its creation on, oldest first.
    pub(super) wants: Vec<Wants>,
    /// What it is as it is durable.
    pub(super) owned: Option<Owned>,
    /// Its rate, and what went out.
    pub(super) paced: SeenRate,
    /// Its circuit, as it must be.
    pub(super) circuit: SeenCircuit,
    /// Whether its receiver is gone.
    pub(super) gone: SeenGone,
    /// How many attempts it has earned.
    pub(super) earned: SeenEarned,
    /// How soon it answers.
    pub(super) promptness: SeenPromptness,
    /// Its lines.
    pub(super) lines: SeenLines,
    /// The target that the last attempt was found to be right with.
    pub(super) judged: Option<Arc<Target>>,
    /// The target of the last attempt, and the number of its host.
    pub(super) host: Option<(Arc<Target>, usize)>,
}

impl SeenEndpoint {
    /// It is enabled or not from now on, in this period.
    pub(super) fn has_state(
        &mut self,
        is_enabled: bool,
        (at, window): (Moment, Span),
        period: usize,
    ) {
        match (is_enabled, self.disabled_at) {
            (true, Some(_)) => {
                self.disabled_at = None;
                self.enabled_at = at.real;
                self.circuit.begins_anew(period, at);
                self.gone.begins(at);
                self.earned.begins(period, at, window);
                self.promptness.moves(period);
            }
            (false, None) => {
                self.disabled_at = Some(at.real);
                self.circuit.held_in = period;
            }
            _ => {}
        }
    }
}

impl SeenEvent {
    /// What was seen of its delivery to an endpoint.
    #[inline]
    pub(super) fn seen(&self, ordinal: u32) -> &Seen {
        let index = usize::try_from(ordinal).unwrap_or(usize::MAX);
        self.deliveries.get(index).unwrap_or(&Seen::NOTHING)
    }

    /// The same, to be changed, where there are so many endpoints.
    #[inline]
    pub(super) fn seen_mut(&mut self, ordinal: u32, endpoints: usize) -> Option<&mut Seen> {
        let index = usize::try_from(ordinal).ok()?;
        if self.deliveries.is_empty() {
            self.deliveries.reserve_exact(endpoints);
        }
        if self.deliveries.len() <= index {
            self.deliveries.resize(index + 1, Seen::NOTHING);
        }
        self.deliveries.get_mut(index)
    }
}
