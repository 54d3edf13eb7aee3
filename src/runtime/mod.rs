//! F5: the host of production.

pub mod clock;
pub mod entropy;
pub mod handle;
