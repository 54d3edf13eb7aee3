//! I1 and I2: an event that is durable is the one that its producer asked for, to the last field, whether or not
//! somebody was told of it. So the other oracles, which go by what is durable, go by what was asked for: where
//! an event goes, when it may be sent, in which line it stands, when its time is over.
//!
//! Bodies bear the numbers of their asks, so it can be told which one an event is of.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    domain::{
        command::{Command, NewEvent},
        event::{Event, Payload},
        ordering::OrderingKey,
    },
    sim::{
        ask::Ask, otherwise::REFUSED, seen::Moment, unlike::Unlike, violation::Violation,
        witness::Witness,
    },
    time::{Span, Timestamp},
};

/// How the body of each event begins, before the number of its ask.
const NUMBERED: &[u8] = b"{\"simulated\":";
/// How much later than it was asked for an event may be sent that is for a time on the wall: the process tells how
/// long that is off before it accepts the event.
const UNTIL_ACCEPTED: Span = Span::from_seconds(1);

/// When an event is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum ToBeSent {
    /// So long after it was accepted.
    After(Option<Span>),
    /// When the clock on the wall shows this time.
    At(Timestamp),
}

/// What a producer asked for.
#[derive(Clone, Debug)]
pub(in crate::sim) struct AskedEvent {
    uid: Option<Arc<str>>,
    event_type: Arc<str>,
    channels: Vec<Arc<str>>,
    payload: Payload,
    to_be_sent: ToBeSent,
    ordering_key: Option<OrderingKey>,
    tags: Vec<Arc<str>>,
    payload_for: Option<Span>,
    /// What is kept to be shown again, but for times, if something is.
    details: Option<Box<Value>>,
    /// In which life of the process it was asked for last, and when first in that, in steady time: who begins again
    /// may count from a little before. Of what is asked over HTTP the process may hear in its next life, so that
    /// counts from the beginning.
    life: Option<usize>,
    first_at: Timestamp,
}

impl AskedEvent {
    /// Asked of the engine itself.
    pub(in crate::sim) fn of(new: &NewEvent) -> Self {
        let besides = &new.besides;
        Self {
            uid: new.uid.clone(),
            event_type: Arc::clone(&new.event_type),
            channels: new.channels.clone(),
            payload: new.payload.clone(),
            to_be_sent: ToBeSent::After(besides.deliver_after),
            ordering_key: besides.ordering_key,
            tags: besides.tags.clone(),
            payload_for: besides.payload_for,
            details: None,
            life: Some(0),
            first_at: Timestamp::ZERO,
        }
    }

    /// The same, asked over HTTP, where it is for a time on the wall if it is for later, and words are kept.
    pub(in crate::sim) fn over_http(self, at: Option<Timestamp>, details: Option<Value>) -> Self {
        Self {
            to_be_sent: at.map_or(ToBeSent::After(None), ToBeSent::At),
            details: details.map(Box::new),
            life: None,
            ..self
        }
    }

    /// What of an event is other than it was asked for.
    fn differs(&self, event: &Event, expires_after: Span) -> Option<&'static str> {
        let besides = event.besides.as_deref();
        let payload_for = besides.and_then(|besides| besides.payload_for);
        let wait = besides.and_then(|besides| besides.deliver_after);
        let is_own = besides.is_none_or(|besides| besides.only_to.is_none());
        let expires_at = event.accepted_at.plus(wait.unwrap_or(Span::ZERO));
        let expires_at = expires_at.plus(expires_after);
        let until = payload_for.map_or(Timestamp::MAX, |period| event.accepted_at.plus(period));
        let same = [
            (event.uid == self.uid, "its name"),
            (event.event_type == self.event_type, "its type"),
            (event.channels == self.channels, "its channels"),
            (event.payload == self.payload, "its body"),
            (self.is_in_time(event, wait), "when it is to be sent"),
            (
                event.ordering_key() == self.ordering_key,
                "its ordering key",
            ),
            (event.tags() == self.tags, "its tags"),
            (payload_for == self.payload_for, "how long its body is kept"),
            (is_own, "to whom it goes"),
            (self.is_kept(event.details()), "its details"),
            (event.accepted_at >= self.first_at, "when it was accepted"),
            (
                event.expires_at == expires_at.min(until),
                "when its time is over",
            ),
        ];
        let other = same.into_iter().find(|(is_same, _)| !is_same);
        other.map(|(_, what)| what)
    }

    /// Whether an event that waits so long after it was accepted is sent when it is to be.
    fn is_in_time(&self, event: &Event, wait: Option<Span>) -> bool {
        match self.to_be_sent {
            ToBeSent::After(asked) => wait == asked,
            ToBeSent::At(asked) => {
                let at = event.accepted_wall.plus(wait.unwrap_or(Span::ZERO));
                let late = at.since(asked);
                // It may come when its time is over.
                late >= Span::ZERO && (late <= UNTIL_ACCEPTED || wait.is_none())
            }
        }
    }

    /// Whether what is kept to be shown again is what was said.
    fn is_kept(&self, details: &[u8]) -> bool {
        let ToBeSent::At(at) = self.to_be_sent else {
            return match &self.details {
                None => details.is_empty(),
                Some(asked) => {
                    serde_json::from_slice(details).is_ok_and(|kept: Value| kept == **asked)
                }
            };
        };
        let Ok(mut kept) = serde_json::from_slice::<Value>(details) else {
            return false;
        };
        let shown = kept
            .as_object_mut()
            .and_then(|kept| kept.remove("deliverAt"));
        let shown = shown.as_ref().and_then(wall);
        let asked = self.details.as_deref();
        let is_same = asked.map_or_else(
            || kept == Value::Object(serde_json::Map::new()),
            |asked| kept == *asked,
        );
        shown == Some(at) && is_same
    }
}

/// A time as the API shows it.
pub(in crate::sim) fn wall(text: &Value) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.as_str()?.parse().ok()?;
    Some(Timestamp::from_micros(time.as_microsecond()))
}

impl Witness {
    /// A producer asks for something of the engine itself.
    pub(in crate::sim) fn asks(&mut self, ask: Ask, command: &Command, now: Moment) {
        let mut command = command;
        while let Command::Once(_, inside) = command {
            command = inside;
        }
        match (ask, command) {
            (Ask::Event(number) | Ask::EventAgain(number), Command::AcceptEvent(new)) => {
                self.asks_for_event(number, || AskedEvent::of(new), now);
            }
            (Ask::Endpoint(_), Command::CreateEndpoint(new)) => self.asks_for_endpoint(new),
            _ => {}
        }
    }

    /// A producer asks for the event with this number, for the first time or again.
    pub(in crate::sim) fn asks_for_event(
        &mut self,
        number: u32,
        asked: impl FnOnce() -> AskedEvent,
        now: Moment,
    ) {
        if !self.is_watching {
            return;
        }
        if self.asked_events.get(&number).is_none() {
            self.asked_events.insert(number, asked());
        }
        let life = self.life;
        let asked = self.asked_events.get_mut(&number);
        let first_in_life = asked.filter(|asked| {
            let is_first = asked.first_at == Timestamp::ZERO;
            asked.life.is_some_and(|asked| is_first || asked != life)
        });
        if let Some(asked) = first_in_life {
            asked.life = Some(life);
            asked.first_at = now.steady;
        }
    }

    /// Judges an event that is durable by what was asked for.
    pub(in crate::sim) fn judge_as_asked(&mut self, event: &Event) {
        let bytes = &event.payload.bytes;
        // What must be refused is told where that is judged.
        if bytes.starts_with(REFUSED.as_bytes()) {
            return;
        }
        let asked = number(bytes).and_then(|number| self.asked_events.get(&number));
        let event_id = event.id;
        let unlike = match asked {
            None => Some(Unlike::EventUnasked { event: event_id }),
            Some(asked) => {
                let what = asked.differs(event, self.options.expires_after);
                what.map(|what| Unlike::Event {
                    event: event_id,
                    what,
                })
            }
        };
        if let Some(unlike) = unlike {
            self.object(Violation::Unlike(unlike));
        }
    }
}

/// The number of the ask that a body bears.
fn number(body: &[u8]) -> Option<u32> {
    let rest = body.strip_prefix(NUMBERED)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u32>, digit| {
        let number = number.unwrap_or(0);
        Some(
            number
                .wrapping_mul(10)
                .wrapping_add(u32::from(digit - b'0')),
        )
    })
}
