//! The table of all operations: routes and description are both made from it.
//!
//! A new route is a new entry: verb, path, what serves it, its name and a sentence; then the keys of
//! its query, its body, its answers and what it refuses beyond the usual (`description` adds what
//! every operation of its form refuses). Bodies and answers are [`Shape`]s, whose schemas stand in
//! `description/shape.rs`. A changed table changes `fixtures/openapi.json`: see `tests/it/openapi.rs`.

mod directory;
mod endpoints;
mod history;
mod lines;
mod tasks;

use super::{
    description::{self, Key, Shape},
    health,
    operation::{Operation, Verb},
};
use crate::server::{backend::Backend, problem::Code};

/// The keys of a page of objects.
const OBJECTS: &[Key] = &[Key::Limit, Key::Iterator, Key::Order];
const HEALTH: &str = "/api/v1/health";

/// All operations, in the order in which the description shows them.
pub(super) fn operations<B: Backend>() -> Vec<Operation<B>> {
    let mut all = directory::applications();
    all.extend(directory::keys());
    all.extend(directory::portal());
    all.extend(directory::event_types());
    all.extend(endpoints::endpoints());
    all.extend(endpoints::endpoint_parts());
    all.extend(tasks::recoveries());
    all.extend(tasks::tasks());
    all.extend(history::messages());
    all.extend(history::deliveries());
    all.extend(lines::lines());
    all.extend(history::attempts());
    all.push(
        Operation::new(
            Verb::Get,
            HEALTH,
            health::<B>,
            ("health.get", "Whether messages are taken."),
        )
        .gives_nothing("They are taken.")
        .refuses(Code::Unavailable)
        .open(),
    );
    all.push(
        Operation::new(
            Verb::Get,
            description::PATH,
            description::show,
            ("description.get", "This description, as OpenAPI 3.1."),
        )
        .gives(200, "The description.", Shape::Description)
        .open(),
    );
    all
}
