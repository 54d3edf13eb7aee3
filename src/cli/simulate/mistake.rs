//! A mistake that is made on purpose in all of a world, to see what comes of it. In builds with the
//! feature `mutants` alone.

use clap::Args;

use super::Failure;
use crate::sim::{Scenario, mutants::Mutant};

/// Which mistake is made.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct MistakeArguments {
    /// A mistake that is made in all of it, by its name in `simulate mutants`
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
}

impl MistakeArguments {
    /// The scenario with the mistake that was asked for.
    pub(super) fn made_in(&self, mut scenario: Scenario) -> Result<Scenario, Failure> {
        if let Some(name) = &self.mutant {
            let mut all = Mutant::all().into_iter();
            let mutant = all.find(|mutant| mutant.name() == *name);
            let text = || format!("no mistake is called `{name}`: see `simulate mutants`");
            let mutant = mutant.ok_or_else(|| Failure::Usage(text()))?;
            mutant.put_into(&mut scenario);
        }
        Ok(scenario)
    }

    /// The options that make it again.
    pub(super) fn options(&self) -> Vec<String> {
        match &self.mutant {
            Some(name) => vec!["--mutant".to_owned(), name.clone()],
            None => Vec::new(),
        }
    }
}
