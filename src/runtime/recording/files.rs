//! The files of a journal: `FILE` is written, `FILE.000001` and so on are its older parts, oldest
//! first. When there are too many bytes in all, the oldest part goes.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufReader, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{RecordingError, RecordingOptions, failed};
use crate::{
    journal::frame::{
        FRAME_BYTES, Fault, FaultAt, Frames, Last, Opening, framed, head, opening_content, turn_end,
    },
    limits,
};

/// The files, and how far they are written.
pub(super) struct Files {
    path: PathBuf,
    file: File,
    /// A device or a pipe is written from its beginning to its end, without older parts.
    is_regular: bool,
    part_max: u64,
    older_max: u64,
    /// Where the next frame goes, in bytes from the beginning of the file.
    offset: u64,
    /// How much of that was written.
    written: u64,
    /// Frames that are not written yet.
    waiting: Vec<u8>,
    /// The life that is written, as the next part begins.
    opening: Option<Opening>,
    /// Whether the last frame ended a turn, behind which a part may end.
    is_between_turns: bool,
}

impl Files {
    /// Opens the journal and tells which life was the last one in it.
    pub(super) fn open(options: &RecordingOptions) -> Result<(Self, Last), RecordingError> {
        let path = &options.path;
        let file = open_locked(path)?;
        let metadata = file.metadata().map_err(failed(path))?;
        let part_max = options.bytes_max / limits::JOURNAL_PARTS;
        let mut files = Self {
            path: path.clone(),
            file,
            is_regular: metadata.is_file(),
            part_max,
            older_max: options.bytes_max.saturating_sub(part_max),
            offset: 0,
            written: 0,
            waiting: Vec::new(),
            opening: None,
            is_between_turns: false,
        };
        let mut last = Last::default();
        if files.is_regular {
            if metadata.len() == 0 {
                // A process that died between two parts leaves no newest one.
                if let Some((part, _)) = parts(path).map_err(failed(path))?.last() {
                    let older = File::open(part).map_err(failed(part))?;
                    last = scan(&older, part)?.0;
                }
            } else {
                last = files.resume()?;
            }
        }
        if files.offset == 0 {
            files.put_head();
        }
        Ok((files, last))
    }

    /// Goes on behind the last whole frame of an earlier life.
    fn resume(&mut self) -> Result<Last, RecordingError> {
        let path = self.path.clone();
        let (last, end, fault) = scan(&self.file, &path)?;
        let Some(fault) = fault else {
            self.go_to(end)?;
            return Ok(last);
        };
        match fault.fault {
            Fault::NoJournal => Err(RecordingError::Foreign { path, fault }),
            Fault::CutOff if end > 0 => {
                // The process died while it wrote this.
                tracing::info!(
                    "the journal {} ended in the middle of a record, which is cut away",
                    path.display()
                );
                self.file.set_len(end).map_err(failed(&path))?;
                self.go_to(end)?;
                Ok(last)
            }
            Fault::CutOff
            | Fault::Version { .. }
            | Fault::Damaged
            | Fault::Malformed(_)
            | Fault::Unreadable(_) => {
                let aside = self.put_aside()?;
                tracing::warn!(
                    "nothing can be added to the journal {} ({fault}): it was renamed to {}, and a new one begins",
                    path.display(),
                    aside.display()
                );
                Ok(Last::default())
            }
        }
    }

    /// Gives the file another name and begins a new one.
    fn put_aside(&mut self) -> Result<PathBuf, RecordingError> {
        let names = (1_u32..).map(|number| with_ending(&self.path, &format!("aside-{number}")));
        let free = names.into_iter().find(|name| !name.exists());
        let aside = free.unwrap_or_else(|| with_ending(&self.path, "aside"));
        fs::rename(&self.path, &aside).map_err(failed(&self.path))?;
        self.file = open_locked(&self.path)?;
        Ok(aside)
    }

    fn go_to(&mut self, end: u64) -> Result<(), RecordingError> {
        let moved = self.file.seek(SeekFrom::Start(end));
        moved.map_err(failed(&self.path))?;
        self.offset = end;
        self.written = end;
        Ok(())
    }

    /// Begins a life, which is on the file when this returns.
    pub(super) fn begin(&mut self, opening: &Opening) -> Result<(), RecordingError> {
        self.opening = Some(opening.clone());
        self.put_frame(&opening_content(opening));
        self.write()
    }

    /// Puts a content behind the others; [`Files::write`] writes it.
    pub(super) fn put(&mut self, content: &[u8]) -> Result<(), RecordingError> {
        let after = self.offset + frame_length(content);
        if self.is_between_turns && after > self.part_max && self.is_regular {
            self.begin_part()?;
        }
        self.put_frame(content);
        let ended = turn_end(content);
        self.is_between_turns = ended.is_some();
        if let (Some((records, hash)), Some(opening)) = (ended, &mut self.opening) {
            opening.turns_before += 1;
            opening.records_before = records;
            opening.hash_before = hash;
        }
        Ok(())
    }

    /// The file becomes an older part, and a new one takes its name.
    fn begin_part(&mut self) -> Result<(), RecordingError> {
        self.write()?;
        let path = &self.path;
        self.file.sync_data().map_err(failed(path))?;
        let older = parts(path).map_err(failed(path))?;
        let number = older.last().map_or(1, |(_, number)| number + 1);
        fs::rename(path, with_ending(path, &format!("{number:06}"))).map_err(failed(path))?;
        self.file = open_locked(path)?;
        self.drop_oldest()?;
        (self.offset, self.written) = (0, 0);
        self.put_head();
        if let Some(opening) = &self.opening {
            let content = opening_content(opening);
            self.put_frame(&content);
        }
        Ok(())
    }

    /// Older parts go, oldest first, until there is room for a whole one more.
    fn drop_oldest(&self) -> Result<(), RecordingError> {
        let mut total = 0;
        let older = parts(&self.path).map_err(failed(&self.path))?;
        for (part, _) in older.iter().rev() {
            total += fs::metadata(part).map_err(failed(part))?.len();
            if total > self.older_max {
                fs::remove_file(part).map_err(failed(part))?;
            }
        }
        Ok(())
    }

    /// Writes what was put.
    pub(super) fn write(&mut self) -> Result<(), RecordingError> {
        if let Err(error) = self.file.write_all(&self.waiting) {
            if self.is_regular {
                // Half a record is of no use; if this fails too, readers stop before it all the same.
                _ = self.file.set_len(self.written);
            }
            return Err(failed(&self.path)(error));
        }
        self.written = self.offset;
        self.waiting.clear();
        self.waiting.shrink_to(4 * limits::JOURNAL_WRITE_BYTES);
        Ok(())
    }

    /// Sees to it that what was written is on the disk.
    pub(super) fn finish(&mut self) -> Result<(), RecordingError> {
        self.write()?;
        match self.file.sync_all() {
            // A device has nothing to sync.
            Err(_) if !self.is_regular => Ok(()),
            synced => synced.map_err(failed(&self.path)),
        }
    }

    fn put_head(&mut self) {
        let head = head();
        self.waiting.extend_from_slice(&head);
        self.offset += u64::try_from(head.len()).unwrap_or(0);
    }

    fn put_frame(&mut self, content: &[u8]) {
        let (before, behind) = framed(content, self.offset);
        self.waiting.extend_from_slice(&before);
        self.waiting.extend_from_slice(content);
        self.waiting.extend_from_slice(&behind);
        self.offset += frame_length(content);
    }
}

fn frame_length(content: &[u8]) -> u64 {
    FRAME_BYTES + u64::try_from(content.len()).unwrap_or(u64::MAX / 2)
}

/// Opens a file that only its owner may read, for nobody else to write.
fn open_locked(path: &Path) -> Result<File, RecordingError> {
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false);
    let file = options.mode(0o600).open(path).map_err(failed(path))?;
    if file.metadata().map_err(failed(path))?.is_file() {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(RecordingError::InUse {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(path)(error)),
        }
    }
    Ok(file)
}

/// Which life is the last one of a file, where its whole frames end, and what stands in the way behind.
fn scan(file: &File, path: &Path) -> Result<(Last, u64, Option<FaultAt>), RecordingError> {
    let length = file.metadata().map_err(failed(path))?.len();
    let mut last = Last::default();
    let mut frames = match Frames::open(BufReader::new(file), length) {
        Ok(frames) => frames,
        Err(fault) => return Ok((last, 0, Some(fault))),
    };
    loop {
        match frames.next_bytes() {
            Ok(Some(content)) => last.note(content),
            Ok(None) => return Ok((last, frames.offset(), None)),
            Err(FaultAt {
                fault: Fault::Unreadable(error),
                ..
            }) => return Err(failed(path)(error)),
            Err(fault) => return Ok((last, frames.offset(), Some(fault))),
        }
    }
}

/// The older parts of a journal with their numbers, oldest first.
///
/// # Errors
/// The folder can't be read.
pub fn parts(path: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Ok(Vec::new());
    };
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or_else(|| Path::new("."));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let file_name = entry.file_name();
        let ending = file_name.to_str().and_then(|it| it.strip_prefix(name));
        let digits = ending.and_then(|ending| ending.strip_prefix('.'));
        let digits = digits.filter(|digits| {
            digits.len() >= 6 && digits.bytes().all(|digit| digit.is_ascii_digit())
        });
        if let Some(number) = digits.and_then(|digits| digits.parse().ok()) {
            found.push((entry.path(), number));
        }
    }
    found.sort_by_key(|(_, number)| *number);
    Ok(found)
}

/// `FILE.ending`
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ending);
    name.into()
}
