//! End to end over loopback: signed deliveries a second of a whole cell (engine, memory store,
//! transport) beside a bare pooled hyper sender in the same run, as a ratio.
//!
//! The receiver is another process: this binary again with `--receive`, or any receiver named by
//! `--target`, whose `{n}` is replaced by the number of the endpoint. Events are fed in process
//! with a bounded number of undelivered deliveries. Rounds of both senders alternate; the medians
//! are compared, because the machine is shared.

#![expect(
    clippy::disallowed_methods,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench reads the clock, divides and prints"
)]

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command as Process, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Parser;
use fanfare::{
    domain::{
        application::ApplicationKey,
        command::{Command, NewEndpoint, NewEvent},
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        event::{Besides, JSON, ORDER_RECEIVED, Payload},
        filter::Filter,
        secret::Secret,
    },
    engine::options::Options,
    policy::address::AddressPolicy,
    runtime::{
        cell::Cell,
        clock::{Clock as _, SystemClock},
        handle::{Handle, Readiness},
        port::{InlinePort, SharedStore, StorePort},
        recording::{Recording, RecordingOptions},
        store_thread::StoreThread,
    },
    signing::Signer,
    store::{
        Reads,
        embedded::{EmbeddedOptions, EmbeddedStore, system_disk::SystemDisk},
        memory::MemoryStore,
    },
    time::Now,
    transport::{
        hyper_transport::{HyperTransport, TransportOptions},
        resolver::SystemResolver,
    },
};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// Receive instead of measuring.
    #[arg(long)]
    receive: bool,
    /// Where to send; `{n}` is the number of the endpoint. A receiver of its own, if not given.
    #[arg(long)]
    target: Option<String>,
    /// Endpoints that each event goes to.
    #[arg(long, default_value_t = 100)]
    fan_out: u32,
    /// Bytes of a body.
    #[arg(long, default_value_t = 500)]
    size: usize,
    /// Undelivered deliveries at most.
    #[arg(long, default_value_t = 1_000)]
    undelivered: u64,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rounds of both senders in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The store of our own sender: `memory`, or `embedded` in a fresh folder below `--data-dir`.
    #[arg(long, default_value = "memory")]
    store: String,
    /// Where the folders of embedded stores are made; on a real disk, or the figure means nothing.
    #[arg(long, default_value = "target/tmp")]
    data_dir: std::path::PathBuf,
    /// Only our own sender, for comparison with an outside one.
    #[arg(long)]
    only_fanfare: bool,
    /// Our own sender without and with a journal in turn, in as many pairs as there are rounds; the
    /// journals go below `--data-dir`.
    #[arg(long)]
    recording: bool,
    /// What `cargo bench` passes on.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.receive {
        receive();
        return;
    }
    let (receiver, target) = match &arguments.target {
        Some(target) => (None, target.clone()),
        None => start_receiver(),
    };
    if arguments.recording {
        pairs(&arguments, &target);
    } else {
        rounds(&arguments, &target);
    }
    if let Some(mut receiver) = receiver {
        receiver.kill().expect("our own process");
        receiver.wait().expect("our own process");
    }
}

/// Both senders in turn.
fn rounds(arguments: &Arguments, target: &str) {
    let mut ours = Vec::new();
    let mut pooled = Vec::new();
    for round in 1..=arguments.rounds {
        if !arguments.only_fanfare {
            let rate = measure_pooled(arguments, target);
            println!("round {round}: pooled hyper sender {rate:>9.0} requests/s");
            pooled.push(rate);
        }
        let (rate, cpu) = measure_fanfare(arguments, target, None);
        println!(
            "round {round}: fanfare             {rate:>9.0} deliveries/s, {cpu:.3} CPU-s per 10k"
        );
        ours.push(rate);
    }
    println!(
        "fanfare, median:             {:>9.0} deliveries/s",
        median(&mut ours)
    );
    if !pooled.is_empty() {
        println!(
            "pooled hyper sender, median: {:>9.0} requests/s",
            median(&mut pooled)
        );
        println!(
            "ratio of the medians:        {:>9.2}",
            median(&mut ours) / median(&mut pooled)
        );
    }
}

/// What a journal costs: CPU with one beside CPU without, the order changing from pair to pair.
fn pairs(arguments: &Arguments, target: &str) {
    let mut folder = tempfile::Builder::new();
    folder.prefix("fanfare-bench-");
    std::fs::create_dir_all(&arguments.data_dir).expect("a folder that can be written");
    let mut ratios = Vec::new();
    for round in 1..=arguments.rounds {
        let place = folder.tempdir_in(&arguments.data_dir).expect("a folder");
        let journal = place.path().join("journal");
        let with = || measure_fanfare(arguments, target, Some(&journal));
        let without = || measure_fanfare(arguments, target, None);
        let (without, with) = if round % 2 == 0 {
            let with = with();
            (without(), with)
        } else {
            (without(), with())
        };
        let bytes = std::fs::metadata(&journal).map_or(0, |journal| journal.len());
        let ratio = with.1 / without.1;
        println!(
            "pair {round}: without {:>9.0} deliveries/s, {:.4} CPU-s per 10k; with {:>9.0}, {:.4}; \
             ratio {ratio:.3}; {bytes} bytes",
            without.0, without.1, with.0, with.1
        );
        ratios.push(ratio);
    }
    println!("median of the ratios: {:.3}", median(&mut ratios));
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// Starts this binary again as the receiver and tells where it listens.
fn start_receiver() -> (Option<Child>, String) {
    let program = std::env::current_exe().expect("the path of this binary");
    let mut child = Process::new(program)
        .arg("--receive")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the receiver starts");
    let mut address = String::new();
    let output = child.stdout.take().expect("piped");
    BufReader::new(output)
        .read_line(&mut address)
        .expect("the receiver tells its address");
    (Some(child), format!("http://{}/ok/{{n}}", address.trim()))
}

/// A receiver of plain HTTP/1.1 with keep-alive that answers 200 to whatever comes.
fn receive() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("{}", listener.local_addr().expect("bound"));
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
}

async fn answer(mut stream: TcpStream) {
    const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
    let mut held = Vec::with_capacity(4_096);
    stream.set_nodelay(true).expect("a TCP stream");
    while let Ok(read) = stream.read_buf(&mut held).await {
        if read == 0 {
            return;
        }
        while let Some(length) = whole_request(&held) {
            held.drain(..length);
            if stream.write_all(REPLY).await.is_err() {
                return;
            }
        }
    }
}

/// The length of the first request in `held`, if all of it is there.
fn whole_request(held: &[u8]) -> Option<usize> {
    let head = held.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(held.get(..head)?)
        .ok()?
        .to_ascii_lowercase();
    let length = text
        .split("content-length:")
        .nth(1)?
        .split("\r\n")
        .next()?
        .trim();
    let whole = head + length.parse::<usize>().ok()?;
    (held.len() >= whole).then_some(whole)
}

/// Requests a second of hyper-util's pooled client, 64 at a time, each signed.
fn measure_pooled(arguments: &Arguments, target: &str) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let secret = Secret::new(vec![7; 24]).expect("valid");
    let signer = Signer::new(&secret);
    let body = body(arguments.size);
    let urls: Arc<Vec<String>> = Arc::new(
        (0..arguments.fan_out)
            .map(|n| target.replace("{n}", &n.to_string()))
            .collect(),
    );
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(64)
            .build::<_, Full<Bytes>>(connector);
        let workers = (0..64_u64).map(|worker| {
            let (client, signer, body, urls, done) = (
                client.clone(),
                signer.clone(),
                body.clone(),
                Arc::clone(&urls),
                Arc::clone(&done),
            );
            tokio::spawn(async move {
                let mut number = worker;
                while Instant::now() < end {
                    let id = format!("msg_{number:027}");
                    let signature = signer.sign(&id, 1_764_000_000, &[&body]);
                    let url = &urls[usize::try_from(number).expect("small") % urls.len()];
                    let request = http::Request::post(url)
                        .header("content-type", JSON)
                        .header("user-agent", "bench/1")
                        .header("webhook-id", id)
                        .header("webhook-timestamp", "1764000000")
                        .header("webhook-signature", signature)
                        .body(Full::new(body.clone()))
                        .expect("a valid request");
                    let reply = client.request(request).await.expect("the receiver answers");
                    reply.into_body().collect().await.expect("a whole reply");
                    done.fetch_add(1, Ordering::Relaxed);
                    number += 64;
                }
            })
        });
        futures::future::join_all(workers).await;
    });
    done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// The way to a store, and how it is read.
type OpenStore = (Box<dyn StorePort + Send>, Arc<dyn Reads + Send + Sync>);

/// A fresh folder on the disk that was named, if the store is one of a folder.
fn folder(arguments: &Arguments) -> Option<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("fanfare-bench-");
    if arguments.store == "embedded" {
        std::fs::create_dir_all(&arguments.data_dir).expect("a folder that can be written");
        Some(builder.tempdir_in(&arguments.data_dir).expect("a folder"))
    } else {
        None
    }
}

/// The store of this folder, or one in memory.
fn open_store(folder: Option<&tempfile::TempDir>) -> OpenStore {
    match folder {
        Some(folder) => {
            let disk = SystemDisk::lock(folder.path()).expect("it is ours");
            let store = EmbeddedStore::open(Arc::new(disk), EmbeddedOptions::default());
            let store = store.expect("it opens");
            let reads = Arc::new(store.reader());
            (
                Box::new(StoreThread::start(store).expect("a thread")),
                reads,
            )
        }
        None => {
            let store = SharedStore::new(MemoryStore::default());
            (Box::new(InlinePort::new(&store)), Arc::new(store))
        }
    }
}

/// Deliveries a second of a cell, and the process's CPU seconds per 10,000 of them.
/// With a journal, if one is named.
fn measure_fanfare(
    arguments: &Arguments,
    target: &str,
    journal: Option<&std::path::Path>,
) -> (f64, f64) {
    let folder = folder(arguments);
    let (port, reads) = open_store(folder.as_ref());
    let clock = SystemClock::start();
    let recording = journal.map(|path| recorded_in(path, clock.now()));
    let (handle, cell) = Cell::start(
        Options::default(),
        clock,
        port,
        reads,
        || {
            let allowed = vec!["127.0.0.0/8".parse().expect("valid")];
            let options = TransportOptions {
                address_policy: AddressPolicy {
                    allowed,
                    ..AddressPolicy::default()
                },
                ..TransportOptions::default()
            };
            HyperTransport::new(options, SystemResolver)
        },
        None,
        recording,
    )
    .expect("a cell");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        while handle.readiness() == Readiness::Starting {
            tokio::task::yield_now().await;
        }
        let application = handle.default_application().expect("ready");
        for number in 0..arguments.fan_out {
            register(
                &handle,
                application,
                &target.replace("{n}", &number.to_string()),
            )
            .await;
        }
        feed(&handle, application, arguments, Duration::from_secs(1)).await;
        let cpu = cpu_seconds();
        let before = handle.stats().succeeded;
        let start = Instant::now();
        feed(
            &handle,
            application,
            arguments,
            Duration::from_secs(arguments.seconds),
        )
        .await;
        let count = (handle.stats().succeeded - before) as f64;
        let rate = count / start.elapsed().as_secs_f64();
        let cpu = (cpu_seconds() - cpu) / count * 10_000.0;
        while handle.stats().in_flight > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let stats = handle.stats();
        assert_eq!(
            stats.retried + stats.exhausted,
            0,
            "every attempt succeeds: {stats:?}"
        );
        handle.shut_down(5_000);
        cell.ended().await.expect("a clean end");
        (rate, cpu)
    })
}

/// A journal in a new file.
fn recorded_in(path: &std::path::Path, now: Now) -> Recording {
    let options = RecordingOptions {
        path: path.to_owned(),
        with_bodies: false,
        bytes_max: fanfare::limits::JOURNAL_BYTES,
    };
    Recording::start(&options, Options::default(), now).expect("a journal")
}

async fn register(handle: &Handle, application: ApplicationKey, url: &str) {
    let endpoint = NewEndpoint {
        uid: None,
        filter: Filter::default(),
        headers: Vec::new(),
        is_enabled: true,
        throttle_rate: None,
        ordering: fanfare::domain::ordering::Ordering::default(),
        application,
        url: EndpointUrl::parse(url).expect("a valid URL"),
        secret: Secret::new(vec![7; 24]).expect("valid"),
        body_format: BodyFormat::Payload,
        original_url_sha256: None,
        registration: Bytes::new(),
        details: Bytes::new(),
    };
    handle
        .command(Command::CreateEndpoint(Box::new(endpoint)))
        .await
        .expect("registered");
}

/// Feeds events for `time`, never with more than the allowed number of deliveries undelivered.
async fn feed(handle: &Handle, application: ApplicationKey, arguments: &Arguments, time: Duration) {
    let body = body(arguments.size);
    let end = Instant::now() + time;
    let fan_out = u64::from(arguments.fan_out);
    while Instant::now() < end {
        let stats = handle.stats();
        let undelivered = (stats.events * fan_out).saturating_sub(stats.succeeded);
        let room = arguments.undelivered.saturating_sub(undelivered) / fan_out;
        if room == 0 {
            tokio::time::sleep(Duration::from_micros(200)).await;
            continue;
        }
        let commands = (0..room.min(256)).map(|_| {
            handle.command(Command::AcceptEvent(Box::new(NewEvent {
                uid: None,
                application,
                event_type: ORDER_RECEIVED.into(),
                channels: Vec::new(),
                besides: Besides::default(),
                payload: Payload {
                    content_type: JSON.into(),
                    bytes: body.clone(),
                },
            })))
        });
        for reply in futures::future::join_all(commands).await {
            reply.expect("accepted");
        }
    }
}

fn body(size: usize) -> Bytes {
    Bytes::from(format!(
        "{{\"data\":\"{}\"}}",
        "x".repeat(size.saturating_sub(11))
    ))
}

/// CPU time of this process so far, user and system, from the kernel's own account.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
