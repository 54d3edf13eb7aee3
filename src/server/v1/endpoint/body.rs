//! What a body says of an endpoint, and how an endpoint is shown.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::headers::headers;
use crate::{
    domain::{
        endpoint::{Endpoint, EndpointState},
        endpoint_url::EndpointUrl,
        filter::Filter,
        id::EndpointId,
        ordering::Ordering,
        secret::Secret,
    },
    limits,
    policy::address::AddressPolicy,
    server::{
        problem::{FaultKind, Problem},
        v1::{fields::Fields, unexpected, wall_time},
    },
    signing::decode_secret,
};

/// What a body says of an endpoint.
pub(super) struct Said {
    pub(super) url: EndpointUrl,
    pub(super) uid: Option<Arc<str>>,
    pub(super) filter: Filter,
    /// `None` if nothing was said of them.
    pub(super) headers: Option<Vec<(Arc<str>, Arc<str>)>>,
    pub(super) is_enabled: bool,
    /// How many attempts a second go to it at most.
    pub(super) throttle_rate: Option<u16>,
    /// Which of its deliveries wait for which.
    pub(super) ordering: Ordering,
    /// The rest, as a JSON object.
    pub(super) details: Bytes,
    /// A secret that the caller chose.
    pub(super) secret: Option<Secret>,
}

/// Names that older client libraries use, behind the ones of today.
pub(super) const OLDER_NAMES: [(&str, &str); 2] =
    [("eventTypes", "filterTypes"), ("throttleRate", "rateLimit")];

/// Where the URL of an endpoint may lead to.
#[derive(Clone, Copy)]
pub(super) struct Reach<'a> {
    /// What the operator lets be sent to.
    pub(super) targets: &'a AddressPolicy,
    /// The URL that the endpoint has: it may stay, whatever `targets` say by now.
    pub(super) known: Option<&'a EndpointUrl>,
}

/// Judges the fields of a body; whoever makes an endpoint may choose its secret.
///
/// # Errors
/// [`Problem`]: everything that is wrong; the client's fault.
pub(super) fn judged(
    mut fields: Fields<'_>,
    takes_secret: bool,
    reach: Reach<'_>,
) -> Result<Said, Problem> {
    let url = url(&mut fields, reach);
    let uid = fields.uid("uid", EndpointId::PREFIX);
    let filter = Filter {
        event_types: event_types(&mut fields),
        channels: fields.channels("channels").unwrap_or_default(),
    };
    let headers = headers(&mut fields, "headers");
    let secret = if takes_secret {
        given_secret(&mut fields, "secret")
    } else {
        None
    };
    let throttle_rate = fields.throttle_rate();
    let ordering = fields.ordering();
    let details = json!({
        "description": fields.text_or_empty("description"),
        "metadata": fields.metadata("metadata"),
        "version": fields.whole("version", (1, u32::MAX.into())),
    });
    let is_enabled = !fields.flag("disabled");
    fields.finish()?;
    // A URL that is missing or wrong was told by `finish`.
    let url = url.ok_or_else(|| unexpected("a fault was not told", None))?;
    Ok(Said {
        url,
        uid,
        filter,
        headers,
        is_enabled,
        throttle_rate,
        ordering,
        details: details.to_string().into(),
        secret,
    })
}

/// The URL, which is taken as it is or not at all: what a parser would drop or mend is refused.
fn url(fields: &mut Fields<'_>, reach: Reach<'_>) -> Option<EndpointUrl> {
    let text = fields.required_raw_text("url")?;
    let mut refuse = |message: String| {
        fields
            .faults
            .add(&["body", "url"], FaultKind::Value, message);
        None
    };
    let url = match EndpointUrl::parse(&text) {
        Ok(url) => url,
        Err(error) => return refuse(error.to_string()),
    };
    let is_mended = |sign: char| sign.is_whitespace() || sign.is_control() || sign == '\\';
    let parsed = url::Url::parse(&text).ok()?;
    if text.contains(is_mended) {
        refuse("a URL must not hold spaces, control characters or backslashes".into())
    } else if !parsed.username().is_empty() || parsed.password().is_some() {
        refuse("a URL must not hold a user or password: they would not be sent".into())
    } else if parsed.fragment().is_some() {
        refuse("a URL must not hold a fragment (#…): it would not be sent".into())
    } else if reach.known == Some(&url) {
        Some(url)
    } else if !url.is_plainly_spelled() {
        let authority = url.authority();
        not_allowed(
            fields,
            format!("write the host as it is understood: {authority}"),
        )
    } else if let Err(refusal) = reach.targets.judge_url(&url) {
        // A courtesy: what counts is the address that is dialled.
        let message = format!(
            "{refusal}: name a public host, or have the operator allow it (--allow-target for networks, \
             --allow-port for ports)"
        );
        not_allowed(fields, message)
    } else {
        Some(url)
    }
}

/// Refuses a URL for where it leads.
fn not_allowed(fields: &mut Fields<'_>, message: String) -> Option<EndpointUrl> {
    fields
        .faults
        .add(&["body", "url"], FaultKind::UrlNotAllowed, message);
    None
}

/// The event types, by their name or by the one that older client libraries use.
fn event_types(fields: &mut Fields<'_>) -> Vec<Arc<str>> {
    let most = limits::ENDPOINT_EVENT_TYPES_MAX;
    let (names, older) = (
        fields.patterns("eventTypes", most),
        fields.patterns("filterTypes", most),
    );
    if names.is_some() && older.is_some() {
        let message = "`filterTypes` is an older name of `eventTypes`: send one of them";
        fields
            .faults
            .add(&["body", "filterTypes"], FaultKind::Value, message);
    }
    names.or(older).unwrap_or_default()
}

/// A secret that the caller chose.
pub(super) fn given_secret(fields: &mut Fields<'_>, name: &str) -> Option<Secret> {
    let text = fields.raw_text(name)?;
    let message = match decode_secret(&text) {
        Ok(secret) if secret.expose().iter().any(|byte| *byte != 0) => return Some(secret),
        Ok(_) => "a signing secret must not be all zeros".to_owned(),
        Err(error) => error.to_string(),
    };
    fields
        .faults
        .add(&["body", name], FaultKind::Value, message);
    None
}

/// What a body could say of an endpoint, as it is; header fields and secrets have routes of their
/// own.
pub(super) fn fields_of(endpoint: &Endpoint) -> Value {
    let mut said: Map<String, Value> =
        serde_json::from_slice(&endpoint.details).unwrap_or_default();
    let list = |names: &[Arc<str>]| -> Option<Vec<String>> {
        let names = names.iter().map(|name| name.to_string());
        (names.len() > 0).then(|| names.collect())
    };
    let mut fields = json!({
        "uid": endpoint.uid.as_deref(),
        "url": endpoint.target.url.text(),
        "description": said.remove("description").unwrap_or_else(|| "".into()),
        "eventTypes": list(&endpoint.filter.event_types),
        "channels": list(&endpoint.filter.channels),
        "disabled": endpoint.state != EndpointState::Enabled,
        "throttleRate": endpoint.throttle_rate,
        "ordering": endpoint.ordering.name(),
        "metadata": said.remove("metadata").unwrap_or_else(|| json!({})),
    });
    // Only what was said: libraries of today have no such field.
    let version = said.remove("version").filter(|version| !version.is_null());
    if let (Some(version), Some(fields)) = (version, fields.as_object_mut()) {
        fields.insert("version".into(), version);
    }
    fields
}

/// An endpoint as the API shows it: with the older names, too, since libraries that know only these
/// require some of them.
pub(in crate::server::v1) fn shown(endpoint: &Endpoint) -> Value {
    let mut shown = fields_of(endpoint);
    let older = OLDER_NAMES.map(|(name, older)| (older, shown.get(name).cloned()));
    let times = [
        ("createdAt", endpoint.created_at),
        ("updatedAt", endpoint.updated_at),
    ];
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("id".into(), endpoint.id.to_string().into());
        for (name, value) in older {
            fields.insert(name.into(), value.into());
        }
        fields.entry("version").or_insert_with(|| 1.into());
        for (name, at) in times {
            fields.insert(name.into(), wall_time::shown(at.wall).into());
        }
    }
    shown
}
