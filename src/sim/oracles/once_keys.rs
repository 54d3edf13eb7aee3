//! I18: an idempotency key makes one event within the time that keys are kept, over every crash, and
//! each answer under it names that event. Fed by what is durable and by what producers are told.

use crate::{
    domain::{
        change::{Batch, Change},
        id::EventId,
    },
    limits,
    sim::{ledger::BatchFacts, seen::Moment, violation::Violation, witness::Witness},
    time::{Span, Timestamp},
};

/// How long a key is kept at least, in steady time.
const KEPT_FOR: Span = Span::from_millis(limits::ONCE_AGE_MS);

/// The keys of a batch's changes, by their places.
pub(in crate::sim) fn of(batch: &Batch) -> impl Iterator<Item = (usize, [u8; 32])> + '_ {
    let changes = batch.changes.iter().enumerate();
    changes.filter_map(|(place, change)| match change {
        Change::Once(once, _) => Some((place, once.key_sha256)),
        _ => None,
    })
}

impl Witness {
    /// An event that was asked for under a key is durable.
    pub(in crate::sim) fn made_under_key(&mut self, key: [u8; 32], event: EventId, at: Timestamp) {
        let before = self.keys.insert(key, (event, at));
        if let Some((other, made_at)) = before
            && at.since(made_at) < KEPT_FOR
        {
            self.object(Violation::KeyTwice { event, other });
        }
    }

    /// Whether a key is kept for certain, and for a while to come: what else is asked for under it is
    /// refused. Where the key of a batch is none of the producers', when it was told first counts, which
    /// may be hours after it was made.
    pub(in crate::sim) fn is_key_kept(&self, key: [u8; 32], now: Moment) -> bool {
        let since = |(_, at): &(EventId, Timestamp)| now.steady.since(*at).as_micros();
        let made = self.keys.get(&key).map(since);
        let told = self.told_keys.get(&key).map(since);
        let within = |since: i64, part| since < KEPT_FOR.as_micros() / 24 * part;
        match made {
            Some(made) => within(made, 23),
            None => told.is_some_and(|told| within(told, 12)),
        }
    }

    /// Whether the key of a change may have led to another event, before or in the same group.
    pub(in crate::sim) fn is_made_elsewhere(
        &self,
        place: usize,
        facts: &BatchFacts,
        group: &[BatchFacts],
    ) -> bool {
        let key = facts.keys.iter().find(|(of, _)| *of == place);
        key.is_some_and(|(_, key)| {
            let keys = group.iter().flat_map(|facts| &facts.keys);
            self.keys.contains_key(key) || keys.filter(|(_, other)| other == key).count() > 1
        })
    }

    /// A producer that asked under a key is told of an event. Nothing of this comes from batches: an
    /// engine that forgets keys would forget to write them, too.
    pub(in crate::sim) fn answered_under_key(
        &mut self,
        key: Option<[u8; 32]>,
        event: EventId,
        now: Moment,
    ) {
        let Some(key) = key.filter(|_| self.is_watching) else {
            return;
        };
        let (told, told_at) = *self.told_keys.entry(key).or_insert((event, now.steady));
        let is_kept = now.steady.since(told_at) < KEPT_FOR;
        let made = self.keys.get(&key).map(|(made, _)| *made);
        let others = [made, Some(told).filter(|_| is_kept)].into_iter().flatten();
        let others: Vec<EventId> = others.filter(|other| *other != event).collect();
        if !is_kept {
            self.told_keys.insert(key, (event, now.steady));
        }
        if let Some(other) = others.first().copied() {
            self.object(Violation::KeyTwice { event, other });
        }
    }
}
