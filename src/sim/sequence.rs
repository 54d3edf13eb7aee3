//! The end of a run as people read it: its last records, one a line, as arrows between producers,
//! engine, store and receivers.
//!
//! Ids are long and say little, so events are told by their positions and endpoints by their
//! numbers; below the lines stands which is which.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{trace::Record, world::BEGINNING};
use crate::domain::{
    id::{EndpointId, EventId, Id},
    outcome::OutcomeKind,
};

/// Who takes part, from left to right.
const LANES: [&str; 4] = ["producers", "engine", "store", "receivers"];
/// How far two of them are apart, in letters.
const LANE_WIDTH: usize = 12;

const PRODUCERS: usize = 0;
const ENGINE: usize = 1;
const STORE: usize = 2;
const RECEIVERS: usize = 3;

/// Hears the records of a run and keeps the last ones.
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    /// How many are kept.
    records_max: usize,
    last: VecDeque<Record>,
    /// Which event each attempt in flight is of, to which endpoint, and its number.
    attempts: BTreeMap<u64, Attempt>,
    /// What each of the last records says, by its place in the trace, where that hangs on others.
    ended: BTreeMap<u64, Attempt>,
    positions: BTreeMap<u128, Place>,
    ordinals: BTreeMap<u128, Place>,
    /// The applications, in the order in which they were seen.
    applications: Vec<u128>,
    /// How many of them are there before the one that is watched.
    older: usize,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    event: u128,
    endpoint: u128,
    number: u64,
}

/// How a record is drawn.
enum Arrow {
    /// Across all lanes.
    Break,
    /// At one lane.
    At(usize),
    /// From one lane to another.
    Between(usize, usize),
}

/// Where an event or an endpoint stands in its application.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// 0: in the application that is watched.
    neighbour: usize,
    number: u128,
}

impl Place {
    fn named(self, what: &str) -> String {
        match (self.neighbour, self.number) {
            (0, number) => format!("{what} {number}"),
            (neighbour, number) => format!("neighbour {neighbour}'s {what} {number}"),
        }
    }
}

impl Sequence {
    /// Of so many records.
    #[must_use]
    pub fn of_last(records_max: usize) -> Self {
        Self {
            records_max,
            ..Self::default()
        }
    }

    /// Of a world in which so many applications are there before the one that is watched.
    #[must_use]
    pub const fn behind(mut self, older: usize) -> Self {
        self.older = older;
        self
    }

    /// Takes the next record in.
    pub fn hear(&mut self, record: &Record) {
        match record.kind {
            201 => {
                let place = self.place(record.second >> 32, record.second & 0xffff_ffff);
                self.ordinals.insert(record.first, place);
            }
            203 => {
                let place = self.place(record.second, record.value.into());
                self.positions.insert(record.first, place);
            }
            120 => {
                let attempt = Attempt {
                    event: record.first,
                    endpoint: record.second,
                    number: record.value & 0xffff,
                };
                self.attempts.insert(record.value >> 16, attempt);
            }
            40 => {
                let handle = u64::try_from(record.first).unwrap_or(u64::MAX);
                if let Some(attempt) = self.attempts.remove(&handle) {
                    self.ended.insert(record.sequence, attempt);
                }
            }
            _ => {}
        }
        if self.last.len() >= self.records_max
            && let Some(gone) = self.last.pop_front()
        {
            self.ended.remove(&gone.sequence);
        }
        self.last.push_back(*record);
    }

    /// The place with this number of an application. Which was seen first, behind those that were there before, is
    /// the one that is watched.
    fn place(&mut self, application: u128, number: u128) -> Place {
        if !self.applications.contains(&application) {
            self.applications.push(application);
        }
        let neighbour = self.number_of(application).unwrap_or_default();
        Place { neighbour, number }
    }

    fn number_of(&self, application: u128) -> Option<usize> {
        let mut known = self.applications.iter();
        let place = known.position(|known| *known == application)?;
        Some(match place.cmp(&self.older) {
            core::cmp::Ordering::Less => place + 1,
            core::cmp::Ordering::Equal => 0,
            core::cmp::Ordering::Greater => place,
        })
    }

    fn event(&self, id: u128) -> String {
        match self.positions.get(&id) {
            Some(place) => place.named("event"),
            None => EventId::new(Id::from_value(id)).to_string(),
        }
    }

    fn endpoint(&self, id: u128) -> String {
        match self.ordinals.get(&id) {
            Some(place) => place.named("endpoint"),
            None => EndpointId::new(Id::from_value(id)).to_string(),
        }
    }

    fn attempt(&self, attempt: Attempt) -> String {
        let (event, endpoint) = (self.event(attempt.event), self.endpoint(attempt.endpoint));
        format!("attempt {} of {event} to {endpoint}", attempt.number)
    }

    /// What a record says.
    fn words(&self, record: &Record) -> String {
        let (value, first, second) = (record.value, record.first, record.second);
        match record.kind {
            1..=9 | 60..=65 => format!("request {first}: {}", asked(record.kind)),
            20 | 100 => format!("{} {first} of shard {second}", record.name()),
            21 => format!("{} {first} of shard {value}", record.name()),
            40 => {
                let met = OutcomeKind::from_code(value);
                let met = met.map_or_else(|| format!("{value:#x}"), |met| met.to_string());
                match self.ended.get(&record.sequence) {
                    Some(attempt) => format!("{met}: {}", self.attempt(*attempt)),
                    None => format!("{met}: attempt handle {first}"),
                }
            }
            120 => {
                let (event, endpoint, number) = (first, second, value & 0xffff);
                self.attempt(Attempt {
                    event,
                    endpoint,
                    number,
                })
            }
            130 => match value {
                0 => format!("request {first}: refused"),
                4 => format!("request {first}: {} is accepted", self.event(second)),
                _ => format!("request {first}: answered"),
            },
            201 | 216 => format!("{}: {}", record.name().trim(), self.endpoint(first)),
            203 => self.event(first),
            300 => format!("the process dies (life {value})"),
            301 => format!("the process starts (life {value})"),
            310 => format!("ask {first} is answered with status {value}"),
            311 => format!("what is done by hand ({first}) is answered with status {value}"),
            320 => format!("receiver {second} has {}", self.event(first)),
            kind => match delivery_of(record) {
                Some((application, position, ordinal)) => {
                    let name = record.name().trim();
                    let neighbour = self.number_of(application).unwrap_or(0);
                    let number = position;
                    let event = Place { neighbour, number }.named("event");
                    format!("{name}: {event} to endpoint {ordinal}")
                }
                None if (200..300).contains(&kind) => record.name().trim().to_owned(),
                None => record.name().to_owned(),
            },
        }
    }

    /// The names that the lines use, each with its id.
    fn legend(&self) -> Vec<String> {
        let (mut events, mut endpoints) = (BTreeSet::new(), BTreeSet::new());
        for record in &self.last {
            let attempt = self.ended.get(&record.sequence);
            match record.kind {
                120 => {
                    events.insert(record.first);
                    endpoints.insert(record.second);
                }
                203 | 320 => _ = events.insert(record.first),
                201 | 216 => _ = endpoints.insert(record.first),
                _ => {}
            }
            events.extend(attempt.map(|attempt| attempt.event));
            endpoints.extend(attempt.map(|attempt| attempt.endpoint));
        }
        let events = events.into_iter().filter_map(|id| {
            let place = self.positions.get(&id)?;
            let id = EventId::new(Id::from_value(id));
            Some(format!("{} is {id}", place.named("event")))
        });
        let endpoints = endpoints.into_iter().filter_map(|id| {
            let place = self.ordinals.get(&id)?;
            let id = EndpointId::new(Id::from_value(id));
            Some(format!("{} is {id}", place.named("endpoint")))
        });
        events.chain(endpoints).collect()
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lanes = LANES.map(|name| format!("{name:<LANE_WIDTH$}"));
        writeln!(out, "{:>20}  {}", "seconds", lanes.concat().trim_end())?;
        let mut before = None;
        let mut lines = self.last.iter().peekable();
        while let Some(record) = lines.next() {
            let line = (record.time, record.kind, self.words(record));
            let mut times = 1;
            while lines
                .next_if(|next| (next.time, next.kind, self.words(next)) == line)
                .is_some()
            {
                times += 1;
            }
            let time = if before == Some(record.time) {
                String::new()
            } else {
                since_beginning(record)
            };
            before = Some(record.time);
            let (drawn, words) = (drawn(&arrow(record.kind)), line.2);
            write!(out, "{time:>20}  {drawn}  {words}")?;
            match times {
                1 => writeln!(out)?,
                _ => writeln!(out, " ({times} times)")?,
            }
        }
        for line in self.legend() {
            writeln!(out, "{:>20}  {line}", "")?;
        }
        Ok(())
    }
}

/// When it was, in seconds.
fn since_beginning(record: &Record) -> String {
    let since = record.time.since(BEGINNING).as_micros();
    let (seconds, micros) = (since.div_euclid(1_000_000), since.rem_euclid(1_000_000));
    format!("{seconds}.{micros:06}")
}

/// Between whom something passes.
const fn arrow(kind: u64) -> Arrow {
    match kind {
        1..=9 | 50 | 60..=65 => Arrow::Between(PRODUCERS, ENGINE),
        10 | 11 | 20..=22 | 30..=32 => Arrow::Between(STORE, ENGINE),
        40 => Arrow::Between(RECEIVERS, ENGINE),
        100..=112 | 150 => Arrow::Between(ENGINE, STORE),
        120 | 121 => Arrow::Between(ENGINE, RECEIVERS),
        130 => Arrow::Between(ENGINE, PRODUCERS),
        200..=299 => Arrow::At(STORE),
        300 | 301 => Arrow::Break,
        310 | 311 => Arrow::At(PRODUCERS),
        320 => Arrow::At(RECEIVERS),
        _ => Arrow::At(ENGINE),
    }
}

/// The lanes, with an arrow over them.
fn drawn(arrow: &Arrow) -> String {
    let width = LANE_WIDTH * (LANES.len() - 1) + 1;
    let cells = (0..width).map(|place| {
        let (lane, is_lane) = (place / LANE_WIDTH, place.is_multiple_of(LANE_WIDTH));
        let rest = if is_lane { '│' } else { ' ' };
        match *arrow {
            Arrow::Break => '═',
            Arrow::At(at) if is_lane && at == lane => '●',
            Arrow::At(_) => rest,
            Arrow::Between(from, to) => {
                let (low, high) = if from < to { (from, to) } else { (to, from) };
                let is_inside = place > low * LANE_WIDTH && place < high * LANE_WIDTH;
                let is_head = if from < to {
                    place + 1 == to * LANE_WIDTH
                } else {
                    place == to * LANE_WIDTH + 1
                };
                match (is_head, is_inside) {
                    (true, _) if from < to => '▶',
                    (true, _) => '◀',
                    (false, true) => '─',
                    (false, false) => rest,
                }
            }
        }
    });
    cells.collect()
}

/// What a command of this kind asks for.
const fn asked(kind: u64) -> &'static str {
    match kind {
        1 => "a new application",
        2 => "a new endpoint",
        3 => "an event",
        4 | 5 => "a change",
        6 | 7 => "a deletion",
        60 => "to send again",
        61 => "to forget a payload",
        63 => "a new task",
        _ => "something else",
    }
}

/// The delivery that a record of a batch is about: its event's position and its endpoint's number.
fn delivery_of(record: &Record) -> Option<(u128, u128, u128)> {
    let value = match record.kind {
        202 | 204..=207 | 217 | 230 | 231 => record.first,
        221..=224 => record.second,
        _ => return None,
    };
    let application = value >> 32 & 0xffff_ffff_ffff;
    Some((application, value >> 80, value & 0xffff_ffff))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn record(sequence: u64, kind: u64, value: u64, first: u128, second: u128) -> Record {
        let micros = i64::try_from(sequence).expect("small") * 1_500_000;
        Record {
            time: Timestamp::from_micros(BEGINNING.as_micros() + micros),
            sequence,
            kind,
            value,
            first,
            second,
        }
    }

    fn heard(records_max: usize, records: &[Record]) -> String {
        let mut sequence = Sequence::of_last(records_max);
        for record in records {
            sequence.hear(record);
        }
        sequence.to_string()
    }

    #[test]
    fn what_is_of_neighbours_is_told_apart_by_the_application_that_was_seen_second() {
        let mut sequence = Sequence::of_last(10);
        let (own, other) = (1_u128 << 32, (1_u128 << 32) | 1);
        let event = |place, id, of| record(place, 203, 7, id, of);
        sequence.hear(&event(1, 11, own));
        sequence.hear(&event(2, 12, other));
        sequence.hear(&record(3, 201, 0, 13, (other << 32) | 4));
        let expired = (7_u128 << 80) | (other << 32) | 4;
        sequence.hear(&record(4, 207, 0, expired, 0));
        let text = sequence.to_string();
        for told in [
            "  event 7\n",
            "  neighbour 1's event 7\n",
            "neighbour 1's endpoint 4",
            "neighbour 1's event 7 to endpoint 4",
        ] {
            assert!(text.contains(told), "{told}: {text}");
        }
    }

    #[test]
    fn a_line_tells_when_from_whom_to_whom_and_what() {
        let text = heard(
            10,
            &[
                record(0, 201, 0, 77, 5),
                record(1, 203, 3, 99, 0),
                record(2, 120, (8 << 16) | 2, 99, 77),
                record(3, 40, OutcomeKind::Status(503).code(), 8, 0),
                record(4, 300, 1, 0, 0),
            ],
        );
        let lines: Vec<&str> = text.lines().collect();
        let [head, endpoint, event, sent, done, died, ..] = lines.as_slice() else {
            panic!("{text}");
        };
        assert!(head.ends_with("seconds  producers   engine      store       receivers"));
        assert!(endpoint.ends_with("●           │  endpoint: endpoint 5"));
        assert!(event.contains("1.500000  │           │           ●           │  event 3"));
        assert!(sent.ends_with("│──────────────────────▶│  attempt 2 of event 3 to endpoint 5"));
        assert!(done.ends_with(
            "│◀──────────────────────│  status 503: attempt 2 of event 3 to endpoint 5"
        ));
        assert!(died.contains("6.000000  ═════"), "{died}");
        let id = EventId::new(Id::from_value(99));
        assert!(text.contains(&format!("event 3 is {id}")), "{text}");
    }

    #[test]
    fn only_the_last_records_are_kept_and_what_they_are_about_is_known_all_the_same() {
        let mut records = vec![record(0, 201, 0, 77, 5), record(1, 203, 3, 99, 0)];
        records.extend((2..60).map(|sequence| record(sequence, 140, 0, 0, 0)));
        records.push(record(60, 120, (8 << 16) | 1, 99, 77));
        let text = heard(4, &records);
        assert_eq!(text.lines().count(), 1 + 4 + 2, "{text}");
        assert!(
            text.contains("attempt 1 of event 3 to endpoint 5"),
            "{text}"
        );
    }

    #[test]
    fn equal_times_are_told_once_and_equal_lines_too() {
        let first = record(0, 140, 0, 0, 0);
        let at_once = |sequence, kind| Record {
            time: first.time,
            ..record(sequence, kind, 0, 0, 0)
        };
        let text = heard(
            4,
            &[first, at_once(1, 140), at_once(2, 160), at_once(3, 140)],
        );
        assert_eq!(text.matches("0.000000").count(), 1, "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.contains("notify (2 times)"), "{text}");
    }
}
