//! Fanfare as a whole, in real time: the built binary, real sockets, real signals.
//!
//! What the console and the receivers see is compared with what the original server's users know;
//! how it is decided has tests of its own.

use std::{io::Write as _, time::Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::support::{
    process::{Process, Reply, everything},
    receiver::{Act, Receiver, Request, answering, reply},
};

/// No event by itself within any test.
const QUIET: (&str, &str) = ("GENERATORFREQUENCY", "2147483647");
const KEY: &str = "a-key-of-more-than-32-visible-characters";
const TEST: &str = r#"{"payload":["a",{"valid":"x"}]}"#;
/// A failure is tried again after a second, not after five.
const RETRY_SOON: &str = "[engine]\nretry_waits_seconds = [1]\n";

fn registration(url: &str) -> String {
    json!({"url": url, "token": "t-1"}).to_string()
}

fn register(process: &Process, url: &str) -> Reply {
    process.post("/api/webhooks", "", registration(url))
}

fn authorized(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

/// A receiver that answers everything with this status.
async fn answers(status: &str) -> (Receiver, String) {
    serves(answering(100, &reply(status, ""))).await
}

/// A receiver with this script, and its URL.
async fn serves(script: Vec<Act>) -> (Receiver, String) {
    let receiver = Receiver::start(vec![script]).await;
    let url = format!("http://{}/hook?a=1", receiver.address);
    (receiver, url)
}

fn seconds_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// Checks the form of the Standard Webhooks headers; gives the id.
fn signed_id(request: &Request) -> String {
    let id = request.header("webhook-id").expect("an id");
    let number = id.strip_prefix("msg_").expect(id);
    assert_eq!(number.len(), 27, "{id}");
    assert!(
        number
            .bytes()
            .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    );
    let stamp = request.header("webhook-timestamp").expect("a stamp");
    let stamp: u64 = stamp.parse().expect("whole seconds");
    assert!(seconds_now().abs_diff(stamp) <= 300, "{stamp}");
    let signature = request.header("webhook-signature").expect("a signature");
    let mac = signature.strip_prefix("v1,").expect(signature);
    assert_eq!(BASE64_STANDARD.decode(mac).expect("base64").len(), 32);
    id.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_receiver_gets_a_signed_delivery_and_the_console_tells_it() {
    let fanfare = Process::start(&["dev"], &[QUIET]);
    let (receiver, url) = answers("204 No Content").await;

    let registered = register(&fanfare, &url);
    assert_eq!(registered.status, 201, "{registered:?}");
    let list: Value = serde_json::from_str(&registered.body).expect("JSON");
    assert_eq!(list, json!([{"url": url, "token": "t-1"}]));
    assert_eq!(register(&fanfare, &url).status, 200, "known by now");

    let tested = fanfare.post("/api/webhooks/test", "", TEST);
    assert_eq!((tested.status, tested.body.as_str()), (202, "{}"));

    let requests = receiver.arrived(1).await;
    let [request] = requests.as_slice() else {
        panic!("one delivery: {requests:?}");
    };
    assert!(
        request.head.starts_with("POST /hook?a=1 HTTP/1.1\r\n"),
        "{request:?}"
    );
    let version = concat!("Fanfare/", env!("CARGO_PKG_VERSION"));
    assert!(
        request
            .header("user-agent")
            .is_some_and(|agent| version.starts_with(agent))
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    let body = String::from_utf8(request.body.clone()).expect("UTF-8");
    assert_eq!(body, format!(r#"{{"token":"t-1","payload":{TEST}}}"#));
    signed_id(request);
    let line = format!("{{ processed: [ '{url}' ], failed: [] }}");
    assert_eq!(fanfare.output.next(), line);
}

#[tokio::test(flavor = "multi_thread")]
async fn dev_makes_orders_by_itself_and_says_when_nobody_is_registered() {
    let fanfare = Process::start(&["dev", "--seed", "1"], &[("GENERATORFREQUENCY", "50")]);
    assert_eq!(fanfare.output.next(), ".... No Clients Registered yet ....");
    let (receiver, url) = answers("200 OK").await;
    assert_eq!(register(&fanfare, &url).status, 201);
    let bodies: Vec<Value> = receiver
        .arrived(2)
        .await
        .iter()
        .map(|request| {
            signed_id(request);
            serde_json::from_slice(&request.body).expect("JSON")
        })
        .collect();
    assert_ne!(bodies[0], bodies[1]);
    let orders = bodies[0]["payload"].as_array().expect("a list");
    assert!((1..=10).contains(&orders.len()));
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    for order in orders {
        assert_eq!(
            names(order),
            [
                "productName",
                "price",
                "color",
                "orderDate",
                "dispatchBy",
                "deliveryDetails"
            ]
        );
        assert_eq!(
            names(&order["deliveryDetails"]),
            [
                "firstName",
                "lastName",
                "street",
                "county",
                "city",
                "country",
                "zipCode"
            ]
        );
    }
    fanfare
        .output
        .next_with(&format!("processed: [ '{url}' ], failed: []"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_in_its_batchs_line_and_its_retry_has_a_line_of_its_own() {
    let fanfare = Process::start_with_file(&["dev"], &[QUIET], Some(RETRY_SOON));
    let (good, good_url) = answers("200 OK").await;
    let mut recovering = answering(1, &reply("500 Internal Server Error", "no"));
    recovering.extend(answering(1, &reply("200 OK", "")));
    let (bad, bad_url) = serves(recovering).await;
    assert_eq!(register(&fanfare, &good_url).status, 201);
    assert_eq!(register(&fanfare, &bad_url).status, 201);

    assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
    bad.arrived(1).await;
    let failed_at = Instant::now();
    let batch = format!("{{ processed: [ '{good_url}' ], failed: [ '{bad_url} - status 500' ] }}");
    assert_eq!(fanfare.output.next(), batch);
    let requests = bad.arrived(2).await;
    let waited = failed_at.elapsed().as_millis();
    // A second, a fifth more or less, counted from the end of the first attempt.
    assert!(waited >= 790, "{waited} ms");
    assert_eq!(
        signed_id(&requests[0]),
        signed_id(&requests[1]),
        "the same event"
    );
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(
        fanfare.output.next(),
        format!("{{ processed: [ '{bad_url}' ], failed: [] }}")
    );
    assert_eq!(
        good.requests().len(),
        1,
        "who succeeded is not sent to again"
    );
}

#[test]
fn a_dead_receiver_is_given_up_after_its_schedule_with_a_reason_each_time() {
    let file = "[engine]\nretry_waits_seconds = [1]\n";
    let fanfare = Process::start_with_file(&["dev"], &[QUIET], Some(file));
    // A port that is taken, so that no other test gets it, and on which nobody listens.
    let taken = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let taken = taken.expect("a socket");
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    taken.bind(&any_port.into()).expect("a port");
    let address = taken.local_addr().expect("bound").as_socket();
    let url = format!("http://{}/", address.expect("an IP address"));
    assert_eq!(register(&fanfare, &url).status, 201);
    assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
    let first = format!("{{ processed: [], failed: [ '{url} - connection refused' ] }}");
    assert_eq!(fanfare.output.next(), first);
    let last = format!(
        "{{ processed: [], failed: [ '{url} - connection refused (attempt 2, the last: given up)' ] }}"
    );
    assert_eq!(fanfare.output.next(), last);
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_are_not_allowed_are_not_reached() {
    let (receiver, url) = answers("200 OK").await;
    let open = ["serve", "--open-original-api"];
    let networks = [
        "--allow-target",
        "10.0.0.0/8",
        "--allow-target",
        "127.0.0.0/8",
    ];
    for (more, reason) in [
        (&[][..], "address not allowed (see --allow-target)"),
        (
            &["--https-only", "--allow-target", "127.0.0.0/8"],
            "only https is allowed (--https-only)",
        ),
        (&networks, ""),
    ] {
        let fanfare = Process::start(&[&open, more].concat(), &[]);
        assert_eq!(register(&fanfare, &url).status, 201);
        assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
        let line = fanfare.output.next();
        if reason.is_empty() {
            assert_eq!(line, format!("{{ processed: [ '{url}' ], failed: [] }}"));
        } else {
            assert_eq!(
                line,
                format!("{{ processed: [], failed: [ '{url} - {reason}' ] }}")
            );
        }
    }
    assert_eq!(receiver.accepted(), 1, "only the last one reached it");
}

#[test]
fn serve_asks_for_the_key_before_it_does_anything() {
    let fanfare = Process::start(&["serve"], &[("FANFARE_ADMIN_KEY", KEY)]);
    let body = registration("https://example.com/hook");
    for headers in [
        "",
        &authorized("another-key-of-more-than-32-characters"),
        "authorization: Basic eDp5\r\n",
    ] {
        for path in ["/api/webhooks", "/api/webhooks/test"] {
            let refused = fanfare.post(path, headers, &body);
            assert_eq!(refused.status, 401, "{headers} {refused:?}");
            assert!(
                refused
                    .head
                    .to_lowercase()
                    .contains("www-authenticate: bearer"),
                "{refused:?}"
            );
        }
    }
    let taken = fanfare.post("/api/webhooks", &authorized(KEY), &body);
    let list: Value = serde_json::from_str(&taken.body).expect("JSON");
    assert_eq!(
        (taken.status, list.as_array().map(Vec::len)),
        (201, Some(1))
    );
    assert_eq!(fanfare.get("/healthz").status, 200);
    assert_eq!(fanfare.get("/readyz").status, 200);
    assert!(
        !fanfare.messages.so_far().concat().contains(KEY),
        "a given key is not shown"
    );
}

#[test]
fn serve_without_a_key_makes_one_shows_it_once_and_takes_it() {
    for format in ["pretty", "json"] {
        let mut fanfare = Process::start(&["serve", "--log-format", format], &[]);
        let line = fanfare.messages.next();
        let key = if format == "json" {
            let line: Value = serde_json::from_str(&line).expect("JSON");
            line["admin_key"].as_str().expect("a key").to_owned()
        } else {
            line.strip_prefix("admin key, shown only now: ")
                .expect(&line)
                .to_owned()
        };
        assert!(key.len() >= 32);
        let body = registration("https://example.com/hook");
        assert_eq!(fanfare.post("/api/webhooks", "", &body).status, 401);
        let taken = fanfare.post("/api/webhooks", &authorized(&key), &body);
        assert_eq!(taken.status, 201);
        fanfare.signal("TERM");
        let later = fanfare.messages.rest().concat();
        assert_eq!(fanfare.end(), (Some(0), vec![]));
        assert!(!later.contains(&key), "shown once: {later}");
    }
}

#[test]
fn the_original_routes_can_be_opened_on_loopback_and_the_generator_asked_for() {
    let variables = [("GENERATORFREQUENCY", "50")];
    let fanfare = Process::start(&["serve", "--open-original-api"], &variables);
    assert_eq!(fanfare.output.next(), ".... No Clients Registered yet ....");
    assert_eq!(register(&fanfare, "https://example.com/hook").status, 201);
}

#[test]
fn in_ten_seconds_serve_makes_no_event_by_itself_and_drops_a_client_that_sends_half_a_head() {
    let mut fanfare = Process::start(&["serve", "--open-original-api"], &[]);
    let mut slow = fanfare.connect();
    slow.write_all(b"POST /api/webhooks HTTP/1.1\r\nhost:")
        .expect("it reads");
    assert_eq!(everything(&mut slow), "", "no answer, only the end");
    assert_eq!(fanfare.get("/readyz").status, 200);
    fanfare.signal("TERM");
    // `dev` tells of an event every five seconds.
    assert_eq!(fanfare.end(), (Some(0), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_what_is_in_flight_end_and_then_the_exit_code_is_0() {
    for signal in ["TERM", "INT"] {
        let mut fanfare = Process::start(&["dev"], &[QUIET]);
        let (receiver, url) = serves(vec![Act::Request, Act::Wait, reply("200 OK", "")]).await;
        assert_eq!(register(&fanfare, &url).status, 201);
        assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
        receiver.arrived(1).await;
        let ready = fanfare.get("/readyz");
        assert_eq!(
            (ready.status, ready.body.as_str()),
            (200, r#"{"status":"ready"}"#)
        );

        fanfare.signal(signal);
        fanfare.messages.next_with("shutting down");
        let draining = fanfare.get("/readyz");
        assert_eq!(draining.status, 503);
        assert_eq!(
            draining.body,
            r#"{"status":"not ready","reason":"shutting down"}"#
        );
        assert_eq!(fanfare.get("/healthz").status, 200, "it lives");
        let refused = fanfare.post("/api/webhooks/test", "", TEST);
        assert_eq!(refused.status, 503, "nothing new is taken");
        assert!(refused.head.contains("retry-after: "), "{refused:?}");

        receiver.go_on();
        let line = format!("{{ processed: [ '{url}' ], failed: [] }}");
        assert_eq!(fanfare.end(), (Some(0), vec![line]), "{signal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_at_once_with_130() {
    for (first, second) in [("TERM", "TERM"), ("INT", "INT"), ("TERM", "INT")] {
        let mut fanfare = Process::start(&["dev"], &[QUIET]);
        let (receiver, url) = serves(vec![Act::Request, Act::Hang]).await;
        assert_eq!(register(&fanfare, &url).status, 201);
        assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
        receiver.arrived(1).await;
        fanfare.signal(first);
        fanfare.messages.next_with("shutting down");
        let asked_at = Instant::now();
        fanfare.signal(second);
        fanfare.messages.next_with("error: ended at once");
        assert_eq!(fanfare.end().0, Some(130), "{first} {second}");
        assert!(
            asked_at.elapsed().as_secs() < 20,
            "long before the drain's end"
        );
    }
}

/// A request to register with this body, whatever it is.
fn raw(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST /api/webhooks HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{headers}\r\n")
            .into_bytes();
    request.extend(body);
    request
}

#[test]
fn what_clients_do_wrong_gets_its_4xx_and_harms_nothing() {
    let fanfare = Process::start(&["dev"], &[QUIET]);
    let json = |body: &[u8]| {
        let length = body.len();
        raw(
            &format!("content-type: application/json\r\ncontent-length: {length}\r\n"),
            body,
        )
    };
    let deep = [&b"["[..]; 65].concat();
    let deep = [br#"{"url":"http://h/","token":"t","x":"#, deep.as_slice()].concat();
    let large = format!(
        r#"{{"url":"http://h/","token":"t","x":"{}"}}"#,
        "x".repeat(256 * 1024)
    );
    let truncated = raw(
        "content-type: application/json\r\ncontent-length: 500\r\n",
        br#"{"url":"htt"#,
    );
    for (status, name, request) in [
        (400, "malformed", json(br#"{"url": canary"#)),
        (
            400,
            "wrongly typed",
            json(br#"{"url":1,"token":["canary"]}"#),
        ),
        (400, "deep", json(&deep)),
        (
            400,
            "not UTF-8",
            json(b"{\"url\":\"http://h/\",\"token\":\"canary\xff\"}"),
        ),
        (400, "truncated", truncated),
        (413, "oversized", json(large.as_bytes())),
        (
            413,
            "oversized by its word",
            raw("content-length: 99999999999\r\n", b""),
        ),
        (
            415,
            "compressed",
            raw(
                "content-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n",
                b"\x1f\x8b",
            ),
        ),
        (
            400,
            "two lengths",
            raw("content-length: 2\r\ncontent-length: 3\r\n", b"{}"),
        ),
        (400, "no HTTP", b"canary\r\n\r\n".to_vec()),
        (
            431,
            "large head",
            raw(&format!("x: {}\r\n", "x".repeat(64 * 1024)), b""),
        ),
    ] {
        let answer = Reply::of(&fanfare.exchange_and_end(&request));
        assert_eq!(answer.status, status, "{name}: {answer:?}");
        assert!(!answer.body.contains("canary"), "{name}: {answer:?}");
    }
    // Nothing of it was kept, and the next client is served.
    let taken = register(&fanfare, "http://127.0.0.1:1025/");
    let list: Value = serde_json::from_str(&taken.body).expect("JSON");
    assert_eq!(
        (taken.status, list.as_array().map(Vec::len)),
        (201, Some(1))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_answer_garbage_close_or_never_end_cost_one_attempt_each() {
    let fanfare = Process::start_with_file(
        &["dev"],
        &[QUIET],
        Some("[engine]\nattempt_timeout_ms = 500\nretry_waits_seconds = []\n"),
    );
    let scripts = [
        (vec![Act::Request, Act::Hang], "timed out after 500 ms"),
        (
            vec![Act::Request, reply_bytes(b"canary\r\n\r\n")],
            "the reply is not HTTP/1.1",
        ),
        (vec![Act::Request], "connection closed before a reply"),
        (
            vec![
                Act::Request,
                reply_bytes(b"HTTP/1.1 200 OK\r\n\r\n"),
                Act::Flood,
            ],
            "",
        ),
    ];
    let mut receivers = Vec::new();
    for (script, reason) in scripts {
        let (receiver, url) = serves(script).await;
        assert_eq!(register(&fanfare, &url).status, 201);
        receivers.push((receiver, url, reason));
    }
    for batch in 1..=2 {
        assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
        let line = fanfare.output.next();
        for (receiver, url, reason) in &receivers {
            let told = if reason.is_empty() {
                line.contains(&format!("processed: [ '{url}' ]"))
            } else {
                line.contains(&format!("'{url} - {reason}'"))
            };
            assert!(told, "{reason}: {line}");
            assert_eq!(receiver.arrived(batch).await.len(), batch, "{reason}");
        }
    }
}

fn reply_bytes(bytes: &[u8]) -> Act {
    Act::Send(bytes.to_vec())
}

#[test]
fn what_dev_sends_receive_shows() {
    let receiver = Process::start(&["receive", "--json"], &[]);
    let fanfare = Process::start(&["dev"], &[QUIET]);
    let url = format!("http://{}/hook", receiver.address);
    // As in the README: a form, as `curl -d` sends it.
    let form = format!("url={url}&token=t");
    let length = form.len();
    let request = raw(
        &format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n"),
        form.as_bytes(),
    );
    assert_eq!(Reply::of(&fanfare.exchange(request)).status, 201);
    assert_eq!(fanfare.post("/api/webhooks/test", "", TEST).status, 202);
    let shown: Value = serde_json::from_str(&receiver.output.next()).expect("JSON");
    assert_eq!(shown["path"], "/hook");
    assert!(
        shown["webhook_signature"]
            .as_str()
            .is_some_and(|text| text.starts_with("v1,"))
    );
    assert_eq!(
        shown["body"],
        format!(r#"{{"token":"t","payload":{TEST}}}"#)
    );
}

#[test]
fn a_banner_and_log_lines_are_json_in_a_pipe_and_text_if_asked() {
    for (format, is_json) in [("auto", true), ("json", true), ("pretty", false)] {
        let mut fanfare = Process::start(&["dev", "--seed", "7", "--log-format", format], &[QUIET]);
        fanfare.signal("TERM");
        let mut lines = vec![fanfare.banner.clone()];
        lines.extend(fanfare.messages.rest());
        assert_eq!(fanfare.end().0, Some(0));
        assert!(lines.len() >= 3, "start, wish to end, end: {lines:?}");
        for line in &lines {
            assert_eq!(
                serde_json::from_str::<Value>(line).is_ok(),
                is_json,
                "{line}"
            );
            assert!(!line.contains('\u{1b}'), "no colours in a pipe: {line:?}");
        }
        assert!(
            lines[0].contains('7') && lines[0].contains("fanfare-data"),
            "{lines:?}"
        );
    }
}

#[test]
fn open_original_routes_leave_the_api_to_who_has_the_key_that_is_shown() {
    let open = ["serve", "--open-original-api", "--log-format", "pretty"];
    let server = Process::start(&open, &[]);
    let line = server.messages.next();
    let key = line
        .strip_prefix("admin key, shown only now: ")
        .expect(&line);
    let registered = register(&server, "http://h/");
    assert_eq!(registered.status, 201, "{registered:?}");
    let application = r#"{"name":"n"}"#;
    let asked = |headers: &str| server.post("/api/v1/app", headers, application).status;
    assert_eq!(asked(""), 401);
    assert_eq!(asked(&authorized(key)), 201);
}
