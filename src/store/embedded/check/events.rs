//! Events, their payloads, and the spans that tell which bucket they are in.

use std::sync::Arc;

use super::{Checker, called, called_event, event_key};
use crate::{
    domain::change::UniqueKey,
    store::embedded::{
        fault::Fault,
        keys::{self, Reader},
        memory::{span, span_key, span_of_bucket},
        names,
        reading::bucket_at,
        recovery::payload,
        rows,
        tables::TableName,
    },
};

impl Checker<'_> {
    /// A span stands under its application and under its bucket, which exists.
    pub(super) fn span(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        const WHAT: &str = "the table of spans";
        let damaged = || Fault::damaged(WHAT);
        let (application, position, bucket, twin) =
            match span_key(key) {
                Some((application, position)) => {
                    let bucket = Reader(value).u32().ok_or_else(damaged)?;
                    let twin = span_of_bucket(bucket, application);
                    let begin = self.look.read(TableName::Spans, &twin, |value| {
                        Ok(Reader(value).position())
                    })?;
                    let fits = begin.flatten() == Some(position);
                    (application, position, bucket, fits)
                }
                None => {
                    let mut reader = Reader(key.get(1..).unwrap_or_default());
                    let bucket = reader.u32().ok_or_else(damaged)?;
                    let application = reader.application().ok_or_else(damaged)?;
                    let position = Reader(value).position().ok_or_else(damaged)?;
                    let twin = span(application, position);
                    let of = self
                        .look
                        .read(TableName::Spans, &twin, |value| Ok(Reader(value).u32()))?;
                    (application, position, bucket, of.flatten() == Some(bucket))
                }
            };
        let what = called(application);
        if !twin {
            self.fault(format!(
                "{what}: its span of bucket {bucket} stands only in one of two places"
            ));
        }
        if !self.memory.buckets.contains_key(&bucket) {
            self.fault(format!(
                "{what}: a span is of bucket {bucket}, which is gone"
            ));
        }
        if position >= self.next_position(application) {
            self.fault(format!("{what}: a span begins behind its newest event"));
        }
        Ok(())
    }

    /// An event stands where its span says, before the next position, with its payload and name.
    pub(super) fn event(&mut self, bucket: u32, key: &[u8], row: &[u8]) -> Result<(), Fault> {
        let (application, position) = event_key(key)?;
        let what = called_event(application, position);
        let bytes = self
            .look
            .read(TableName::Payloads(bucket), key, |row| Ok(payload(row)))?;
        let known = self.memory.buckets.get(&bucket);
        let dropped = known.is_some_and(|known| known.payloads_dropped);
        if bytes.is_none() != dropped {
            let state = if dropped { "still" } else { "not" };
            self.fault(format!("{what}: its payload is {state} there"));
        }
        let length = bytes.as_ref().map(|bytes| bytes.len());
        let event = rows::event(application, position, row, bytes.unwrap_or_default())?;
        let told = rows::payload_length(row)?;
        // An empty row says that the payload was taken away.
        let length = length.filter(|length| *length > 0);
        if length.is_some_and(|length| u32::try_from(length) != Ok(told)) {
            self.fault(format!("{what}: its payload has another length"));
        }
        let id = event.id.id();
        self.given_out(application.shard, id, &what);
        if position >= self.next_position(application) {
            self.fault(format!("{what}: it stands behind the newest event"));
        }
        if bucket_at(&mut self.look, application, position)? != Some(bucket) {
            self.fault(format!("{what}: no span leads to it"));
        }
        if let Some(uid) = &event.uid {
            let name = names::unique(&UniqueKey::EventUid {
                application,
                uid: Arc::clone(uid),
            });
            let found = self
                .look
                .read(TableName::Names, &name, |value| Ok(names::event(value)))?;
            if found.flatten() != Some((id, position, bucket)) {
                self.fault(format!("{what}: its name does not lead to it"));
            }
        }
        Ok(())
    }

    /// A payload has its event.
    pub(super) fn payload(&mut self, bucket: u32, key: &[u8]) -> Result<(), Fault> {
        let (application, position) = event_key(key)?;
        let event = keys::event(application, position);
        if !self.look.has(TableName::Events(bucket), &event)? {
            let event = called_event(application, position);
            self.fault(format!("a payload is of {event}, which is not there"));
        }
        Ok(())
    }
}
