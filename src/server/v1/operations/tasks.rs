//! Deliveries that are sent again, and the tasks that do it.

use super::OBJECTS;
use crate::server::{
    backend::Backend,
    problem::Code,
    v1::{
        description::{Key, Shape},
        operation::{Operation, Verb},
        recovery, task,
    },
};

const RECOVERY: &str = "/api/v1/app/{app}/endpoint/{endpoint}/recover";
const MISSING: &str = "/api/v1/app/{app}/endpoint/{endpoint}/replay-missing";
const BULK: &str = "/api/v1/app/{app}/endpoint/{endpoint}/bulk-replay";
const TASKS: &str = "/api/v1/background-task";
const TASK: &str = "/api/v1/background-task/{task}";
const CANCELLING: &str = "/api/v1/background-task/{task}/cancel";

/// What sends deliveries of an endpoint again.
pub(super) fn recoveries<B: Backend>() -> Vec<Operation<B>> {
    let starts = |operation: Operation<B>| {
        operation
            .asks(&[Key::DryRun])
            .once()
            .gives(200, "How many would be sent (`dryRun`).", Shape::DryRun)
            .gives(
                202,
                "The task is durable and goes on by itself.",
                Shape::TaskBegun,
            )
            .refuses(Code::LimitReached)
            .refuses(Code::Conflict)
    };
    vec![
        starts(
            Operation::new(
                Verb::Post,
                RECOVERY,
                recovery::recover::<B>,
                (
                    "endpoint.recover",
                    "Sends every delivery again, at once, whose last attempt failed.",
                ),
            )
            .takes(Shape::SpanIn),
        ),
        starts(
            Operation::new(
                Verb::Post,
                MISSING,
                recovery::replay_missing::<B>,
                (
                    "endpoint.replay_missing",
                    "Sends the messages that the endpoint takes and that were never tried for it.",
                ),
            )
            .takes(Shape::SpanIn),
        ),
        starts(
            Operation::new(
                Verb::Post,
                BULK,
                recovery::bulk_replay::<B>,
                (
                    "endpoint.bulk_replay",
                    "Sends every delivery again, at once, that was tried and fits a filter.",
                ),
            )
            .takes(Shape::BulkReplayIn),
        ),
    ]
}

/// Tasks.
pub(super) fn tasks<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            TASKS,
            task::list::<B>,
            ("background_task.list", "A page of the tasks that are kept."),
        )
        .asks(OBJECTS)
        .asks(&[Key::TaskStatus, Key::TaskKind])
        .gives(200, "The page.", Shape::TaskPage),
        Operation::new(
            Verb::Get,
            TASK,
            task::show::<B>,
            ("background_task.get", "A task and how far it is."),
        )
        .gives(200, "The task.", Shape::Task),
        Operation::new(
            Verb::Post,
            CANCELLING,
            task::cancel::<B>,
            (
                "background_task.cancel",
                "Calls a task off; what it made due already is sent.",
            ),
        )
        .gives(200, "The task, which sends nothing more.", Shape::Task),
    ]
}
