//! Statistics: how the deliveries to an endpoint stand, counted anew from what the store keeps and from
//! what the engine has in flight.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    domain::{
        command::{Answer, Command},
        history::{DeliveryEntry, HistoryQuery, Order},
        id::EventId,
        present::Question,
    },
    limits,
    server::{
        backend::Backend,
        problem::{FaultKind, Problem},
        v1::{
            Answered, called::Called, entry::off_thread, faults::Faults, page::id_bounds,
            query::Query, status::Status, told, unexpected, wall_time,
        },
    },
    store::ReadError,
    time::{Now, Span, Timestamp},
};

/// `GET …/stats`: 200 with how many deliveries stand how, of the messages of a time.
pub(in crate::server::v1) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    // The engine's last turn may lie long behind where nothing happens.
    let now = called.keys.now();
    let backend = called.backend;
    let range = Range::of(&called.query, now.wall)?;
    // Asked before the store is read: what ends in between counts as it ended, once.
    let in_flight = match backend
        .command(Command::Present(endpoint.key, Question::Endpoint))
        .await?
    {
        Answer::Present(present) => present.in_flight.into_iter().collect(),
        other => return Err(unexpected("what is in flight was asked for", Some(other))),
    };
    off_thread(move || {
        let mut counts = Counts {
            in_flight,
            ..Counts::default()
        };
        let read = |query| backend.reads().deliveries(endpoint.key, query);
        match range.walk(now, read, |entry| counts.add(entry))? {
            None => told(StatusCode::OK, &counts.shown()),
            Some(reached) => Err(too_many(reached)),
        }
    })
    .await
}

/// More messages lie in the time than are counted; those since `reached` would not be too many.
fn too_many(reached: Timestamp) -> Problem {
    let most = limits::STATS_EVENTS_MAX;
    let message = format!(
        "more than {most} messages came in this time, too many to be counted at once: those since \
         {} can be",
        wall_time::shown(reached)
    );
    Faults::default().and(&["query", "since"], FaultKind::Value, &message)
}

/// The time that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    /// The first moment that lies in it.
    since: Timestamp,
    /// The first moment that lies behind it.
    until: Timestamp,
}

impl Range {
    /// Reads the query; where nothing is said it ends now and is four weeks long.
    ///
    /// # Errors
    /// [`Problem`]: it is none, or too long; the caller's fault.
    fn of(query: &Query, now: Timestamp) -> Result<Self, Problem> {
        let mut faults = Faults::default();
        let longest = Span::from_seconds(limits::STATS_RANGE_S_MAX);
        let until = query.moment("until", &mut faults);
        let since = query.moment("since", &mut faults);
        // What came in this very microsecond counts, too.
        let now = now.plus(Span::from_micros(1));
        let until = until.map_or(now, |until| until.ceiling);
        let back = Span::from_seconds(-limits::STATS_RANGE_S);
        let since = since.map_or_else(|| until.plus(back), |since| since.ceiling);
        faults.into_result()?;
        let message = if since > until {
            "`since` must not be later than `until`, which is now where it is not given"
        } else if until.since(since) > longest {
            "`since` must lie 28 days before `until` or less"
        } else {
            return Ok(Self { since, until });
        };
        Err(Faults::default().and(&["query", "since"], FaultKind::Value, message))
    }

    /// Looks at the messages of the time, newest first. `None` if it came to the end of them, else the
    /// moment to which it came.
    fn walk(
        self,
        now: Now,
        read: impl Fn(HistoryQuery) -> Result<Vec<DeliveryEntry>, ReadError>,
        mut look: impl FnMut(&DeliveryEntry),
    ) -> Result<Option<Timestamp>, ReadError> {
        let (above, below) = id_bounds(Some(self.since), Some(self.until), now);
        let mut query = HistoryQuery {
            above,
            below,
            order: Order::NewestFirst,
            limit: limits::STATS_EVENTS_READ,
        };
        let mut rows = 0;
        loop {
            let entries = read(query)?;
            for entry in &entries {
                if self.since <= entry.accepted_wall && entry.accepted_wall < self.until {
                    look(entry);
                }
            }
            rows += entries.len();
            let Some(last) = entries.last().filter(|_| entries.len() == query.limit) else {
                return Ok(None);
            };
            if rows >= limits::STATS_EVENTS_MAX {
                return Ok(Some(last.accepted_wall));
            }
            query.below = Some(last.event.id());
        }
    }
}

/// How many deliveries stand how.
#[derive(Debug, Default)]
struct Counts {
    /// Events for which an attempt is in flight.
    in_flight: BTreeSet<EventId>,
    success: u64,
    pending: u64,
    sending: u64,
    fail: u64,
    canceled: u64,
}

impl Counts {
    fn add(&mut self, entry: &DeliveryEntry) {
        let Some(state) = entry.state else {
            return;
        };
        let count = match Status::of_delivery(state) {
            Status::Success => &mut self.success,
            Status::Pending if self.in_flight.contains(&entry.event) => &mut self.sending,
            Status::Pending => &mut self.pending,
            Status::Sending => &mut self.sending,
            Status::Fail => &mut self.fail,
            Status::Canceled => &mut self.canceled,
        };
        *count += 1;
    }

    fn shown(&self) -> Value {
        json!({
            "success": self.success,
            "pending": self.pending,
            "sending": self.sending,
            "fail": self.fail,
            "canceled": self.canceled,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        delivery::DeliveryState,
        id::{EventId, Id},
    };

    const START_MS: i64 = 1_764_000_000_000;

    /// Messages a millisecond apart, as a store would give them; the oldest comes at `START_MS`.
    fn rows(count: u128) -> impl Fn(HistoryQuery) -> Result<Vec<DeliveryEntry>, ReadError> {
        let at = |number: u128| {
            let millis = START_MS + i64::try_from(number).expect("few");
            let id = Id::from_value(u128::try_from(millis).expect("late") << 80);
            DeliveryEntry {
                event: EventId::new(id),
                accepted_wall: Timestamp::from_millis(millis),
                state: Some(DeliveryState::Pending),
            }
        };
        move |query| {
            let newest_first = (0..count).rev().map(at);
            let asked = newest_first.filter(|entry| query.contains(entry.event.id()));
            Ok(asked.take(query.limit).collect())
        }
    }

    fn count(count: u128, since: i64, until: i64) -> (u64, Option<Timestamp>) {
        let range = Range {
            since: Timestamp::from_millis(START_MS + since),
            until: Timestamp::from_millis(START_MS + until),
        };
        let now = Now::at(Timestamp::from_millis(START_MS + 1_000_000));
        let mut counts = Counts::default();
        let reached = range.walk(now, rows(count), |entry| counts.add(entry));
        (counts.pending, reached.expect("readable"))
    }

    #[test]
    fn a_message_counts_from_the_first_moment_on_and_not_at_the_end() {
        assert_eq!(count(10, 2, 5), (3, None));
        assert_eq!(count(10, -50, 500), (10, None));
        assert_eq!(count(2_000, 0, 2_000), (2_000, None));
    }

    #[test]
    fn more_than_can_be_counted_are_not_and_it_is_told_since_when_they_could_be() {
        let most = u128::try_from(limits::STATS_EVENTS_MAX).expect("few");
        assert_eq!(count(most - 1, 0, 1_000_000).1, None);
        let reached = Timestamp::from_millis(START_MS + 5);
        assert_eq!(count(most + 5, 0, 1_000_000).1, Some(reached));
    }

    #[test]
    fn a_time_is_four_weeks_at_most_and_runs_forward() {
        let now = Timestamp::from_millis(START_MS);
        let read = |text: &str| Range::of(&Query::of(text), now).ok();
        let range = read("").expect("the usual one");
        assert!(range.until > now);
        let length = range.until.since(range.since);
        assert_eq!(length, Span::from_seconds(limits::STATS_RANGE_S));
        for (text, is_fine) in [
            (
                "since=2025-11-01T00:00:00Z&until=2025-11-24T00:00:00Z",
                true,
            ),
            (
                "since=2025-11-24T00:00:00Z&until=2025-11-24T00:00:00Z",
                true,
            ),
            (
                "since=2025-11-24T00:00:01Z&until=2025-11-24T00:00:00Z",
                false,
            ),
            ("since=2025-10-20T00:00:00Z", false),
            ("since=2025-11-25T00:00:00Z", false),
            ("until=2020-01-01T00:00:00Z", true),
            ("since=yesterday", false),
        ] {
            assert_eq!(read(text).is_some(), is_fine, "{text}");
        }
    }
}
