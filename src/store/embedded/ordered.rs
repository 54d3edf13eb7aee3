//! Waiting deliveries that stand in line: which line it is.

use super::{
    fault::Fault,
    keys,
    memory::Memory,
    resends, rows,
    tables::{Reading, TableName, Writing},
};
use crate::{
    domain::{endpoint::EndpointKey, event::EventPosition, ordering::OrderingKey, page::Ordered},
    time::Timestamp,
};

const WHAT: &str = "the row of a delivery in line";

/// Writes in which line a delivery stands that waits.
pub(super) fn put(
    writing: &mut Writing<'_>,
    memory: &mut Memory,
    (endpoint, position): (EndpointKey, EventPosition),
    order: OrderingKey,
) -> Result<(), Fault> {
    if writing.has(TableName::Open, &keys::delivery(endpoint, position))? {
        memory.has_ordered = true;
        let row = rows::encode(&order.hash(), Vec::new())?;
        writing.put(TableName::Ordered, &keys::resend(endpoint, position), &row)?;
    }
    Ok(())
}

/// A delivery waits no more.
pub(super) fn delete(
    writing: &mut Writing<'_>,
    memory: &Memory,
    (endpoint, position): (EndpointKey, EventPosition),
) -> Result<(), Fault> {
    // Where nobody uses orders nothing is looked for.
    if memory.has_ordered {
        writing.remove(TableName::Ordered, &keys::resend(endpoint, position))?;
    }
    Ok(())
}

/// Whether any delivery stands in line.
pub(super) fn has_any(reading: &mut Reading) -> Result<bool, Fault> {
    let mut found = false;
    reading.scan(TableName::Ordered, (&[0], &[0xff; 19]), false, |_, _| {
        found = true;
        Ok(false)
    })?;
    Ok(found)
}

/// The waiting deliveries of an endpoint that stand in line, in order.
pub(super) fn of_endpoint(
    reading: &mut Reading,
    endpoint: EndpointKey,
) -> Result<Vec<Ordered>, Fault> {
    let mut found = Vec::new();
    let first = keys::resend(endpoint, EventPosition::default());
    let last = keys::resend(endpoint, EventPosition::new(u64::MAX));
    reading.scan(TableName::Ordered, (&first, &last), false, |key, row| {
        found.push((resends::read_key(key)?.1, read(row)?));
        Ok(true)
    })?;
    let mut ordered = Vec::with_capacity(found.len());
    for (position, order) in found {
        let key = keys::delivery(endpoint, position);
        let due = reading.read(TableName::Open, &key, |row| Ok(rows::read_open(row)?.0.due))?;
        ordered.extend(due.map(|due| Ordered {
            position,
            order,
            is_held: Timestamp::from_micros(due) == Timestamp::MAX,
        }));
    }
    Ok(ordered)
}

/// The line of a row.
pub(super) fn read(row: &[u8]) -> Result<OrderingKey, Fault> {
    rows::decode(row, WHAT).map(OrderingKey::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_back_from_its_row_and_the_first_form_never_changes() {
        let row = rows::encode(&OrderingKey::new(300).hash(), Vec::new()).expect("it fits");
        assert_eq!(row, [1, 172, 2]);
        assert_eq!(read(&row).expect("whole"), OrderingKey::new(300));
        assert!(read(&[1]).is_err() && read(&[2, 1]).is_err());
    }
}
