//! Steps that make what a file describes simpler: its traffic and its receivers.

use super::steps::{List, Number, Setting};
use crate::sim::{
    network::{Group, Receiver},
    scenario::Scenario,
    traffic::Traffic,
};

/// The lists of what comes and of who receives it.
pub(super) fn lists() -> [List; 3] {
    [
        List {
            length: |scenario| traffic(scenario).map_or(0, |traffic| traffic.bursts.len()),
            leave_out: |scenario, from, count| {
                set_traffic(scenario, |traffic| cut(&mut traffic.bursts, from, count));
            },
        },
        List {
            length: |scenario| traffic(scenario).map_or(0, |traffic| traffic.steps.len()),
            leave_out: |scenario, from, count| {
                set_traffic(scenario, |traffic| cut(&mut traffic.steps, from, count));
            },
        },
        List {
            length: |scenario| scenario.receivers.len(),
            leave_out: |scenario, from, count| {
                set_receivers(scenario, |groups| cut(groups, from, count));
            },
        },
    ]
}

/// A receiver of which nothing is said but how long it takes, group by group; and its outages.
pub(super) fn settings(scenario: &Scenario) -> Vec<Setting> {
    let mut all: Vec<Setting> = Vec::new();
    for place in 0..scenario.receivers.len() {
        all.push(Box::new(move |scenario| {
            set_receiver(scenario, place, |receiver| {
                *receiver = Receiver {
                    latency_min_us: receiver.latency_min_us,
                    latency_max_us: receiver.latency_max_us,
                    ..Receiver::default()
                };
            });
        }));
        all.push(Box::new(move |scenario| {
            set_receiver(scenario, place, |receiver| receiver.outages.clear());
        }));
        all.push(Box::new(move |scenario| {
            set_receiver(scenario, place, |receiver| receiver.retry_after_s = None);
        }));
    }
    all
}

/// Numbers one by one: how much comes and for how long, how many receivers are alike, and how often
/// they fail.
pub(super) fn numbers(scenario: &Scenario) -> Vec<Number> {
    let mut all = Vec::new();
    for place in 0..traffic(scenario).map_or(0, |traffic| traffic.steps.len()) {
        let step = move |scenario: &Scenario| traffic(scenario)?.steps.get(place).copied();
        all.push(Number::time(
            move |scenario| step(scenario).map_or(0, |step| step.lasts.as_micros().unsigned_abs()),
            move |scenario, value| {
                set_traffic(scenario, |traffic| {
                    if let Some(step) = traffic.steps.get_mut(place) {
                        step.lasts = super::steps::span(value);
                    }
                });
            },
        ));
    }
    for place in 0..traffic(scenario).map_or(0, |traffic| traffic.bursts.len()) {
        let burst = move |scenario: &Scenario| traffic(scenario)?.bursts.get(place).copied();
        all.push(Number::count(
            move |scenario| burst(scenario).map_or(0, |burst| burst.events),
            move |scenario, value| {
                set_traffic(scenario, |traffic| {
                    if let Some(burst) = traffic.bursts.get_mut(place) {
                        burst.events = value;
                    }
                });
            },
            1,
        ));
    }
    for place in 0..scenario.receivers.len() {
        all.push(Number::count(
            move |scenario| {
                scenario
                    .receivers
                    .get(place)
                    .map_or(0, |group| group.count.into())
            },
            move |scenario, value| {
                set_receivers(scenario, |groups| {
                    if let Some(group) = groups.get_mut(place) {
                        group.count = u32::try_from(value).unwrap_or(u32::MAX);
                    }
                });
            },
            1,
        ));
        all.extend(shares(place));
    }
    all
}

/// How often the receivers of a group fail, each way.
fn shares(place: usize) -> impl Iterator<Item = Number> {
    let each: [fn(&mut Receiver) -> &mut u32; 4] = [
        |receiver| &mut receiver.timeouts,
        |receiver| &mut receiver.refusals,
        |receiver| &mut receiver.failures,
        |receiver| &mut receiver.gone,
    ];
    each.into_iter().map(move |share| {
        Number::count(
            move |scenario| {
                let group = scenario.receivers.get(place);
                group.map_or(0, |group| (*share(&mut group.receiver.clone())).into())
            },
            move |scenario, value| {
                set_receiver(scenario, place, |receiver| {
                    *share(receiver) = u32::try_from(value).unwrap_or(u32::MAX);
                });
            },
            0,
        )
    })
}

/// Traffic by a curve, if that is what comes.
const fn traffic(scenario: &Scenario) -> Option<&Traffic> {
    scenario.traffic.as_ref()
}

/// Changes the traffic and the number of events with it; one without events stays as it is.
fn set_traffic(scenario: &mut Scenario, change: impl FnOnce(&mut Traffic)) {
    let Some(mut traffic) = scenario.traffic.clone() else {
        return;
    };
    change(&mut traffic);
    let are_positive = traffic.steps.iter().all(|step| step.lasts.as_micros() > 0);
    let total = u32::try_from(traffic.total()).unwrap_or(u32::MAX);
    if total > 0 && are_positive {
        scenario.events = total;
        scenario.traffic = Some(traffic);
    }
}

/// Changes the receivers and the number of endpoints with them; at least one stays.
fn set_receivers(scenario: &mut Scenario, change: impl FnOnce(&mut Vec<Group>)) {
    let mut groups = scenario.receivers.clone();
    change(&mut groups);
    let count = groups.iter().map(|group| group.count).sum::<u32>();
    if count > 0 {
        scenario.endpoints = count;
        scenario.receivers = groups;
    }
}

fn set_receiver(scenario: &mut Scenario, place: usize, change: impl FnOnce(&mut Receiver)) {
    if let Some(group) = scenario.receivers.get_mut(place) {
        change(&mut group.receiver);
    }
}

/// Leaves so many entries out, from this one on.
pub(super) fn cut<T>(list: &mut Vec<T>, from: usize, count: usize) {
    let end = list.len().min(from.saturating_add(count));
    if from < end {
        list.drain(from..end);
    }
}
