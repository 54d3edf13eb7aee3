//! The change of an endpoint, from the revision that everybody can read: only what is to be other is, as the server
//! does it.

use std::sync::Arc;

use super::by_hand::Asked;
use crate::{
    domain::{
        command::{Command, EndpointUpdate},
        endpoint::{Endpoint, EndpointState},
        endpoint_url::EndpointUrl,
        filter::Filter,
        ordering::Ordering,
        secret::Secret,
    },
    time::Span,
};

/// What is to be other about an endpoint; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) url: Option<EndpointUrl>,
    pub(super) filter: Option<Filter>,
    pub(super) headers: Option<Vec<(Arc<str>, Arc<str>)>>,
    /// A rate, or none any more.
    pub(super) throttle_rate: Option<Option<u16>>,
    pub(super) ordering: Option<Ordering>,
    /// A new secret, and how long the one of before signs, too.
    pub(super) rotation: Option<(Secret, Span)>,
    pub(super) is_enabled: Option<bool>,
}

/// The change of an endpoint.
pub(super) fn change(known: &Endpoint, changed: Changed) -> (Command, Asked) {
    let target = &known.target;
    let asked = Asked::Change {
        ordinal: known.key.ordinal,
        revision: known.revision(),
        changed: Box::new(changed.clone()),
    };
    let is_enabled = known.state == EndpointState::Enabled;
    let filter = changed.filter;
    let headers = changed.headers;
    let update = EndpointUpdate {
        application: known.key.application,
        endpoint: known.id,
        revision: known.revision(),
        url: changed.url.filter(|url| url.text() != target.url.text()),
        uid: known.uid.clone(),
        filter: filter.unwrap_or_else(|| Filter::clone(&known.filter)),
        headers: headers.unwrap_or_else(|| target.headers.clone()),
        is_enabled: changed.is_enabled.unwrap_or(is_enabled),
        throttle_rate: changed.throttle_rate.unwrap_or(known.throttle_rate),
        ordering: changed.ordering.unwrap_or(known.ordering),
        rotation: changed.rotation,
        details: known.details.clone(),
    };
    (Command::UpdateEndpoint(Box::new(update)), asked)
}
