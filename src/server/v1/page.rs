//! Pages of lists while entries come in: history newest first, objects in the order asked for.
//!
//! A page is cut by ids, which grow with time and never change, so entries that come meanwhile
//! neither shift nor repeat any. Wall times as bounds are turned into ids by how far wall and steady
//! time are apart now, and then compared with what each entry shows.

use serde::Serialize;

use super::{
    cursor::{Cursor, List},
    entry::Entry,
    faults::Faults,
    query::Query,
    wall_time::WallTime,
};
use crate::{
    domain::{
        history::{HistoryQuery, Order},
        id::Id,
    },
    limits,
    server::problem::{FaultKind, Problem},
    store::ReadError,
    time::{Now, Span, Timestamp},
};

/// What a list is asked for, before it is known which list.
#[derive(Debug)]
pub(super) struct PageQuery {
    limit: usize,
    iterator: Option<String>,
    before: Option<WallTime>,
    after: Option<WallTime>,
    order: Order,
}

impl PageQuery {
    /// Reads the keys of a list of objects that are made and kept: which way it runs, and no times.
    pub(super) fn of_objects(query: &Query, faults: &mut Faults) -> Self {
        let (usual, most) = (limits::PAGE_ENTRIES, limits::PAGE_ENTRIES_MAX);
        let order = match query.one("order", faults) {
            None | Some("ascending") => Order::OldestFirst,
            Some("descending") => Order::NewestFirst,
            Some(_) => {
                let message = "`order` must be ascending or descending";
                faults.add(&["query", "order"], FaultKind::Value, message);
                Order::OldestFirst
            }
        };
        Self {
            limit: query.count("limit", usual, most, faults),
            iterator: query.one("iterator", faults).map(Into::into),
            before: None,
            after: None,
            order,
        }
    }

    /// Reads the keys that all lists have; what is wrong is noted.
    pub(super) fn of(query: &Query, faults: &mut Faults) -> Self {
        let (usual, most) = (limits::PAGE_ENTRIES, limits::PAGE_ENTRIES_MAX);
        Self {
            limit: query.count("limit", usual, most, faults),
            iterator: query.one("iterator", faults).map(Into::into),
            before: query.moment("before", faults),
            after: query.moment("after", faults),
            order: Order::NewestFirst,
        }
    }

    /// The part of `list` that is asked for.
    ///
    /// # Errors
    /// [`Code::InvalidCursor`](crate::server::problem::Code::InvalidCursor) if the iterator is none of
    /// this list; the client's fault.
    pub(super) fn part(&self, list: List, now: Now) -> Result<Part, Problem> {
        let cursor = self.iterator.as_deref();
        let cursor = cursor.map(|text| Cursor::parse(text, list)).transpose()?;
        Ok(Part {
            list,
            cursor,
            limit: self.limit,
            before: self.before.map(|time| time.ceiling),
            after: self.after.map(|time| time.floor),
            order: self.order,
            now,
        })
    }
}

/// A part of a list.
#[derive(Debug)]
pub(super) struct Part {
    list: List,
    cursor: Option<Cursor>,
    limit: usize,
    /// Only what shows an earlier wall time.
    before: Option<Timestamp>,
    /// Only what shows a later wall time.
    after: Option<Timestamp>,
    /// The way it runs.
    order: Order,
    now: Now,
}

/// A page as it is answered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    data: Vec<T>,
    iterator: Option<String>,
    prev_iterator: Option<String>,
    done: bool,
}

/// The entries of a page, in the order they are shown, and how to go on from it.
pub(super) struct Entries<E> {
    /// The entries.
    pub(super) shown: Vec<E>,
    next: Option<Cursor>,
    previous: Option<Cursor>,
    done: bool,
    list: List,
}

impl<E> Entries<E> {
    /// The answer, with each entry as it is shown.
    pub(super) fn answer<'e, T>(&'e self, show: impl FnMut(&'e E) -> T) -> Page<T> {
        let text = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.text(self.list));
        Page {
            iterator: text(self.next),
            prev_iterator: text(self.previous),
            done: self.done,
            data: self.shown.iter().map(show).collect(),
        }
    }
}

impl Part {
    /// Reads the part, `rows_most` rows of the store at a time.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn read<E: Entry>(
        &self,
        rows_most: usize,
        read: impl FnMut(HistoryQuery) -> Result<Vec<E>, ReadError>,
    ) -> Result<Entries<E>, ReadError> {
        // One row more than is shown tells whether there is more.
        self.read_where(rows_most.min(self.limit + 1), read, |_| true)
    }

    /// Reads what is `wanted` of the part, `rows_at_once` rows of the store at a time. Where little is
    /// the page ends after a bounded number of rows and bytes, and the next one goes on from there.
    ///
    /// # Errors
    /// [`ReadError`]
    pub(super) fn read_where<E: Entry>(
        &self,
        rows_at_once: usize,
        mut read: impl FnMut(HistoryQuery) -> Result<Vec<E>, ReadError>,
        wanted: impl Fn(&E) -> bool,
    ) -> Result<Entries<E>, ReadError> {
        let mut query = self.query();
        let mut walk = Walk::default();
        query.limit = rows_at_once;
        loop {
            let rows = read(query)?;
            let is_last = rows.len() < query.limit;
            for entry in rows {
                if walk.is_full(self.limit) {
                    return Ok(self.entries(walk, false));
                }
                let is_asked_for = self.shows(&entry) && wanted(&entry);
                walk.take(entry, is_asked_for);
            }
            if is_last {
                return Ok(self.entries(walk, true));
            }
            match query.order {
                Order::NewestFirst => query.below = walk.last,
                Order::OldestFirst => query.above = walk.last,
            }
        }
    }

    /// The rows between the bounds, from the iterator on.
    fn query(&self) -> HistoryQuery {
        let (above, below) = id_bounds(self.after, self.before, self.now);
        let least = |one: Option<Id>, other: Id| Some(one.map_or(other, |one| one.min(other)));
        let greatest = |one: Option<Id>, other: Id| Some(one.map_or(other, |one| one.max(other)));
        let (above, below, order) = match self.cursor {
            None => (above, below, self.order),
            Some(Cursor::Older(id)) => (above, least(below, id), Order::NewestFirst),
            Some(Cursor::Newer(id)) => (greatest(above, id), below, Order::OldestFirst),
        };
        HistoryQuery {
            above,
            below,
            order,
            limit: 1,
        }
    }

    /// Whether an entry's own time fits the bounds.
    fn shows(&self, entry: &impl Entry) -> bool {
        let wall = entry.wall();
        self.before.is_none_or(|before| wall < before)
            && self.after.is_none_or(|after| wall > after)
    }

    /// The page, once the walk is over.
    fn entries<E>(&self, walk: Walk<E>, done: bool) -> Entries<E> {
        let mut shown = walk.shown;
        let (start, way) = match self.cursor {
            None => (None, self.order),
            Some(Cursor::Older(id)) => (Some(id), Order::NewestFirst),
            Some(Cursor::Newer(id)) => (Some(id), Order::OldestFirst),
        };
        // Where the walk found nothing the way back begins at the place where it started.
        let (ahead, back) = match way {
            Order::NewestFirst => (
                walk.last.or(start).map(Cursor::Older),
                walk.first
                    .or_else(|| start.map(previous))
                    .map(Cursor::Newer),
            ),
            Order::OldestFirst => (
                walk.last.or(start).map(Cursor::Newer),
                walk.first.or_else(|| start.map(next)).map(Cursor::Older),
            ),
        };
        let (next, previous) = if way == self.order {
            (ahead, back)
        } else {
            shown.reverse();
            (back, ahead)
        };
        Entries {
            shown,
            next,
            previous,
            done,
            list: self.list,
        }
    }
}

/// How far the reading of a page has come.
struct Walk<E> {
    shown: Vec<E>,
    bytes: usize,
    rows: usize,
    /// Bytes of all rows that were looked at.
    bytes_read: usize,
    /// The first row that was looked at.
    first: Option<Id>,
    /// The last row that was looked at.
    last: Option<Id>,
}

impl<E> Default for Walk<E> {
    fn default() -> Self {
        Self {
            shown: Vec::new(),
            bytes: 0,
            rows: 0,
            bytes_read: 0,
            first: None,
            last: None,
        }
    }
}

impl<E: Entry> Walk<E> {
    fn is_full(&self, limit: usize) -> bool {
        self.shown.len() >= limit
            || self.bytes >= limits::PAGE_BYTES
            || self.rows >= limits::PAGE_ROWS_READ_MAX
            || self.bytes_read >= limits::PAGE_BYTES_READ_MAX
    }

    fn take(&mut self, entry: E, is_asked_for: bool) {
        self.rows += 1;
        self.bytes_read += entry.bytes();
        self.first.get_or_insert_with(|| entry.id());
        self.last = Some(entry.id());
        if is_asked_for {
            self.bytes += entry.bytes();
            self.shown.push(entry);
        }
    }
}

/// The ids between which all lie that were made between two wall times, and some made shortly before
/// and after these: what an entry shows must be compared, too.
pub(super) fn id_bounds(
    after: Option<Timestamp>,
    before: Option<Timestamp>,
    now: Now,
) -> (Option<Id>, Option<Id>) {
    let drift = Span::from_millis(limits::CLOCK_DRIFT_MS);
    let steady = |wall: Timestamp| now.steady.plus(wall.since(now.wall));
    let below = before.map(|wall| {
        let millis = steady(wall).plus(drift).as_millis();
        first_id_of(millis.saturating_add(1))
    });
    let above = after.map(|wall| {
        let millis = steady(wall).as_millis();
        let first = first_id_of(millis.saturating_sub(limits::CLOCK_DRIFT_MS));
        Id::from_value(first.value().saturating_sub(1))
    });
    (above, below)
}

/// The least id that can be made in this steady millisecond or later.
pub(super) fn first_id_of(millis: i64) -> Id {
    let millis = u128::from(millis.max(0).unsigned_abs()).min((1 << 48) - 1);
    Id::from_value(millis << 80)
}

fn next(id: Id) -> Id {
    Id::from_value(id.value().saturating_add(1))
}

fn previous(id: Id) -> Id {
    Id::from_value(id.value().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::v1::cursor::ListKind;

    /// An entry that is nothing but its place and time.
    struct Bare(Id, Timestamp);

    impl Entry for Bare {
        fn id(&self) -> Id {
            self.0
        }

        fn wall(&self) -> Timestamp {
            self.1
        }

        fn bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_page_that_finds_nothing_among_very_many_rows_ends_and_the_next_one_goes_on() {
        let time = Timestamp::from_millis(1_000);
        let list = List {
            kind: ListKind::Events,
            application: Id::from_value(1),
            of: Id::from_value(1),
        };
        let part = |cursor| Part {
            list,
            cursor,
            limit: 10,
            before: None,
            after: Some(time),
            order: Order::NewestFirst,
            now: Now::at(time),
        };
        // The wall clock ran back since: what these rows show is not after the bound.
        let oldest = first_id_of(1_000).value();
        let rows = |query: HistoryQuery| {
            let ids = (oldest..oldest + 10_005).rev().map(Id::from_value);
            let asked = ids.filter(|id| query.contains(*id)).take(query.limit);
            Ok(asked.map(|id| Bare(id, time)).collect())
        };
        let first = part(None).read(250, rows).expect("read");
        assert!(first.shown.is_empty() && !first.done);
        let rest = part(first.next).read(250, rows).expect("read");
        assert!(rest.shown.is_empty() && rest.done);
        assert_eq!(rest.next, Some(Cursor::Older(Id::from_value(oldest))));
    }
}
