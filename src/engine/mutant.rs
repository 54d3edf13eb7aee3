//! Mutants: the engine with one mistake in it, each of which a simulation must find. They exist only
//! in builds with the feature `mutants`, which no release has.

use core::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

use super::{Engine, lane::Lane, options::Options};
use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        circuit::{Circuit, CircuitState},
        endpoint::Endpoint,
    },
    policy::circuit_breaker::{AttemptEnd, CircuitBreaker, Rule},
    time::{Now, Span, Timestamp},
};

/// A mistake that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// An event is acknowledged when its batch goes to the store.
    RepliesBeforeTheCommit,
    /// A delivery counts as settled when its first attempt goes out.
    SettlesAtSend,
    /// No reply in time counts as success.
    CountsTimeoutsAsSuccess,
    /// Idempotency keys are not looked at.
    IgnoresKeys,
    /// The schedule has one attempt too many.
    MakesOneAttemptMore,
    /// The last wait of the schedule is repeated for ever.
    NeverGivesUp,
    /// A delivery that was not tried before its own time was over is tried all the same.
    SendsTheExpired,
    /// Waits are spread by something that no seed fixes.
    SpreadsWaitsAnew,
    /// The slots of attempts whose shard was lost are never free again.
    KeepsSlotsOfOrphans,
    /// Whether an endpoint is enabled is looked at when it is queued, and not when it is sent to.
    ChecksTheEndpointTooEarly,
    /// Waits are counted by the wall clock.
    WaitsByTheWall,
    /// `Retry-After` is believed, whatever it says.
    BelievesRetryAfter,
    /// Lanes are woken in an order that no seed fixes.
    WakesInNoOrder,
    /// The window of an endpoint is not looked at.
    IgnoresTheWindow,
    /// Retries begin again with the number of the first attempt.
    CountsAttemptsAnew,
    /// What waits for its time has no row.
    ForgetsRowsOfLater,
    /// Events for later are sent at once.
    SendsLaterAtOnce,
    /// All endpoints wait in one queue: who is first holds the others up.
    QueuesTogether,
    /// An endpoint that was changed goes on with its old URL and secrets.
    KeepsOldTargets,
    /// What an endpoint wants holds for the events of before, too.
    JudgesByTheNewestFilter,
    /// Whether the next batch has room for more is not looked at.
    GathersWithoutBound,
    /// The newest events stay in memory, however many they are.
    KeepsTheWholeRing,
    /// What was told of attempts and is not written yet is left behind at an orderly end.
    LeavesResultsBehind,
    /// An attempt that somebody asked for is acknowledged and not made.
    ForgetsResends,
    /// A payload that was taken away is sent all the same.
    SendsExpungedPayloads,
    /// Who is enabled or disabled by hand is not woken for what follows.
    LeavesTheEnabledAsleep,
    /// The timer of an endpoint that was deleted stays.
    KeepsTimersOfDeleted,
    /// The rate of an endpoint is not looked at.
    IgnoresTheRate,
    /// Who acquires a shard begins as if no attempt had gone out for long.
    RefillsBucketsAtStart,
    /// A circuit that is open is never half-open.
    StaysOpen,
    /// While a circuit is half-open, as many attempts go out as there is room for.
    ProbesAtWill,
    /// What has waited goes to a receiver that recovers as fast as it takes it.
    RecoversAtOnce,
    /// Who acquires a shard begins with all circuits closed.
    ForgetsCircuits,
    /// An endpoint is disabled when its circuit opens.
    DisablesTooEarly,
    /// An endpoint is never disabled, however long it fails.
    NeverDisables,
    /// How many attempts are in flight to a host is not looked at.
    IgnoresTheHostBudget,
    /// How many attempts are in flight to a host is counted for each application by itself.
    CountsHostsByApplication,
    /// Who waits for a host is not told that it has room again.
    ForgetsWhoWaitsForAHost,
    /// The rate of an application is not looked at.
    IgnoresTheRateOfApplications,
    /// A line goes on once its head was tried, whether that succeeded or not.
    MovesLinesOnFailure,
    /// A line goes on once its head has ended, before that is durable.
    MovesLinesBeforeTheCommit,
    /// A line goes on once what succeeded by hand ahead of its turn has ended, before that is durable.
    MovesLinesAhead,
    /// What succeeded by hand further ahead than the done map's bits reach is forgotten.
    ForgetsTheFar,
    /// The row of an attempt that was asked for stays once it was made.
    KeepsResendRows,
    /// An endpoint that is gone is sent to as any other that fails.
    NeverTakesForGone,
    /// Who acquires a shard begins as if nobody stood in line.
    ForgetsLinesAtStart,
    /// What is held in a line is forgotten when its head ends.
    LeavesTheHeldBehind,
    /// What was skipped while an attempt was in flight is tried again when that fails.
    RetriesWhatWasSkipped,
    /// A line stops for good at what was skipped.
    StopsAtWhatWasSkipped,
    /// Receivers that answer late may have all send slots.
    LetsTheSlowHaveAllSlots,
    /// Who waits for the share of those that answer late is not told that it has room again.
    ForgetsTheSlow,
    /// Who answers soon has a share of the slots with those that do not.
    TakesNobodyForPrompt,
    /// Who waits for a head of an older order is held in a line that has none.
    HoldsBehindNobody,
    /// Of the applications that have something to send, the last one goes first, again and again.
    ServesOneApplicationFirst,
    /// One application may have all send slots.
    GivesOneApplicationAllSlots,
    /// Receivers that answer late have a share in each application, and together all slots.
    SharesSlotsOfTheSlowByApplication,
    /// Events are read again from the log of the first application.
    ReadsTheLogOfAnother,
    /// Whoever acquires a shard gives new endpoints the places behind the living ones.
    GivesPlacesOfDeletedAgain,
    /// An endpoint that gets another order keeps its old one until its shard is acquired again.
    KeepsTheOldOrder,
    /// The endpoints of an application that was deleted stay until its shard is acquired anew.
    KeepsEndpointsOfDeleted,
    /// How often a circuit opened in a row is not counted: each pause is the first.
    PausesNoLonger,
    /// What is usual for a receiver is forgotten when its circuit opens.
    ForgetsTheUsualRate,
    /// What is usual for a receiver counts tenfold when its circuit opens.
    TakesTenfoldForUsual,
    /// Since when an endpoint fails is not kept: who acquires a shard counts anew.
    KeepsNoFailingSince,
    /// A 410 of the URL of before disables an endpoint.
    BelievesTheOldUrl,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 65] = [
        Self::RepliesBeforeTheCommit,
        Self::SettlesAtSend,
        Self::CountsTimeoutsAsSuccess,
        Self::IgnoresKeys,
        Self::MakesOneAttemptMore,
        Self::NeverGivesUp,
        Self::SendsTheExpired,
        Self::SpreadsWaitsAnew,
        Self::KeepsSlotsOfOrphans,
        Self::ChecksTheEndpointTooEarly,
        Self::WaitsByTheWall,
        Self::BelievesRetryAfter,
        Self::WakesInNoOrder,
        Self::IgnoresTheWindow,
        Self::CountsAttemptsAnew,
        Self::ForgetsRowsOfLater,
        Self::SendsLaterAtOnce,
        Self::QueuesTogether,
        Self::KeepsOldTargets,
        Self::JudgesByTheNewestFilter,
        Self::GathersWithoutBound,
        Self::KeepsTheWholeRing,
        Self::LeavesResultsBehind,
        Self::ForgetsResends,
        Self::SendsExpungedPayloads,
        Self::LeavesTheEnabledAsleep,
        Self::KeepsTimersOfDeleted,
        Self::IgnoresTheRate,
        Self::RefillsBucketsAtStart,
        Self::StaysOpen,
        Self::ProbesAtWill,
        Self::RecoversAtOnce,
        Self::ForgetsCircuits,
        Self::DisablesTooEarly,
        Self::NeverDisables,
        Self::IgnoresTheHostBudget,
        Self::CountsHostsByApplication,
        Self::ForgetsWhoWaitsForAHost,
        Self::IgnoresTheRateOfApplications,
        Self::MovesLinesOnFailure,
        Self::MovesLinesBeforeTheCommit,
        Self::MovesLinesAhead,
        Self::ForgetsTheFar,
        Self::KeepsResendRows,
        Self::NeverTakesForGone,
        Self::ForgetsLinesAtStart,
        Self::LeavesTheHeldBehind,
        Self::RetriesWhatWasSkipped,
        Self::StopsAtWhatWasSkipped,
        Self::LetsTheSlowHaveAllSlots,
        Self::ForgetsTheSlow,
        Self::TakesNobodyForPrompt,
        Self::HoldsBehindNobody,
        Self::ServesOneApplicationFirst,
        Self::GivesOneApplicationAllSlots,
        Self::SharesSlotsOfTheSlowByApplication,
        Self::ReadsTheLogOfAnother,
        Self::GivesPlacesOfDeletedAgain,
        Self::KeepsTheOldOrder,
        Self::KeepsEndpointsOfDeleted,
        Self::PausesNoLonger,
        Self::ForgetsTheUsualRate,
        Self::TakesTenfoldForUsual,
        Self::KeepsNoFailingSince,
        Self::BelievesTheOldUrl,
    ];
}

/// What no seed fixes.
static UNSEEDED: AtomicI64 = AtomicI64::new(0);

/// A number that differs from run to run.
pub(super) fn unseeded() -> i64 {
    UNSEEDED.fetch_add(1, Ordering::Relaxed)
}

/// Spreads what an endpoint wants over all of its spans, if that is the mistake.
pub(super) fn mistake_spans(options: &Options, endpoint: &mut Endpoint) {
    if options.mutant == Some(Mutant::JudgesByTheNewestFilter) {
        for span in &mut endpoint.subscriptions {
            span.filter = Arc::clone(&endpoint.filter);
        }
    }
}

/// Leaves an endpoint with the target or the order of before, if that is the mistake.
pub(super) fn mistake_change(options: &Options, before: &Endpoint, after: &mut Arc<Endpoint>) {
    if options.mutant == Some(Mutant::KeepsOldTargets) {
        Arc::make_mut(after).target = Arc::clone(&before.target);
    }
    if options.mutant == Some(Mutant::KeepsTheOldOrder) {
        Arc::make_mut(after).ordering = before.ordering;
    }
}

/// Lets a circuit learn from an attempt that ended, with the mistakes that concern that.
pub(super) fn mistaken_circuit(
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
pub(super) fn mistaken_row(mutant: Option<Mutant>, kept: Option<Circuit>) -> Option<Circuit> {
    if mutant != Some(Mutant::KeepsNoFailingSince) {
        return kept;
    }
    let kept = kept.filter(|kept| kept.state != CircuitState::Closed);
    kept.map(|kept| Circuit {
        failing_since: None,
        ..kept
    })
}

impl Options {
    /// The application whose log is read, with the mistake that concerns that.
    pub(super) fn mistaken_log(&self, application: ApplicationKey) -> ApplicationKey {
        let is_another = self.mutant == Some(Mutant::ReadsTheLogOfAnother);
        ApplicationKey {
            ordinal: if is_another { 0 } else { application.ordinal },
            ..application
        }
    }
}

impl Engine {
    /// Whether it makes this mistake.
    pub(super) fn has(&self, mutant: Mutant) -> bool {
        self.options.mutant == Some(mutant)
    }

    /// Whether the timer of this lane is never taken away, since it is that of a deleted endpoint.
    pub(super) fn keeps_timer_of(&self, index: usize) -> bool {
        let lane = self.registry.lanes.get(index);
        let is_deleted = lane.is_some_and(|lane| lane.endpoint.is_deleted());
        self.keeps_timers() && is_deleted
    }

    /// Whether a timer stays that nobody waits for.
    pub(super) fn keeps_timers(&self) -> bool {
        self.has(Mutant::KeepsTimersOfDeleted)
    }

    /// A lane with the mistakes that concern its pace; `now` when its shard is acquired.
    pub(super) fn mistaken_pace(&self, mut lane: Lane, now: Option<Now>) -> Lane {
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
    pub(super) fn mistaken_disabling(&self, is_over: bool, is_open: bool) -> bool {
        match self.options.mutant {
            Some(Mutant::DisablesTooEarly) => is_open,
            Some(Mutant::NeverDisables) => false,
            _ => is_over,
        }
    }

    /// When a delivery is tried again, with the mistakes that concern that.
    pub(super) fn mistaken_due(
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
