//! What can be found wrong with a whole run: its lists, its memory, whom it dialled.

use std::net::IpAddr;

use thiserror::Error;

use crate::engine::Miscount;

/// A property of a whole run that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Whole {
    /// I21: more stands in memory than may.
    #[error("I21: {held} {what} stand in memory, there may be {most}")]
    OverBound {
        /// What it is about.
        what: &'static str,
        /// How much there is of it.
        held: usize,
        /// How much there may be.
        most: usize,
    },
    /// I35: the engine counts something that is not so.
    #[error("I35: {what}: the engine counts {counted}, there are {there}", what = .0.what, counted = .0.counted, there = .0.there)]
    Miscounted(Miscount),
    /// I32: a list does not show what was recorded, each entry once.
    #[error("I32: the list of {list} is wrong: {what}")]
    List {
        /// Which list.
        list: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// I20: an address was dialled that no endpoint's name leads to.
    #[error("I20: {address} was dialled, to which no endpoint leads")]
    Private {
        /// The address.
        address: IpAddr,
    },
}
