//! The row of a lagging lane, as it is laid out.

use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    grown::{decode_grown, encode_grown},
    rows::encode,
};
use crate::domain::{delivery::LaneRow, event::EventPosition};

const WHAT: &str = "the row of a lane";

/// The first form of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Near {
    /// The cursor's position.
    cursor: u64,
    /// What is settled behind it.
    done: [u64; 4],
}

/// Writes the row; in its first form where nothing further ahead is settled.
pub(super) fn write(row: &LaneRow) -> Result<Vec<u8>, Fault> {
    let near = Near {
        cursor: row.cursor.number(),
        done: row.done,
    };
    if row.far.is_empty() {
        return encode(&near, Vec::new());
    }
    let far = row.far.iter().map(|position| position.number());
    encode_grown(&near, &far.collect::<Vec<u64>>(), Vec::new())
}

/// Reads the row.
pub(super) fn read(bytes: &[u8]) -> Result<LaneRow, Fault> {
    let (near, far): (Near, Option<Vec<u64>>) = decode_grown(bytes, WHAT)?;
    let far = far.unwrap_or_default().into_iter();
    Ok(LaneRow {
        cursor: EventPosition::new(near.cursor),
        done: near.done,
        far: far.map(EventPosition::new).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_row_never_change() {
        let mut row = LaneRow {
            cursor: EventPosition::new(1),
            done: [0, 1, 2, 128],
            far: Vec::new(),
        };
        let first = write(&row).expect("it fits");
        assert_eq!(first, [1, 1, 0, 1, 2, 128, 1]);
        assert_eq!(read(&first).expect("whole"), row);
        row.far = [300, 301].map(EventPosition::new).to_vec();
        let grown = write(&row).expect("it fits");
        assert_eq!(grown, [2, 1, 0, 1, 2, 128, 1, 2, 172, 2, 173, 2]);
        assert_eq!(read(&grown).expect("whole"), row);
    }
}
