//! What can be measured of a run, by name, and in what. All values are integers.

use super::units::{self, SHARE_FORM, SPAN_FORM};
use crate::time::Span;

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number of something.
    Count,
    /// Microseconds.
    Time,
    /// Thousandths.
    Ratio,
    /// Parts of ten thousand.
    Share,
}

impl Unit {
    /// What a value of it must look like.
    #[must_use]
    pub const fn form(self) -> &'static str {
        match self {
            Self::Count => "a count is a whole number, as 0 or 5000",
            Self::Time => SPAN_FORM,
            Self::Ratio => "a ratio is a number with three decimals at most, as 1.05",
            Self::Share => SHARE_FORM,
        }
    }

    /// Reads a value; nothing if the text is none.
    #[must_use]
    pub fn read(self, text: &str) -> Option<u64> {
        let whole = |text: &str| {
            let (number, rest) = units::digits(text)?;
            rest.is_empty().then_some(number)
        };
        match self {
            Self::Count => whole(text),
            Self::Time => u64::try_from(units::span(text)?.as_micros()).ok(),
            Self::Share => units::share(text).map(u64::from),
            Self::Ratio => {
                let (number, decimals) = text.split_once('.').unwrap_or((text, "0"));
                let missing = 3_u32.checked_sub(u32::try_from(decimals.len()).ok()?)?;
                let part = whole(decimals)?.checked_mul(10_u64.pow(missing))?;
                whole(number)?.checked_mul(1_000)?.checked_add(part)
            }
        }
    }

    /// Writes a value so that [`Unit::read`] reads the same.
    #[must_use]
    pub fn shown_exactly(self, value: u64) -> String {
        match self {
            Self::Count => value.to_string(),
            Self::Time => units::shown_span(span_of(value)),
            Self::Share => units::shown_share(u32::try_from(value).unwrap_or(u32::MAX)),
            Self::Ratio => {
                let decimals = format!("{:03}", value % 1_000);
                let decimals = decimals.trim_end_matches('0');
                let whole = value / 1_000;
                if decimals.is_empty() {
                    whole.to_string()
                } else {
                    format!("{whole}.{decimals}")
                }
            }
        }
    }

    /// Writes a value for people.
    #[must_use]
    pub fn shown(self, value: u64) -> String {
        match self {
            Self::Count => units::grouped(value),
            Self::Time => units::readable_span(span_of(value)),
            Self::Ratio | Self::Share => self.shown_exactly(value),
        }
    }

    /// What a value is told in where machines read it.
    #[must_use]
    pub const fn machine_name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Time => "microseconds",
            Self::Ratio => "thousandths",
            Self::Share => "parts_of_10000",
        }
    }
}

fn span_of(micros: u64) -> Span {
    Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// Something that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Events that are durable, times the endpoints they are for: those that take them when they are handed
    /// in, and those to which a task brings them later.
    Deliveries,
    /// Attempts that were sent.
    Attempts,
    /// Deliveries that ended with success.
    Succeeded,
    /// Deliveries that ended without, their schedule spent.
    Exhausted,
    /// Deliveries that ended because their time ran out.
    Expired,
    /// Deliveries that somebody skipped or parked.
    SetAside,
    /// Deliveries that were called off: their endpoint was deleted, or their payload taken away.
    Cancelled,
    /// Attempts that were made a second time, because what came of the first was lost.
    Repeated,
    /// Requests that a receiver answered with 2xx after it had done so before.
    Duplicates,
    /// The part of the deliveries that succeeded.
    SucceededShare,
    /// Attempts for each delivery.
    AttemptsPerDelivery,
    /// From the acceptance of an event to its first 2xx: half of the deliveries are not slower.
    P50Delivery,
    /// Nine in ten are not slower.
    P90Delivery,
    /// Ninety-nine in a hundred are not slower.
    P99Delivery,
    /// None is slower.
    MaxDelivery,
    /// Most attempts that went out within one second.
    PeakSendsPerSecond,
    /// Most attempts that were on their way at once.
    InFlightMax,
    /// Most deliveries that were open at once.
    BacklogMax,
    /// From the end of the last outage or restart until all has ended that was accepted before; where
    /// there is none of both, from the last event.
    DrainedAfter,
    /// From the end of the last outage until within a minute four fifths of the deliveries are made that
    /// were usual in the ten minutes before it; until the end of the run where they never are.
    RecoveredAfter,
    /// Most attempts to one endpoint within one minute, from the end of the last outage on.
    PeakAfterOutage,
    /// Events that are durable.
    Events,
    /// From when a producer asks to its answer: ninety-nine in a hundred are not slower.
    P99Accept,
    /// None is slower.
    MaxAccept,
    /// How often the process died.
    Crashes,
}

impl Figure {
    /// All there are, those of the whole run last.
    pub const ALL: [Self; 25] = [
        Self::Deliveries,
        Self::Succeeded,
        Self::Exhausted,
        Self::Expired,
        Self::SetAside,
        Self::Cancelled,
        Self::SucceededShare,
        Self::Attempts,
        Self::AttemptsPerDelivery,
        Self::Repeated,
        Self::Duplicates,
        Self::P50Delivery,
        Self::P90Delivery,
        Self::P99Delivery,
        Self::MaxDelivery,
        Self::PeakSendsPerSecond,
        Self::InFlightMax,
        Self::BacklogMax,
        Self::DrainedAfter,
        Self::RecoveredAfter,
        Self::PeakAfterOutage,
        Self::Events,
        Self::P99Accept,
        Self::MaxAccept,
        Self::Crashes,
    ];

    /// Its name in expectations and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deliveries => "deliveries",
            Self::Attempts => "attempts",
            Self::Succeeded => "succeeded",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::SetAside => "set_aside",
            Self::Cancelled => "cancelled",
            Self::Repeated => "repeated",
            Self::Duplicates => "duplicates",
            Self::SucceededShare => "succeeded_share",
            Self::AttemptsPerDelivery => "attempts_per_delivery",
            Self::P50Delivery => "p50_delivery",
            Self::P90Delivery => "p90_delivery",
            Self::P99Delivery => "p99_delivery",
            Self::MaxDelivery => "max_delivery",
            Self::PeakSendsPerSecond => "peak_sends_per_second",
            Self::InFlightMax => "in_flight_max",
            Self::BacklogMax => "backlog_max",
            Self::DrainedAfter => "drained_after",
            Self::RecoveredAfter => "recovered_after",
            Self::PeakAfterOutage => "peak_after_outage",
            Self::Events => "events",
            Self::P99Accept => "p99_accept",
            Self::MaxAccept => "max_accept",
            Self::Crashes => "crashes",
        }
    }

    /// The figure of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// All names, for people.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// What it is measured in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::P50Delivery
            | Self::P90Delivery
            | Self::P99Delivery
            | Self::MaxDelivery
            | Self::DrainedAfter
            | Self::RecoveredAfter
            | Self::P99Accept
            | Self::MaxAccept => Unit::Time,
            Self::AttemptsPerDelivery => Unit::Ratio,
            Self::SucceededShare => Unit::Share,
            _ => Unit::Count,
        }
    }

    /// Why there is none, where there is nothing that it could be measured of.
    #[must_use]
    pub const fn missing(self) -> Option<&'static str> {
        match self {
            Self::P50Delivery
            | Self::P90Delivery
            | Self::P99Delivery
            | Self::MaxDelivery
            | Self::RecoveredAfter => Some("nothing was delivered"),
            Self::P99Accept | Self::MaxAccept => Some("no producer had an answer"),
            _ => None,
        }
    }

    /// Whether it is measured of each group of endpoints, too.
    #[must_use]
    pub const fn is_of_endpoints(self) -> bool {
        !matches!(
            self,
            Self::Events | Self::P99Accept | Self::MaxAccept | Self::Crashes
        )
    }
}
