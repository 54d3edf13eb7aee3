//! Endpoints that are changed as the server does it: read as they stand, and written back otherwise.

use fanfare::{
    domain::{
        application::ApplicationKey,
        command::{Answer, Command, EndpointUpdate},
        endpoint::EndpointState,
        filter::Filter,
        history::Name,
        id::EndpointId,
    },
    store::Reads as _,
};

use super::rig::Rig;

/// The change of an endpoint by which all stays as it is.
pub(crate) fn unchanged(
    rig: &Rig,
    (application, endpoint): (ApplicationKey, EndpointId),
) -> EndpointUpdate {
    let known = rig.store.endpoint(application, &Name::Id(endpoint.id()));
    let known = known.expect("it reads").expect("it is there");
    EndpointUpdate {
        application,
        endpoint,
        revision: known.revision(),
        uid: known.uid.clone(),
        url: None,
        filter: Filter::clone(&known.filter),
        headers: known.target.headers.clone(),
        rotation: None,
        is_enabled: known.state == EndpointState::Enabled,
        throttle_rate: known.throttle_rate,
        ordering: known.ordering,
        details: known.details.clone(),
    }
}

/// Changes an endpoint: what is not said otherwise stays.
pub(crate) fn change_endpoint(
    rig: &mut Rig,
    endpoint: (ApplicationKey, EndpointId),
    otherwise: impl FnOnce(&mut EndpointUpdate),
) {
    let mut update = unchanged(rig, endpoint);
    otherwise(&mut update);
    let request = rig.command(Command::UpdateEndpoint(Box::new(update)));
    let reply = rig.replies.get(&request);
    let is_done = matches!(reply, Some(Ok(Answer::Endpoint { .. })));
    assert!(is_done, "{reply:?}");
}
