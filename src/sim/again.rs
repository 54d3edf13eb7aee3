//! What can be found wrong with deliveries that tasks send again.

use thiserror::Error;

use crate::domain::id::{EndpointId, EventId, TaskId};

/// A property of tasks, or of what they send again, that did not hold.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Again {
    /// I9: the new life of a delivery that a task began anew is not a whole one, or not behind its older one.
    #[error("I9: {event}/{endpoint} was begun anew, and {what}")]
    OtherLife {
        /// The event.
        event: EventId,
        /// The endpoint.
        endpoint: EndpointId,
        /// What is wrong with it.
        what: &'static str,
    },
    /// I2: a task says that it has done something else than what was done.
    #[error("I2: {task} says {told}, and it was {counted}: {what}")]
    OtherCount {
        /// The task.
        task: TaskId,
        /// What is counted.
        what: &'static str,
        /// How much it says.
        told: u64,
        /// How much it was.
        counted: u64,
    },
}
