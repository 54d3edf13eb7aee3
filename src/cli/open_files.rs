//! How many files the process may have open, sockets among them, and what of that is for clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits;

/// Raises the bound for open files as far as a process may, and gives how many connections of clients
/// fit below it: at most half, so that the store and the attempts have theirs.
pub(super) fn connections_max() -> usize {
    let bound = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: bound.maximum,
        maximum: bound.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => bound.maximum,
        Err(error) => {
            tracing::debug!(%error, "the bound for open files could not be raised");
            bound.current
        }
    };
    let most = fitting(current);
    if most < limits::SERVER_CONNECTIONS_MAX {
        tracing::warn!(
            open_files = current,
            connections = most,
            "the system allows few open files, and so few connections: raise the limit (ulimit -n, \
             LimitNOFILE=)"
        );
    }
    most
}

/// How many connections fit below a bound for open files; `None` is no bound.
fn fitting(open_files: Option<u64>) -> usize {
    let half = open_files.map_or(u64::MAX, |files| files / 2);
    usize::try_from(half)
        .unwrap_or(usize::MAX)
        .clamp(1, limits::SERVER_CONNECTIONS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_have_at_most_half_of_the_open_files() {
        assert_eq!(fitting(None), limits::SERVER_CONNECTIONS_MAX);
        assert_eq!(fitting(Some(1 << 20)), limits::SERVER_CONNECTIONS_MAX);
        assert_eq!(fitting(Some(1_024)), 512);
        assert_eq!(fitting(Some(1)), 1);
    }
}
