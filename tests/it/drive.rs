//! The drive loop of production in paused time, over a transport in memory and the memory store:
//! hours of policy time go by in a moment.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use fanfare::{
    domain::{
        application::ApplicationKey,
        change::{Batch, Epoch},
        command::{Answer, Refusal},
        history::Name,
        id::ShardId,
        outcome::OutcomeKind,
        page::{LoadHandle, PageRequest, ShardState},
    },
    engine::{Engine, options::Options},
    limits,
    runtime::{
        clock::PausedClock,
        drive::Drive,
        handle::{Handle, Readiness},
        port::{InlinePort, SharedStore, StorePort},
    },
    store::{AcquireError, Completion, Reads as _, StoreFailure, memory::MemoryStore},
    time::Timestamp,
};
use tokio::{task::JoinHandle, time::Instant};

use crate::support::{
    memory_transport::{MemoryTransport, Script, Sent},
    rig::{new_endpoint, new_event},
    running,
};

/// A running loop, its handle and what it sent.
struct Running {
    handle: Handle,
    sent: Sent,
    lines: Arc<Mutex<Vec<String>>>,
    run: JoinHandle<()>,
}

/// Starts the loop inside a local set and waits until it takes commands.
async fn start(options: Options, script: Script) -> Running {
    let sent = Sent::default();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let (handle, run) = running::start(
        options,
        PausedClock::starting_at(Timestamp::from_millis(1_764_000_000_000)),
        MemoryTransport::new(script, Arc::clone(&sent)),
        Some(Box::new(move |observation| {
            told.lock().expect("no panic").push(observation.to_string());
        })),
    )
    .await;
    Running {
        handle,
        sent,
        lines,
        run,
    }
}

impl Running {
    fn application(&self) -> ApplicationKey {
        self.handle.default_application().expect("ready")
    }

    async fn endpoint(&self, name: &str) {
        let reply = self
            .handle
            .command(new_endpoint(self.application(), name))
            .await;
        assert!(matches!(reply, Ok(Answer::Endpoint { .. })), "{reply:?}");
    }

    async fn event(&self) {
        let reply = self.handle.command(new_event(self.application())).await;
        assert!(matches!(reply, Ok(Answer::Event { .. })), "{reply:?}");
    }

    /// Waits, in paused time, until so many attempts were sent.
    async fn sent(&self, count: usize) -> Vec<(String, u16, Instant)> {
        loop {
            let sent = self.sent.lock().expect("no panic").clone();
            if sent.len() >= count {
                return sent;
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    }
}

/// Every attempt meets this after 10 ms.
fn always(kind: OutcomeKind) -> Script {
    Box::new(move |_| (Duration::from_millis(10), kind))
}

/// Runs a test inside a local set.
async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}

#[tokio::test(start_paused = true)]
async fn an_event_is_delivered_and_a_failed_one_comes_back_on_schedule() {
    local(async {
        let script: Script = Box::new(|request| {
            let status = if request.number < 4 { 500 } else { 204 };
            (Duration::from_millis(10), OutcomeKind::Status(status))
        });
        let running = start(Options::default(), script).await;
        running.endpoint("a").await;
        running.event().await;
        let sent = running.sent(4).await;
        let gaps: Vec<u64> = sent
            .windows(2)
            .map(|pair| (pair[1].2 - pair[0].2).as_secs())
            .collect();
        assert!((4..=6).contains(&gaps[0]), "{gaps:?}");
        assert!((240..=361).contains(&gaps[1]), "{gaps:?}");
        assert!((1_440..=2_161).contains(&gaps[2]), "{gaps:?}");
        assert_eq!(
            sent.iter()
                .map(|(_, number, _)| *number)
                .collect::<Vec<_>>(),
            [1, 2, 3, 4]
        );
        while running.handle.stats().succeeded == 0 {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        assert_eq!(running.handle.stats().attempts, 4);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hanging_receiver_holds_one_slot_and_the_others_go_on() {
    local(async {
        let script: Script = Box::new(|request| match request.target.url.path_and_query() {
            "/hangs" => (
                Duration::from_secs(30),
                OutcomeKind::Timeout { after_ms: 30_000 },
            ),
            _ => (Duration::from_millis(1), OutcomeKind::Status(200)),
        });
        let running = start(Options::default(), script).await;
        running.endpoint("hangs").await;
        running.endpoint("works").await;
        let before = Instant::now();
        for _ in 0..20 {
            running.event().await;
        }
        let works = |sent: &[(String, u16, Instant)]| {
            sent.iter().filter(|(path, ..)| path == "works").count()
        };
        while works(&running.sent.lock().expect("no panic")) < 20 {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(before.elapsed() < Duration::from_secs(5));
        let hung = running.sent.lock().expect("no panic").len() - 20;
        assert_eq!(hung, 1);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_attempts_end_and_the_loop_returns() {
    local(async {
        let script: Script = Box::new(|_| (Duration::from_secs(3), OutcomeKind::Status(200)));
        let running = start(Options::default(), script).await;
        running.endpoint("a").await;
        running.event().await;
        running.sent(1).await;
        let asked = Instant::now();
        running.handle.shut_down(30_000);
        assert_eq!(running.handle.readiness(), Readiness::Draining);
        running.run.await.expect("no panic");
        let took = asked.elapsed();
        assert!(
            took >= Duration::from_secs(2) && took < Duration::from_secs(4),
            "{took:?}"
        );
        assert_eq!(running.handle.stats().succeeded, 1);
        let refused = running
            .handle
            .command(new_event(ApplicationKey::default()))
            .await;
        assert_eq!(refused, Err(Refusal::ShuttingDown));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn shutdown_calls_off_what_does_not_end_in_time() {
    local(async {
        let hangs: Script = Box::new(|_| (Duration::from_secs(3_600), OutcomeKind::Refused));
        let running = start(Options::default(), hangs).await;
        running.endpoint("a").await;
        running.event().await;
        running.sent(1).await;
        let asked = Instant::now();
        running.handle.shut_down(30_000);
        running.run.await.expect("no panic");
        assert!(asked.elapsed() >= Duration::from_secs(30));
        assert!(asked.elapsed() < Duration::from_secs(31));
        assert_eq!(
            running.handle.stats().retried,
            0,
            "a cancelled attempt is as one never made"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn many_callers_at_once_are_all_answered() {
    local(async {
        let running = start(Options::default(), always(OutcomeKind::Status(200))).await;
        running.endpoint("a").await;
        let application = running.application();
        let calls = (0..3_000).map(|_| running.handle.command(new_event(application)));
        let replies = futures::future::join_all(calls).await;
        assert!(
            replies
                .iter()
                .all(|reply| matches!(reply, Ok(Answer::Event { .. })))
        );
        running.sent(3_000).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn observations_reach_the_observer() {
    local(async {
        let options = Options {
            rounds: Some("default".into()),
            ..Options::default()
        };
        let running = start(options, always(OutcomeKind::Refused)).await;
        running.event().await;
        running.endpoint("a").await;
        running.event().await;
        running.sent(1).await;
        while running.lines.lock().expect("no panic").len() < 2 {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        let lines = running.lines.lock().expect("no panic").clone();
        assert_eq!(
            lines,
            [
                ".... No Clients Registered yet ....",
                "{ processed: [], failed: [ 'http://a.receiver.test/a - connection refused' ] }",
            ]
        );
    })
    .await;
}

/// A port to a store whose first batch fails, and which then works.
struct FailsOnce {
    inner: InlinePort<MemoryStore>,
    failed: Option<Completion>,
    has_failed: bool,
}

impl StorePort for FailsOnce {
    fn data_shards(&self) -> u16 {
        self.inner.data_shards()
    }

    fn acquire(&mut self, shard: ShardId) -> Result<(Epoch, ShardState), AcquireError> {
        self.inner.acquire(shard)
    }

    fn release(&mut self, shard: ShardId) {
        self.inner.release(shard);
    }

    fn submit(&mut self, batch: Box<Batch>) {
        if core::mem::replace(&mut self.has_failed, true) {
            self.inner.submit(batch);
        } else {
            self.failed = Some(Completion::CommitFailed(batch.shard, batch.handle));
        }
    }

    fn load(&mut self, load: LoadHandle, request: PageRequest) {
        self.inner.load(load, request);
    }

    fn flush(&mut self) {
        self.inner.flush();
    }

    fn poll_completions(
        &mut self,
        context: &mut Context<'_>,
        done: &mut Vec<Completion>,
    ) -> Poll<Result<(), StoreFailure>> {
        match self.failed.take() {
            Some(failed) => {
                done.push(failed);
                Poll::Ready(Ok(()))
            }
            None => self.inner.poll_completions(context, done),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn applications_that_could_not_be_made_at_the_start_are_made_as_soon_as_they_can_be() {
    local(async {
        let store = SharedStore::new(MemoryStore::default());
        let handle = Handle::new(Arc::new(store.clone()));
        let options = Options {
            operational: Some("operations".into()),
            ..Options::default()
        };
        let port = FailsOnce {
            inner: InlinePort::new(&store),
            failed: None,
            has_failed: false,
        };
        let drive = Drive::new(
            Engine::new(options),
            PausedClock::starting_at(Timestamp::from_millis(1_764_000_000_000)),
            port,
            MemoryTransport::new(always(OutcomeKind::Status(200)), Sent::default()),
            handle.clone(),
            None,
        );
        let run = tokio::task::spawn_local(drive.run());
        let operations = || store.application(&Name::Uid("operations".into()));
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(handle.readiness(), Readiness::Ready);
        assert!(operations().expect("readable").is_some());
        handle.shut_down(1_000);
        run.await.expect("no panic").expect("shards are there");
    })
    .await;
}

/// How long the first attempts to `/works` waited after the acceptance of their events, the longest last,
/// and how many attempts to `/hangs` were in flight at once.
async fn waits(events: usize, with_tarpit: bool) -> (Vec<Duration>, usize) {
    const DEADLINE: Duration = Duration::from_secs(30);
    let script: Script = Box::new(|request| match request.target.url.path_and_query() {
        "/hangs" => (DEADLINE, OutcomeKind::Timeout { after_ms: 30_000 }),
        _ => (Duration::from_millis(10), OutcomeKind::Status(200)),
    });
    let running = start(Options::default(), script).await;
    running.endpoint("works").await;
    if with_tarpit {
        running.endpoint("hangs").await;
    }
    let mut accepted = Vec::new();
    for number in 0..events {
        running.event().await;
        accepted.push(Instant::now());
        if number % 100 == 99 {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    while running.handle.stats().succeeded < events as u64 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sent = running.sent.lock().expect("no panic").clone();
    let at = |name: &str| -> Vec<Instant> {
        let of_it = sent.iter().filter(|(path, ..)| path == name);
        of_it.map(|(_, _, at)| *at).collect()
    };
    let works = at("works");
    assert_eq!(works.len(), events, "each is sent once");
    let mut waits: Vec<_> = works.iter().zip(&accepted).map(|(a, b)| *a - *b).collect();
    waits.sort();
    let hangs = at("hangs");
    let in_flight = hangs.iter().map(|now| {
        let flying = |begun: &&Instant| **begun <= *now && *now < **begun + DEADLINE;
        hangs.iter().filter(flying).count()
    });
    (waits, in_flight.max().unwrap_or(0))
}

/// Row B28: a tarpit for which 10,000 events wait has no more than its window of slots, and those who answer
/// notice nothing of it.
#[tokio::test(start_paused = true)]
async fn b28_a_tarpit_with_ten_thousand_events_delays_nobody_else() {
    local(async {
        const EVENTS: usize = 10_000;
        let (alone, _) = waits(EVENTS, false).await;
        let (beside, in_flight) = waits(EVENTS, true).await;
        let p99 = |waits: &[Duration]| waits[EVENTS * 99 / 100];
        let (alone, beside) = (p99(&alone), p99(&beside));
        assert!(beside < alone * 2, "{beside:?} beside it, {alone:?} alone");
        assert!(
            (1..=usize::from(limits::WINDOW_MAX)).contains(&in_flight),
            "{in_flight}"
        );
    })
    .await;
}

/// Row B29: a receiver that fails every other time is no receiver that is down: nothing is held back from it.
#[tokio::test(start_paused = true)]
async fn b29_a_receiver_that_fails_every_other_time_gets_each_event_at_once() {
    local(async {
        let mut first_attempts = 0;
        let script: Script = Box::new(move |request| {
            let mut status = 200;
            if request.number == 1 {
                first_attempts += 1;
                status = if first_attempts % 2 == 0 { 500 } else { 200 };
            }
            (Duration::from_millis(10), OutcomeKind::Status(status))
        });
        let running = start(Options::default(), script).await;
        running.endpoint("flaps").await;
        let mut accepted = Vec::new();
        for _ in 0..500 {
            running.event().await;
            accepted.push(Instant::now());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let sent = running.sent.lock().expect("no panic").clone();
        let first = sent.iter().filter(|(_, number, _)| *number == 1);
        let first: Vec<Instant> = first.map(|(.., at)| *at).collect();
        assert_eq!(first.len(), accepted.len());
        for (sent, accepted) in first.iter().zip(&accepted) {
            assert!(*sent - *accepted < Duration::from_millis(100));
        }
        // And what failed came back by its schedule.
        assert!(sent.len() > 700, "{}", sent.len());
    })
    .await;
}
