//! Wrong keys: refused by the head alone, and limited for who shows many.

use fanfare::server::{access::Access, connections::ServerOptions};
use serde_json::Value;

use crate::support::raw_server::{Client, Server, status};

const KEY: &str = "a-key-of-more-than-32-visible-characters";
const REGISTRATION: &str = r#"{"url":"http://h/","token":"t"}"#;

/// A registration that shows this key, with more header lines.
fn registering(key: &str, lines: &str) -> String {
    let length = REGISTRATION.len();
    format!(
        "POST /api/webhooks HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n{lines}\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{REGISTRATION}"
    )
}

/// A question to the API that shows this key, with more header lines.
fn asking(key: &str, lines: &str) -> String {
    format!("GET /api/v1/app HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {key}\r\n{lines}\r\n")
}

/// Asks so many times with wrong keys; gives how many were told so, all others being told to stop.
async fn guesses(client: &mut Client, times: usize, lines: impl Fn(usize) -> String) -> usize {
    let mut told = 0;
    for number in 0..times {
        let wrong = format!("{KEY}{number}");
        let answer = client.ask(&asking(&wrong, &lines(number))).await;
        if status(&answer) == "HTTP/1.1 401" {
            told += 1;
        } else {
            assert_eq!(status(&answer), "HTTP/1.1 429", "{answer}");
            assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
            assert!(answer.contains("\"rate_limited\""), "{answer}");
        }
    }
    told
}

/// Row A37: of 1,000 wrong keys from one address the first ten are 401 and the others 429; a right key
/// from there is let in, on both faces, and so is everybody from elsewhere.
#[tokio::test]
async fn a37_a_client_that_tries_keys_out_is_429_and_right_keys_are_let_in() {
    let server = Server::start_with(ServerOptions::default(), Access::key(KEY)).await;
    let mut guesser = server.connect().await;
    assert_eq!(guesses(&mut guesser, 1_000, |_| String::new()).await, 10);
    let original = guesser.ask(&registering("wrong", "")).await;
    assert_eq!(status(&original), "HTTP/1.1 429", "{original}");
    let metrics = guesser
        .ask("GET /metrics HTTP/1.1\r\nhost: h\r\nauthorization: Bearer wrong\r\n\r\n")
        .await;
    assert_eq!(status(&metrics), "HTTP/1.1 429", "{metrics}");
    // Who shows no key at all is told that one is needed.
    let bare = guesser
        .ask("GET /api/v1/app HTTP/1.1\r\nhost: h\r\n\r\n")
        .await;
    assert_eq!(status(&bare), "HTTP/1.1 401", "{bare}");
    for host in [1, 2] {
        let mut tenant = server.connect_from(host).await;
        assert_eq!(status(&tenant.ask(&asking(KEY, "")).await), "HTTP/1.1 200");
        let registered = tenant.ask(&registering(KEY, "")).await;
        assert!(
            status(&registered).starts_with("HTTP/1.1 20"),
            "{registered}"
        );
    }
    let mut other = server.connect_from(3).await;
    assert_eq!(guesses(&mut other, 5, |_| String::new()).await, 5);
    server.serves_others().await;
}

/// Row A77: who names other addresses in `X-Forwarded-For` is still one client, unless it is a trusted
/// proxy: then each address that it names is one.
#[tokio::test]
async fn a77_a_forged_x_forwarded_for_helps_nobody_and_that_of_a_trusted_proxy_counts() {
    let server = Server::start_with(
        ServerOptions {
            trusted_proxies: vec!["127.0.0.8/32".parse().expect("a network")],
            ..ServerOptions::default()
        },
        Access::key(KEY),
    )
    .await;
    let forging = |number: usize| format!("x-forwarded-for: 203.0.113.{}\r\n", number % 200);
    let mut forger = server.connect().await;
    assert_eq!(guesses(&mut forger, 100, forging).await, 10);
    let mut proxy = server.connect_from(8).await;
    assert_eq!(guesses(&mut proxy, 100, forging).await, 100);
    // One client of the proxy, who writes other addresses before the one that the proxy adds.
    let hiding = |number: usize| format!("x-forwarded-for: 192.0.2.{number}, 198.51.100.7\r\n");
    assert_eq!(guesses(&mut proxy, 100, hiding).await, 10);
    let mut direct = server.connect_from(8).await;
    let answer = direct.ask(&asking(KEY, &hiding(0))).await;
    assert_eq!(status(&answer), "HTTP/1.1 200", "a right key is let in");
    server.serves_others().await;
}

/// Every route that asks for a key, by its method and path.
fn routes() -> Vec<(String, String)> {
    let described: Value =
        serde_json::from_str(include_str!("../../../fixtures/openapi.json")).expect("JSON");
    let paths = described
        .get("paths")
        .and_then(Value::as_object)
        .expect("paths");
    let mut routes: Vec<_> = paths
        .iter()
        .flat_map(|(path, operations)| {
            let operations = operations.as_object().expect("operations").iter();
            let closed = operations.filter(|(_, about)| about.get("security").is_none());
            closed.map(|(method, _)| (method.to_uppercase(), path.replace(['{', '}'], "")))
        })
        .collect();
    assert!(routes.len() > 45, "{routes:?}");
    routes.push(("POST".into(), "/api/webhooks".into()));
    routes.push(("POST".into(), "/api/webhooks/test".into()));
    routes
}

/// Row A17: on every route a body of 10 MiB that never comes is answered with 401 by its head alone,
/// with and without a key that is wrong, and nobody is told to go on with it.
#[tokio::test]
async fn a17_with_a_wrong_key_every_route_answers_before_a_body_that_never_comes() {
    let server = Server::start_with(ServerOptions::default(), Access::key(KEY)).await;
    for (host, (method, path)) in (1..).zip(routes()) {
        for shown in ["", "authorization: Bearer wrong\r\n"] {
            for expects in ["", "expect: 100-continue\r\n"] {
                let mut client = server.connect_from(host).await;
                let head = format!(
                    "{method} {path} HTTP/1.1\r\nhost: h\r\n{shown}{expects}\
                     content-type: application/json\r\ncontent-length: 10485760\r\n\r\n"
                );
                client.send(head).await;
                let answer = client.answer().await;
                assert_eq!(status(&answer), "HTTP/1.1 401", "{method} {path} {answer}");
            }
        }
    }
    server.serves_others().await;
    assert_eq!(server.backend.commands_begun(), 0);
}
