//! Places for connections: so many in all, so many for one client, and who must go where all are
//! taken.

use core::ops::Bound;
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use ipnet::IpNet;

use super::{client_address::Client, client_network::ClientNetwork, conduct::Conduct};

/// All places; cheap to clone, and all clones are one.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    most_per_client: usize,
    /// Where connections of many clients come from; they are counted in all only.
    proxies: Vec<IpNet>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Who has a place, in the order in which they came.
    taken: BTreeMap<u64, Conduct>,
    /// The last number that was given.
    last: u64,
    /// The last one whose place was asked for.
    asked: u64,
    by_client: BTreeMap<ClientNetwork, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The client has as many as it may have.
    ForThisClient,
    /// All are taken. One whose connection waits for a request was asked for, if there is one.
    ForAnybody,
}

impl Places {
    /// So many in all and for one client; connections from `proxies` are not told apart.
    pub(super) fn new(most: usize, most_per_client: usize, proxies: Vec<IpNet>) -> Self {
        Self(Arc::new(Shared {
            most,
            most_per_client,
            proxies,
            inside: Mutex::default(),
        }))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the address of a proxy that speaks for its clients.
    fn is_proxy(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// A place for a connection from this address.
    ///
    /// # Errors
    /// [`NoPlace`]
    pub(super) fn take(&self, address: IpAddr) -> Result<Place, NoPlace> {
        let client = (!self.is_proxy(address)).then(|| ClientNetwork::of(address));
        let mut inside = self.inside();
        let held = client.and_then(|client| inside.by_client.get(&client));
        if held.is_some_and(|held| *held >= self.0.most_per_client) {
            return Err(NoPlace::ForThisClient);
        }
        if inside.taken.len() >= self.0.most {
            inside.ask_one_to_go();
            return Err(NoPlace::ForAnybody);
        }
        inside.last = inside.last.saturating_add(1);
        let number = inside.last;
        let conduct = Conduct::new();
        inside.taken.insert(number, conduct.clone());
        if let Some(client) = client {
            *inside.by_client.entry(client).or_default() += 1;
        }
        drop(inside);
        Ok(Place {
            places: self.clone(),
            address,
            number,
            client,
            conduct,
        })
    }
}

impl Inside {
    /// Asks the next one whose connection waits for a request to go, in turn, so that none is looked
    /// at again before all others were.
    fn ask_one_to_go(&mut self) {
        let after = (Bound::Excluded(self.asked), Bound::Unbounded);
        let mut in_turn = self
            .taken
            .range(after)
            .chain(self.taken.range(..=self.asked));
        if let Some((number, _)) = in_turn.find(|(_, conduct)| conduct.want_place()) {
            self.asked = *number;
        }
    }
}

/// A place, free again when it is let go.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    address: IpAddr,
    number: u64,
    client: Option<ClientNetwork>,
    /// The record of the connection that has it.
    pub(super) conduct: Conduct,
}

impl Place {
    /// Who a request with these fields comes from.
    pub(super) fn client(&self, headers: &HeaderMap) -> Client {
        Client::of(self.address, headers, |address| {
            self.places.is_proxy(address)
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inside = self.places.inside();
        inside.taken.remove(&self.number);
        let Some(client) = self.client else {
            return;
        };
        if let Some(held) = inside.by_client.get_mut(&client) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                inside.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn one_client_has_its_share_and_leaves_the_others_theirs() {
        let places = Places::new(5, 2, Vec::new());
        let (greedy, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = places.take(greedy).expect("free");
        let _second = places.take(greedy).expect("free");
        assert_eq!(places.take(greedy).err(), Some(NoPlace::ForThisClient));
        let mapped = address("::ffff:192.0.2.1");
        assert_eq!(places.take(mapped).err(), Some(NoPlace::ForThisClient));
        let _other = places.take(other).expect("free");
        drop(first);
        let _again = places.take(greedy).expect("free again");
        drop(_again);
        assert_eq!(places.inside().by_client.len(), 2);
    }

    #[test]
    fn a_proxy_has_as_many_places_as_there_are() {
        let places = Places::new(3, 1, vec!["10.0.0.0/8".parse().expect("a network")]);
        let proxy = address("10.1.2.3");
        let all: Vec<_> = (0..3).map(|_| places.take(proxy).expect("free")).collect();
        assert_eq!(places.take(proxy).err(), Some(NoPlace::ForAnybody));
        drop(all);
        assert_eq!(places.inside().taken.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_taken_those_that_wait_are_asked_in_turn_and_those_that_work_are_not() {
        let places = Places::new(3, 3, Vec::new());
        let client = address("192.0.2.1");
        let held: Vec<_> = (0..3).map(|_| places.take(client).expect("free")).collect();
        let [first, second, third] = held.as_slice() else {
            panic!("three");
        };
        let working = second.conduct.asked(false);
        let other = address("192.0.2.2");
        let asked = |place: &Place| place.conduct.must_go();
        for expected in [
            [true, false, false],
            [true, false, true],
            [true, false, true],
        ] {
            assert_eq!(places.take(other).err(), Some(NoPlace::ForAnybody));
            assert_eq!([asked(first), asked(second), asked(third)], expected);
        }
        // A request that came in time keeps its connection.
        let _work = first.conduct.asked(false);
        assert!(!asked(first));
        // Nor is one asked whose answer may still be on its way.
        drop(working);
        second.conduct.sent(1);
        assert_eq!(places.take(other).err(), Some(NoPlace::ForAnybody));
        assert!(!asked(second));
        tokio::time::advance(core::time::Duration::from_secs(1)).await;
        assert_eq!(places.take(other).err(), Some(NoPlace::ForAnybody));
        assert!(asked(second));
    }
}
