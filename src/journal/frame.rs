//! The file: a head of eight bytes, then frames. A frame is the length of its content (four bytes),
//! the content, and a checksum (eight bytes) of the content and of the place where the frame stands,
//! so that a frame is good only where it was written.
//!
//! ```text
//! "fanfare" version | length content checksum | length content checksum | …
//! ```
//!
//! The first byte of a content says what it is: see [`Content`]. Whole frames before the first fault
//! are good, whatever stands behind it.

use std::io::{self, Read};

use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    form::{Form, Malformed, Reader, Writer, form_of_struct},
    steps::Step,
};
use crate::{engine::options::Options, time::Now};

/// The version of the file and of every form in it; it grows with each change of either.
pub const VERSION: u8 = 8;
/// What a file begins with, before its version.
const MAGIC: &[u8; 7] = b"fanfare";
/// The size of the head, in bytes.
pub const HEAD_BYTES: u64 = 8;
/// What a frame has besides its content, in bytes.
pub const FRAME_BYTES: u64 = 12;

/// The head of a file.
#[must_use]
pub const fn head() -> [u8; 8] {
    let [a, b, c, d, e, f, g] = *MAGIC;
    [a, b, c, d, e, f, g, VERSION]
}

/// The frame of a content that stands at `offset`: what goes before the content and what behind it.
#[must_use]
pub fn framed(content: &[u8], offset: u64) -> ([u8; 4], [u8; 8]) {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let checksum = xxh3_64_with_seed(content, offset);
    (length.to_le_bytes(), checksum.to_le_bytes())
}

/// What a life of a process, or the rest of one, begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Which life of the journal it is, from 1.
    pub life: u64,
    /// The version of the program.
    pub program: String,
    /// What its engine began with.
    pub options: Options,
    /// When it began.
    pub begun: Now,
    /// Whether the bytes of payloads and replies are there.
    pub has_bodies: bool,
    /// Turns of the life that stood before this place: 0 where the life begins.
    pub turns_before: u64,
    /// Records of its trace that stood before this place.
    pub records_before: u64,
    /// The hash of the trace before this place; where the life begins, that of the life before it.
    pub hash_before: u64,
}

form_of_struct!(Opening {
    life,
    program,
    options,
    begun,
    has_bodies,
    turns_before,
    records_before,
    hash_before,
});

impl Opening {
    /// Whether it is the beginning of a life, which alone can be run again.
    #[must_use]
    pub const fn is_beginning(&self) -> bool {
        self.turns_before == 0
    }
}

/// What a life ended with, if it ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The hash of its trace.
    pub hash: u64,
    /// Turns that it had.
    pub turns: u64,
    /// Records of its trace.
    pub records: u64,
}

form_of_struct!(Closing {
    hash,
    turns,
    records
});

/// What a frame holds.
#[derive(Debug)]
pub enum Content {
    /// A life begins, or goes on in a new file.
    Opening(Box<Opening>),
    /// What the engine was told, up to the end of a turn or to part of it.
    Steps(Vec<Step>),
    /// The life ended by itself.
    Closing(Closing),
}

/// The first byte of each content.
pub(super) const OPENING: u8 = 1;
pub(super) const STEPS: u8 = 2;
pub(super) const TURN: u8 = 3;
const CLOSING: u8 = 4;

/// The content of an opening.
#[must_use]
pub fn opening_content(opening: &Opening) -> Vec<u8> {
    content(OPENING, opening)
}

/// The content of a closing.
#[must_use]
pub fn closing_content(closing: Closing) -> Vec<u8> {
    content(CLOSING, &closing)
}

fn content(kind: u8, value: &impl Form) -> Vec<u8> {
    let mut out = Writer::default();
    out.bytes.push(kind);
    value.put(&mut out);
    out.bytes
}

/// The records and the hash of the trace where a content ends a turn, behind which a new file may
/// begin; `None` of any other content.
#[must_use]
pub fn turn_end(content: &[u8]) -> Option<(u64, u64)> {
    if content.first() != Some(&TURN) {
        return None;
    }
    let (before, hash) = content.split_last_chunk()?;
    let (_, records) = before.split_last_chunk()?;
    Some((u64::from_le_bytes(*records), u64::from_le_bytes(*hash)))
}

/// The last life of a journal, as far as it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Last {
    /// Its number; 0 for none.
    pub life: u64,
    /// The hash of its trace at the end of its last turn; before the first, that of the life before.
    pub hash: u64,
}

impl Last {
    /// Takes notice of the next content.
    pub fn note(&mut self, content: &[u8]) {
        if let Some((_, hash)) = turn_end(content) {
            self.hash = hash;
        } else if content.first() == Some(&OPENING)
            && let Ok(Content::Opening(opening)) = read_content(content)
        {
            self.life = opening.life;
            self.hash = opening.hash_before;
        }
    }
}

/// Where a journal is at fault, and how.
#[derive(Debug, Error)]
#[error("byte {offset}, record {record}: {fault}")]
pub struct FaultAt {
    /// Where the record begins, in bytes from the beginning of the file.
    pub offset: u64,
    /// Which record of the file it is, from 1; 0 for the head.
    pub record: u64,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a journal.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file does not begin as a journal does.
    #[error("this is no journal of fanfare")]
    NoJournal,
    /// It is of another version.
    #[error("the journal is of version {found}; this program reads version {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// The file ends in the middle of a record.
    #[error("the file is cut off in the middle of a record")]
    CutOff,
    /// The bytes are not those that were written.
    #[error("the record is damaged: its checksum is wrong")]
    Damaged,
    /// The bytes are those that were written, but mean nothing.
    #[error("the record can't be read: {0}")]
    Malformed(#[from] Malformed),
    /// The file can't be read.
    #[error("the file can't be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Reads a file frame by frame.
#[derive(Debug)]
pub struct Frames<R> {
    from: R,
    /// How long the file is, in bytes.
    length: u64,
    /// Where the next frame begins.
    offset: u64,
    /// How many frames were read.
    record: u64,
    content: Vec<u8>,
}

impl<R: Read> Frames<R> {
    /// Reads the head of a file that is `length` bytes long.
    ///
    /// # Errors
    /// [`FaultAt`] if it is no journal of this version.
    pub fn open(mut from: R, length: u64) -> Result<Self, FaultAt> {
        let mut found = [0; 8];
        let at_head = |fault| FaultAt {
            offset: 0,
            record: 0,
            fault,
        };
        if length < HEAD_BYTES {
            let mut begun = Vec::new();
            let read = from.read_to_end(&mut begun);
            read.map_err(|error| at_head(error.into()))?;
            let is_ours = head().starts_with(&begun);
            let fault = if is_ours {
                Fault::CutOff
            } else {
                Fault::NoJournal
            };
            return Err(at_head(fault));
        }
        let read = from.read_exact(&mut found);
        read.map_err(|error| at_head(error.into()))?;
        let [magic @ .., version] = found;
        if magic != *MAGIC {
            return Err(at_head(Fault::NoJournal));
        }
        if version != VERSION {
            return Err(at_head(Fault::Version { found: version }));
        }
        Ok(Self {
            from,
            length,
            offset: HEAD_BYTES,
            record: 0,
            content: Vec::new(),
        })
    }

    /// Where the next frame begins: everything before it is good.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many frames were read.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.record
    }

    /// The next content as bytes; `None` behind the last one.
    ///
    /// # Errors
    /// [`FaultAt`]; nothing behind it can be read.
    pub fn next_bytes(&mut self) -> Result<Option<&[u8]>, FaultAt> {
        if self.offset == self.length {
            return Ok(None);
        }
        match self.read_frame() {
            Ok(()) => Ok(Some(&self.content)),
            Err(fault) => Err(self.fault(self.offset, self.record + 1, fault)),
        }
    }

    /// The next content; `None` behind the last one.
    ///
    /// # Errors
    /// [`FaultAt`]; nothing behind it can be read.
    pub fn next_content(&mut self) -> Result<Option<Content>, FaultAt> {
        let offset = self.offset;
        let Some(bytes) = self.next_bytes()? else {
            return Ok(None);
        };
        let read = read_content(bytes);
        read.map(Some)
            .map_err(|fault| self.fault(offset, self.record, fault.into()))
    }

    const fn fault(&self, offset: u64, record: u64, fault: Fault) -> FaultAt {
        FaultAt {
            offset,
            record,
            fault,
        }
    }

    fn read_frame(&mut self) -> Result<(), Fault> {
        let left = self.length.saturating_sub(self.offset);
        let room = left.checked_sub(FRAME_BYTES).ok_or(Fault::CutOff)?;
        let mut length = [0; 4];
        self.read(&mut length)?;
        let length = u32::from_le_bytes(length);
        if u64::from(length) > room {
            return Err(Fault::CutOff);
        }
        let size = usize::try_from(length).map_err(|_| Fault::Damaged)?;
        let mut content = core::mem::take(&mut self.content);
        content.resize(size, 0);
        self.read(&mut content)?;
        let mut checksum = [0; 8];
        self.read(&mut checksum)?;
        if framed(&content, self.offset).1 != checksum {
            return Err(Fault::Damaged);
        }
        self.content = content;
        self.offset += FRAME_BYTES + u64::from(length);
        self.record += 1;
        Ok(())
    }

    /// A file that grows shorter while it is read is cut off, too.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.from
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Fault::CutOff,
                _ => error.into(),
            })
    }
}

/// Reads a content.
///
/// # Errors
/// [`Malformed`] if it is none of this version.
pub fn read_content(bytes: &[u8]) -> Result<Content, Malformed> {
    let mut from = Reader::new(bytes);
    let content = match from.byte()? {
        OPENING => Content::Opening(Form::take(&mut from)?),
        CLOSING => Content::Closing(Form::take(&mut from)?),
        STEPS | TURN => Content::Steps(super::steps::take_steps(&mut from)?),
        _ => return Err(Malformed { wanted: "record" }),
    };
    if from.is_at_end() {
        Ok(content)
    } else {
        Err(Malformed {
            wanted: "end of the record",
        })
    }
}
