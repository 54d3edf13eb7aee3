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
//! | `open` | application, position, endpoint | when the delivery is due, attempts made; of one that a task sent again also those before, and when it expires |
//! | `retry` | endpoint, due, position | nothing: the same rows by lane |
//! | `resends` | endpoint, position | attempts made before one that somebody asked for |
//! | `tasks` | id | [`Task`](crate::domain::task::Task) |
//! | `outbox` | shard, id | [`OutboxRow`](crate::domain::outbox::OutboxRow) |
//! | `lanes` | endpoint | where a lagging lane stands, and what is settled ahead of it |
//! | `ordered` | endpoint, position | the line in which its waiting delivery stands |
//! | `circuits` | endpoint | what is kept of its [`Circuit`](crate::domain::circuit::Circuit) |
//! | `journal` | shard, first attempt | attempts that are not in the index yet |
//! | `heads` | endpoint | the bucket of its newest block in the index |
//! | `events.`bucket | application, position | the event without its payload |
//! | `payloads.`bucket | application, position | the payload, raw |
//! | `attempts.`bucket | application, position, first attempt | a block of attempts |
//! | `index.`bucket | endpoint, first attempt | the bucket of the block before, then positions and attempts |
//! | `once.`day | shard, SHA-256 of a key | the id of what was made under it, SHA-256 of its body |
//! | `expired.`bucket | application, position, endpoint | nothing: the delivery expired; or the number of how somebody ended it |
//! | `audit.`bucket | endpoint, id | [`AuditEntry`](crate::domain::audit::AuditEntry) |

use std::{collections::BTreeMap, sync::Arc};

use redb::{
    Database, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable,
    ReadableTableMetadata as _, Table, TableDefinition, TableError, TableHandle as _,
    WriteTransaction,
};

pub(super) use super::table_name::TableName;
use super::{
    fault::Fault,
    seal::{SEAL_BYTES, opened, seal_of},
    vault::Vault,
};

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
    /// What secrets are written with.
    pub(super) vault: Arc<Vault>,
    transaction: &'write WriteTransaction,
    tables: BTreeMap<TableName, Table<'write, Bytes, Bytes>>,
}

impl<'write> Writing<'write> {
    /// Of a transaction.
    pub(super) fn new(transaction: &'write WriteTransaction) -> Self {
        Self {
            vault: Arc::default(),
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
    /// What secrets are read with.
    pub(super) vault: Arc<Vault>,
    transaction: ReadTransaction,
    /// `None` for a table that is not there.
    tables: BTreeMap<TableName, Option<ReadOnlyTable<Bytes, Bytes>>>,
}

impl Reading {
    /// The file as it is now.
    pub(super) fn new(database: &Database) -> Result<Self, Fault> {
        Ok(Self {
            vault: Arc::default(),
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
        let tables = self.transaction.list_tables()?;
        let names = tables.map(|table| TableName::parse(table.name()));
        let names: Option<Vec<TableName>> = names.collect();
        names.ok_or_else(|| Fault::damaged("the list of tables"))
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
