//! The secrets that an endpoint's deliveries are signed with.

use axum::extract::Request;
use http::StatusCode;
use serde_json::json;

use super::{
    body::given_secret,
    change::{Changed, change_once},
    fresh_secret,
};
use crate::{
    domain::endpoint::Endpoint,
    limits,
    server::{
        backend::Backend,
        v1::{
            Answered, body,
            called::Called,
            faults::Faults,
            fields::Fields,
            once::{gone, replayed_if},
            told,
        },
    },
    signing::{VerificationKey, encode_verification_key},
    time::Span,
};

/// `GET …/secret`: 200 with the key that verifies.
pub(in crate::server::v1) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    key_of(&endpoint)
}

/// `POST …/secret/rotate`: 200 with the new key; the old one signs, too, until its grace ends.
pub(in crate::server::v1) async fn rotate<B: Backend>(
    called: Called<B>,
    request: Request,
) -> Answered {
    let body = body::read_or_empty(request).await?;
    let mut fields = Fields::of(&body, Faults::default())?;
    let given = given_secret(&mut fields, "key");
    let most = u64::try_from(limits::GRACE_S_MAX).unwrap_or_default();
    let grace = fields.whole("gracePeriodSeconds", (0, most));
    fields.finish()?;
    let grace = grace.and_then(|seconds| i64::try_from(seconds).ok());
    let grace = Span::from_seconds(grace.unwrap_or(limits::GRACE_S));
    let secret = match given {
        Some(secret) => secret,
        None => fresh_secret()?,
    };
    let key = called.key.clone()?;
    let (endpoint, is_replayed) = change_once(&called, (&key, &body), |_| {
        Ok(Changed {
            rotation: Some((secret.clone(), grace)),
            ..Changed::default()
        })
    })
    .await?;
    if endpoint.is_deleted() {
        // Its secrets went with it.
        return Err(gone("secret"));
    }
    key_of(&endpoint).map(|answer| replayed_if(is_replayed, answer))
}

/// The newest key, whose secret signs as long as there is no newer one.
fn key_of(endpoint: &Endpoint) -> Answered {
    let key = VerificationKey::of(&endpoint.target.secret);
    let key = encode_verification_key(&key);
    told(StatusCode::OK, &json!({ "key": key }))
}
