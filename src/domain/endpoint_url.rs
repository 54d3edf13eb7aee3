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
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointHost {
    /// A name to resolve, in lower-case ASCII (IDNA applied), without the dot of the root.
    Name(Box<str>),
    /// An address as it is.
    Address(IpAddr),
}

impl EndpointHost {
    /// The same host as it is compared with others: an IPv4 address that is written as one of IPv6
    /// (RFC 4291, 2.5.5.2) is that address.
    #[must_use]
    pub fn canonical(&self) -> Self {
        match self {
            Self::Address(IpAddr::V6(address)) => Self::Address(address.to_canonical()),
            Self::Address(_) | Self::Name(_) => self.clone(),
        }
    }
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
            Some(Host::Domain(name)) if !name.is_empty() => {
                EndpointHost::Name(without_last_dot(name).into())
            }
            Some(Host::Ipv4(address)) => EndpointHost::Address(address.into()),
            Some(Host::Ipv6(address)) => EndpointHost::Address(address.into()),
            Some(Host::Domain(_)) | None => return Err(EndpointUrlError::Malformed),
        };
        let port = url.port_or_known_default().filter(|port| *port != 0);
        let port = port.ok_or(EndpointUrlError::Malformed)?;
        let authority = match (url.host_str().map(without_last_dot), url.port()) {
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

    /// Whether the text names the host as it was understood, in lower or upper case: no number that
    /// stands for an address, no escaped or wide characters, nothing before the host, one last dot
    /// at most. Only such a text tells people where it leads.
    #[must_use]
    pub fn is_plainly_spelled(&self) -> bool {
        let scheme = match self.scheme {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        };
        let port = format!(":{}", self.port);
        let host = self.authority.strip_suffix(port.as_str());
        let host = host.unwrap_or(&self.authority);
        let begins = |text: &str, with: &str| {
            let head = text.get(..with.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(with))
        };
        let rest = self.text.get(scheme.len()..).unwrap_or_default();
        let after = rest.get(host.len()..).unwrap_or_default();
        let after = match self.host {
            EndpointHost::Name(_) => after.strip_prefix('.').unwrap_or(after),
            EndpointHost::Address(_) => after,
        };
        begins(&self.text, scheme)
            && begins(rest, host)
            && (after.is_empty() || after.starts_with([':', '/', '?', '#']))
    }

    /// The target of the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }
}

/// A name without the dot of the root, if it has one.
fn without_last_dot(name: &str) -> &str {
    let name_only = name.strip_suffix('.').filter(|name| !name.is_empty());
    name_only.unwrap_or(name)
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
    fn the_last_dot_of_a_name_is_no_part_of_it() {
        let url = EndpointUrl::parse("https://Example.com.:8443/a").expect("valid");
        assert_eq!(url.host(), &EndpointHost::Name("example.com".into()));
        assert_eq!(url.authority(), "example.com:8443");
        assert_eq!(url.text(), "https://Example.com.:8443/a");
    }

    #[test]
    fn odd_spellings_are_told_from_plain_ones() {
        for text in [
            "https://example.com",
            "HTTPS://Example.COM:8443/a?b#c",
            "http://example.com./",
            "http://127.0.0.1:80/",
            "http://[::1]/",
            "http://[2606:4700::1111]:443",
            "http://xn--mnchen-3ya.de/ü",
        ] {
            let url = EndpointUrl::parse(text).expect(text);
            assert!(url.is_plainly_spelled(), "{text}");
        }
        for text in [
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://１２７.0.0.1/",
            "http://①②⑦.0.0.1/",
            "http://127。0。0。1/",
            "http://%31%32%37.0.0.1/",
            "http:127.0.0.1",
            r"http:\\127.0.0.1",
            "http:/example.com",
            "http:///example.com",
            "http://exam\tple.com/",
            " http://example.com",
            "http://u:p@example.com/",
            "http://@example.com/",
            r"http://good.com\@127.0.0.1/",
            "http://ex%61mple.com/",
            "http://münchen.de/",
            "http://[0:0:0:0:0:0:0:1]/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            match EndpointUrl::parse(text) {
                Ok(url) => assert!(!url.is_plainly_spelled(), "{text}"),
                Err(error) => assert_eq!(error, EndpointUrlError::Malformed, "{text}"),
            }
        }
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
