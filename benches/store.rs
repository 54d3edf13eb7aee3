//! The embedded store by itself, on a real disk: filling, restarting, paging, churning.
//!
//! Not a race against a clock but the tool that the figures in `docs/performance.md` come from. Each
//! command works in the folder it is given and leaves it there, so that `fanfare serve --data-dir`
//! and `fanfare store stats` can look at it afterwards.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads the clock, divides and prints"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::{Parser, Subcommand};
use fanfare::{
    domain::{
        application::{Application, ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptRecord, AttemptResult, Timing, Trigger},
        change::{Batch, BatchHandle, Change, Epoch},
        delivery::{LaneRow, OpenDelivery},
        endpoint::{BodyFormat, Endpoint, EndpointKey, EndpointState, Subscription, Target},
        endpoint_url::EndpointUrl,
        event::{Event, EventPosition, JSON, ORDER_RECEIVED, Payload},
        history::{HistoryQuery, Order},
        id::{ApplicationId, AttemptId, EndpointId, EventId, Id, IdSource, ShardId},
        outcome::OutcomeKind,
        secret::Secret,
    },
    random::Stream,
    store::{
        Completion, Reads as _, Store as _,
        embedded::{EmbeddedOptions, EmbeddedStore, system_disk::SystemDisk},
    },
    time::{Now, Span, Timestamp},
};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What `cargo bench` passes on.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fill a folder with pending deliveries: `one-dead` for one endpoint far behind, `many-dead` for
    /// a thousand endpoints with a million retries and the rest behind their cursors.
    Fill {
        /// The shape.
        shape: String,
        /// Events.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// Bytes of a payload.
        #[arg(long, default_value_t = 100)]
        size: usize,
        /// The folder, which must not be there yet.
        #[arg(long)]
        folder: PathBuf,
    },
    /// Median time of 100 pages of events and of attempts, with few and with many events.
    History {
        /// The larger number of events.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
        /// The folder, which must not be there yet.
        #[arg(long)]
        folder: PathBuf,
    },
    /// The file's size after each of ten times its steady content has passed through.
    Churn {
        /// Events of one times the steady content.
        #[arg(long, default_value_t = 100_000)]
        events: u64,
        /// The folder, which must not be there yet.
        #[arg(long)]
        folder: PathBuf,
    },
    /// Median, 99th percentile and largest time of a sync of 8 KiB in the folder.
    Sync {
        /// The folder.
        #[arg(long)]
        folder: PathBuf,
    },
}

fn main() {
    match Arguments::try_parse() {
        Ok(arguments) => run(arguments.command),
        // `cargo bench` without a command of ours: a small round of everything.
        Err(_) => small_round(),
    }
}

fn run(command: Command) {
    match command {
        Command::Fill {
            shape,
            events,
            size,
            folder,
        } => fill(&shape, events, size, &folder),
        Command::History { events, folder } => history(events, &folder),
        Command::Churn { events, folder } => churn(events, &folder),
        Command::Sync { folder } => sync(&folder),
    }
}

fn small_round() {
    let folder = tempfile::tempdir_in("target").expect("a folder");
    sync(folder.path());
    fill("one-dead", 100_000, 100, &folder.path().join("one"));
    fill("many-dead", 1_000, 100, &folder.path().join("many"));
    history(50_000, &folder.path().join("history"));
    churn(20_000, &folder.path().join("churn"));
}

/// A store and the names that rows are made with.
struct World {
    store: EmbeddedStore,
    epoch: Epoch,
    application: ApplicationKey,
    ids: IdSource,
    random: Stream,
    now: Now,
    batches: u64,
    next: u64,
    payload: Bytes,
}

impl World {
    fn new(folder: &Path, options: EmbeddedOptions, size: usize) -> Self {
        fs::create_dir_all(folder).expect("a folder that can be written");
        let disk = SystemDisk::lock(folder).expect("it is ours");
        let mut store = EmbeddedStore::open(Arc::new(disk), options).expect("it opens");
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let now = Now::at(Timestamp::from_micros(wall.as_micros() as i64));
        let application = ApplicationKey {
            shard: ShardId::new(1),
            ordinal: 0,
        };
        let (directory, _) = store.acquire(ShardId::DIRECTORY).expect("it is there");
        let mut random = Stream::new(1, "bench", 0, 0);
        let id = IdSource::new(ShardId::DIRECTORY, Id::default()).next(&mut random, now.steady);
        let put = Change::PutApplication(Arc::new(Application {
            key: application,
            id: ApplicationId::new(id),
            uid: Some(DEFAULT_APPLICATION_UID.into()),
            registration: Default::default(),
            is_deleted: false,
            revision: 1,
            created_at: now,
            updated_at: now,
        }));
        let (epoch, _) = store.acquire(application.shard).expect("it is there");
        let mut world = Self {
            store,
            epoch,
            application,
            ids: IdSource::new(application.shard, Id::default()),
            random,
            now,
            batches: 0,
            next: 0,
            payload: Bytes::from(format!(
                "{{\"d\":\"{}\"}}",
                "x".repeat(size.saturating_sub(8))
            )),
        };
        world.submit(ShardId::DIRECTORY, directory, vec![put], Vec::new());
        world.flush();
        world
    }

    fn id(&mut self) -> Id {
        self.ids.next(&mut self.random, self.now.steady)
    }

    fn submit(
        &mut self,
        shard: ShardId,
        epoch: Epoch,
        changes: Vec<Change>,
        attempts: Vec<AttemptRecord>,
    ) {
        self.batches += 1;
        self.store.submit(Box::new(Batch {
            handle: BatchHandle::new(self.batches),
            shard,
            epoch,
            now: self.now,
            changes,
            attempts,
            results: Vec::new(),
        }));
    }

    fn flush(&mut self) {
        let mut done = Vec::new();
        self.store.flush(&mut done).expect("the disk works");
        let taken =
            |one: &Completion| matches!(one, Completion::Committed(_) | Completion::Mode(_));
        assert!(done.iter().all(taken), "every batch is taken");
    }

    fn commit(&mut self, changes: Vec<Change>, attempts: Vec<AttemptRecord>) {
        let (shard, epoch) = (self.application.shard, self.epoch);
        self.submit(shard, epoch, changes, attempts);
        self.flush();
    }

    fn key(&self, ordinal: u32) -> EndpointKey {
        EndpointKey {
            application: self.application,
            ordinal,
        }
    }

    fn endpoint(&mut self, ordinal: u32) -> Change {
        let key = self.key(ordinal);
        let id = EndpointId::new(self.id());
        let url = format!("http://127.0.0.1:9/{ordinal}");
        Change::PutEndpoint {
            endpoint: Arc::new(Endpoint {
                key,
                id,
                uid: None,
                original_url_sha256: None,
                filter: Arc::default(),
                target: Arc::new(Target {
                    endpoint: key,
                    id,
                    revision: 1,
                    url: EndpointUrl::parse(&url).expect("valid"),
                    secret: Secret::new(vec![7; 32]).expect("valid"),
                    older_secrets: Vec::new(),
                    headers: Vec::new(),
                    body_format: BodyFormat::Payload,
                }),
                state: EndpointState::Enabled,
                throttle_rate: None,
                ordering: fanfare::domain::ordering::Ordering::default(),
                subscriptions: vec![Subscription {
                    from: EventPosition::new(0),
                    until: None,
                    filter: Arc::default(),
                }],
                registration: Bytes::from_static(b"{}"),
                details: Bytes::new(),
                created_at: self.now,
                updated_at: self.now,
            }),
            unique: None,
        }
    }

    fn event(&mut self) -> Change {
        let position = EventPosition::new(self.next);
        self.next += 1;
        Change::PutEvent(Arc::new(Event {
            id: EventId::new(self.id()),
            application: self.application,
            position,
            uid: None,
            event_type: ORDER_RECEIVED.into(),
            channels: Vec::new(),
            payload: Payload {
                content_type: JSON.into(),
                bytes: self.payload.clone(),
            },
            accepted_at: self.now.steady,
            accepted_wall: self.now.wall,
            expires_at: self.now.steady.plus(Span::from_seconds(14 * 86_400)),
            besides: None,
        }))
    }

    fn attempt(&mut self, ordinal: u32, position: u64, result: AttemptResult) -> AttemptRecord {
        AttemptRecord {
            timing: Timing::default(),
            id: AttemptId::new(self.id()),
            endpoint: self.key(ordinal),
            position: EventPosition::new(position),
            trigger: Trigger::Schedule,
            number: 1,
            started_at: self.now,
            duration: Span::from_millis(1),
            outcome: match result {
                AttemptResult::Succeeded => OutcomeKind::Status(200),
                AttemptResult::RetryAt(_) | AttemptResult::Exhausted | AttemptResult::Failed => {
                    OutcomeKind::Refused
                }
            },
            resent: false,
            result,
            body: Bytes::new(),
        }
    }

    fn pass(&mut self, span: Span) {
        self.now = Now::at(self.now.steady.plus(span));
    }
}

fn length(folder: &Path) -> f64 {
    let bytes = fs::metadata(folder.join(fanfare::store::embedded::file::FILE));
    bytes.expect("it is there").len() as f64 / 1_048_576.0
}

fn fill(shape: &str, events: u64, size: usize, folder: &Path) {
    let start = Instant::now();
    let mut world = World::new(folder, EmbeddedOptions::default(), size);
    let (endpoints, rows) = match shape {
        "one-dead" => (1, 0),
        "many-dead" => (1_000, 1_000),
        other => panic!("there is no shape {other}"),
    };
    let changes = (0..endpoints)
        .map(|ordinal| world.endpoint(ordinal))
        .collect();
    world.commit(changes, Vec::new());
    while world.next < events {
        let count = 4_096.min(events - world.next);
        let changes = (0..count).map(|_| world.event()).collect();
        world.pass(Span::from_millis(1));
        world.commit(changes, Vec::new());
    }
    let rows = rows.min(events);
    let due = world.now.steady.plus(Span::from_seconds(3_600));
    for position in 0..rows {
        let mut changes = Vec::new();
        let mut attempts = Vec::new();
        for ordinal in 0..endpoints {
            attempts.push(world.attempt(ordinal, position, AttemptResult::RetryAt(due)));
            changes.push(Change::PutOpen(OpenDelivery {
                endpoint: world.key(ordinal),
                due,
                position: EventPosition::new(position),
                attempts: 1,
                event: EventId::default(),
                expires_at: Timestamp::MAX,
                reopened_after: None,
            }));
        }
        world.commit(changes, attempts);
    }
    let mut changes: Vec<Change> = (0..endpoints)
        .map(|ordinal| Change::PutLane {
            endpoint: world.key(ordinal),
            row: LaneRow {
                cursor: EventPosition::new(rows),
                ..LaneRow::default()
            },
        })
        .collect();
    changes.push(Change::Watermark {
        application: world.application,
        position: EventPosition::new(events),
    });
    world.commit(changes, Vec::new());
    let took = start.elapsed().as_secs_f64();
    println!(
        "{shape}: {events} events, {} pending deliveries, {} waiting rows, {:.0} MiB, {took:.0} s",
        events * u64::from(endpoints),
        rows * u64::from(endpoints),
        length(folder)
    );
}

fn history(events: u64, folder: &Path) {
    let mut world = World::new(folder, EmbeddedOptions::default(), 500);
    let changes = (0..10).map(|ordinal| world.endpoint(ordinal)).collect();
    world.commit(changes, Vec::new());
    let mut medians = Vec::new();
    for until in [10_000, events] {
        while world.next < until {
            let first = world.next;
            let changes: Vec<Change> = (0..500).map(|_| world.event()).collect();
            world.commit(changes, Vec::new());
            let attempts = (first..world.next)
                .map(|position| {
                    let ordinal = u32::try_from(position % 10).expect("small");
                    world.attempt(ordinal, position, AttemptResult::Succeeded)
                })
                .collect();
            world.pass(Span::from_millis(20));
            world.commit(Vec::new(), attempts);
        }
        medians.push((until, pages(&world)));
    }
    for (count, [events, attempts]) in &medians {
        println!(
            "with {count} events: a page of 50 events {:.0} us, of 50 attempts of an endpoint {:.0} us \
             (medians of 100 pages)",
            events.as_secs_f64() * 1e6,
            attempts.as_secs_f64() * 1e6
        );
    }
    if let [(_, few), (_, many)] = medians.as_slice() {
        let ratio = |at: usize| many[at].as_secs_f64() / few[at].as_secs_f64();
        println!("ratio: events {:.2}, attempts {:.2}", ratio(0), ratio(1));
    }
}

/// The median times of 100 pages in a row, newest first: of events and of attempts of endpoints.
fn pages(world: &World) -> [Duration; 2] {
    let reader = world.store.reader();
    let query = |below| HistoryQuery {
        above: None,
        below,
        order: Order::NewestFirst,
        limit: 50,
    };
    let mut events = Vec::new();
    let mut below = None;
    for _ in 0..100 {
        let start = Instant::now();
        let page = reader
            .events(world.application, query(below))
            .expect("readable");
        events.push(start.elapsed());
        assert_eq!(page.len(), 50);
        below = page.last().map(|entry| entry.event.id.id());
    }
    let mut attempts = Vec::new();
    for ordinal in 0..10 {
        let mut below = None;
        for _ in 0..10 {
            let start = Instant::now();
            let page = reader.attempts_of_endpoint(world.key(ordinal), query(below));
            attempts.push(start.elapsed());
            let page = page.expect("readable");
            assert_eq!(page.len(), 50);
            below = page.last().map(|entry| entry.record.id.id());
        }
    }
    [events, attempts].map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

fn churn(events: u64, folder: &Path) {
    // What is kept is what was accepted in the last hour of the store's own time.
    let hour = Span::from_seconds(3_600);
    let options = EmbeddedOptions {
        bucket_bytes: 4 * 1_048_576,
        bucket_age: Span::from_seconds(360),
        payload_age: hour,
        row_age: hour,
        retain_every: Span::from_seconds(1),
        ..EmbeddedOptions::default()
    };
    let mut world = World::new(folder, options, 500);
    let put = world.endpoint(0);
    world.commit(vec![put], Vec::new());
    let step = Span::from_micros(hour.as_micros() / (events / 100).max(1) as i64);
    for round in 1..=10 {
        while world.next < round * events {
            let first = world.next;
            let mut changes: Vec<Change> = (0..100).map(|_| world.event()).collect();
            changes.push(Change::Watermark {
                application: world.application,
                position: EventPosition::new(first),
            });
            let attempts = (first.saturating_sub(100)..first)
                .map(|position| world.attempt(0, position, AttemptResult::Succeeded))
                .collect();
            world.pass(step);
            world.commit(changes, attempts);
        }
        println!(
            "{round} times the steady content: {:.0} MiB",
            length(folder)
        );
    }
}

fn sync(folder: &Path) {
    use std::os::unix::fs::FileExt as _;
    let path = folder.join("sync-probe");
    let file = fs::File::create(&path).expect("writable");
    file.set_len(1_048_576).expect("room");
    let mut times: Vec<Duration> = (0..500_u64)
        .map(|round| {
            file.write_all_at(&[round as u8; 8_192], round % 100 * 8_192)
                .expect("room");
            let start = Instant::now();
            file.sync_data().expect("the disk works");
            start.elapsed()
        })
        .collect();
    fs::remove_file(&path).expect("ours");
    times.sort_unstable();
    let at = |place: usize| times[place].as_secs_f64() * 1e3;
    println!(
        "sync of 8 KiB: median {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        at(250),
        at(495),
        at(499)
    );
}
