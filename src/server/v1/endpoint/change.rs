//! Changes of an endpoint, each made from the newest revision.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    domain::{
        application::Application,
        command::{Answer, Command, EndpointUpdate, Refusal},
        endpoint::{Endpoint, EndpointState},
        endpoint_url::EndpointUrl,
        filter::Filter,
        history::Name,
        id::EndpointId,
        ordering::Ordering,
        secret::Secret,
    },
    server::{
        backend::Backend,
        problem::Problem,
        v1::{
            called::Called,
            once::{IdempotencyKey, Makes, recalled},
            revision::{TRIES, overtaken},
            taken, unexpected,
        },
    },
    time::Span,
};

/// What is changed of an endpoint; what is `None` stays.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) url: Option<EndpointUrl>,
    pub(super) uid: Option<Option<Arc<str>>>,
    pub(super) filter: Option<Filter>,
    pub(super) headers: Option<Vec<(Arc<str>, Arc<str>)>>,
    pub(super) is_enabled: Option<bool>,
    /// A rate, or none any more.
    pub(super) throttle_rate: Option<Option<u16>>,
    pub(super) ordering: Option<Ordering>,
    pub(super) details: Option<Bytes>,
    /// A new secret, and how long those of before sign beside it.
    pub(super) rotation: Option<(Secret, Span)>,
}

/// Changes the endpoint that the path names; a change that another one overtook is judged anew.
/// Gives the endpoint as it is then.
///
/// # Errors
/// What `judge` refuses, [`Code::NotFound`](crate::server::problem::Code::NotFound),
/// that `If-Match` asks for another revision, that the `uid` is taken, or that it can't be done now.
pub(super) async fn change<B: Backend>(
    called: &Called<B>,
    judge: impl FnMut(&Endpoint) -> Result<Changed, Problem>,
) -> Result<Arc<Endpoint>, Problem> {
    let no_key = IdempotencyKey::default();
    let changed = change_once(called, (&no_key, &[]), judge).await;
    changed.map(|(endpoint, _)| endpoint)
}

/// As [`change`], once under a key if there is one; and whether that was before.
///
/// # Errors
/// As [`change`], and that the key was used for another body.
pub(super) async fn change_once<B: Backend>(
    called: &Called<B>,
    (key, body): (&IdempotencyKey, &[u8]),
    mut judge: impl FnMut(&Endpoint) -> Result<Changed, Problem>,
) -> Result<(Arc<Endpoint>, bool), Problem> {
    let precondition = called.precondition.clone()?;
    for _ in 0..TRIES {
        let (application, known, gone) = if key.is_given() {
            let (application, endpoint) = called.endpoint_since()?;
            (application, endpoint.object, endpoint.gone)
        } else {
            let application = called.application()?;
            let endpoint = called.endpoint(&application)?;
            (application, endpoint, None)
        };
        if let Some(gone) = gone {
            let place = [application.id.id(), known.id.id()];
            let place = (application.key.shard, Makes::Rotation, &place[..]);
            recalled(called, place, body, gone).await?;
            return Ok((known, true));
        }
        let changed = judge(&known)?;
        let mut update = update(&known, changed);
        let unmet = precondition.judge(known.revision()).err();
        if let Some(unmet) = &unmet {
            if !key.is_given() {
                return Err(unmet.clone());
            }
            // It may be this request that made the revision another one: only the store knows. No
            // endpoint ever has this revision.
            update.revision = 0;
        }
        let command = Command::UpdateEndpoint(Box::new(update));
        let objects = [application.id.id(), known.id.id()];
        let command = key.once(Makes::Rotation, &objects, body, command);
        match called.backend.command(command).await {
            Ok(Answer::Endpoint { id, .. }) => {
                return Ok((found(called, &application, id)?, false));
            }
            Ok(Answer::Replayed { id }) => {
                let endpoint = found(called, &application, EndpointId::new(id))?;
                return Ok((endpoint, true));
            }
            Ok(Answer::NameTaken { id }) => return Err(taken("uid", &EndpointId::new(id))),
            Err(Refusal::Stale) => {
                if let Some(unmet) = unmet {
                    return Err(unmet);
                }
            }
            Ok(other) => return Err(unexpected("an endpoint was changed", Some(other))),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Err(overtaken())
}

fn update(known: &Endpoint, changed: Changed) -> EndpointUpdate {
    let target = &known.target;
    EndpointUpdate {
        application: known.key.application,
        endpoint: known.id,
        revision: known.revision(),
        url: changed.url.filter(|url| url.text() != target.url.text()),
        uid: changed.uid.unwrap_or_else(|| known.uid.clone()),
        filter: changed
            .filter
            .unwrap_or_else(|| Filter::clone(&known.filter)),
        headers: changed.headers.unwrap_or_else(|| target.headers.clone()),
        is_enabled: changed
            .is_enabled
            .unwrap_or(known.state == EndpointState::Enabled),
        throttle_rate: changed.throttle_rate.unwrap_or(known.throttle_rate),
        ordering: changed.ordering.unwrap_or(known.ordering),
        rotation: changed.rotation,
        details: changed.details.unwrap_or_else(|| known.details.clone()),
    }
}

/// An endpoint that was made or changed just now.
pub(super) fn found<B: Backend>(
    called: &Called<B>,
    application: &Application,
    id: EndpointId,
) -> Result<Arc<Endpoint>, Problem> {
    let name = Name::Id(id.id());
    let found = called.backend.reads().endpoint(application.key, &name)?;
    found.ok_or_else(|| unexpected("an endpoint is missing", None))
}
