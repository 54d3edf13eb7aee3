//! The tables, and how a transaction opens them: each once, when it is first needed. Behind each
//! value stands a seal, 8 bytes by which damage shows when the row is read.
//!
//! | table | key | value |
//! |---|---|---|
//! | `state` | `c`; `b`, bucket; `s`, shard; `p`, application | the last pair of times; what is known of a bucket, a shard, an application's progress |
//! | `applications` | application | [`Application`](crate::domain::application::Application) |
//! | `records` | kind 1, name | [`Record`](crate::domain::record::Record) |
//! | `endpoints` | endpoint | [`Endpoint`](crate::domain::endpoint::Endpoint) |
//! | `names` | see [`names`](super::names) | where a name leads |
//! | `spans` | 0, application, position; 1, bucket, application | the bucket from that position on; its first position |
//! | `open` | application, position, endpoint | when the delivery is due, attempts made |
//! | `retry` | endpoint, due, position | nothing: the same rows by lane |
//! | `lanes` | endpoint | where a lagging lane stands |
//! | `journal` | shard, first attempt | attempts that are not in the index yet |
//! | `heads` | endpoint | the bucket of its newest block in the index |
//! | `events.`bucket | application, position | the event without its payload |
//! | `payloads.`bucket | application, position | the payload, raw |
//! | `attempts.`bucket | application, position, first attempt | a block of attempts |
//! | `index.`bucket | endpoint, first attempt | the bucket of the block before, then positions and attempts |
//! | `expired.`bucket | application, position, endpoint | nothing: the delivery expired |

use std::collections::BTreeMap;

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable,
    ReadableTableMetadata as _, Table, TableDefinition, TableError, TableHandle as _,
    WriteTransaction,
};

use super::{
    fault::Fault,
    seal::{SEAL_BYTES, opened, seal_of},
};

/// A table of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TableName {
    /// What is known of the whole, of buckets, shards and progress.
    State,
    /// Applications.
    Applications,
    /// Records of the directory.
    Records,
    /// Endpoints.
    Endpoints,
    /// Where names lead.
    Names,
    /// Which bucket a position is in.
    Spans,
    /// Waiting deliveries by event.
    Open,
    /// Waiting deliveries by lane.
    Retry,
    /// Lagging lanes.
    Lanes,
    /// Attempts that are not in the index yet.
    Journal,
    /// The newest block of each endpoint in the index.
    Heads,
    /// Events of a bucket.
    Events(u32),
    /// Payloads of a bucket.
    Payloads(u32),
    /// Attempts for events of a bucket.
    Attempts(u32),
    /// The index of attempts by endpoint, as written while the bucket was new.
    Index(u32),
    /// Deliveries of events of a bucket that expired.
    Expired(u32),
}

impl TableName {
    /// The tables that are always there.
    const FIXED: [Self; 11] = [
        Self::State,
        Self::Applications,
        Self::Records,
        Self::Endpoints,
        Self::Names,
        Self::Spans,
        Self::Open,
        Self::Retry,
        Self::Lanes,
        Self::Journal,
        Self::Heads,
    ];

    /// Its name in the file.
    pub(super) fn text(self) -> String {
        match self {
            Self::State => "state".to_owned(),
            Self::Applications => "applications".to_owned(),
            Self::Records => "records".to_owned(),
            Self::Endpoints => "endpoints".to_owned(),
            Self::Names => "names".to_owned(),
            Self::Spans => "spans".to_owned(),
            Self::Open => "open".to_owned(),
            Self::Retry => "retry".to_owned(),
            Self::Lanes => "lanes".to_owned(),
            Self::Journal => "journal".to_owned(),
            Self::Heads => "heads".to_owned(),
            Self::Events(bucket) => format!("events.{bucket:08}"),
            Self::Payloads(bucket) => format!("payloads.{bucket:08}"),
            Self::Attempts(bucket) => format!("attempts.{bucket:08}"),
            Self::Index(bucket) => format!("index.{bucket:08}"),
            Self::Expired(bucket) => format!("expired.{bucket:08}"),
        }
    }
}

impl TableName {
    /// Its number in seals, which never changes.
    pub(super) const fn number(self) -> u64 {
        let (kind, bucket) = match self {
            Self::State => (0, 0),
            Self::Applications => (1, 0),
            Self::Endpoints => (2, 0),
            Self::Names => (3, 0),
            Self::Spans => (4, 0),
            Self::Open => (5, 0),
            Self::Retry => (6, 0),
            Self::Lanes => (7, 0),
            Self::Journal => (8, 0),
            Self::Heads => (9, 0),
            Self::Events(bucket) => (10, bucket),
            Self::Payloads(bucket) => (11, bucket),
            Self::Attempts(bucket) => (12, bucket),
            Self::Index(bucket) => (13, bucket),
            Self::Expired(bucket) => (14, bucket),
            Self::Records => (15, 0),
        };
        (kind << 32) | bucket as u64
    }

    /// The bucket whose table it is, for those of buckets.
    pub(super) const fn bucket(self) -> Option<u32> {
        match self {
            Self::Events(bucket)
            | Self::Payloads(bucket)
            | Self::Attempts(bucket)
            | Self::Index(bucket)
            | Self::Expired(bucket) => Some(bucket),
            _ => None,
        }
    }

    /// Reads what [`text`](Self::text) wrote.
    fn parse(text: &str) -> Option<Self> {
        let fixed = Self::FIXED.into_iter().find(|name| name.text() == text);
        let of_bucket = || {
            let (kind, bucket) = text.split_once('.')?;
            let bucket = bucket.parse().ok()?;
            let name = match kind {
                "events" => Self::Events(bucket),
                "payloads" => Self::Payloads(bucket),
                "attempts" => Self::Attempts(bucket),
                "index" => Self::Index(bucket),
                "expired" => Self::Expired(bucket),
                _ => return None,
            };
            (name.text() == text).then_some(name)
        };
        fixed.or_else(of_bucket)
    }
}

type Bytes = &'static [u8];

/// What a table holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TableSize {
    /// Its rows.
    pub(super) rows: u64,
    /// Bytes of keys and values.
    pub(super) bytes: u64,
}

/// Makes the tables that are always there.
pub(super) fn create(database: &Database) -> Result<(), Fault> {
    let transaction = begin(database)?;
    for name in TableName::FIXED {
        transaction.open_table(definition(&name.text()))?;
    }
    Ok(transaction.commit()?)
}

/// Begins a write that is durable when it is committed and found again without a search.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Fault> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn definition(name: &str) -> TableDefinition<'_, Bytes, Bytes> {
    TableDefinition::new(name)
}

/// The tables of a write in progress.
pub(super) struct Writing<'write> {
    transaction: &'write WriteTransaction,
    tables: BTreeMap<TableName, Table<'write, Bytes, Bytes>>,
}

impl<'write> Writing<'write> {
    /// Of a transaction.
    pub(super) const fn new(transaction: &'write WriteTransaction) -> Self {
        Self {
            transaction,
            tables: BTreeMap::new(),
        }
    }

    /// The table, opened if it is not.
    pub(super) fn table(
        &mut self,
        name: TableName,
    ) -> Result<&mut Table<'write, Bytes, Bytes>, Fault> {
        if !self.tables.contains_key(&name) {
            let table = self.transaction.open_table(definition(&name.text()))?;
            self.tables.insert(name, table);
        }
        let table = self.tables.get_mut(&name);
        table.ok_or_else(|| Fault::damaged("a table"))
    }

    /// Writes a row, over an older one.
    pub(super) fn put(&mut self, name: TableName, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let sealed = value.len() + SEAL_BYTES;
        let mut place = self.table(name)?.insert_reserve(key, sealed)?;
        let place = place.as_mut();
        if let Some((bytes, seal)) = place.split_at_mut_checked(value.len()) {
            bytes.copy_from_slice(value);
            seal.copy_from_slice(&seal_of(name, key, value));
        }
        Ok(())
    }

    /// Takes a row away; whether there was one.
    pub(super) fn remove(&mut self, name: TableName, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.table(name)?.remove(key)?.is_some())
    }

    /// Reads a row.
    pub(super) fn read<T>(
        &mut self,
        name: TableName,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let found = self.table(name)?.get(key)?;
        found
            .map(|row| look(opened(name, key, row.value())?))
            .transpose()
    }

    /// Whether there is such a row.
    pub(super) fn has(&mut self, name: TableName, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.table(name)?.get(key)?.is_some())
    }

    /// Looks at rows as [`Reading::scan`] does.
    pub(super) fn scan(
        &mut self,
        name: TableName,
        range: (&[u8], &[u8]),
        is_backwards: bool,
        look: impl FnMut(&[u8], &[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        scan(self.table(name)?, name, range, is_backwards, look)
    }

    /// Takes a whole table away.
    pub(super) fn drop_table(&mut self, name: TableName) -> Result<(), Fault> {
        self.tables.remove(&name);
        self.transaction.delete_table(definition(&name.text()))?;
        Ok(())
    }
}

/// The tables of one moment, to be read.
pub(super) struct Reading {
    transaction: ReadTransaction,
    /// `None` for a table that is not there.
    tables: BTreeMap<TableName, Option<ReadOnlyTable<Bytes, Bytes>>>,
}

impl Reading {
    /// The file as it is now.
    pub(super) fn new(database: &Database) -> Result<Self, Fault> {
        Ok(Self {
            transaction: database.begin_read()?,
            tables: BTreeMap::new(),
        })
    }

    /// The table; `None` if it is not there any more, or not yet.
    pub(super) fn table(
        &mut self,
        name: TableName,
    ) -> Result<Option<&ReadOnlyTable<Bytes, Bytes>>, Fault> {
        if !self.tables.contains_key(&name) {
            let table = match self.transaction.open_table(definition(&name.text())) {
                Ok(table) => Some(table),
                Err(TableError::TableDoesNotExist(_)) => None,
                Err(error) => return Err(error.into()),
            };
            self.tables.insert(name, table);
        }
        Ok(self.tables.get(&name).and_then(Option::as_ref))
    }

    /// All tables that are there, in the order of their names.
    pub(super) fn tables(&self) -> Result<Vec<TableName>, Fault> {
        let mut found = Vec::new();
        for table in self.transaction.list_tables()? {
            let name = TableName::parse(table.name());
            found.push(name.ok_or_else(|| Fault::damaged("the list of tables"))?);
        }
        Ok(found)
    }

    /// What a table holds; nothing if it is not there.
    pub(super) fn size(&mut self, name: TableName) -> Result<TableSize, Fault> {
        let Some(table) = self.table(name)? else {
            return Ok(TableSize::default());
        };
        Ok(TableSize {
            rows: table.len()?,
            bytes: table.stats()?.stored_bytes(),
        })
    }

    /// Whether there is such a row.
    pub(super) fn has(&mut self, name: TableName, key: &[u8]) -> Result<bool, Fault> {
        Ok(self.read(name, key, |_| Ok(()))?.is_some())
    }

    /// Reads a row.
    pub(super) fn read<T>(
        &mut self,
        name: TableName,
        key: &[u8],
        look: impl FnOnce(&[u8]) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let Some(table) = self.table(name)? else {
            return Ok(None);
        };
        let found = table.get(key)?;
        found
            .map(|row| look(opened(name, key, row.value())?))
            .transpose()
    }

    /// Looks at the rows from `from` to `until`, both included, in order, or from the last one
    /// back, until `look` says false.
    pub(super) fn scan(
        &mut self,
        name: TableName,
        range: (&[u8], &[u8]),
        is_backwards: bool,
        look: impl FnMut(&[u8], &[u8]) -> Result<bool, Fault>,
    ) -> Result<(), Fault> {
        match self.table(name)? {
            Some(table) => scan(table, name, range, is_backwards, look),
            None => Ok(()),
        }
    }
}

/// Looks at the rows of a table; see [`Reading::scan`].
fn scan(
    table: &impl ReadableTable<Bytes, Bytes>,
    name: TableName,
    (from, until): (&[u8], &[u8]),
    is_backwards: bool,
    mut look: impl FnMut(&[u8], &[u8]) -> Result<bool, Fault>,
) -> Result<(), Fault> {
    if from > until {
        return Ok(());
    }
    let mut range = table.range::<&[u8]>(from..=until)?;
    while let Some(row) = if is_backwards {
        range.next_back()
    } else {
        range.next()
    } {
        let (key, value) = row?;
        if !look(key.value(), opened(name, key.value(), value.value())?)? {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_name() {
        let mut names = TableName::FIXED.to_vec();
        for bucket in [0, 7, 123_456_789] {
            names.push(TableName::Events(bucket));
            names.push(TableName::Payloads(bucket));
            names.push(TableName::Attempts(bucket));
            names.push(TableName::Index(bucket));
            names.push(TableName::Expired(bucket));
        }
        let numbers: std::collections::BTreeSet<u64> =
            names.iter().map(|name| name.number()).collect();
        assert_eq!(numbers.len(), names.len());
        for name in names {
            assert_eq!(TableName::parse(&name.text()), Some(name));
        }
        for other in [
            "",
            "opened",
            "events",
            "events.1",
            "events.x",
            "events.000000001",
        ] {
            assert_eq!(TableName::parse(other), None, "{other}");
        }
    }
}
