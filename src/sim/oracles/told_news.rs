//! I34: what happens to endpoints and deliveries is told to the application that operational events are for:
//! once each, as it happened, and nothing else. What happened is judged by what is durable, by the table of
//! `docs/api.md`, "Operational events".

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use crate::{
    domain::{
        application::ApplicationKey,
        attempt::AttemptResult,
        change::{Change, ChangeResult},
        endpoint::{DisabledReason, EndpointKey, EndpointState},
        event::{Event, EventPosition, ORDER_RECEIVED},
        id::{ApplicationId, EndpointId, EventId},
        outcome::OutcomeKind,
    },
    sim::{ledger::BatchFacts, news::News, scenario::Scenario, seen::SeenRecord, witness::Witness},
    time::{Span, Timestamp},
};

/// So many attempts of a delivery fail before that is told.
const FAILURES_TOLD: u16 = 4;
/// How long it is known at least that something was told.
const KNOWN: Span = Span::from_seconds(86_400);

/// What something is told by, and the endpoint or attempt it is about.
type Key = (&'static str, String);

/// What is to be told, and was.
#[derive(Debug, Default)]
struct Account {
    /// How often it happened and was not told.
    owed: u64,
    /// How often it happened, and need not be told: its endpoint was about to be deleted.
    granted: u64,
    /// When it was told last, in steady time.
    told_at: Option<Timestamp>,
    /// What must be said of it.
    facts: Facts,
}

/// What is said of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    application: ApplicationId,
    endpoint: EndpointId,
    /// The event, where that is known, and the status of the attempt's answer.
    attempt: Option<(Option<EventId>, u16)>,
}

/// What was seen of operational events.
#[derive(Debug, Default)]
pub(in crate::sim) struct SeenNews {
    /// The public name of the application that they are for; `None`: nobody wants them.
    wanted: Option<Arc<str>>,
    /// That application, once it is durable, and whether it was deleted.
    hears: Option<ApplicationKey>,
    is_gone: bool,
    applications: BTreeMap<ApplicationKey, (ApplicationId, bool)>,
    endpoints: BTreeMap<EndpointKey, (EndpointId, bool)>,
    events: BTreeMap<(ApplicationKey, EventPosition), EventId>,
    /// Failed attempts of each delivery that goes on, since it began, or began anew.
    failures: BTreeMap<(EndpointKey, EventPosition), u16>,
    accounts: BTreeMap<Key, Account>,
}

impl SeenNews {
    /// Of a scenario that has not begun.
    pub(in crate::sim) fn of(scenario: &Scenario) -> Self {
        Self {
            wanted: scenario.hears_news(),
            ..Self::default()
        }
    }

    /// A change of an endpoint, or of an application, is durable.
    fn changed(&mut self, change: &Change) {
        match change {
            Change::PutApplication(application) => {
                let known = (application.id, false);
                self.applications.insert(application.key, known);
                if application.uid == self.wanted {
                    self.hears.get_or_insert(application.key);
                }
            }
            Change::UpdateApplication(application) if application.is_deleted => {
                self.is_gone |= self.hears == Some(application.key);
                let known = (application.id, true);
                self.applications.insert(application.key, known);
            }
            Change::PutEvent(event) => {
                let place = (event.application, event.position);
                self.events.insert(place, event.id);
            }
            Change::PutEndpoint { endpoint, .. } => {
                self.endpoints.insert(endpoint.key, (endpoint.id, false));
                self.endpoint_news("endpoint.created", endpoint.key);
            }
            Change::UpdateEndpoint(endpoint) => {
                self.endpoint_news("endpoint.updated", endpoint.key);
            }
            Change::DeleteEndpoint { endpoint, .. } => {
                self.endpoint_news("endpoint.deleted", *endpoint);
                if let Some((_, is_deleted)) = self.endpoints.get_mut(endpoint) {
                    *is_deleted = true;
                }
            }
            Change::SetEndpointState {
                endpoint, state, ..
            } => match state {
                EndpointState::Disabled(DisabledReason::Gone | DisabledReason::Failing) => {
                    self.endpoint_news("endpoint.disabled", *endpoint);
                }
                EndpointState::Enabled | EndpointState::Disabled(DisabledReason::Requested) => {
                    self.endpoint_news("endpoint.updated", *endpoint);
                }
                EndpointState::Deleted => {}
            },
            // Later ones tell, too, that it began anew.
            Change::PutOpen(row) if row.reopened_after == Some(row.attempts) => {
                self.failures.remove(&(row.endpoint, row.position));
            }
            _ => {}
        }
    }

    /// The result of an attempt is durable.
    fn recorded(&mut self, record: &SeenRecord) {
        let place = (record.endpoint, record.position);
        let event_type = match record.result {
            AttemptResult::RetryAt(_) => {
                let failures = self.failures.entry(place).or_default();
                *failures += 1;
                (*failures == FAILURES_TOLD).then_some("message.attempt.failing")
            }
            AttemptResult::Exhausted => {
                self.failures.remove(&place);
                Some("message.attempt.exhausted")
            }
            AttemptResult::Succeeded => {
                self.failures.remove(&place);
                (record.number > FAILURES_TOLD).then_some("message.attempt.recovered")
            }
            AttemptResult::Failed => None,
        };
        let Some(event_type) = event_type else {
            return;
        };
        let event = (record.endpoint.application, record.position);
        let event = self.events.get(&event).copied();
        let status = match record.outcome {
            OutcomeKind::Status(status) => status,
            _ => 0,
        };
        let key = (event_type, record.id.to_string());
        self.happens(key, record.endpoint, Some((event, status)));
    }

    fn endpoint_news(&mut self, event_type: &'static str, endpoint: EndpointKey) {
        let id = self.endpoints.get(&endpoint).map(|(id, _)| *id);
        let key = (event_type, id.unwrap_or_default().to_string());
        self.happens(key, endpoint, None);
    }

    /// Something happened that is to be told; of the application that hears of it nothing is.
    fn happens(
        &mut self,
        key: Key,
        endpoint: EndpointKey,
        attempt: Option<(Option<EventId>, u16)>,
    ) {
        if self.hears == Some(endpoint.application) {
            return;
        }
        let application = self.applications.get(&endpoint.application);
        let (application, is_gone) = application.copied().unwrap_or_default();
        let known = self.endpoints.get(&endpoint);
        let (id, is_deleted) = known.copied().unwrap_or_default();
        let account = self.accounts.entry(key).or_default();
        if is_gone || is_deleted {
            account.granted += 1;
        } else {
            account.owed += 1;
        }
        account.facts = Facts {
            application,
            endpoint: id,
            attempt,
        };
    }

    /// An event of the application that hears is durable: it must tell of something that happened.
    fn told(&mut self, event: &Event, now: Timestamp) -> Option<News> {
        let told = serde_json::from_slice::<Told>(&event.payload.bytes).ok();
        let (about, facts) = told.as_ref().map(Told::facts).unwrap_or_default();
        let event_type = event.event_type.to_string();
        let not_so = || News::NotSo {
            event_type: event_type.clone(),
            about: about.clone(),
        };
        let otherwise = |what| News::Otherwise {
            event_type: event_type.clone(),
            about: about.clone(),
            what,
        };
        let key = TYPES.into_iter().find(|name| **name == *event.event_type);
        let key = key.map(|name| (name, about.clone()));
        let Some(account) = key.and_then(|key| self.accounts.get_mut(&key)) else {
            return Some(not_so());
        };
        if account.owed > 0 {
            account.owed -= 1;
        } else if account.granted > 0 {
            account.granted -= 1;
        } else if account.told_at.is_none_or(|at| now.since(at) < KNOWN) {
            return Some(not_so());
        }
        account.told_at = Some(now);
        let said = told.map(|told| told.event_type).unwrap_or_default();
        if said != event_type {
            return Some(otherwise("type"));
        }
        let Facts {
            application,
            endpoint,
            attempt,
        } = &account.facts;
        let names = [application.to_string(), endpoint.to_string()];
        if names != [facts.application, facts.endpoint] {
            return Some(otherwise("application or endpoint"));
        }
        let (event, status) = attempt.unwrap_or_default();
        if facts.status != status {
            return Some(otherwise("status"));
        }
        let event = event.map(|event| event.to_string());
        (event.is_some() && event != facts.event).then(|| otherwise("event"))
    }
}

/// All types of operational events.
const TYPES: [&str; 7] = [
    "endpoint.created",
    "endpoint.updated",
    "endpoint.deleted",
    "endpoint.disabled",
    "message.attempt.failing",
    "message.attempt.exhausted",
    "message.attempt.recovered",
];

/// What is read of the payload of such an event.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(rename = "type")]
    event_type: String,
    data: ToldData,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldData {
    app_id: String,
    endpoint_id: String,
    msg_id: Option<String>,
    last_attempt: Option<ToldAttempt>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToldAttempt {
    id: String,
    response_status_code: u16,
}

/// The names and the status that are said.
#[derive(Debug, Default)]
struct Said {
    application: String,
    endpoint: String,
    event: Option<String>,
    status: u16,
}

impl Told {
    /// The attempt or the endpoint that it is about, and what is said.
    fn facts(&self) -> (String, Said) {
        let attempt = self.data.last_attempt.as_ref();
        let about = attempt.map_or(&self.data.endpoint_id, |attempt| &attempt.id);
        let said = Said {
            application: self.data.app_id.clone(),
            endpoint: self.data.endpoint_id.clone(),
            event: self.data.msg_id.clone(),
            status: attempt.map_or(0, |attempt| attempt.response_status_code),
        };
        (about.clone(), said)
    }
}

impl Witness {
    /// Whether somebody hears operational events.
    pub(in crate::sim) fn hears_news(&self) -> bool {
        self.news.wanted.is_some()
    }

    /// A batch is durable, of whichever application: what of it is to be told, and what is told by it.
    pub(in crate::sim) fn news_durable(
        &mut self,
        facts: &BatchFacts,
        results: &[ChangeResult],
        now: Timestamp,
    ) {
        if self.news.wanted.is_none() {
            return;
        }
        for (place, change) in &facts.changes {
            if results.get(*place) != Some(&ChangeResult::Fresh) {
                continue;
            }
            if let Change::PutEvent(event) = change
                && self.news.hears == Some(event.application)
                && *event.event_type != *ORDER_RECEIVED
            {
                self.happened.news_told += 1;
                if let Some(news) = self.news.told(event, now) {
                    self.object(news.into());
                }
            } else {
                self.news.changed(change);
            }
        }
        for record in &facts.attempts {
            self.news.recorded(record);
        }
    }

    /// Nothing moves any more: everything was told, unless there is nobody to hear it.
    pub(in crate::sim) fn judge_news(&mut self) {
        if self.news.hears.is_none() || self.news.is_gone {
            return;
        }
        let mut owed = self.news.accounts.iter();
        let owed = owed.find(|(_, account)| account.owed > 0);
        if let Some(((event_type, about), _)) = owed {
            let news = News::NotTold {
                event_type: (*event_type).to_owned(),
                about: about.clone(),
            };
            self.object(news.into());
        }
    }
}
