//! F4: what an engine was told and what it did, as data: the trace that hashes it.

pub mod trace;
