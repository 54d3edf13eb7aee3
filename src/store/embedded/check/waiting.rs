//! Deliveries that wait, in their two tables and in the counts of buckets; lanes that lag.

use super::{Checker, called_endpoint, called_event, delivery_key};
use crate::{
    domain::{application::ApplicationKey, audit::Act, delivery::OtherEnd},
    store::embedded::{
        audit, circuits,
        fault::Fault,
        keys::{self, Reader},
        lane_row, ordered, outbox, resends, rows,
        tables::TableName,
        tasks,
    },
    time::Timestamp,
};

impl Checker<'_> {
    /// A waiting delivery has its event, its endpoint and its row in its lane.
    pub(super) fn open(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let (endpoint, position) = delivery_key(key)?;
        let (row, _) = rows::read_open(row)?;
        let event = called_event(endpoint.application, position);
        let what = format!("a delivery of {event} to endpoint {}", endpoint.ordinal);
        let due = Timestamp::from_micros(row.due);
        let twin = keys::retry(endpoint, due, position);
        if !self.look.has(TableName::Retry, &twin)? {
            self.fault(format!("{what} waits and its lane does not know"));
        }
        if !self.has_endpoint(endpoint)? {
            self.fault(format!("{what} waits and there is no such endpoint"));
        }
        match self.bucket_of_event(endpoint.application, position)? {
            Some(bucket) => {
                let key = keys::event(endpoint.application, position);
                let table = TableName::Events(bucket);
                let not_before = self.look.read(table, &key, rows::not_before)?.flatten();
                if not_before.is_some_and(|not_before| due < not_before) {
                    self.fault(format!("{what} is due before its event may be sent"));
                }
                *self.open_rows.entry(bucket).or_default() += 1;
                let application = endpoint.application;
                *self.waiting.entry(application).or_default() += 1;
            }
            None => self.fault(format!("{what} waits and there is no such event")),
        }
        Ok(())
    }

    /// What stands in line waits.
    pub(super) fn ordered(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let (endpoint, position) = resends::read_key(key)?;
        ordered::read(row)?;
        let delivery = keys::delivery(endpoint, position);
        if !self.look.has(TableName::Open, &delivery)? {
            let event = called_event(endpoint.application, position);
            let ordinal = endpoint.ordinal;
            self.fault(format!(
                "a delivery of {event} to endpoint {ordinal} stands in line and does not wait"
            ));
        }
        Ok(())
    }

    /// An attempt that is owed is owed to an endpoint. Its event may be gone: then it is let go when its
    /// shard is acquired.
    pub(super) fn resend(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let (endpoint, position) = resends::read_key(key)?;
        resends::read(row)?;
        if !self.has_endpoint(endpoint)? {
            let event = called_event(endpoint.application, position);
            let ordinal = endpoint.ordinal;
            self.fault(format!(
                "an attempt of {event} is owed to endpoint {ordinal} and there is no such endpoint"
            ));
        }
        Ok(())
    }

    /// A task is of an endpoint, looks at events that were given out and has an id that was.
    pub(super) fn task(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let task = tasks::task(key, row)?;
        let what = format!("the task {}", task.id);
        let application = task.endpoint.application;
        self.given_out(application.shard, task.id.id(), &what);
        if !self.has_endpoint(task.endpoint)? {
            self.fault(format!("{what} is of an endpoint that is not there"));
        }
        if task.until > self.next_position(application) {
            self.fault(format!("{what} looks beyond the newest event"));
        }
        Ok(())
    }

    /// What is told to other shards has an id that was given out.
    pub(super) fn outbox(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let row = outbox::row(key, value)?;
        let what = format!("an operational event, {}", row.event_type);
        self.given_out(row.id.shard(), row.id, &what);
        Ok(())
    }

    /// A row of a lane is the other row of a waiting delivery.
    pub(super) fn retry(&mut self, key: &[u8]) -> Result<(), Fault> {
        let mut reader = Reader(key);
        let parts = (reader.endpoint(), reader.time(), reader.position());
        let (Some(endpoint), Some(due), Some(position)) = parts else {
            return Err(Fault::damaged("the key of a waiting delivery"));
        };
        let twin = keys::delivery(endpoint, position);
        let found = self.look.read(TableName::Open, &twin, rows::read_open)?;
        if found.is_none_or(|(row, _)| row.due != due.as_micros()) {
            let event = called_event(endpoint.application, position);
            let ordinal = endpoint.ordinal;
            self.fault(format!(
                "the lane of endpoint {ordinal} has a delivery of {event} that does not wait"
            ));
        }
        Ok(())
    }

    /// Each bucket and each application knows how many of its deliveries wait.
    pub(super) fn open_counts(&mut self) {
        let counted = core::mem::take(&mut self.open_rows);
        let mut found = Vec::new();
        for (bucket, row) in &self.memory.buckets {
            let counted = counted.get(bucket).copied().unwrap_or(0);
            if row.open != counted {
                found.push(format!(
                    "bucket {bucket}: {counted} deliveries wait and it counts {}",
                    row.open
                ));
            }
        }
        let waiting = core::mem::take(&mut self.waiting);
        for (shard, known) in &self.memory.shards {
            for (ordinal, progress) in &known.applications {
                let application = ApplicationKey {
                    shard: *shard,
                    ordinal: *ordinal,
                };
                let counted = waiting.get(&application).copied().unwrap_or(0);
                if progress.open_rows != counted {
                    found.push(format!(
                        "application {}/{ordinal}: {counted} deliveries wait and it counts {}",
                        shard.number(),
                        progress.open_rows
                    ));
                }
            }
        }
        for fault in found {
            self.fault(fault);
        }
    }

    /// A lagging lane is of an endpoint and stands among the events.
    pub(super) fn lane(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let endpoint = Reader(key).endpoint();
        let endpoint = endpoint.ok_or_else(|| Fault::damaged("the key of a lane"))?;
        let lane = lane_row::read(row)?;
        let what = called_endpoint(endpoint);
        if !self.has_endpoint(endpoint)? {
            self.fault(format!("{what} lags and is not there"));
        }
        let newest = lane.far.iter().max().map_or(lane.cursor, |far| far.plus(1));
        if newest.max(lane.cursor) > self.next_position(endpoint.application) {
            self.fault(format!("{what}: its lane stands behind the newest event"));
        }
        Ok(())
    }

    /// A circuit is of an endpoint that was not deleted.
    pub(super) fn circuit(&mut self, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let endpoint = Reader(key).endpoint();
        let endpoint = endpoint.ok_or_else(|| Fault::damaged("the key of a circuit"))?;
        circuits::read(row)?;
        if !self.has_endpoint(endpoint)? {
            let what = called_endpoint(endpoint);
            self.fault(format!("{what} has a circuit and is not there"));
        }
        Ok(())
    }

    /// A delivery that expired or was set aside has its event and waits no more.
    pub(super) fn other_end(&mut self, bucket: u32, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let (endpoint, position) = delivery_key(key)?;
        let ended = match audit::read_end(row)? {
            OtherEnd::Expired => "expired",
            OtherEnd::SetAside(Act::Skip) => "was skipped",
            OtherEnd::SetAside(Act::Park) => "was parked",
        };
        let event = keys::event(endpoint.application, position);
        let what = called_event(endpoint.application, position);
        if !self.look.has(TableName::Events(bucket), &event)? {
            self.fault(format!(
                "a delivery of {what} {ended} and there is no such event"
            ));
        }
        if self.look.has(TableName::Open, key)? {
            self.fault(format!("a delivery of {what} {ended} and waits"));
        }
        Ok(())
    }

    /// An entry of the audit has its event and endpoint, and an id that was given out.
    pub(super) fn audit(&mut self, bucket: u32, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let entry = audit::entry(key, row)?;
        let application = entry.endpoint.application;
        let what = called_event(application, entry.position);
        let name = format!("an entry of the audit of {what}");
        self.given_out(application.shard, entry.id.id(), &name);
        let event = keys::event(application, entry.position);
        if !self.look.has(TableName::Events(bucket), &event)? {
            self.fault(format!("{name}: there is no such event"));
        }
        if !self.has_endpoint(entry.endpoint)? {
            let endpoint = called_endpoint(entry.endpoint);
            self.fault(format!("{name}: {endpoint} is not there"));
        }
        Ok(())
    }
}
