//! What each change of a batch is told as.

use super::Record;
use crate::{
    domain::{
        application::ApplicationKey,
        change::Change,
        circuit::{Circuit, CircuitState},
        delivery::LaneRow,
        endpoint::{EndpointKey, EndpointState},
        event::EventPosition,
    },
    time::Timestamp,
};

/// What a change of the directory is told as.
fn directory_record(change: &Change) -> Record {
    match change {
        Change::PutApplication(application) => {
            Record::new(200, 0, application.id.id().value(), 0_u64)
        }
        Change::UpdateApplication(application) => {
            let revision = u64::from(application.revision);
            Record::new(215, 0, application.id.id().value(), revision)
        }
        Change::PutRecord(record) => {
            Record::new(218, u64::from(record.revision), record.id.value(), 0_u64)
        }
        Change::DeleteRecord { revision, .. } => {
            Record::new(219, u64::from(*revision), 0_u64, 0_u64)
        }
        // No other is of the directory.
        _ => Record::new(0, 0, 0_u64, 0_u64),
    }
}

/// What a change of what is owed or kept of an event is told as.
fn history_record(change: &Change) -> Record {
    match change {
        Change::PutResend(row) => {
            let delivery = delivery_value(row.endpoint, row.position);
            Record::new(230, 0, delivery, u64::from(row.attempts))
        }
        Change::DeleteResend { endpoint, position } => {
            Record::new(231, 0, delivery_value(*endpoint, *position), 0_u64)
        }
        Change::Expunge {
            application,
            position,
        } => Record::new(
            232,
            position.number(),
            application_value(*application),
            0_u64,
        ),
        Change::ExpungeAttempt {
            application,
            position,
            ..
        } => Record::new(
            233,
            position.number(),
            application_value(*application),
            0_u64,
        ),
        Change::PutOrdered {
            endpoint,
            position,
            order,
        } => Record::new(
            240,
            order.hash(),
            delivery_value(*endpoint, *position),
            0_u64,
        ),
        Change::DeleteOpen { endpoint, position } => {
            Record::new(205, 0, delivery_value(*endpoint, *position), 0_u64)
        }
        Change::Expire { endpoint, position } => {
            Record::new(206, 0, delivery_value(*endpoint, *position), 0_u64)
        }
        Change::SetAside(entry) => {
            let how = u64::from(entry.act.number());
            let delivery = delivery_value(entry.endpoint, entry.position);
            Record::new(241, how, delivery, entry.id.id().value())
        }
        Change::PutTask(task) | Change::UpdateTask(task) => Record::new(
            234 + u64::from(task.state.has_ended()),
            task.done,
            task.id.id().value(),
            delivery_value(task.endpoint, task.next),
        ),
        Change::Refuse(shard) => Record::new(236, u64::from(shard.number()), 0_u64, 0_u64),
        // No other is of this kind.
        _ => Record::new(0, 0, 0_u64, 0_u64),
    }
}

/// What the row of a lagging lane is told as.
fn lane_record(endpoint: EndpointKey, row: &LaneRow) -> Record {
    let fold = |all: u64, word: u64| all.rotate_left(17) ^ word;
    let near = row.done.iter().copied().fold(0, fold);
    let far = row.far.iter().map(|position| position.number());
    let (cursor, count) = (row.cursor, row.far.len() as u64);
    Record::new(
        207,
        far.fold(near, fold),
        delivery_value(endpoint, cursor),
        count,
    )
}

/// What is kept of a circuit: its state and until when it is open.
fn circuit_record(endpoint: EndpointKey, circuit: Option<Circuit>) -> Record {
    let (state, until): (u64, u64) = match circuit.map(|circuit| circuit.state) {
        None => (0, 0),
        Some(CircuitState::Closed) => (1, 0),
        Some(CircuitState::Open { until, .. }) => (2, micros(until)),
        Some(CircuitState::HalfOpen { since, .. }) => (3, micros(since)),
        Some(CircuitState::Recovering) => (4, 0),
    };
    Record::new(239, until, endpoint_value(endpoint), state)
}

/// What a change is told as.
pub(super) fn change_record(change: &Change) -> Record {
    match change {
        Change::PutApplication(_)
        | Change::UpdateApplication(_)
        | Change::PutRecord(_)
        | Change::DeleteRecord { .. } => directory_record(change),
        // Whether it is done once shows in its result; that it is told follows from what it is and the options.
        Change::Once(_, change) | Change::Told(change, _) => change_record(change),
        Change::PutOutbox(row) => {
            let bytes = u64::try_from(row.payload.len()).unwrap_or(u64::MAX);
            Record::new(237, bytes, row.id.value(), 0_u64)
        }
        Change::DeleteOutbox(id) => Record::new(238, 0, id.value(), 0_u64),
        Change::PutEndpoint { endpoint, .. } => Record::new(
            201,
            0,
            endpoint.id.id().value(),
            endpoint_value(endpoint.key),
        ),
        Change::UpdateEndpoint(endpoint) => {
            let revision = u64::from(endpoint.revision());
            let value = endpoint_value(endpoint.key);
            Record::new(216, revision, endpoint.id.id().value(), value)
        }
        Change::DeleteEndpoint { endpoint, from } => {
            Record::new(217, 0, delivery_value(*endpoint, *from), 0_u64)
        }
        Change::SetEndpointState {
            endpoint,
            state,
            from,
        } => {
            let enabled = u64::from(*state == EndpointState::Enabled);
            Record::new(202, enabled, delivery_value(*endpoint, *from), 0_u64)
        }
        Change::PutEvent(event) => {
            let (id, application) = (event.id.id().value(), application_value(event.application));
            Record::new(203, event.position.number(), id, application)
        }
        Change::PutOpen(row) => {
            let delivery = delivery_value(row.endpoint, row.position);
            Record::new(204, micros(row.due), delivery, u64::from(row.attempts))
        }
        Change::DeleteOpen { .. }
        | Change::PutTask(_)
        | Change::UpdateTask(_)
        | Change::PutResend(_)
        | Change::DeleteResend { .. }
        | Change::Expunge { .. }
        | Change::ExpungeAttempt { .. }
        | Change::PutOrdered { .. }
        | Change::Expire { .. }
        | Change::SetAside(_)
        | Change::Refuse(_) => history_record(change),
        Change::PutLane { endpoint, row } => lane_record(*endpoint, row),
        Change::PutCircuit { endpoint, circuit } => circuit_record(*endpoint, *circuit),
        Change::DeleteLane { endpoint } => Record::new(208, 0, endpoint_value(*endpoint), 0_u64),
        Change::Watermark {
            application,
            position,
        } => Record::new(
            209,
            position.number(),
            application_value(*application),
            0_u64,
        ),
    }
}

/// A time as its bits.
pub(super) const fn micros(time: Timestamp) -> u64 {
    time.as_micros().cast_unsigned()
}

/// An application's place as one integer.
pub(super) fn application_value(key: ApplicationKey) -> u64 {
    (u64::from(key.shard.number()) << 32) | u64::from(key.ordinal)
}

/// An endpoint's place as one integer.
pub(in crate::journal) fn endpoint_value(key: EndpointKey) -> u128 {
    (u128::from(application_value(key.application)) << 32) | u128::from(key.ordinal)
}

/// A delivery as one integer: position and endpoint (positions stay far below 2⁴⁸).
pub(super) fn delivery_value(endpoint: EndpointKey, position: EventPosition) -> u128 {
    (u128::from(position.number()) << 80) | endpoint_value(endpoint)
}
