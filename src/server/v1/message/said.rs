//! What a body says of a message.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    domain::{
        application::{Application, DEFAULT_APPLICATION_UID},
        command::NewEvent,
        event::{Besides, JSON, Payload},
        id::EventId,
        ordering::OrderingKey,
    },
    limits,
    server::{
        problem::{FaultKind, Problem},
        v1::{
            application, faults::Faults, fields::Fields, half_pairs::half_pair, unexpected,
            wall_time,
        },
    },
    time::{Span, Timestamp},
};

/// The field that payloads which are no JSON objects come in, among others.
const PARAMETERS: &str = "transformationsParams";

/// What a body says of a message.
pub(super) struct Said {
    /// Its type.
    pub(super) event_type: Arc<str>,
    /// The `uid` and the rest of an application that is made along with it, if there is none yet.
    pub(super) application: Option<application::Said>,
    uid: Option<Arc<str>>,
    channels: Option<Vec<Arc<str>>>,
    payload: Payload,
    is_raw: bool,
    besides: Besides,
}

/// What is said of a message besides, as it is kept to be shown again.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Details<'text> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload_retention_period: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload_retention_hours: Option<u64>,
    /// When it is to be sent, as it is shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deliver_at: Option<String>,
    /// Messages with one key go to an endpoint one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ordering_key: Option<String>,
    #[serde(borrow, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) transformations_params: BTreeMap<String, &'text RawValue>,
    /// Whether the payload came as a text.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub(super) is_raw: bool,
}

/// Judges a body that comes when the clock on the wall shows `now`.
///
/// # Errors
/// [`Problem`]: everything that is wrong; the caller's fault.
pub(super) fn judged(body: &Bytes, now: Timestamp, faults: Faults) -> Result<Said, Problem> {
    let mut fields = Fields::of(body, faults)?;
    let event_type = fields.required_name("eventType");
    let payload = fields.required_object("payload");
    let uid = fields.uid("eventId", EventId::PREFIX);
    let channels = fields.channels("channels");
    let tags = fields.tags("tags");
    let application = fields.inside("application").map(|mut inner| {
        let said = application::said(&mut inner);
        fields.take_in(inner);
        said
    });
    let days = limits::PAYLOAD_RETENTION_DAYS_MAX;
    let mut details = Details {
        payload_retention_period: fields.whole("payloadRetentionPeriod", (1, days)),
        payload_retention_hours: fields.whole("payloadRetentionHours", (1, days * 24)),
        ..Details::default()
    };
    if details.payload_retention_period.is_some() && details.payload_retention_hours.is_some() {
        let message = "say how long the payload is kept in days or in hours, not both";
        let loc = ["body", "payloadRetentionHours"];
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    let raw = parameters(&mut fields, &mut details);
    let days = details.payload_retention_period.map(|days| days * 24);
    let hours = days.or(details.payload_retention_hours);
    let payload_for = hours.map(|hours| {
        let seconds = i64::try_from(hours * 3_600).unwrap_or(i64::MAX);
        Span::from_seconds(seconds)
    });
    let deliver_at = fields.moment("deliverAt").map(|time| time.ceiling);
    let deliver_after = deliver_at.and_then(|at| wait_of(&mut fields, at.since(now), payload_for));
    details.deliver_at = deliver_at.map(wall_time::shown);
    details.ordering_key = fields.ordering_key();
    if deliver_after.is_some() && details.ordering_key.is_some() {
        let message = "a message for later has its own time and stands in no line: leave one of \
                       `orderingKey` and `deliverAt` out";
        let loc = ["body", "orderingKey"];
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    let ordering_key = details.ordering_key.as_deref().map(OrderingKey::of);
    let details = kept(&mut fields, &details)?;
    fields.finish()?;
    let (Some(event_type), Some(payload)) = (event_type, payload) else {
        // What is missing or wrong was told by `finish`.
        return Err(unexpected("a fault was not told", None));
    };
    let is_raw = raw.text.is_some();
    Ok(Said {
        event_type,
        application,
        uid,
        channels,
        payload: Payload {
            content_type: raw.content_type.unwrap_or_else(|| JSON.into()),
            bytes: raw.text.map_or(payload, Bytes::from),
        },
        is_raw,
        besides: Besides {
            only_to: None,
            ordering_key,
            tags,
            deliver_after,
            payload_for,
            details,
        },
    })
}

impl Said {
    /// The bytes of its payload, and what leads to them in the body.
    pub(super) fn payload(&self) -> (Bytes, &'static [&'static str]) {
        let loc: &[&str] = if self.is_raw {
            &["body", PARAMETERS, "rawPayload"]
        } else {
            &["body", "payload"]
        };
        (self.payload.bytes.clone(), loc)
    }

    /// The message, of an application.
    ///
    /// # Errors
    /// [`Problem`]: that application takes no such payload; the caller's fault.
    pub(super) fn offered(self, application: &Application) -> Result<NewEvent, Problem> {
        if self.is_raw && application.uid.as_deref() == Some(DEFAULT_APPLICATION_UID) {
            let message = "the original routes put payloads into JSON: give it as `payload`";
            let loc = ["body", PARAMETERS, "rawPayload"];
            return Err(Faults::default().and(&loc, FaultKind::Value, message));
        }
        Ok(NewEvent {
            application: application.key,
            uid: self.uid,
            event_type: self.event_type,
            channels: self.channels.unwrap_or_default(),
            payload: self.payload,
            besides: self.besides,
        })
    }
}

/// A payload as text, and its media type where one is named.
#[derive(Default)]
struct Raw {
    text: Option<String>,
    content_type: Option<Arc<str>>,
}

/// Reads the parameters of transformations: there are none here, but for the two by which libraries
/// send payloads that are no JSON objects. All others are kept.
fn parameters<'body>(fields: &mut Fields<'body>, details: &mut Details<'body>) -> Raw {
    let mut raw = Raw::default();
    let pairs = fields.pairs(PARAMETERS, limits::TRANSFORMATION_PARAMETERS_MAX);
    for (name, value) in pairs.unwrap_or_default() {
        if half_pair(value.get()).is_some() {
            let message = "must not hold half of a surrogate pair";
            let loc = ["body", PARAMETERS, &name];
            fields.faults.add(&loc, FaultKind::Value, message);
        } else if name == "rawPayload" {
            raw.text = serde_json::from_str(value.get()).ok();
            let (kind, message) = match raw.text.as_deref() {
                None => (
                    FaultKind::Type,
                    "`rawPayload` must be a text: it is sent as it is",
                ),
                Some("") => (FaultKind::Value, "`rawPayload` must not be empty"),
                Some(_) => continue,
            };
            let loc = ["body", PARAMETERS, "rawPayload"];
            fields.faults.add(&loc, kind, message);
        } else {
            if name == "headers" {
                raw.content_type = content_type(fields, value);
            }
            details.transformations_params.insert(name, value);
        }
    }
    details.is_raw = raw.text.is_some();
    raw
}

/// The media type among header fields; of others none is sent.
fn content_type(fields: &mut Fields<'_>, headers: &RawValue) -> Option<Arc<str>> {
    let headers: BTreeMap<String, String> = serde_json::from_str(headers.get()).ok()?;
    let mut named = headers.into_iter();
    let (name, text) = named.find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    let is_fit = |byte: u8| matches!(byte, b' '..=b'~');
    let most = limits::CONTENT_TYPE_BYTES_MAX;
    if text.contains('/') && text.len() <= most && text.bytes().all(is_fit) {
        return Some(text.into());
    }
    let message = format!("must be a media type such as text/plain, of at most {most} bytes");
    let loc = ["body", PARAMETERS, "headers", &name];
    fields.faults.add(&loc, FaultKind::Value, message);
    None
}

/// How long a message waits until it may be sent; `None` if its time has come. Notes it if that is too
/// long, or longer than its payload is there.
fn wait_of(fields: &mut Fields<'_>, wait: Span, payload_for: Option<Span>) -> Option<Span> {
    let (longest, loc) = (
        Span::from_millis(limits::DELIVER_AFTER_MS_MAX),
        ["body", "deliverAt"],
    );
    if wait > longest {
        let days = limits::DELIVER_AFTER_MS_MAX / 86_400_000;
        let message =
            format!("`deliverAt` may lie up to {days} days ahead: send the message later");
        fields.faults.add(&loc, FaultKind::Value, message);
    } else if payload_for.is_some_and(|period| wait >= period) {
        let message = "the payload is not kept so long: choose an earlier `deliverAt`, or a longer \
                       payloadRetentionPeriod";
        fields.faults.add(&loc, FaultKind::Value, message);
    }
    Some(wait).filter(|wait| *wait > Span::ZERO)
}

/// What is said besides, as text; nothing where nothing was said. Notes it if it is too long.
fn kept(fields: &mut Fields<'_>, details: &Details<'_>) -> Result<Bytes, Problem> {
    let text = serde_json::to_string(details)
        .map_err(|_| unexpected("what was read as JSON could not be written", None))?;
    if text.len() > limits::EVENT_DETAILS_BYTES_MAX {
        let most = limits::EVENT_DETAILS_BYTES_MAX;
        let message = format!("`{PARAMETERS}` may have {most} bytes in all, but for `rawPayload`");
        fields
            .faults
            .add(&["body", PARAMETERS], FaultKind::Value, message);
    }
    Ok(if text == "{}" {
        Bytes::new()
    } else {
        text.into()
    })
}
