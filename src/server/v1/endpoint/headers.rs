//! The header fields that an endpoint's owner adds to each request.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::Request;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::change::{Changed, change};
use crate::{
    limits,
    policy::header::{is_sensitive, judge_header},
    server::{
        backend::Backend,
        problem::FaultKind,
        v1::{
            Answered, body, called::Called, faults::Faults, fields::Fields, nothing,
            revision::told_at,
        },
    },
};

/// Fields as they are kept: names in small letters, in their order.
type Headers = Vec<(Arc<str>, Arc<str>)>;

/// `GET …/headers`: 200; of sensitive ones the name alone.
pub(in crate::server::v1) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let fields = endpoint.target.headers.iter();
    let (secret, plain): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| is_sensitive(name));
    let shown: Map<String, Value> = plain
        .into_iter()
        .map(|(name, value)| (name.to_string(), value.to_string().into()))
        .collect();
    let names: Vec<&str> = secret.into_iter().map(|(name, _)| &**name).collect();
    let said = json!({ "headers": shown, "sensitive": names });
    told_at(StatusCode::OK, endpoint.revision(), &said)
}

/// `PUT …/headers`: 204; these and no others.
pub(in crate::server::v1) async fn put<B: Backend>(
    called: Called<B>,
    request: Request,
) -> Answered {
    let body = body::read(request).await?;
    let mut fields = Fields::of(&body, Faults::default())?;
    let given = headers(&mut fields, "headers");
    require(&mut fields, given.is_some());
    fields.finish()?;
    let given = given.unwrap_or_default();
    change(&called, |_| {
        Ok(Changed {
            headers: Some(given.clone()),
            ..Changed::default()
        })
    })
    .await?;
    Ok(nothing())
}

/// `PATCH …/headers`: 204; null takes one away, and so does its name in `deleteHeaders`.
pub(in crate::server::v1) async fn patch<B: Backend>(
    called: Called<B>,
    request: Request,
) -> Answered {
    let body = body::read(request).await?;
    let mut fields = Fields::of(&body, Faults::default())?;
    let most = limits::ENDPOINT_HEADERS_MAX;
    let pairs = fields.pairs("headers", most);
    let is_there = pairs.is_some();
    let mut changes: BTreeMap<String, Option<String>> = BTreeMap::new();
    for (name, value) in pairs.unwrap_or_default() {
        let value = match value.get() {
            "null" => None,
            _ => fields.text_of("headers", value),
        };
        if let Some(name) = judged(&mut fields, "headers", &name, value.as_deref()) {
            changes.insert(name, value);
        }
    }
    let gone = fields.names("deleteHeaders", most);
    let is_there = is_there || gone.is_some();
    let gone = gone.unwrap_or_default();
    changes.extend(gone.iter().map(|name| (name.to_ascii_lowercase(), None)));
    require(&mut fields, is_there);
    fields.finish()?;
    change(&called, |endpoint| {
        let known = endpoint.target.headers.iter();
        let mut all: BTreeMap<String, String> = known
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        for (name, value) in &changes {
            match value {
                Some(value) => all.insert(name.clone(), value.clone()),
                None => all.remove(name),
            };
        }
        if all.len() > most {
            let message = format!("an endpoint has at most {most} header fields");
            let faults = Faults::default();
            return Err(faults.and(&["body", "headers"], FaultKind::Quota, &message));
        }
        let all = all.into_iter();
        Ok(Changed {
            headers: Some(
                all.map(|(name, value)| (name.into(), value.into()))
                    .collect(),
            ),
            ..Changed::default()
        })
    })
    .await?;
    Ok(nothing())
}

/// `headers` must be there.
fn require(fields: &mut Fields<'_>, is_there: bool) {
    let is_told = fields.faults.names(&["body", "headers"]);
    if !is_there && !is_told {
        let message = "`headers` is required: an object of names and values";
        fields
            .faults
            .add(&["body", "headers"], FaultKind::Missing, message);
    }
}

/// The header fields that a body names; `None` if it says nothing of them.
pub(super) fn headers(fields: &mut Fields<'_>, name: &str) -> Option<Headers> {
    let pairs = fields.pairs(name, limits::ENDPOINT_HEADERS_MAX)?;
    let mut all = BTreeMap::new();
    for (header, value) in pairs {
        let value = fields.text_of(name, value);
        let Some(known) = judged(fields, name, &header, value.as_deref()) else {
            continue;
        };
        if all.insert(known, value.unwrap_or_default()).is_some() {
            let message = format!("`{name}` names a header twice, in different letters");
            fields
                .faults
                .add(&["body", name, &header], FaultKind::Value, message);
        }
    }
    let all = all.into_iter();
    Some(
        all.map(|(name, value)| (name.into(), value.into()))
            .collect(),
    )
}

/// The name of a field in small letters, if it may be added; one without a value goes away.
fn judged(fields: &mut Fields<'_>, of: &str, name: &str, value: Option<&str>) -> Option<String> {
    match judge_header(name, value.unwrap_or_default()) {
        Ok(name) => Some(name),
        Err(error) => {
            let loc = ["body", of, name];
            fields.faults.add(&loc, FaultKind::Value, error.to_string());
            None
        }
    }
}
