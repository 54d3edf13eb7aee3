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
    fn a_failed_operation_ends_with_1_and_a_wrong_configuration_with_2() {
        assert_eq!(Failure::Operation(String::new()).exit_code(), 1);
        assert_eq!(Failure::from(ConfigError::NoDataFolder).exit_code(), 2);
    }
}
