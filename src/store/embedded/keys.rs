//! The keys of the tables: fixed widths, big-endian, so that the order of the bytes is the order
//! that is meant. All but those of names and tasks begin with the shard.
//!
//! | part | bytes |
//! |---|---|
//! | application | shard 2, ordinal 4 |
//! | endpoint | application 6, ordinal 4 |
//! | position | 8 |
//! | time | 8, the sign turned |
//! | id | 16 |

use crate::{
    domain::{
        application::ApplicationKey,
        endpoint::EndpointKey,
        event::EventPosition,
        id::{Id, ShardId},
    },
    time::Timestamp,
};

/// A key under construction: `N` bytes, filled from the front.
struct Builder<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Builder<N> {
    const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    fn put(mut self, part: &[u8]) -> Self {
        let end = self.length + part.len();
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(part);
        }
        self.length = end;
        self
    }

    fn application(self, key: ApplicationKey) -> Self {
        self.put(&key.shard.number().to_be_bytes())
            .put(&key.ordinal.to_be_bytes())
    }

    fn endpoint(self, key: EndpointKey) -> Self {
        self.application(key.application)
            .put(&key.ordinal.to_be_bytes())
    }

    fn done(self) -> [u8; N] {
        debug_assert_eq!(self.length, N, "a key has its full width");
        self.bytes
    }
}

/// Of an application.
pub(super) fn application(key: ApplicationKey) -> [u8; 6] {
    Builder::new().application(key).done()
}

/// Of an endpoint.
pub(super) fn endpoint(key: EndpointKey) -> [u8; 10] {
    Builder::new().endpoint(key).done()
}

/// Of an event, and of its payload.
pub(super) fn event(application: ApplicationKey, position: EventPosition) -> [u8; 14] {
    Builder::new()
        .application(application)
        .put(&position.number().to_be_bytes())
        .done()
}

/// Of an open delivery by its event, and of one that expired.
pub(super) fn delivery(endpoint: EndpointKey, position: EventPosition) -> [u8; 18] {
    Builder::new()
        .application(endpoint.application)
        .put(&position.number().to_be_bytes())
        .put(&endpoint.ordinal.to_be_bytes())
        .done()
}

/// Of an open delivery by its lane.
pub(super) fn retry(endpoint: EndpointKey, due: Timestamp, position: EventPosition) -> [u8; 26] {
    Builder::new()
        .endpoint(endpoint)
        .put(&time(due))
        .put(&position.number().to_be_bytes())
        .done()
}

/// Of an attempt that somebody asked for.
pub(super) fn resend(endpoint: EndpointKey, position: EventPosition) -> [u8; 18] {
    Builder::new()
        .endpoint(endpoint)
        .put(&position.number().to_be_bytes())
        .done()
}

/// Of a block of attempts: its event and the first attempt's id.
pub(super) fn attempts(
    application: ApplicationKey,
    position: EventPosition,
    first: Id,
) -> [u8; 30] {
    Builder::new()
        .application(application)
        .put(&position.number().to_be_bytes())
        .put(&first.value().to_be_bytes())
        .done()
}

/// Of a key under which something was made in a shard.
pub(super) fn once(shard: ShardId, key_sha256: &[u8; 32]) -> [u8; 34] {
    Builder::new()
        .put(&shard.number().to_be_bytes())
        .put(key_sha256)
        .done()
}

/// Of a task.
pub(super) fn task(id: Id) -> [u8; 16] {
    Builder::new().put(&id.value().to_be_bytes()).done()
}

/// Of a row of the outbox: the shard, so that one can be read, and the id.
pub(super) fn outbox(id: Id) -> [u8; 18] {
    Builder::new()
        .put(&id.shard().number().to_be_bytes())
        .put(&id.value().to_be_bytes())
        .done()
}

/// Of a block of the index of attempts by endpoint.
pub(super) fn index(endpoint: EndpointKey, first: Id) -> [u8; 26] {
    Builder::new()
        .endpoint(endpoint)
        .put(&first.value().to_be_bytes())
        .done()
}

/// Of a piece of the journal that the index is made from.
pub(super) fn journal(shard: ShardId, first: Id) -> [u8; 18] {
    Builder::new()
        .put(&shard.number().to_be_bytes())
        .put(&first.value().to_be_bytes())
        .done()
}

/// A point in time such that earlier ones sort first.
fn time(at: Timestamp) -> [u8; 8] {
    (at.as_micros() ^ i64::MIN).to_be_bytes()
}

/// Reads numbers off the front of a key or value.
#[derive(Clone, Copy)]
pub(super) struct Reader<'bytes>(pub(super) &'bytes [u8]);

impl<'bytes> Reader<'bytes> {
    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(super) fn id(&mut self) -> Option<Id> {
        self.take().map(u128::from_be_bytes).map(Id::from_value)
    }

    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let raw = i64::from_be_bytes(self.take()?);
        Some(Timestamp::from_micros(raw ^ i64::MIN))
    }

    pub(super) fn position(&mut self) -> Option<EventPosition> {
        self.u64().map(EventPosition::new)
    }

    pub(super) fn application(&mut self) -> Option<ApplicationKey> {
        let shard = ShardId::new(self.u16()?);
        let ordinal = self.u32()?;
        Some(ApplicationKey { shard, ordinal })
    }

    pub(super) fn endpoint(&mut self) -> Option<EndpointKey> {
        let application = self.application()?;
        let ordinal = self.u32()?;
        Some(EndpointKey {
            application,
            ordinal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint_key(shard: u16, application: u32, ordinal: u32) -> EndpointKey {
        EndpointKey {
            application: ApplicationKey {
                shard: ShardId::new(shard),
                ordinal: application,
            },
            ordinal,
        }
    }

    #[test]
    fn keys_sort_as_what_they_name() {
        let at = |micros| Timestamp::from_micros(micros);
        let position = EventPosition::new;
        let mut keys = Vec::new();
        for ep in [
            endpoint_key(1, 1, 255),
            endpoint_key(1, 1, 256),
            endpoint_key(2, 0, 0),
        ] {
            for due in [i64::MIN, -1, 0, 1, i64::MAX] {
                keys.push(retry(ep, at(due), position(0)));
                keys.push(retry(ep, at(due), position(256)));
            }
        }
        assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn what_a_key_was_made_of_is_read_back() {
        let ep = endpoint_key(7, 8, 9);
        let key = retry(ep, Timestamp::from_micros(-5), EventPosition::new(10));
        let mut reader = Reader(&key);
        assert_eq!(reader.endpoint(), Some(ep));
        assert_eq!(reader.time(), Some(Timestamp::from_micros(-5)));
        assert_eq!(reader.position(), Some(EventPosition::new(10)));
        assert_eq!(reader.u16(), None);
    }
}
