//! Lines of deliveries: what blocks them, how that is taken out of its course, and who did it.

use super::history::HISTORY_OF_OBJECTS;
use crate::server::{
    backend::Backend,
    problem::Code,
    v1::{
        audit, blocked,
        description::{Key, Shape},
        operation::{Operation, Verb},
    },
};

const BLOCKED: &str = "/api/v1/app/{app}/endpoint/{endpoint}/blocked";
const SKIPPING: &str = "/api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/skip";
const PARKING: &str = "/api/v1/app/{app}/msg/{message}/endpoint/{endpoint}/park";
const AUDIT: &str = "/api/v1/app/{app}/endpoint/{endpoint}/audit";

/// What blocks lines, and what is done about it.
pub(super) fn lines<B: Backend>() -> Vec<Operation<B>> {
    vec![
        Operation::new(
            Verb::Get,
            BLOCKED,
            blocked::list::<B>,
            (
                "delivery.list_blocked",
                "The deliveries of an endpoint that wait for a retry while others of their line wait \
                 behind them, those with most behind them first.",
            ),
        )
        .asks(&[Key::Limit])
        .gives(200, "They; `done` tells whether these are all.", Shape::BlockedList),
        Operation::new(
            Verb::Post,
            SKIPPING,
            audit::skip::<B>,
            (
                "delivery.skip",
                "Ends a delivery that has not ended: its line goes on, and no task sends it again.",
            ),
        )
        .may_take(Shape::ReasonIn)
        .gives(200, "It is over, and who did it is noted.", Shape::AuditEntry)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Post,
            PARKING,
            audit::park::<B>,
            (
                "delivery.park",
                "Sets a delivery aside that has not ended: its line goes on, and what sends failed \
                 deliveries again sends it, too.",
            ),
        )
        .may_take(Shape::ReasonIn)
        .gives(200, "It is set aside, and who did it is noted.", Shape::AuditEntry)
        .refuses(Code::Conflict),
        Operation::new(
            Verb::Get,
            AUDIT,
            audit::list::<B>,
            (
                "audit.list_by_endpoint",
                "A page of what was done by hand with deliveries to an endpoint, newest first.",
            ),
        )
        .asks(HISTORY_OF_OBJECTS)
        .gives(200, "The page.", Shape::AuditPage),
    ]
}
