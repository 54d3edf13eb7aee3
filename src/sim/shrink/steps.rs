//! The steps of shrinking: what can be made simpler about a scenario, one thing each.

use super::{
    described::cut,
    fault_numbers::{numbers_of_life, numbers_of_trouble, time_by_hand},
};
use crate::{
    engine::options::Options,
    sim::{
        faults::Faults,
        scenario::{Layer, Scenario},
    },
    store::embedded::EmbeddedOptions,
    time::Span,
};

/// Sets one thing, or several that belong together, to what is simple.
pub(super) type Setting = Box<dyn Fn(&mut Scenario)>;

/// What a number is.
type Read = Box<dyn Fn(&Scenario) -> u64>;

/// Makes a number another.
type Write = Box<dyn Fn(&mut Scenario, u64)>;

/// A list of which entries can be left out.
pub(super) struct List {
    /// How long it is.
    pub(super) length: fn(&Scenario) -> usize,
    /// Leaves so many entries out, from this one on.
    pub(super) leave_out: fn(&mut Scenario, usize, usize),
}

/// A number that can be smaller.
pub(super) struct Number {
    /// What it is.
    pub(super) read: Read,
    /// Makes it another.
    pub(super) write: Write,
    /// The least it can be.
    pub(super) least: u64,
    /// Whether it is a time in microseconds: then round values do.
    pub(super) is_time: bool,
}

impl Number {
    /// One that is exact.
    pub(super) fn count(
        read: impl Fn(&Scenario) -> u64 + 'static,
        write: impl Fn(&mut Scenario, u64) + 'static,
        least: u64,
    ) -> Self {
        Self {
            read: Box::new(read),
            write: Box::new(write),
            least,
            is_time: false,
        }
    }

    /// One that is a time, from nothing on.
    pub(super) fn time(
        read: impl Fn(&Scenario) -> u64 + 'static,
        write: impl Fn(&mut Scenario, u64) + 'static,
    ) -> Self {
        Self {
            is_time: true,
            ..Self::count(read, write, 0)
        }
    }

    /// The value as a time that people read: whole hours, minutes, seconds or milliseconds.
    pub(super) fn rounded(&self, value: u64) -> u64 {
        let units = [3_600_000_000, 60_000_000, 1_000_000, 1_000];
        let unit = units.into_iter().find(|unit| value >= *unit);
        match unit {
            Some(unit) if self.is_time => value - value % unit,
            _ => value,
        }
    }
}

/// How much goes wrong beside the receivers.
pub(super) fn faults(scenario: &Scenario) -> u32 {
    let faults = &scenario.faults;
    let lists = lists();
    let listed: usize = lists.iter().map(|list| (list.length)(scenario)).sum();
    let always = [
        faults.split_turns,
        faults.late_loads,
        faults.failing_loads,
        faults.gone_receiver,
        faults.odd_waits,
        faults.latency_us.is_some(),
        faults.odd_percent > 0,
        faults.unreached_percent > 0,
        faults.partial_streams,
    ];
    let always = always.into_iter().filter(|is_on| *is_on).count();
    u32::try_from(listed + always).unwrap_or(u32::MAX)
}

/// Everything of one sort at once.
pub(super) fn together() -> Vec<Setting> {
    vec![
        Box::new(|scenario| scenario.faults = Faults::default()),
        Box::new(|scenario| scenario.by_hand.clear()),
        Box::new(|scenario| scenario.healing = None),
        Box::new(|scenario| scenario.neighbours.clear()),
        Box::new(|scenario| {
            scenario.named_percent = 0;
            scenario.keyed_percent = 0;
            scenario.twin_percent = 0;
            scenario.repeat_percent = 0;
            scenario.other_body_percent = 0;
            scenario.bad_percent = 0;
            scenario.later_percent = 0;
            scenario.tagged_percent = 0;
            scenario.brief_percent = 0;
            scenario.fan_out = None;
            scenario.throttled_percent = 0;
            scenario.ordering_keys = 0;
            scenario.in_order_percent = 0;
            scenario.padding_max = 0;
            scenario.event_types = 1;
            scenario.endpoints_per_host = 1;
            scenario.application_rate = None;
        }),
        Box::new(|scenario| {
            set_engine(scenario, &|options| {
                *options = Options {
                    #[cfg(feature = "mutants")]
                    mutant: options.mutant,
                    ..Options::default()
                };
            });
        }),
        Box::new(|scenario| {
            set_store(scenario, &|options| {
                *options = EmbeddedOptions {
                    #[cfg(feature = "mutants")]
                    mutant: options.mutant,
                    ..EmbeddedOptions::default()
                };
            });
        }),
    ]
}

/// What makes a run long.
pub(super) fn counts() -> Vec<Number> {
    vec![
        Number::count(
            |scenario| match scenario.traffic {
                // That many it has by its curve.
                Some(_) => 1,
                None => scenario.events.into(),
            },
            |scenario, value| scenario.events = small(value),
            1,
        ),
        Number::count(
            |scenario| match scenario.receivers.as_slice() {
                [] => scenario.endpoints.into(),
                // That many there are by their groups.
                [_, ..] => 1,
            },
            |scenario, value| scenario.endpoints = small(value),
            1,
        ),
    ]
}

/// The lists of what goes wrong, and of what is done by hand.
pub(super) fn lists() -> [List; 4] {
    [
        List {
            length: |scenario| scenario.by_hand.len(),
            leave_out: |scenario, from, count| cut(&mut scenario.by_hand, from, count),
        },
        List {
            length: |scenario| scenario.faults.lives.len(),
            leave_out: |scenario, from, count| cut(&mut scenario.faults.lives, from, count),
        },
        List {
            length: |scenario| scenario.faults.troubles.len(),
            leave_out: |scenario, from, count| cut(&mut scenario.faults.troubles, from, count),
        },
        List {
            length: |scenario| scenario.faults.failing_commits.len(),
            leave_out: |scenario, from, count| {
                cut(&mut scenario.faults.failing_commits, from, count);
            },
        },
    ]
}

/// Settings one by one: what is on is off, what has another size has that of production.
pub(super) fn settings(scenario: &Scenario) -> Vec<Setting> {
    let mut all: Vec<Setting> = vec![
        Box::new(|scenario| scenario.faults.split_turns = false),
        Box::new(|scenario| scenario.faults.late_loads = false),
        Box::new(|scenario| scenario.faults.failing_loads = false),
        Box::new(|scenario| scenario.faults.gone_receiver = false),
        Box::new(|scenario| scenario.faults.odd_waits = false),
        Box::new(|scenario| scenario.faults.latency_us = None),
        Box::new(|scenario| scenario.faults.partial_streams = false),
        Box::new(|scenario| scenario.fan_out = None),
        Box::new(|scenario| scenario.endpoints_per_host = 1),
        Box::new(|scenario| scenario.application_rate = None),
        Box::new(|scenario| {
            if let Ok(production) = Scenario::new(0, 1, 1) {
                scenario.attempt_timeout = production.attempt_timeout;
            }
        }),
    ];
    for number in 0..scenario.faults.lives.len() {
        // The settings of the engine that the scenario has, and the power stays.
        all.push(Box::new(move |scenario| {
            let engine = scenario.engine.clone();
            change(scenario.faults.lives.get_mut(number), |life| {
                life.engine = engine;
            });
        }));
        all.push(Box::new(move |scenario| {
            change(scenario.faults.lives.get_mut(number), |life| {
                life.is_power_lost = false;
            });
        }));
    }
    for number in 0..scenario.faults.failing_commits.len() {
        all.push(Box::new(move |scenario| {
            let failing = scenario.faults.failing_commits.get_mut(number);
            change(failing, |failing| failing.is_durable = false);
        }));
    }
    all.extend(engine_settings());
    all.extend(store_settings());
    all
}

/// Settings of the engine, each as in production.
fn engine_settings() -> impl Iterator<Item = Setting> {
    let each: [fn(&mut Options, Options); 13] = [
        |options, production| options.retry = production.retry,
        |options, production| options.send_slots = production.send_slots,
        |options, production| options.window_max = production.window_max,
        |options, production| options.host_window_max = production.host_window_max,
        |options, production| options.ring_events_max = production.ring_events_max,
        |options, production| options.ring_bytes_max = production.ring_bytes_max,
        |options, production| options.ring_deliveries_max = production.ring_deliveries_max,
        |options, production| options.open_rows_max = production.open_rows_max,
        |options, production| options.heartbeat = production.heartbeat,
        |options, production| options.batch_bytes_max = production.batch_bytes_max,
        |options, production| options.page_rows = production.page_rows,
        |options, production| options.record_delay = production.record_delay,
        |options, production| options.expires_after = production.expires_after,
    ];
    each.into_iter().map(|set| -> Setting {
        Box::new(move |scenario| {
            set_engine(scenario, &|options| set(options, Options::default()));
        })
    })
}

/// Settings of the store, each as in production.
fn store_settings() -> impl Iterator<Item = Setting> {
    let each: [fn(&mut EmbeddedOptions, EmbeddedOptions); 9] = [
        |options, production| options.data_shards = production.data_shards,
        |options, production| options.bucket_bytes = production.bucket_bytes,
        |options, production| options.bucket_age = production.bucket_age,
        |options, production| options.payload_age = production.payload_age,
        |options, production| options.row_age = production.row_age,
        |options, production| options.retain_every = production.retain_every,
        |options, production| options.reserve_bytes = production.reserve_bytes,
        |options, production| options.journal_attempts_max = production.journal_attempts_max,
        |options, production| options.master_key = production.master_key,
    ];
    each.into_iter().map(|set| -> Setting {
        Box::new(move |scenario| {
            set_store(scenario, &|options| {
                set(options, EmbeddedOptions::default());
            });
        })
    })
}

/// Numbers one by one: shares, sizes, and the times and places of what goes wrong.
pub(super) fn numbers(scenario: &Scenario) -> Vec<Number> {
    let mut all = shares();
    all.push(Number::count(
        |scenario| scenario.event_types.into(),
        |scenario, value| scenario.event_types = small(value),
        1,
    ));
    all.push(Number::time(
        |scenario| length(scenario.event_every),
        |scenario, value| scenario.event_every = span(value),
    ));
    all.push(Number::time(
        |scenario| scenario.faults.latency_us.map_or(0, |(_, most)| most),
        |scenario, value| {
            if let Some((least, most)) = &mut scenario.faults.latency_us {
                *most = value;
                *least = value.min(*least);
            }
        },
    ));
    for place in 0..scenario.faults.lives.len() {
        all.extend(numbers_of_life(place));
    }
    for place in 0..scenario.faults.troubles.len() {
        all.extend(numbers_of_trouble(place));
    }
    all.extend((0..scenario.by_hand.len()).map(time_by_hand));
    for place in 0..scenario.faults.failing_commits.len() {
        all.push(Number::count(
            move |scenario| {
                let failing = scenario.faults.failing_commits.get(place);
                failing.map_or(0, |failing| failing.number)
            },
            move |scenario, value| {
                let failing = scenario.faults.failing_commits.get_mut(place);
                change(failing, |failing| failing.number = value);
            },
            1,
        ));
    }
    all
}

/// How many in a hundred, and how much more than must be.
fn shares() -> Vec<Number> {
    let each: [fn(&mut Scenario) -> &mut u32; 15] = [
        |scenario| &mut scenario.other_body_percent,
        |scenario| &mut scenario.bad_percent,
        |scenario| &mut scenario.named_percent,
        |scenario| &mut scenario.keyed_percent,
        |scenario| &mut scenario.twin_percent,
        |scenario| &mut scenario.repeat_percent,
        |scenario| &mut scenario.later_percent,
        |scenario| &mut scenario.tagged_percent,
        |scenario| &mut scenario.brief_percent,
        |scenario| &mut scenario.throttled_percent,
        |scenario| &mut scenario.ordering_keys,
        |scenario| &mut scenario.in_order_percent,
        |scenario| &mut scenario.padding_max,
        |scenario| &mut scenario.faults.odd_percent,
        |scenario| &mut scenario.faults.unreached_percent,
    ];
    let shares = each.into_iter().map(|place| {
        Number::count(
            move |scenario| (*place(&mut scenario.clone())).into(),
            move |scenario, value| *place(scenario) = small(value),
            0,
        )
    });
    shares.collect()
}

/// Changes the engine's settings in all lives.
fn set_engine(scenario: &mut Scenario, set: &dyn Fn(&mut Options)) {
    scenario.engines_mut().for_each(set);
}

/// Changes what the embedded store keeps, where that is the store.
fn set_store(scenario: &mut Scenario, set: &dyn Fn(&mut EmbeddedOptions)) {
    match &mut scenario.layer {
        Layer::Core(_) => {}
        Layer::Store(options) | Layer::Full(options) => set(options),
    }
}

/// Changes a value, if it is there.
pub(super) fn change<T>(place: Option<&mut T>, change: impl FnOnce(&mut T)) {
    if let Some(value) = place {
        change(value);
    }
}

/// How long a time is, whichever way it goes, in microseconds.
pub(super) const fn length(span: Span) -> u64 {
    span.as_micros().unsigned_abs()
}

/// A time of so many microseconds.
pub(super) fn span(micros: u64) -> Span {
    Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
