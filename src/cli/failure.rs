//! Why a command failed, as its user is told.

use thiserror::Error;

use crate::config::error::ConfigError;

/// A failure of a command: one line that says what to do.
#[derive(Debug, Error)]
pub enum Failure {
    /// The command was asked for what it can't do; the user's fault.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The arguments don't fit together; the user's fault.
    #[error("{0}")]
    Usage(String),
    /// A simulation found a property broken: a bug of ours.
    #[error("{0}")]
    Violated(String),
    /// The world did not let the command do its work.
    #[error("{0}")]
    Operation(String),
    /// The server knows no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The server does not let this key do that.
    #[error("{0}")]
    Refused(String),
    /// No answer came from the server.
    #[error("{0}")]
    Unreachable(String),
    /// A second signal came before the first one's work was done.
    #[error("ended at once, as a second signal asked: attempts in flight were broken off")]
    Interrupted,
}

impl Failure {
    /// What comes of a command that has something to tell and a verdict to give. A verdict against what was
    /// judged stands whether it could be told or not: both are said, and the exit code is the verdict's.
    pub(super) fn of_both(told: Result<(), Self>, verdict: Result<(), Self>) -> Result<(), Self> {
        match (told, verdict) {
            (Err(untold), Err(Self::Violated(verdict))) => {
                Err(Self::Violated(format!("{verdict}\n{untold}")))
            }
            (told, verdict) => told.and(verdict),
        }
    }

    /// The exit code of the process.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Operation(_) => 1,
            Self::Configuration(_) | Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Refused(_) => 4,
            Self::Unreachable(_) => 5,
            Self::Violated(_) => 10,
            Self::Interrupted => 130,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_told_beside_what_kept_the_rest_from_being_told() {
        let failed = || Err(Failure::Operation("no room".to_owned()));
        let broken = || Err(Failure::Violated("it does not hold".to_owned()));
        let both = Failure::of_both(failed(), broken()).expect_err("both");
        assert_eq!(both.exit_code(), 10);
        assert_eq!(both.to_string(), "it does not hold\nno room");
        let untold = Failure::of_both(failed(), Ok(())).expect_err("untold");
        assert_eq!(untold.exit_code(), 1);
        let verdict = Failure::of_both(Ok(()), broken()).expect_err("the verdict");
        assert_eq!(verdict.to_string(), "it does not hold");
        assert!(Failure::of_both(Ok(()), Ok(())).is_ok());
    }

    #[test]
    fn a_failed_operation_ends_with_1_and_a_wrong_configuration_with_2() {
        assert_eq!(Failure::Operation(String::new()).exit_code(), 1);
        assert_eq!(Failure::from(ConfigError::NoDataFolder).exit_code(), 2);
    }
}
