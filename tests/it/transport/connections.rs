//! When a connection serves again and when it doesn't.

use fanfare::domain::{endpoint::BodyFormat, outcome::OutcomeKind};

use super::{tap::Tapping, *};
use crate::support::receiver::{Act, Receiver, answering, reply, send};

fn ok() -> Act {
    reply("200 OK", "fine")
}

/// Answers three requests on one connection.
fn patient() -> Vec<Act> {
    answering(3, &ok())
}

#[test]
fn one_connection_serves_attempts_in_a_row() {
    run(async {
        let receiver = Receiver::start(vec![patient()]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        for _ in 0..3 {
            let outcome = sender.attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
            assert!(!outcome.resent);
        }
        assert_eq!(receiver.accepted(), 1);
        assert_eq!(receiver.requests().len(), 3);
    });
}

#[test]
fn an_attempt_on_a_kept_connection_costs_one_write_and_one_read() {
    run(async {
        let receiver = Receiver::start(vec![answering(12, &ok())]).await;
        let url = format!("http://{}/", receiver.address);
        let format = BodyFormat::Original {
            token_json: Bytes::from_static(b"\"token\""),
        };
        let target = endpoint(0, 1, &url, format);
        let tap = Tapping::new(usize::MAX);
        let mut sender = Sender::with(options(), Book::default(), tap.clone());
        sender.attempt(&target).await;
        let (reads, writes) = (tap.reads.get(), tap.writes.get());
        for _ in 0..10 {
            sender.attempt(&target).await;
        }
        assert_eq!(
            (tap.reads.get() - reads, tap.writes.get() - writes),
            (10, 10)
        );
    });
}

#[test]
fn attempts_at_once_have_a_connection_each_and_one_outcome_each() {
    run(async {
        let receiver = Receiver::start(vec![answering(20, &ok())]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        for _ in 0..3 {
            let mut open: Vec<_> = (0..8).map(|_| sender.start(&target)).collect();
            while !open.is_empty() {
                for (attempt, outcome) in sender.outcomes().await {
                    assert_eq!(outcome.kind, OutcomeKind::Status(200));
                    let place = open.iter().position(|handle| *handle == attempt);
                    open.swap_remove(place.expect("each comes once"));
                }
            }
        }
        assert_eq!(receiver.accepted(), 8);
        assert_eq!(sender.transport.connections(), 8);
    });
}

#[test]
fn endpoints_of_one_receiver_do_not_share_connections() {
    run(async {
        let receiver = Receiver::start(vec![patient()]).await;
        let url = format!("http://{}/", receiver.address);
        let mut sender = Sender::new(options());
        for ordinal in 0..2 {
            let target = endpoint(ordinal, 1, &url, BodyFormat::Payload);
            sender.attempt(&target).await;
        }
        assert_eq!(receiver.accepted(), 2);
    });
}

#[test]
fn a_kept_connection_that_died_is_replaced_once_and_that_is_told() {
    run(async {
        let receiver = Receiver::start(vec![
            vec![Act::Request, ok(), Act::Request],
            vec![Act::Request, ok()],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        assert!(!sender.attempt(&target).await.resent);
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert!(outcome.resent);
        assert_eq!(receiver.accepted(), 2);
        let requests = receiver.requests();
        assert_eq!(requests.len(), 3);
        assert_eq!(requests[1].head, requests[2].head);
        assert_eq!(requests[1].body, requests[2].body);
    });
}

#[test]
fn a_kept_connection_that_was_reset_is_replaced_too() {
    run(async {
        let receiver = Receiver::start(vec![
            vec![Act::Request, ok(), Act::Request, Act::Reset],
            vec![Act::Request, ok()],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert!(outcome.resent);
    });
}

#[test]
fn the_replacement_is_not_replaced_again() {
    run(async {
        let receiver = Receiver::start(vec![
            vec![Act::Request, ok(), Act::Request],
            vec![Act::Request],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Closed);
        assert!(outcome.resent);
        assert_eq!(receiver.accepted(), 2);
    });
}

#[test]
fn a_kept_connection_that_died_amid_a_reply_is_not_replaced() {
    run(async {
        let receiver = Receiver::start(vec![vec![
            Act::Request,
            ok(),
            Act::Request,
            send("HTTP/1.1 2"),
        ]])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Closed);
        assert!(!outcome.resent);
        assert_eq!(receiver.accepted(), 1);
    });
}

#[test]
fn a_kept_connection_that_falls_silent_is_a_timeout_and_not_replaced() {
    run(async {
        let script = vec![Act::Request, ok(), Act::Request, Act::Hang];
        let receiver = Receiver::start(vec![script]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(impatient());
        sender.attempt(&target).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
        assert!(!outcome.resent);
        assert_eq!(receiver.accepted(), 1);
    });
}

#[test]
fn an_idle_connection_that_the_receiver_closes_is_let_go() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, ok()]]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        until(|| sender.transport.connections() == 0).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert!(!outcome.resent);
        assert_eq!(receiver.accepted(), 2);
    });
}

#[test]
fn a_reply_that_nobody_asked_for_is_never_taken_for_an_answer() {
    run(async {
        let receiver = Receiver::start(vec![
            vec![Act::Request, ok(), Act::Wait, ok(), Act::Hang],
            vec![Act::Request, reply("500 No", "")],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        assert_eq!(sender.transport.connections(), 1);
        receiver.go_on();
        until(|| sender.transport.connections() == 0).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(500));
        assert!(!outcome.resent);
    });
}

#[test]
fn a_second_reply_in_the_same_breath_closes_the_connection() {
    run(async {
        let twice = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na".repeat(2);
        let receiver = Receiver::start(vec![
            vec![Act::Request, send(twice), Act::Hang],
            vec![Act::Request, reply("500 No", "")],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        assert_eq!(sender.attempt(&target).await.body, "a");
        assert_eq!(sender.transport.connections(), 0);
        assert_eq!(sender.attempt(&target).await.kind, OutcomeKind::Status(500));
    });
}

#[test]
fn a_connection_whose_reply_was_not_read_whole_serves_no_more() {
    run(async {
        let long = "x".repeat(100_000);
        let receiver = Receiver::start(vec![
            vec![Act::Request, reply("200 OK", &long), Act::Hang],
            vec![Act::Request, reply("500 No", "")],
        ])
        .await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        assert_eq!(sender.attempt(&target).await.kind, OutcomeKind::Status(200));
        assert_eq!(sender.transport.connections(), 0);
        assert_eq!(sender.attempt(&target).await.kind, OutcomeKind::Status(500));
        assert_eq!(receiver.accepted(), 2);
    });
}

#[test]
fn a_reply_that_forbids_or_blurs_another_one_ends_its_connection() {
    run(async {
        for bytes in [
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 204 OK\r\n\r\nbody",
            "HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let script = vec![Act::Request, send(bytes), Act::Hang];
            let receiver = Receiver::start(vec![script]).await;
            let target = target(&format!("http://{}/", receiver.address));
            let mut sender = Sender::new(options());
            let outcome = sender.attempt(&target).await;
            assert!(matches!(outcome.kind, OutcomeKind::Status(_)), "{bytes}");
            assert_eq!(sender.transport.connections(), 0, "{bytes}");
            until(|| receiver.ended() == 1).await;
        }
    });
}

#[test]
fn a_connection_is_kept_no_longer_than_its_idle_time() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, ok(), Act::Hang]]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(TransportOptions {
            idle_ms: 50,
            ..options()
        });
        sender.attempt(&target).await;
        assert_eq!(sender.transport.connections(), 1);
        until(|| receiver.ended() == 1).await;
        assert_eq!(sender.transport.connections(), 0);
    });
}

#[test]
fn a_changed_target_closes_what_was_open_to_the_old_one() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, ok(), Act::Hang]]).await;
        let url = format!("http://{}/", receiver.address);
        let mut sender = Sender::new(options());
        for revision in 1..=2 {
            let target = endpoint(0, revision, &url, BodyFormat::Payload);
            sender.attempt(&target).await;
        }
        assert_eq!(receiver.accepted(), 2);
        until(|| receiver.ended() == 1).await;
        assert_eq!(sender.transport.connections(), 1);
    });
}

#[test]
fn a_dropped_transport_closes_its_connections() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, ok(), Act::Hang]]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        sender.attempt(&target).await;
        drop(sender);
        until(|| receiver.ended() == 1).await;
    });
}
