//! A scenario: everything a simulation starts from. Equal scenarios give equal runs.

use std::sync::Arc;

use thiserror::Error;

use super::{
    by_hand::Action,
    faults::Faults,
    neighbours::{self, Neighbour},
    network::Group,
    traffic::Traffic,
};
use crate::{
    engine::options::Options,
    limits,
    store::{embedded::EmbeddedOptions, memory::MemoryOptions},
    time::Span,
};

/// The bytes of the key that simulated stores seal secrets with, where they do.
pub const SIMULATED_MASTER_KEY: [u8; 32] = *b"a master key of simulated stores";

/// What is simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Fixes all randomness: the engine's, the receivers', the workload's and the faults'.
    pub seed: u64,
    /// Events that producers hand in, from 1.
    pub events: u32,
    /// Endpoints of the application that is watched, from 1.
    pub endpoints: u32,
    /// The mean time from one event to the next; gaps are spread from nothing to twice that.
    pub event_every: Span,
    /// When events come, where that is said by a curve: then `events` is its total, and `event_every`
    /// means nothing.
    pub traffic: Option<Traffic>,
    /// To how many of the endpoints each event goes, drawn for each; to all of them if nothing is said.
    /// From 1 to [`limits::CHANNELS_MAX`], and no more than there are endpoints.
    pub fan_out: Option<u32>,
    /// How many endpoints, by their numbers, are on one host; in the layer `full` each has its own.
    pub endpoints_per_host: u32,
    /// The receivers behind the endpoints, group by group: then `endpoints` is how many there are. Drawn
    /// from the seed if there is none.
    pub receivers: Vec<Group>,
    /// Other applications beside it; none in the layer `full`.
    pub neighbours: Vec<Neighbour>,
    /// Deadline of one attempt.
    pub attempt_timeout: Span,
    /// The engine's settings; its seed is replaced by the scenario's.
    pub engine: Options,
    /// Of how many types events are, from 1 to [`limits::SIMULATED_EVENT_TYPES_MAX`]; each is of one of
    /// them, by its number.
    pub event_types: u32,
    /// How many in a hundred events have a name that their producer chose.
    pub named_percent: u32,
    /// How many in a hundred events are asked for under an idempotency key.
    pub keyed_percent: u32,
    /// How many in a hundred of these are asked for twice at the same time.
    pub twin_percent: u32,
    /// How many in a hundred of these are asked for again after they were accepted, from a
    /// millisecond to 19 hours later.
    pub repeat_percent: u32,
    /// How many in a hundred of these have something else asked for under their key after they were
    /// accepted, from a millisecond to 19 hours later.
    pub other_body_percent: u32,
    /// How many in a hundred events are asked for in a way that is not valid before: too large, no JSON,
    /// with fields that nobody knows; in the layer `full` only.
    pub bad_percent: u32,
    /// How many in a hundred events are for later, from a millisecond to two hours.
    pub later_percent: u32,
    /// How many in a hundred events have tags, from one to three.
    pub tagged_percent: u32,
    /// How many in a hundred events have a payload that may be sent for some hours only, from three to sixteen.
    pub brief_percent: u32,
    /// How many in a hundred endpoints have a rate, drawn from 1 to 4 attempts a second; where receivers are
    /// named, theirs count.
    pub throttled_percent: u32,
    /// How many attempts a second go out over all endpoints at most; in the layer `full` as many as can.
    pub application_rate: Option<u16>,
    /// How many ordering keys there are, each event for now having one of them by its number; 0: events have
    /// none.
    pub ordering_keys: u32,
    /// How many in a hundred endpoints get everything in order.
    pub in_order_percent: u32,
    /// What is done by hand, at its time counted from the beginning.
    pub by_hand: Vec<(Span, Action)>,
    /// When all is well for some endpoints, and never again for the others.
    pub healing: Option<Healing>,
    /// How much larger the body of an event may be than it must, in bytes.
    pub padding_max: u32,
    /// Which store is under the engine, and what it keeps.
    pub layer: Layer,
    /// What goes wrong beside the receivers.
    pub faults: Faults,
    /// The mistake of the transport, in the layer `full`.
    #[cfg(feature = "mutants")]
    pub transport: Option<crate::transport::mutant::Mutant>,
}

/// The end of everything that goes wrong beside the receivers, and of all hope for some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Healing {
    /// When, from the beginning.
    pub at: Span,
    /// How many endpoints, the first ones, have receivers that are well from then on; those of all
    /// others are dead for good.
    pub core: u32,
}

/// Which store is under the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The memory store; the process lives as long as the run, or is told to end and begins again over it.
    Core(MemoryOptions),
    /// The embedded store on a simulated disk; the process dies and comes back.
    Store(EmbeddedOptions),
    /// Everything that ships but sockets, TLS and threads: the drive loop, the embedded store on a
    /// simulated disk, hyper as a server and as a client over streams in memory.
    Full(EmbeddedOptions),
}

impl Layer {
    /// Its name on the command line and in reports.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Core(_) => "core",
            Self::Store(_) => "store",
            Self::Full(_) => "full",
        }
    }
}

impl Scenario {
    /// A scenario with the settings of production and without faults.
    ///
    /// # Errors
    /// [`ScenarioError`]; the fault of who chose the numbers.
    pub fn new(seed: u64, events: u32, endpoints: u32) -> Result<Self, ScenarioError> {
        let endpoints_max = u32::try_from(limits::ENDPOINTS_PER_APPLICATION_MAX);
        if endpoints == 0 || endpoints_max.is_ok_and(|max| endpoints > max) {
            return Err(ScenarioError::Endpoints { endpoints });
        }
        if events == 0 {
            return Err(ScenarioError::NoEvents);
        }
        let deliveries = u64::from(events) * u64::from(endpoints);
        if deliveries > limits::SIMULATED_DELIVERIES_MAX {
            return Err(ScenarioError::Deliveries { deliveries });
        }
        // One dead receiver keeps every event open, so the store must hold them all.
        let production = MemoryOptions::default();
        let events_max = usize::try_from(events).unwrap_or(usize::MAX);
        Ok(Self {
            seed,
            events,
            endpoints,
            event_every: Span::from_millis(100),
            traffic: None,
            fan_out: None,
            endpoints_per_host: 1,
            receivers: Vec::new(),
            neighbours: Vec::new(),
            attempt_timeout: Span::from_millis(
                i64::try_from(limits::ATTEMPT_TIMEOUT_MS).unwrap_or(i64::MAX),
            ),
            engine: Options::default(),
            event_types: 1,
            named_percent: 0,
            keyed_percent: 0,
            twin_percent: 0,
            repeat_percent: 0,
            other_body_percent: 0,
            bad_percent: 0,
            later_percent: 0,
            tagged_percent: 0,
            brief_percent: 0,
            throttled_percent: 0,
            application_rate: None,
            ordering_keys: 0,
            in_order_percent: 0,
            by_hand: Vec::new(),
            healing: None,
            padding_max: 0,
            layer: Layer::Core(MemoryOptions {
                events_max: events_max.saturating_mul(2).max(production.events_max),
                ..production
            }),
            faults: Faults::default(),
            #[cfg(feature = "mutants")]
            transport: None,
        })
    }

    /// A scenario with this traffic and these receivers, else as [`Scenario::new`] has it. Without any
    /// receivers, `endpoints` of them are drawn.
    ///
    /// # Errors
    /// [`ScenarioError`]; the fault of who chose the numbers.
    pub fn rehearsal(
        seed: u64,
        traffic: Traffic,
        receivers: Vec<Group>,
        endpoints: u32,
    ) -> Result<Self, ScenarioError> {
        let events = traffic.total();
        if events > u64::from(limits::SIMULATED_EVENTS_MAX) {
            return Err(ScenarioError::Events { events });
        }
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        Ok(Self {
            traffic: Some(traffic),
            receivers,
            ..Self::new(seed, events, endpoints)?
        })
    }

    /// The longest time that a delivery may have to wait for its next attempt, in any life.
    pub(super) fn longest_wait(&self) -> Span {
        let lives = self.faults.lives.iter().map(|life| &life.engine);
        let waits = lives.chain([&self.engine]).flat_map(|engine| {
            let longest = [engine.retry.retry_after_max, engine.expires_after];
            engine.retry.waits.iter().copied().chain(longest)
        });
        // Spread, a wait is twice as long at most.
        let longest = waits.max().unwrap_or_default().as_micros();
        Span::from_micros(longest.saturating_mul(2))
    }

    /// How long events are handed in at most, by the neighbours, too.
    pub(super) fn traffic_lasts(&self) -> Span {
        let others = self.neighbours.iter().map(Neighbour::lasts);
        others.fold(self.own_traffic_lasts(), Span::max)
    }

    fn own_traffic_lasts(&self) -> Span {
        if let Some(traffic) = &self.traffic {
            return traffic.lasts();
        }
        let gaps = self.event_every.as_micros().saturating_mul(2);
        Span::from_micros(gaps.saturating_mul(self.events.into()))
    }

    /// When the last thing is done by hand, from the beginning.
    pub(super) fn by_hand_until(&self) -> Span {
        let times = self.by_hand.iter().map(|(at, _)| *at);
        times.max().unwrap_or_default()
    }

    /// How many deliveries there are, those of the neighbours among them.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        let added = u64::try_from(self.added().count()).unwrap_or(u64::MAX);
        let endpoints = u64::from(self.endpoints).saturating_add(added);
        let own = u64::from(self.events).saturating_mul(endpoints);
        let others = self.neighbours.iter().map(Neighbour::deliveries);
        others.fold(own, u64::saturating_add)
    }

    /// How many deliveries what is told of all others makes at most, as attempts are counted here.
    pub(super) fn deliveries_of_news(&self) -> u64 {
        let mut neighbours = self.neighbours.iter();
        let hears = neighbours.find(|neighbour| neighbour.hears_news);
        let endpoints = hears.map_or(0, Neighbour::endpoints);
        self.deliveries().saturating_mul(endpoints.into())
    }

    /// The public name of the application that operational events are for, if they are wanted.
    pub(super) fn hears_news(&self) -> Option<Arc<str>> {
        let mut numbered = (0..).zip(&self.neighbours);
        let (number, _) = numbered.find(|(_, neighbour)| neighbour.hears_news)?;
        Some(neighbours::uid(number))
    }

    /// What the embedded store keeps, where that is the store.
    pub(super) const fn embedded(&self) -> Option<&EmbeddedOptions> {
        match &self.layer {
            Layer::Core(_) => None,
            Layer::Store(options) | Layer::Full(options) => Some(options),
        }
    }

    /// The engine's settings, and those of each life.
    pub(super) fn engines(&self) -> impl Iterator<Item = &Options> {
        let lives = self.faults.lives.iter().map(|life| &life.engine);
        [&self.engine].into_iter().chain(lives)
    }

    /// The same, to be changed.
    pub(super) fn engines_mut(&mut self) -> impl Iterator<Item = &mut Options> {
        let lives = self.faults.lives.iter_mut();
        [&mut self.engine]
            .into_iter()
            .chain(lives.map(|life| &mut life.engine))
    }

    /// The engine's settings in a life of the process, with the scenario's seed.
    pub(super) fn engine_options(&self, life: usize) -> Options {
        let life = self.faults.lives.get(life);
        let options = life.map_or(&self.engine, |life| &life.engine);
        Options {
            seed: self.seed,
            operational: self.hears_news(),
            ..options.clone()
        }
    }
}

/// Why there can be no such scenario.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// No endpoint, or more than one application may have.
    #[error(
        "a simulation has 1 to {} endpoints, not {endpoints}",
        limits::ENDPOINTS_PER_APPLICATION_MAX
    )]
    Endpoints {
        /// How many were asked for.
        endpoints: u32,
    },
    /// Nothing to deliver.
    #[error("a simulation has at least 1 event")]
    NoEvents,
    /// More events than a simulation may have.
    #[error(
        "a simulation has at most {} events, not {events}",
        limits::SIMULATED_EVENTS_MAX
    )]
    Events {
        /// How many there would be.
        events: u64,
    },
    /// More than we keep account of.
    #[error(
        "events times endpoints is at most {}, not {deliveries}: choose fewer of either",
        limits::SIMULATED_DELIVERIES_MAX
    )]
    Deliveries {
        /// How many there would be.
        deliveries: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scenarios_that_can_run_are_made() {
        assert!(Scenario::new(1, 1, 1).is_ok());
        assert_eq!(Scenario::new(1, 0, 1), Err(ScenarioError::NoEvents));
        for endpoints in [0, 10_001] {
            let refused = Err(ScenarioError::Endpoints { endpoints });
            assert_eq!(Scenario::new(1, 1, endpoints), refused);
        }
        let refused = Scenario::new(1, u32::MAX, 10_000).expect_err("too many");
        assert!(refused.to_string().contains("choose fewer"), "{refused}");
    }
}
