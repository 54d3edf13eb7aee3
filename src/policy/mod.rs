//! F2: pure judgements. Each file answers one question from data alone; none of them waits, sends
//! or remembers.

#![warn(clippy::wildcard_enum_match_arm)]

pub mod address;
pub mod circuit_breaker;
pub mod classify;
pub mod header;
pub mod host_budget;
mod jitter;
pub mod operational;
pub mod promptness;
pub mod rate_limit;
pub mod recovery;
pub mod retry;
