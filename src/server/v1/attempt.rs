//! Attempts: what came of each request to an endpoint.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry as Place},
};

use http::StatusCode;
use serde::Serialize;

use super::{
    Answered,
    called::Called,
    cursor::{List, ListKind},
    entry::{Entry, off_thread, recorded_wall},
    faults::Faults,
    filter::{AttemptFilter, EndpointFilter},
    message::{self, MessageOut},
    page::{PageQuery, Part},
    status::Status,
    told,
};
use crate::{
    domain::{
        application::Application,
        attempt::Trigger,
        history::{AttemptEntry, EventEntry, HistoryQuery, Name},
        id::{EndpointId, Id},
        outcome::OutcomeKind,
    },
    limits,
    server::{backend::Backend, v1::wall_time},
    store::{ReadError, Reads},
    time::Timestamp,
};

/// `GET /api/v1/app/{app}/attempt/endpoint/{endpoint}`: 200 with a page.
pub(super) async fn of_endpoint<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let endpoint = called.endpoint(&application)?;
    let mut faults = Faults::default();
    let asked = Asked::of(&called, &mut faults);
    faults.into_result()?;
    let list = List {
        kind: ListKind::AttemptsOfEndpoint,
        application: application.id.id(),
        of: endpoint.id.id(),
    };
    let part = asked.page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let reads = backend.reads();
        asked.answer(reads, &application, &part, |query| {
            reads.attempts_of_endpoint(endpoint.key, query)
        })
    })
    .await
}

/// `GET /api/v1/app/{app}/attempt/msg/{message}`: 200 with a page.
pub(super) async fn of_message<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    let mut faults = Faults::default();
    let mut asked = Asked::of(&called, &mut faults);
    let endpoint = EndpointFilter::of(&called.query, &mut faults, |name| {
        let found = called.backend.reads().endpoint(application.key, name)?;
        Ok::<_, ReadError>(found.map(|endpoint| endpoint.id))
    })?;
    faults.into_result()?;
    asked.filter = asked.filter.to(endpoint);
    let list = List {
        kind: ListKind::AttemptsOfEvent,
        application: application.id.id(),
        of: event.id.id(),
    };
    let part = asked.page.part(list, called.backend.now())?;
    let backend = called.backend;
    off_thread(move || {
        let reads = backend.reads();
        asked.answer(reads, &application, &part, |query| {
            reads.attempts_of_event(application.key, event.position, query)
        })
    })
    .await
}

/// `GET /api/v1/app/{app}/msg/{message}/attempt/{attempt}`: 200.
pub(super) async fn show<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    let mut faults = Faults::default();
    let with_content = called.query.flag("with_content", true, &mut faults);
    faults.into_result()?;
    off_thread(move || {
        let entry = called.attempt(&event)?;
        let mut urls = Urls::default();
        urls.find(called.backend.reads(), &application, entry.endpoint)?;
        let said = shown(&entry, &urls, with_content, None);
        told(StatusCode::OK, &said)
    })
    .await
}

/// `DELETE /api/v1/app/{app}/msg/{message}/attempt/{attempt}/content`: 204 once the body of its reply
/// is gone.
pub(super) async fn expunge<B: Backend>(called: Called<B>) -> Answered {
    let application = called.application()?;
    let event = called.message(&application)?.event;
    let attempt = called.attempt(&event)?.record.id;
    message::expunged(&called.backend, &event, Some(attempt)).await
}

/// What a list of attempts is asked for.
struct Asked {
    page: PageQuery,
    filter: AttemptFilter,
    with_content: bool,
    with_message: bool,
    /// The moment as of which messages are shown.
    steady: Timestamp,
}

/// An attempt and, where it is asked for, the message it carried.
struct Row {
    attempt: AttemptEntry,
    message: Option<EventEntry>,
}

impl Entry for Row {
    fn id(&self) -> Id {
        self.attempt.id()
    }

    fn wall(&self) -> Timestamp {
        self.attempt.wall()
    }

    fn bytes(&self) -> usize {
        self.attempt.bytes() + self.message.as_ref().map_or(0, Entry::bytes)
    }
}

impl Asked {
    /// Reads the query; what is wrong is noted.
    fn of<B: Backend>(called: &Called<B>, faults: &mut Faults) -> Self {
        let query = &called.query;
        Self {
            page: PageQuery::of(query, faults),
            filter: AttemptFilter::of(query, faults),
            with_content: query.flag("with_content", true, faults),
            with_message: query.flag("with_msg", false, faults),
            steady: called.keys.now().steady,
        }
    }

    /// The page, from what `read` gives of the list.
    fn answer(
        &self,
        reads: &dyn Reads,
        application: &Application,
        part: &Part,
        mut read: impl FnMut(HistoryQuery) -> Result<Vec<AttemptEntry>, ReadError>,
    ) -> Answered {
        let mut rows = |query| {
            if self.filter.takes_none() {
                return Ok(Vec::new());
            }
            let attempts = read(query)?.into_iter();
            attempts
                .map(|attempt| self.row(reads, application, attempt))
                .collect()
        };
        let most = limits::PAGE_ENTRIES_MAX + 1;
        let is_wanted = |row: &Row| self.filter.fits(&row.attempt);
        let entries = if self.with_message {
            part.read_where(limits::PAGE_EVENTS_READ, &mut rows, is_wanted)?
        } else if self.filter.takes_all() {
            part.read(most, &mut rows)?
        } else {
            part.read_where(most, &mut rows, is_wanted)?
        };
        let mut urls = Urls::default();
        for row in &entries.shown {
            urls.find(reads, application, row.attempt.endpoint)?;
        }
        let page = entries
            .answer(|row| shown(&row.attempt, &urls, self.with_content, row.message.as_ref()));
        told(StatusCode::OK, &page)
    }

    fn row(
        &self,
        reads: &dyn Reads,
        application: &Application,
        attempt: AttemptEntry,
    ) -> Result<Row, ReadError> {
        let is_asked_for = self.with_message && self.filter.fits(&attempt);
        let message = if is_asked_for {
            let name = Name::Id(attempt.event.id.id());
            let found = reads.event(application.key, &name)?;
            found.map(|entry| entry.as_of(self.steady))
        } else {
            None
        };
        Ok(Row { attempt, message })
    }
}

/// Where the endpoints of a page are now.
#[derive(Default)]
struct Urls(BTreeMap<EndpointId, String>);

impl Urls {
    fn find(
        &mut self,
        reads: &dyn Reads,
        application: &Application,
        endpoint: EndpointId,
    ) -> Result<(), ReadError> {
        if let Place::Vacant(place) = self.0.entry(endpoint) {
            let found = reads.endpoint(application.key, &Name::Id(endpoint.id()))?;
            // Of an endpoint that is no more nobody knows where it was.
            let url = found.map(|endpoint| endpoint.target.url.text().to_owned());
            place.insert(url.unwrap_or_default());
        }
        Ok(())
    }

    fn of(&self, endpoint: EndpointId) -> &str {
        self.0.get(&endpoint).map_or("", String::as_str)
    }
}

/// An attempt as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptOut<'e> {
    id: String,
    msg_id: String,
    endpoint_id: String,
    url: &'e str,
    response: Cow<'e, str>,
    response_status_code: u16,
    response_duration_ms: i64,
    status: u16,
    status_text: &'static str,
    trigger_type: u8,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<MessageOut<'e>>,
}

fn shown<'e>(
    entry: &'e AttemptEntry,
    urls: &'e Urls,
    with_content: bool,
    message: Option<&'e EventEntry>,
) -> AttemptOut<'e> {
    let record = &entry.record;
    let status = Status::of_attempt(record);
    // Of a kept body what is no UTF-8 becomes `�`.
    let (response_status_code, response) = match record.outcome {
        OutcomeKind::Status(code) if with_content => (code, String::from_utf8_lossy(&record.body)),
        OutcomeKind::Status(code) => (code, Cow::Borrowed("")),
        other => (0, Cow::Owned(format!("{}: {other}", other.name()))),
    };
    AttemptOut {
        id: record.id.to_string(),
        msg_id: entry.event.id.to_string(),
        endpoint_id: entry.endpoint.to_string(),
        url: urls.of(entry.endpoint),
        response,
        response_status_code,
        response_duration_ms: record.duration.as_millis(),
        status: status.number(),
        status_text: status.text(),
        trigger_type: match record.trigger {
            Trigger::Schedule => 0,
            Trigger::Manual => 1,
        },
        timestamp: wall_time::shown(recorded_wall(record)),
        msg: message.map(|entry| message::shown(entry, with_content)),
    }
}
