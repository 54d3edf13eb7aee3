//! Who has a place among the connections, and who must go.

use core::time::Duration;
use std::process::Command;

use fanfare::server::connections::ServerOptions;

use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::{
    process::{Process, empty_folder},
    raw_server::{Client, HEALTHZ, Server, status},
};

const KEY: &str = "a-key-of-more-than-32-visible-characters";

const REGISTERING: &str = "POST /api/webhooks HTTP/1.1\r\nhost: h\r\n\
     content-type: application/json\r\ncontent-length: 31\r\n\r\n{\"url\":\"http://h/\",\"token\":\"t\"}";

/// Row A12: of 5,000 connections from one address all beyond 256 hear 503 with `Retry-After` and are
/// closed; another address is served.
#[tokio::test]
async fn a12_a_client_has_256_connections_and_is_refused_more_while_others_are_served() {
    let server = Server::start(ServerOptions::default()).await;
    let mut held = Vec::new();
    for _ in 0..256 {
        let mut client = server.connect().await;
        assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
        held.push(client);
    }
    for number in 256..5_000 {
        let mut client = server.connect().await;
        if number % 2 == 0 {
            client.send(HEALTHZ).await;
        }
        let refusal = client.rest().await;
        assert_eq!(status(&refusal), "HTTP/1.1 503", "{number}: {refusal}");
        assert!(refusal.contains("retry-after: 1\r\n"), "{refusal}");
        assert!(refusal.contains("\"unavailable\""), "{refusal}");
    }
    server.serves_others().await;
    // Those that were there before are untouched, and one that ends makes room.
    let mut last = held.pop().expect("one");
    assert_eq!(status(&last.ask(HEALTHZ).await), "HTTP/1.1 200");
    last.send("GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .await;
    last.rest().await;
    drop(last);
    until_served(&server).await;
}

/// Connects until it is let in; the server may hear of an end later than the client.
async fn until_served(server: &Server) {
    loop {
        let mut client = server.connect().await;
        client.send(HEALTHZ).await;
        if status(&client.answer().await) == "HTTP/1.1 200" {
            return;
        }
    }
}

/// Row A12: the connections of a trusted proxy are those of many clients.
#[tokio::test]
async fn a12_a_trusted_proxy_has_more_connections_than_a_client() {
    let server = Server::start(ServerOptions {
        connections_per_address_max: 2,
        trusted_proxies: vec!["127.0.0.8/32".parse().expect("a network")],
        ..ServerOptions::default()
    })
    .await;
    for (host, expected) in [(8, "HTTP/1.1 200"), (9, "HTTP/1.1 503")] {
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut client = server.connect_from(host).await;
            assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
            held.push(client);
        }
        let mut third = server.connect_from(host).await;
        third.send(HEALTHZ).await;
        assert_eq!(status(&third.answer().await), expected, "127.0.0.{host}");
    }
    server.serves_others().await;
}

/// Rows A10 and A12: where clients of many addresses whose heads are slow hold all places, who comes with a
/// request is served, and the oldest of them has gone.
#[tokio::test]
async fn a10_a12_who_is_slow_for_longest_makes_room_where_all_places_are_taken() {
    let server = Server::start(ServerOptions {
        connections_max: 8,
        connections_per_address_max: 1,
        head_timeout_ms: 3_600_000,
        idle_ms: 3_600_000,
        ..ServerOptions::default()
    })
    .await;
    let mut silent: Vec<Client> = Vec::new();
    for host in 10..18 {
        let mut client = server.connect_from(host).await;
        client.send("GET /healthz HT").await;
        silent.push(client);
    }
    let mut served = Vec::new();
    for (host, gone) in (20..23).zip(&mut silent) {
        let mut client = server.connect_from(host).await;
        assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
        assert!(
            gone.rest_or_reset().await.is_empty(),
            "closed, not answered"
        );
        // It is slow from now on, too, but not for as long as the others.
        client.send("GET /healthz HT").await;
        served.push(client);
    }
    // The others may still end their requests.
    for waiting in silent.iter_mut().skip(3) {
        let answer = waiting.ask("TP/1.1\r\nhost: h\r\n\r\n").await;
        assert_eq!(status(&answer), "HTTP/1.1 200");
    }
}

/// Row A12: where more clients come at once than there are places, each of them is answered, though none
/// sends its head in one piece: a new one waits until one that was there has its answer.
#[tokio::test]
async fn a12_of_many_clients_at_few_places_none_is_closed_while_it_sends_its_request() {
    let server = Server::start(ServerOptions {
        connections_max: 8,
        ..ServerOptions::default()
    })
    .await;
    let mut clients = JoinSet::new();
    for _ in 0..100 {
        let mut client = server.connect().await;
        clients.spawn(async move {
            client.send("GET /healthz HT").await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            client.send("TP/1.1\r\nhost: h\r\n\r\n").await;
            let answer = client.answer().await;
            assert_eq!(status(&answer), "HTTP/1.1 200");
        });
    }
    while let Some(answered) = clients.join_next().await {
        answered.expect("answered");
    }
}

/// Row A12: a connection between requests makes room before one whose head came in part, though this one was
/// there first.
#[tokio::test]
async fn a12_a_connection_between_requests_makes_room_before_one_whose_head_is_on_its_way() {
    let server = Server::start(ServerOptions {
        connections_max: 3,
        ..ServerOptions::default()
    })
    .await;
    let mut slow = server.connect().await;
    slow.send("GET /healthz HT").await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    assert_eq!(status(&first.ask(HEALTHZ).await), "HTTP/1.1 200");
    assert_eq!(status(&second.ask(HEALTHZ).await), "HTTP/1.1 200");
    let (mut third, mut fourth) = (server.connect().await, server.connect().await);
    for (newer, older) in [(&mut third, &mut first), (&mut fourth, &mut second)] {
        newer.send("GET /healthz HT").await;
        assert_eq!(older.rest().await, "", "closed in order");
    }
    for client in [&mut slow, &mut third, &mut fourth] {
        let answer = client.ask("TP/1.1\r\nhost: h\r\n\r\n").await;
        assert_eq!(status(&answer), "HTTP/1.1 200");
    }
}

/// Row A12: an answer that its client is slow to read is not cut off for a new connection while another one idles,
/// though it was there first.
#[tokio::test]
async fn a12_a_connection_between_requests_makes_room_before_one_whose_answer_is_on_its_way() {
    let server = Server::start(ServerOptions {
        connections_max: 2,
        ..ServerOptions::default()
    })
    .await;
    let mut slow = server.connect().await;
    // More than has room on its way to a client that reads nothing.
    let large = "GET /api/v1/openapi.json HTTP/1.1\r\nhost: h\r\n";
    let last = format!("{large}connection: close\r\n\r\n");
    slow.send(format!("{large}\r\n").repeat(19) + &last).await;
    slow.stream.readable().await.expect("a begin");
    let mut idle = server.connect().await;
    assert_eq!(status(&idle.ask(HEALTHZ).await), "HTTP/1.1 200");
    let mut third = server.connect().await;
    third.send("GET /healthz HT").await;
    let closed = tokio::time::timeout(Duration::from_secs(20), idle.rest()).await;
    assert_eq!(closed.expect("it makes room"), "", "closed in order");
    // What was on its way is whole once it reads, and says that it was the last.
    let answers = slow.rest().await;
    let whole = |answer: &&str| {
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let length = format!("content-length: {}", body.len());
        head.lines().any(|line| line == length)
    };
    let answers: Vec<_> = answers.split("HTTP/1.1 200 OK").skip(1).collect();
    assert!(!answers.is_empty() && answers.iter().all(whole));
    let last = answers.last().expect("one");
    assert!(last.contains("\r\nconnection: close\r\n"));
    let answer = third.ask("TP/1.1\r\nhost: h\r\n\r\n").await;
    assert_eq!(status(&answer), "HTTP/1.1 200");
}

/// Row A12: clients that ask without a pause keep nobody out for ever: their connections end with an answer
/// that says so.
#[tokio::test]
async fn a12_a_connection_that_never_rests_ends_with_an_answer_where_somebody_waits() {
    let server = Server::start(ServerOptions {
        connections_max: 1,
        ..ServerOptions::default()
    })
    .await;
    let mut busy = server.connect().await;
    assert_eq!(status(&busy.ask(HEALTHZ).await), "HTTP/1.1 200");
    let mut waiting = server.connect().await;
    waiting.send(HEALTHZ).await;
    let mut asked = 0;
    loop {
        let answer = busy.ask(HEALTHZ).await;
        assert_eq!(status(&answer), "HTTP/1.1 200");
        if answer.contains("\r\nconnection: close\r\n") {
            break;
        }
        asked += 1;
        assert!(asked < 20_000, "it goes on for ever");
    }
    assert_eq!(busy.rest().await, "");
    assert_eq!(status(&waiting.answer().await), "HTTP/1.1 200");
}

/// Row A12: a connection that is being answered never makes room, so a new one waits for a place.
#[tokio::test]
async fn a12_where_all_connections_are_being_answered_a_new_one_waits() {
    let server = Server::start(ServerOptions {
        connections_max: 2,
        ..ServerOptions::default()
    })
    .await;
    server.backend.close_gate();
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    first.send(REGISTERING).await;
    second.send(REGISTERING).await;
    server.begun(2).await;
    let mut third = server.connect().await;
    third.send(HEALTHZ).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let nothing = third
        .stream
        .try_read(&mut [0; 1])
        .expect_err("no place yet");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    server.backend.open_gate();
    assert_eq!(status(&first.answer().await), "HTTP/1.1 201");
    assert_eq!(status(&second.answer().await), "HTTP/1.1 200");
    // One of them is between requests now, and makes room.
    assert_eq!(status(&third.answer().await), "HTTP/1.1 200");
}

/// The program on an empty folder, that may have so many files open.
fn limited(open_files: u64, arguments: &[&str]) -> (Command, TempDir) {
    let folder = empty_folder();
    let mut command = Command::new("sh");
    let line = format!("ulimit -n {open_files} && exec \"$0\" \"$@\"");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_fanfare")]);
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command.args(arguments);
    command
        .env_clear()
        .env("HOME", folder.path())
        .env("FANFARE_ADMIN_KEY", KEY)
        // The banner is the first line then, without the warning about this.
        .envs([("FANFARE_LOG", "error"), ("FANFARE_LOG_FORMAT", "pretty")])
        .current_dir(&folder);
    (command, folder)
}

/// Rows A12 and F8: where the system allows few open files, connections are taken up to their share of them,
/// and the server goes on: who comes with a request is served though more connections stand open.
#[test]
fn a12_few_open_files_mean_few_connections_and_not_a_server_without_files() {
    let (command, folder) = limited(128, &["--trusted-proxy", "127.0.0.0/8"]);
    let process = Process::of(command, folder);
    let silent: Vec<_> = (0..200).map(|_| process.connect()).collect();
    for _ in 0..5 {
        assert_eq!(process.get("/readyz").status, 200);
        let headers = format!("authorization: Bearer {KEY}\r\n");
        let reply = process.post("/api/v1/app", &headers, r#"{"name":"n"}"#);
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    drop(silent);
}

/// Rows A12 and F8: of the few connections that few open files allow one client has half, and is refused more.
#[test]
fn a12_of_few_connections_one_client_has_half() {
    // Of the open files 15 are for connections of clients.
    let (command, folder) = limited(64, &[]);
    let process = Process::of(command, folder);
    let held: Vec<_> = (0..8).map(|_| process.connect()).collect();
    let refusal = process.exchange("");
    assert_eq!(status(&refusal), "HTTP/1.1 503", "{refusal}");
    drop(held);
}

/// Row F8: where the system allows too few open files to work it does not start, and says what to do.
#[test]
fn f8_too_few_open_files_are_refused_at_the_start() {
    let (mut command, _folder) = limited(40, &[]);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    let expected = "the system allows 40 open files, and Fanfare needs 48: raise the limit";
    assert!(told.contains(expected), "{told}");
}
