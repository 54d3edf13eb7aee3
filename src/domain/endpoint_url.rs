//! An endpoint's URL: parsed once, and used as parsed from the check to the dial.
//!
//! One parser (the WHATWG one of the `url` crate) reads the text; nobody parses it again, so no two
//! readings can disagree about the host. Which addresses may be dialled is not judged here: that
//! falls on the resolved address, where every dial passes.

use core::fmt;
use std::net::IpAddr;

use thiserror::Error;
use url::{Host, Url};

use crate::limits;

/// A parsed `http` or `https` URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl {
    text: Box<str>,
    scheme: Scheme,
    host: EndpointHost,
    port: u16,
    authority: Box<str>,
    path_and_query: Box<str>,
}

/// How to speak to an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Plain text.
    Http,
    /// TLS.
    Https,
}

/// Whom to speak to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointHost {
    /// A name to resolve, in lower-case ASCII (IDNA applied).
    Name(Box<str>),
    /// An address as it is.
    Address(IpAddr),
}

impl EndpointUrl {
    /// Parses an absolute `http` or `https` URL. Userinfo and fragment are dropped.
    ///
    /// # Errors
    /// [`EndpointUrlError`]; the fault of who registers it.
    pub fn parse(text: &str) -> Result<Self, EndpointUrlError> {
        if text.len() > limits::URL_BYTES_MAX {
            return Err(EndpointUrlError::TooLong { length: text.len() });
        }
        let url = Url::parse(text).map_err(|_| EndpointUrlError::Malformed)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(EndpointUrlError::Scheme),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => EndpointHost::Name(name.into()),
            Some(Host::Ipv4(address)) => EndpointHost::Address(address.into()),
            Some(Host::Ipv6(address)) => EndpointHost::Address(address.into()),
            Some(Host::Domain(_)) | None => return Err(EndpointUrlError::Malformed),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or(EndpointUrlError::Malformed)?;
        let authority = match (url.host_str(), url.port()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (Some(host), None) => host.to_owned(),
            (None, _) => return Err(EndpointUrlError::Malformed),
        };
        let mut path_and_query = url.path().to_owned();
        if let Some(query) = url.query() {
            path_and_query.push('?');
            path_and_query.push_str(query);
        }
        Ok(Self {
            text: text.into(),
            scheme,
            host,
            port,
            authority: authority.into(),
            path_and_query: path_and_query.into(),
        })
    }

    /// The exact text it was registered with.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How to speak.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom to speak to.
    #[must_use]
    pub const fn host(&self) -> &EndpointHost {
        &self.host
    }

    /// The port to dial; the scheme's own one if the URL names none. Never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header: the host, and the port where it is not the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The target of the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// The text it was registered with.
impl fmt::Display for EndpointUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Why a text is no endpoint URL.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EndpointUrlError {
    /// Longer than we keep.
    #[error("a URL has at most {} bytes, not {length}", limits::URL_BYTES_MAX)]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// No URL parser takes it, or it names no host or the port 0.
    #[error("this is not an absolute URL with a host, such as https://example.com/hook")]
    Malformed,
    /// Another scheme than http or https.
    #[error("the URL must begin with http:// or https://")]
    Scheme,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_keeps_its_scheme_and_ports_count() {
        let url = EndpointUrl::parse("http://Example.com:8080/a?b=1#c").expect("valid");
        assert_eq!(url.scheme(), Scheme::Http);
        assert_eq!(url.host(), &EndpointHost::Name("example.com".into()));
        assert_eq!((url.port(), url.authority()), (8080, "example.com:8080"));
        assert_eq!(url.path_and_query(), "/a?b=1");
        assert_eq!(url.text(), "http://Example.com:8080/a?b=1#c");
    }

    #[test]
    fn every_spelling_of_loopback_is_read_as_the_address_it_is() {
        for text in [
            "http://0x7f.1/",
            "http://2130706433/",
            "http://127.1/",
            "http://u:p@127.0.0.1/",
        ] {
            let url = EndpointUrl::parse(text).expect(text);
            assert_eq!(
                url.host(),
                &EndpointHost::Address("127.0.0.1".parse().expect("valid"))
            );
        }
        let url = EndpointUrl::parse("https://[::1]:99/").expect("valid");
        assert_eq!(
            url.host(),
            &EndpointHost::Address("::1".parse().expect("valid"))
        );
        assert_eq!(url.authority(), "[::1]:99");
    }

    #[test]
    fn what_no_parser_takes_is_refused_and_not_a_panic() {
        for text in [
            "",
            "http://",
            "https://example.invalid:99999/x",
            "https://%41%00/x",
            "https://1.2.3.999/x",
            "http://h:0/",
        ] {
            assert_eq!(
                EndpointUrl::parse(text),
                Err(EndpointUrlError::Malformed),
                "{text}"
            );
        }
        assert_eq!(
            EndpointUrl::parse("ftp://h/"),
            Err(EndpointUrlError::Scheme)
        );
        let long = format!("http://h/{}", "a".repeat(limits::URL_BYTES_MAX));
        assert!(matches!(
            EndpointUrl::parse(&long),
            Err(EndpointUrlError::TooLong { .. })
        ));
    }
}
