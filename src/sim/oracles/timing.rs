//! I32 for what is told of an attempt: which step of its schedule it was, when it could start at the earliest, and what
//! it waited for. That must be something that was: nobody waits for a rate that there is none of, for a process that
//! was there all the time, or behind a circuit where there is none.

use crate::{
    domain::attempt::Holder,
    sim::{
        pace::Pace,
        seen::{Moment, Seen, SeenEndpoint, SeenEvent, SeenRecord},
        witness::Witness,
    },
    time::{Span, Timestamp},
};

impl Witness {
    /// Judges what is recorded of why an attempt was made when it was; before what it leads to is noted.
    pub(in crate::sim) fn judge_timing(&mut self, record: &SeenRecord, at: Moment) {
        let ordinal = record.endpoint.ordinal;
        let (Some(event), Some(endpoint)) = (
            self.events.get(&record.position),
            self.endpoints.get(&ordinal),
        ) else {
            return;
        };
        let is_asked = self.is_asked_by_hand(record.position, ordinal);
        let what = judge(record, event, is_asked);
        let since = self.real_of(record.due, at);
        let holder = record.held_by;
        let holder = holder.filter(|holder| !self.was_there(*holder, endpoint, since));
        let (event, endpoint) = (event.event.id, endpoint.id);
        if let Some(holder) = holder {
            let told = Pace::HeldByNothing {
                event,
                endpoint,
                holder,
            };
            self.object(told.into());
        }
        if let Some(what) = what {
            let told = Pace::ToldOtherwise {
                event,
                endpoint,
                what,
            };
            self.object(told.into());
        }
    }

    /// The earliest real time that this steady time may have been: while no process runs steady time may stand
    /// still.
    fn real_of(&self, steady: Timestamp, at: Moment) -> Timestamp {
        let ago = at.steady.since(steady).as_micros();
        let lost = self.clock_lost.as_micros();
        at.real.plus(Span::from_micros(-ago.saturating_add(lost)))
    }

    /// Whether this may have held an attempt back since a real time.
    fn was_there(&self, holder: Holder, endpoint: &SeenEndpoint, since: Timestamp) -> bool {
        match holder {
            Holder::Rate => endpoint.paced.was_bounded(),
            Holder::ApplicationRate => self.application_pace.was_bounded(),
            // Who is enabled again begins slowly, though it was never open.
            Holder::Circuit | Holder::Probe | Holder::Recovery => {
                self.options.circuit_breaker.is_some()
            }
            // Since it is enabled again others may be told to have waited for that, too.
            Holder::Disabled => {
                endpoint.disabled_at.is_some() || endpoint.enabled_at > Timestamp::ZERO
            }
            Holder::Restart => self.ready_at >= since,
            Holder::Slots
            | Holder::Window
            | Holder::Loading
            | Holder::Crowd
            | Holder::Host
            | Holder::Order
            | Holder::Slow => true,
        }
    }
}

/// What is wrong with the step and the times of an attempt, of whose delivery somebody may have asked for one.
fn judge(record: &SeenRecord, event: &SeenEvent, is_asked: bool) -> Option<&'static str> {
    let seen = event.seen(record.endpoint.ordinal);
    let started_at = record.started_at.steady;
    let step = seen.step(record.number);
    if record.due > started_at {
        Some("it started before it is told that it could")
    } else if record.held_by.is_some() && record.due == started_at {
        Some("it is told to have waited and to have started at once")
    } else if record.step == 0 {
        (!is_asked).then_some("it is told as one that somebody asked for")
    } else if record.step != step {
        Some("it is told as another step of its schedule")
    } else if due(seen, event, step).is_some_and(|due| due != record.due) {
        Some("it is told to have been due at another time")
    } else {
        None
    }
}

/// When the attempt that is this step of its schedule was due, if that is known for sure.
fn due(seen: &Seen, event: &SeenEvent, step: u16) -> Option<Timestamp> {
    match (step, seen.reopened_after) {
        // Events far behind it may have gone by while another process had it in flight: then it has a row.
        (1, None) if seen.period == 0 => Some(event.event.not_before()),
        (1, None) => None,
        (1, Some(_)) => Some(seen.due),
        (_, _) => (seen.recorded + 1 == seen.sent).then_some(seen.due),
    }
}
