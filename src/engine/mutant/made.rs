//! The mistakes as they are made, where that is more than a condition.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

use super::Mutant;
use crate::engine::{
    Engine,
    done_map::DoneMap,
    lane::{Lane, Place},
    lines::Lines,
    options::Options,
    ring::Ring,
};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        circuit::{Circuit, CircuitState},
        command::Command,
        delivery::{DeliveryState, OpenDelivery},
        endpoint::Endpoint,
        ordering::OrderingKey,
        task::Candidate,
    },
    policy::circuit_breaker::{AttemptEnd, CircuitBreaker, Rule},
    time::{Now, Span, Timestamp},
};

/// What no seed fixes.
static UNSEEDED: AtomicI64 = AtomicI64::new(0);

/// A number that differs from run to run.
pub(in crate::engine) fn unseeded() -> i64 {
    UNSEEDED.fetch_add(1, Ordering::Relaxed)
}

/// Spreads what an endpoint wants over all of its spans, if that is the mistake.
pub(in crate::engine) fn mistake_spans(options: &Options, endpoint: &mut Endpoint) {
    if options.mutant == Some(Mutant::JudgesByTheNewestFilter) {
        for span in &mut endpoint.subscriptions {
            span.filter = Arc::clone(&endpoint.filter);
        }
    }
}

/// Leaves an endpoint with the target or the order of before, if that is the mistake.
pub(in crate::engine) fn mistake_change(
    options: &Options,
    before: &Endpoint,
    after: &mut Arc<Endpoint>,
) {
    if options.mutant == Some(Mutant::KeepsOldTargets) {
        Arc::make_mut(after).target = Arc::clone(&before.target);
    }
    if options.mutant == Some(Mutant::KeepsTheOldOrder) {
        Arc::make_mut(after).ordering = before.ordering;
    }
}

/// What is asked for, with the mistakes that concern how that is taken in.
pub(in crate::engine) fn mistaken_ask(options: &Options, mut command: Command) -> Command {
    if let Command::Once(once, inside) = command {
        let inside = mistaken_ask(options, *inside);
        return Command::Once(once, Box::new(inside));
    }
    match (options.mutant, &mut command) {
        (Some(Mutant::DropsTheChannels), Command::AcceptEvent(new)) => new.channels.clear(),
        (Some(Mutant::RoundsTheTimesOfLater), Command::AcceptEvent(new)) => {
            let wait = &mut new.besides.deliver_after;
            *wait = wait.map(|wait| Span::from_seconds(wait.as_millis() / 1_000));
        }
        (Some(Mutant::TakesOneKeyForAll), Command::AcceptEvent(new)) => {
            let key = &mut new.besides.ordering_key;
            *key = key.map(|_| OrderingKey::of("all"));
        }
        (Some(Mutant::ForgetsTheRateOfTheMoved), Command::UpdateEndpoint(update))
            if update.url.is_some() =>
        {
            update.throttle_rate = None;
        }
        _ => {}
    }
    command
}

/// Lets a circuit learn from an attempt that ended, with the mistakes that concern that.
pub(in crate::engine) fn mistaken_circuit(
    mutant: Option<Mutant>,
    circuit: &mut CircuitBreaker,
    end: AttemptEnd,
    rule: Rule<'_>,
    now: Timestamp,
) {
    let was_open = circuit.is_open();
    if mutant == Some(Mutant::PausesNoLonger) {
        circuit.circuit_mut().openings = 0;
    }
    circuit.ended(end, rule, now);
    let usual = &mut circuit.circuit_mut().usual_per_minute;
    let usual_then = match mutant {
        Some(Mutant::ForgetsTheUsualRate) => 0,
        Some(Mutant::TakesTenfoldForUsual) => usual.saturating_mul(10),
        _ => return,
    };
    if circuit.is_open() && !was_open {
        circuit.circuit_mut().usual_per_minute = usual_then;
    }
}

/// What is kept of a circuit, with the mistake that concerns that.
pub(in crate::engine) fn mistaken_row(
    mutant: Option<Mutant>,
    kept: Option<Circuit>,
) -> Option<Circuit> {
    if mutant != Some(Mutant::KeepsNoFailingSince) {
        return kept;
    }
    let kept = kept.filter(|kept| kept.state != CircuitState::Closed);
    kept.map(|kept| Circuit {
        failing_since: None,
        ..kept
    })
}

impl Mutant {
    /// Whether a task sends a candidate that it would send, with the mistakes that concern that.
    pub(in crate::engine) fn selects(self, candidate: &Candidate) -> bool {
        let state = candidate.state;
        let waits = matches!(state, Some(DeliveryState::Waiting { .. }));
        let is_left_out = (self == Self::LeavesOutWhatWaits && waits)
            || (self == Self::ReplaysNoSuccesses && state == Some(DeliveryState::Succeeded))
            || (self == Self::MissesWhatCameBefore && state.is_none());
        !is_left_out
    }

    /// The row of a delivery that begins anew, with the mistake that concerns it.
    pub(in crate::engine) fn row(
        self,
        candidate: &Candidate,
        mut row: OpenDelivery,
    ) -> OpenDelivery {
        if self == Self::KeepsTheOldTime {
            row.expires_at = candidate.event.expires_at;
        }
        row
    }
}

impl Lane {
    /// It begins when its shard is acquired, with the mistakes that concern that.
    pub(in crate::engine) fn mistaken_start(&mut self, ring: &mut Ring) {
        if self.mutant == Some(Mutant::ForgetsLinesAtStart) {
            self.lines = Lines::default();
        }
        let is_first = self.endpoint.key.application.ordinal == 0;
        if self.mutant == Some(Mutant::ForgetsOthersAtStart) && !is_first {
            if self.place == Place::Ring {
                ring.leave(self.done.cursor());
            }
            self.place = Place::Idle;
            self.done = DoneMap::starting_at(ring.end());
            self.next = self.done.cursor();
        }
    }
}

impl Options {
    /// The application whose log is read, with the mistake that concerns that.
    pub(in crate::engine) fn mistaken_log(&self, application: ApplicationKey) -> ApplicationKey {
        let is_another = self.mutant == Some(Mutant::ReadsTheLogOfAnother);
        ApplicationKey {
            ordinal: if is_another { 0 } else { application.ordinal },
            ..application
        }
    }
}

impl Engine {
    /// Whether it makes this mistake.
    pub(in crate::engine) fn has(&self, mutant: Mutant) -> bool {
        self.options.mutant == Some(mutant)
    }

    /// Whether the timer of this lane is never taken away, since it is that of a deleted endpoint.
    pub(in crate::engine) fn keeps_timer_of(&self, index: usize) -> bool {
        let lane = self.registry.lanes.get(index);
        let is_deleted = lane.is_some_and(|lane| lane.endpoint.is_deleted());
        self.keeps_timers() && is_deleted
    }

    /// Whether a lane may start what it has, with the mistake that concerns what is asked for by hand.
    pub(in crate::engine) fn mistaken_room(&self, lane: &Lane, now: Now) -> bool {
        !self.has(Mutant::HoldsBackResends) || !lane.is_held_by_circuit(now.steady)
    }

    /// Whether a timer stays that nobody waits for.
    pub(in crate::engine) fn keeps_timers(&self) -> bool {
        self.has(Mutant::KeepsTimersOfDeleted)
    }

    /// A lane with the mistakes that concern its pace; `now` when its shard is acquired.
    pub(in crate::engine) fn mistaken_pace(&self, mut lane: Lane, now: Option<Now>) -> Lane {
        lane.mutant = self.options.mutant;
        match (self.options.mutant, now) {
            (Some(Mutant::IgnoresTheRate), _) => lane.forget_pace(),
            (Some(Mutant::RefillsBucketsAtStart), Some(now)) => {
                lane.take_pace(now.steady.plus(Span::from_seconds(-10)));
            }
            _ => {}
        }
        lane
    }

    /// Whether an endpoint is disabled, with the mistakes that concern that.
    pub(in crate::engine) fn mistaken_disabling(&self, is_over: bool, is_open: bool) -> bool {
        match self.options.mutant {
            Some(Mutant::DisablesTooEarly) => is_open,
            Some(Mutant::NeverDisables) => false,
            _ => is_over,
        }
    }

    /// When a delivery is tried again, with the mistakes that concern that.
    pub(in crate::engine) fn mistaken_due(
        &self,
        result: AttemptResult,
        step: u16,
        retry_after: Option<Span>,
        now: Now,
    ) -> AttemptResult {
        let waits = &self.options.retry.waits;
        let last = waits.last().copied().unwrap_or_default();
        let is_first_over = usize::from(step) == waits.len() + 1;
        match (self.options.mutant, result) {
            (Some(Mutant::MakesOneAttemptMore), AttemptResult::Exhausted) if is_first_over => {
                AttemptResult::RetryAt(now.steady.plus(last))
            }
            (Some(Mutant::NeverGivesUp), AttemptResult::Exhausted) => {
                AttemptResult::RetryAt(now.steady.plus(last))
            }
            (Some(Mutant::SpreadsWaitsAnew), AttemptResult::RetryAt(due)) => {
                let moved = Span::from_micros(unseeded().rem_euclid(1_000));
                AttemptResult::RetryAt(due.plus(moved))
            }
            (Some(Mutant::SpreadsToOneSide), AttemptResult::RetryAt(due))
                if retry_after.is_none() =>
            {
                let scheduled = waits.get(usize::from(step).saturating_sub(1));
                let middle = now.steady.plus(scheduled.copied().unwrap_or_default());
                let over = due.since(middle).as_micros().max(0);
                AttemptResult::RetryAt(middle.plus(Span::from_micros(-over)).min(due))
            }
            (Some(Mutant::WaitsByTheWall), AttemptResult::RetryAt(due)) => {
                let wait = due.since(now.steady);
                let by_the_wall = now.wall.plus(wait);
                AttemptResult::RetryAt(by_the_wall.max(Timestamp::ZERO))
            }
            (Some(Mutant::BelievesRetryAfter), AttemptResult::RetryAt(due)) => {
                let asked = retry_after.map(|asked| now.steady.plus(asked));
                AttemptResult::RetryAt(asked.unwrap_or(due))
            }
            _ => result,
        }
    }
}
