//! Copies of a file, whole and durable before anybody sees them.

use super::{
    disk::DiskFile,
    file::OpenError,
    offline::{Progress, Step},
};
use crate::limits;

/// Copies all bytes of a file into an empty one and makes them durable.
pub(super) fn bytes(
    from: &dyn DiskFile,
    to: &dyn DiskFile,
    progress: &dyn Progress,
) -> Result<u64, OpenError> {
    let length = from.length()?;
    to.set_len(length)?;
    let mut chunk = vec![0; limits::COPY_CHUNK_BYTES];
    let mut done = 0;
    while done < length {
        let rest = usize::try_from(length - done).unwrap_or(usize::MAX);
        let size = chunk.len().min(rest);
        let (part, _) = chunk.split_at_mut(size);
        from.read(done, part)?;
        to.write(done, part)?;
        done += size as u64;
        progress.at(Step::Copy, done, length);
    }
    to.sync()?;
    Ok(length)
}
