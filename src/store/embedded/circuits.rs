//! Rows of circuit breakers: what of them outlives a process.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    endpoints::endpoint_at,
    fault::Fault,
    keys::{self, Reader},
    rows,
    tables::{Reading, TableName, Writing},
};
use crate::{
    domain::{
        circuit::{Circuit, CircuitState},
        endpoint::EndpointKey,
    },
    time::Timestamp,
};

const WHAT: &str = "the row of a circuit";

/// A circuit as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct CircuitRow {
    state: StateRow,
    failing_since: Option<i64>,
    usual_per_minute: u32,
    openings: u16,
}

/// Its state, the times in steady microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum StateRow {
    Closed,
    Open { since: i64, until: i64 },
    HalfOpen { since: i64, succeeded: u16 },
    Recovering,
}

impl From<Circuit> for CircuitRow {
    fn from(circuit: Circuit) -> Self {
        Self {
            state: match circuit.state {
                CircuitState::Closed => StateRow::Closed,
                CircuitState::Open { since, until } => StateRow::Open {
                    since: since.as_micros(),
                    until: until.as_micros(),
                },
                CircuitState::HalfOpen { since, succeeded } => StateRow::HalfOpen {
                    since: since.as_micros(),
                    succeeded,
                },
                CircuitState::Recovering => StateRow::Recovering,
            },
            failing_since: circuit.failing_since.map(Timestamp::as_micros),
            usual_per_minute: circuit.usual_per_minute,
            openings: circuit.openings,
        }
    }
}

impl From<CircuitRow> for Circuit {
    fn from(row: CircuitRow) -> Self {
        let time = Timestamp::from_micros;
        Self {
            state: match row.state {
                StateRow::Closed => CircuitState::Closed,
                StateRow::Open { since, until } => CircuitState::Open {
                    since: time(since),
                    until: time(until),
                },
                StateRow::HalfOpen { since, succeeded } => CircuitState::HalfOpen {
                    since: time(since),
                    succeeded,
                },
                StateRow::Recovering => CircuitState::Recovering,
            },
            failing_since: row.failing_since.map(time),
            usual_per_minute: row.usual_per_minute,
            openings: row.openings,
        }
    }
}

/// Writes what is kept of the circuit of an endpoint that there is, or takes it away.
pub(super) fn put(
    writing: &mut Writing<'_>,
    endpoint: EndpointKey,
    circuit: Option<Circuit>,
) -> Result<(), Fault> {
    let key = keys::endpoint(endpoint);
    let Some(circuit) = circuit else {
        writing.remove(TableName::Circuits, &key)?;
        return Ok(());
    };
    let known = endpoint_at(writing, endpoint)?;
    if known.is_some_and(|endpoint| !endpoint.is_deleted()) {
        let row = rows::encode(&CircuitRow::from(circuit), Vec::new())?;
        writing.put(TableName::Circuits, &key, &row)?;
    }
    Ok(())
}

/// What is kept of the circuits of endpoints between two keys, by their ordinals.
pub(super) fn of_application(
    reading: &mut Reading,
    (from, until): ([u8; 10], [u8; 10]),
) -> Result<BTreeMap<u32, Circuit>, Fault> {
    let mut circuits = BTreeMap::new();
    let range = (from.as_slice(), until.as_slice());
    reading.scan(TableName::Circuits, range, false, |key, row| {
        let endpoint = Reader(key).endpoint();
        let endpoint = endpoint.ok_or_else(|| Fault::damaged(WHAT))?;
        circuits.insert(endpoint.ordinal, read(row)?);
        Ok(true)
    })?;
    Ok(circuits)
}

/// The circuit of a row.
pub(super) fn read(row: &[u8]) -> Result<Circuit, Fault> {
    let row: CircuitRow = rows::decode(row, WHAT)?;
    Ok(row.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circuit_comes_back_from_its_row_and_the_first_form_never_changes() {
        let time = Timestamp::from_micros;
        let states = [
            (CircuitState::Closed, vec![1, 0, 1, 6, 128, 1, 9]),
            (
                CircuitState::Open {
                    since: time(-1),
                    until: time(64),
                },
                vec![1, 1, 1, 128, 1, 1, 6, 128, 1, 9],
            ),
            (
                CircuitState::HalfOpen {
                    since: time(1),
                    succeeded: 2,
                },
                vec![1, 2, 2, 2, 1, 6, 128, 1, 9],
            ),
            (CircuitState::Recovering, vec![1, 3, 1, 6, 128, 1, 9]),
        ];
        for (state, bytes) in states {
            let circuit = Circuit {
                state,
                failing_since: Some(time(3)),
                usual_per_minute: 128,
                openings: 9,
            };
            let row = rows::encode(&CircuitRow::from(circuit), Vec::new()).expect("it fits");
            assert_eq!(row, bytes);
            assert_eq!(read(&row).expect("whole"), circuit);
        }
        assert!(read(&[1, 7]).is_err() && read(&[2, 3, 0, 0, 0]).is_err());
    }
}
