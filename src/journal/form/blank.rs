//! What a journal does not tell. Secrets, keys, header values, the names and bodies of records, what
//! owners say of their objects, and of a URL everything but the host: the engine decides nothing by
//! them, so lengths stand in where it counts bytes, and nothing stands in for the rest.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::{Form, Malformed, Reader, Writer, put_text, take_text};
use crate::{
    domain::{
        command::{EndpointUpdate, NewEndpoint},
        endpoint::{BodyFormat, OlderSecret, Target},
        endpoint_url::{EndpointUrl, Scheme},
        event::{JSON, Payload},
        once::Once,
        outcome::Outcome,
        secret::Secret,
    },
    limits,
    policy::classify::{Verdict, classify},
    time::Timestamp,
};

/// Stands in for bytes that were left out.
static NOTHING: [u8; limits::REQUEST_BODY_BYTES_MAX] = [0; limits::REQUEST_BODY_BYTES_MAX];

/// As many bytes as were left out, each zero.
fn stand_in(length: usize) -> Result<Bytes, Malformed> {
    let wanted = "length of something that was left out";
    let bytes = NOTHING.get(..length).ok_or(Malformed { wanted })?;
    Ok(Bytes::from_static(bytes))
}

/// A text as long as one that was left out.
pub(super) fn stand_in_text(length: usize) -> Result<String, Malformed> {
    stand_in(length).map(|bytes| "x".repeat(bytes.len()))
}

/// Opaque to the engine: its length alone.
impl Form for Bytes {
    fn put(&self, out: &mut Writer) {
        self.len().put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        stand_in(usize::take(from)?)
    }
}

/// Nothing at all.
impl Form for Secret {
    fn put(&self, _out: &mut Writer) {}

    fn take(_from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let nothing = Self::new(vec![0; limits::SECRET_BYTES_MIN]);
        nothing.map_err(|_| Malformed { wanted: "secret" })
    }
}

/// How long it is in force.
impl Form for OlderSecret {
    fn put(&self, out: &mut Writer) {
        self.until.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            until: Form::take(from)?,
            secret: Form::take(from)?,
        })
    }
}

/// A hash of a text that a stranger could guess: nothing but that there is one.
impl Form for [u8; 32] {
    fn put(&self, _out: &mut Writer) {}

    fn take(_from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok([0; 32])
    }
}

/// Nothing: the store judges it.
impl Form for Once {
    fn put(&self, _out: &mut Writer) {}

    fn take(_from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            key_sha256: [0; 32],
            body_sha256: [0; 32],
        })
    }
}

/// Scheme, host and port, made as long as the whole text; of one that is too short for them, its
/// length.
impl Form for EndpointUrl {
    fn put(&self, out: &mut Writer) {
        put_text(&told_url(self), out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Self::parse(take_text(from)?).map_err(|_| Malformed { wanted: "URL" })
    }
}

/// What is told of a URL.
fn told_url(url: &EndpointUrl) -> String {
    let scheme = match url.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let length = url.text().len();
    let mut told = format!("{scheme}://{}", url.authority());
    if told.len() > length {
        // A host outside ASCII is longer as it is dialled.
        told = format!("{scheme}:");
        told.extend(core::iter::repeat_n('x', length.saturating_sub(told.len())));
        return told;
    }
    if told.len() < length {
        told.push('/');
    }
    told.extend(core::iter::repeat_n('x', length - told.len()));
    told
}

/// The form of the body without the token.
impl Form for BodyFormat {
    fn put(&self, out: &mut Writer) {
        match self {
            Self::Payload => out.bytes.push(0),
            Self::Original { token_json } => {
                out.bytes.push(1);
                token_json.put(out);
            }
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        match from.byte()? {
            0 => Ok(Self::Payload),
            1 => Ok(Self::Original {
                token_json: Form::take(from)?,
            }),
            _ => Err(Malformed {
                wanted: "form of a body",
            }),
        }
    }
}

/// Its length, and its bytes or their hash.
impl Form for Payload {
    fn put(&self, out: &mut Writer) {
        let Self {
            content_type,
            bytes,
        } = self;
        put_body(bytes, out);
        if out.with_bodies {
            content_type.put(out);
        } else {
            out.bytes.extend_from_slice(&xxh3_64(bytes).to_le_bytes());
        }
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (bytes, is_whole) = take_body(from)?;
        let content_type = if is_whole {
            Form::take(from)?
        } else {
            from.bytes(8)?;
            JSON.into()
        };
        Ok(Self {
            content_type,
            bytes,
        })
    }
}

/// Whether the bytes follow, their length, and they if they do.
fn put_body(bytes: &Bytes, out: &mut Writer) {
    let with_bodies = out.with_bodies;
    with_bodies.put(out);
    bytes.len().put(out);
    if with_bodies {
        out.bytes.extend_from_slice(bytes);
    }
}

/// The bytes or what stands in for them, and whether it is they.
fn take_body(from: &mut Reader<'_>) -> Result<(Bytes, bool), Malformed> {
    let is_whole = bool::take(from)?;
    let length = usize::take(from)?;
    if is_whole {
        return Ok((Bytes::copy_from_slice(from.bytes(length)?), true));
    }
    Ok((stand_in(length)?, false))
}

/// What was met; of `Retry-After` only what is understood.
impl Form for Outcome {
    fn put(&self, out: &mut Writer) {
        let Self {
            kind,
            duration,
            retry_after,
            body,
            resent,
        } = self;
        kind.put(out);
        duration.put(out);
        let judged = retry_after
            .as_ref()
            .map(|_| classify(self, Timestamp::ZERO));
        let is_heard = matches!(
            judged,
            Some(Verdict::Retry {
                retry_after: Some(_)
            })
        );
        retry_after.as_ref().filter(|_| is_heard).cloned().put(out);
        put_body(body, out);
        resent.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            kind: Form::take(from)?,
            duration: Form::take(from)?,
            retry_after: Form::take(from)?,
            body: take_body(from)?.0,
            resent: Form::take(from)?,
        })
    }
}

/// Without the secrets and without the header fields.
impl Form for Target {
    fn put(&self, out: &mut Writer) {
        let Self {
            endpoint,
            id,
            revision,
            url,
            secret,
            older_secrets,
            headers: _,
            body_format,
        } = self;
        endpoint.put(out);
        id.put(out);
        revision.put(out);
        url.put(out);
        secret.put(out);
        older_secrets.put(out);
        body_format.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            endpoint: Form::take(from)?,
            id: Form::take(from)?,
            revision: Form::take(from)?,
            url: Form::take(from)?,
            secret: Form::take(from)?,
            older_secrets: Form::take(from)?,
            headers: Vec::new(),
            body_format: Form::take(from)?,
        })
    }
}

/// Without the secret and without the header fields.
impl Form for NewEndpoint {
    fn put(&self, out: &mut Writer) {
        let Self {
            application,
            url,
            secret,
            body_format,
            uid,
            filter,
            headers: _,
            is_enabled,
            throttle_rate,
            ordering,
            original_url_sha256,
            registration,
            details,
        } = self;
        application.put(out);
        url.put(out);
        secret.put(out);
        body_format.put(out);
        uid.put(out);
        filter.put(out);
        is_enabled.put(out);
        throttle_rate.put(out);
        ordering.put(out);
        original_url_sha256.put(out);
        registration.put(out);
        details.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            application: Form::take(from)?,
            url: Form::take(from)?,
            secret: Form::take(from)?,
            body_format: Form::take(from)?,
            uid: Form::take(from)?,
            filter: Form::take(from)?,
            headers: Vec::new(),
            is_enabled: Form::take(from)?,
            throttle_rate: Form::take(from)?,
            ordering: Form::take(from)?,
            original_url_sha256: Form::take(from)?,
            registration: Form::take(from)?,
            details: Form::take(from)?,
        })
    }
}

/// Without the secret and without the header fields.
impl Form for EndpointUpdate {
    fn put(&self, out: &mut Writer) {
        let Self {
            application,
            endpoint,
            revision,
            url,
            uid,
            filter,
            headers: _,
            is_enabled,
            throttle_rate,
            ordering,
            rotation,
            details,
        } = self;
        application.put(out);
        endpoint.put(out);
        revision.put(out);
        url.put(out);
        uid.put(out);
        filter.put(out);
        is_enabled.put(out);
        throttle_rate.put(out);
        ordering.put(out);
        rotation.put(out);
        details.put(out);
    }

    fn take(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            application: Form::take(from)?,
            endpoint: Form::take(from)?,
            revision: Form::take(from)?,
            url: Form::take(from)?,
            uid: Form::take(from)?,
            filter: Form::take(from)?,
            headers: Vec::new(),
            is_enabled: Form::take(from)?,
            throttle_rate: Form::take(from)?,
            ordering: Form::take(from)?,
            rotation: Form::take(from)?,
            details: Form::take(from)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_the_host_is_told_and_the_length_is_kept() {
        for (text, told) in [
            (
                "https://user:word@example.com:8443/a/T0K3N?k=v",
                "https://example.com:8443/",
            ),
            ("http://example.com", "http://example.com"),
            ("http://example.com/", "http://example.com/"),
            ("HTTP://EXAMPLE.com:80/x", "http://example.com/"),
            ("http://ü/", "http:"),
        ] {
            let url = EndpointUrl::parse(text).expect(text);
            let shown = told_url(&url);
            assert_eq!(shown.len(), text.len(), "{text}: {shown}");
            assert_eq!(shown.trim_end_matches('x'), told, "{text}");
            let again = EndpointUrl::parse(&shown).expect("a URL again");
            assert_eq!(again.text().len(), text.len());
        }
    }

    #[test]
    fn what_is_left_out_is_not_in_the_bytes() {
        let canary = "planted-canary-planted-canary";
        let target = Target {
            endpoint: Default::default(),
            id: Default::default(),
            revision: 3,
            url: EndpointUrl::parse(&format!("http://u:{canary}@host/{canary}")).expect("valid"),
            secret: Secret::new(canary.into()).expect("long enough"),
            older_secrets: vec![OlderSecret {
                secret: Secret::new(canary.into()).expect("long enough"),
                until: Timestamp::MAX,
            }],
            headers: vec![("x-key".into(), canary.into())],
            body_format: BodyFormat::Original {
                token_json: Bytes::from_static(canary.as_bytes()),
            },
        };
        let mut out = Writer::default();
        target.put(&mut out);
        Payload {
            content_type: canary.into(),
            bytes: Bytes::from_static(canary.as_bytes()),
        }
        .put(&mut out);
        assert!(!String::from_utf8_lossy(&out.bytes).contains("canary"));
        let mut from = Reader::new(&out.bytes);
        let read = Target::take(&mut from).expect("whole");
        assert_eq!((read.revision, read.older_secrets.len()), (3, 1));
        assert_eq!(
            Payload::take(&mut from).expect("whole").bytes.len(),
            canary.len()
        );
        assert!(from.is_at_end());
    }

    #[test]
    fn bodies_are_told_where_somebody_asked_for_them() {
        let payload = Payload {
            content_type: "text/plain".into(),
            bytes: Bytes::from_static(b"hello"),
        };
        let mut out = Writer {
            with_bodies: true,
            ..Writer::default()
        };
        payload.put(&mut out);
        assert_eq!(Payload::take(&mut Reader::new(&out.bytes)), Ok(payload));
    }
}
