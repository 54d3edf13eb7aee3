//! I21: what stands in the engine's memory keeps within its bounds, at the end of each turn. Who asks for
//! more is told to come again, and nothing is dropped (I1, I23).

use crate::{
    domain::{attempt::AttemptRecord, change::Change},
    engine::{Engine, Holdings, options::Options},
    limits,
    sim::{scenario::Scenario, whole::Whole, witness::Witness},
};

/// Bytes of the one command over the bound beside its payload: names, an URL.
const COMMAND_BYTES: usize = 4 * 1024;
/// Changes that the result of an attempt brings: its row goes, another comes, its endpoint changes.
const CHANGES_OF_RESULT: usize = 4;

/// The largest payload of a scenario, in bytes.
pub(in crate::sim) fn payload_bytes_max(scenario: &Scenario) -> usize {
    // Its frame and a number with ten digits.
    let frame = 64;
    usize::try_from(scenario.padding_max).map_or(usize::MAX, |most| most.saturating_add(frame))
}

/// What a bound is about, what there is of it and how much there may be.
type Bound = (&'static str, usize, usize);

/// All bounds. `payload_max` is the largest payload, in bytes.
fn bounds(
    held: &Holdings,
    options: &Options,
    (endpoints, applications): (usize, usize),
    payload_max: usize,
) -> [Bound; 8] {
    // A command is taken as long as there is room, whatever its size; the results of attempts in flight
    // have nowhere else to go.
    let result = size_of::<AttemptRecord>() + CHANGES_OF_RESULT * size_of::<Change>();
    let results = options.send_slots.saturating_mul(result);
    let command = COMMAND_BYTES + payload_max;
    // Each application notes how far it is.
    let notes = applications * size_of::<Change>();
    let gathered = options
        .batch_bytes_max
        .saturating_add(command + results + notes);
    // The newest event stays, whatever it stands for.
    let deliveries = options.ring_deliveries_max.max(endpoints);
    // A lane keeps twice a page of what it puts off, and a page that was under way comes on top.
    let rows = 3 * options.page_rows + usize::from(options.window_max);
    [
        ("newest events", held.ring_events, options.ring_events_max),
        (
            "bytes of newest events",
            held.ring_bytes,
            options.ring_bytes_max,
        ),
        (
            "deliveries of newest events",
            held.ring_deliveries,
            deliveries,
        ),
        ("open rows", held.open_rows, endpoints.saturating_mul(rows)),
        ("bytes of the next batch", held.gathered_bytes, gathered),
        (
            "batches in flight",
            held.batches_in_flight,
            limits::BATCHES_IN_FLIGHT_MAX,
        ),
        ("attempts in flight", held.in_flight, options.send_slots),
        ("hosts", held.hosts, endpoints + held.in_flight),
    ]
}

/// Of so many seeds one is audited: it costs more than all other judgements of a turn.
const AUDITED: u64 = 8;
/// Where there are more endpoints than this, or more events and rows stand in memory, nothing is.
const AUDITED_ENDPOINTS_MAX: usize = 64;
const AUDITED_HELD_MAX: usize = 256;

impl Witness {
    /// Judges at the end of a turn, of every eighth seed, whether what the engine counts is what there is.
    pub(in crate::sim) fn judge_audit(&mut self, engine: &Engine, held: &Holdings) {
        if self.options.seed % AUDITED != 1 {
            return;
        }
        let endpoints = self.endpoints.len() + self.neighbours.endpoints();
        let held = held.ring_events + held.open_rows;
        if endpoints > AUDITED_ENDPOINTS_MAX || held > AUDITED_HELD_MAX {
            return;
        }
        if let Some(miscount) = engine.audit() {
            self.object(Whole::Unbalanced(miscount).into());
        }
    }

    /// Judges what the engine holds at the end of a turn.
    pub(in crate::sim) fn judge_memory(&mut self, held: &Holdings) {
        let endpoints = self.endpoints.len() + self.neighbours.endpoints();
        let counts = (endpoints, self.neighbours.applications());
        let bounds = bounds(held, &self.options, counts, self.payload_max);
        let over = bounds.into_iter().find(|(_, held, most)| held > most);
        if let Some((what, held, most)) = over {
            self.object(Whole::OverBound { what, held, most }.into());
        }
    }
}
