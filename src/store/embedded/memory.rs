//! What the store keeps in memory beside the file: who may write, where each application stands,
//! the buckets. All of it can be read from the file again; it grows with applications, lagging lanes
//! and buckets, never with events.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    fault::Fault,
    keys::Reader,
    lane_row, record_row,
    rows::{self, BucketRow, NowRow, ProgressRow, ShardRow},
    tables::{Reading, TableName},
};
use crate::{
    domain::{
        application::ApplicationKey,
        change::Epoch,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
        record::RecordKind,
    },
    time::{Now, Timestamp},
};

/// Everything that is kept beside the file.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The last pair of times that was written; `None` in a new store.
    pub(super) clock: Option<Now>,
    pub(super) shards: BTreeMap<ShardId, Shard>,
    pub(super) buckets: BTreeMap<u32, BucketRow>,
    /// The tables of keys that are there, by their number.
    pub(super) once: BTreeSet<u32>,
    /// How many records of each kind the directory has.
    pub(super) records: BTreeMap<RecordKind, usize>,
    /// When buckets were last looked at for what may go.
    pub(super) retained_at: Option<Timestamp>,
    /// The bucket with which the next look begins.
    pub(super) retained_to: u32,
    /// Where the walk over the names of events goes on; `None` from the beginning.
    pub(super) swept_to: Option<Vec<u8>>,
    /// Names that events were given since it went on.
    pub(super) named_since: usize,
    /// Whether deliveries stand in line, or did since the start.
    pub(super) has_ordered: bool,
    /// What must be written with the group in progress.
    pub(super) dirty: Dirty,
    /// The mistake that the store makes.
    #[cfg(feature = "mutants")]
    pub(super) mutant: Option<super::mutant::Mutant>,
    /// Groups that were committed.
    #[cfg(feature = "mutants")]
    pub(super) groups: u64,
}

/// Rows of the table `state` that changed in the group in progress.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) shards: BTreeSet<ShardId>,
    pub(super) applications: BTreeSet<ApplicationKey>,
    pub(super) buckets: BTreeSet<u32>,
}

/// A shard.
#[derive(Debug, Default)]
pub(super) struct Shard {
    /// The last epoch that was given out.
    pub(super) epoch: Epoch,
    /// The epoch whose batches are taken; `None` when the shard was given up or a batch failed.
    pub(super) writer: Option<Epoch>,
    /// The greatest id that was committed.
    pub(super) last_id: Id,
    pub(super) applications: BTreeMap<u32, Progress>,
    /// Attempts that are in the journal and not in the index.
    pub(super) journaled: usize,
}

/// Where an application's events stand.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) next_position: EventPosition,
    pub(super) watermark: EventPosition,
    /// Rows of its waiting deliveries.
    pub(super) open_rows: u64,
    /// Cursors of its lagging lanes, furthest behind first.
    pub(super) lagging: BTreeSet<(EventPosition, u32)>,
    /// Where its newest bucket begins.
    pub(super) newest_span: Option<(EventPosition, u32)>,
}

impl Progress {
    /// Up to where no cursor has business any more.
    pub(super) fn settled_until(&self) -> EventPosition {
        let lagging = self.lagging.first().map(|(cursor, _)| *cursor);
        lagging.map_or(self.watermark, |cursor| cursor.min(self.watermark))
    }
}

impl Memory {
    /// Reads everything from the file.
    pub(super) fn read(reading: &mut Reading) -> Result<Self, Fault> {
        let mut memory = Self::default();
        memory.read_state(reading)?;
        memory.read_lanes(reading)?;
        memory.read_spans(reading)?;
        memory.count_journal(reading)?;
        memory.once = super::once::tables(reading)?;
        memory.records = record_row::counts(reading)?;
        memory.has_ordered = super::ordered::has_any(reading)?;
        Ok(memory)
    }

    fn read_state(&mut self, reading: &mut Reading) -> Result<(), Fault> {
        const WHAT: &str = "the table of states";
        reading.scan(TableName::State, ALL, false, |key, value| {
            let (letter, rest) = key.split_first().ok_or_else(|| Fault::damaged(WHAT))?;
            let mut key = Reader(rest);
            let damaged = || Fault::damaged(WHAT);
            match letter {
                b'c' => {
                    let row: NowRow = rows::decode(value, WHAT)?;
                    self.clock = Some(row.into());
                }
                b'b' => {
                    let bucket = key.u32().ok_or_else(damaged)?;
                    self.buckets.insert(bucket, rows::decode(value, WHAT)?);
                }
                b's' => {
                    let shard = ShardId::new(key.u16().ok_or_else(damaged)?);
                    let row: ShardRow = rows::decode(value, WHAT)?;
                    let shard = self.shards.entry(shard).or_default();
                    shard.epoch = Epoch::new(row.epoch);
                    shard.last_id = Id::from_value(row.last_id);
                }
                b'p' => {
                    let application = key.application().ok_or_else(damaged)?;
                    let row: ProgressRow = rows::decode(value, WHAT)?;
                    let progress = self.progress(application);
                    progress.next_position = EventPosition::new(row.next_position);
                    progress.watermark = EventPosition::new(row.watermark);
                    progress.open_rows = row.open_rows;
                }
                _ => return Err(damaged()),
            }
            Ok(true)
        })
    }

    fn read_lanes(&mut self, reading: &mut Reading) -> Result<(), Fault> {
        const WHAT: &str = "the row of a lane";
        reading.scan(TableName::Lanes, ALL, false, |key, value| {
            let cursor = lane_row::read(value)?.cursor;
            let endpoint = Reader(key).endpoint();
            let endpoint = endpoint.ok_or_else(|| Fault::damaged(WHAT))?;
            let progress = self.progress(endpoint.application);
            progress.lagging.insert((cursor, endpoint.ordinal));
            Ok(true)
        })
    }

    fn read_spans(&mut self, reading: &mut Reading) -> Result<(), Fault> {
        reading.scan(TableName::Spans, ALL, false, |key, value| {
            if let Some((application, position)) = span_key(key)
                && let Some(bucket) = Reader(value).u32()
            {
                self.progress(application).newest_span = Some((position, bucket));
            }
            Ok(true)
        })
    }

    fn count_journal(&mut self, reading: &mut Reading) -> Result<(), Fault> {
        reading.scan(TableName::Journal, ALL, false, |key, value| {
            let shard = Reader(key).u16().map(ShardId::new);
            let shard = shard.ok_or_else(|| Fault::damaged("the journal"))?;
            self.shards.entry(shard).or_default().journaled += value.len() / JOURNAL_ENTRY_BYTES;
            Ok(true)
        })
    }

    /// Where an application stands; a new one stands at the beginning.
    pub(super) fn progress(&mut self, application: ApplicationKey) -> &mut Progress {
        let shard = self.shards.entry(application.shard).or_default();
        shard.applications.entry(application.ordinal).or_default()
    }

    /// Where an application stands, if it has begun.
    pub(super) fn progress_of(&self, application: ApplicationKey) -> Option<&Progress> {
        let shard = self.shards.get(&application.shard)?;
        shard.applications.get(&application.ordinal)
    }

    /// An id was committed to its shard.
    pub(super) fn note_id(&mut self, shard: ShardId, id: Id) {
        let shard = self.shards.entry(shard).or_default();
        shard.last_id = shard.last_id.max(id);
    }

    /// The end of a delivery or an attempt was written into a bucket.
    pub(super) fn note_write(&mut self, bucket: u32, now: Now) {
        if let Some(row) = self.buckets.get_mut(&bucket) {
            row.written_at = row.written_at.max(now.steady.as_micros());
            self.dirty.buckets.insert(bucket);
        }
    }

    /// A lane stands at a cursor, or lags no more.
    pub(super) fn note_lane(
        &mut self,
        endpoint: EndpointKey,
        before: Option<EventPosition>,
        after: Option<EventPosition>,
    ) {
        let progress = self.progress(endpoint.application);
        if let Some(cursor) = before {
            progress.lagging.remove(&(cursor, endpoint.ordinal));
        }
        if let Some(cursor) = after {
            progress.lagging.insert((cursor, endpoint.ordinal));
        }
    }
}

/// Bytes of one entry of the journal.
pub(super) const JOURNAL_ENTRY_BYTES: usize = 32;

/// The whole of a table.
pub(super) const ALL: (&[u8], &[u8]) = (&[], &[0xff; 64]);

/// The key of a span, by application: where a bucket begins.
pub(super) fn span(application: ApplicationKey, position: EventPosition) -> Vec<u8> {
    [&[0][..], &super::keys::event(application, position)].concat()
}

/// The key of the same span, by bucket.
pub(super) fn span_of_bucket(bucket: u32, application: ApplicationKey) -> Vec<u8> {
    [
        &[1][..],
        &bucket.to_be_bytes(),
        &super::keys::application(application),
    ]
    .concat()
}

/// Reads what [`span`] wrote; `None` for the other kind.
pub(super) fn span_key(key: &[u8]) -> Option<(ApplicationKey, EventPosition)> {
    let (0, rest) = key.split_first().map(|(kind, rest)| (*kind, rest))? else {
        return None;
    };
    let mut reader = Reader(rest);
    Some((reader.application()?, reader.position()?))
}
