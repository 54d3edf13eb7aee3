//! Sending through an operator's proxy, by `CONNECT` (RFC 9110, 9.3.6), for plain HTTP too.
//!
//! Usually the proxy is told an address that the policy let pass, so it decides nothing. If it is to
//! resolve names, it is told names, and the operator relies on it alone to keep private addresses out.

use core::fmt;
use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::{Host, Url};

use crate::{
    domain::{endpoint_url::EndpointHost, outcome::OutcomeKind},
    limits,
};

/// Fields of a proxy's reply that are looked at; its values are not.
const FIELDS_MAX: usize = 64;

/// A proxy that everything is sent through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is.
    pub(super) host: EndpointHost,
    /// Its port.
    pub(super) port: u16,
    /// What it is shown, with `Basic` before it; a secret.
    credentials: Option<Box<str>>,
    /// Whether it resolves names, and so decides alone where things are sent.
    pub resolves: bool,
}

/// Without its credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Proxy")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("resolves", &self.resolves)
            .finish_non_exhaustive()
    }
}

/// Why a text names no proxy; the operator's fault.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a proxy is named as http://host:port or http://user:password@host:port, without a path")]
pub struct ProxyError;

impl Proxy {
    /// The proxy of a URL, which does not resolve names.
    ///
    /// # Errors
    /// [`ProxyError`]
    pub fn parse(text: &str) -> Result<Self, ProxyError> {
        let url = Url::parse(text).map_err(|_| ProxyError)?;
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if url.scheme() != "http" || !is_bare {
            return Err(ProxyError);
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => EndpointHost::Name(name.into()),
            Some(Host::Ipv4(address)) => EndpointHost::Address(address.into()),
            Some(Host::Ipv6(address)) => EndpointHost::Address(address.into()),
            None => return Err(ProxyError),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let user = percent_decoded(url.username());
        let password = percent_decoded(url.password().unwrap_or_default());
        let credentials = [user, b":".to_vec(), password].concat();
        let has_some = !url.username().is_empty() || url.password().is_some();
        Ok(Self {
            host,
            port: port.ok_or(ProxyError)?,
            credentials: has_some.then(|| STANDARD.encode(credentials).into()),
            resolves: false,
        })
    }

    /// Asks for a tunnel to `target`, a host and port, on a fresh connection to the proxy.
    ///
    /// Whatever goes wrong is the proxy's; what it says of it is logged for the operator and told to
    /// nobody else.
    pub(super) async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut S,
        target: &str,
    ) -> Result<(), OutcomeKind> {
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n");
        if let Some(credentials) = &self.credentials {
            request.push_str("proxy-authorization: Basic ");
            request.push_str(credentials);
            request.push_str("\r\n");
        }
        request.push_str("\r\n");
        let failed = |what: &dyn fmt::Display| {
            tracing::debug!("the proxy made no tunnel: {what}");
            OutcomeKind::ProxyFailed
        };
        let sent = stream.write_all(request.as_bytes()).await;
        sent.map_err(|error| failed(&error))?;
        let mut head = Vec::new();
        loop {
            let read = stream.read_buf(&mut head).await;
            if read.map_err(|error| failed(&error))? == 0 {
                return Err(failed(&"it closed the connection"));
            }
            match status(&head).map_err(|error| failed(&error))? {
                // Nobody speaks in a tunnel before we do.
                Some((_, length)) if length != head.len() => {
                    return Err(failed(&"it sent more than a reply"));
                }
                Some((200..=299, _)) => return Ok(()),
                Some((status, _)) => return Err(failed(&format_args!("status {status}"))),
                None if head.len() >= limits::PROXY_HEAD_BYTES_MAX => {
                    return Err(failed(&"the head of its reply is too large"));
                }
                None => {}
            }
        }
    }
}

/// How a host and port are written where a tunnel is asked for.
pub(super) fn tunnel_target(host: &EndpointHost, port: u16) -> String {
    match host {
        EndpointHost::Name(name) => format!("{name}:{port}"),
        EndpointHost::Address(address) => SocketAddr::new(*address, port).to_string(),
    }
}

/// The status of a reply and the length of its head, once that is whole.
fn status(head: &[u8]) -> Result<Option<(u16, usize)>, httparse::Error> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut reply = httparse::Response::new(&mut fields);
    match reply.parse(head)? {
        httparse::Status::Complete(length) => Ok(reply.code.map(|code| (code, length))),
        httparse::Status::Partial => Ok(None),
    }
}

/// The bytes that a part of a URL stands for.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *byte == b'%');
        let escaped = escaped.and_then(|digits| core::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        rest = after
            .get(if escaped.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_named_by_a_bare_url() {
        let proxy = Proxy::parse("http://us%65r:p%40ss@proxy.example:3128").expect("valid");
        assert_eq!(proxy.host, EndpointHost::Name("proxy.example".into()));
        assert_eq!(proxy.port, 3_128);
        let decoded = STANDARD.decode(proxy.credentials.as_deref().expect("given"));
        assert_eq!(decoded.expect("base64"), b"user:p@ss");
        assert!(!format!("{proxy:?}").contains("dXNlcj"));
        let proxy = Proxy::parse("http://[::1]/").expect("valid");
        assert_eq!((proxy.port, proxy.credentials), (80, None));
        for text in [
            "",
            "proxy:3128",
            "https://proxy:3128",
            "socks5://proxy:1080",
            "http://proxy:0",
            "http://proxy/path",
            "http://proxy?q",
        ] {
            assert_eq!(Proxy::parse(text), Err(ProxyError), "{text}");
        }
    }

    #[test]
    fn a_tunnel_is_asked_for_by_host_and_port() {
        let address = EndpointHost::Address("::1".parse().expect("valid"));
        assert_eq!(tunnel_target(&address, 443), "[::1]:443");
        let name = EndpointHost::Name("h.example".into());
        assert_eq!(tunnel_target(&name, 80), "h.example:80");
    }

    #[tokio::test]
    async fn only_a_reply_of_success_and_nothing_behind_it_is_a_tunnel() {
        let failed = Err(OutcomeKind::ProxyFailed);
        let endless = format!(
            "HTTP/1.1 200 OK\r\nx: {}",
            "a".repeat(limits::PROXY_HEAD_BYTES_MAX)
        );
        for (reply, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", Ok(())),
            ("HTTP/1.0 204 No\r\nvia: x\r\n\r\n", Ok(())),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", failed),
            ("HTTP/1.1 407 Who\r\n\r\n", failed),
            ("HTTP/1.1 200 OK\r\n\r\nhello", failed),
            ("HTTP/1.1 200 OK\r\n", failed),
            ("SSH-2.0\r\n\r\n", failed),
            ("", failed),
            (endless.as_str(), failed),
        ] {
            let (mut ours, mut theirs) = tokio::io::duplex(64 * 1_024);
            theirs
                .write_all(reply.as_bytes())
                .await
                .expect("there is room");
            theirs.shutdown().await.expect("it is open");
            let proxy = Proxy::parse("http://u:p@proxy").expect("valid");
            let tunnel = proxy.tunnel(&mut ours, "h.example:443").await;
            assert_eq!(tunnel, expected, "{reply}");
            drop(ours);
            let mut asked = String::new();
            theirs.read_to_string(&mut asked).await.expect("text");
            assert_eq!(
                asked,
                "CONNECT h.example:443 HTTP/1.1\r\nhost: h.example:443\r\n\
                 proxy-authorization: Basic dTpw\r\n\r\n"
            );
        }
    }
}
