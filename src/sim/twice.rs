//! A store that is opened twice: beside a life that begins, two twins of its disk are opened, one of them
//! by a process that dies straight after that. Lives of some seeds are judged so.

use std::sync::Arc;

use super::{
    oracles::opened_twice::{self, Recovered},
    simulated_disk::SimulatedDisk,
    violation::Violation,
    world::World,
};
use crate::{
    domain::{
        application::ApplicationKey,
        history::{HistoryQuery, Order},
        id::ShardId,
    },
    engine::{
        Engine,
        io::{Effect, Input},
        options::Options,
    },
    store::{
        Reads, Store as _,
        embedded::{EmbeddedOptions, EmbeddedStore},
    },
    time::Now,
};

/// One seed of so many is judged.
const SEEDS_PER_SAMPLE: u64 = 8;

impl World<'_> {
    /// The disk as it is before the life that begins opens it, if those of this seed are judged.
    pub(super) fn disk_before(&self, disk: &SimulatedDisk) -> Option<SimulatedDisk> {
        let is_sample = self.scenario.seed % SEEDS_PER_SAMPLE == 1;
        (is_sample && self.witness.life > 0).then(|| disk.twin())
    }

    /// Judges what two openings of a disk make of it.
    pub(super) fn judge_opened_twice(&mut self, before: &SimulatedDisk, options: &EmbeddedOptions) {
        let engine = self.scenario.engine_options(self.witness.life);
        let now = self.clocks.now(self.now);
        let look = |disk: &SimulatedDisk| {
            let found = recovered(disk, (options, &engine), self.application, now);
            found.map_err(|reason| Violation::StoreFails { reason })
        };
        let twice = before.twin();
        let first = look(&twice);
        twice.kill();
        if self.witness.life.is_multiple_of(2) {
            twice.restart();
        } else {
            twice.restart_warm();
        }
        self.witness.happened.opened_twice += 1;
        let found = match (first, look(before), look(&twice)) {
            (Ok(_), Ok(once), Ok(twice)) => opened_twice::judge(&once, &twice),
            (Err(violation), ..) | (_, Err(violation), _) | (.., Err(violation)) => Some(violation),
        };
        if let Some(violation) = found {
            self.witness.object(violation);
        }
    }
}

/// Opens a disk and tells what it shows, and what an engine does with it in its first turn.
fn recovered(
    disk: &SimulatedDisk,
    (options, engine): (&EmbeddedOptions, &Options),
    application: ApplicationKey,
    now: Now,
) -> Result<Recovered, String> {
    let store = EmbeddedStore::open(Arc::new(disk.clone()), options.clone());
    let mut store = store.map_err(|error| error.to_string())?;
    let mut lines = vec![format!("clock {:?}", store.last_clock())];
    shown(&store, application, &mut lines).map_err(|error| error.to_string())?;
    let (mut engine, mut effects) = (Engine::new(engine.clone()), Vec::new());
    for number in 0..=store.data_shards() {
        let shard = ShardId::new(number);
        let (epoch, state) = store.acquire(shard).map_err(|error| error.to_string())?;
        lines.push(format!("shard {number} {epoch:?}"));
        let acquired = Input::ShardAcquired(shard, epoch, Box::new(state));
        engine.step(now, acquired, &mut effects);
    }
    engine.step(now, Input::TurnEnd, &mut effects);
    lines.extend(effects.iter().map(done));
    lines.push(format!("sleeps until {:?}", engine.next_deadline()));
    Ok(lines)
}

/// Everything that a store shows of an application.
fn shown(
    store: &dyn Reads,
    application: ApplicationKey,
    lines: &mut Recovered,
) -> Result<(), crate::store::ReadError> {
    let all = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: usize::MAX,
    };
    let endpoints = store.endpoints(application, 0, usize::MAX)?;
    lines.extend(endpoints.iter().map(|endpoint| format!("{endpoint:?}")));
    for entry in store.events(application, all)? {
        let position = entry.event.position;
        lines.push(format!("{:?} {}", entry.event, entry.has_payload));
        for endpoint in &endpoints {
            let state = store.delivery_state(endpoint.key, position)?;
            lines.push(format!("{} {state:?}", endpoint.id));
        }
        for attempt in store.attempts_of_event(application, position, all)? {
            lines.push(format!("{:?}", attempt.record));
        }
    }
    lines.push(format!("next {:?}", store.next_position(application)?));
    Ok(())
}

/// What an engine asks for, as a line.
fn done(effect: &Effect) -> String {
    match effect {
        Effect::Send(request) => format!(
            "sends {} to {}, attempt {}",
            request.event.id, request.target.id, request.number
        ),
        other => format!("{other:?}"),
    }
}
