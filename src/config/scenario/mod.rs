//! Scenario files: a world, what comes, what goes wrong and what is expected of it, as one TOML text.
//! What people write and what a simulation writes down of a run that failed have the same form;
//! `docs/rehearsal.md` describes it.
//!
//! [`ScenarioFile::read`] tells everything that is wrong at once; [`ScenarioFile::write`] leaves out
//! what is as it is in production, so that a file shows what is special about it.

mod by_hand;
mod engine;
mod errors;
mod going_wrong;
mod layers;
mod neighbours;
mod numbering;
mod reading;
mod receivers;
mod section;
mod writing;

pub use self::{section::Fault, writing::WriteError};
use crate::{
    engine::options::Options,
    sim::{Scenario, expectation::Expectation},
};

/// What a scenario file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioFile {
    /// What it is to answer, in a sentence.
    pub question: Option<String>,
    /// How many seeds are run if nothing else is said, from the scenario's own on; from 1.
    pub seeds: u64,
    /// What is expected of each run.
    pub expectations: Vec<Expectation>,
    /// The property that a run of it fails with, by its name in `docs/simulation.md`, if it was written
    /// because of that.
    pub fails: Option<String>,
    /// The world.
    pub scenario: Scenario,
}

impl ScenarioFile {
    /// A file about a scenario, of which nothing is expected but what always holds.
    #[must_use]
    pub const fn of(scenario: Scenario) -> Self {
        Self {
            question: None,
            seeds: 1,
            expectations: Vec::new(),
            fails: None,
            scenario,
        }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// All that is wrong with it, by line and never nothing; the fault of who wrote it.
    pub fn read(text: &str) -> Result<Self, Vec<Fault>> {
        reading::read(text)
    }

    /// Writes it as text, of which [`ScenarioFile::read`] makes the same.
    ///
    /// # Errors
    /// [`WriteError`]; the fault of who chose what no file can say.
    pub fn write(&self) -> Result<String, WriteError> {
        writing::write(self)
    }
}

/// Reads a policy: the tables `[engine]` and `[limits]`, as a scenario file has them; what it does not
/// name stays as in `base`.
///
/// # Errors
/// All that is wrong with it, by line and never nothing; the fault of who wrote it.
pub fn read_policy(text: &str, base: &Options) -> Result<Options, Vec<Fault>> {
    reading::read_policy(text, base)
}

#[cfg(test)]
mod tests;
