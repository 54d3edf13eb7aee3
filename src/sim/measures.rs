//! Figures of a run, made from its logbook: of all deliveries, and of those to each group of endpoints
//! that the scenario names.

use std::collections::{BTreeMap, VecDeque};

use super::{
    comeback::Comeback,
    figure::Figure,
    logbook::{Attempt, DeliveryPlace, Logbook, Sighting},
    network::{Group, Outage},
    oracle::End,
    scenario::Scenario,
    world::BEGINNING,
};
use crate::{
    domain::outcome::OutcomeKind,
    time::{Span, Timestamp},
};

/// The figures of some deliveries.
pub type Figures = BTreeMap<Figure, u64>;

/// When something happened lately.
#[derive(Clone, Debug, Default)]
pub struct Recent(VecDeque<Span>);

impl Recent {
    /// It happens once more, not before the other times; gives how often that makes within a span, which
    /// is the same each time.
    pub fn count(&mut self, at: Span, within: Span) -> u64 {
        let before = at.as_micros().saturating_sub(within.as_micros());
        while self
            .0
            .front()
            .is_some_and(|time| time.as_micros() <= before)
        {
            self.0.pop_front();
        }
        self.0.push_back(at);
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}

/// What was measured in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Of all deliveries.
    pub all: Figures,
    /// Of each group of endpoints, in the scenario's order.
    pub groups: Vec<(String, Figures)>,
}

impl Measures {
    /// Measures a run by its logbook.
    #[must_use]
    pub fn of(scenario: &Scenario, logbook: &Logbook) -> Self {
        let mut first = 0_u32;
        let groups = scenario.receivers.iter().map(|group| {
            let ordinals = (first, first.saturating_add(group.count));
            first = ordinals.1;
            let outage = last_outage(core::slice::from_ref(group), logbook);
            let figures = Tally::over(logbook, ordinals, outage).figures();
            (group.name.clone(), figures)
        });
        let groups = groups.collect();
        let outage = last_outage(&scenario.receivers, logbook);
        let mut all = Tally::over(logbook, (0, u32::MAX), outage).figures();
        all.extend(figures_of_run(logbook));
        Self { all, groups }
    }

    /// A figure of all deliveries, or of those to a group; nothing if there is no such group, or if there is
    /// nothing that it could be measured of ([`Figure::missing`]).
    #[must_use]
    pub fn get(&self, figure: Figure, endpoint: Option<&str>) -> Option<u64> {
        let figures = match endpoint {
            None => &self.all,
            Some(name) => &self.groups.iter().find(|(group, _)| group == name)?.1,
        };
        figures.get(&figure).copied()
    }
}

fn last_entry(logbook: &Logbook) -> Span {
    logbook.entries.last().map_or(Span::ZERO, |(at, _)| *at)
}

/// The outage of some receivers that ends last, of those whose end the run sees.
fn last_outage<'world>(groups: &'world [Group], logbook: &Logbook) -> Option<&'world Outage> {
    let outages = groups.iter().flat_map(|group| &group.receiver.outages);
    outages
        .filter(|outage| outage.until() <= last_entry(logbook))
        .max_by_key(|outage| outage.until())
}

/// What is counted of deliveries to endpoints with ordinals in a range.
#[derive(Default)]
struct Tally {
    ordinals: (u32, u32),
    /// From when on `DrainedAfter` counts.
    mark: Span,
    counts: Figures,
    /// When each event was accepted.
    accepted: BTreeMap<u64, Timestamp>,
    /// The last attempt that was sent for each delivery, and whether it was delivered.
    seen: BTreeMap<DeliveryPlace, (u16, bool)>,
    latencies: Vec<u64>,
    recent: Recent,
    comeback: Comeback,
    in_flight: u64,
    backlog: u64,
    drained_at: Span,
    /// When the run ends.
    end: Span,
}

impl Tally {
    fn over(logbook: &Logbook, ordinals: (u32, u32), outage: Option<&Outage>) -> Self {
        let mut tally = Self {
            ordinals,
            mark: mark(logbook, outage.map(Outage::until)),
            comeback: Comeback::from(outage),
            end: last_entry(logbook),
            ..Self::default()
        };
        for (at, sighting) in &logbook.entries {
            tally.take(*at, *sighting);
        }
        tally
    }

    fn has(&self, (_, ordinal): DeliveryPlace) -> bool {
        (self.ordinals.0..self.ordinals.1).contains(&ordinal)
    }

    fn add(&mut self, figure: Figure, count: u64) {
        *self.counts.entry(figure).or_default() += count;
    }

    fn raise(&mut self, figure: Figure, to: u64) {
        let most = self.counts.entry(figure).or_default();
        *most = (*most).max(to);
    }

    fn take(&mut self, at: Span, sighting: Sighting) {
        match sighting {
            Sighting::Accepted(position, _, accepted_at) => {
                self.accepted.insert(position.number(), accepted_at);
            }
            Sighting::Opened(delivery, before) if self.has(delivery) => {
                match before {
                    Some(end) => self.take_back(end),
                    None => self.add(Figure::Deliveries, 1),
                }
                self.backlog += 1;
                self.raise(Figure::BacklogMax, self.backlog);
            }
            Sighting::Sent(attempt) if self.has(attempt.delivery) => self.sent(at, attempt),
            Sighting::Answered(attempt, kind, _) if self.has(attempt.delivery) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                if matches!(kind, OutcomeKind::Status(200..=299)) {
                    self.delivered(at, attempt);
                }
            }
            Sighting::Ended(delivery, end, before) if self.has(delivery) => {
                self.add(figure_of(end), 1);
                match before {
                    Some(before) => self.take_back(before),
                    None => self.closed(at, delivery),
                }
            }
            _ => {}
        }
    }

    fn sent(&mut self, at: Span, attempt: Attempt) {
        let seen = self.seen.entry(attempt.delivery).or_default();
        let is_repeated = attempt.number <= seen.0;
        seen.0 = attempt.number;
        self.add(Figure::Attempts, 1);
        self.add(Figure::Repeated, is_repeated.into());
        self.in_flight += 1;
        self.raise(Figure::InFlightMax, self.in_flight);
        let within_second = self.recent.count(at, Span::from_seconds(1));
        self.raise(Figure::PeakSendsPerSecond, within_second);
        self.comeback.sent(at, attempt.delivery.1);
    }

    fn delivered(&mut self, at: Span, attempt: Attempt) {
        let (position, _) = attempt.delivery;
        let seen = self.seen.entry(attempt.delivery).or_default();
        let is_first = !core::mem::replace(&mut seen.1, true);
        self.add(Figure::Duplicates, (!is_first).into());
        if let Some(accepted_at) = self.accepted.get(&position.number()).filter(|_| is_first) {
            let took = BEGINNING.plus(at).since(*accepted_at).as_micros();
            self.latencies.push(u64::try_from(took).unwrap_or(0));
            self.comeback.delivered(at);
        }
    }

    /// A delivery did not end so after all.
    fn take_back(&mut self, end: End) {
        let count = self.counts.entry(figure_of(end)).or_default();
        *count = count.saturating_sub(1);
    }

    /// A delivery is open no more.
    fn closed(&mut self, at: Span, (position, _): DeliveryPlace) {
        self.backlog = self.backlog.saturating_sub(1);
        let accepted_at = self.accepted.get(&position.number());
        if accepted_at.is_some_and(|accepted_at| *accepted_at <= BEGINNING.plus(self.mark)) {
            self.drained_at = self.drained_at.max(at);
        }
    }

    fn figures(mut self) -> Figures {
        let of_all = Figure::ALL.into_iter();
        for figure in of_all.filter(|figure| figure.is_of_endpoints()) {
            self.counts.entry(figure).or_default();
        }
        let count = |figure| self.counts.get(&figure).copied().unwrap_or(0);
        let deliveries = count(Figure::Deliveries);
        let part = |of: u64, whole: u64| {
            let part = u128::from(of) * u128::from(whole);
            let part = part.checked_div(deliveries.into()).unwrap_or(0);
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        let share = part(count(Figure::Succeeded), 10_000);
        let ratio = part(count(Figure::Attempts), 1_000);
        let drained = self.drained_at.as_micros() - self.mark.as_micros();
        let [p50, p90, p99, max] = ranks(&mut self.latencies, [50, 90, 99, 100]);
        self.counts.extend([
            (Figure::SucceededShare, share),
            (Figure::AttemptsPerDelivery, ratio),
            (Figure::DrainedAfter, u64::try_from(drained).unwrap_or(0)),
            (Figure::P50Delivery, p50),
            (Figure::P90Delivery, p90),
            (Figure::P99Delivery, p99),
            (Figure::MaxDelivery, max),
        ]);
        self.counts.extend(self.comeback.figures(self.end));
        if self.latencies.is_empty() {
            self.counts.retain(|figure, _| figure.missing().is_none());
        }
        self.counts
    }
}

/// Where a delivery that ended so is counted.
const fn figure_of(end: End) -> Figure {
    match end {
        End::Succeeded => Figure::Succeeded,
        End::Exhausted => Figure::Exhausted,
        End::Expired => Figure::Expired,
        End::SetAside(_) => Figure::SetAside,
        End::CalledOff => Figure::Cancelled,
    }
}

/// From when on it is measured how long it takes until all is quiet.
fn mark(logbook: &Logbook, last_outage: Option<Span>) -> Span {
    let mut starts = logbook.entries.iter();
    let starts = starts
        .by_ref()
        .filter(|(_, what)| *what == Sighting::Started);
    let restart = starts.skip(1).map(|(at, _)| *at).last();
    let accepted =
        |(at, what): &(Span, Sighting)| matches!(what, Sighting::Accepted(..)).then_some(*at);
    let last_event = || logbook.entries.iter().rev().find_map(accepted);
    last_outage
        .max(restart)
        .or_else(last_event)
        .unwrap_or(Span::ZERO)
}

/// What is measured of the run as a whole.
fn figures_of_run(logbook: &Logbook) -> Figures {
    let mut asked: BTreeMap<u32, Span> = BTreeMap::new();
    let mut waits = Vec::new();
    let (mut events, mut crashes) = (0, 0);
    for (at, sighting) in &logbook.entries {
        match sighting {
            Sighting::Asked(number) => {
                asked.insert(*number, *at);
            }
            Sighting::Told(number, _) => {
                if let Some(asked_at) = asked.remove(number) {
                    let took = at.as_micros() - asked_at.as_micros();
                    waits.push(u64::try_from(took).unwrap_or(0));
                }
            }
            Sighting::Accepted(..) => events += 1,
            Sighting::Died => crashes += 1,
            _ => {}
        }
    }
    let [p99, max] = ranks(&mut waits, [99, 100]);
    let mut figures = Figures::from([
        (Figure::Events, events),
        (Figure::P99Accept, p99),
        (Figure::MaxAccept, max),
        (Figure::Crashes, crashes),
    ]);
    if waits.is_empty() {
        figures.retain(|figure, _| figure.missing().is_none());
    }
    figures
}

/// Percentiles by the nearest rank; 0 of nothing. Sorts the values.
fn ranks<const COUNT: usize>(values: &mut [u64], percents: [usize; COUNT]) -> [u64; COUNT] {
    values.sort_unstable();
    percents.map(|percent| {
        let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
        values.get(place).copied().unwrap_or(0)
    })
}
