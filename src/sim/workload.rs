//! The workload: the simulated producers. They create an application and its endpoints, then hand
//! events in, spread over virtual time; what is refused they ask again a second later.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use super::{
    ask::{Ask, again},
    by_hand::is_asked_again,
    neighbours::Neighbours,
    scenario::Scenario,
};
use crate::{
    domain::{
        application::{ApplicationKey, Registration},
        command::{Answer, Command, NewEndpoint, Refusal, Reply, RequestHandle},
        endpoint::BodyFormat,
        endpoint_url::{EndpointUrl, EndpointUrlError},
        event::{JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        id::EndpointId,
        once::Once,
        ordering::Ordering,
        secret::{Secret, SecretError},
    },
    limits,
    random::Stream,
    time::Span,
};

/// What the application that is watched is called.
pub(super) const WATCHED: &str = "simulated";

/// The producers.
#[derive(Debug)]
pub struct Workload {
    random: Stream,
    event_every_us: u64,
    /// When each event is handed in, from the beginning of the traffic, where a curve says so.
    arrivals: Option<Vec<Span>>,
    events: u32,
    pub(super) endpoints: u32,
    endpoints_left: u32,
    application: Option<ApplicationKey>,
    waiting: BTreeMap<RequestHandle, Ask>,
    next_request: u64,
    pub(super) named_percent: u32,
    keyed_percent: u32,
    twin_percent: u32,
    pub(super) repeat_percent: u32,
    pub(super) other_body_percent: u32,
    pub(super) later_percent: u32,
    pub(super) tagged_percent: u32,
    pub(super) brief_percent: u32,
    /// How many ordering keys there are.
    pub(super) ordering_keys: u32,
    /// Endpoints that keep another order than the usual one, by their numbers.
    orderings: BTreeMap<u32, Ordering>,
    padding_max: u32,
    pub(super) seed: u64,
    pub(super) fan_out: Option<u32>,
    event_types: Vec<Arc<str>>,
    content_type: Arc<str>,
    pub(super) secret: Secret,
    registration: Registration,
    /// The URLs and the rates of the endpoints, by their numbers.
    endpoints_made: BTreeMap<u32, (String, Option<u16>)>,
    /// The endpoints by their numbers.
    endpoint_ids: BTreeMap<u32, EndpointId>,
    pub(super) neighbours: Neighbours,
}

impl Workload {
    /// The producers of a scenario.
    ///
    /// # Errors
    /// [`SecretError`] if the limits of secrets contradict each other.
    pub fn new(scenario: &Scenario) -> Result<Self, SecretError> {
        let every = scenario.event_every.as_micros();
        Ok(Self {
            random: Stream::new(scenario.seed, "workload", 0, 0),
            event_every_us: u64::try_from(every).unwrap_or(0),
            arrivals: scenario
                .traffic
                .as_ref()
                .map(|traffic| traffic.arrivals(scenario.seed)),
            events: scenario.events,
            endpoints: scenario.endpoints,
            endpoints_left: scenario.endpoints,
            application: None,
            waiting: BTreeMap::new(),
            next_request: 0,
            event_types: (0..scenario.event_types.max(1)).map(event_type).collect(),
            named_percent: scenario.named_percent,
            keyed_percent: scenario.keyed_percent,
            twin_percent: scenario.twin_percent,
            repeat_percent: scenario.repeat_percent,
            other_body_percent: scenario.other_body_percent,
            later_percent: scenario.later_percent,
            tagged_percent: scenario.tagged_percent,
            brief_percent: scenario.brief_percent,
            ordering_keys: scenario.ordering_keys,
            orderings: (0..scenario.endpoints)
                .map(|number| (number, scenario.ordering(number)))
                .filter(|(_, ordering)| *ordering != Ordering::default())
                .collect(),
            padding_max: scenario.padding_max,
            seed: scenario.seed,
            fan_out: scenario.fan_out,
            content_type: JSON.into(),
            secret: Secret::new(vec![0; limits::SECRET_BYTES])?,
            registration: scenario.registration(),
            endpoints_made: scenario.endpoints_made(),
            endpoint_ids: BTreeMap::new(),
            neighbours: Neighbours::of(scenario),
        })
    }

    /// A name for what is asked now.
    pub(super) fn request(&mut self, ask: Ask) -> RequestHandle {
        self.next_request += 1;
        let request = RequestHandle::new(self.next_request);
        self.waiting.insert(request, ask);
        request
    }

    /// The endpoint with this number, once there is one.
    pub(super) fn endpoint(&self, number: u32) -> Option<EndpointId> {
        self.endpoint_ids.get(&number).copied()
    }

    /// Makes the command of an ask; none of what is done by hand, which depends on what there is.
    ///
    /// # Errors
    /// [`EndpointUrlError`] if a made-up URL is none.
    pub fn command(
        &mut self,
        ask: Ask,
    ) -> Result<Option<(RequestHandle, Command)>, EndpointUrlError> {
        let application = self.application.unwrap_or_default();
        let command = match ask {
            Ask::Application => Command::CreateApplication {
                uid: Some(WATCHED.into()),
                registration: self.registration.clone(),
            },
            Ask::Endpoint(number) => {
                // Unique, so that asking again after an unknown result makes no second one.
                let key = numbered(number);
                let made = self.endpoints_made.get(&number).cloned();
                let (url, throttle_rate) = made.unwrap_or_default();
                Command::CreateEndpoint(Box::new(NewEndpoint {
                    uid: None,
                    filter: Filter {
                        channels: self.channel_of(number).into_iter().collect(),
                        ..Filter::default()
                    },
                    headers: Vec::new(),
                    is_enabled: true,
                    throttle_rate,
                    ordering: self.orderings.get(&number).copied().unwrap_or_default(),
                    application,
                    url: EndpointUrl::parse(&url)?,
                    secret: self.secret.clone(),
                    body_format: BodyFormat::Payload,
                    original_url_sha256: Some(key),
                    registration: Bytes::new(),
                    details: Bytes::new(),
                }))
            }
            Ask::ByHand(_) => return Ok(None),
            Ask::Neighbour(number, wish) => match self.command_of_neighbour(number, wish)? {
                Some(command) => command,
                None => return Ok(None),
            },
            Ask::OtherBody(number) => match self.otherwise(number, application) {
                Some(command) => command,
                None => return Ok(None),
            },
            Ask::Event(number) | Ask::EventAgain(number) => {
                let accept = Command::AcceptEvent(Box::new(self.event(number, application)));
                match self.key(number) {
                    Some(key_sha256) => {
                        let once = Once {
                            key_sha256,
                            body_sha256: key_sha256,
                        };
                        Command::Once(once, Box::new(accept))
                    }
                    None => accept,
                }
            }
        };
        Ok(Some((self.request(ask), command)))
    }

    /// The type of the event with this number.
    pub(super) fn type_of(&self, number: u32) -> Arc<str> {
        let types = self.event_types.len().max(1);
        let nth = usize::try_from(number.wrapping_mul(59) % 100).unwrap_or(0) % types;
        let found = self.event_types.get(nth);
        found.cloned().unwrap_or_else(|| ORDER_RECEIVED.into())
    }

    /// The body of the event with this number; none is like another.
    pub(super) fn payload(&self, number: u32) -> Payload {
        let padding = number.wrapping_mul(7_919) % self.padding_max.saturating_add(1);
        let padding = usize::try_from(padding).unwrap_or_default();
        let text = format!("{{\"simulated\":{number}{}}}", " ".repeat(padding));
        Payload {
            content_type: Arc::clone(&self.content_type),
            bytes: Bytes::from(text),
        }
    }

    /// The hash of the key under which the event with this number is asked for, if there is one.
    pub(super) fn key(&self, number: u32) -> Option<[u8; 32]> {
        is_among(number, 41, self.keyed_percent).then(|| numbered(number))
    }

    /// The process is gone: who waits for an answer gets none, and asks again.
    pub fn cut_off(&mut self) -> Vec<(Span, Ask)> {
        let waiting = core::mem::take(&mut self.waiting);
        waiting.into_values().map(again).collect()
    }

    /// What was waited for, and what an answer to it leads to.
    pub fn asked(&self, request: RequestHandle) -> Option<Ask> {
        self.waiting.get(&request).copied()
    }

    /// What is asked after this ask, and when, whatever its answer: events come at their own pace.
    pub fn after(&mut self, ask: Ask) -> Vec<(Span, Ask)> {
        let number = match ask {
            Ask::Event(number) => number,
            Ask::Neighbour(number, wish) => return self.neighbours.after(number, wish),
            _ => return Vec::new(),
        };
        let next = number.checked_add(1).filter(|next| *next < self.events);
        let next = next.map(|next| (self.gap(next), Ask::Event(next)));
        let has_twin = self.key(number).is_some() && is_among(number, 43, self.twin_percent);
        let twin = has_twin.then_some((Span::ZERO, Ask::EventAgain(number)));
        next.into_iter().chain(twin).collect()
    }

    /// What an answer leads to, and when.
    pub fn answered(&mut self, request: RequestHandle, reply: Reply) -> Vec<(Span, Ask)> {
        let Some(ask) = self.waiting.remove(&request) else {
            return Vec::new();
        };
        match (ask, reply) {
            (Ask::Application, Ok(Answer::Application { key, .. })) => {
                self.application = Some(key);
                let endpoints = 0..self.endpoints;
                let asks = endpoints.map(|number| (Span::ZERO, Ask::Endpoint(number)));
                asks.chain(self.neighbours.later_asks()).collect()
            }
            (Ask::Endpoint(number), Ok(answer)) => {
                if let Answer::Endpoint { id, .. } = answer {
                    self.endpoint_ids.insert(number, id);
                }
                // Events wait for none that somebody adds.
                let is_first = number < self.endpoints;
                self.endpoints_left -= u32::from(is_first && self.endpoints_left > 0);
                if is_first && self.endpoints_left == 0 {
                    vec![(self.gap(0), Ask::Event(0))]
                } else {
                    Vec::new()
                }
            }
            (Ask::Event(number), Ok(_)) => {
                let other = self.other_body(number);
                self.repeat(number).into_iter().chain(other).collect()
            }
            (Ask::Neighbour(number, wish), Ok(answer)) => {
                self.neighbours.answered(number, wish, &answer)
            }
            (_, Ok(_)) => Vec::new(),
            (Ask::ByHand(_), Err(refusal)) if !is_asked_again(refusal) => Vec::new(),
            (Ask::OtherBody(_), Err(Refusal::KeyReused)) => Vec::new(),
            (Ask::Neighbour(number, _), Err(Refusal::UnknownApplication))
                if self.neighbours.is_leaving(number) =>
            {
                Vec::new()
            }
            (_, Err(_)) => vec![again(ask)],
        }
    }

    /// The time from the beginning of the traffic to the first event, where a curve says so.
    pub(super) fn lead(&self) -> Span {
        self.arrival(0).unwrap_or(Span::ZERO)
    }

    fn arrival(&self, number: u32) -> Option<Span> {
        let index = usize::try_from(number).ok()?;
        self.arrivals.as_ref()?.get(index).copied()
    }

    /// The time from the event before this one to this one.
    fn gap(&mut self, number: u32) -> Span {
        if let Some(at) = self.arrival(number) {
            let before = number.checked_sub(1);
            let before = before.and_then(|before| self.arrival(before));
            let gap = at.as_micros() - before.unwrap_or(Span::ZERO).as_micros();
            return Span::from_micros(gap);
        }
        let micros = self
            .random
            .between(0, self.event_every_us.saturating_mul(2));
        Span::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// The name of the event type with this number, from 0.
pub fn event_type(number: u32) -> Arc<str> {
    if number == 0 {
        ORDER_RECEIVED.into()
    } else {
        format!("simulated.kind-{number}").into()
    }
}

/// Whether a number is among so many in a hundred; another factor chooses others.
pub(super) const fn is_among(number: u32, factor: u32, percent: u32) -> bool {
    number.wrapping_mul(factor) % 100 < percent
}

/// A hash that no other number has.
fn numbered(number: u32) -> [u8; 32] {
    let mut hash = [0; 32];
    for (byte, of_number) in hash.iter_mut().zip(number.to_le_bytes()) {
        *byte = of_number;
    }
    hash
}
