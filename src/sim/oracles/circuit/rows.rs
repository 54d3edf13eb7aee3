//! What is to be kept of a circuit, one after the other, and what is durable of it: each row that is written must be
//! the one that was to be kept then, by the results that were heard.

use std::collections::VecDeque;

use super::model::SeenState;
use crate::{
    domain::circuit::{Circuit, CircuitState},
    limits,
    policy::circuit_breaker::CircuitBreakerPolicy,
    sim::{oracles::pause::is_pause_of_any, seen::Moment},
    time::{Span, Timestamp},
};

/// Rows that are looked at; of those beyond, the oldest are forgotten.
const EXPECTED_MAX: usize = 64;

/// Since when a circuit is half-open of which nobody knows that.
pub(super) const SINCE_SOME_TIME: Timestamp = Timestamp::ZERO;

/// What is to be kept of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) state: SeenState,
    pub(super) openings: u16,
    pub(super) failing_since: Option<Timestamp>,
    /// Whether that is kept, too.
    pub(super) keeps_failing: bool,
    /// The least and the most that may be usual.
    pub(super) usual: (u32, u32),
    /// From when on, in real time.
    pub(super) from: Timestamp,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            state: SeenState::Closed,
            openings: 0,
            failing_since: None,
            keeps_failing: false,
            usual: (0, 0),
            from: Timestamp::ZERO,
        }
    }
}

/// How a row that is durable was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is one that was to be kept.
    Kept,
    /// It is, and says that a recovery is over.
    Closed {
        /// Since when it had recovered, in real time.
        since: Timestamp,
        /// Whether the circuit was something else since then.
        went_on: bool,
    },
    /// It is none of them: as what it was written down.
    Other(&'static str),
}

/// How long an endpoint must have failed until that is kept.
pub(super) const LONG: Span = Span::from_millis(limits::FAILING_KEPT_AFTER_MS);

impl Expected {
    /// The same, but that a recovery is over.
    const fn closed(self) -> Self {
        Self {
            state: SeenState::Closed,
            openings: 0,
            ..self
        }
    }

    /// Whether the same is to be kept.
    fn is_same(&self, other: &Self) -> bool {
        let kept = |of: &Self| (of.state.kept(), of.openings, of.failing_kept());
        kept(self) == kept(other)
    }

    fn failing_kept(&self) -> Option<Timestamp> {
        self.failing_since.filter(|_| self.keeps_failing)
    }

    /// Whether nothing is to be kept, since it is as a new one.
    fn is_new(&self) -> bool {
        self.state == SeenState::Closed && self.failing_kept().is_none()
    }

    /// As what a row was written that is another one at this time, in steady time; `None` if it is this one.
    fn other_than(
        &self,
        row: Option<Circuit>,
        policies: &[CircuitBreakerPolicy],
        at: Timestamp,
    ) -> Option<&'static str> {
        let Some(row) = row else {
            return (!self.is_new()).then_some("a new one");
        };
        let is_state = match (self.state, row.state) {
            (SeenState::Closed, CircuitState::Closed)
            | (SeenState::Recovering, CircuitState::Recovering) => true,
            (SeenState::Open { since }, CircuitState::Open { since: written, .. })
            | (SeenState::HalfOpen { since, .. }, CircuitState::HalfOpen { since: written, .. }) => {
                since == written || since == SINCE_SOME_TIME
            }
            _ => false,
        };
        if !is_state {
            return Some(match row.state {
                CircuitState::Closed => "closed",
                CircuitState::Open { .. } => "open",
                CircuitState::HalfOpen { .. } => "half-open",
                CircuitState::Recovering => "recovering",
            });
        }
        if let CircuitState::Open { since, until } = row.state
            && !is_pause_of_any(policies, self.openings, until.since(since))
        {
            return Some("open for another time than its pause");
        }
        // It is looked at again when something else is written, and then a failure may be long ago.
        let is_long = |since: &Timestamp| at.since(*since) >= LONG;
        let late = self.failing_since.filter(is_long);
        let is_failing = row.failing_since == self.failing_kept()
            || (row.failing_since.is_some() && row.failing_since == late);
        let (least, most) = self.usual;
        if row.openings != self.openings {
            Some("opened another number of times")
        } else if !is_failing {
            Some("failing since another time")
        } else if row.usual_per_minute < least || row.usual_per_minute > most {
            Some("one with another usual rate")
        } else {
            None
        }
    }
}

/// What is durable of a circuit, and what is to become so.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenRows {
    /// What is durable.
    pub(super) row: Option<Circuit>,
    /// What was to be kept in this period, oldest first: the first is durable, as far as that is known.
    expected: VecDeque<Expected>,
}

impl SeenRows {
    /// From now on what is durable is what is to be kept.
    pub(super) fn begin(&mut self, first: Expected) {
        self.expected.clear();
        self.expected.push_back(first);
    }

    /// Of a circuit of which nothing was seen yet, nothing is kept.
    fn begin_if_new(&mut self) {
        if self.expected.is_empty() {
            self.expected.push_back(Expected::default());
        }
    }

    /// This is to be kept from now on.
    pub(super) fn expect(&mut self, expected: Expected) {
        self.begin_if_new();
        if let Some(last) = self.expected.back_mut()
            && last.is_same(&expected)
        {
            // What is not kept now may be when something else is written.
            last.failing_since = expected.failing_since;
            last.usual.0 = last.usual.0.min(expected.usual.0);
            last.usual.1 = last.usual.1.max(expected.usual.1);
            return;
        }
        if self.expected.len() == EXPECTED_MAX {
            self.expected.pop_front();
        }
        self.expected.push_back(expected);
    }

    /// A row is durable; what comes before it is not written any more.
    pub(super) fn durable(
        &mut self,
        row: Option<Circuit>,
        policies: &[CircuitBreakerPolicy],
        at: Moment,
    ) -> Found {
        self.row = row;
        self.begin_if_new();
        let is = |expected: &Expected| expected.other_than(row, policies, at.steady).is_none();
        let closes =
            |expected: &Expected| expected.state == SeenState::Recovering && is(&expected.closed());
        // What was let go of may be written again.
        let places = (1..self.expected.len()).chain([0]);
        let mut places = places.filter_map(|place| Some((place, self.expected.get(place)?)));
        let found = places.find(|(_, expected)| is(expected) || closes(expected));
        let Some((place, expected)) = found else {
            let last = self.expected.back();
            let what = last.and_then(|last| last.other_than(row, policies, at.steady));
            return Found::Other(what.unwrap_or("one of before"));
        };
        let (has_closed, since) = (!is(expected), expected.from);
        self.expected.drain(..place);
        if !has_closed {
            return Found::Kept;
        }
        let went_on = self
            .expected
            .iter()
            .any(|expected| expected.state != SeenState::Recovering);
        for expected in &mut self.expected {
            if expected.state == SeenState::Recovering {
                *expected = expected.closed();
            }
        }
        Found::Closed { since, went_on }
    }

    /// Whether what is durable is what was to be kept lately: of what came less than `window` before the end of its
    /// period, by `lasted`, nobody can tell whether it was written.
    pub(super) fn is_kept(
        &self,
        policies: &[CircuitBreakerPolicy],
        at: Timestamp,
        is_late: impl Fn(Timestamp) -> bool,
    ) -> bool {
        let next = self.expected.iter().skip(1).map(Some).chain([None]);
        let mut entries = self.expected.iter().zip(next);
        self.expected.is_empty()
            || entries.any(|(expected, next)| {
                let is_lately = next.is_none_or(|next| !is_late(next.from));
                let is =
                    |expected: &Expected| expected.other_than(self.row, policies, at).is_none();
                let closes = expected.state == SeenState::Recovering && is(&expected.closed());
                is_lately && (is(expected) || closes)
            })
    }
}
