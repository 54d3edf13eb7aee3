//! HTTP/2 clients that use the protocol against the server, with frames as they are on the wire.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    time::{Duration, Instant},
};

use axum::body::Body;
use fanfare::server::connections::ServerOptions;
use http::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::AsyncWriteExt as _, net};

use crate::support::{
    process::Process,
    raw_server::{Server, status},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// What a server may need more of memory than before, in KiB, whatever a client does.
const GROWTH_KIB_MAX: u64 = 20 * 1024;

/// A frame on the wire.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// The head of `GET path`, in HPACK without its tables.
fn get(path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04];
    block.push(u8::try_from(path.len()).expect("short"));
    block.extend(path.as_bytes());
    block.extend([0x01, 1, b'h']);
    block
}

/// The begin of a connection, with these settings.
fn opening(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

/// The kinds of frames in what a server sent, with the error codes of its farewells.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Option<u32>)> {
    let mut found = Vec::new();
    while let Some((&[high, middle, low, kind, ..], rest)) = bytes.split_first_chunk::<9>() {
        let length = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let code = payload.get(4..8).filter(|_| kind == GOAWAY);
        let code = code.map(|code| u32::from_be_bytes(code.try_into().expect("four")));
        found.push((kind, code));
        bytes = rest;
    }
    found
}

/// Sends a flood to a process and reads what it says until it closes, which it must.
fn flooded(process: &Process, flood: Vec<u8>) -> Vec<(u8, Option<u32>)> {
    let mut stream = process.connect();
    let mut writing = stream.try_clone().expect("a second hand");
    std::thread::scope(|scope| {
        // The server may close long before it has all.
        scope.spawn(move || _ = writing.write_all(&flood));
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes) {
            let is_closed = matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
            );
            assert!(is_closed, "{error}");
        }
        frames(&bytes)
    })
}

/// What a flood makes of a server: its frames, while an ordinary client is served and memory stays.
fn withstood(flood: impl Fn() -> Vec<u8>) -> Vec<Vec<(u8, Option<u32>)>> {
    let process = Process::start(&["serve", "--store", "memory"], &[]);
    // What all connections need the first time is there then.
    assert_eq!(process.get("/readyz").status, 200);
    let before = process.resident_kib();
    let answers = (0..5).map(|_| {
        let answer = flooded(&process, flood());
        assert_eq!(process.get("/readyz").status, 200);
        answer
    });
    let answers = answers.collect();
    let grown = process.resident_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more");
    answers
}

/// Row A23: of 10,000 requests that are reset at once the connection ends with ENHANCE_YOUR_CALM.
#[test]
fn a23_requests_that_are_reset_at_once_end_the_connection() {
    let answers = withstood(|| {
        let mut flood = opening(&[]);
        for number in 0..10_000_u32 {
            let stream = 2 * number + 1;
            flood.extend(frame(
                HEADERS,
                END_STREAM | END_HEADERS,
                stream,
                &get("/healthz"),
            ));
            flood.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
        }
        flood
    });
    for answer in answers {
        assert!(answer.contains(&(GOAWAY, Some(11))), "{answer:?}");
    }
}

/// Row A23: a head that goes on and on ends the connection.
#[test]
fn a23_a_flood_of_continuations_ends_the_connection() {
    let answers = withstood(|| {
        let mut flood = opening(&[]);
        flood.extend(frame(HEADERS, END_STREAM, 1, &get("/healthz")));
        // A field that is never indexed: x: y.
        let more = frame(CONTINUATION, 0, 1, &[0x10, 1, b'x', 1, b'y'].repeat(200));
        for _ in 0..10_000 {
            flood.extend(&more);
        }
        flood
    });
    for answer in answers {
        let farewell = answer.iter().find(|(kind, _)| *kind == GOAWAY);
        assert!(farewell.is_some(), "{answer:?}");
    }
}

/// Row A23: pings and settings without end end the connection long before it would count as idle.
#[test]
fn a23_a_flood_of_pings_or_settings_ends_the_connection() {
    for one in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, &[])] {
        // After a request, so that it is not the first one that is waited for.
        let asked = frame(HEADERS, END_STREAM | END_HEADERS, 1, &get("/healthz"));
        let begin = Instant::now();
        withstood(|| [opening(&[]), asked.clone(), one.repeat(500_000)].concat());
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(50), "{took:?}");
    }
}

/// Row A23: a header list of 17 KiB is 431, and the connection goes on.
#[tokio::test]
async fn a23_a_header_list_of_17_kib_is_431() {
    let server = Server::start(ServerOptions::default()).await;
    let stream = net::TcpStream::connect(server.address)
        .await
        .expect("it listens");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/healthz", server.address);
    for (filled, expected) in [
        (1, StatusCode::OK),
        (17 * 1024, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        (1, StatusCode::OK),
    ] {
        let request = Request::get(&uri).header("x", "a".repeat(filled));
        let answer = sender.send_request(request.body(Body::empty()).expect("valid"));
        assert_eq!(answer.await.expect("an answer").status(), expected);
    }
    server.serves_others().await;
    drop(sender);
    connection.await.expect("no panic").expect("a clean end");
}

/// Row A23: a client that takes no answer, its windows closed, and pings meanwhile, loses its connection
/// when it has idled for long.
#[tokio::test]
async fn a23_who_takes_no_answer_is_closed_though_it_pings() {
    let server = Server::start(ServerOptions {
        idle_ms: 500,
        ..ServerOptions::default()
    })
    .await;
    let mut client = server.connect().await;
    // SETTINGS_INITIAL_WINDOW_SIZE is 0.
    client.send(opening(&[0, 4, 0, 0, 0, 0])).await;
    for number in 0..100_u32 {
        let head = get("/api/v1/openapi.json");
        let flags = END_STREAM | END_HEADERS;
        client
            .send(frame(HEADERS, flags, 2 * number + 1, &head))
            .await;
    }
    let mut beat = tokio::time::interval(Duration::from_millis(50));
    let (mut reading, mut writing) = client.stream.into_split();
    let answer = tokio::spawn(async move {
        let mut bytes = Vec::new();
        drop(tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut bytes).await);
        frames(&bytes)
    });
    let mut beats = 0;
    while !answer.is_finished() {
        beat.tick().await;
        beats += 1;
        assert!(beats < 400, "it stays open");
        if writing
            .write_all(&frame(PING, 0, 0, &[7; 8]))
            .await
            .is_err()
        {
            break;
        }
    }
    let answer = answer.await.expect("no panic");
    let heads = answer.iter().filter(|(kind, _)| *kind == HEADERS).count();
    assert_eq!(heads, 100, "all were answered");
    assert!(
        !answer.iter().any(|(kind, _)| *kind == DATA),
        "none was taken"
    );
    let mut healthy = server.connect().await;
    let other = healthy
        .ask("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    assert_eq!(status(&other), "HTTP/1.1 200");
}
