//! Clients that are slow on purpose.

use std::time::{Duration, Instant};

use fanfare::server::connections::ServerOptions;
use tokio::{io::AsyncWriteExt as _, task::JoinSet};

use crate::support::raw_server::{Client, HEALTHZ, Server, status};

/// Sends a byte every 20 ms until the other side has closed.
async fn drip(client: &mut Client) {
    let mut beat = tokio::time::interval(Duration::from_millis(20));
    loop {
        beat.tick().await;
        if client.stream.write_all(b"a").await.is_err() {
            return;
        }
    }
}

/// Row A10: 500 connections whose heads drip are closed when a head's time is over, however many bytes
/// of it came; an ordinary client is served all the while.
#[tokio::test]
async fn a10_a_dripping_head_is_closed_when_its_time_is_over_and_others_are_served() {
    let server = Server::start(ServerOptions {
        head_timeout_ms: 500,
        connections_per_address_max: 50,
        ..ServerOptions::default()
    })
    .await;
    let begin = Instant::now();
    let mut dripping = JoinSet::new();
    for number in 0..500_u16 {
        let host = 10 + u8::try_from(number % 20).expect("small");
        let mut client = server.connect_from(host).await;
        // Some never begin, some are in their first head, some in their second.
        let beginning = match number % 3 {
            0 => "",
            1 => "GET /healthz HTTP/1.1\r\nhost: h\r\nx: ",
            _ => {
                assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
                "GET /healthz HTTP/1.1\r\nhost: h\r\nx: "
            }
        };
        client.send(beginning).await;
        dripping.spawn(async move {
            if beginning.is_empty() {
                client.rest_or_reset().await;
            } else {
                drip(&mut client).await;
            }
        });
    }
    while dripping.join_next().await.is_some() {
        server.serves_others().await;
    }
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

/// Row A11: a body that drips is 408 after the five seconds in which it may, with its reason; its
/// connection is closed, and nothing is stored.
#[tokio::test]
async fn a11_a_dripping_body_is_408_after_five_seconds() {
    let server = Server::start(ServerOptions::default()).await;
    let begin = Instant::now();
    let mut client = server.connect().await;
    client
        .send("POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-length: 10000\r\n\r\n{")
        .await;
    let (mut reading, mut writing) = client.stream.into_split();
    let dripping = tokio::spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        loop {
            beat.tick().await;
            if writing.write_all(b" ").await.is_err() {
                return;
            }
        }
    });
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut reading, &mut answer)
        .await
        .expect("an answer");
    let took = begin.elapsed();
    assert_eq!(status(&answer), "HTTP/1.1 408", "{answer}");
    assert!(answer.contains("1024 bytes a second"), "{answer}");
    let in_time = Duration::from_secs(5)..Duration::from_secs(15);
    assert!(in_time.contains(&took), "{took:?}");
    server.serves_others().await;
    assert_eq!(server.backend.commands_begun(), 0);
    drop(reading);
    dripping.await.expect("its connection has ended");
}

/// Row A12: a connection that waits for its next request is closed when it has idled for long; the time
/// of a head says nothing of that.
#[tokio::test]
async fn a12_an_idle_connection_is_closed_after_its_time_and_not_after_that_of_a_head() {
    let server = Server::start(ServerOptions {
        head_timeout_ms: 50,
        idle_ms: 600,
        ..ServerOptions::default()
    })
    .await;
    let mut client = server.connect().await;
    assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
    let begin = Instant::now();
    assert_eq!(client.rest().await, "");
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(500), "{took:?}");
    server.serves_others().await;
}
