//! Statuses: the numbers and words by which the API tells how an attempt or a delivery stands.

use super::{faults::Faults, query::Query};
use crate::domain::{
    attempt::{AttemptRecord, AttemptResult},
    delivery::DeliveryState,
};

/// How an attempt ended, or how a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// It succeeded.
    Success,
    /// It is still to come.
    Pending,
    /// It failed.
    Fail,
    /// An attempt is in flight. The store does not tell it from what is still to come, so lists don't,
    /// either: only statistics ask who knows.
    Sending,
    /// It was called off.
    Canceled,
}

impl Status {
    const ALL: [Self; 5] = [
        Self::Success,
        Self::Pending,
        Self::Fail,
        Self::Sending,
        Self::Canceled,
    ];

    /// An attempt's own outcome, also if its delivery is tried again.
    pub(super) const fn of_attempt(record: &AttemptRecord) -> Self {
        match record.result {
            AttemptResult::Succeeded => Self::Success,
            AttemptResult::RetryAt(_) | AttemptResult::Exhausted | AttemptResult::Failed => {
                Self::Fail
            }
        }
    }

    /// How a delivery stands: pending while an attempt is to come.
    pub(super) const fn of_delivery(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending | DeliveryState::Waiting { .. } => Self::Pending,
            DeliveryState::Succeeded => Self::Success,
            DeliveryState::Exhausted | DeliveryState::Expired | DeliveryState::Parked => Self::Fail,
            DeliveryState::Cancelled | DeliveryState::Skipped => Self::Canceled,
        }
    }

    /// The number in answers and queries.
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::Success => 0,
            Self::Pending => 1,
            Self::Fail => 2,
            Self::Sending => 3,
            Self::Canceled => 4,
        }
    }

    /// The word in answers.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Pending => "pending",
            Self::Fail => "fail",
            Self::Sending => "sending",
            Self::Canceled => "canceled",
        }
    }

    /// The one that a query asks for; what is wrong is noted.
    pub(super) fn asked(query: &Query, faults: &mut Faults) -> Option<Self> {
        let number = query.choice("status", &Self::ALL.map(Self::number), faults)?;
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.number() == number)
    }
}
