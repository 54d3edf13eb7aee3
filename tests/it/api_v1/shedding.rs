//! What is refused first where there is too much, and that it is refused by the head alone.

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use fanfare::{
    domain::{command::Refusal, outcome::OutcomeKind},
    engine::options::Options,
    limits,
    runtime::handle::Work,
    server::{
        connections::{ServerOptions, serve},
        held::{Held, HeldBytes},
    },
};
use futures::stream;
use http::{Method, Request};
use serde_json::json;
use tokio::{net::TcpListener, task::spawn_local};

use super::{Api, KEY, keyed, local};
use crate::support::{
    memory_transport::{MemoryTransport, Sent},
    raw_server::{Client, status},
    stall::Stall,
};

const AGAIN: [&str; 4] = [
    "/api/v1/app/a/endpoint/e/recover",
    "/api/v1/app/a/endpoint/e/replay-missing",
    "/api/v1/app/a/endpoint/e/bulk-replay",
    "/api/v1/app/a/endpoint/e/send-example",
];
const RESEND: &str = "/api/v1/app/a/msg/m/endpoint/e/resend";
const NEW: [&str; 2] = ["/api/v1/app/a/msg", "/api/webhooks/test"];

/// A request whose body must not be read.
fn untouchable(path: &str, key: Option<&str>) -> Request<Body> {
    let body = Body::from_stream(stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<&str, std::io::Error>>> {
            panic!("the body was read")
        },
    ));
    let mut request = keyed(Method::POST, path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body).expect("valid")
}

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    let application = json!({ "name": "a", "uid": "a" });
    api.post("/api/v1/app", application).await.fine();
    let endpoint = json!({ "url": "https://example.com/e", "uid": "e" });
    api.post("/api/v1/app/a/endpoint", endpoint).await.fine();
    let message = json!({ "eventType": "t", "payload": {}, "eventId": "m" });
    api.post("/api/v1/app/a/msg", message).await.fine();
    api
}

/// Row A74: where the backlog is half full, jobs and resends are 503 with `Retry-After` by their heads
/// alone, and new messages are taken; where it is full, these are 503, too.
#[tokio::test]
async fn a74_jobs_are_refused_before_new_messages_and_both_before_their_bodies_are_read() {
    local(async {
        let api = api().await;
        let refuse = |asked| {
            api.host
                .early_refusals
                .lock()
                .expect("no panic")
                .push(asked)
        };
        refuse((Work::Again, Refusal::Overloaded));
        for path in AGAIN.into_iter().chain([RESEND]) {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 503, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "1", "{path}");
        }
        // What reads only is answered, and so is what was not accepted yet.
        let dry = format!("{}?dryRun=true", AGAIN[0]);
        let counted = api.post(&dry, json!({ "since": "2025-11-24T15:59:59Z" }));
        assert_eq!(counted.await.status, 200);
        let message = json!({ "eventType": "t", "payload": {} });
        assert_eq!(api.post(NEW[0], message).await.status, 202);
        refuse((Work::New, Refusal::Overloaded));
        for path in NEW {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 503, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "1", "{path}");
        }
        assert_eq!(api.get("/api/v1/app/a/msg/m").await.status, 200);
    })
    .await;
}

/// Row A74: on a full disk a new message is 507 by its head alone; one with an idempotency key is left
/// to the engine, which may know it.
#[tokio::test]
async fn a74_on_a_full_disk_a_message_is_507_by_its_head_unless_it_may_have_been_accepted() {
    local(async {
        let api = api().await;
        let keyed_message = || {
            let request = keyed(Method::POST, NEW[0])
                .header("content-type", "application/json")
                .header("idempotency-key", "k");
            let body = json!({ "eventType": "t", "payload": {} }).to_string();
            request.body(Body::from(body)).expect("valid")
        };
        let first = api.ask(keyed_message()).await.fine();
        let refused = (Work::New, Refusal::DiskFull);
        api.host
            .early_refusals
            .lock()
            .expect("no panic")
            .push(refused);
        for path in NEW {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 507, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "5", "{path}");
        }
        let again = api.ask(keyed_message()).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.fine()["id"], first["id"]);
    })
    .await;
}

/// A request of so many bytes of payload.
fn message_of(bytes: usize) -> String {
    let payload = "x".repeat(bytes);
    json!({ "eventType": "t", "payload": { "x": payload } }).to_string()
}

fn head_of(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// The routes of an API behind real sockets that hold no more than so many bytes of bodies.
async fn served(api: &Api, bytes: usize) -> (SocketAddr, HeldBytes) {
    let held = Held {
        requests: HeldBytes::new(bytes),
        answers: HeldBytes::default(),
    };
    (served_holding(api, held.clone()).await, held.requests)
}

/// The same with bounds on both.
async fn served_holding(api: &Api, held: Held) -> SocketAddr {
    let options = ServerOptions {
        held,
        ..ServerOptions::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let forever = core::future::pending();
    spawn_local(serve(listener, api.router.clone(), options, forever));
    address
}

async fn connect(address: SocketAddr) -> Client {
    let stream = tokio::net::TcpStream::connect(address).await;
    Client {
        stream: stream.expect("it listens"),
    }
}

/// The whole answer to a request.
async fn asked(address: SocketAddr, request: &str) -> String {
    connect(address).await.ask(request).await
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

/// Whether an answer is 503 and says when to come again.
fn is_shed(answer: &str) -> bool {
    status(answer) == "HTTP/1.1 503" && answer.contains("retry-after: 1\r\n")
}

/// Rows A16 and A74: bodies that are being read share a bound. From half of it on jobs and resends are 503
/// with `Retry-After`; a message whose body does not fit is, too, by its head alone where that says its
/// length. Who gives up gives back.
#[tokio::test]
async fn a74_bodies_being_read_share_a_bound_and_what_is_beyond_it_is_refused_in_order() {
    local(async {
        let api = api().await;
        let (address, held) = served(&api, 100_000).await;
        let resend = head_of(RESEND, 0);
        assert_eq!(status(&asked(address, &resend).await), "HTTP/1.1 202");
        let mut slow = connect(address).await;
        slow.send(head_of(NEW[0], 60_000) + &" ".repeat(50_000))
            .await;
        until(|| held.held() == 50_000).await;
        for path in AGAIN.into_iter().chain([RESEND]) {
            let answer = asked(address, &head_of(path, 2)).await;
            assert!(is_shed(&answer), "{path} {answer}");
        }
        let small = message_of(40_000);
        let request = head_of(NEW[0], small.len()) + &small;
        assert_eq!(status(&asked(address, &request).await), "HTTP/1.1 202");
        for path in NEW {
            // Nothing of the body is sent.
            let answer = asked(address, &head_of(path, 50_001)).await;
            assert!(is_shed(&answer), "{path} {answer}");
        }
        // Where the head says no length, it is as soon as one byte more than fits has come.
        let chunked = head_of(NEW[0], 0).replace("content-length: 0", "transfer-encoding: chunked");
        let answer = asked(address, &format!("{chunked}c351\r\n{}", " ".repeat(50_001))).await;
        assert!(is_shed(&answer), "{answer}");
        until(|| held.held() == 50_000).await;
        drop(slow);
        until(|| held.held() == 0).await;
        assert_eq!(status(&asked(address, &resend).await), "HTTP/1.1 202");
    })
    .await;
}

/// Answers that wait for their clients share a bound: where one that takes none of its answer has it, other large
/// ones are 503 with `Retry-After`; short ones, and what changes something, are answered. Who gives up gives back.
#[tokio::test]
async fn answers_that_nobody_takes_share_a_bound_and_what_is_beyond_it_is_refused() {
    local(async {
        let api = api().await;
        let held = Held {
            requests: HeldBytes::default(),
            answers: HeldBytes::new(4_000_000),
        };
        let address = served_holding(&api, held.clone()).await;
        let small = message_of(200_000);
        let new = head_of(NEW[0], small.len()) + &small;
        for _ in 0..17 {
            assert_eq!(status(&asked(address, &new).await), "HTTP/1.1 202");
        }
        let list = |items: u32| {
            head_of("", 0)
                .replace("POST ", &format!("GET /api/v1/app/a/msg?limit={items}"))
                .replace("content-length: 0\r\n", "")
        };
        // Buffers below the server's take a part of it, not all.
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4_096).expect("a small buffer");
        let stream = socket.connect(address).await.expect("it listens");
        let mut slow = Client { stream };
        slow.send(list(17)).await;
        until(|| held.answers.held() > 17 * 200_000).await;
        for _ in 0..20 {
            let answer = asked(address, &list(4)).await;
            assert!(is_shed(&answer), "{answer}");
        }
        assert!(held.answers.held() <= 4_000_000);
        // There is room for a short one, and for one that fits.
        assert_eq!(
            status(&asked(address, &list(0).replace("msg?limit=0", "endpoint")).await),
            "HTTP/1.1 200"
        );
        assert_eq!(status(&asked(address, &list(2)).await), "HTTP/1.1 200");
        assert_eq!(status(&asked(address, &new).await), "HTTP/1.1 202");
        drop(slow);
        until(|| held.answers.held() == 0).await;
        assert_eq!(status(&asked(address, &list(4)).await), "HTTP/1.1 200");
    })
    .await;
}

/// Row A74: while the store commits nothing, messages wait for it up to a bound and all others are 503 with
/// `Retry-After`. None is acknowledged. When it goes on, those that waited are, and so is what comes then.
#[tokio::test]
async fn a74_while_the_store_stalls_nothing_is_acknowledged_and_little_waits() {
    local(async {
        let stall = Stall::default();
        let script = Box::new(|_: &_| (Duration::ZERO, OutcomeKind::Status(200)));
        let transport = MemoryTransport::new(script, Sent::default());
        let options = Options {
            batch_bytes_max: 512 * 1024,
            ..Options::default()
        };
        let batch_bytes = options.batch_bytes_max;
        let api = Api::stalling(transport, options, stall.clone()).await;
        api.application("a").await;
        let (address, held) = served(&api, 64 * 1024 * 1024).await;
        stall.begin();
        let body = message_of(100 * 1024);
        let request = head_of(NEW[0], body.len()) + &body;
        let count = 40;
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..count {
            let (request, tell) = (request.clone(), tell.clone());
            spawn_local(async move {
                let answer = asked(address, &request).await;
                tell.send(answer).expect("somebody listens");
            });
        }
        until(|| told.len() + held.held() / body.len() == count).await;
        // Those that the engine itself refuses hear so in its next turn.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        let waiting = count - told.len();
        // As many batches as may be on their way and the next one, each with the event that fills it.
        let batches = limits::BATCHES_IN_FLIGHT_MAX + 1;
        let room = batches * (batch_bytes / body.len() + 1);
        assert!((2..=room).contains(&waiting), "{waiting} of {room}");
        assert!(room < count);
        for _ in waiting..count {
            let answer = told.recv().await.expect("one");
            assert!(is_shed(&answer), "{answer}");
        }
        stall.end();
        for _ in 0..waiting {
            let answer = told.recv().await.expect("one");
            assert_eq!(status(&answer), "HTTP/1.1 202", "{answer}");
        }
        until(|| held.held() == 0).await;
        assert_eq!(status(&asked(address, &request).await), "HTTP/1.1 202");
        let listed = api
            .get("/api/v1/app/a/msg?limit=250&with_content=false")
            .await
            .fine();
        let listed = listed["data"].as_array().expect("a list").len();
        assert_eq!(listed, waiting + 1);
    })
    .await;
}
