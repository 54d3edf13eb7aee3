//! Has messages accepted, whichever route they came by.

use http::StatusCode;

use super::{
    said::Said,
    shown::{shown, shown_new},
};
use crate::{
    domain::{
        command::{Answer, Command, NewEvent, Refusal},
        history::Name,
        id::{EventId, Id},
    },
    server::{
        backend::Backend,
        catalogue::{EventType, Misfit, UNUSABLE},
        problem::{FaultKind, Problem},
        v1::{
            Answered,
            called::Called,
            faults::Faults,
            once::{IdempotencyKey, Makes, replayed, replayed_if},
            taken, told, unexpected,
        },
    },
};

/// A message that a request offers.
pub(in crate::server::v1) struct Offer<'request> {
    /// The message.
    pub(in crate::server::v1) event: NewEvent,
    /// The key under which it is accepted once.
    pub(in crate::server::v1) key: &'request IdempotencyKey,
    /// The route by which it came.
    pub(in crate::server::v1) makes: Makes,
    /// Below which object.
    pub(in crate::server::v1) parent: Id,
    /// The body that asked for it.
    pub(in crate::server::v1) body: &'request [u8],
    /// Why it is not accepted now. It may have been before, under its key: then that is told again.
    pub(in crate::server::v1) refused: Option<Problem>,
}

/// Refuses the type of a message that is archived.
///
/// # Errors
/// [`Problem`]: the caller's fault; or the catalogue can't be read.
pub(in crate::server::v1) fn judge_type<B: Backend>(
    called: &Called<B>,
    event_type: &str,
) -> Result<(), Problem> {
    let types = called.catalogue.entries(called.backend.reads())?;
    if types.get(event_type).is_some_and(EventType::is_archived) {
        let message = "this event type is archived: send one that is in use, or take it into use \
                       again with PATCH";
        let faults = Faults::default();
        return Err(faults.and(&["body", "eventType"], FaultKind::Value, message));
    }
    Ok(())
}

/// Checks a payload where its type asks for it.
///
/// # Errors
/// [`Problem`]: it does not fit the schema; the caller's fault. Or the catalogue can't be read.
pub(super) async fn judge_payload<B: Backend>(
    called: &Called<B>,
    said: &Said,
) -> Result<(), Problem> {
    let (bytes, loc) = said.payload();
    let reads = called.backend.reads();
    let misfit = called.catalogue.misfit(reads, &said.event_type, &bytes);
    let mut faults = Faults::default();
    match misfit.await? {
        None => {}
        Some(Misfit::Unusable) => {
            faults.add(&["body", "eventType"], FaultKind::Value, UNUSABLE);
        }
        Some(Misfit::Payload(complaints)) => {
            for complaint in complaints {
                let path = complaint.path.iter().map(String::as_str);
                let loc: Vec<&str> = loc.iter().copied().chain(path).collect();
                faults.add(&loc, FaultKind::Value, complaint.message);
            }
        }
    }
    faults.into_result()
}

/// Has a message accepted and shows it, with the status and the content that its route answers with.
///
/// # Errors
/// [`Problem`]: its `eventId` is taken, or the engine refused it.
pub(in crate::server::v1) async fn accepted<B: Backend>(
    called: &Called<B>,
    offer: Offer<'_>,
    (status, with_content): (StatusCode, bool),
) -> Answered {
    let event = offer.event;
    let application = event.application;
    let command = match offer.refused {
        Some(_) => Command::Recall(application.shard),
        None => Command::AcceptEvent(Box::new(event.clone())),
    };
    let command = offer
        .key
        .once(offer.makes, &[offer.parent], offer.body, command);
    let mut is_replayed = false;
    let (id, accepted_wall) = match called.backend.command(command).await {
        Ok(Answer::Event { id, accepted_wall }) => (id, accepted_wall),
        Ok(Answer::Replayed { id }) => {
            is_replayed = true;
            let known = called.backend.reads().event(application, &Name::Id(id))?;
            if let (Some(known), Makes::Example) = (&known, offer.makes) {
                // The body does not tell what was sent: the catalogue may have changed since.
                return told(status, &shown(known, with_content)).map(replayed);
            }
            // A store in memory may have forgotten the event; its id says when it was made.
            let accepted = known.map_or_else(|| id.made_at(), |known| known.event.accepted_wall);
            (EventId::new(id), accepted)
        }
        Ok(Answer::NameTaken { id }) => return Err(taken("eventId", &EventId::new(id))),
        Ok(other) => return Err(unexpected("an event was offered", Some(other))),
        Err(Refusal::Stale) => {
            return Err(offer.refused.unwrap_or_else(|| Refusal::Stale.into()));
        }
        Err(refusal) => return Err(refusal.into()),
    };
    let message = shown_new(&event, (id, accepted_wall), with_content);
    let response = told(status, &message)?;
    Ok(replayed_if(is_replayed, response))
}
