//! How often a client shows keys that are none, so that one who tries them out is told to stop.
//!
//! A right key is never refused here: who shares an address with a guesser goes on. The table has a
//! fixed size. Clients that fall on one row of it push each other out, the one that was still for
//! longest first, and begin anew then: forgetting costs a few more guesses, growing would cost memory.

#![expect(
    clippy::disallowed_types,
    reason = "where a client falls in the table nobody outside may know or choose"
)]

use core::hash::BuildHasher as _;
use std::{
    hash::RandomState,
    sync::{Mutex, PoisonError},
};

use super::client_network::ClientNetwork;
use crate::{
    limits,
    policy::rate_limit::RateLimit,
    time::{Span, Timestamp},
};

/// Clients that one row remembers.
const ROW: usize = 4;

/// What is remembered of a client.
#[derive(Clone, Copy, Debug)]
struct Guesser {
    client: ClientNetwork,
    limit: RateLimit,
    last: Timestamp,
}

type Row = [Option<Guesser>; ROW];

/// The clients that guessed last.
#[derive(Debug)]
pub(super) struct Guesses {
    /// Drawn anew by each process, so that nobody can choose whom to push out.
    hasher: RandomState,
    rows: Mutex<Box<[Row]>>,
}

impl Default for Guesses {
    fn default() -> Self {
        let rows = vec![[None; ROW]; limits::KEY_GUESSERS_MAX / ROW];
        Self {
            hasher: RandomState::new(),
            rows: Mutex::new(rows.into_boxed_slice()),
        }
    }
}

impl Guesses {
    /// Counts a wrong key of this client at `now`, in steady time.
    ///
    /// # Errors
    /// How long the client should wait, if it shows too many of them; this one does not count.
    pub(super) fn count(&self, client: ClientNetwork, now: Timestamp) -> Result<(), Span> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = usize::try_from(self.hasher.hash_one(client) >> 32).unwrap_or(0);
        let at = hash.checked_rem(rows.len()).unwrap_or(0);
        let Some(row) = rows.get_mut(at) else {
            return Ok(());
        };
        let is_it = |one: &&mut Option<Guesser>| one.is_some_and(|one| one.client == client);
        let known = row.iter_mut().find(is_it).and_then(Option::as_mut);
        if let Some(known) = known {
            known.last = now;
            return known.limit.take(now);
        }
        let mut limit = RateLimit::per_second(limits::KEY_GUESSES_PER_S);
        let taken = limit.take(now);
        if let Some(stillest) = row.iter_mut().min_by_key(|one| one.map(|one| one.last)) {
            *stillest = Some(Guesser {
                client,
                limit,
                last: now,
            });
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_764_000_000_000);

    fn client(number: u32) -> ClientNetwork {
        ClientNetwork::of(std::net::Ipv4Addr::from_bits(number).into())
    }

    #[test]
    fn a37_a_client_has_ten_wrong_keys_a_second_and_others_have_theirs() {
        let guesses = Guesses::default();
        let counted = |number| guesses.count(client(number), NOW);
        let taken = (0..1_000).filter(|_| counted(1).is_ok()).count();
        assert_eq!(taken, usize::from(limits::KEY_GUESSES_PER_S));
        assert_eq!(counted(1), Err(Span::from_millis(100)));
        assert_eq!(counted(2), Ok(()));
        let later = NOW.plus(Span::from_seconds(1));
        assert_eq!(guesses.count(client(1), later), Ok(()));
    }

    #[test]
    fn a37_a_million_clients_take_no_more_memory_than_few() {
        let guesses = Guesses::default();
        for number in 0..1_000_000 {
            let now = NOW.plus(Span::from_micros(i64::from(number)));
            assert_eq!(guesses.count(client(number), now), Ok(()), "{number}");
        }
        let rows = guesses.rows.lock().expect("no panic");
        assert_eq!(rows.len() * ROW, limits::KEY_GUESSERS_MAX);
        // The newest of them are remembered: no row is without one of the last tenth.
        let recent = NOW.plus(Span::from_micros(900_000));
        let is_recent = |one: &Option<Guesser>| one.is_some_and(|one| one.last >= recent);
        assert!(rows.iter().all(|row| row.iter().any(is_recent)));
    }
}
