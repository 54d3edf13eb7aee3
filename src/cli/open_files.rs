//! How many files the process may have open, sockets among them, and who gets how many of them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::failure::Failure;
use crate::{config::Config, limits};

/// How many connections each may have, so that together with the rest no more files are open than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Clients, on the listener for everybody.
    pub(super) clients: usize,
    /// Operators, on a listener of their own if there is one.
    pub(super) operators: usize,
    /// Attempts in flight to receivers, and connections that are kept for the next one.
    pub(super) receivers: usize,
}

impl Shares {
    /// What there is to share where the system sets no bound.
    const FULL: Self = Self {
        clients: limits::SERVER_CONNECTIONS_MAX,
        operators: limits::ADMIN_CONNECTIONS_MAX,
        receivers: limits::CONNECTIONS_KEPT_MAX,
    };

    /// What is shared below a bound; `None` if it is too little to work.
    fn below(open_files: u64) -> Option<Self> {
        if open_files < limits::OPEN_FILES_MIN {
            return None;
        }
        let reserve = (open_files / 8).clamp(
            limits::OPEN_FILES_RESERVE_MIN,
            limits::OPEN_FILES_RESERVE_MAX,
        );
        let left = usize::try_from(open_files - reserve).unwrap_or(usize::MAX);
        let operators = (left / 16).clamp(1, Self::FULL.operators);
        let left = left - operators;
        let clients = (left / 2).min(Self::FULL.clients);
        let receivers = (left - clients).min(Self::FULL.receivers);
        Some(Self {
            clients,
            operators,
            receivers,
        })
    }

    /// How many connections one client may have of those that it may be given by the configuration: where there are
    /// fewer than usual no more than half, so that it never has all.
    pub(super) fn of_one_client(self, configured: usize) -> usize {
        if self.clients < Self::FULL.clients {
            configured.min(self.clients.div_ceil(2))
        } else {
            configured
        }
    }

    /// The configuration with bounds on attempts that fit.
    pub(super) fn fitted(self, mut config: Config) -> Config {
        config.send_slots = config.send_slots.min(self.receivers);
        let slots = u16::try_from(config.send_slots).unwrap_or(u16::MAX);
        config.window_max = config.window_max.min(slots);
        config
    }
}

/// Raises the bound for open files as far as a process may, and shares out what is below it. Where that is
/// less than is configured the log is told.
///
/// # Errors
/// [`Failure::Operation`] if it is too little to work; the operator's fault.
pub(super) fn share(config: &Config) -> Result<Shares, Failure> {
    let Some(open_files) = raised() else {
        return Ok(Shares::FULL);
    };
    let least = limits::OPEN_FILES_MIN;
    let shares = Shares::below(open_files).ok_or_else(|| {
        Failure::Operation(format!(
            "the system allows {open_files} open files, and Fanfare needs {least}: raise the limit (ulimit -n, \
             LimitNOFILE=)"
        ))
    })?;
    if shares != Shares::FULL {
        tracing::warn!(
            open_files,
            client_connections = shares.clients,
            connections_per_address =
                shares.of_one_client(config.clients.connections_per_address_max),
            receiver_connections = shares.receivers,
            send_slots = config.send_slots.min(shares.receivers),
            "the system allows few open files, so bounds are lower than configured: raise the limit \
             (ulimit -n, LimitNOFILE=)"
        );
    }
    Ok(shares)
}

/// The bound for open files, as high as this process may have it; `None` is no bound.
fn raised() -> Option<u64> {
    let bound = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: bound.maximum,
        maximum: bound.maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => bound.maximum,
        Err(error) => {
            tracing::debug!(%error, "the bound for open files could not be raised");
            bound.current
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the shares come to with the reserve, of so many open files.
    fn shared(open_files: u64) -> Shares {
        Shares::below(open_files).expect("enough")
    }

    #[test]
    fn shares_and_reserve_never_come_to_more_than_there_is() {
        let all = (limits::OPEN_FILES_MIN..20_000).chain([1 << 20, u64::MAX]);
        for open_files in all {
            let shares = shared(open_files);
            let taken = shares.clients + shares.operators + shares.receivers;
            let reserve = open_files - taken as u64;
            assert!(reserve >= limits::OPEN_FILES_RESERVE_MIN, "{open_files}");
            assert!(shares.clients >= 4 && shares.receivers >= 4, "{shares:?}");
            assert!(shares.operators >= 1);
        }
    }

    #[test]
    fn enough_open_files_lower_no_bound_and_few_lower_each() {
        assert_eq!(shared(1 << 20), Shares::FULL);
        assert_eq!(shared(12_544), Shares::FULL);
        assert_ne!(shared(12_400), Shares::FULL);
        let few = Shares {
            clients: 420,
            operators: 56,
            receivers: 420,
        };
        assert_eq!(shared(1_024), few);
        assert_eq!(Shares::below(limits::OPEN_FILES_MIN - 1), None);
    }

    #[test]
    fn where_there_are_few_open_files_one_client_has_half_of_the_connections_at_most() {
        let usual = limits::SERVER_CONNECTIONS_PER_ADDRESS_MAX;
        assert_eq!(shared(1_024).of_one_client(usual), 210);
        assert_eq!(shared(64).of_one_client(usual), 8);
        assert_eq!(shared(1_024).of_one_client(100), 100);
        // An operator may give one client all of them where there are as many as there can be.
        let all = limits::SERVER_CONNECTIONS_MAX;
        assert_eq!(shared(1 << 20).of_one_client(all), all);
        let few = limits::OPEN_FILES_MIN..8_000;
        for (open_files, shares) in few.map(|open_files| (open_files, shared(open_files))) {
            assert!(shares.of_one_client(all) < shares.clients, "{open_files}");
        }
    }
}
