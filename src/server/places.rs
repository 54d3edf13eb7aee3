//! Places for connections: so many in all, so many for one client, and who must go where all are
//! taken.

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
    by_client: BTreeMap<ClientNetwork, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The client has as many as it may have.
    ForThisClient,
    /// All are taken. One whose connection waits for a request was asked for; where there is none, one is
    /// to end with its answer.
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
    /// Asks one to go: of those that wait for a request the one that loses least by it, and among such the
    /// one that waits longest; where none waits, the oldest one that was not asked yet ends with its answer.
    fn ask_one_to_go(&self) {
        let waits = self.taken.values().filter_map(|conduct| {
            let wait = conduct.wait()?;
            Some((wait, conduct))
        });
        if let Some((_, conduct)) = waits.min_by_key(|(wait, _)| *wait) {
            conduct.want_place();
        } else {
            self.taken.values().find(|conduct| conduct.want_end());
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
    use crate::limits;

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

    /// Three places, all taken; who comes in vain.
    fn full() -> (Places, Vec<Place>, impl Fn(&Places)) {
        let places = Places::new(3, 3, Vec::new());
        let client = address("192.0.2.1");
        let held = (0..3).map(|_| places.take(client).expect("free")).collect();
        let comes = |places: &Places| {
            let refused = places.take(address("192.0.2.2")).err();
            assert_eq!(refused, Some(NoPlace::ForAnybody));
        };
        (places, held, comes)
    }

    fn asked(held: &[Place]) -> Vec<bool> {
        held.iter().map(|place| place.conduct.must_go()).collect()
    }

    async fn later(ms: u64) {
        tokio::time::advance(core::time::Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_idles_between_requests_goes_before_who_is_silent_and_who_has_a_slow_head_goes_last()
     {
        let (places, held, comes) = full();
        let [slow, silent, idle] = held.as_slice() else {
            panic!("three");
        };
        slow.conduct.read(1);
        drop(idle.conduct.asked(false));
        later(limits::SERVER_GRACE_MS).await;
        let steps = [
            [false, false, true],
            [false, true, true],
            [true, true, true],
        ];
        for expected in steps {
            comes(&places);
            assert_eq!(asked(&held), expected);
        }
        // A request that came in time keeps its connection, and so does the first byte of a head.
        let _work = silent.conduct.asked(false);
        idle.conduct.read(1);
        assert_eq!(asked(&held), [true, false, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_those_that_idle_the_one_goes_first_that_idles_for_longest() {
        let (places, held, comes) = full();
        for place in held.iter().rev() {
            drop(place.conduct.asked(false));
            later(10).await;
        }
        later(limits::SERVER_REST_MS).await;
        let steps = [
            [false, false, true],
            [false, true, true],
            [true, true, true],
        ];
        for expected in steps {
            comes(&places);
            assert_eq!(asked(&held), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_had_no_time_for_a_head_or_may_still_be_read_an_answer_is_not_asked_for_the_place()
    {
        let (places, held, comes) = full();
        let [_silent, slow, answered] = held.as_slice() else {
            panic!("three");
        };
        drop(answered.conduct.asked(false));
        later(limits::SERVER_GRACE_MS - 1).await;
        slow.conduct.read(1);
        answered.conduct.sent(1);
        comes(&places);
        assert_eq!(asked(&held), [false; 3]);
        later(1).await;
        comes(&places);
        assert_eq!(asked(&held), [true, false, false]);
        later(limits::SERVER_GRACE_MS).await;
        comes(&places);
        comes(&places);
        assert_eq!(asked(&held), [true; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_nothing_of_an_answer_goes_last_and_has_two_seconds_from_its_last_byte_on() {
        let (places, held, comes) = full();
        let [unread, slow, idle] = held.as_slice() else {
            panic!("three");
        };
        for place in [unread, idle] {
            drop(place.conduct.asked(false));
        }
        slow.conduct.read(1);
        unread.conduct.stuck();
        later(limits::SERVER_GRACE_MS - 1).await;
        unread.conduct.sent(1);
        unread.conduct.stuck();
        later(1).await;
        for expected in [[false, false, true], [false, true, true]] {
            comes(&places);
            assert_eq!(asked(&held), expected);
        }
        later(limits::SERVER_GRACE_MS - 2).await;
        comes(&places);
        assert_eq!(asked(&held), [false, true, true]);
        later(1).await;
        comes(&places);
        assert_eq!(asked(&held), [true; 3]);
        // Once it reads on it waits for its next request.
        unread.conduct.sent(1);
        assert_eq!(asked(&held), [false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_none_waits_the_oldest_ones_end_with_their_answers_one_after_the_other() {
        let (places, held, comes) = full();
        let [over_http_2, second, third] = held.as_slice() else {
            panic!("three");
        };
        let _working = [
            over_http_2.conduct.asked(true),
            second.conduct.asked(false),
            third.conduct.asked(false),
        ];
        let leaves = || {
            held.iter()
                .map(|place| place.conduct.leaves())
                .collect::<Vec<_>>()
        };
        for expected in [
            [false, true, false],
            [false, true, true],
            [false, true, true],
        ] {
            comes(&places);
            assert_eq!(leaves(), expected);
        }
        assert_eq!(asked(&held), [false; 3]);
    }
}
