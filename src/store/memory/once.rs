//! Keys under which something was done: two maps, the older of which is let go as a whole.

use std::collections::BTreeMap;

use crate::{
    domain::{
        change::ChangeResult,
        id::{Id, ShardId},
        once::Once,
    },
    limits,
    time::{Now, Timestamp},
};

/// What was made or changed under a key, and the hash of the body that asked for it.
type Made = (Id, [u8; 32]);

/// The keys of a shard. Each is known for a day of steady time and for two at most.
#[derive(Debug, Default)]
pub(super) struct Keys {
    newest: BTreeMap<[u8; 32], Made>,
    before: BTreeMap<[u8; 32], Made>,
    /// When the newest map was begun.
    since: Option<Timestamp>,
}

impl Keys {
    /// What to say to a change whose key was used before; `None` if it wasn't.
    pub(super) fn judge(&mut self, once: &Once, now: Now) -> Option<ChangeResult> {
        self.turn(now);
        let key = &once.key_sha256;
        let (id, body) = self.newest.get(key).or_else(|| self.before.get(key))?;
        Some(if *body == once.body_sha256 {
            ChangeResult::Replayed(*id)
        } else {
            ChangeResult::Reused
        })
    }

    /// A change was judged otherwise; if it was written, its key is used up.
    pub(super) fn note(&mut self, once: &Once, asked: Option<(ShardId, Id)>, result: ChangeResult) {
        if let (ChangeResult::Fresh, Some((_, id))) = (result, asked) {
            self.newest.insert(once.key_sha256, (id, once.body_sha256));
        }
    }

    /// Begins a new map if the newest one is old or full.
    fn turn(&mut self, now: Now) {
        let day = limits::ONCE_AGE_MS;
        let since = *self.since.get_or_insert(now.steady);
        let age = now.steady.since(since).as_micros() / 1_000;
        let is_full = self.newest.len() >= limits::MEMORY_STORE_KEYS_MAX;
        if age < day && !is_full {
            return;
        }
        self.before = core::mem::take(&mut self.newest);
        if age >= 2 * day {
            self.before.clear();
        }
        self.since = Some(now.steady);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(number: usize) -> Once {
        let mut key_sha256 = [0; 32];
        let (head, _) = key_sha256.split_at_mut(size_of::<usize>());
        head.copy_from_slice(&number.to_be_bytes());
        Once {
            key_sha256,
            body_sha256: [0; 32],
        }
    }

    #[test]
    fn however_many_keys_there_are_the_newest_are_known_and_the_oldest_let_go() {
        let most = limits::MEMORY_STORE_KEYS_MAX;
        let now = Now::at(Timestamp::ZERO);
        let mut keys = Keys::default();
        for number in 0..2 * most + 1 {
            assert_eq!(keys.judge(&once(number), now), None);
            let created = Some((ShardId::new(1), Id::default()));
            keys.note(&once(number), created, ChangeResult::Fresh);
        }
        assert_eq!(keys.newest.len() + keys.before.len(), most + 1);
        assert_eq!(keys.judge(&once(most - 1), now), None);
        assert!(keys.judge(&once(most), now).is_some());
    }
}
