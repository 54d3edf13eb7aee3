//! The API of the built binary over real sockets: who goes away, who shows what is no key, and what
//! the log makes of strangers.

use std::{io::Write as _, net::TcpStream, time::Instant};

use serde_json::{Value, json};

use crate::support::process::{PATIENCE, Process, Reply, everything};

const KEY: &str = "a-key-of-more-than-32-visible-characters";
const VARIABLES: [(&str, &str); 1] = [("FANFARE_ADMIN_KEY", KEY)];

fn authorized() -> String {
    format!("authorization: Bearer {KEY}\r\n")
}

/// A request that posts a body.
fn posting(path: &str, body: &str) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: h\r\n{}content-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        authorized(),
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

fn shown(process: &Process, path: &str) -> Option<Value> {
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{}\r\n",
        authorized()
    );
    let reply = Reply::of(&process.exchange(request));
    (reply.status == 200).then(|| serde_json::from_str(&reply.body).expect("JSON"))
}

/// How much there is at a path: an object is one, a list as many as it has.
fn count(process: &Process, path: &str) -> usize {
    match shown(process, path) {
        None => 0,
        Some(said) => {
            let list = said.get("data").and_then(Value::as_array);
            list.map_or(1, Vec::len)
        }
    }
}

/// Posts a body but for its last bytes, and closes.
fn leave(process: &Process, path: &str, body: &Value, cut: usize) {
    let request = posting(&format!("/api/v1/{path}"), &body.to_string());
    let mut stream = process.connect();
    let (sent, _) = request.split_at(request.len() - cut);
    stream.write_all(sent).expect("it reads");
}

/// Asks again until it is so.
fn until(what: &str, is_so: &dyn Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what} never comes");
    }
}

#[test]
fn a73_who_closes_right_after_the_body_has_made_it_whole_and_who_does_so_before_has_made_nothing() {
    let process = Process::start(&["serve"], &VARIABLES);
    let since = jiff::Timestamp::now().to_string();
    // What is posted where, and what there is then: where, and how much of it at first and then.
    let asks = [
        ("app", json!({"name": "n", "uid": "acme"}), "app", 1),
        (
            "app/acme/endpoint",
            json!({"url": "https://hook.invalid/", "uid": "e"}),
            "app/acme/endpoint",
            0,
        ),
        (
            "app/acme/msg",
            json!({"eventType": "a", "payload": {}, "eventId": "m"}),
            "app/acme/msg",
            0,
        ),
        (
            "app/acme/endpoint/e/send-example",
            json!({"eventType": "svix.ping"}),
            "app/acme/msg",
            1,
        ),
        (
            "event-type",
            json!({"name": "t", "description": ""}),
            "event-type",
            0,
        ),
        ("key", json!({"name": "n", "scope": "read"}), "key", 0),
        ("auth/app-portal-access/acme", json!({}), "key", 1),
        (
            "app/acme/endpoint/e/recover",
            json!({"since": since}),
            "background-task",
            0,
        ),
    ];
    let posted = |path: &str, body: &Value, cut: usize| leave(&process, path, body, cut);
    for (path, body, list, before) in &asks {
        let list = format!("/api/v1/{list}");
        posted(path, body, 1);
        // Whole once: that is one more, and what was cut before it is none.
        posted(path, body, 0);
        until(path, &|| count(&process, &list) > *before);
        assert_eq!(count(&process, &list), before + 1, "{path}");
    }
    // Long after, what was cut has still left nothing.
    for (_, _, list, before) in &asks {
        let more = usize::from(*list == "key" || *list == "app/acme/msg") * (1 - before);
        assert_eq!(
            count(&process, &format!("/api/v1/{list}")),
            before + 1 + more,
            "{list}"
        );
    }
}

#[test]
fn a73_who_closes_right_after_the_body_has_rotated_a_secret_and_resent_a_message() {
    let process = Process::start(&["serve"], &VARIABLES);
    for (path, body) in [
        ("app", json!({"name": "n", "uid": "acme"})),
        (
            "app/acme/endpoint",
            json!({"url": "https://hook.invalid/", "uid": "e"}),
        ),
        (
            "app/acme/msg",
            json!({"eventType": "a", "payload": {}, "eventId": "m"}),
        ),
    ] {
        let path = format!("/api/v1/{path}");
        let reply = process.post(&path, &authorized(), body.to_string());
        assert!(reply.status < 300, "{reply:?}");
    }
    let posted = |path: &str, body: &Value, cut: usize| leave(&process, path, body, cut);
    let secret = "/api/v1/app/acme/endpoint/e/secret";
    let old = shown(&process, secret);
    posted(
        "app/acme/endpoint/e/secret/rotate",
        &json!({"gracePeriodSeconds": 0}),
        1,
    );
    assert_eq!(shown(&process, secret), old);
    posted(
        "app/acme/endpoint/e/secret/rotate",
        &json!({"gracePeriodSeconds": 0}),
        0,
    );
    until("another secret", &|| shown(&process, secret) != old);
    let resend = "app/acme/msg/m/endpoint/e/resend";
    let tried = || {
        let list = shown(&process, "/api/v1/app/acme/attempt/msg/m").expect("a list");
        let attempts = list["data"].as_array().expect("a list").clone();
        let by_hand = attempts.iter().filter(|one| one["triggerType"] == 1);
        by_hand.count()
    };
    posted(resend, &json!({}), 0);
    until("an attempt", &|| tried() == 1);
}

/// Sends a request whose answer may come before its end, and gives that answer.
fn answered_early(mut stream: TcpStream, request: &[u8]) -> Reply {
    let mut writing = stream.try_clone().expect("a second hand");
    std::thread::scope(|scope| {
        // The server may close before it has all.
        scope.spawn(move || _ = writing.write_all(request));
        Reply::of(&everything(&mut stream))
    })
}

#[test]
fn a31_with_a_body_of_a_mebibyte_a_wrong_key_is_401_before_it_is_read() {
    let mebibyte = 1024 * 1024;
    let request = |shown: &str, path: &str, body: usize| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {shown}\r\n\
             content-type: application/json\r\ncontent-length: {mebibyte}\r\n\r\n"
        );
        [head.into_bytes(), vec![b' '; body]].concat()
    };
    let upper = KEY.to_ascii_uppercase();
    let changed = format!("{}x", &KEY[..KEY.len() - 1]);
    for path in ["/api/v1/app", "/api/v1/app/acme/msg"] {
        // One that heard no wrong keys yet: more than ten a second would be 429.
        let process = Process::start(&["serve"], &VARIABLES);
        for wrong in ["x", &upper, &changed, &KEY[1..], &format!("{KEY}x")] {
            // With all of its body, and with none of it: nobody waits for that.
            for body in [mebibyte, 0] {
                let reply = answered_early(process.connect(), &request(wrong, path, body));
                assert_eq!(reply.status, 401, "{path} {wrong} {reply:?}");
                assert!(reply.body.contains(r#""code":"unauthorized""#), "{reply:?}");
                assert!(reply.head.contains("www-authenticate: Bearer"), "{reply:?}");
            }
        }
        // The right one is let in, and its body is too large, also where it might make what the path
        // names.
        let reply = answered_early(process.connect(), &request(KEY, path, mebibyte));
        assert_eq!(reply.status, 413, "{path} {reply:?}");
    }
    let process = Process::start(&["serve"], &VARIABLES);
    // A key of a mebibyte is larger than a head may be.
    let long = "x".repeat(mebibyte);
    let reply = answered_early(process.connect(), &request(&long, "/api/v1/app", 0));
    assert_eq!(reply.status, 431, "{reply:?}");
    let healthy = process.get("/readyz");
    assert_eq!(healthy.status, 200);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of requests")]
fn a78_no_request_forges_a_line_of_the_log() {
    let process = Process::start(&["serve", "-vv"], &VARIABLES);
    let forged = "\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\u{1b}[2J\u{9b}31m";
    let long = "x".repeat(200_000);
    let posts = [
        ("app", json!({"name": forged, "uid": "acme"}), 201),
        ("app", json!({"name": "n", "uid": forged}), 422),
        ("app", json!({"name": "n", forged: 1}), 422),
        ("app", json!({"name": long}), 422),
        (
            "app/acme/endpoint",
            json!({"url": format!("http://h/{forged}")}),
            422,
        ),
        (
            "app/acme/endpoint",
            json!({"url": "https://hook.invalid/", "description": forged}),
            201,
        ),
        (
            "app/acme/msg",
            json!({"eventType": forged, "payload": {}}),
            422,
        ),
        (
            "app/acme/msg",
            json!({"eventType": "a", "payload": {"a": forged, "b": long}}),
            202,
        ),
        (
            "event-type",
            json!({"name": "t", "description": forged}),
            201,
        ),
        ("key", json!({"name": forged, "scope": "read"}), 201),
    ];
    for (path, body, status) in posts {
        let path = format!("/api/v1/{path}");
        let reply = process.post(&path, &authorized(), body.to_string());
        assert_eq!(reply.status, status, "{path} {}", reply.body);
        assert!(!reply.head.contains("forged"), "{}", reply.head);
        let said: Value = serde_json::from_str(&reply.body).expect("JSON");
        assert!(said.is_object() && !reply.body.contains('\u{1b}'), "{said}");
    }
    let heads = [
        ("GET /api/v1/app/%0d%0aforged%1b%5b2J HTTP/1.1\r\n", "", 404),
        (
            "GET /api/v1/app?iterator=%0d%0aforged%1b HTTP/1.1\r\n",
            "",
            400,
        ),
        ("GET /api/v1/app\u{1b}[2J HTTP/1.1\r\n", "", 400),
        (
            "GET /api/v1/app HTTP/1.1\r\n",
            "idempotency-key: \u{9b}forged\r\n",
            200,
        ),
        (
            "GET /api/v1/app HTTP/1.1\r\n",
            "user-agent: \u{1b}[2Jforged\r\n",
            400,
        ),
    ];
    for (line, header, status) in heads {
        let rest = format!("{}{header}", authorized());
        let reply = process.exchange(format!("{line}host: h\r\nconnection: close\r\n{rest}\r\n"));
        let reply = Reply::of(&reply);
        assert_eq!(reply.status, status, "{line:?} {header:?} {}", reply.body);
    }
    process.signal("TERM");
    let lines = process.messages.rest();
    assert!(!lines.is_empty(), "it tells that it ends");
    for line in lines {
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.len() < 20_000, "{} bytes", line.len());
        assert_ne!(event["message"], "forged");
    }
}
