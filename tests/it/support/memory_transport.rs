//! A transport in memory: every attempt ends as a script says, after a time on tokio's clock, which
//! tests pause.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use fanfare::{
    domain::{
        attempt::{AttemptHandle, AttemptRequest},
        outcome::{Outcome, OutcomeKind},
    },
    time::Span,
    transport::Transport,
};
use tokio::time::{Instant, Sleep};

/// What an attempt meets, and after how long.
pub(crate) type Script = Box<dyn FnMut(&AttemptRequest) -> (Duration, OutcomeKind) + Send>;

/// What was sent: the path, the attempt's number and when on tokio's clock.
pub(crate) type Sent = Arc<Mutex<Vec<(String, u16, Instant)>>>;

/// A scripted network.
pub(crate) struct MemoryTransport {
    script: Script,
    sent: Sent,
    flying: BTreeMap<(Instant, AttemptHandle), OutcomeKind>,
    sleep: Option<Pin<Box<Sleep>>>,
    waker: Option<Waker>,
}

impl MemoryTransport {
    pub(crate) fn new(script: Script, sent: Sent) -> Self {
        Self {
            script,
            sent,
            flying: BTreeMap::new(),
            sleep: None,
            waker: None,
        }
    }
}

impl Transport for MemoryTransport {
    fn start(&mut self, request: AttemptRequest) {
        let now = Instant::now();
        let path = super::rig::path(&request);
        self.sent
            .lock()
            .expect("no panic")
            .push((path, request.number, now));
        let (latency, kind) = (self.script)(&request);
        self.flying.insert((now + latency, request.attempt), kind);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    fn cancel(&mut self, attempt: AttemptHandle) {
        let key = self
            .flying
            .keys()
            .find(|(_, flying)| *flying == attempt)
            .copied();
        if let Some(key) = key {
            self.flying.remove(&key);
            self.flying
                .insert((Instant::now(), attempt), OutcomeKind::Cancelled);
        }
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    fn poll_outcomes(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<(AttemptHandle, Outcome)>,
    ) -> Poll<()> {
        self.waker = Some(context.waker().clone());
        let before = done.len();
        let now = Instant::now();
        while let Some(((at, attempt), kind)) = self.flying.pop_first() {
            if at > now {
                self.flying.insert((at, attempt), kind);
                let mut sleep = Box::pin(tokio::time::sleep_until(at));
                let _ = sleep.as_mut().poll(context);
                self.sleep = Some(sleep);
                break;
            }
            done.push((attempt, Outcome::without_reply(kind, Span::ZERO)));
        }
        if done.len() > before {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}
