//! F4: what an engine was told and what it did, as data.
//!
//! [`trace`] hashes it, for live runs and simulated ones alike. A journal holds what an engine was
//! told, so that it can be run again ([`replay`]) from the file alone: [`steps`] are the content,
//! [`frame`] is the file around it, [`form`] how values are written, and what is never written.

pub mod explain;
pub mod form;
pub mod frame;
pub mod lives;
pub mod replay;
pub mod steps;
pub mod trace;
