//! How deliveries end, as oracles and reports tell it.

use crate::domain::{audit::Act, delivery::DeliveryState};

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// An attempt succeeded.
    Succeeded,
    /// All attempts failed.
    Exhausted,
    /// Its time ran out.
    Expired,
    /// Somebody skipped or parked it.
    SetAside(Act),
    /// It had not ended when its endpoint was deleted or its payload taken away. For the reports alone: what is
    /// in flight then may still end otherwise, so no oracle takes it for an end.
    CalledOff,
}

impl End {
    /// Whether the store tells the same.
    #[must_use]
    pub const fn agrees_with(self, state: DeliveryState) -> bool {
        matches!(
            (self, state),
            (Self::Succeeded, DeliveryState::Succeeded)
                | (Self::Exhausted, DeliveryState::Exhausted)
                | (Self::Expired, DeliveryState::Expired)
                | (Self::SetAside(Act::Skip), DeliveryState::Skipped)
                | (Self::SetAside(Act::Park), DeliveryState::Parked)
        )
    }
}
