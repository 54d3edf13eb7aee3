//! Rows of tasks, by their ids.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    keys::{self, Reader},
    memory::{ALL, Memory},
    rows::{NowRow, decode, encode},
    tables::{Reading, TableName, Writing},
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::ChangeResult,
        event::EventPosition,
        history::{HistoryQuery, Order},
        id::{EndpointId, Id, TaskId},
        task::{Matching, Selection, Standing, Task, TaskState},
    },
    limits,
};

const WHAT: &str = "the row of a task";

#[derive(Serialize, Deserialize)]
struct TaskRow<'row> {
    #[serde(borrow)]
    selection: SelectionRow<'row>,
    /// Shard, application and endpoint, as in keys.
    endpoint: [u8; 10],
    endpoint_id: u128,
    from: u64,
    until: u64,
    next: u64,
    state: u8,
    total: u64,
    done: u64,
    created_at: NowRow,
    updated_at: NowRow,
}

/// Which deliveries a task sends; the order of these never changes.
#[derive(Serialize, Deserialize)]
enum SelectionRow<'row> {
    Failed,
    Missing,
    Matching {
        #[serde(borrow)]
        event_types: Vec<&'row str>,
        channel: Option<&'row str>,
        tag: Option<&'row str>,
        standing: Option<u8>,
        status_class: Option<u16>,
    },
}

const STANDINGS: [Standing; 4] = [
    Standing::Succeeded,
    Standing::Waiting,
    Standing::Failed,
    Standing::Unsendable,
];
const STATES: [TaskState; 5] = [
    TaskState::Counting,
    TaskState::Sending,
    TaskState::Finished,
    TaskState::Cancelled,
    TaskState::EndpointGone,
];

/// The place of a value in a list that is only ever added to.
fn number<T: PartialEq>(all: &[T], value: &T) -> u8 {
    let place = all.iter().position(|other| other == value);
    place
        .and_then(|place| u8::try_from(place).ok())
        .unwrap_or(u8::MAX)
}

fn numbered<T: Copy>(all: &[T], number: u8) -> Result<T, Fault> {
    let found = all.get(usize::from(number)).copied();
    found.ok_or_else(|| Fault::damaged(WHAT))
}

/// A task as a row.
pub(super) fn row(task: &Task) -> Result<Vec<u8>, Fault> {
    let selection = match &task.selection {
        Selection::Failed => SelectionRow::Failed,
        Selection::Missing => SelectionRow::Missing,
        Selection::Matching(matching) => SelectionRow::Matching {
            event_types: matching.event_types.iter().map(|name| &**name).collect(),
            channel: matching.channel.as_deref(),
            tag: matching.tag.as_deref(),
            standing: matching.standing.map(|value| number(&STANDINGS, &value)),
            status_class: matching.status_class,
        },
    };
    let row = TaskRow {
        selection,
        endpoint: keys::endpoint(task.endpoint),
        endpoint_id: task.endpoint_id.id().value(),
        from: task.from.number(),
        until: task.until.number(),
        next: task.next.number(),
        state: number(&STATES, &task.state),
        total: task.total,
        done: task.done,
        created_at: task.created_at.into(),
        updated_at: task.updated_at.into(),
    };
    encode(&row, Vec::new())
}

/// A task from its key and row.
pub(super) fn task(key: &[u8], row: &[u8]) -> Result<Task, Fault> {
    let damaged = || Fault::damaged(WHAT);
    let id = Reader(key).id().ok_or_else(damaged)?;
    let row: TaskRow<'_> = decode(row, WHAT)?;
    let selection = match row.selection {
        SelectionRow::Failed => Selection::Failed,
        SelectionRow::Missing => Selection::Missing,
        SelectionRow::Matching {
            event_types,
            channel,
            tag,
            standing,
            status_class,
        } => Selection::Matching(Matching {
            event_types: event_types.into_iter().map(Arc::from).collect(),
            channel: channel.map(Arc::from),
            tag: tag.map(Arc::from),
            standing: standing
                .map(|number| numbered(&STANDINGS, number))
                .transpose()?,
            status_class,
        }),
    };
    Ok(Task {
        id: TaskId::new(id),
        endpoint: Reader(&row.endpoint).endpoint().ok_or_else(damaged)?,
        endpoint_id: EndpointId::new(Id::from_value(row.endpoint_id)),
        selection,
        from: EventPosition::new(row.from),
        until: EventPosition::new(row.until),
        next: EventPosition::new(row.next),
        state: numbered(&STATES, row.state)?,
        total: row.total,
        done: row.done,
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    })
}

/// Writes a new task, in the place of the oldest that has ended if there are too many.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    new: &Task,
) -> Result<ChangeResult, Fault> {
    let mut count = 0;
    let mut oldest_ended = None;
    writing.scan(TableName::Tasks, ALL, false, |key, row| {
        count += 1;
        if oldest_ended.is_none() && task(key, row)?.state.has_ended() {
            oldest_ended = Some(key.to_vec());
        }
        Ok(true)
    })?;
    if count >= limits::TASKS_KEPT_MAX {
        let Some(oldest) = oldest_ended else {
            return Ok(ChangeResult::Full);
        };
        writing.remove(TableName::Tasks, &oldest)?;
    }
    let id = new.id.id();
    memory.note_id(new.endpoint.application.shard, id);
    writing.put(TableName::Tasks, &keys::task(id), &row(new)?)?;
    Ok(ChangeResult::Fresh)
}

/// Writes how far a task is, if it is still kept.
pub(super) fn update(writing: &mut Writing<'_>, task: &Task) -> Result<ChangeResult, Fault> {
    let key = keys::task(task.id.id());
    if !writing.has(TableName::Tasks, &key)? {
        return Ok(ChangeResult::Stale);
    }
    writing.put(TableName::Tasks, &key, &row(task)?)?;
    Ok(ChangeResult::Fresh)
}

/// The task with this id.
pub(super) fn by_id(reading: &mut Reading, id: Id) -> Result<Option<Arc<Task>>, Fault> {
    let key = keys::task(id);
    reading.read(TableName::Tasks, &key, |row| Ok(Arc::new(task(&key, row)?)))
}

/// The tasks of an application that have not ended, in the order of their ids.
pub(super) fn under_way(
    reading: &mut Reading,
    application: ApplicationKey,
) -> Result<Vec<Arc<Task>>, Fault> {
    let mut found = Vec::new();
    reading.scan(TableName::Tasks, ALL, false, |key, row| {
        let task = task(key, row)?;
        if task.endpoint.application == application && !task.state.has_ended() {
            found.push(Arc::new(task));
        }
        Ok(true)
    })?;
    Ok(found)
}

/// A part of all tasks.
pub(super) fn list(reading: &mut Reading, query: HistoryQuery) -> Result<Vec<Arc<Task>>, Fault> {
    let first = keys::task(query.above.unwrap_or_default());
    let last = keys::task(query.below.unwrap_or(Id::from_value(u128::MAX)));
    let is_backwards = query.order == Order::NewestFirst;
    let mut found = Vec::new();
    reading.scan(
        TableName::Tasks,
        (&first, &last),
        is_backwards,
        |key, row| {
            let task = task(key, row)?;
            if query.contains(task.id.id()) {
                found.push(Arc::new(task));
            }
            Ok(found.len() < query.limit)
        },
    )?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::endpoint::EndpointKey;

    #[test]
    fn a_task_comes_back_from_its_row() {
        let matching = Matching {
            event_types: vec!["a".into(), "b".into()],
            channel: Some("c".into()),
            tag: Some("t".into()),
            standing: Some(Standing::Failed),
            status_class: Some(5),
        };
        let unsendable = Matching {
            standing: Some(Standing::Unsendable),
            ..matching.clone()
        };
        let selections = [
            Selection::Failed,
            Selection::Missing,
            Selection::Matching(matching),
            Selection::Matching(unsendable),
        ];
        for (selection, state) in selections.into_iter().zip(STATES) {
            let known = Task {
                id: TaskId::new(Id::from_value(77)),
                endpoint: EndpointKey {
                    application: ApplicationKey::default(),
                    ordinal: 3,
                },
                endpoint_id: EndpointId::new(Id::from_value(78)),
                selection,
                from: EventPosition::new(1),
                until: EventPosition::new(9),
                next: EventPosition::new(4),
                state,
                total: 5,
                done: 2,
                created_at: Default::default(),
                updated_at: Default::default(),
            };
            let row = row(&known).expect("it fits");
            let key = keys::task(known.id.id());
            assert_eq!(task(&key, &row).expect("whole"), known);
        }
    }
}
