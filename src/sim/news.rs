//! What can be found wrong with what is told of endpoints and deliveries.

use thiserror::Error;

/// A property of operational events that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum News {
    /// I34: something happened, is durable and was never told.
    #[error("I34: {event_type} of {about} happened and was never told")]
    NotTold {
        /// Which type of event it is told by.
        event_type: String,
        /// The endpoint, or the attempt, that it is about.
        about: String,
    },
    /// I34: something was told that did not happen, or once more than it did.
    #[error("I34: {event_type} of {about} was told, which did not happen, or not so often")]
    NotSo {
        /// By which type of event.
        event_type: String,
        /// The endpoint, or the attempt, that it is about.
        about: String,
    },
    /// I34: something was told other than it happened.
    #[error("I34: {event_type} of {about} was told with another {what}")]
    Otherwise {
        /// By which type of event.
        event_type: String,
        /// The endpoint, or the attempt, that it is about.
        about: String,
        /// What is wrong with it.
        what: &'static str,
    },
}
