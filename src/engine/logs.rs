//! The logs of the shards that are ours. Each turn looks at all of them and each attempt at one; shards are
//! numbered from 0 and few, so the logs stand in a row by these numbers and are not searched for.

use super::record::ShardLog;
use crate::domain::id::ShardId;

/// The log of each shard that is ours, in the order of the shards.
#[derive(Debug, Default)]
pub(super) struct ShardLogs {
    row: Vec<Option<ShardLog>>,
}

impl ShardLogs {
    /// The log of a shard, if that is ours.
    #[inline]
    pub(super) fn get(&self, shard: &ShardId) -> Option<&ShardLog> {
        self.row.get(usize::from(shard.number()))?.as_ref()
    }

    /// The log of a shard, if that is ours, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, shard: &ShardId) -> Option<&mut ShardLog> {
        self.row.get_mut(usize::from(shard.number()))?.as_mut()
    }

    /// Whether a shard is ours.
    pub(super) fn contains_key(&self, shard: &ShardId) -> bool {
        self.get(shard).is_some()
    }

    /// A shard is ours from now on.
    pub(super) fn insert(&mut self, shard: ShardId, log: ShardLog) {
        let place = usize::from(shard.number());
        if self.row.len() <= place {
            self.row.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.row.get_mut(place) {
            *slot = Some(log);
        }
    }

    /// A shard is ours no more; gives its log, if it was.
    pub(super) fn remove(&mut self, shard: &ShardId) -> Option<ShardLog> {
        self.row.get_mut(usize::from(shard.number()))?.take()
    }

    /// The shards that are ours, each with its log.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ShardId, &ShardLog)> + '_ {
        let numbered = (0_u16..).zip(&self.row);
        numbered.filter_map(|(number, log)| Some((ShardId::new(number), log.as_ref()?)))
    }

    /// The shards that are ours.
    pub(super) fn keys(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.iter().map(|(shard, _)| shard)
    }

    /// The logs.
    #[inline]
    pub(super) fn values(&self) -> impl Iterator<Item = &ShardLog> + '_ {
        self.row.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{change::Epoch, id::Id},
        engine::options::Options,
    };

    #[test]
    fn shards_come_in_their_order_and_one_that_went_is_no_longer_there() {
        let log = |shard| ShardLog::new(&Options::default(), shard, Epoch::new(1), Id::default());
        let mut logs = ShardLogs::default();
        for shard in [7, 0, 2].map(ShardId::new) {
            logs.insert(shard, log(shard));
        }
        assert_eq!(logs.keys().collect::<Vec<_>>(), [0, 2, 7].map(ShardId::new));
        assert!(logs.remove(&ShardId::new(2)).is_some());
        assert!(
            logs.remove(&ShardId::new(2)).is_none() && logs.remove(&ShardId::new(99)).is_none()
        );
        assert!(logs.get(&ShardId::new(1)).is_none() && logs.contains_key(&ShardId::new(7)));
        assert_eq!(logs.values().count(), 2);
    }
}
