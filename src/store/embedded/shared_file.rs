//! The open file, shared by the writer and by readers on any thread, and the ways to look at it.

use core::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::{
    caught::{Held, caught},
    fault::Fault,
    tables::Reading,
    vault::Vault,
};

/// The open file, shared by the writer and the readers.
#[derive(Clone)]
pub(super) struct SharedFile(pub(super) Arc<RwLock<Option<Held>>>, pub(super) Arc<Vault>);

impl fmt::Debug for SharedFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SharedFile")
    }
}

impl SharedFile {
    /// Looks at the file as it is now.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&mut Reading) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let file = self.0.read().unwrap_or_else(PoisonError::into_inner);
        caught(|| look(&mut self.reading(file.as_ref())?))
    }

    /// Lets `look` look as often as it likes at the tables as they are now. The file stays open
    /// meanwhile. It gives them back, unless one of its looks failed.
    fn read_of_one_moment(
        &self,
        look: impl FnOnce(Reading) -> Option<Reading>,
    ) -> Result<(), Fault> {
        let file = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let reading = caught(|| self.reading(file.as_ref()))?;
        let reading = look(reading);
        caught(|| {
            drop(reading);
            Ok(())
        })
    }

    /// The tables of an open file as they are now.
    fn reading(&self, file: Option<&Held>) -> Result<Reading, Fault> {
        let mut reading = Reading::new(file.ok_or_else(Fault::closed)?.database()?)?;
        reading.vault = Arc::clone(&self.1);
        Ok(reading)
    }
}

/// What is looked at.
#[derive(Clone)]
pub(super) enum Source {
    /// The file, as it is at each look.
    File(SharedFile),
    /// The tables of one moment, each opened once; `None` after a fault, when nobody knows what they
    /// are.
    Moment(Arc<Mutex<Option<Reading>>>),
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::File(_) => "File",
            Self::Moment(_) => "Moment",
        })
    }
}

impl Source {
    /// Looks at the tables.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&mut Reading) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match self {
            Self::File(file) => file.read(look),
            Self::Moment(moment) => look_again(moment, look),
        }
    }

    /// Lets `look` read as often as it likes from the tables of one moment.
    pub(super) fn read_of_one_moment(&self, look: impl FnOnce(Self)) -> Result<(), Fault> {
        match self {
            Self::File(file) => file.read_of_one_moment(|reading| {
                let moment = Arc::new(Mutex::new(Some(reading)));
                look(Self::Moment(Arc::clone(&moment)));
                moment.lock().unwrap_or_else(PoisonError::into_inner).take()
            }),
            Self::Moment(_) => {
                look(self.clone());
                Ok(())
            }
        }
    }
}

/// Looks at the tables of one moment.
fn look_again<T>(
    moment: &Mutex<Option<Reading>>,
    look: impl FnOnce(&mut Reading) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let mut moment = moment.lock().unwrap_or_else(PoisonError::into_inner);
    let mut reading = moment.take().ok_or_else(Fault::closed)?;
    let (reading, found) = caught(move || {
        let found = look(&mut reading)?;
        Ok((reading, found))
    })?;
    *moment = Some(reading);
    Ok(found)
}
