//! What can be found wrong with a whole run: its lists, its memory, how it ends, whom it dialled.

use std::net::IpAddr;

use thiserror::Error;

use crate::{
    domain::id::{EndpointId, EventId},
    engine::Miscount,
    time::Span,
};

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
    Unbalanced(Miscount),
    /// I32: a list does not show what was recorded, each entry once.
    #[error("I32: the list of {list} is wrong: {what}")]
    List {
        /// Which list.
        list: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// I2: a process tells another number of something than there was.
    #[error("I2: {told} {what} are told, there were {counted}")]
    Miscounted {
        /// What is counted.
        what: &'static str,
        /// What the process tells.
        told: u64,
        /// How many there were.
        counted: u64,
    },
    /// I20: an address was dialled that no endpoint's name leads to.
    #[error("I20: {address} was dialled, to which no endpoint leads")]
    Private {
        /// The address.
        address: IpAddr,
    },
    /// I20: an attempt went to where the name of its endpoint did not lead any more.
    #[error("I20: {event}/{endpoint} went to where its name had led {late:?} before")]
    Elsewhere {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// How long after the name had led there; `None` if it never did.
        late: Option<Span>,
    },
    /// I24: attempts were in flight when nothing moved any more.
    #[error("I24: {in_flight} attempts were never answered")]
    InFlightAtEnd {
        /// How many.
        in_flight: usize,
    },
    /// I24: a process said that it had ended before everything was written.
    #[error("I24: the process ended with {0} batches still to be written")]
    LeftBehind(usize),
    /// L5: a process that was told to end did not do so within its grace.
    #[error("L5: the process was told to end and went on beyond its grace (late by {0:?})")]
    StoppedLate(Option<Span>),
}
