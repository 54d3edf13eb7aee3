//! What is read from the file, asked whether it keeps its word whatever bytes are there. Tests throw
//! arbitrary bytes at it, in `cargo test` and under a fuzzer; nothing else calls it.

use super::{
    circuits, endpoint_row,
    keys::{self, Reader},
    lane_row, names, record_row, resends,
    rows::{self, BucketRow, OnceRow, OpenRow, ProgressRow, ShardRow},
    table_name::TableName,
    vault::Vault,
};
use crate::domain::{application::ApplicationKey, endpoint::EndpointKey, id::ShardId};

/// What must be so.
fn so(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what.to_owned()) }
}

/// Reads bytes as a key, as a name and as a row of each kind: what is read is what was written, and
/// whatever is none is refused.
///
/// # Errors
/// What is not so; our fault.
pub fn row(bytes: &[u8]) -> Result<(), String> {
    let mut reader = Reader(bytes);
    if let Some((endpoint, due, position)) = parts(&mut reader) {
        let written = keys::retry(endpoint, due, position);
        so(bytes.starts_with(&written), "the key of a row changes")?;
    }
    if let Some((id, key)) = names::application(bytes) {
        let written = names::to_application(id, key);
        so(bytes.starts_with(&written), "where a name leads changes")?;
    }
    if let Some((id, key)) = names::endpoint(bytes) {
        let written = names::to_endpoint(id, key);
        so(bytes.starts_with(&written), "where a name leads changes")?;
    }
    if let Some((id, position, bucket)) = names::event(bytes) {
        let written = names::to_event(id, position, bucket);
        so(bytes.starts_with(&written), "where a name leads changes")?;
    }
    let text = String::from_utf8_lossy(bytes);
    if let Some(name) = TableName::parse(&text) {
        so(name.text() == text, "a table has two names")?;
    }
    let application = ApplicationKey {
        shard: ShardId::new(1),
        ordinal: 2,
    };
    let endpoint = EndpointKey {
        application,
        ordinal: 3,
    };
    const WHAT: &str = "arbitrary bytes";
    if let Ok(known) = rows::application(application, bytes) {
        let again = rows::application_row(&known).ok();
        let again = again.and_then(|row| rows::application(application, &row).ok());
        so(again.as_ref() == Some(&known), "an application changes")?;
    }
    let read = |row: &[u8]| endpoint_row::endpoint(&Vault::Open, endpoint, row).ok();
    let written = |known| endpoint_row::endpoint_row(&Vault::Open, &known).ok();
    if let Some(row) = read(bytes).and_then(written) {
        let again = read(&row).and_then(written);
        so(again.as_ref() == Some(&row), "an endpoint changes")?;
    }
    drop(rows::event_id(bytes));
    drop(rows::payload_length(bytes));
    drop(record_row::record(bytes, bytes));
    drop(resends::read_key(bytes));
    drop(resends::read(bytes));
    drop(rows::decode::<OpenRow>(bytes, WHAT));
    drop(lane_row::read(bytes));
    drop(circuits::read(bytes));
    drop(rows::decode::<OnceRow>(bytes, WHAT));
    drop(rows::decode::<ShardRow>(bytes, WHAT));
    drop(rows::decode::<ProgressRow>(bytes, WHAT));
    drop(rows::decode::<BucketRow>(bytes, WHAT));
    Ok(())
}

/// The parts of the key of a waiting delivery.
fn parts(
    reader: &mut Reader<'_>,
) -> Option<(
    EndpointKey,
    crate::time::Timestamp,
    crate::domain::event::EventPosition,
)> {
    Some((reader.endpoint()?, reader.time()?, reader.position()?))
}
