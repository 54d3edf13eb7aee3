//! I2: of a group that was written together all is durable, or nothing.

use crate::{
    domain::id::EventId,
    sim::{evidence::Evidence, violation::Violation},
};

/// Judges what the store shows of a group, each piece with an event that it is about; gives what
/// that says of the whole.
///
/// # Errors
/// The violation: a part is there and another is not.
pub(in crate::sim) fn judge(found: &[(EventId, Evidence)]) -> Result<Evidence, Violation> {
    let shows = |wanted| found.iter().find(|(_, evidence)| *evidence == wanted);
    match (shows(Evidence::There), shows(Evidence::NotThere)) {
        (Some((event, _)), Some(_)) => Err(Violation::HalfThere { event: *event }),
        (Some(_), None) => Ok(Evidence::There),
        (None, _) => Ok(Evidence::NotThere),
    }
}
