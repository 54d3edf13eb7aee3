//! Rows that grew: what a row has more than in its first form stands behind that, under the next version
//! byte. Each form is read as long as files may hold it.

use serde::{Deserialize, Serialize};

use super::{
    fault::Fault,
    rows::{VERSION, decode},
};

/// The version byte of a row that grew: its first form, and behind it what came later.
pub(super) const GROWN: u8 = 2;

/// The version byte of a row that grew twice: its grown form, and behind it what came last.
pub(super) const GROWN_TWICE: u8 = 3;

/// Writes a row in its first form, and behind it what came later; all of it behind what is in `out`.
pub(super) fn encode_grown<T: Serialize, M: Serialize>(
    row: &T,
    more: &M,
    mut out: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    out.push(GROWN);
    let first = postcard::to_extend(row, out)?;
    Ok(postcard::to_extend(more, first)?)
}

/// Reads a row in its first form and what came later; `None` in a row that was written before.
pub(super) fn decode_grown<'row, T: Deserialize<'row>, M: Deserialize<'row>>(
    bytes: &'row [u8],
    what: &str,
) -> Result<(T, Option<M>), Fault> {
    match bytes.split_first() {
        Some((&VERSION, _)) => Ok((decode(bytes, what)?, None)),
        Some((&GROWN, row)) => {
            let read = postcard::take_from_bytes(row);
            let (row, rest) = read.map_err(|_| Fault::damaged(what))?;
            let more = postcard::from_bytes(rest).map_err(|_| Fault::damaged(what))?;
            Ok((row, Some(more)))
        }
        _ => Err(Fault::damaged(what)),
    }
}

/// Writes a row that grew twice; all of it behind what is in `out`.
pub(super) fn encode_grown_twice<T: Serialize, M: Serialize, L: Serialize>(
    row: &T,
    more: &M,
    latest: &L,
    mut out: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    out.push(GROWN_TWICE);
    let grown = postcard::to_extend(more, postcard::to_extend(row, out)?)?;
    Ok(postcard::to_extend(latest, grown)?)
}

/// A row that may have grown twice: its first form, what came later, and what came last.
pub(super) type Grown<T, M, L> = (T, Option<M>, Option<L>);

/// Reads a row that may have grown twice, whichever of its forms it was written in.
pub(super) fn decode_grown_twice<
    'row,
    T: Deserialize<'row>,
    M: Deserialize<'row>,
    L: Deserialize<'row>,
>(
    bytes: &'row [u8],
    what: &str,
) -> Result<Grown<T, M, L>, Fault> {
    let Some((&GROWN_TWICE, row)) = bytes.split_first() else {
        let (row, more) = decode_grown(bytes, what)?;
        return Ok((row, more, None));
    };
    let damaged = |_| Fault::damaged(what);
    let (row, rest) = postcard::take_from_bytes(row).map_err(damaged)?;
    let (more, rest) = postcard::take_from_bytes(rest).map_err(damaged)?;
    let latest = postcard::from_bytes(rest).map_err(damaged)?;
    Ok((row, Some(more), Some(latest)))
}

/// The version byte of a row that grew three times.
pub(super) const GROWN_THRICE: u8 = 4;

/// Writes a row that grew three times; all of it behind what is in `out`.
pub(super) fn encode_grown_thrice<T: Serialize, M: Serialize, L: Serialize, N: Serialize>(
    row: &T,
    more: &M,
    latest: &L,
    newest: &N,
    out: Vec<u8>,
) -> Result<Vec<u8>, Fault> {
    let at = out.len();
    let mut out = encode_grown_twice(row, more, latest, out)?;
    if let Some(version) = out.get_mut(at) {
        *version = GROWN_THRICE;
    }
    Ok(postcard::to_extend(newest, out)?)
}

/// A row that may have grown three times: what it is if it grew twice, and what came at the very last.
pub(super) type GrownThrice<T, M, L, N> = (Grown<T, M, L>, Option<N>);

/// Reads a row that may have grown three times, whichever of its forms it was written in.
pub(super) fn decode_grown_thrice<'row, T, M, L, N>(
    bytes: &'row [u8],
    what: &str,
) -> Result<GrownThrice<T, M, L, N>, Fault>
where
    T: Deserialize<'row>,
    M: Deserialize<'row>,
    L: Deserialize<'row>,
    N: Deserialize<'row>,
{
    let Some((&GROWN_THRICE, row)) = bytes.split_first() else {
        return Ok((decode_grown_twice(bytes, what)?, None));
    };
    let damaged = |_| Fault::damaged(what);
    let (row, rest) = postcard::take_from_bytes(row).map_err(damaged)?;
    let (more, rest) = postcard::take_from_bytes(rest).map_err(damaged)?;
    let (latest, rest) = postcard::take_from_bytes(rest).map_err(damaged)?;
    let newest = postcard::from_bytes(rest).map_err(damaged)?;
    Ok(((row, Some(more), Some(latest)), Some(newest)))
}
