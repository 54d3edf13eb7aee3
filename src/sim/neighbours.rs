//! Neighbours: other applications beside the one that is watched, with producers and receivers of their own.
//!
//! An engine does the same for every application, so it is enough to watch one of them closely, and to look
//! at the others for what no application may do to another: get its events, have its slots, take its turns.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    ask::Ask,
    network::{Group, Receiver},
    scenario::Scenario,
    workload::Workload,
};
use crate::{
    domain::{
        application::{ApplicationKey, Registration},
        command::{Answer, Command, NewEndpoint, NewEvent},
        endpoint::BodyFormat,
        endpoint_url::{EndpointUrl, EndpointUrlError},
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        secret::Secret,
    },
    random::Stream,
    time::Span,
};

/// The number from which on names of neighbours' endpoints are counted, above all of those that are watched.
const ENDPOINTS_FROM: u64 = 1 << 32;

/// Another application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Events that its producers hand in, from 1.
    pub events: u32,
    /// The mean time from one event to the next; gaps are spread from nothing to twice that.
    pub every: Span,
    /// The receivers behind its endpoints, group by group, one at least. Each is on a host of its own, unless
    /// they share those of the application that is watched.
    pub receivers: Vec<Group>,
    /// Whether its endpoints are on the hosts of the application that is watched, one after the other.
    pub shares_hosts: bool,
    /// Whether its application is there before the one that is watched is made.
    pub is_older: bool,
    /// How long after it was made it is deleted, if it is.
    pub deleted_after: Option<Span>,
    /// Whether it is the application that operational events are for: the first of these is.
    pub hears_news: bool,
}

/// The public name of the neighbour with this number.
pub(super) fn uid(number: u32) -> Arc<str> {
    format!("neighbour-{number}").into()
}

impl Neighbour {
    /// How many endpoints it has.
    #[must_use]
    pub fn endpoints(&self) -> u32 {
        let counts = self.receivers.iter().map(|group| group.count);
        counts.fold(0, u32::saturating_add)
    }

    /// Its deliveries, if all are made.
    pub(super) fn deliveries(&self) -> u64 {
        u64::from(self.events) * u64::from(self.endpoints())
    }

    /// How long its events are handed in at most, and until when it is deleted.
    pub(super) fn lasts(&self) -> Span {
        let gaps = self.every.as_micros().saturating_mul(2);
        let lasts = Span::from_micros(gaps.saturating_mul(self.events.into()));
        lasts.max(self.deleted_after.unwrap_or_default())
    }

    /// The hosts that its endpoints share with those that are watched, by their numbers; none if they do not.
    fn hosts(&self, scenario: &Scenario) -> Vec<String> {
        let shared = if self.shares_hosts {
            self.endpoints()
        } else {
            0
        };
        let watched = scenario.endpoints.max(1);
        (0..shared)
            .map(|number| scenario.host_of(number % watched))
            .collect()
    }

    /// Its receivers, by the ordinals of their endpoints.
    pub(super) fn each(&self) -> Vec<Receiver> {
        let groups = self.receivers.iter();
        let each = groups.flat_map(|group| {
            let count = usize::try_from(group.count).unwrap_or(usize::MAX);
            core::iter::repeat_n(&group.receiver, count)
        });
        each.cloned().collect()
    }
}

/// What a neighbour's producer asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its application.
    Application,
    /// The endpoint with this number.
    Endpoint(u32),
    /// The event with this number, for the first time.
    Event(u32),
    /// An event that was refused, or of which nobody knows.
    EventAgain(u32),
    /// That it is no more.
    Deletion,
}

/// The producers of one neighbour.
#[derive(Debug)]
struct Producer {
    random: Stream,
    every_us: u64,
    events: u32,
    receivers: Vec<Receiver>,
    /// The hosts of its endpoints, if it shares them.
    hosts: Vec<String>,
    endpoints_left: usize,
    application: Option<ApplicationKey>,
    is_older: bool,
    deleted_after: Option<Span>,
    /// Whether it was asked that it be deleted.
    is_leaving: bool,
}

/// The producers of all neighbours.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    producers: Vec<Producer>,
}

impl Neighbours {
    /// Those of a scenario.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let all = (0..).zip(&scenario.neighbours);
        let producers = all.map(|(number, neighbour)| {
            let receivers = neighbour.each();
            Producer {
                random: Stream::new(scenario.seed, "neighbour", 0, number),
                every_us: u64::try_from(neighbour.every.as_micros()).unwrap_or(0),
                events: neighbour.events,
                endpoints_left: receivers.len(),
                hosts: neighbour.hosts(scenario),
                receivers,
                application: None,
                is_older: neighbour.is_older,
                deleted_after: neighbour.deleted_after,
                is_leaving: false,
            }
        });
        Self {
            producers: producers.collect(),
        }
    }

    /// What is asked first of all: by those that are there before the application that is watched, or for that.
    pub(super) fn first_asks(&self) -> Vec<(Span, Ask)> {
        let first = self.asks_of(true);
        if first.is_empty() {
            vec![(Span::ZERO, Ask::Application)]
        } else {
            first
        }
    }

    /// What the others ask for, once the application that is watched is there.
    pub(super) fn later_asks(&self) -> Vec<(Span, Ask)> {
        self.asks_of(false)
    }

    fn asks_of(&self, is_older: bool) -> Vec<(Span, Ask)> {
        let numbers = (0_u32..).zip(&self.producers);
        let asking = numbers.filter(|(_, producer)| producer.is_older == is_older);
        let first =
            asking.map(|(number, _)| (Span::ZERO, Ask::Neighbour(number, Wish::Application)));
        first.collect()
    }

    /// Whether all are there that are to be there before the application that is watched.
    fn are_older_there(&self) -> bool {
        let mut older = self.producers.iter().filter(|producer| producer.is_older);
        older.all(|producer| producer.application.is_some())
    }

    /// The number of the neighbour that this application is.
    pub(super) fn number_of(&self, application: ApplicationKey) -> Option<usize> {
        let mut producers = self.producers.iter();
        producers.position(|producer| producer.application == Some(application))
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Producer> {
        let number = usize::try_from(number).ok()?;
        self.producers.get_mut(number)
    }

    /// Whether it was asked that this neighbour be deleted, so that it may not be there any more.
    pub(super) fn is_leaving(&self, number: u32) -> bool {
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let producer = self.producers.get(number);
        producer.is_some_and(|producer| producer.is_leaving)
    }

    /// What is asked after this wish, whatever its answer: events come at their own pace.
    pub(super) fn after(&mut self, number: u32, wish: Wish) -> Vec<(Span, Ask)> {
        let next = |producer: &mut Producer| match wish {
            Wish::Event(event) => producer.event(event.saturating_add(1)),
            Wish::Deletion => {
                producer.is_leaving = true;
                None
            }
            Wish::Application | Wish::Endpoint(_) | Wish::EventAgain(_) => None,
        };
        let next = self.get_mut(number).and_then(next);
        let next = next.map(|(after, wish)| (after, Ask::Neighbour(number, wish)));
        next.into_iter().collect()
    }

    /// What an answer leads to, and when.
    pub(super) fn answered(
        &mut self,
        number: u32,
        wish: Wish,
        answer: &Answer,
    ) -> Vec<(Span, Ask)> {
        let is_made = matches!(answer, Answer::Application { .. });
        let is_older = self
            .get_mut(number)
            .is_some_and(|producer| producer.is_older && producer.application.is_none());
        let mut asks = self.answered_one(number, wish, answer);
        if wish == Wish::Application && is_made && is_older && self.are_older_there() {
            asks.push((Span::ZERO, Ask::Application));
        }
        asks
    }

    fn answered_one(&mut self, number: u32, wish: Wish, answer: &Answer) -> Vec<(Span, Ask)> {
        let Some(producer) = self.get_mut(number) else {
            return Vec::new();
        };
        let ask = |(after, wish)| (after, Ask::Neighbour(number, wish));
        match (wish, answer) {
            (Wish::Application, Answer::Application { key, .. }) => {
                producer.application = Some(*key);
                let endpoints = (0_u32..).zip(&producer.receivers);
                let wishes = endpoints.map(|(endpoint, _)| (Span::ZERO, Wish::Endpoint(endpoint)));
                let end = producer.deleted_after.map(|after| (after, Wish::Deletion));
                wishes.chain(end).map(ask).collect()
            }
            (Wish::Endpoint(_), Answer::Endpoint { .. }) => {
                producer.endpoints_left = producer.endpoints_left.saturating_sub(1);
                let are_there = producer.endpoints_left == 0;
                let first = are_there.then(|| producer.event(0)).flatten();
                first.map(ask).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

impl Producer {
    /// The event with this number, if it has so many, and after which time it comes.
    fn event(&mut self, number: u32) -> Option<(Span, Wish)> {
        if number >= self.events {
            return None;
        }
        let gap = self.random.between(0, self.every_us.saturating_mul(2));
        let gap = Span::from_micros(i64::try_from(gap).unwrap_or(i64::MAX));
        Some((gap, Wish::Event(number)))
    }

    fn new_endpoint(
        &self,
        (neighbour, number): (u32, u32),
        secret: &Secret,
    ) -> Result<NewEndpoint, EndpointUrlError> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let url = match self.hosts.get(index) {
            Some(host) => format!("https://{host}/neighbour/{neighbour}/{number}"),
            None => format!("https://neighbour-{neighbour}-{number}.example/"),
        };
        let receiver = self.receivers.get(index).cloned().unwrap_or_default();
        let name = (u64::from(neighbour) + 1) * ENDPOINTS_FROM + u64::from(number);
        let mut key = [0; 32];
        for (byte, of_name) in key.iter_mut().zip(name.to_le_bytes()) {
            *byte = of_name;
        }
        Ok(NewEndpoint {
            uid: None,
            filter: Filter::default(),
            headers: Vec::new(),
            is_enabled: true,
            throttle_rate: receiver.throttle_rate,
            ordering: receiver.ordering,
            application: self.application.unwrap_or_default(),
            url: EndpointUrl::parse(&url)?,
            secret: secret.clone(),
            body_format: BodyFormat::Payload,
            // Unique, so that asking again after an unknown result makes no second one.
            original_url_sha256: Some(key),
            registration: Bytes::new(),
            details: Bytes::new(),
        })
    }
}

impl Workload {
    /// The command of what a neighbour's producer asks for; none if there is no such neighbour.
    ///
    /// # Errors
    /// [`EndpointUrlError`] if a made-up URL is none.
    pub(super) fn command_of_neighbour(
        &self,
        number: u32,
        wish: Wish,
    ) -> Result<Option<Command>, EndpointUrlError> {
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let Some(producer) = self.neighbours.producers.get(index) else {
            return Ok(None);
        };
        let command = match wish {
            Wish::Application => Command::CreateApplication {
                uid: Some(uid(number)),
                registration: Registration::default(),
            },
            Wish::Endpoint(endpoint) => {
                let new = producer.new_endpoint((number, endpoint), &self.secret)?;
                Command::CreateEndpoint(Box::new(new))
            }
            // Nobody changes it before.
            Wish::Deletion => Command::DeleteApplication {
                application: producer.application.unwrap_or_default(),
                revision: 1,
            },
            Wish::Event(event) | Wish::EventAgain(event) => {
                let text = format!("{{\"neighbour\":{number},\"event\":{event}}}");
                Command::AcceptEvent(Box::new(NewEvent {
                    uid: None,
                    application: producer.application.unwrap_or_default(),
                    event_type: ORDER_RECEIVED.into(),
                    channels: Vec::new(),
                    besides: Besides::default(),
                    payload: Payload {
                        content_type: Arc::from(JSON),
                        bytes: text.into(),
                    },
                }))
            }
        };
        Ok(Some(command))
    }
}
