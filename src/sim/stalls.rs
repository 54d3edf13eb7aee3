//! Times in which the process stands still, and its deaths, as the witness counts them.

use super::{logbook::Sighting, oracles::figures::SeenFigures, seen::Moment, witness::Witness};
use crate::{
    engine::options::Options,
    time::{Span, Timestamp},
};

impl Witness {
    /// A process begins its life with these settings.
    pub(super) fn begins_life(&mut self, options: Options) {
        for endpoint in self.endpoints.values_mut() {
            endpoint.circuit.has_settings(&options);
        }
        self.options = options;
    }

    /// The process is gone: what was in flight goes on, but nobody hears of it.
    pub(super) fn died(&mut self, now: Moment) {
        self.life += 1;
        let is_orderly = self.orderly.contains(&self.breaks.len());
        let gone = if is_orderly {
            Sighting::Stopped
        } else {
            Sighting::Died
        };
        self.log(now.real, gone);
        self.breaks.push(now.real);
        self.in_flight = 0;
        self.figures = SeenFigures::default();
        self.hosts.died();
        self.slots.died();
        self.neighbours.died();
        for endpoint in self.endpoints.values_mut() {
            endpoint.in_flight = 0;
            let told = |at: Timestamp| at.min(now.real);
            endpoint.disabled_at = endpoint.disabled_at.map(told);
            endpoint.deleted_at = endpoint.deleted_at.map(told);
            for target in &mut endpoint.targets {
                target.at = told(target.at);
            }
        }
        // Who opens the store sees what is durable, though nobody was told of it yet.
        for seen in self.events.values_mut() {
            seen.durable_at = seen.durable_at.min(now.real);
            seen.expunged_at = seen.expunged_at.map(|at| at.min(now.real));
        }
    }

    /// The process stands still: what it should have done meanwhile it does behind that.
    pub(super) fn stood_still(&mut self, from: Timestamp, until: Timestamp) {
        self.happened.stalls += 1;
        self.stalls.push((from, until));
        self.ready_at = self.ready_at.max(until);
    }

    /// How long the process did something between two times.
    pub(super) fn at_work(&self, from: Timestamp, until: Timestamp) -> Span {
        let stalls = self.stalls.iter().map(|(began, ended)| {
            let still = (*ended).min(until).since((*began).max(from));
            still.max(Span::ZERO).as_micros()
        });
        Span::from_micros(until.since(from).as_micros() - stalls.sum::<i64>())
    }
}
