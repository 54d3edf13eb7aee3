//! Endpoints that are changed by hand: read as they stand, and changed as the server does it.

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
#[derive(Default)]
pub(super) struct Changed {
    pub(super) url: Option<EndpointUrl>,
    pub(super) filter: Option<Filter>,
    pub(super) ordering: Option<Ordering>,
    pub(super) rotation: Option<(Secret, Span)>,
    pub(super) is_enabled: Option<bool>,
}

/// The change of an endpoint.
pub(super) fn change(known: &Endpoint, changed: Changed) -> (Command, Asked) {
    let target = &known.target;
    let url = changed.url.unwrap_or_else(|| target.url.clone());
    let filter = changed.filter;
    let filter = filter.unwrap_or_else(|| Filter::clone(&known.filter));
    let is_enabled = known.state == EndpointState::Enabled;
    let is_enabled = changed.is_enabled.unwrap_or(is_enabled);
    let rotation = changed.rotation;
    let asked = Asked::Change {
        ordinal: known.key.ordinal,
        url: url.clone(),
        filter: filter.clone(),
        rotation: rotation.clone(),
        is_enabled,
    };
    let update = EndpointUpdate {
        application: known.key.application,
        endpoint: known.id,
        revision: known.revision(),
        url: Some(url).filter(|url| url.text() != target.url.text()),
        uid: known.uid.clone(),
        filter,
        headers: target.headers.clone(),
        is_enabled,
        throttle_rate: known.throttle_rate,
        ordering: changed.ordering.unwrap_or(known.ordering),
        rotation,
        details: known.details.clone(),
    };
    (Command::UpdateEndpoint(Box::new(update)), asked)
}
