//! Blocked lines: deliveries that wait for their next attempt while others of their line wait behind them.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    Answered, called::Called, entry::off_thread, faults::Faults, told, unexpected, wall_time,
};
use crate::{
    domain::{
        command::{Answer, Command},
        delivery::DeliveryState,
        endpoint::EndpointKey,
        present::{Head, Question},
    },
    limits,
    server::backend::Backend,
    store::{ReadError, Reads},
    time::Now,
};

/// `GET /api/v1/app/{app}/endpoint/{endpoint}/blocked`: 200 with the heads, those with most behind them
/// first.
pub(super) async fn list<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let now = called.keys.now();
    let mut faults = Faults::default();
    let (usual, most) = (limits::PAGE_ENTRIES, limits::HEADS_TOLD_MAX);
    let limit = called.query.count("limit", usual, most, &mut faults);
    faults.into_result()?;
    let backend = called.backend;
    let asked = Command::Present(endpoint.key, Question::Heads);
    let heads = match backend.command(asked).await? {
        Answer::Present(present) => present.heads,
        other => return Err(unexpected("the heads of lines were asked for", Some(other))),
    };
    off_thread(move || {
        let reads = backend.reads();
        let mut data = Vec::new();
        for head in heads.iter().take(limit) {
            data.extend(shown(reads, endpoint.key, *head, now)?);
        }
        let done = heads.len() <= limit && heads.len() < limits::HEADS_TOLD_MAX;
        told(StatusCode::OK, &json!({ "data": data, "done": done }))
    })
    .await
}

/// A head as the API shows it; `None` if it has ended meanwhile.
fn shown(
    reads: &dyn Reads,
    endpoint: EndpointKey,
    head: Head,
    now: Now,
) -> Result<Option<Value>, ReadError> {
    let span = (head.position, head.position.plus(1));
    let found = reads.candidates(endpoint, span, 1)?.found;
    let waits = found
        .into_iter()
        .find_map(|candidate| match candidate.state {
            Some(DeliveryState::Waiting { due }) => Some((candidate, due)),
            _ => None,
        });
    Ok(waits.map(|(candidate, due)| {
        let event = &candidate.event;
        let outcome = candidate.last_outcome.map(|outcome| outcome.to_string());
        json!({
            "msgId": event.id.to_string(),
            "eventId": event.uid.as_deref(),
            "eventType": &*event.event_type,
            "waiting": head.behind,
            "attempts": candidate.attempts,
            "lastOutcome": outcome,
            "nextAttempt": wall_time::shown(now.wall_at(due)),
        })
    }))
}
