//! One file of a simulated disk.

use std::io;

use super::{Operation, SimulatedDisk};
use crate::store::embedded::disk::DiskFile;

/// One file of a simulated disk.
#[derive(Debug)]
pub(super) struct SimulatedFile {
    pub(super) disk: SimulatedDisk,
    pub(super) file: usize,
}

fn gone() -> io::Error {
    io::Error::other("no such file on the simulated disk")
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| gone())
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        let inside = self.disk.inside();
        let file = inside.files.get(self.file).ok_or_else(gone)?;
        Ok(u64::try_from(file.current.len()).unwrap_or(u64::MAX))
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut inside = self.disk.inside();
        inside.operate()?;
        let length = place(length)?;
        let before = inside.files.get(self.file).ok_or_else(gone)?.current.len();
        inside.has_room(before, length)?;
        let file = inside.files.get_mut(self.file).ok_or_else(gone)?;
        file.current.resize(length, 0);
        file.pending.push(Operation::SetLength(length));
        Ok(())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inside = self.disk.inside();
        if inside.is_dead {
            return Err(io::Error::other("the power is gone"));
        }
        let file = inside.files.get(self.file).ok_or_else(gone)?;
        let offset = place(offset)?;
        let found = file.current.get(offset..offset.saturating_add(out.len()));
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inside = self.disk.inside();
        inside.operate()?;
        let offset = place(offset)?;
        let before = inside.files.get(self.file).ok_or_else(gone)?.current.len();
        inside.has_room(before, offset + data.len())?;
        let file = inside.files.get_mut(self.file).ok_or_else(gone)?;
        let operation = Operation::Write(offset, data.to_vec());
        operation.apply(&mut file.current);
        file.pending.push(operation);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut inside = self.disk.inside();
        inside.operate()?;
        let number = inside.syncs;
        inside.syncs += 1;
        let fails = inside.faults.failing_sync == Some(number);
        let file = inside.files.get_mut(self.file).ok_or_else(gone)?;
        let pending = core::mem::take(&mut file.pending);
        if fails {
            // As a kernel does: pages that could not be written are forgotten, and count as clean. A
            // length stands in the file system's own journal, which the next sync writes.
            let is_length = |operation: &Operation| matches!(operation, Operation::SetLength(_));
            file.pending = pending.into_iter().filter(is_length).collect();
            return Err(io::Error::other("the disk does not sync"));
        }
        for operation in pending {
            operation.apply(&mut file.durable);
        }
        Ok(())
    }
}
