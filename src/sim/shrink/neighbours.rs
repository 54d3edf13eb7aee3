//! Steps that make the neighbours fewer and smaller.

use super::{
    described::cut,
    steps::{List, Number, Setting, change, length, span},
};
use crate::sim::{neighbours::Neighbour, network::Receiver, scenario::Scenario};

/// The neighbours.
pub(super) fn list() -> List {
    List {
        length: |scenario| scenario.neighbours.len(),
        leave_out: |scenario, from, count| cut(&mut scenario.neighbours, from, count),
    }
}

/// Each with one group of receivers, and with such as answer as soon as they do at best.
pub(super) fn settings(scenario: &Scenario) -> Vec<Setting> {
    let mut all: Vec<Setting> = Vec::new();
    for place in 0..scenario.neighbours.len() {
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| neighbour.deleted_after = None);
        }));
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| neighbour.shares_hosts = false);
        }));
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| neighbour.hears_news = false);
        }));
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| neighbour.is_older = false);
        }));
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| neighbour.receivers.truncate(1));
        }));
        all.push(Box::new(move |scenario| {
            set(scenario, place, |neighbour| {
                for group in &mut neighbour.receivers {
                    group.receiver = Receiver {
                        latency_max_us: group.receiver.latency_min_us,
                        ..group.receiver.clone()
                    };
                }
            });
        }));
    }
    all
}

/// Numbers one by one: events, the time between two of them, and receivers of each group.
pub(super) fn numbers(scenario: &Scenario) -> Vec<Number> {
    let mut all = Vec::new();
    for (place, neighbour) in scenario.neighbours.iter().enumerate() {
        all.push(Number::count(
            move |scenario| get(scenario, place).map_or(0, |neighbour| neighbour.events.into()),
            move |scenario, value| {
                set(scenario, place, |neighbour| neighbour.events = small(value))
            },
            1,
        ));
        all.push(Number::time(
            move |scenario| get(scenario, place).map_or(0, |neighbour| length(neighbour.every)),
            move |scenario, value| set(scenario, place, |neighbour| neighbour.every = span(value)),
        ));
        all.push(Number::time(
            move |scenario| {
                let after = get(scenario, place).and_then(|neighbour| neighbour.deleted_after);
                after.map_or(0, length)
            },
            move |scenario, value| {
                set(scenario, place, |neighbour| {
                    change(neighbour.deleted_after.as_mut(), |after| {
                        *after = span(value)
                    });
                });
            },
        ));
        for group in 0..neighbour.receivers.len() {
            let count = move |scenario: &Scenario| {
                get(scenario, place)?
                    .receivers
                    .get(group)
                    .map(|group| group.count)
            };
            all.push(Number::count(
                move |scenario| count(scenario).unwrap_or(1).into(),
                move |scenario, value| {
                    set(scenario, place, |neighbour| {
                        change(neighbour.receivers.get_mut(group), |group| {
                            group.count = small(value)
                        });
                    });
                },
                1,
            ));
        }
    }
    all
}

fn get(scenario: &Scenario, place: usize) -> Option<&Neighbour> {
    scenario.neighbours.get(place)
}

fn set(scenario: &mut Scenario, place: usize, set: impl FnOnce(&mut Neighbour)) {
    change(scenario.neighbours.get_mut(place), set);
}

fn small(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
