//! Opens a listening socket, or says in one line why that can't be.

use std::{
    io::{self, ErrorKind},
    net::SocketAddr,
};

use tokio::net::TcpListener;

use super::failure::Failure;

/// Listens on `address`, which `flag` gave, and tells the address with the port that the system gave.
///
/// # Errors
/// [`Failure::Operation`] if the port is in use, not permitted, or the address is not ours.
pub(super) async fn bind(
    address: SocketAddr,
    flag: &str,
) -> Result<(TcpListener, SocketAddr), Failure> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| refused(address, flag, &error))?;
    let bound = listener.local_addr();
    let bound = bound.map_err(|error| refused(address, flag, &error))?;
    Ok((listener, bound))
}

fn refused(address: SocketAddr, flag: &str, error: &io::Error) -> Failure {
    let (host, port) = (address.ip(), address.port());
    Failure::Operation(match error.kind() {
        ErrorKind::AddrInUse => format!(
            "port {port} on {host} is in use: stop the other process or choose another port with \
             {flag}"
        ),
        ErrorKind::PermissionDenied => format!(
            "port {port} on {host} is not permitted: choose a port from 1024 up with {flag}"
        ),
        ErrorKind::AddrNotAvailable => {
            format!("{host} is no address of this machine: choose another one with {flag}")
        }
        _ => format!("can't listen on {address}: {error}: choose another address with {flag}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_address_says_what_to_do() {
        let address = SocketAddr::from(([127, 0, 0, 1], 9_876));
        for (kind, start) in [
            (ErrorKind::AddrInUse, "port 9876 on 127.0.0.1 is in use: "),
            (
                ErrorKind::PermissionDenied,
                "port 9876 on 127.0.0.1 is not permitted: ",
            ),
            (
                ErrorKind::AddrNotAvailable,
                "127.0.0.1 is no address of this machine: ",
            ),
            (ErrorKind::Other, "can't listen on 127.0.0.1:9876: "),
        ] {
            let text = refused(address, "--listen", &kind.into()).to_string();
            assert!(
                text.starts_with(start) && text.ends_with("with --listen"),
                "{text}"
            );
        }
    }
}
