//! A journal as it lies on the disk: older parts first, then the file itself.

use std::{
    collections::VecDeque,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use super::Failure;
use crate::{
    journal::frame::{Content, Fault, FaultAt, Frames},
    runtime::recording::parts,
};

/// Where and how a journal is at fault.
#[derive(Debug)]
pub(super) struct JournalFault {
    /// The part.
    pub(super) path: PathBuf,
    /// Where in it, and what.
    pub(super) at: FaultAt,
}

impl core::fmt::Display for JournalFault {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{}: {}", self.path.display(), self.at)
    }
}

/// Reads the contents of a journal one by one.
pub(super) struct Journal {
    paths: VecDeque<PathBuf>,
    current: Option<(PathBuf, Frames<BufReader<File>>)>,
}

impl Journal {
    /// Finds the parts of a journal.
    ///
    /// # Errors
    /// [`Failure::Usage`] if there is no such file.
    pub(super) fn find(path: &Path) -> Result<Self, Failure> {
        let unreadable = |error: std::io::Error| {
            Failure::Usage(format!(
                "the journal {} can't be read: {error}",
                path.display()
            ))
        };
        let mut paths: VecDeque<PathBuf> = parts(path)
            .map_err(unreadable)?
            .into_iter()
            .map(|(part, _)| part)
            .collect();
        std::fs::metadata(path).map_err(unreadable)?;
        paths.push_back(path.to_owned());
        Ok(Self {
            paths,
            current: None,
        })
    }

    /// How many parts there are still, the one that is read not counted.
    pub(super) fn parts(&self) -> usize {
        self.paths.len()
    }

    /// The next content; `None` behind the last one.
    pub(super) fn next(&mut self) -> Result<Option<Content>, Box<JournalFault>> {
        self.next_by(Frames::next_content)
    }

    /// Reads everything and tells the first fault, if there is one.
    pub(super) fn check(mut self) -> Result<(), Box<JournalFault>> {
        let whole = |frames: &mut Frames<_>| frames.next_bytes().map(|bytes| bytes.map(|_| ()));
        while self.next_by(whole)?.is_some() {}
        Ok(())
    }

    fn next_by<T>(
        &mut self,
        take: impl Fn(&mut Frames<BufReader<File>>) -> Result<Option<T>, FaultAt>,
    ) -> Result<Option<T>, Box<JournalFault>> {
        loop {
            if let Some((path, frames)) = &mut self.current {
                let taken = take(frames);
                let taken = taken.map_err(|at| {
                    let path = path.clone();
                    Box::new(JournalFault { path, at })
                })?;
                if taken.is_some() {
                    return Ok(taken);
                }
            }
            let Some(path) = self.paths.pop_front() else {
                return Ok(None);
            };
            let opened = open(&path);
            let frames = opened.map_err(|at| {
                let path = path.clone();
                Box::new(JournalFault { path, at })
            })?;
            self.current = Some((path, frames));
        }
    }
}

fn open(path: &Path) -> Result<Frames<BufReader<File>>, FaultAt> {
    let unreadable = |error: std::io::Error| FaultAt {
        offset: 0,
        record: 0,
        fault: Fault::Unreadable(error),
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    Frames::open(BufReader::with_capacity(1 << 16, file), length)
}
