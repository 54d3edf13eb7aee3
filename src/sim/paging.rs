//! Paging: a whole list as a reader gets it, page by page.

use crate::{
    domain::{
        history::{HistoryQuery, Order},
        id::Id,
    },
    random::Stream,
    store::ReadError,
};

/// Pages of a list that is as long as expected, where it is long.
const PAGES_MAX: usize = 8;
/// Entries of a list that never ends, if it was not expected to be longer.
const ENTRIES_MAX: usize = 100_000;

/// Ids between which a list is read, both left out; `None` reads to its end.
pub(super) type Ends = (Option<Id>, Option<Id>);

/// Reads a whole list, or what of it is between two ids, page by page, in a drawn direction and with pages of a
/// drawn size, larger ones where many entries are expected; gives its entries oldest first.
pub(super) fn pages<T>(
    random: &mut Stream,
    (above, below): Ends,
    expected: usize,
    read: impl Fn(HistoryQuery) -> Result<Vec<T>, ReadError>,
    id: impl Fn(&T) -> Id,
) -> Result<Vec<T>, ReadError> {
    let is_backwards = random.below(2) == 0;
    let limit = usize::try_from(random.between(1, 12)).unwrap_or(1);
    let limit = limit.max(expected / PAGES_MAX);
    let mut query = HistoryQuery {
        above,
        below,
        order: if is_backwards {
            Order::NewestFirst
        } else {
            Order::OldestFirst
        },
        limit,
    };
    let mut all: Vec<T> = Vec::new();
    loop {
        let page = read(query)?;
        let Some(last) = page.last().map(&id) else {
            break;
        };
        if is_backwards {
            query.below = Some(last);
        } else {
            query.above = Some(last);
        }
        all.extend(page);
        if all.len() > ENTRIES_MAX.max(2 * expected) {
            break;
        }
    }
    if is_backwards {
        all.reverse();
    }
    Ok(all)
}
