//! What an attempt met, before anybody judged it.

use core::fmt;

use bytes::Bytes;

use crate::time::Span;

/// What one attempt met, and what came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What happened.
    pub kind: OutcomeKind,
    /// From the start of the attempt to its end.
    pub duration: Span,
    /// The receiver's `Retry-After` as the text it came as; `limits::RETRY_AFTER_BYTES_MAX` at most.
    pub retry_after: Option<Box<str>>,
    /// The beginning of the reply's body; `limits::REPLY_BODY_KEPT_BYTES_MAX` at most.
    pub body: Bytes,
    /// Whether the request went out a second time because a kept connection died before any byte
    /// of a reply came (`reliability` B19).
    pub resent: bool,
}

impl Outcome {
    /// An outcome without a reply.
    #[must_use]
    pub const fn without_reply(kind: OutcomeKind, duration: Span) -> Self {
        Self {
            kind,
            duration,
            retry_after: None,
            body: Bytes::new(),
            resent: false,
        }
    }
}

/// What happened to an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutcomeKind {
    /// A complete reply head came in time, with this status code.
    Status(u16),
    /// The attempt's deadline passed before a complete reply head came.
    Timeout {
        /// The deadline, in milliseconds after the start.
        after_ms: u32,
    },
    /// No connection within its time.
    ConnectTimeout {
        /// That time, in milliseconds.
        after_ms: u32,
    },
    /// Nobody listens at the address.
    Refused,
    /// The network has no way to the address.
    Unreachable,
    /// The connection was reset before a complete reply head.
    Reset,
    /// The connection was closed before a complete reply head.
    Closed,
    /// What came is no HTTP/1.1 reply.
    ProtocolError,
    /// The reply's head is larger than we read.
    HeadTooLarge,
    /// The certificate does not prove the name.
    TlsCertificate,
    /// The TLS handshake failed for another reason than the certificate.
    TlsHandshake,
    /// The name does not exist or has no address.
    DnsNotFound,
    /// The name could not be resolved in time or the resolver failed.
    DnsFailed,
    /// The name leads to an address that the policy refuses.
    AddressBlocked,
    /// The endpoint is plain http and only https is allowed.
    HttpsRequired,
    /// The proxy that everything is sent through made no connection.
    ProxyFailed,
    /// The attempt was called off before it had an outcome.
    Cancelled,
    /// Fanfare itself failed; a bug.
    Internal,
}

impl OutcomeKind {
    /// The word for it in APIs and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Timeout { .. } => "timeout",
            Self::ConnectTimeout { .. } => "connect_timeout",
            Self::Refused => "connection_refused",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::ProtocolError => "protocol_error",
            Self::HeadTooLarge => "head_too_large",
            Self::TlsCertificate => "tls_certificate",
            Self::TlsHandshake => "tls_handshake",
            Self::DnsNotFound => "dns_not_found",
            Self::DnsFailed => "dns_failed",
            Self::AddressBlocked => "address_blocked",
            Self::HttpsRequired => "https_required",
            Self::ProxyFailed => "proxy_failed",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }

    /// The kind that [`OutcomeKind::code`] gave this number; `None` for any other number.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        let value = u32::try_from(code & 0xffff_ffff).ok()?;
        let kind = match code >> 32 {
            1 => Self::Status(u16::try_from(value).ok()?),
            2 => Self::Timeout { after_ms: value },
            3 => Self::ConnectTimeout { after_ms: value },
            4 => Self::Refused,
            5 => Self::Unreachable,
            6 => Self::Reset,
            7 => Self::Closed,
            8 => Self::ProtocolError,
            9 => Self::HeadTooLarge,
            10 => Self::TlsCertificate,
            11 => Self::TlsHandshake,
            12 => Self::DnsNotFound,
            13 => Self::DnsFailed,
            14 => Self::AddressBlocked,
            15 => Self::HttpsRequired,
            16 => Self::Cancelled,
            17 => Self::Internal,
            18 => Self::ProxyFailed,
            _ => return None,
        };
        (kind.code() == code).then_some(kind)
    }

    /// A number for traces and stores: the kind in the upper half, its value in the lower.
    #[must_use]
    pub const fn code(self) -> u64 {
        let (kind, value) = match self {
            Self::Status(status) => (1, status as u32),
            Self::Timeout { after_ms } => (2, after_ms),
            Self::ConnectTimeout { after_ms } => (3, after_ms),
            Self::Refused => (4, 0),
            Self::Unreachable => (5, 0),
            Self::Reset => (6, 0),
            Self::Closed => (7, 0),
            Self::ProtocolError => (8, 0),
            Self::HeadTooLarge => (9, 0),
            Self::TlsCertificate => (10, 0),
            Self::TlsHandshake => (11, 0),
            Self::DnsNotFound => (12, 0),
            Self::DnsFailed => (13, 0),
            Self::AddressBlocked => (14, 0),
            Self::HttpsRequired => (15, 0),
            Self::Cancelled => (16, 0),
            Self::Internal => (17, 0),
            Self::ProxyFailed => (18, 0),
        };
        (kind << 32) | value as u64
    }
}

/// For people: `status 404`, `connection refused`, `timed out after 30 s`.
impl fmt::Display for OutcomeKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Status(status) => return write!(out, "status {status}"),
            Self::Timeout { after_ms } => {
                return write!(
                    out,
                    "timed out after {}",
                    Span::from_millis((*after_ms).into())
                );
            }
            Self::ConnectTimeout { after_ms } => {
                return write!(
                    out,
                    "no connection after {}",
                    Span::from_millis((*after_ms).into())
                );
            }
            Self::Refused => "connection refused",
            Self::Unreachable => "address unreachable",
            Self::Reset => "connection reset before a reply",
            Self::Closed => "connection closed before a reply",
            Self::ProtocolError => "the reply is not HTTP/1.1",
            Self::HeadTooLarge => "the reply's head is too large",
            Self::TlsCertificate => "the certificate is not valid for this name",
            Self::TlsHandshake => "the TLS handshake failed",
            Self::DnsNotFound => "name not found",
            Self::DnsFailed => "name could not be resolved",
            Self::AddressBlocked => "address not allowed (see --allow-target)",
            Self::HttpsRequired => "only https is allowed (--https-only)",
            Self::ProxyFailed => "the outbound proxy made no connection",
            Self::Cancelled => "cancelled at shutdown",
            Self::Internal => "internal error",
        };
        out.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_happened_in_words() {
        for (kind, text) in [
            (OutcomeKind::Status(404), "status 404"),
            (OutcomeKind::Refused, "connection refused"),
            (
                OutcomeKind::Timeout { after_ms: 30_000 },
                "timed out after 30 s",
            ),
            (
                OutcomeKind::Timeout { after_ms: 1_500 },
                "timed out after 1500 ms",
            ),
        ] {
            assert_eq!(kind.to_string(), text);
        }
    }

    #[test]
    fn codes_tell_outcomes_apart() {
        let kinds = [
            OutcomeKind::Status(200),
            OutcomeKind::Status(500),
            OutcomeKind::Timeout { after_ms: 200 },
            OutcomeKind::ConnectTimeout { after_ms: 200 },
            OutcomeKind::Refused,
            OutcomeKind::Internal,
        ];
        let codes: std::collections::BTreeSet<u64> = kinds.iter().map(|kind| kind.code()).collect();
        assert_eq!(codes.len(), kinds.len());
    }
}
