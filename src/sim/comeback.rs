//! How receivers come back from their last outage: when as much is delivered again as was usual, and how
//! hard each is pressed.

use std::collections::BTreeMap;

use super::{
    figure::Figure,
    measures::{Figures, Recent},
    network::Outage,
};
use crate::time::Span;

/// How far before the outage what is usual is looked for.
const USUAL: Span = Span::from_seconds(600);
/// Within which span deliveries and attempts are counted.
const WITHIN: Span = Span::from_seconds(60);

/// What is counted around the outage that ends last.
#[derive(Clone, Debug, Default)]
pub(super) struct Comeback {
    /// When it begins and ends; `None` without one: then nothing is counted.
    outage: Option<(Span, Span)>,
    /// Deliveries that were made in the span that says what is usual.
    usual: u64,
    /// Deliveries that were made lately.
    lately: Recent,
    recovered_at: Option<Span>,
    /// Attempts to each endpoint, by its ordinal, and the most of them within the span.
    sends: BTreeMap<u32, Recent>,
    peak: u64,
}

impl Comeback {
    /// Nothing was counted yet.
    #[must_use]
    pub(super) fn from(outage: Option<&Outage>) -> Self {
        Self {
            outage: outage.map(|outage| (outage.from, outage.until())),
            ..Self::default()
        }
    }

    /// An attempt goes out to the endpoint with this ordinal.
    pub(super) fn sent(&mut self, at: Span, ordinal: u32) {
        if self.outage.is_some_and(|(_, until)| at >= until) {
            let within = self.sends.entry(ordinal).or_default().count(at, WITHIN);
            self.peak = self.peak.max(within);
        }
    }

    /// A delivery is made.
    pub(super) fn delivered(&mut self, at: Span) {
        let Some((from, until)) = self.outage else {
            return;
        };
        let begin = begin_of_usual(from);
        self.usual += u64::from(at >= begin && at < from);
        let within = self.lately.count(at, WITHIN);
        if at >= until && self.recovered_at.is_none() {
            // At least four fifths of the usual rate, without fractions.
            let length = from.as_micros() - begin.as_micros();
            let is = i128::from(within) * i128::from(length) * 5;
            let usual = i128::from(self.usual) * i128::from(WITHIN.as_micros()) * 4;
            self.recovered_at = (is >= usual).then_some(at);
        }
    }

    /// Its figures, where the run ends at `end`.
    #[must_use]
    pub(super) fn figures(&self, end: Span) -> Figures {
        let until = self.outage.map_or(end, |(_, until)| until);
        let took = self.recovered_at.unwrap_or(end).as_micros() - until.as_micros();
        Figures::from([
            (Figure::RecoveredAfter, u64::try_from(took).unwrap_or(0)),
            (Figure::PeakAfterOutage, self.peak),
        ])
    }
}

/// From when on it is counted what is usual before an outage that begins then.
fn begin_of_usual(from: Span) -> Span {
    Span::from_micros((from.as_micros() - USUAL.as_micros()).max(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::network::OutageKind;

    const fn at(seconds: i64) -> Span {
        Span::from_seconds(seconds)
    }

    /// Down from the 20th minute to the 30th.
    fn comeback() -> Comeback {
        Comeback::from(Some(&Outage {
            from: at(1_200),
            lasts: at(600),
            kind: OutageKind::Refuses,
        }))
    }

    fn measured(comeback: &Comeback) -> (u64, u64) {
        let figures = comeback.figures(at(3_600));
        (
            figures[&Figure::RecoveredAfter],
            figures[&Figure::PeakAfterOutage],
        )
    }

    #[test]
    fn it_is_recovered_once_four_fifths_of_the_usual_come_within_a_minute() {
        let mut comeback = comeback();
        // Twice as many before the ten minutes that count, in which ten come a minute.
        for second in (0..600).step_by(3).chain((600..1_200).step_by(6)) {
            comeback.delivered(at(second));
        }
        for second in (1_830..1_851).step_by(3) {
            comeback.delivered(at(second));
        }
        assert_eq!(measured(&comeback).0, 1_800_000_000, "seven of ten");
        comeback.delivered(at(1_895));
        assert_eq!(measured(&comeback).0, 1_800_000_000, "six in that minute");
        for second in [1_897, 1_899, 1_901, 1_902] {
            comeback.delivered(at(second));
        }
        assert_eq!(measured(&comeback).0, 1_800_000_000, "seven again");
        comeback.delivered(at(1_903));
        assert_eq!(measured(&comeback).0, 103_000_000);
        comeback.delivered(at(1_999));
        assert_eq!(measured(&comeback).0, 103_000_000, "the first time counts");
    }

    #[test]
    fn attempts_are_counted_by_endpoint_and_from_the_return_on() {
        let mut comeback = comeback();
        for second in 1_790..1_800 {
            comeback.sent(at(second), 1);
        }
        assert_eq!(measured(&comeback).1, 0);
        for second in 1_800..1_805 {
            comeback.sent(at(second), 1);
            comeback.sent(at(second), 2);
        }
        comeback.sent(at(1_859), 2);
        comeback.sent(at(1_860), 2);
        assert_eq!(measured(&comeback).1, 6);
    }

    #[test]
    fn without_an_outage_nothing_comes_back() {
        let mut comeback = Comeback::from(None);
        comeback.sent(at(5), 0);
        comeback.delivered(at(6));
        assert_eq!(measured(&comeback), (0, 0));
    }
}
