//! Attempts, and the journal and index that lists are made from.

use super::{Checker, called_endpoint, called_event, event_key};
use crate::{
    domain::{endpoint::EndpointKey, event::EventPosition, id::Id},
    store::embedded::{
        attempts::attempt_at,
        blocks::{self, IndexEntry},
        fault::Fault,
        index::read_journal,
        keys::{self, Reader},
        listing,
        tables::TableName,
    },
};

impl Checker<'_> {
    /// A block of attempts has its event and stands under its first id.
    pub(super) fn attempts(&mut self, bucket: u32, key: &[u8], block: &[u8]) -> Result<(), Fault> {
        let (application, position) = event_key(key)?;
        let what = called_event(application, position);
        let first = Reader(key.get(14..).unwrap_or_default()).id();
        let records = blocks::unpack(application, position, block)?;
        if first.is_none() || records.first().map(|record| record.id.id()) != first {
            self.fault(format!("{what}: attempts stand under another id"));
        }
        let event = keys::event(application, position);
        if !self.look.has(TableName::Events(bucket), &event)? {
            self.fault(format!("attempts are of {what}, which is not there"));
        }
        for record in records {
            let attempt = format!("an attempt of {what}");
            self.given_out(application.shard, record.id.id(), &attempt);
            if !self.has_endpoint(record.endpoint)? {
                let endpoint = called_endpoint(record.endpoint);
                self.fault(format!("{attempt} went to {endpoint}, which is not there"));
            }
        }
        Ok(())
    }

    /// A piece of the journal names attempts that exist.
    pub(super) fn journal(&mut self, key: &[u8], piece: &[u8]) -> Result<(), Fault> {
        let shard = Reader(key).u16().map(crate::domain::id::ShardId::new);
        let shard = shard.ok_or_else(|| Fault::damaged("the key of the journal"))?;
        let mut entries: Vec<IndexEntry> = Vec::new();
        read_journal(shard, piece, |entry| entries.push(entry))?;
        for entry in entries {
            self.listed("the journal", entry.endpoint, entry.position, entry.id)?;
        }
        Ok(())
    }

    /// A block of the index names attempts that exist, and an older bucket.
    pub(super) fn index(&mut self, bucket: u32, key: &[u8], block: &[u8]) -> Result<(), Fault> {
        let endpoint = Reader(key).endpoint();
        let endpoint = endpoint.ok_or_else(|| Fault::damaged("the key of the index"))?;
        let what = called_endpoint(endpoint);
        let (before, entries) = listing::unpack(block)?;
        if before > bucket {
            self.fault(format!("{what}: the index leads to a newer bucket"));
        }
        let first = Reader(key.get(10..).unwrap_or_default()).id();
        if entries.first().map(|(_, id)| *id) != first || !entries.is_sorted_by_key(|(_, id)| *id) {
            self.fault(format!("{what}: a block of the index is not in order"));
        }
        for (position, id) in entries {
            self.listed("the index", endpoint, position, id)?;
        }
        Ok(())
    }

    /// The newest block of an endpoint is there, unless its bucket went.
    pub(super) fn head(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let damaged = || Fault::damaged("the head of an index");
        let endpoint = Reader(key).endpoint().ok_or_else(damaged)?;
        let bucket = Reader(value).u32().ok_or_else(damaged)?;
        if !self.memory.buckets.contains_key(&bucket) {
            return Ok(());
        }
        let from = keys::index(endpoint, Id::default());
        let until = keys::index(endpoint, Id::from_value(u128::MAX));
        let mut exists = false;
        let range = (from.as_slice(), until.as_slice());
        let table = TableName::Index(bucket);
        self.look.scan(table, range, false, |_, _| {
            exists = true;
            Ok(false)
        })?;
        if !exists {
            let what = called_endpoint(endpoint);
            self.fault(format!(
                "{what}: its newest block of the index is not there"
            ));
        }
        Ok(())
    }

    /// A listed attempt is there, unless its event went.
    fn listed(
        &mut self,
        list: &str,
        endpoint: EndpointKey,
        position: EventPosition,
        id: Id,
    ) -> Result<(), Fault> {
        let application = endpoint.application;
        if self.bucket_of_event(application, position)?.is_none() {
            return Ok(());
        }
        let found = attempt_at(&mut self.look, application, position, id)?;
        if found.is_none_or(|record| record.endpoint != endpoint) {
            let what = called_event(application, position);
            self.fault(format!(
                "{list} names an attempt of {what} that is not there"
            ));
        }
        Ok(())
    }
}
