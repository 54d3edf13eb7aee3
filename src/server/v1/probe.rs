//! What bytes of strangers go through, asked whether it keeps its word whatever they are. Tests throw
//! arbitrary bytes at these, in `cargo test` and under a fuzzer; nothing else calls them.

use axum::response::IntoResponse as _;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{AUTHORIZATION, IF_MATCH},
};
use serde_json::{Value, value::RawValue};

use super::{
    body,
    cursor::{Cursor, List, ListKind},
    faults::Faults,
    fields::Fields,
    half_pairs::half_pair,
    once::IdempotencyKey,
    query::Query,
    revision::Precondition,
    wall_time::WallTime,
};
use crate::{
    domain::id::{ApplicationId, Id},
    limits,
    server::{
        access::{Access, token},
        api_key::{ApiKey, digest, named_digest, record_name},
        json_scan::depth,
    },
    signing::{decode_secret, decode_verification_key, encode_secret},
};

/// The key that no arbitrary bytes are.
const KEY: &str = "fanfare_0123456789012345678901234567890123456789012";

/// What must be so.
fn so(is_so: bool, what: &str) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(what.to_owned()) }
}

/// Reads a body: what is taken is JSON for everybody, and JSON as everybody writes it is taken.
///
/// # Errors
/// What is not so; our fault.
pub fn json(bytes: &[u8]) -> Result<(), String> {
    let body = Bytes::copy_from_slice(bytes);
    if let Ok((fields, _)) = body::object(&body, Faults::default()) {
        let text = core::str::from_utf8(&body).map_err(|_| "what is taken is no UTF-8")?;
        so(depth(text) <= limits::JSON_DEPTH_MAX, "it is too deep")?;
        for (_, value) in &fields {
            let at = body::offset_of(text, value.get());
            let there = text
                .get(at..)
                .is_some_and(|rest| rest.starts_with(value.get()));
            so(there, "a field is no part of the body")?;
            pairs(value)?;
        }
        if let Ok(Value::Object(parsed)) = serde_json::from_str(text) {
            so(parsed.len() == fields.len(), "fields were lost or doubled")?;
            let has = |(name, _): &(String, _)| parsed.contains_key(name);
            so(fields.iter().all(has), "a field has another name")?;
        }
    }
    if let Ok(fields) = Fields::of(&body, Faults::default()) {
        asked(fields);
    }
    let Ok(value @ Value::Object(_)) = serde_json::from_slice(bytes) else {
        return Ok(());
    };
    let written = value.to_string();
    let taken = body::object(written.as_bytes(), Faults::default()).is_ok();
    so(
        taken == (depth(&written) <= limits::JSON_DEPTH_MAX),
        "JSON that was written anew is not taken",
    )
}

/// Half of a pair is found exactly where no text can be made.
fn pairs(value: &RawValue) -> Result<(), String> {
    let parsed = serde_json::from_str::<Value>(value.get());
    let is_number =
        |error: &serde_json::Error| error.to_string().starts_with("number out of range");
    match (half_pair(value.get()), parsed) {
        (None, Err(error)) => so(is_number(&error), "half of a pair is not found"),
        (Some(_), Ok(_)) => Err("half of a pair is found where there is none".to_owned()),
        (None, Ok(_)) | (Some(_), Err(_)) => Ok(()),
    }
}

/// Every kind of field is asked for; whatever is wrong is told.
fn asked(mut fields: Fields<'_>) {
    fields.required_text("name");
    fields.text_or_empty("description");
    fields.plain_or_null("groupName");
    fields.raw_text("scope");
    fields.uid("uid", "app_");
    fields.required_name("eventType");
    fields.channels("channels");
    fields.patterns("filterTypes", limits::ENDPOINT_EVENT_TYPES_MAX);
    fields.pairs("headers", limits::CHANNELS_MAX);
    fields.metadata("metadata");
    fields.object_or_null("schemas");
    fields.required_object("payload");
    fields.rate("rateLimit");
    fields.whole("version", (0, 10));
    fields.flag("disabled");
    fields.tags("tags");
    if let Err(problem) = fields.finish() {
        drop(problem.into_response());
    }
}

/// Reads an iterator: what is taken was given by this list and no other.
///
/// # Errors
/// What is not so; our fault.
pub fn cursor(bytes: &[u8]) -> Result<(), String> {
    let list = |kind| List {
        kind,
        application: Id::from_value(7),
        of: Id::from_value(8),
    };
    let (events, keys) = (list(ListKind::Events), list(ListKind::Keys));
    let text = String::from_utf8_lossy(bytes);
    if let Ok(cursor) = Cursor::parse(&text, events) {
        so(cursor.text(events) == text, "two texts are one iterator")?;
        so(Cursor::parse(&text, keys).is_err(), "it is good elsewhere")?;
    }
    let mut number = [0; 16];
    for (to, from) in number.iter_mut().zip(bytes) {
        *to = *from;
    }
    let id = Id::from_value(u128::from_be_bytes(number));
    for cursor in [Cursor::Older(id), Cursor::Newer(id)] {
        let text = cursor.text(events);
        so(
            Cursor::parse(&text, events).ok() == Some(cursor),
            "an iterator is not read back",
        )?;
        let Some((place, new)) = bytes.first().zip(bytes.last()) else {
            continue;
        };
        let mut other = text.clone().into_bytes();
        let at = usize::from(*place) % other.len().max(1);
        if let Some(byte) = other.get_mut(at) {
            *byte = *new;
        }
        let other = String::from_utf8_lossy(&other);
        let read = Cursor::parse(&other, events).ok();
        so(
            other == text || read.is_none(),
            "a changed iterator is taken",
        )?;
    }
    Ok(())
}

/// Reads what comes in headers, in queries and in texts of keys: one key opens, and what is read is
/// what was written.
///
/// # Errors
/// What is not so; our fault.
pub fn key(bytes: &[u8]) -> Result<(), String> {
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        let headers = |name: HeaderName| HeaderMap::from_iter([(name, value.clone())]);
        let is_let_in = Access::key(KEY).check(&headers(AUTHORIZATION)).is_ok();
        let shows_it = token(bytes) == Some(KEY.as_bytes());
        so(is_let_in == shows_it, "another key opens")?;
        let name = HeaderName::from_static("idempotency-key");
        if let Ok(key) = IdempotencyKey::of(&headers(name)) {
            so(key.bytes() == bytes, "an idempotency key is another one")?;
        }
        drop(Precondition::of(&headers(IF_MATCH)));
    }
    let digest = digest(bytes);
    let name = record_name(&digest);
    so(named_digest(&name) == Some(digest), "a digest is lost")?;
    let text = String::from_utf8_lossy(bytes);
    if let Some(digest) = named_digest(&text) {
        let written = record_name(&digest);
        so(
            written.eq_ignore_ascii_case(&text),
            "a digest has two names",
        )?;
    }
    if let Some(key) = ApiKey::read(bytes) {
        so(
            ApiKey::read(&key.body()) == Some(key),
            "a key's record changes",
        )?;
    }
    if let Ok(secret) = decode_secret(&text) {
        let again = decode_secret(&encode_secret(&secret));
        so(again.as_ref() == Ok(&secret), "a secret changes")?;
    }
    drop(decode_verification_key(&text));
    if let Ok(id) = text.parse::<ApplicationId>() {
        so(id.to_string() == text, "an id has two names")?;
    }
    if let Some(time) = WallTime::parse(&text) {
        so(time.floor <= time.ceiling, "a time ends before it begins")?;
    }
    let query = Query::of(&text);
    let mut faults = Faults::default();
    let count = query.count("limit", 50, 250, &mut faults);
    so((1..=250).contains(&count), "a page is too large")?;
    query.flag("with_content", true, &mut faults);
    Ok(())
}
