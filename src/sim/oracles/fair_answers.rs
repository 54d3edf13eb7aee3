//! I23: a producer that does nothing wrong is not turned away; in the layer `full`. It may be told to
//! come later.

use crate::sim::violation::Violation;

/// Status 429: come later.
const LATER: u16 = 429;

/// Judges an answer that is not the one that was asked for.
pub(in crate::sim) fn judge(status: u16, body: &[u8]) -> Option<Violation> {
    let is_refused = (400..500).contains(&status) && status != LATER;
    is_refused.then(|| Violation::TurnedAway {
        status,
        body: String::from_utf8_lossy(body).into_owned(),
    })
}
