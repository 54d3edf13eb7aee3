//! A disk in memory that behaves as badly as a disk may: what was not synced is lost, kept or torn
//! by sectors at a crash, in any combination; names come and go as long as their folder was not
//! synced; syncs fail, room runs out, and the power goes at any operation.
//!
//! It decides by a seed, so the same run meets the same disk.

mod file;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use self::file::SimulatedFile;
use crate::{
    random::{Ratio, Stream},
    store::embedded::disk::{Disk, DiskFile, Space},
};

/// What a sector is: written whole or not at all.
const SECTOR: usize = 512;

/// When what goes wrong, counted in operations that write or sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskFaults {
    /// The power goes at this operation, which is not done.
    pub crash_at: Option<u64>,
    /// This sync fails, and those behind it do not: what was written before it is never durable.
    pub failing_sync: Option<u64>,
    /// The room there is, in bytes; `None` for plenty.
    pub capacity: Option<u64>,
}

/// A disk; clones share it, and it outlives the store that uses it.
#[derive(Clone, Debug)]
pub struct SimulatedDisk(Arc<Mutex<Inside>>);

#[derive(Clone, Debug)]
struct Inside {
    random: Stream,
    faults: DiskFaults,
    files: Vec<FileState>,
    /// Names as the store sees them.
    names: BTreeMap<String, usize>,
    /// Names as they are after a crash.
    durable_names: BTreeMap<String, usize>,
    /// Changes of names since the folder was synced, in order.
    renamed: Vec<NameChange>,
    operations: u64,
    syncs: u64,
    is_dead: bool,
}

#[derive(Clone, Debug)]
enum NameChange {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Debug, Default)]
struct FileState {
    /// What a read sees.
    current: Vec<u8>,
    /// What a crash leaves for sure.
    durable: Vec<u8>,
    /// What was done since the last sync, in order.
    pending: Vec<Operation>,
}

#[derive(Clone, Debug)]
enum Operation {
    Write(usize, Vec<u8>),
    SetLength(usize),
}

impl Operation {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => write_at(image, *offset, data),
            Self::SetLength(length) => image.resize(*length, 0),
        }
    }
}

fn write_at(image: &mut Vec<u8>, offset: usize, data: &[u8]) {
    let end = offset + data.len();
    if image.len() < end {
        image.resize(end, 0);
    }
    if let Some(place) = image.get_mut(offset..end) {
        place.copy_from_slice(data);
    }
}

impl SimulatedDisk {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inside {
            random: Stream::new(seed, "simulated disk", 0, 0),
            faults: DiskFaults::default(),
            files: Vec::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            renamed: Vec::new(),
            operations: 0,
            syncs: 0,
            is_dead: false,
        })))
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk with the same on it, where nothing goes wrong.
    #[must_use]
    pub fn twin(&self) -> Self {
        let mut twin = self.inside().clone();
        twin.faults = DiskFaults::default();
        Self(Arc::new(Mutex::new(twin)))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: DiskFaults) {
        self.inside().faults = faults;
    }

    /// What goes wrong.
    #[must_use]
    pub fn faults(&self) -> DiskFaults {
        self.inside().faults
    }

    /// From now on there is this much room beside what is used; `None` for plenty.
    pub fn limit(&self, room: Option<u64>) {
        let mut inside = self.inside();
        let used = inside.used();
        inside.faults.capacity = room.map(|room| used.saturating_add(room));
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.inside().is_dead
    }

    /// Whether the sync that was to fail has failed.
    #[must_use]
    pub fn has_failed_sync(&self) -> bool {
        let inside = self.inside();
        inside
            .faults
            .failing_sync
            .is_some_and(|at| inside.syncs > at)
    }

    /// Operations that wrote or synced so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.inside().operations
    }

    /// Bytes of its files.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.inside().used()
    }

    /// Syncs so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.inside().syncs
    }

    /// The power goes: nothing is done any more until [`SimulatedDisk::restart`].
    pub fn kill(&self) {
        self.inside().is_dead = true;
    }

    /// The process went, the system stays: everything that was written is there. Nobody may use
    /// the disk any more, and who comes next finds it as it was left.
    pub fn restart_warm(&self) {
        self.inside().is_dead = false;
    }

    /// The power comes back: of what was not synced any part may be there.
    pub fn restart(&self) {
        let mut inside = self.inside();
        inside.restart();
    }

    /// Turns one bit of a file, as a damaged disk does. Nothing if the file is shorter.
    pub fn flip_bit(&self, name: &str, bit: usize) {
        let mut inside = self.inside();
        if let Some(file) = inside.names.get(name).copied()
            && let Some(file) = inside.files.get_mut(file)
        {
            for image in [&mut file.current, &mut file.durable] {
                if let Some(byte) = image.get_mut(bit / 8) {
                    *byte ^= 1 << (bit % 8);
                }
            }
        }
    }
}

impl Inside {
    /// One more operation; an error if the power is gone.
    fn operate(&mut self) -> io::Result<()> {
        if self.faults.crash_at.is_some_and(|at| self.operations >= at) {
            self.is_dead = true;
        }
        if self.is_dead {
            return Err(io::Error::other("the power is gone"));
        }
        self.operations += 1;
        Ok(())
    }

    fn restart(&mut self) {
        let half = Ratio::new(1, 2);
        for change in core::mem::take(&mut self.renamed) {
            // A journal of the file system: a beginning of the changes is there.
            if !self.random.chance(half) {
                break;
            }
            apply_name(&mut self.durable_names, change);
        }
        self.names = self.durable_names.clone();
        for file in &mut self.files {
            for operation in core::mem::take(&mut file.pending) {
                survive(&mut self.random, &operation, &mut file.durable);
            }
            file.current.clone_from(&file.durable);
        }
        self.is_dead = false;
    }

    fn used(&self) -> u64 {
        let named = self.names.values().filter_map(|file| self.files.get(*file));
        named
            .map(|file| u64::try_from(file.current.len()).unwrap_or(u64::MAX))
            .sum()
    }

    /// Whether a file may grow by that much.
    fn has_room(&self, before: usize, after: usize) -> io::Result<()> {
        let added = u64::try_from(after.saturating_sub(before)).unwrap_or(u64::MAX);
        match self.faults.capacity {
            Some(capacity) if added > 0 && self.used().saturating_add(added) > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(_) | None => Ok(()),
        }
    }
}

fn apply_name(names: &mut BTreeMap<String, usize>, change: NameChange) {
    match change {
        NameChange::Create(name, file) => {
            names.insert(name, file);
        }
        NameChange::Rename(from, to) => {
            if let Some(file) = names.remove(&from) {
                names.insert(to, file);
            }
        }
        NameChange::Remove(name) => {
            names.remove(&name);
        }
    }
}

/// Any part of an operation that was not synced may be there after a crash: of a write each sector
/// for itself.
fn survive(random: &mut Stream, operation: &Operation, image: &mut Vec<u8>) {
    let half = Ratio::new(1, 2);
    match operation {
        Operation::SetLength(length) => {
            if random.chance(half) {
                image.resize(*length, 0);
            }
        }
        Operation::Write(offset, data) => {
            let all = random.below(4);
            let mut at = 0;
            while at < data.len() {
                let end = (at + SECTOR - (offset + at) % SECTOR).min(data.len());
                let stays = match all {
                    0 => true,
                    1 => false,
                    _ => random.chance(half),
                };
                if stays && let Some(sector) = data.get(at..end) {
                    write_at(image, offset + at, sector);
                }
                at = end;
            }
        }
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inside = self.inside();
        let file = match inside.names.get(name) {
            Some(file) => *file,
            None => {
                inside.operate()?;
                let file = inside.files.len();
                inside.files.push(FileState::default());
                inside.names.insert(name.to_owned(), file);
                let change = NameChange::Create(name.to_owned(), file);
                inside.renamed.push(change);
                file
            }
        };
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            file,
        }))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.inside().names.contains_key(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned());
        apply_name(&mut inside.names, change.clone());
        inside.renamed.push(change);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inside = self.inside();
        if !inside.names.contains_key(name) {
            return Ok(());
        }
        inside.operate()?;
        let change = NameChange::Remove(name.to_owned());
        apply_name(&mut inside.names, change.clone());
        inside.renamed.push(change);
        Ok(())
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut inside = self.inside();
        inside.operate()?;
        inside.renamed.clear();
        inside.durable_names = inside.names.clone();
        Ok(())
    }

    fn space(&self) -> io::Result<Space> {
        let inside = self.inside();
        let total = inside.faults.capacity.unwrap_or(1 << 40);
        Ok(Space {
            free: total.saturating_sub(inside.used()),
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(file: &Arc<dyn DiskFile>) -> Vec<u8> {
        let length = usize::try_from(file.length().expect("it is there")).expect("small");
        let mut content = vec![0; length];
        file.read(0, &mut content).expect("it is that long");
        content
    }

    #[test]
    fn what_was_synced_outlives_a_crash_and_what_was_not_may_be_torn() {
        let mut torn = 0;
        for seed in 0..40 {
            let disk = SimulatedDisk::new(seed);
            let file = disk.open("a").expect("it opens");
            disk.sync_folder().expect("it works");
            file.write(0, &[1; 2_048]).expect("room");
            file.sync().expect("it works");
            file.write(0, &[2; 2_048]).expect("room");
            disk.kill();
            assert!(file.sync().is_err());
            disk.restart();
            let content = content(&disk.open("a").expect("it is there"));
            for sector in content.chunks(SECTOR) {
                assert!(sector == [1; SECTOR] || sector == [2; SECTOR]);
            }
            let new = content.iter().filter(|byte| **byte == 2).count();
            torn += usize::from(new > 0 && new < 2_048);
        }
        assert!(torn > 5, "{torn}");
    }

    #[test]
    fn a_name_that_was_not_synced_may_be_gone() {
        let gone = (0..40).filter(|seed| {
            let disk = SimulatedDisk::new(*seed);
            disk.open("a").expect("it opens");
            disk.restart();
            !disk.exists("a").expect("it works")
        });
        let gone = gone.count();
        assert!((5..35).contains(&gone), "{gone}");
    }

    #[test]
    fn the_power_goes_at_the_operation_that_was_asked_for() {
        let disk = SimulatedDisk::new(1);
        disk.set_faults(DiskFaults {
            crash_at: Some(3),
            ..DiskFaults::default()
        });
        let file = disk.open("a").expect("the first");
        file.write(0, b"x").expect("the second");
        file.sync().expect("the third");
        assert!(file.write(0, b"y").is_err());
        assert_eq!(disk.operations(), 3);
        disk.set_faults(DiskFaults::default());
        disk.restart();
        assert_eq!(disk.operations(), 3);
    }

    #[test]
    fn a_full_disk_and_a_failing_sync_say_so() {
        let disk = SimulatedDisk::new(1);
        let file = disk.open("a").expect("it opens");
        disk.set_faults(DiskFaults {
            capacity: Some(1_000),
            failing_sync: Some(0),
            ..DiskFaults::default()
        });
        file.write(0, &[1; 1_000]).expect("it just fits");
        let error = file.write(1_000, b"x").expect_err("no room");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.space().expect("known").free, 0);
        assert!(file.sync().is_err());
    }
}
