//! What a request says, and what each kind of reply becomes.

use fanfare::{
    domain::{endpoint::BodyFormat, outcome::OutcomeKind},
    limits,
    signing::Signer,
};

use super::*;
use crate::support::receiver::{Act, Receiver, reply, send};

/// One attempt at a receiver that reads the request and plays the rest.
async fn outcome_of(options: TransportOptions, rest: Vec<Act>) -> Outcome {
    let mut script = vec![Act::Request];
    script.extend(rest);
    let receiver = Receiver::start(vec![script]).await;
    let target = target(&format!("http://{}/", receiver.address));
    let outcome = Sender::new(options).attempt(&target).await;
    assert_eq!(receiver.accepted(), 1, "one connection only");
    outcome
}

#[test]
fn a_delivery_is_one_signed_post_with_the_exact_payload() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "fine")]]).await;
        let target = target(&format!("http://{}/in?a=b", receiver.address));
        let outcome = Sender::new(options()).attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(outcome.body, "fine");
        assert!(!outcome.resent);

        let requests = receiver.requests();
        let [request] = requests.as_slice() else {
            panic!("{} requests", requests.len());
        };
        let id = event(b"").id.to_string();
        let signed = Signer::new(&target.secret).sign(&id, 1_700_000_000, &[b"{\"n\":1}"]);
        assert!(request.head.starts_with("POST /in?a=b HTTP/1.1\r\n"));
        for (name, value) in [
            ("host", receiver.address.to_string().as_str()),
            ("content-type", "application/json"),
            ("content-length", "7"),
            ("accept-encoding", "identity"),
            ("fanfare-hop", "1"),
            ("user-agent", &options().user_agent),
            ("webhook-id", &id),
            ("webhook-timestamp", "1700000000"),
            ("webhook-signature", &signed),
        ] {
            assert_eq!(request.header(name), Some(value), "{name}");
        }
        assert_eq!(request.body, b"{\"n\":1}");
        assert_eq!(request.head.lines().count(), 10, "{}", request.head);
    });
}

#[test]
fn the_original_format_wraps_the_exact_payload_with_its_token() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("204 No Content", "")]]).await;
        let format = BodyFormat::Original {
            token_json: Bytes::from_static(b"\"s3cr\\\"et\""),
        };
        let target = endpoint(0, 1, &format!("http://{}/", receiver.address), format);
        let outcome = Sender::new(options()).attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(204));
        let body = br#"{"token":"s3cr\"et","payload":{"n":1}}"#;
        let request = receiver.requests().remove(0);
        assert_eq!(request.body, body);
        let id = event(b"").id.to_string();
        let signed = Signer::new(&target.secret).sign(&id, 1_700_000_000, &[body]);
        assert_eq!(request.header("webhook-signature"), Some(signed.as_str()));
    });
}

#[test]
fn the_largest_payload_arrives_whole() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let payload: Vec<u8> = (0..limits::REQUEST_BODY_BYTES_MAX)
            .map(|index| b'a' + u8::try_from(index % 26).expect("small"))
            .collect();
        let mut sender = Sender::new(options());
        let attempt = sender.start_event(&target, event(&payload));
        let outcome = sender.only(attempt).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(receiver.requests()[0].body, payload);
    });
}

#[test]
fn a_receiver_that_never_answers_is_a_timeout_and_gives_its_slot_back() {
    run(async {
        let receiver = Receiver::start(vec![
            vec![Act::Request, Act::Hang],
            vec![Act::Request, reply("200 OK", "")],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(impatient());
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
        assert!(
            outcome.duration.as_millis() >= 300,
            "{:?}",
            outcome.duration
        );
        assert_eq!(sender.transport.connections(), 0);
        until(|| receiver.ended() == 1).await;
        assert_eq!(sender.attempt(&target).await.kind, OutcomeKind::Status(200));
    });
}

#[test]
fn a_head_that_trickles_in_is_a_timeout() {
    run(async {
        let rest = vec![send("HTTP/1.1 200 OK\r\nx-slow: "), Act::Drip];
        let outcome = outcome_of(impatient(), rest).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
    });
}

#[test]
fn what_is_no_http_reply_is_a_protocol_error() {
    run(async {
        for bytes in [
            "garbage\r\n\r\n",
            "ICY 200 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 -1 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ] {
            let outcome = outcome_of(options(), vec![send(bytes), Act::Hang]).await;
            assert_eq!(outcome.kind, OutcomeKind::ProtocolError, "{bytes}");
        }
    });
}

#[test]
fn a_connection_closed_before_a_reply_is_closed_and_not_tried_again() {
    run(async {
        for head in ["", "HTTP/1.1 200 OK\r\ncontent-le"] {
            let outcome = outcome_of(options(), vec![send(head)]).await;
            assert_eq!(outcome.kind, OutcomeKind::Closed, "{head}");
            assert!(!outcome.resent);
        }
    });
}

#[test]
fn a_connection_reset_before_a_reply_is_reset() {
    run(async {
        let outcome = outcome_of(options(), vec![Act::Reset]).await;
        assert_eq!(outcome.kind, OutcomeKind::Reset);
        assert!(!outcome.resent);
    });
}

#[test]
fn an_endless_body_is_read_no_further_than_its_bound() {
    run(async {
        let rest = vec![send("HTTP/1.1 200 OK\r\n\r\n"), Act::Flood];
        let outcome = outcome_of(options(), rest).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(outcome.body.len(), limits::REPLY_BODY_KEPT_BYTES_MAX);
    });
}

#[test]
fn a_status_stands_though_its_body_trickles_in_beyond_the_deadline() {
    run(async {
        let rest = vec![
            send("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nab"),
            Act::Drip,
        ];
        let outcome = outcome_of(impatient(), rest).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert!(outcome.body.starts_with(b"ab"));
        let duration_ms = outcome.duration.as_millis();
        assert!((300..10_000).contains(&duration_ms), "{duration_ms}");
    });
}

#[test]
fn a_status_stands_though_its_body_is_cut_or_broken() {
    run(async {
        for (bytes, body) in [
            ("HTTP/1.1 202 OK\r\ncontent-length: 9\r\n\r\nabc", "abc"),
            (
                "HTTP/1.1 202 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz",
                "abc",
            ),
        ] {
            let outcome = outcome_of(options(), vec![send(bytes)]).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(202), "{bytes}");
            assert_eq!(outcome.body, body, "{bytes}");
        }
    });
}

#[test]
fn a_huge_head_is_refused() {
    run(async {
        let field = |bytes: usize| format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(bytes));
        let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        for bytes in [
            field(limits::REPLY_HEAD_BYTES_MAX),
            field(1024 * 1024),
            fields(limits::REPLY_HEADERS_MAX + 1),
            format!("HTTP/1.1 200 {}", "y".repeat(1024 * 1024)),
        ] {
            let outcome = outcome_of(options(), vec![send(bytes)]).await;
            assert_eq!(outcome.kind, OutcomeKind::HeadTooLarge);
        }
        for bytes in [
            field(limits::REPLY_HEAD_BYTES_MAX - 100),
            fields(limits::REPLY_HEADERS_MAX),
        ] {
            let outcome = outcome_of(options(), vec![send(bytes)]).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
        }
    });
}

#[test]
fn eight_interim_replies_are_passed_over_and_a_ninth_is_an_error() {
    run(async {
        let replies = |interim: usize| {
            let interim = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(interim);
            send(format!(
                "{interim}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
            ))
        };
        let outcome = outcome_of(options(), vec![replies(limits::REPLY_INTERIM_MAX)]).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        let outcome = outcome_of(options(), vec![replies(limits::REPLY_INTERIM_MAX + 1)]).await;
        assert_eq!(outcome.kind, OutcomeKind::ProtocolError);
        let endless = "HTTP/1.1 100 Continue\r\n\r\n".repeat(10_000);
        let outcome = outcome_of(options(), vec![send(endless)]).await;
        assert_eq!(outcome.kind, OutcomeKind::ProtocolError);
    });
}

#[test]
fn interim_replies_and_then_silence_are_a_timeout() {
    run(async {
        let rest = vec![send("HTTP/1.1 100 Continue\r\n\r\n"), Act::Hang];
        let outcome = outcome_of(impatient(), rest).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
    });
}

#[test]
fn statuses_are_told_as_they_came() {
    run(async {
        for status in [101, 204, 300, 304, 410, 418, 500, 599, 999] {
            let bytes = format!("HTTP/1.1 {status} What\r\ncontent-length: 0\r\n\r\n");
            let outcome = outcome_of(options(), vec![send(bytes)]).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(status));
        }
    });
}

#[test]
fn a_redirect_is_not_followed() {
    run(async {
        let elsewhere = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        for status in ["301", "302", "303", "307", "308"] {
            let location = elsewhere.address;
            let bytes = format!(
                "HTTP/1.1 {status} Moved\r\nlocation: http://{location}/\r\n\
                 content-length: 0\r\n\r\n"
            );
            let outcome = outcome_of(options(), vec![send(bytes)]).await;
            assert_eq!(
                outcome.kind,
                OutcomeKind::Status(status.parse().expect("a status"))
            );
        }
        assert_eq!(elsewhere.accepted(), 0);
    });
}

#[test]
fn a_reply_before_the_body_was_read_counts() {
    run(async {
        let early = vec![vec![
            send("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n"),
            Act::Hang,
        ]];
        let receiver = Receiver::start(early).await;
        let target = target(&format!("http://{}/", receiver.address));
        let outcome = Sender::new(options()).attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(413));
    });
}

#[test]
fn retry_after_is_kept_as_it_came() {
    run(async {
        let bytes = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n";
        let outcome = outcome_of(options(), vec![send(bytes)]).await;
        assert_eq!(outcome.retry_after.as_deref(), Some("120"));
        let junk = "9".repeat(limits::RETRY_AFTER_BYTES_MAX + 1);
        let bytes =
            format!("HTTP/1.1 503 Busy\r\nretry-after: {junk}\r\ncontent-length: 0\r\n\r\n");
        let outcome = outcome_of(options(), vec![send(bytes)]).await;
        assert_eq!(outcome.retry_after, None);
    });
}

#[test]
fn a_compressed_body_is_kept_as_bytes() {
    run(async {
        let bytes =
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\0\xff";
        let outcome = outcome_of(options(), vec![send(bytes)]).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(outcome.body.as_ref(), b"\x1f\x8b\0\xff");
    });
}
