//! What a run did over virtual time: its logbook in a number of equal stretches.

use std::collections::BTreeMap;

use crate::{
    domain::outcome::OutcomeKind,
    sim::{
        Scenario,
        logbook::{DeliveryPlace, Logbook, Sighting},
        measures::Recent,
    },
    time::Span,
};

/// A run over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli::simulate) struct Series {
    /// How long the whole is, from the beginning of the run; positive.
    pub(in crate::cli::simulate) lasts: Span,
    /// All deliveries, then each group of endpoints in the scenario's order.
    pub(in crate::cli::simulate) lines: Vec<Line>,
    /// From when to when the process was down.
    pub(in crate::cli::simulate) down: Vec<(Span, Span)>,
}

/// What was seen of some endpoints, stretch by stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli::simulate) struct Line {
    /// Whose it is; empty for all.
    pub(in crate::cli::simulate) name: String,
    /// Most deliveries that were open.
    pub(in crate::cli::simulate) backlog: Vec<u64>,
    /// Most attempts that went out within one second.
    pub(in crate::cli::simulate) sends: Vec<u64>,
    /// Attempts that were answered with 2xx, and that were not.
    pub(in crate::cli::simulate) answered: Vec<(u64, u64)>,
    /// Of the deliveries accepted in the stretch that were made: how long half of them took at most,
    /// and ninety-nine in a hundred, in microseconds; nothing if there is none.
    pub(in crate::cli::simulate) took: Vec<Option<(u64, u64)>>,
    /// How many deliveries took so long, by powers of two of a millisecond: the first less than one.
    pub(in crate::cli::simulate) histogram: Vec<u64>,
}

/// A line while it is drawn.
struct Pen {
    line: Line,
    ordinals: (u32, u32),
    count: usize,
    stretch_us: i64,
    open: u64,
    /// The stretch that the backlog is told up to.
    told: usize,
    recent: Recent,
    accepted: BTreeMap<u64, Span>,
    delivered: BTreeMap<DeliveryPlace, ()>,
    took: Vec<Vec<u64>>,
}

impl Series {
    /// The series of a run in `count` stretches, from 1.
    pub(in crate::cli::simulate) fn of(
        scenario: &Scenario,
        logbook: &Logbook,
        count: usize,
    ) -> Self {
        let last = logbook.entries.last().map_or(0, |(at, _)| at.as_micros());
        let lasts = last.saturating_add(1);
        let parts = i64::try_from(count).unwrap_or(1).max(1);
        let stretch_us = (lasts / parts + 1).max(1);
        let mut from = 0_u32;
        let named = scenario.receivers.iter().map(|group| {
            let ordinals = (from, from.saturating_add(group.count));
            from = ordinals.1;
            (group.name.clone(), ordinals)
        });
        let all = (String::new(), (0, u32::MAX));
        let lines = [all].into_iter().chain(named).map(|(name, ordinals)| {
            let mut pen = Pen::new(name, ordinals, count, stretch_us);
            for (at, sighting) in &logbook.entries {
                pen.take(*at, *sighting);
            }
            pen.line()
        });
        Self {
            lasts: Span::from_micros(stretch_us.saturating_mul(parts)),
            lines: lines.collect(),
            down: down(logbook),
        }
    }

    /// All deliveries.
    pub(in crate::cli::simulate) fn all(&self) -> Option<&Line> {
        self.lines.first()
    }

    /// The groups; all together if there is no group.
    pub(in crate::cli::simulate) fn groups(&self) -> &[Line] {
        match self.lines.as_slice() {
            [_, groups @ ..] if !groups.is_empty() => groups,
            all => all,
        }
    }
}

/// When the process was down.
fn down(logbook: &Logbook) -> Vec<(Span, Span)> {
    let mut down = Vec::new();
    let mut since = None;
    for (at, sighting) in &logbook.entries {
        match sighting {
            Sighting::Died | Sighting::Stopped => since = since.or(Some(*at)),
            Sighting::Started => down.extend(since.take().map(|since| (since, *at))),
            _ => {}
        }
    }
    down
}

impl Pen {
    fn new(name: String, ordinals: (u32, u32), count: usize, stretch_us: i64) -> Self {
        Self {
            line: Line {
                name,
                backlog: vec![0; count],
                sends: vec![0; count],
                answered: vec![(0, 0); count],
                ..Line::default()
            },
            ordinals,
            count,
            stretch_us,
            open: 0,
            told: 0,
            recent: Recent::default(),
            accepted: BTreeMap::new(),
            delivered: BTreeMap::new(),
            took: vec![Vec::new(); count],
        }
    }

    /// The stretch that a time is in.
    fn place(&self, at: Span) -> usize {
        let place = usize::try_from(at.as_micros() / self.stretch_us).unwrap_or(0);
        place.min(self.count.saturating_sub(1))
    }

    fn has(&self, (_, ordinal): DeliveryPlace) -> bool {
        (self.ordinals.0..self.ordinals.1).contains(&ordinal)
    }

    fn take(&mut self, at: Span, sighting: Sighting) {
        self.tell(self.place(at));
        match sighting {
            Sighting::Accepted(position, ..) => {
                self.accepted.insert(position.number(), at);
            }
            Sighting::Opened(delivery, _) if self.has(delivery) => {
                self.open += 1;
                if let Some(most) = self.line.backlog.get_mut(self.told) {
                    *most = (*most).max(self.open);
                }
            }
            Sighting::Sent(attempt) if self.has(attempt.delivery) => self.sent(at),
            Sighting::Answered(attempt, kind, _) if self.has(attempt.delivery) => {
                let is_success = matches!(kind, OutcomeKind::Status(200..=299));
                let place = self.place(at);
                if let Some((well, failed)) = self.line.answered.get_mut(place) {
                    *well += u64::from(is_success);
                    *failed += u64::from(!is_success);
                }
                if is_success && self.delivered.insert(attempt.delivery, ()).is_none() {
                    self.delivered(at, attempt.delivery);
                }
            }
            Sighting::Ended(delivery, _, None) if self.has(delivery) => {
                self.open = self.open.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// What is open now was so in every stretch up to this one.
    fn tell(&mut self, place: usize) {
        while self.told < place {
            self.told += 1;
            if let Some(most) = self.line.backlog.get_mut(self.told) {
                *most = self.open;
            }
        }
    }

    fn sent(&mut self, at: Span) {
        let place = self.place(at);
        let within_second = self.recent.count(at, Span::from_seconds(1));
        if let Some(most) = self.line.sends.get_mut(place) {
            *most = (*most).max(within_second);
        }
    }

    fn delivered(&mut self, at: Span, (position, _): DeliveryPlace) {
        let Some(accepted_at) = self.accepted.get(&position.number()).copied() else {
            return;
        };
        let took = u64::try_from(at.as_micros() - accepted_at.as_micros()).unwrap_or(0);
        let place = self.place(accepted_at);
        if let Some(all) = self.took.get_mut(place) {
            all.push(took);
        }
        let power = (took / 1_000).checked_ilog2().map_or(0, |power| power + 1);
        let power = usize::try_from(power).unwrap_or(0);
        if self.line.histogram.len() <= power {
            self.line.histogram.resize(power + 1, 0);
        }
        if let Some(count) = self.line.histogram.get_mut(power) {
            *count += 1;
        }
    }

    fn line(mut self) -> Line {
        self.tell(self.count.saturating_sub(1));
        let ranks = |values: &mut Vec<u64>| {
            values.sort_unstable();
            let rank = |percent: usize| {
                let place = (values.len() * percent).div_ceil(100).saturating_sub(1);
                values.get(place).copied()
            };
            rank(50).zip(rank(99))
        };
        self.line.took = self.took.iter_mut().map(ranks).collect();
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::simulate::rehearsed::rehearsed, config::scenario::ScenarioFile, sim::figure::Figure,
    };

    #[test]
    fn series_tell_the_same_as_the_figures() {
        let text = include_str!("../../../../fixtures/scenarios/restart.toml");
        let scenario = ScenarioFile::read(text).expect("it is one").scenario;
        let (run, logbook) = rehearsed(&scenario).expect("it runs");
        let series = Series::of(&scenario, &logbook, 50);
        let all = series.all().expect("there are deliveries");
        let figure = |figure| run.measures.get(figure, None).expect("it is measured");
        let most = |values: &[u64]| values.iter().copied().max();
        assert_eq!(most(&all.backlog), Some(figure(Figure::BacklogMax)));
        assert_eq!(most(&all.sends), Some(figure(Figure::PeakSendsPerSecond)));
        assert_eq!(all.histogram.iter().sum::<u64>(), figure(Figure::Succeeded));
        let answered = all.answered.iter().map(|(well, failed)| well + failed);
        assert_eq!(answered.sum::<u64>(), figure(Figure::Attempts));
        // While the process is down nothing is accepted and nothing sent, and what was open stays so.
        let [(from, until)] = series.down[..] else {
            panic!("{:?}", series.down)
        };
        assert_eq!(until.as_micros() - from.as_micros(), 5_000_000);
        let stretch = series.lasts.as_micros() / 50;
        let middle = usize::try_from((from.as_micros() + 2_500_000) / stretch).expect("within");
        assert_eq!((all.sends[middle], all.took[middle]), (0, None));
        assert!(all.backlog[middle] > 0);
    }
}
