//! Applications, endpoints and the names that lead to them.

use super::{Checker, called, called_endpoint, called_event};
use crate::{
    domain::{
        application::ApplicationKey,
        change::UniqueKey,
        endpoint::EndpointKey,
        id::{Id, ShardId},
    },
    store::embedded::{
        endpoint_row,
        fault::Fault,
        keys::{self, Reader},
        names, record_row, rows,
        tables::TableName,
        vault::Vault,
    },
};

impl Checker<'_> {
    /// An application has its id, and its names lead to it.
    pub(super) fn application(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let key = Reader(key).application();
        let key = key.ok_or_else(|| Fault::damaged("the key of an application"))?;
        let what = called(key);
        let application = rows::application(key, row)?;
        let id = application.id.id();
        self.given_out(ShardId::DIRECTORY, id, &what);
        if key.shard.number() > self.closed.data_shards {
            self.fault(format!("{what}: there is no such shard"));
        }
        let mut own_names = vec![names::application_id(id)];
        own_names.extend(application.uid.as_deref().map(names::application_uid));
        for name in own_names {
            let found = self.look.read(TableName::Names, &name, |value| {
                Ok(names::application(value))
            })?;
            if found.flatten() != Some((id, key)) {
                self.fault(format!("{what}: a name of it does not lead to it"));
            }
        }
        Ok(())
    }

    /// A record can be read, and its id was given out.
    pub(super) fn record(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let record = record_row::record(key, row)?;
        let what = format!("a record of kind {:?}", record.kind);
        self.given_out(ShardId::DIRECTORY, record.id, &what);
        Ok(())
    }

    /// What was made under a key has an id that was given out.
    pub(super) fn once(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let shard = Reader(key).u16().map(ShardId::new);
        let shard = shard.ok_or_else(|| Fault::damaged("the key of a key"))?;
        let made: rows::OnceRow = rows::decode(row, "the row of a key")?;
        self.given_out(shard, Id::from_value(made.id), "what was made under a key");
        Ok(())
    }

    /// An endpoint has its application and its id, and its names lead to it.
    pub(super) fn endpoint(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let key = Reader(key).endpoint();
        let key = key.ok_or_else(|| Fault::damaged("the key of an endpoint"))?;
        let what = called_endpoint(key);
        let endpoint = endpoint_row::endpoint(&Vault::Blind, key, row)?;
        let id = endpoint.id.id();
        self.given_out(key.application.shard, id, &what);
        let mut own_names = vec![names::endpoint_id(id)];
        // What a deleted one was called is free for others.
        if !endpoint.is_deleted() {
            let unique = UniqueKey::of_endpoint(&endpoint);
            own_names.extend(unique.iter().map(names::unique));
        }
        for name in own_names {
            let found = self
                .look
                .read(TableName::Names, &name, |value| Ok(names::endpoint(value)))?;
            if found.flatten() != Some((id, key)) {
                self.fault(format!("{what}: a name of it does not lead to it"));
            }
        }
        if self.memory.progress_of(key.application).is_none() {
            self.fault(format!("{what}: its application has no progress"));
        }
        Ok(())
    }

    /// A name leads to a row that exists.
    pub(super) fn name(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let (letter, rest) = key
            .split_first()
            .ok_or_else(|| Fault::damaged("the key of a name"))?;
        match letter {
            b'a' | b'A' => {
                let (id, key) = whole(names::application(value))?;
                self.leads_to_application(id, key)
            }
            b'o' | b'e' | b'E' => {
                let (id, key) = whole(names::endpoint(value))?;
                self.leads_to_endpoint(id, key)
            }
            b'm' => {
                let application = whole(Reader(rest).application())?;
                let (id, position, bucket) = whole(names::event(value))?;
                // With its bucket an event goes, and its name is free.
                if !self.memory.buckets.contains_key(&bucket) {
                    return Ok(());
                }
                let event = keys::event(application, position);
                let found = self
                    .look
                    .read(TableName::Events(bucket), &event, rows::event_id)?;
                if found != Some(id) {
                    let event = called_event(application, position);
                    self.fault(format!("a name leads to {event}, which is not there"));
                }
                Ok(())
            }
            _ => Err(Fault::damaged("the key of a name")),
        }
    }

    fn leads_to_application(&mut self, id: Id, key: ApplicationKey) -> Result<(), Fault> {
        let row = keys::application(key);
        let found = self.look.read(TableName::Applications, &row, |row| {
            Ok(rows::application(key, row)?.id.id())
        })?;
        if found != Some(id) {
            self.fault(format!(
                "a name leads to {}, which is not there",
                called(key)
            ));
        }
        Ok(())
    }

    fn leads_to_endpoint(&mut self, id: Id, key: EndpointKey) -> Result<(), Fault> {
        let row = keys::endpoint(key);
        let found = self.look.read(TableName::Endpoints, &row, |row| {
            Ok(endpoint_row::endpoint(&Vault::Blind, key, row)?.id.id())
        })?;
        if found != Some(id) {
            let endpoint = called_endpoint(key);
            self.fault(format!("a name leads to {endpoint}, which is not there"));
        }
        Ok(())
    }
}

/// A part of a name that must be readable.
fn whole<T>(part: Option<T>) -> Result<T, Fault> {
    part.ok_or_else(|| Fault::damaged("a name"))
}
