//! What the transport derives from an endpoint's target once per revision.

use core::fmt::Write as _;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Uri};
use rustls::pki_types::ServerName;
use thiserror::Error;

use crate::{
    domain::{
        endpoint::{BodyFormat, Target},
        endpoint_url::{EndpointHost, Scheme},
    },
    signing::Signer,
    time::Timestamp,
};

/// A target made ready to send to.
pub(super) struct DerivedTarget {
    /// Where it came from.
    pub(super) target: Arc<Target>,
    /// The target of the request line.
    pub(super) uri: Uri,
    /// The value of the `host` header.
    pub(super) host: HeaderValue,
    /// Keyed with the endpoint's secret.
    pub(super) signer: Signer,
    /// Keyed with secrets of before, and when each ceases to sign, in steady time.
    pub(super) older_signers: Vec<(Signer, Timestamp)>,
    /// What the endpoint's owner adds to each request.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// What stands before the payload in the body.
    pub(super) body_head: Bytes,
    /// What stands behind the payload in the body.
    pub(super) body_tail: Bytes,
    /// The name that the receiver's certificate must prove; `None` for plain http.
    pub(super) tls_name: Option<ServerName<'static>>,
}

/// Why no request can be made of a target that was accepted; a bug of ours.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(super) enum DeriveError {
    /// The path is no request target.
    #[error("the endpoint's path can't stand in a request line")]
    Path,
    /// The host is no header value or no name that a certificate could prove.
    #[error("the endpoint's host can't stand in a request")]
    Host,
    /// A field that its owner adds is no header field.
    #[error("a header field of the endpoint can't stand in a request")]
    Headers,
}

impl DerivedTarget {
    /// Derives all that an attempt needs and that stays the same until the next revision.
    pub(super) fn derive(target: Arc<Target>) -> Result<Self, DeriveError> {
        let url = &target.url;
        let tls_name = match url.scheme() {
            Scheme::Http => None,
            Scheme::Https => Some(tls_name(url.host())?),
        };
        let (body_head, body_tail) = match &target.body_format {
            BodyFormat::Payload => (Bytes::new(), Bytes::new()),
            BodyFormat::Original { token_json } => {
                (original_head(token_json), Bytes::from_static(b"}"))
            }
        };
        Ok(Self {
            uri: request_target(url.path_and_query())?,
            host: HeaderValue::from_str(url.authority()).map_err(|_| DeriveError::Host)?,
            signer: Signer::new(&target.secret),
            older_signers: target
                .older_secrets
                .iter()
                .map(|older| (Signer::new(&older.secret), older.until))
                .collect(),
            headers: headers(&target.headers)?,
            body_head,
            body_tail,
            tls_name,
            target,
        })
    }
}

/// What the endpoint's owner adds, as header fields; it was judged when it came in.
fn headers(added: &[(Arc<str>, Arc<str>)]) -> Result<Vec<(HeaderName, HeaderValue)>, DeriveError> {
    let fields = added.iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        name.ok().zip(value.ok()).ok_or(DeriveError::Headers)
    });
    fields.collect()
}

/// The name or address that a certificate must prove.
fn tls_name(host: &EndpointHost) -> Result<ServerName<'static>, DeriveError> {
    match host {
        EndpointHost::Address(address) => Ok(ServerName::from(*address)),
        EndpointHost::Name(name) => {
            ServerName::try_from(name.clone().into_string()).map_err(|_| DeriveError::Host)
        }
    }
}

/// All of the original body that stands before the payload.
fn original_head(token_json: &[u8]) -> Bytes {
    let parts: [&[u8]; 3] = [b"{\"token\":", token_json, b",\"payload\":"];
    let mut head = BytesMut::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        head.extend_from_slice(part);
    }
    head.freeze()
}

/// The request target as `http` wants it.
///
/// A URL parser for the web lets a few characters pass that `http` refuses; they are
/// percent-encoded, which means the same to every receiver.
fn request_target(path_and_query: &str) -> Result<Uri, DeriveError> {
    if let Ok(uri) = Uri::try_from(path_and_query) {
        return Ok(uri);
    }
    let mut encoded = String::with_capacity(path_and_query.len() + 16);
    for byte in path_and_query.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@/?".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").map_err(|_| DeriveError::Path)?;
        }
    }
    Uri::try_from(encoded).map_err(|_| DeriveError::Path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::{
        endpoint::EndpointKey, endpoint_url::EndpointUrl, id::EndpointId, secret::Secret,
    };

    fn derive(url: &str, body_format: BodyFormat) -> Result<DerivedTarget, DeriveError> {
        DerivedTarget::derive(Arc::new(Target {
            endpoint: EndpointKey::default(),
            id: EndpointId::default(),
            revision: 1,
            url: EndpointUrl::parse(url).expect(url),
            secret: Secret::new(vec![7; 32]).expect("valid"),
            older_secrets: Vec::new(),
            headers: Vec::new(),
            body_format,
        }))
    }

    #[test]
    fn the_request_names_the_host_and_port_of_the_url() {
        let derived = derive("https://Example.com:8443/a/b?c=d", BodyFormat::Payload);
        let derived = derived.expect("valid");
        assert_eq!(derived.host, "example.com:8443");
        assert_eq!(derived.uri.to_string(), "/a/b?c=d");
        let name = derived.tls_name.expect("https");
        assert_eq!(name.to_str(), "example.com");
        let plain = derive("http://127.0.0.1/", BodyFormat::Payload).expect("valid");
        assert!(plain.tls_name.is_none());
    }

    #[test]
    fn the_original_body_opens_with_its_token() {
        let format = BodyFormat::Original {
            token_json: Bytes::from_static(b"\"a\\\"b\""),
        };
        let derived = derive("http://h/", format).expect("valid");
        assert_eq!(derived.body_head, r#"{"token":"a\"b","payload":"#);
        assert_eq!(derived.body_tail, "}");
    }

    proptest! {
        #[test]
        fn every_path_of_an_accepted_url_can_be_sent(path in "[ -~é\u{2603}]{0,40}") {
            let url = format!("http://h/{path}");
            if EndpointUrl::parse(&url).is_ok() {
                let derived = derive(&url, BodyFormat::Payload);
                prop_assert!(derived.is_ok());
                let target = derived.map(|derived| derived.uri.to_string()).unwrap_or_default();
                prop_assert!(target.starts_with('/'));
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
