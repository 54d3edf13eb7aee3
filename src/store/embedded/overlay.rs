//! A file that is read and never written: what is written goes to memory and is gone with it. So a
//! file is opened, recovered and looked at as a start would do it, and stays as it was.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    disk::DiskFile,
    offline::{Progress, Step},
};

const PAGE_BYTES: u64 = 4_096;

/// A file as it would be after some writes.
#[derive(Debug)]
pub(super) struct Overlay {
    below: Arc<dyn DiskFile>,
    progress: Arc<dyn Progress>,
    inside: Mutex<Inside>,
}

#[derive(Debug)]
struct Inside {
    length: u64,
    /// Up to where the file below shows; beyond it are zeros.
    shown: u64,
    /// Pages that were written, whole.
    pages: BTreeMap<u64, Vec<u8>>,
    /// Bytes that were read from below.
    read: u64,
}

impl Overlay {
    /// Over a file; reading tells `progress`.
    pub(super) fn new(below: Arc<dyn DiskFile>, progress: Arc<dyn Progress>) -> io::Result<Self> {
        let length = below.length()?;
        Ok(Self {
            below,
            progress,
            inside: Mutex::new(Inside {
                length,
                shown: length,
                pages: BTreeMap::new(),
                read: 0,
            }),
        })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills `out` with what is below, and with zeros where nothing is.
    fn read_below(&self, inside: &Inside, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = inside.shown.saturating_sub(offset);
        let there = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        let (old, new) = out.split_at_mut(there);
        new.fill(0);
        if old.is_empty() {
            Ok(())
        } else {
            self.below.read(offset, old)
        }
    }
}

/// The pages that a stretch of bytes lies in: for each its number, and from where to where in it.
fn pages_of(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset.saturating_add(length as u64);
    let pages = offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES);
    pages.map(move |page| {
        let begin = page * PAGE_BYTES;
        let inside = |at: u64| usize::try_from(at - begin).unwrap_or(usize::MAX);
        let from = inside(offset.max(begin));
        let until = inside(end.min(begin + PAGE_BYTES));
        (page, from, until)
    })
}

impl DiskFile for Overlay {
    fn length(&self) -> io::Result<u64> {
        Ok(self.inside().length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut inside = self.inside();
        inside.length = length;
        inside.shown = inside.shown.min(length);
        let first_gone = length.div_ceil(PAGE_BYTES);
        drop(inside.pages.split_off(&first_gone));
        let used = usize::try_from(length % PAGE_BYTES).unwrap_or(0);
        if let Some(last) = inside.pages.get_mut(&(length / PAGE_BYTES)) {
            last.iter_mut().skip(used).for_each(|byte| *byte = 0);
        }
        Ok(())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut inside = self.inside();
        let length = out.len() as u64;
        if offset.saturating_add(length) > inside.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_below(&inside, offset, out)?;
        let mut rest = out;
        for (page, from, until) in pages_of(offset, rest.len()) {
            let Some((piece, behind)) = rest.split_at_mut_checked(until - from) else {
                break;
            };
            let written = inside.pages.get(&page).and_then(|it| it.get(from..until));
            if let Some(written) = written {
                piece.copy_from_slice(written);
            }
            rest = behind;
        }
        inside.read += length;
        let read = inside.read;
        let whole = inside.length;
        drop(inside);
        self.progress.at(Step::Pages, read.min(whole), whole);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inside = self.inside();
        inside.length = inside.length.max(offset.saturating_add(data.len() as u64));
        let mut rest = data;
        for (page, from, until) in pages_of(offset, data.len()) {
            let Some((piece, behind)) = rest.split_at_checked(until - from) else {
                break;
            };
            if !inside.pages.contains_key(&page) {
                let mut whole = vec![0; usize::try_from(PAGE_BYTES).unwrap_or(0)];
                self.read_below(&inside, page * PAGE_BYTES, &mut whole)?;
                inside.pages.insert(page, whole);
            }
            let place = inside.pages.get_mut(&page);
            if let Some(place) = place.and_then(|it| it.get_mut(from..until)) {
                place.copy_from_slice(piece);
            }
            rest = behind;
        }
        Ok(())
    }

    /// Nothing is to be durable.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        random::Stream,
        store::embedded::{disk::Disk as _, offline::Unseen, system_disk::SystemDisk},
    };

    #[test]
    fn it_reads_as_a_written_file_would_and_the_file_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let disk = SystemDisk::lock(folder.path()).expect("it is free");
        let below = disk.open("a").expect("it opens");
        below.write(0, &[7; 10_000]).expect("there is room");
        let overlay = Overlay::new(Arc::clone(&below), Arc::new(Unseen)).expect("readable");
        let mut model = vec![7; 10_000];
        let mut random = Stream::new(1, "overlay", 0, 0);
        for step in 0..400 {
            let at = random.between(0, 20_000);
            let length = usize::try_from(random.between(1, 9_000)).expect("small");
            if step % 7 == 0 {
                overlay.set_len(at).expect("memory");
                model.resize(usize::try_from(at).expect("small"), 0);
            } else {
                let begin = usize::try_from(at).expect("small");
                let end = begin + length;
                model.resize(model.len().max(end), 0);
                let byte = u8::try_from(step % 251).expect("small");
                model[begin..end].fill(byte);
                overlay.write(at, &vec![byte; length]).expect("memory");
            }
            assert_eq!(overlay.length().expect("known"), model.len() as u64);
            let mut read = vec![1; model.len()];
            overlay.read(0, &mut read).expect("it is that long");
            assert!(read == model, "step {step}");
            let middle = model.len() / 3;
            let mut read = vec![1; model.len() / 2];
            overlay
                .read(middle as u64, &mut read)
                .expect("it is that long");
            assert!(read == model[middle..middle + read.len()], "step {step}");
        }
        assert!(overlay.read(model.len() as u64, &mut [0]).is_err());
        let mut untouched = vec![0; 10_000];
        below.read(0, &mut untouched).expect("it is that long");
        assert!(untouched == [7; 10_000] && below.length().expect("known") == 10_000);
    }
}
