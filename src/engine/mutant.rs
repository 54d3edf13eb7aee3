//! Mutants: the engine with one mistake in it, each of which a simulation must find. They exist only
//! in builds with the feature `mutants`, which no release has.

mod made;

pub(super) use self::made::{
    mistake_change, mistake_spans, mistaken_ask, mistaken_circuit, mistaken_row, unseeded,
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
    /// What is to be told and was not, when a shard was lost or the process ended, is told no more.
    ForgetsNews,
    /// What is sent on to be told a second time is told a second time.
    TellsAgain,
    /// A circuit that is open holds back what was asked for by hand, too.
    HoldsBackResends,
    /// A recovery leaves out what waits for a retry.
    LeavesOutWhatWaits,
    /// A replay of all leaves out what succeeded.
    ReplaysNoSuccesses,
    /// What came before an endpoint was there is not replayed.
    MissesWhatCameBefore,
    /// A task counts what it looks at, and not what it sends.
    CountsWhatItSees,
    /// What a task sends again expires when it would have without.
    KeepsTheOldTime,
    /// Who acquires a shard goes on behind all events of each application but its first.
    ForgetsOthersAtStart,
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
    /// An event is accepted without its channels.
    DropsTheChannels,
    /// How long an event waits to be sent is whole seconds, the rest is dropped.
    RoundsTheTimesOfLater,
    /// All events with an ordering key get the same one.
    TakesOneKeyForAll,
    /// An endpoint that gets another URL has no rate any more.
    ForgetsTheRateOfTheMoved,
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
    /// A window is halved by nothing.
    KeepsTheWindow,
    /// Retries may have all slots, whoever waits.
    LetsRetriesHaveAllSlots,
    /// Waits are spread to one side of their length alone.
    SpreadsToOneSide,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 81] = [
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
        Self::ForgetsNews,
        Self::TellsAgain,
        Self::HoldsBackResends,
        Self::LeavesOutWhatWaits,
        Self::ReplaysNoSuccesses,
        Self::MissesWhatCameBefore,
        Self::CountsWhatItSees,
        Self::KeepsTheOldTime,
        Self::ForgetsOthersAtStart,
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
        Self::DropsTheChannels,
        Self::RoundsTheTimesOfLater,
        Self::TakesOneKeyForAll,
        Self::ForgetsTheRateOfTheMoved,
        Self::PausesNoLonger,
        Self::ForgetsTheUsualRate,
        Self::TakesTenfoldForUsual,
        Self::KeepsNoFailingSince,
        Self::BelievesTheOldUrl,
        Self::KeepsTheWindow,
        Self::LetsRetriesHaveAllSlots,
        Self::SpreadsToOneSide,
    ];
}
