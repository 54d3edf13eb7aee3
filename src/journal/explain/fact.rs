//! The facts of an explanation, for people.

use core::fmt;

use super::waiting::Waits;
use crate::{
    domain::{audit::Act, outcome::OutcomeKind},
    policy::classify::Verdict,
    time::{Now, Span, Timestamp},
};

/// When something was, and in which life of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The life.
    pub life: u64,
    /// The time.
    pub now: Now,
}

/// Something that happened to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A producer asked for its event.
    Asked {
        /// How long it is to wait, if the producer said so.
        deliver_after: Option<Span>,
    },
    /// The event is durable: it fans out.
    Durable,
    /// The batch with the event failed.
    CommitFailed,
    /// The producer was told.
    Acknowledged,
    /// The delivery got a row before any attempt: it is for later, or its lane moved on without it.
    RowMade {
        /// When it is due.
        due: Timestamp,
    },
    /// Somebody asked for an attempt by hand.
    AskedByHand,
    /// An attempt starts.
    Attempt {
        /// Which attempt of the delivery, from 1.
        number: u16,
        /// Why.
        why: Why,
        /// How much later than it could have, and why.
        held: Option<(Span, Held)>,
        /// Attempts that were in flight to the endpoint just before.
        to_endpoint: usize,
        /// Attempts that were in flight to all endpoints just before.
        in_all: usize,
    },
    /// An attempt met this.
    Outcome {
        /// Which attempt.
        number: u16,
        /// What it met.
        kind: OutcomeKind,
        /// How long it took.
        duration: Span,
        /// How that was judged.
        verdict: Verdict,
    },
    /// It is tried again.
    RetryAt {
        /// After which attempt.
        number: u16,
        /// When, at the earliest.
        due: Timestamp,
        /// How the wait came about; `None` if its outcome is not in the journal.
        wait: Option<Wait>,
    },
    /// It is done.
    Succeeded {
        /// With which attempt.
        number: u16,
    },
    /// It ended without success: the schedule is spent, or the endpoint is gone.
    Exhausted {
        /// After which attempt.
        number: u16,
    },
    /// An attempt failed and the delivery stays as it was.
    Failed {
        /// Which attempt.
        number: u16,
    },
    /// Its time ran out.
    Expired,
    /// Somebody skipped or parked it.
    SetAside(Act),
    /// Its endpoint was enabled or disabled.
    EndpointState {
        /// Which of both.
        is_enabled: bool,
    },
    /// Its endpoint was deleted.
    EndpointDeleted,
    /// Its payload was let go.
    PayloadGone,
    /// A process began, after another one had ended.
    ProcessBegan,
    /// The journal ends, and the delivery has not.
    Waits {
        /// How many attempts were made.
        attempts: u16,
        /// What it waits for.
        why: Waits,
    },
}

/// Why an attempt was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is the first.
    First,
    /// It is the first, of an event for later.
    ForLater,
    /// The one before failed.
    Retry {
        /// When it was due, if the journal tells.
        due: Option<Timestamp>,
    },
    /// Somebody asked for it.
    ByHand,
    /// The process ended before its result was recorded.
    ResultLost,
    /// A task sent the delivery again after its end.
    Task,
}

/// What an attempt waited for beyond its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Its endpoint was disabled.
    EndpointDisabled,
    /// No process ran.
    ProcessDown,
    /// All of so many send slots were taken.
    AllSlots(usize),
    /// The endpoint had as many attempts in flight as it had earned.
    Window(usize),
    /// The circuit of the endpoint was not closed.
    Circuit,
    /// Its turn: a page that was loaded, or other deliveries of its application.
    Turn,
}

/// How the wait before a retry came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From the end of the attempt to the time of the next one.
    pub whole: Span,
    /// What the schedule has; `None` if it can't be told.
    pub scheduled: Option<Span>,
    /// The same with its jitter.
    pub jittered: Option<Span>,
    /// What the receiver's `Retry-After` asked for.
    pub asked: Option<Span>,
    /// The longest that is listened to.
    pub asked_max: Span,
}

impl Fact {
    /// Whether it is about the delivery itself and not its endpoint or event alone.
    #[must_use]
    pub const fn is_about_the_delivery(&self) -> bool {
        matches!(
            self,
            Self::RowMade { .. }
                | Self::AskedByHand
                | Self::Attempt { .. }
                | Self::Outcome { .. }
                | Self::RetryAt { .. }
                | Self::Succeeded { .. }
                | Self::Exhausted { .. }
                | Self::Failed { .. }
                | Self::Expired
                | Self::SetAside(_)
        )
    }

    /// Tells why an attempt starts now.
    fn tell_attempt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Attempt {
            number,
            why,
            held,
            to_endpoint,
            in_all,
        } = self
        else {
            return Ok(());
        };
        write!(out, "attempt {number} starts: {why}")?;
        if let Some((late, reason)) = held {
            write!(out, ", {} late: {reason}", Seconds(*late))?;
        }
        write!(
            out,
            " (in flight: {to_endpoint} to the endpoint, {in_all} in all)"
        )
    }

    /// Its name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Durable => "durable",
            Self::CommitFailed => "commit_failed",
            Self::Acknowledged => "acknowledged",
            Self::RowMade { .. } => "row_made",
            Self::AskedByHand => "asked_by_hand",
            Self::Attempt { .. } => "attempt",
            Self::Outcome { .. } => "outcome",
            Self::RetryAt { .. } => "retry",
            Self::Succeeded { .. } => "succeeded",
            Self::Exhausted { .. } => "exhausted",
            Self::Failed { .. } => "failed",
            Self::Expired => "expired",
            Self::SetAside(Act::Skip) => "skipped",
            Self::SetAside(Act::Park) => "parked",
            Self::EndpointState { is_enabled: true } => "endpoint_enabled",
            Self::EndpointState { is_enabled: false } => "endpoint_disabled",
            Self::EndpointDeleted => "endpoint_deleted",
            Self::PayloadGone => "payload_gone",
            Self::ProcessBegan => "process_began",
            Self::Waits { .. } => "waits",
        }
    }
}

/// `4.586 s`, for spans that are no whole unit.
pub(super) struct Seconds(pub(super) Span);

impl fmt::Display for Seconds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        let sign = if micros < 0 { "-" } else { "" };
        let micros = micros.unsigned_abs();
        write!(
            out,
            "{sign}{}.{:03} s",
            micros / 1_000_000,
            micros / 1_000 % 1_000
        )
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked {
                deliver_after: Some(wait),
            } => write!(
                out,
                "the event is asked for, to be sent after {}",
                Seconds(*wait)
            ),
            Self::Asked { .. } => out.write_str("the event is asked for"),
            Self::Durable => out.write_str("the event is durable and fans out"),
            Self::CommitFailed => out.write_str("the commit of the event failed"),
            Self::Acknowledged => out.write_str("its producer is told that it is accepted"),
            Self::RowMade { .. } => out.write_str("the delivery waits in a row of its own"),
            Self::AskedByHand => out.write_str("somebody asks for an attempt"),
            Self::Attempt { .. } => self.tell_attempt(out),
            Self::Outcome {
                number,
                kind,
                duration,
                verdict,
            } => {
                let judged = match verdict {
                    Verdict::Success => "success",
                    Verdict::Retry { .. } => "a failure",
                    Verdict::Gone => "gone for good",
                };
                let took = Seconds(*duration);
                write!(out, "attempt {number} ends: {kind} after {took}, {judged}")
            }
            Self::RetryAt { wait: None, .. } => out.write_str("it is tried again"),
            Self::RetryAt {
                wait: Some(wait), ..
            } => write!(out, "it is tried again in {wait}"),
            Self::Succeeded { number } => write!(out, "succeeded with attempt {number}"),
            Self::Exhausted { number } => write!(
                out,
                "given up after attempt {number}: no retry is left, or the endpoint is deleted"
            ),
            Self::Failed { number } => write!(
                out,
                "attempt {number} failed and changes nothing: it was by hand, or another one succeeded"
            ),
            Self::Expired => out.write_str("expired: its time ran out"),
            Self::SetAside(Act::Skip) => out.write_str("somebody skips it: nothing more is tried"),
            Self::SetAside(Act::Park) => {
                out.write_str("somebody parks it: nothing more is tried until it is sent again")
            }
            Self::EndpointState { is_enabled: true } => out.write_str("its endpoint is enabled"),
            Self::EndpointState { is_enabled: false } => out.write_str("its endpoint is disabled"),
            Self::EndpointDeleted => out.write_str("its endpoint is deleted"),
            Self::PayloadGone => out.write_str("its payload is let go"),
            Self::ProcessBegan => out.write_str("a new process begins"),
            Self::Waits { attempts, why } => why.tell(*attempts, out),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::First => "the first",
            Self::ForLater => "the first, of an event for later",
            Self::Retry { .. } => "a retry that is due",
            Self::ByHand => "somebody asked for it",
            Self::ResultLost => "again, since the process ended before its result was recorded",
            Self::Task => "a task sends the delivery again",
        })
    }
}

impl fmt::Display for Held {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndpointDisabled => out.write_str("its endpoint was disabled"),
            Self::ProcessDown => out.write_str("no process ran when it was due"),
            Self::AllSlots(slots) => write!(out, "all {slots} send slots were taken"),
            Self::Window(count) => {
                write!(
                    out,
                    "the endpoint had its {count} in flight and no more at once"
                )
            }
            Self::Circuit => out.write_str("the circuit of the endpoint was not closed"),
            Self::Turn => out.write_str("it waited for its turn"),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", Seconds(self.whole))?;
        let (Some(scheduled), Some(jittered)) = (self.scheduled, self.jittered) else {
            return Ok(());
        };
        let moved = Span::from_micros(jittered.as_micros() - scheduled.as_micros());
        write!(
            out,
            ": the schedule has {}, the jitter moves it by {}",
            Seconds(scheduled),
            Seconds(moved)
        )?;
        match self.asked {
            Some(asked) if asked > self.asked_max => write!(
                out,
                "; Retry-After asks for {}, of which {} counts",
                Seconds(asked),
                Seconds(self.asked_max)
            ),
            Some(asked) if asked.min(self.asked_max) > jittered => {
                write!(
                    out,
                    "; Retry-After asks for {}, which is longer",
                    Seconds(asked)
                )
            }
            Some(asked) => write!(
                out,
                "; Retry-After asks for {}, which is shorter",
                Seconds(asked)
            ),
            None => Ok(()),
        }
    }
}
