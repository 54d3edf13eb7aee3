//! What an error of the socket, of TLS or of hyper means as an outcome.

use core::error::Error;
use std::io;

use super::reply_watch::TooManyInterim;
use crate::domain::outcome::OutcomeKind;

/// Why connecting to an address failed; [`OutcomeKind::Internal`] only where no file descriptor is left.
pub(super) fn connect_failure(error: &io::Error, connect_timeout_ms: u32) -> OutcomeKind {
    if is_out_of_descriptors(error) {
        return OutcomeKind::Internal;
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => OutcomeKind::Refused,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => OutcomeKind::Reset,
        io::ErrorKind::TimedOut => OutcomeKind::ConnectTimeout {
            after_ms: connect_timeout_ms,
        },
        // No route, no such family of addresses, refused by a local firewall: no way to it.
        _ => OutcomeKind::Unreachable,
    }
}

/// Whether this process or the machine has no file descriptor left; the operator's fault.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

/// Why a TLS handshake failed.
pub(super) fn tls_failure(error: &io::Error) -> OutcomeKind {
    match inner::<rustls::Error>(error) {
        Some(rustls::Error::InvalidCertificate(_)) => OutcomeKind::TlsCertificate,
        _ => OutcomeKind::TlsHandshake,
    }
}

/// Why an exchange brought no reply head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExchangeFailure {
    /// What happened.
    pub(super) kind: OutcomeKind,
    /// Whether any byte of the request may have gone out.
    pub(super) was_sent: bool,
}

/// Why an exchange brought no reply head, by hyper's error.
pub(super) fn exchange_failure(error: &hyper::Error) -> ExchangeFailure {
    // hyper's word for a request it never began to write.
    let was_sent = !error.is_canceled();
    let kind = if error.is_parse_too_large() {
        OutcomeKind::HeadTooLarge
    } else if error.is_parse() {
        OutcomeKind::ProtocolError
    } else if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        OutcomeKind::Closed
    } else {
        socket_error(error).map_or(OutcomeKind::ProtocolError, socket_failure)
    };
    ExchangeFailure { kind, was_sent }
}

/// The error of the socket below hyper's, if there is one.
fn socket_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        source = error.source();
    }
    None
}

/// Why a connection that stood broke.
fn socket_failure(error: &io::Error) -> OutcomeKind {
    if inner::<TooManyInterim>(error).is_some() {
        return OutcomeKind::ProtocolError;
    }
    if inner::<rustls::Error>(error).is_some() {
        return tls_failure(error);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => OutcomeKind::Closed,
        // Sockets take any bytes: what refuses some is TLS, where it has no room for what comes.
        io::ErrorKind::InvalidData | io::ErrorKind::Other => OutcomeKind::TlsHandshake,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => OutcomeKind::Reset,
        _ => OutcomeKind::Unreachable,
    }
}

/// The error of type `E` that an I/O error wraps.
fn inner<E: Error + 'static>(error: &io::Error) -> Option<&E> {
    error.get_ref()?.downcast_ref()
}

/// "Too many open files" of this process (POSIX `EMFILE`).
const EMFILE: i32 = 24;
/// "Too many open files" of the whole machine (POSIX `ENFILE`).
const ENFILE: i32 = 23;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connect_errors_are_told_apart() {
        for (kind, outcome) in [
            (io::ErrorKind::ConnectionRefused, OutcomeKind::Refused),
            (io::ErrorKind::NetworkUnreachable, OutcomeKind::Unreachable),
            (io::ErrorKind::PermissionDenied, OutcomeKind::Unreachable),
            (
                io::ErrorKind::TimedOut,
                OutcomeKind::ConnectTimeout { after_ms: 9 },
            ),
        ] {
            assert_eq!(connect_failure(&kind.into(), 9), outcome);
        }
        let full = io::Error::from_raw_os_error(EMFILE);
        assert_eq!(connect_failure(&full, 9), OutcomeKind::Internal);
    }

    #[test]
    fn a_bad_certificate_is_told_from_a_failed_handshake() {
        let wrap = |error: rustls::Error| io::Error::new(io::ErrorKind::InvalidData, error);
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert_eq!(tls_failure(&wrap(expired)), OutcomeKind::TlsCertificate);
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        assert_eq!(tls_failure(&wrap(alert)), OutcomeKind::TlsHandshake);
        let eof = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(tls_failure(&eof), OutcomeKind::TlsHandshake);
    }

    #[test]
    fn a_broken_connection_says_how_it_broke() {
        let interim = io::Error::new(io::ErrorKind::InvalidData, TooManyInterim);
        assert_eq!(socket_failure(&interim), OutcomeKind::ProtocolError);
        for (kind, outcome) in [
            (io::ErrorKind::UnexpectedEof, OutcomeKind::Closed),
            (io::ErrorKind::BrokenPipe, OutcomeKind::Reset),
            (io::ErrorKind::ConnectionReset, OutcomeKind::Reset),
            (io::ErrorKind::HostUnreachable, OutcomeKind::Unreachable),
        ] {
            assert_eq!(socket_failure(&kind.into()), outcome);
        }
    }
}
