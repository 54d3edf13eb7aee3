//! Makes and signs the request of an attempt.
//!
//! Pure but for two caches: a `webhook-timestamp` serves a whole second, the headers of an event
//! serve all endpoints it goes to.

use core::cell::RefCell;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request,
    header::{ACCEPT_ENCODING, CONTENT_TYPE, HOST, InvalidHeaderValue, USER_AGENT},
};

use super::{body::DeliveryBody, target::DerivedTarget};
use crate::domain::{
    attempt::AttemptRequest,
    event::{Event, JSON},
    id::EventId,
};
use crate::policy::header::{HOP, HeaderPrefix};

/// Makes requests; one for all connections of a cell.
pub(super) struct RequestBuilder {
    user_agent: HeaderValue,
    /// Second names of id, timestamp and signature.
    extra_names: Option<[HeaderName; 3]>,
    /// The last second that was asked for, and its header.
    stamp: RefCell<(i64, HeaderValue)>,
    /// Headers of recent events, each at the place its id gives it.
    events: RefCell<Vec<Option<EventHeaders>>>,
    /// The mistake that it makes.
    #[cfg(feature = "mutants")]
    mutant: Option<super::mutant::Mutant>,
}

/// The headers that depend on the event alone.
#[derive(Clone)]
struct EventHeaders {
    id: EventId,
    webhook_id: HeaderValue,
    content_type: HeaderValue,
}

impl RequestBuilder {
    /// A builder that calls itself `user_agent` and sends the signature headers a second time under
    /// `prefix`, if there is one; `None` if that makes no header names.
    pub(super) fn new(user_agent: HeaderValue, prefix: Option<&HeaderPrefix>) -> Option<Self> {
        let extra_names = match prefix {
            None => None,
            Some(prefix) => Some(extra_names(prefix)?),
        };
        Some(Self {
            user_agent,
            extra_names,
            stamp: RefCell::new((0, HeaderValue::from_static("0"))),
            events: RefCell::new(vec![None; EVENTS_CACHED]),
            #[cfg(feature = "mutants")]
            mutant: None,
        })
    }

    /// The same, with a mistake or none.
    #[cfg(feature = "mutants")]
    pub(super) fn making(self, mutant: Option<super::mutant::Mutant>) -> Self {
        Self { mutant, ..self }
    }

    /// The signed request of an attempt.
    ///
    /// # Errors
    /// A signature that is no header value; a bug of ours.
    pub(super) fn build(
        &self,
        attempt: &AttemptRequest,
        derived: &DerivedTarget,
    ) -> Result<Request<DeliveryBody>, InvalidHeaderValue> {
        let event = self.event_headers(&attempt.event)?;
        let seconds = attempt.stamp.as_seconds();
        let body = DeliveryBody::new(
            derived.body_head.clone(),
            attempt.event.payload.bytes.clone(),
            derived.body_tail.clone(),
        );
        let id = event.webhook_id.to_str().unwrap_or_default();
        let mut signature = derived.signer.sign(id, seconds, &body.slices());
        #[cfg(feature = "mutants")]
        if self.mutant == Some(super::mutant::Mutant::SignsPayloadsAnew) {
            let payload = super::mutant::written_anew(&attempt.event.payload.bytes);
            let slices = [&derived.body_head[..], &payload[..], &derived.body_tail[..]];
            signature = derived.signer.sign(id, seconds, &slices);
        }
        for (signer, until) in &derived.older_signers {
            if *until > attempt.steady {
                signature.push(' ');
                signature.push_str(&signer.sign(id, seconds, &body.slices()));
            }
        }

        let mut headers = HeaderMap::with_capacity(HEADERS + derived.headers.len());
        // What is ours comes later and takes the place of what should never be there.
        headers.extend(derived.headers.iter().cloned());
        headers.insert(HOST, derived.host.clone());
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(CONTENT_TYPE, event.content_type);
        headers.insert(HOP_NAME, HeaderValue::from_static("1"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let signature = HeaderValue::try_from(signature)?;
        if let Some([id, timestamp, signed]) = &self.extra_names {
            headers.insert(id, event.webhook_id.clone());
            headers.insert(timestamp, self.stamp_header(seconds));
            headers.insert(signed, signature.clone());
        }
        headers.insert(WEBHOOK_ID, event.webhook_id);
        headers.insert(WEBHOOK_TIMESTAMP, self.stamp_header(seconds));
        headers.insert(WEBHOOK_SIGNATURE, signature);

        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = derived.uri.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn stamp_header(&self, seconds: i64) -> HeaderValue {
        let mut stamp = self.stamp.borrow_mut();
        if stamp.0 != seconds {
            *stamp = (seconds, HeaderValue::from(seconds));
        }
        stamp.1.clone()
    }

    fn event_headers(&self, event: &Event) -> Result<EventHeaders, InvalidHeaderValue> {
        let place = usize::try_from(event.id.id().value() % EVENTS_CACHED as u128).unwrap_or(0);
        let mut events = self.events.borrow_mut();
        let cached = events.get_mut(place);
        if let Some(Some(headers)) = &cached
            && headers.id == event.id
        {
            return Ok(headers.clone());
        }
        let headers = EventHeaders {
            id: event.id,
            webhook_id: HeaderValue::try_from(event.id.to_string())?,
            content_type: content_type(&event.payload.content_type),
        };
        if let Some(slot) = cached {
            *slot = Some(headers.clone());
        }
        Ok(headers)
    }
}

/// The names of id, timestamp and signature under a prefix.
fn extra_names(prefix: &HeaderPrefix) -> Option<[HeaderName; 3]> {
    let name = |end: &str| HeaderName::try_from(format!("{}{end}", prefix.text())).ok();
    Some([name("id")?, name("timestamp")?, name("signature")?])
}

/// The payload's media type; one that no header can carry is told as mere bytes.
fn content_type(text: &str) -> HeaderValue {
    if text == JSON {
        return HeaderValue::from_static(JSON);
    }
    HeaderValue::from_str(text)
        .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

/// How many events keep their headers ready.
const EVENTS_CACHED: usize = 256;
/// Headers of a request, `content-length` (which hyper adds) included.
const HEADERS: usize = 12;
/// Standard Webhooks, "Webhook Headers": the event's id, the same for each attempt.
const HOP_NAME: HeaderName = HeaderName::from_static(HOP);
const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// Standard Webhooks, "Webhook Headers": when this attempt was made, in seconds since the epoch.
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// Standard Webhooks, "Webhook Headers": the signature over id, timestamp and body.
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;
    use crate::{
        domain::{
            application::ApplicationKey,
            attempt::AttemptHandle,
            endpoint::{BodyFormat, EndpointKey, Target},
            endpoint_url::EndpointUrl,
            event::{EventPosition, Payload},
            id::{EndpointId, Id},
            secret::Secret,
        },
        signing::Signer,
        time::Timestamp,
    };

    fn attempt(event: u128, content_type: &str, stamp_ms: i64) -> AttemptRequest {
        let target = Target {
            endpoint: EndpointKey::default(),
            id: EndpointId::default(),
            revision: 1,
            url: EndpointUrl::parse("http://h:81/in?a=b").expect("valid"),
            secret: Secret::new(vec![7; 32]).expect("valid"),
            older_secrets: Vec::new(),
            headers: Vec::new(),
            body_format: BodyFormat::Original {
                token_json: Bytes::from_static(b"null"),
            },
        };
        let event = Event {
            id: EventId::new(Id::from_value(event)),
            application: ApplicationKey::default(),
            position: EventPosition::new(0),
            uid: None,
            event_type: "order".into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: content_type.into(),
                bytes: Bytes::from_static(b"[1]"),
            },
            accepted_at: Timestamp::ZERO,
            accepted_wall: Timestamp::ZERO,
            expires_at: Timestamp::MAX,
            besides: None,
        };
        AttemptRequest {
            attempt: AttemptHandle::new(1),
            target: Arc::new(target),
            event: Arc::new(event),
            number: 1,
            is_by_hand: false,
            stamp: Timestamp::from_millis(stamp_ms),
            steady: Timestamp::ZERO,
        }
    }

    fn build(builder: &RequestBuilder, attempt: &AttemptRequest) -> Request<DeliveryBody> {
        let derived = DerivedTarget::derive(Arc::clone(&attempt.target)).expect("valid");
        builder.build(attempt, &derived).expect("valid")
    }

    fn builder() -> RequestBuilder {
        let agent = HeaderValue::from_static("Fanfare/0.1");
        RequestBuilder::new(agent, None).expect("valid")
    }

    #[test]
    fn a_second_set_of_names_carries_the_same_values() {
        let prefix = "svix-".parse().expect("valid");
        let agent = HeaderValue::from_static("Fanfare/0.1");
        let builder = RequestBuilder::new(agent, Some(&prefix)).expect("valid");
        let request = build(&builder, &attempt(5, JSON, 1_700_000_000_999));
        for name in ["id", "timestamp", "signature"] {
            let ours = &request.headers()[format!("webhook-{name}")];
            assert_eq!(&request.headers()[format!("svix-{name}")], ours);
        }
        let request = build(&self::builder(), &attempt(5, JSON, 1_700_000_000_999));
        assert!(!request.headers().contains_key("svix-id"));
    }

    #[test]
    fn a_request_carries_the_signature_of_its_exact_body() {
        let attempt = attempt(5, JSON, 1_700_000_000_999);
        let request = build(&builder(), &attempt);
        let headers = request.headers();
        let id = attempt.event.id.to_string();
        let signature = Signer::new(&attempt.target.secret).sign(
            &id,
            1_700_000_000,
            &[br#"{"token":null,"payload":[1]}"#],
        );
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri(), "/in?a=b");
        assert_eq!(headers["host"], "h:81");
        assert_eq!(headers["user-agent"], "Fanfare/0.1");
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["accept-encoding"], "identity");
        assert_eq!(headers["webhook-id"], id.as_str());
        assert_eq!(headers["webhook-timestamp"], "1700000000");
        assert_eq!(headers["webhook-signature"], signature.as_str());
        assert_eq!(
            request.body().slices().concat(),
            br#"{"token":null,"payload":[1]}"#
        );
    }

    #[test]
    fn events_that_share_a_place_in_the_cache_keep_their_own_headers() {
        let builder = builder();
        for (event, media_type) in [
            (1, JSON),
            (257, "text/plain"),
            (1, JSON),
            (257, "text/plain"),
        ] {
            let attempt = attempt(event, media_type, 0);
            let request = build(&builder, &attempt);
            let id = attempt.event.id.to_string();
            assert_eq!(request.headers()["webhook-id"], id.as_str());
            assert_eq!(request.headers()["content-type"], media_type);
        }
    }

    #[test]
    fn each_second_has_its_own_timestamp() {
        let builder = builder();
        for (stamp_ms, text) in [(0, "0"), (1_000, "1"), (1_999, "1"), (500, "0"), (-1, "-1")] {
            let request = build(&builder, &attempt(1, JSON, stamp_ms));
            assert_eq!(request.headers()["webhook-timestamp"], text);
        }
    }

    #[test]
    fn a_media_type_that_no_header_can_carry_is_told_as_bytes() {
        let request = build(&builder(), &attempt(1, "text/plain\r\nx: y", 0));
        assert_eq!(
            request.headers()["content-type"],
            "application/octet-stream"
        );
    }
}
