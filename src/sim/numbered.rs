//! A map by numbers that are given one after another: places of events, numbers of endpoints. A witness
//! looks several of them up at each attempt, so they stand in a row and are not searched for.

use std::collections::BTreeMap;

use crate::domain::event::EventPosition;

/// Numbers from here on are searched for, lest one that nobody gave takes all memory.
const ROW_MAX: u64 = 1 << 22;

/// A number that is given one after another.
pub(super) trait Number: Copy + Ord {
    /// It as an integer.
    fn number(self) -> u64;
}

impl Number for EventPosition {
    fn number(self) -> u64 {
        Self::number(self)
    }
}

impl Number for u32 {
    fn number(self) -> u64 {
        self.into()
    }
}

/// Values by their numbers, in the order of these.
#[derive(Debug)]
pub(super) struct Numbered<K, V> {
    row: Vec<Option<(K, V)>>,
    /// What stands in the row.
    count: usize,
    beyond: BTreeMap<K, V>,
}

impl<K, V> Default for Numbered<K, V> {
    fn default() -> Self {
        Self {
            row: Vec::new(),
            count: 0,
            beyond: BTreeMap::new(),
        }
    }
}

impl<K: Number, V> Numbered<K, V> {
    /// The value of a number.
    #[inline]
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        match place(*key) {
            Some(place) => self.row.get(place)?.as_ref().map(|(_, value)| value),
            None => self.beyond.get(key),
        }
    }

    /// The value of a number, to be changed.
    #[inline]
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match place(*key) {
            Some(place) => self.row.get_mut(place)?.as_mut().map(|(_, value)| value),
            None => self.beyond.get_mut(key),
        }
    }

    /// Gives a number its value; gives the one that it had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let Some(place) = place(key) else {
            return self.beyond.insert(key, value);
        };
        if self.row.len() <= place {
            self.row.resize_with(place + 1, || None);
        }
        let slot = self.row.get_mut(place)?;
        let before = slot.replace((key, value));
        self.count += usize::from(before.is_none());
        before.map(|(_, value)| value)
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.count + self.beyond.len()
    }

    /// Numbers with their values.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        let row = self.row.iter().flatten();
        row.map(|(key, value)| (key, value)).chain(&self.beyond)
    }

    /// The numbers.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values.
    pub(super) fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        let row = self.row.iter_mut().flatten();
        row.map(|(_, value)| value).chain(self.beyond.values_mut())
    }
}

impl<K: Number, V: Default> Numbered<K, V> {
    /// Gives a number a value that has none in the row, if it has a place there.
    #[cold]
    fn put_default(&mut self, key: K) {
        if place(key).is_some() {
            self.insert(key, V::default());
        }
    }
}

impl<K: Number, V> Numbered<K, V> {
    /// The place of a number.
    #[inline]
    pub(super) fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        Entry { of: self, key }
    }
}

/// The place of a number.
pub(super) struct Entry<'of, K, V> {
    of: &'of mut Numbered<K, V>,
    key: K,
}

impl<'of, K: Number, V: Default> Entry<'of, K, V> {
    /// The value that stands there, which is put there if there was none.
    #[inline]
    pub(super) fn or_default(self) -> &'of mut V {
        let is_there = place(self.key)
            .and_then(|place| self.of.row.get(place))
            .is_some_and(Option::is_some);
        if !is_there {
            self.of.put_default(self.key);
        }
        let Numbered { row, beyond, .. } = self.of;
        match place(self.key).and_then(|place| row.get_mut(place)) {
            Some(Some((_, value))) => value,
            Some(None) | None => beyond.entry(self.key).or_default(),
        }
    }
}

impl<'of, K: Number, V> IntoIterator for &'of Numbered<K, V> {
    type Item = (&'of K, &'of V);
    type IntoIter = Box<dyn Iterator<Item = Self::Item> + 'of>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// Where a number stands in the row.
#[inline]
fn place(key: impl Number) -> Option<usize> {
    let number = Some(key.number()).filter(|number| *number < ROW_MAX)?;
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Near ones, and some on both sides of the end of the row.
    fn numbers() -> impl Strategy<Value = u64> {
        prop_oneof![0..12_u64, ROW_MAX - 2..ROW_MAX + 3]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn it_is_a_map_in_the_order_of_its_numbers(
            steps in prop::collection::vec((numbers(), 0..4_u8, any::<u16>()), 1..60),
        ) {
            let mut numbered = Numbered::default();
            let mut plain = BTreeMap::new();
            for (number, step, value) in steps {
                let key = EventPosition::new(number);
                match step {
                    0 => prop_assert_eq!(numbered.insert(key, value), plain.insert(key, value)),
                    1 => {
                        let of = numbered.entry(key).or_default();
                        *of = of.wrapping_add(value);
                        let known = plain.entry(key).or_default();
                        *known = known.wrapping_add(value);
                    }
                    2 => {
                        for value in numbered.values_mut().chain(plain.values_mut()) {
                            *value = value.rotate_left(1);
                        }
                    }
                    _ => prop_assert_eq!(numbered.get_mut(&key), plain.get_mut(&key)),
                }
                prop_assert_eq!(numbered.get(&key), plain.get(&key));
                prop_assert_eq!(numbered.len(), plain.len());
            }
            prop_assert!(numbered.iter().eq(plain.iter()) && (&numbered).into_iter().eq(&plain));
            prop_assert!(numbered.keys().eq(plain.keys()));
            prop_assert!(numbered.values().eq(plain.values()));
        }
    }
}
