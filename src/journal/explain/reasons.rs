//! Why an attempt started when it did, and how the wait before it came about.

use super::{Explanation, Fact, Held, Wait, Why};
use crate::{
    domain::{
        attempt::AttemptHandle,
        id::{EndpointId, Id},
        outcome::Outcome,
    },
    journal::trace::Record,
    policy::classify::{Verdict, classify},
    random::Draw,
    time::{Now, Span, Timestamp},
};

/// Lateness that needs no reason: turns and pages take so long.
const SOON: Span = Span::from_millis(20);

impl Explanation {
    /// The result of an attempt is recorded.
    pub(super) fn resulted(&mut self, now: Now, kind: u64, due: Timestamp) {
        let number = self.own.attempts;
        let outcome = self.own.outcome.take();
        self.own.is_asked_by_hand = false;
        let fact = match kind {
            221 => Fact::Succeeded { number },
            222 => Fact::Exhausted { number },
            223 => {
                self.own.due = Some(due);
                self.own.ready = Some(due);
                let wait = outcome.map(|(outcome, ended)| self.wait(number, &outcome, ended, due));
                Fact::RetryAt { number, due, wait }
            }
            _ => Fact::Failed { number },
        };
        self.own.has_ended = matches!(kind, 221 | 222);
        self.tell(now, fact);
    }

    /// How the wait before a retry came about.
    fn wait(&self, number: u16, outcome: &Outcome, ended: Now, due: Timestamp) -> Wait {
        let asked = match classify(outcome, ended.wall) {
            Verdict::Retry { retry_after } => retry_after,
            Verdict::Success | Verdict::Gone => None,
        };
        let retry = &self.options.retry;
        let drawn = |step: u16, asked| {
            let draw = Draw {
                event: self.event.id().value(),
                endpoint: self.endpoint.id().value(),
                attempt: step.into(),
            };
            retry.next_due(asked, draw, self.options.seed, ended.steady)
        };
        // A delivery that a task sent again counts its steps anew.
        let mut steps = (1..=number).rev();
        let step = steps.find(|step| drawn(*step, asked) == Some(due));
        let scheduled = step.and_then(|step| {
            let index = usize::from(step.saturating_sub(1));
            retry.waits.get(index).copied()
        });
        let jittered = step.and_then(|step| drawn(step, None));
        Wait {
            whole: due.since(ended.steady),
            scheduled,
            jittered: jittered.map(|due| due.since(ended.steady)),
            asked,
            asked_max: retry.retry_after_max,
        }
    }

    pub(super) fn sent(&mut self, now: Now, record: &Record) {
        let handle = AttemptHandle::new(record.value >> 16);
        let number = u16::try_from(record.value & 0xffff).unwrap_or(u16::MAX);
        let endpoint = EndpointId::new(Id::from_value(record.second));
        let in_all = self.flying.len();
        let to_endpoint = self.flying.values().filter(|it| **it == self.endpoint);
        let is_ours = endpoint == self.endpoint && record.first == self.event.id().value();
        let to_endpoint = if is_ours { to_endpoint.count() } else { 0 };
        self.flying.insert(handle, endpoint);
        if !is_ours {
            return;
        }
        let why = self.why(number);
        let held = self.held(now, to_endpoint, in_all);
        self.own.flight = Some((handle, number));
        self.own.attempts = number;
        self.own.is_lost = false;
        self.tell(
            now,
            Fact::Attempt {
                number,
                why,
                held,
                to_endpoint,
                in_all,
            },
        );
    }

    fn why(&self, number: u16) -> Why {
        let own = &self.own;
        if own.is_asked_by_hand {
            Why::ByHand
        } else if own.is_lost && number <= own.attempts {
            Why::ResultLost
        } else if own.has_ended {
            Why::Task
        } else if number == 1 && own.deliver_after.is_some() {
            Why::ForLater
        } else if number == 1 {
            Why::First
        } else {
            Why::Retry { due: own.due }
        }
    }

    /// What an attempt waited for beyond its time.
    fn held(&self, now: Now, to_endpoint: usize, in_all: usize) -> Option<(Span, Held)> {
        let ready = self.own.ready?;
        let late = now.steady.since(ready);
        if late <= SOON || self.own.is_asked_by_hand {
            return None;
        }
        let landed = self.landed.iter().filter(|it| **it == self.endpoint);
        let was_to_endpoint = to_endpoint + landed.count();
        let was_in_all = in_all + self.landed.len();
        let reason = if self.own.enabled.is_some_and(|enabled| enabled > ready) {
            Held::EndpointDisabled
        } else if self.began.steady > ready {
            Held::ProcessDown
        } else if self.own.circuit_until.is_some_and(|until| until > ready) {
            Held::Circuit
        } else if was_in_all >= self.options.send_slots {
            Held::AllSlots(self.options.send_slots)
        } else if was_to_endpoint > 0 {
            Held::Window(was_to_endpoint)
        } else {
            Held::Turn
        };
        Some((late, reason))
    }
}
