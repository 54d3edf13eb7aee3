//! The server over real sockets on loopback: what clients do wrong, and how it ends.

use axum::body::Body;
use fanfare::{runtime::handle::Readiness, server::connections::ServerOptions};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::raw_server::{HEALTHZ, Server, status};

const REGISTRATION: &str = r#"{"url":"http://h/","token":"t"}"#;
const MIB: usize = 1024 * 1024;

fn registering() -> String {
    let length = REGISTRATION.len();
    format!(
        "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{REGISTRATION}"
    )
}

const READYZ: &str = "GET /readyz HTTP/1.1\r\nhost: h\r\n\r\n";

#[tokio::test]
async fn a_413_reaches_a_client_that_reads_only_after_it_wrote_two_mebibytes() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    let length = 2 * MIB;
    let head =
        format!("POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n");
    client.send(head).await;
    client
        .send_stubbornly(&[b' '; 64 * 1024], length / (64 * 1024))
        .await;
    assert_eq!(status(&client.rest().await), "HTTP/1.1 413");
    assert_eq!(server.backend.commands_begun(), 0);
}

#[tokio::test]
async fn a_413_in_the_middle_of_a_chunked_body_reaches_the_client_too() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    let head = "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
    client.send(head).await;
    let mut chunk = format!("{:x}\r\n", 64 * 1024).into_bytes();
    chunk.resize(chunk.len() + 64 * 1024, b' ');
    chunk.extend_from_slice(b"\r\n");
    // Enough that the limit is passed; then as much again and more.
    for _ in 0..4 {
        client.send(&chunk).await;
    }
    client.send_stubbornly(&chunk, 28).await;
    assert_eq!(status(&client.rest().await), "HTTP/1.1 413");
}

#[tokio::test]
async fn a_client_that_never_ends_its_refused_body_loses_its_connection() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    let head = "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999999\r\n\r\n";
    client.send(head).await;
    let piece = vec![b' '; MIB];
    let mut sent = 0;
    while client.stream.write_all(&piece).await.is_ok() {
        sent += 1;
        assert!(sent < 64, "the server reads for ever");
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_closes_the_connection() {
    let server = Server::start(ServerOptions {
        head_timeout_ms: 50,
        ..ServerOptions::default()
    })
    .await;
    for beginning in ["", "GET /healthz HT", "PRI * HTTP/2.0\r\n"] {
        let mut client = server.connect().await;
        client.send(beginning).await;
        let rest = client.rest().await;
        assert!(!rest.contains("200"), "{beginning}: {rest}");
    }
}

#[tokio::test]
async fn a_connection_on_which_nothing_moves_is_closed() {
    let server = Server::start(ServerOptions {
        head_timeout_ms: 50,
        idle_ms: 50,
        ..ServerOptions::default()
    })
    .await;
    let head = "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\n{";
    let mut client = server.connect().await;
    client.send(head).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn too_many_fields_or_too_large_a_head_is_431() {
    let server = Server::start(ServerOptions::default()).await;
    let many = "a: b\r\n".repeat(101);
    let large = format!("a: {}\r\n", "b".repeat(17 * 1024));
    for fields in [many, large] {
        let mut client = server.connect().await;
        client
            .send(format!("GET /healthz HTTP/1.1\r\n{fields}\r\n"))
            .await;
        assert_eq!(status(&client.rest().await), "HTTP/1.1 431");
    }
}

#[tokio::test]
async fn a_target_over_eight_kibibytes_is_414() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    let target = format!("/healthz?{}", "a".repeat(8 * 1024));
    let answer = client
        .ask(&format!("GET {target} HTTP/1.1\r\nhost: h\r\n\r\n"))
        .await;
    assert_eq!(status(&answer), "HTTP/1.1 414");
    assert!(answer.contains("target_too_long"), "{answer}");
}

#[tokio::test]
async fn what_is_no_http_is_400_and_the_next_client_is_served() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    client.send("\u{1}\u{2} garbage\r\n\r\n").await;
    assert_eq!(status(&client.rest().await), "HTTP/1.1 400");
    let answer = server.connect().await.ask(HEALTHZ).await;
    assert_eq!(status(&answer), "HTTP/1.1 200");
}

#[tokio::test]
async fn a_truncated_body_is_400_and_stores_nothing() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    // Whole as JSON, but shorter than its declared length.
    let request = registering().replace("content-length: 31", "content-length: 32");
    client.send(request).await;
    client.stream.shutdown().await.expect("half closed");
    let answer = client.rest().await;
    assert_eq!(status(&answer), "HTTP/1.1 400");
    assert!(answer.contains("ended early"), "{answer}");
    assert_eq!(server.backend.commands_begun(), 0);
}

#[tokio::test]
async fn a_client_that_closes_its_side_after_its_request_still_gets_the_answer() {
    let server = Server::start(ServerOptions::default()).await;
    server.backend.close_gate();
    let mut client = server.connect().await;
    client.send(registering()).await;
    client.stream.shutdown().await.expect("half closed");
    // The engine answers long after the end of the client's side was seen.
    server.begun(1).await;
    server.backend.open_gate();
    assert_eq!(status(&client.rest().await), "HTTP/1.1 201");
}

#[tokio::test]
async fn http_2_with_prior_knowledge_is_served() {
    let server = Server::start(ServerOptions::default()).await;
    let stream = TcpStream::connect(server.address)
        .await
        .expect("it listens");
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let uri = format!("http://{}/api/webhooks", server.address);
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let request = Request::post(&uri)
            .header("content-type", "application/json")
            .body(Body::from(REGISTRATION))
            .expect("valid");
        let answer = sender.send_request(request).await.expect("an answer");
        assert_eq!(answer.status(), expected);
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("whole")
            .to_bytes();
        assert_eq!(body, format!("[{REGISTRATION}]"));
    }
    let mut many = Request::post(&uri).body(Body::empty()).expect("valid");
    for number in 0..101 {
        let name: http::HeaderName = format!("a{number}").parse().expect("valid");
        many.headers_mut()
            .insert(name, http::HeaderValue::from_static("b"));
    }
    let answer = sender.send_request(many).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let large = Request::post(&uri).body(Body::from(vec![b' '; MIB]));
    let answer = sender
        .send_request(large.expect("valid"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    drop(sender);
    connection.await.expect("no panic").expect("a clean end");
}

#[tokio::test]
async fn shutdown_lets_a_request_in_flight_end_and_takes_no_new_connection() {
    let server = Server::start(ServerOptions::default()).await;
    server.backend.close_gate();
    let mut client = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(status(&idle.ask(HEALTHZ).await), "HTTP/1.1 200");
    client.send(registering()).await;
    server.begun(1).await;
    server.shutdown.notify_one();
    assert_eq!(
        idle.rest().await,
        "",
        "an idle connection is closed at once"
    );
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.task.is_finished());
    server.backend.open_gate();
    let answer = client.rest().await;
    assert_eq!(status(&answer), "HTTP/1.1 201");
    assert!(answer.ends_with(&format!("[{REGISTRATION}]")), "{answer}");
    server.task.await.expect("no panic");
}

#[tokio::test]
async fn shutdown_breaks_off_what_is_unanswered_when_its_time_is_over() {
    let server = Server::start(ServerOptions {
        drain_timeout_ms: 50,
        ..ServerOptions::default()
    })
    .await;
    server.backend.close_gate();
    let mut client = server.connect().await;
    client.send(registering()).await;
    server.begun(1).await;
    server.shutdown.notify_one();
    server.task.await.expect("no panic");
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn readyz_flips_on_a_living_connection_and_healthz_stays() {
    let server = Server::start(ServerOptions::default()).await;
    let mut client = server.connect().await;
    for (readiness, expected) in [
        (Readiness::Starting, "HTTP/1.1 503"),
        (Readiness::Ready, "HTTP/1.1 200"),
        (Readiness::Draining, "HTTP/1.1 503"),
    ] {
        server.backend.set_readiness(readiness);
        assert_eq!(status(&client.ask(READYZ).await), expected);
        assert_eq!(status(&client.ask(HEALTHZ).await), "HTTP/1.1 200");
    }
}

#[tokio::test]
async fn an_answer_without_content_tells_no_length_of_it() {
    let server = Server::start(ServerOptions::default()).await;
    for method in ["GET", "HEAD"] {
        let mut client = server.connect().await;
        let head = "/api/v1/health HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
        client.send(format!("{method} {head}")).await;
        let answer = client.rest().await;
        assert_eq!(status(&answer), "HTTP/1.1 204", "{answer}");
        assert!(
            !answer.to_lowercase().contains("content-length"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_handler_that_panics_costs_its_own_request_only() {
    let server = Server::start(ServerOptions::default()).await;
    server.backend.panic_once();
    let mut client = server.connect().await;
    let answer = client.ask(&registering()).await;
    assert_eq!(status(&answer), "HTTP/1.1 500");
    assert!(!answer.contains("planted"), "{answer}");
    assert_eq!(status(&client.ask(&registering()).await), "HTTP/1.1 201");
}

#[tokio::test]
async fn a20_a_request_without_one_host_is_400_and_an_absolute_target_is_served() {
    let server = Server::start(ServerOptions::default()).await;
    for (head, expected) in [
        ("GET /healthz HTTP/1.1\r\n", "HTTP/1.1 400"),
        (
            "GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
            "HTTP/1.1 400",
        ),
        ("GET /healthz HTTP/1.1\r\nhost: a b\r\n", "HTTP/1.1 400"),
        ("GET /healthz HTTP/1.1\r\nhost: u@a\r\n", "HTTP/1.1 400"),
        ("GET /healthz HTTP/1.1\r\nhost: a:1:2\r\n", "HTTP/1.1 400"),
        (
            "GET /healthz HTTP/1.1\r\nhost: [::1]:80\r\n",
            "HTTP/1.1 200",
        ),
        ("GET /healthz HTTP/1.0\r\n", "HTTP/1.0 200"),
        (
            "GET http://other.example/healthz HTTP/1.1\r\nhost: a\r\n",
            "HTTP/1.1 200",
        ),
    ] {
        let mut client = server.connect().await;
        client
            .send(format!("{head}connection: close\r\n\r\n"))
            .await;
        assert_eq!(status(&client.rest().await), expected, "{head}");
    }
}

#[tokio::test]
async fn a73_who_closes_right_after_the_body_has_registered_it_whole() {
    let server = Server::start(ServerOptions::default()).await;
    for _ in 0..20 {
        let mut client = server.connect().await;
        client.send(registering()).await;
    }
    // A whole request counts, whether or not its client is there to hear it.
    server.begun(20).await;
    assert_eq!(server.backend.hashes().len(), 1);
}
