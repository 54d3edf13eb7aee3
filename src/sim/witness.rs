//! The witness: what the world saw of every event and delivery. It feeds the oracle's judgements
//! and the report; it knows nothing of the engine's state.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    happened::Happened,
    ledger::BatchFacts,
    logbook::{SharedLogbook, Sighting},
    numbered::Numbered,
    oracle::Violation,
    oracles::{
        apart::SeenNeighbours, as_asked::AskedEvent, as_owned::AskedEndpoints,
        asked_by_hand::SeenByHand, figures::SeenFigures, hosts::SeenHosts, lateness, liveness,
        memory, new_lives::SeenLives, one_name, rate::SeenRate, retries_aside::SeenRetries,
        same_bytes, slow::SeenSlots, spread::SeenSpread, task_counts::SeenSteps, tasks::SeenTask,
        told_news::SeenNews,
    },
    scenario::{Healing, Scenario},
    seen::{Moment, Seen, SeenEndpoint, SeenEvent, SeenRecord},
};
use crate::{
    domain::{
        change::StoreMode,
        endpoint::Endpoint,
        event::{EventPosition, Payload},
        id::{ApplicationId, AttemptId, EndpointId, EventId, ShardId, TaskId},
        ordering::OrderingKey,
    },
    engine::options::Options,
    policy::circuit_breaker::CircuitBreakerPolicy,
    time::{Span, Timestamp},
};

/// Violations that are kept; the first ones tell the most.
const VIOLATIONS_KEPT: usize = 8;
/// The longest time for a group of a quick disk, in microseconds.
const LATENCY_US: i64 = 2_000;
/// Groups that a result may have to wait for until it is durable, its own among them.
pub(super) const GROUPS_MAX: i64 = 4;

/// Everything that was seen.
#[derive(Debug)]
pub(super) struct Witness {
    pub(super) options: Options,
    /// Whether it looks at all; without it nothing is kept and nothing is judged.
    pub(super) is_watching: bool,
    pub(super) asked: u64,
    pub(super) events: Numbered<EventPosition, SeenEvent>,
    pub(super) positions: BTreeMap<EventId, EventPosition>,
    /// Events and changes of endpoints that are durable.
    pub(super) order: u64,
    pub(super) names: BTreeMap<Arc<str>, EventId>,
    /// The event that each idempotency key made last, and when it was submitted, in steady time.
    pub(super) keys: BTreeMap<[u8; 32], (EventId, Timestamp)>,
    /// The event that was told under each idempotency key first, and when, in steady time.
    pub(super) told_keys: BTreeMap<[u8; 32], (EventId, Timestamp)>,
    pub(super) application: Option<ApplicationId>,
    pub(super) endpoints: Numbered<u32, SeenEndpoint>,
    pub(super) hosts: SeenHosts,
    pub(super) slots: SeenSlots,
    pub(super) retries: SeenRetries,
    pub(super) spread: SeenSpread,
    pub(super) neighbours: SeenNeighbours,
    pub(super) news: SeenNews,
    pub(super) application_pace: SeenRate,
    pub(super) changes_by_hand: bool,
    /// The places of events by their ordering keys.
    pub(super) keyed: BTreeMap<OrderingKey, BTreeSet<EventPosition>>,
    /// What was asked for and done by hand.
    pub(super) by_hand: SeenByHand,
    /// Tasks as they are durable, and those that were acknowledged, in that order.
    pub(super) tasks: BTreeMap<TaskId, SeenTask>,
    pub(super) told_tasks: Vec<TaskId>,
    /// What tasks began anew: not counted yet, and until when it lives.
    pub(super) steps: SeenSteps,
    pub(super) lives: SeenLives,
    /// How long payloads are kept at least, where they go at all.
    pub(super) payloads_kept: Option<Span>,
    /// For whom all is well at some time, and how long steady time may stand still before.
    pub(super) healing: Option<Healing>,
    pub(super) clock_lost: Span,
    /// The longest wait and the fewest attempts of a schedule, in any life.
    pub(super) schedules: (Span, usize),
    /// When all was well, if it was, and what had ended by then.
    pub(super) healed_at: Option<Moment>,
    pub(super) ended_before_healing: BTreeSet<(EventPosition, u32)>,
    /// What producers asked for, by its number.
    pub(super) asked_events: Numbered<u32, AskedEvent>,
    pub(super) asked_endpoints: AskedEndpoints,
    /// Which event answers an ask, by its number.
    pub(super) answers: Numbered<u32, EventId>,
    /// Durable attempts with the steady time at which they were submitted, and all ids; where the
    /// process may die.
    pub(super) records: BTreeMap<AttemptId, (SeenRecord, Timestamp)>,
    pub(super) ids: BTreeSet<u128>,
    pub(super) keeps_records: bool,
    /// A group of which nobody knows whether it is durable.
    pub(super) unsure: Vec<BatchFacts>,
    /// Why the store failed, if it did.
    pub(super) failure: Option<String>,
    /// Which life of the process it is, from 0.
    pub(super) life: usize,
    /// When circuits open and for how long, in any life of the process.
    pub(super) policies: Vec<CircuitBreakerPolicy>,
    /// When each period ended, in real time: by the end of a life or the loss of a shard.
    pub(super) breaks: Vec<Timestamp>,
    /// From when until when the process stood still, in real time.
    pub(super) stalls: Vec<(Timestamp, Timestamp)>,
    /// Which of these were orderly ends, before which everything was durable.
    pub(super) orderly: BTreeSet<usize>,
    /// From when on attempts may go out, in real time.
    pub(super) ready_at: Timestamp,
    /// When so many were in flight that attempts may have waited for a slot, in real time.
    pub(super) crowded_at: Timestamp,
    /// The longest time from an outcome until its result is durable.
    pub(super) window: Span,
    /// How late an attempt may be.
    pub(super) patience: Span,
    pub(super) in_flight: usize,
    pub(super) figures: SeenFigures,
    /// The largest payload that may be handed in, in bytes.
    pub(super) payload_max: usize,
    pub(super) attempts: u64,
    violations: Vec<Violation>,
    pub(super) happened: Happened,
    /// Where it writes down what it sees, if somebody wants to read it.
    pub(super) logbook: Option<SharedLogbook>,
}

impl Witness {
    /// Of a scenario that has not begun.
    pub(super) fn new(scenario: &Scenario) -> Self {
        let (_, longest) = scenario.faults.latency_us.unwrap_or_default();
        let longest = i64::try_from(longest).unwrap_or(i64::MAX).max(LATENCY_US);
        let delays = scenario.engines().map(|engine| engine.record_delay);
        let delay = delays.max().unwrap_or_default().as_micros();
        let kept = scenario.embedded();
        let (outages_together, outages_crossed) = scenario.faults.outages_together();
        let happened = Happened {
            outages_together,
            outages_crossed,
            ..Happened::default()
        };
        let window = Span::from_micros(longest.saturating_mul(GROUPS_MAX).saturating_add(delay));
        Self {
            options: scenario.engine_options(0),
            is_watching: true,
            asked: scenario.events.into(),
            events: Numbered::default(),
            positions: BTreeMap::new(),
            order: 0,
            names: BTreeMap::new(),
            keys: BTreeMap::new(),
            told_keys: BTreeMap::new(),
            application: None,
            endpoints: Numbered::default(),
            hosts: SeenHosts::default(),
            slots: SeenSlots::default(),
            retries: SeenRetries::of(scenario),
            spread: SeenSpread::default(),
            neighbours: SeenNeighbours::of(scenario),
            news: SeenNews::of(scenario),
            application_pace: SeenRate::of(scenario.application_rate),
            changes_by_hand: !scenario.by_hand.is_empty(),
            keyed: BTreeMap::new(),
            by_hand: SeenByHand::default(),
            tasks: BTreeMap::new(),
            told_tasks: Vec::new(),
            steps: SeenSteps::default(),
            lives: SeenLives::new(),
            payloads_kept: kept.map(|kept| kept.payload_age.min(kept.row_age)),
            healing: scenario.healing,
            schedules: liveness::schedules(scenario),
            clock_lost: scenario.faults.clock_lost(),
            healed_at: None,
            ended_before_healing: BTreeSet::new(),
            asked_events: Numbered::default(),
            asked_endpoints: AskedEndpoints::default(),
            answers: Numbered::default(),
            records: BTreeMap::new(),
            ids: BTreeSet::new(),
            keeps_records: scenario.embedded().is_some(),
            unsure: Vec::new(),
            failure: None,
            life: 0,
            policies: scenario.circuit_policies(),
            breaks: Vec::new(),
            stalls: Vec::new(),
            orderly: BTreeSet::new(),
            ready_at: Timestamp::ZERO,
            crowded_at: Timestamp::ZERO,
            window,
            patience: lateness::patience(scenario, window),
            in_flight: 0,
            figures: SeenFigures::default(),
            payload_max: memory::payload_bytes_max(scenario),
            attempts: 0,
            violations: Vec::new(),
            happened,
            logbook: None,
        }
    }

    /// What did not hold so far.
    pub(super) fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Keeps a violation, if it is among the first.
    pub(super) fn object(&mut self, violation: Violation) {
        if self.is_watching && self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(violation);
        }
    }

    /// A producer is told that its event is accepted, now or when it asked before.
    pub(super) fn accepted(&mut self, ask: u32, event: EventId, payload: &Payload, now: Moment) {
        if !self.is_watching {
            return;
        }
        let position = self.positions.get(&event);
        let seen = position.and_then(|position| self.events.get(position));
        let Some(seen) = seen.filter(|seen| seen.is_durable(now)) else {
            return self.object(Violation::NotDurable { event });
        };
        let before = self.answers.get(&ask).copied();
        let judged = [
            same_bytes::judge_told(seen, payload),
            one_name::judge_told(seen, before),
        ];
        self.answers.insert(ask, event);
        self.log(now.real, Sighting::Told(ask, event));
        for violation in judged.into_iter().flatten() {
            self.object(violation);
        }
    }

    /// The engine gave a shard up; results that were not durable are lost.
    pub(super) fn lost_shard(&mut self, shard: ShardId, now: Moment) {
        self.happened.shards_lost += 1;
        self.figures.shard_lost();
        if self.neighbours.is_elsewhere(shard) {
            self.neighbours.lost_shard(self.breaks.len());
            return;
        }
        self.happened.orphans += u64::try_from(self.in_flight).unwrap_or(u64::MAX);
        self.breaks.push(now.real);
        self.neighbours.lost_shard(self.breaks.len());
        self.ready_at = now.real;
    }

    /// The store has room, or less, or none.
    pub(super) const fn mode_changed(&mut self, mode: StoreMode, now: Moment) {
        match mode {
            StoreMode::Normal => {}
            StoreMode::Reserve => self.happened.reserves += 1,
            StoreMode::ReadOnly => self.happened.full_disks += 1,
        }
        self.ready(now);
    }

    /// The shards are acquired, or there is room again: attempts may go out from now on.
    pub(super) const fn ready(&mut self, now: Moment) {
        self.ready_at = now.real;
    }

    /// Whether every delivery to these endpoints has ended.
    pub(super) fn has_ended(&self, endpoints: &[Arc<Endpoint>]) -> bool {
        let is_over = |seen: &SeenEvent, endpoint: &Endpoint| {
            let is_there = !endpoint.is_deleted() && seen.expunged_at.is_none();
            let is_owed = is_there && self.is_wanted(seen, endpoint.key.ordinal);
            !is_owed || seen.seen(endpoint.key.ordinal).end.is_some()
        };
        let mut events = self.events.values();
        events.all(|seen| endpoints.iter().all(|endpoint| is_over(seen, endpoint)))
    }

    pub(super) fn endpoint_id(&self, ordinal: u32) -> EndpointId {
        let endpoint = self.endpoints.get(&ordinal);
        endpoint.map(|seen| seen.id).unwrap_or_default()
    }

    pub(super) fn delivery(&mut self, position: EventPosition, ordinal: u32) -> Option<&mut Seen> {
        let endpoints = self.endpoints.len();
        self.events.get_mut(&position)?.seen_mut(ordinal, endpoints)
    }
}
