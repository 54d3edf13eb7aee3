//! The producers: they register endpoints and hand events in over HTTP, as the client libraries do.
//! Who gets no answer, or is told to come again, asks again a second later.

use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use std::{collections::BTreeMap, rc::Rc, str::FromStr as _, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::StatusCode;
use tokio::task::spawn_local;

use super::{bad_asks, exchange::post, receivers, stage::Stage};
use crate::{
    domain::{
        command::NewEndpoint,
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        event::Payload,
        filter::Filter,
        id::EventId,
        secret::{Secret, SecretError},
    },
    limits,
    sim::{
        ask::Ask,
        logbook::Sighting,
        oracles::{as_asked::AskedEvent, fair_answers},
        scenario::Scenario,
        violation::Violation,
        workload::Workload,
    },
    time::Timestamp,
};

/// How long a producer waits until it asks again.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What is kept of an endpoint whose owner says nothing of it besides.
const SAID_NOTHING: &str = r#"{"description":"","metadata":{},"version":null}"#;

/// All producers.
pub(super) struct Producers {
    pub(super) workload: RefCell<Workload>,
    /// When events are to be sent that are for later, by their numbers.
    times: RefCell<BTreeMap<u32, Timestamp>>,
    /// Asks that have not ended, those of operators among them.
    pub(super) waiting: Cell<u64>,
    /// The secrets that were asked for by hand, by the numbers of receivers.
    rotated: RefCell<BTreeMap<u32, Vec<Secret>>>,
    has_asked_all: Cell<bool>,
    /// Whether the first endpoints are there, so that their places are those of their receivers.
    pub(super) has_registered: Cell<bool>,
}

impl Producers {
    pub(super) fn new(scenario: &Scenario) -> Result<Self, SecretError> {
        Ok(Self {
            workload: RefCell::new(Workload::new(scenario)?),
            times: RefCell::default(),
            waiting: Cell::new(0),
            rotated: RefCell::default(),
            has_asked_all: Cell::new(false),
            has_registered: Cell::new(false),
        })
    }

    /// Whether everything was asked and answered.
    pub(super) fn are_done(&self) -> bool {
        self.has_asked_all.get() && self.waiting.get() == 0
    }

    /// The secrets that the receiver with this number may know, the first one first. Which of them sign at
    /// a time the witness judges.
    pub(super) fn secrets(&self, number: u32) -> Vec<Secret> {
        let rotated = self.rotated.borrow();
        let rotated = rotated.get(&number).into_iter().flatten().cloned();
        core::iter::once(Self::first_secret(number))
            .chain(rotated)
            .collect()
    }

    /// Somebody gives the receiver with this number another secret.
    pub(super) fn rotate(&self, number: u32, secret: Secret) {
        let mut rotated = self.rotated.borrow_mut();
        rotated.entry(number).or_default().push(secret);
    }

    /// The secret that the endpoint of the receiver with this number is made with.
    fn first_secret(number: u32) -> Secret {
        let mut bytes = vec![b's'; limits::SECRET_BYTES];
        for (byte, of_number) in bytes.iter_mut().zip(number.to_le_bytes()) {
            *byte = of_number;
        }
        let secret = Secret::new(bytes);
        secret.unwrap_or_else(|_| Secret::ed25519([0; 32]))
    }
}

/// Everything that producers ask, from the first endpoint to the last event.
pub(super) async fn ask_all(stage: Rc<Stage>) {
    for number in 0..stage.scenario.endpoints {
        register(&stage, number).await;
    }
    stage.producers.has_registered.set(true);
    let lead = stage.producers.workload.borrow().lead();
    tokio::time::sleep(lead.as_duration()).await;
    let mut next = Some(Ask::Event(0));
    while let Some(ask) = next.take() {
        let asks = stage.producers.workload.borrow_mut().after(ask);
        if let Ask::Event(number) = ask {
            let asked_at = stage.real();
            let asked = Sighting::Asked(number);
            stage.witness.borrow().log(asked_at, asked);
            hand_in(&stage, number, Duration::ZERO);
        }
        for (after, ask) in asks {
            match ask {
                Ask::Event(_) => {
                    tokio::time::sleep(after.as_duration()).await;
                    next = Some(ask);
                }
                Ask::EventAgain(number) => hand_in(&stage, number, after.as_duration()),
                Ask::Application
                | Ask::Endpoint(_)
                | Ask::OtherBody(_)
                | Ask::ByHand(_)
                | Ask::Neighbour(..) => {}
            }
        }
    }
    stage.producers.has_asked_all.set(true);
}

/// Registers the endpoint with this number, however often that must be asked.
pub(super) async fn register(stage: &Stage, number: u32) {
    let secret = BASE64_STANDARD.encode(Producers::first_secret(number).expose());
    let channel = stage.producers.workload.borrow().channel_of(number);
    note_asked(stage, number, channel.as_ref());
    let channels = listed("channels", channel.as_slice());
    let ordering = stage.scenario.ordering(number).name();
    let rate = stage.scenario.throttle_rate(number);
    let rate = rate.map_or_else(String::new, |rate| format!(r#""throttleRate":{rate},"#));
    let body = format!(
        r#"{{"uid":"receiver-{number}",{channels}{rate}"ordering":"{ordering}","url":"http://{}/","secret":"whsec_{secret}"}}"#,
        receivers::host(number)
    );
    loop {
        let answer = post(stage, "endpoint", body.clone(), None).await;
        match answer.map(|answer| (answer.status, answer.body)) {
            // The second time it is there already.
            Some((StatusCode::CREATED | StatusCode::CONFLICT, _)) => return,
            answer => again(stage, answer).await,
        }
    }
}

/// Notes that an endpoint is asked for, and what is said of it.
fn note_asked(stage: &Stage, number: u32, channel: Option<&Arc<str>>) {
    let Ok(url) = EndpointUrl::parse(&format!("http://{}/", receivers::host(number))) else {
        return;
    };
    let asked = NewEndpoint {
        application: stage.application.get(),
        url,
        secret: Producers::first_secret(number),
        body_format: BodyFormat::Payload,
        uid: Some(format!("receiver-{number}").into()),
        filter: Filter {
            channels: channel.cloned().into_iter().collect(),
            ..Filter::default()
        },
        headers: Vec::new(),
        is_enabled: true,
        throttle_rate: stage.scenario.throttle_rate(number),
        ordering: stage.scenario.ordering(number),
        original_url_sha256: None,
        registration: Bytes::new(),
        details: SAID_NOTHING.into(),
    };
    stage.witness.borrow_mut().asks_for_endpoint(&asked);
}

/// Words as a member of an object, with the comma behind it; nothing if there are none.
fn listed(name: &str, words: &[Arc<str>]) -> String {
    if words.is_empty() {
        return String::new();
    }
    let list: Vec<String> = words.iter().map(|one| format!("\"{one}\"")).collect();
    format!(r#""{name}":[{}],"#, list.join(","))
}

/// Hands the event with this number in, after a while, and again if it is one of those.
fn hand_in(stage: &Rc<Stage>, number: u32, after: Duration) {
    let producers = &stage.producers;
    producers.waiting.set(producers.waiting.get() + 1);
    let stage = Rc::clone(stage);
    spawn_local(async move {
        tokio::time::sleep(after).await;
        let is_bad = number.wrapping_mul(61) % 100 < stage.scenario.bad_percent;
        if is_bad && after == Duration::ZERO {
            bad_asks::ask(&stage, number).await;
        }
        accepted(&stage, number).await;
        let other = stage.producers.workload.borrow().other_body(number);
        if let Some((later, _)) = other.filter(|_| after == Duration::ZERO) {
            let producers = &stage.producers;
            producers.waiting.set(producers.waiting.get() + 1);
            spawn_local(bad_asks::ask_otherwise(Rc::clone(&stage), number, later));
        }
        let repeat = stage.producers.workload.borrow().repeat(number);
        if let Some((after, _)) = repeat.filter(|_| after == Duration::ZERO) {
            tokio::time::sleep(after.as_duration()).await;
            accepted(&stage, number).await;
        }
        let producers = &stage.producers;
        producers.waiting.set(producers.waiting.get() - 1);
    });
}

/// Asks until an event is accepted.
async fn accepted(stage: &Stage, number: u32) {
    let (payload, uid, key) = {
        let workload = stage.producers.workload.borrow();
        let payload = workload.payload(number);
        (payload, workload.uid(number), workload.key(number))
    };
    let body = body_of(stage, number, &payload);
    let key_text = key.map(|_| format!("key-{number}"));
    loop {
        let answer = post(stage, "msg", body.clone(), key_text.as_deref()).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status.as_u16());
        stage.tell(|trace| trace.producer_answered(number, status));
        let id = match answer {
            Some(answer) if answer.status == StatusCode::ACCEPTED => {
                stage.witness.borrow_mut().happened.replayed += u64::from(answer.is_replayed);
                id_of(&answer.body)
            }
            // It was accepted before, under its name.
            Some(answer) if answer.status == StatusCode::CONFLICT => {
                let witness = stage.witness.borrow();
                uid.as_ref().and_then(|uid| witness.names.get(uid)).copied()
            }
            answer => {
                again(stage, answer.map(|answer| (answer.status, answer.body))).await;
                continue;
            }
        };
        let Some(id) = id else {
            let body = "it names no event that anybody knows".to_owned();
            return stage.object(Violation::TurnedAway { status, body });
        };
        let mut witness = stage.witness.borrow_mut();
        witness.accepted(number, id, &payload, stage.moment());
        return witness.answered_under_key(key, id, stage.moment());
    }
}

/// The body that asks for the event with this number; the same whenever it is asked for, since it belongs to the key.
fn body_of(stage: &Stage, number: u32, payload: &Payload) -> String {
    let workload = stage.producers.workload.borrow();
    let new = workload.event(number, stage.application.get());
    let text = String::from_utf8_lossy(&payload.bytes);
    let name = new.uid.as_ref();
    let name = name.map_or_else(String::new, |uid| format!(r#""eventId":"{uid}","#));
    let at = new.besides.deliver_after.map(|wait| {
        let mut times = stage.producers.times.borrow_mut();
        let at = times.entry(number);
        *at.or_insert_with(|| (stage.clock())().wall.plus(wait))
    });
    let time = at.map_or_else(String::new, |at| {
        let at = jiff::Timestamp::from_microsecond(at.as_micros()).unwrap_or_default();
        format!(r#""deliverAt":"{at}","#)
    });
    let (line, hours) = (workload.ordering_key(number), workload.brief_hours(number));
    let mut kept = serde_json::Map::new();
    kept.extend(line.map(|line| ("orderingKey".to_owned(), line.into())));
    kept.extend(hours.map(|hours| ("payloadRetentionHours".to_owned(), hours.into())));
    let said: Vec<String> = kept
        .iter()
        .map(|(name, value)| format!(r#""{name}":{value},"#))
        .collect();
    let said = said.concat();
    let (channels, tags) = (
        listed("channels", &new.channels),
        listed("tags", &new.besides.tags),
    );
    let event_type = &new.event_type;
    let body = format!(
        r#"{{"eventType":"{event_type}",{name}{channels}{tags}{time}{said}"payload":{text}}}"#
    );
    let details = (!kept.is_empty()).then_some(kept.into());
    let asked = || AskedEvent::of(&new).over_http(at, details);
    let mut witness = stage.witness.borrow_mut();
    witness.asks_for_event(number, asked, stage.moment());
    body
}

/// The id in the answer of an event that was accepted.
fn id_of(body: &[u8]) -> Option<EventId> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    EventId::from_str(document.get("id")?.as_str()?).ok()
}

/// What is done about an answer that is not the one asked for: later is asked again, unless it says
/// that the ask itself is wrong.
async fn again(stage: &Stage, answer: Option<(StatusCode, Bytes)>) {
    let judged = answer.and_then(|(status, body)| fair_answers::judge(status.as_u16(), &body));
    if let Some(violation) = judged {
        stage.object(violation);
    }
    tokio::time::sleep(ASK_AGAIN_AFTER).await;
}
