//! Which addresses are dialled. Nothing here ever leaves the loopback network.

use fanfare::{domain::outcome::OutcomeKind, limits};
use tokio::net::TcpListener;

use super::*;
use crate::support::receiver::{Act, Receiver, answering, reply};

fn loopback(last: u8) -> IpAddr {
    IpAddr::from([127, 0, 0, last])
}

/// Allows one address of the loopback network only.
fn only_first() -> TransportOptions {
    TransportOptions {
        address_policy: AddressPolicy {
            allowed: vec!["127.0.0.1/32".parse().expect("a network")],
            ..AddressPolicy::default()
        },
        ..options()
    }
}

#[test]
fn nobody_at_the_address_is_refused() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let mut sender = Sender::new(options());
        let outcome = sender.attempt(&target(&format!("http://{address}/"))).await;
        assert_eq!(outcome.kind, OutcomeKind::Refused);
        assert_eq!(sender.transport.connections(), 0);
    });
}

#[test]
fn a_refused_address_is_never_dialled_however_it_is_written() {
    run(async {
        let board = Switchboard::new(|_| Line::Open);
        let mut sender = Sender::with(
            TransportOptions {
                address_policy: AddressPolicy::default(),
                ..options()
            },
            Book(vec![("innocent.example", vec![loopback(1)])]),
            board.clone(),
        );
        for url in [
            "http://127.0.0.1:9000/",
            "http://0x7f.1:9000/",
            "http://2130706433:9000/",
            "http://[::1]:9000/",
            "http://[::ffff:127.0.0.1]:9000/",
            "https://127.0.0.1:9000/",
            "http://innocent.example:9000/",
        ] {
            let outcome = sender.attempt(&target(url)).await;
            assert_eq!(outcome.kind, OutcomeKind::AddressBlocked, "{url}");
        }
        assert_eq!(board.dials(), []);
    });
}

#[test]
fn one_refused_address_in_an_answer_refuses_it_all() {
    run(async {
        let board = Switchboard::new(|_| Line::Open);
        let book = Book(vec![("mixed.example", vec![loopback(1), loopback(2)])]);
        let mut sender = Sender::with(only_first(), book, board.clone());
        let outcome = sender.attempt(&target("http://mixed.example:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::AddressBlocked);
        assert_eq!(board.dials(), []);
    });
}

#[test]
fn this_machine_is_not_sent_to_by_an_address_of_its_own() {
    run(async {
        let board = Switchboard::new(|_| Line::Open);
        let public = IpAddr::from([8, 8, 8, 8]);
        let book = Book(vec![("us.example", vec![public])]);
        let ours = TransportOptions {
            interfaces: Some(|| Ok(vec![IpAddr::from([8, 8, 8, 8])])),
            ..options()
        };
        let mut sender = Sender::with(ours, book, board.clone());
        for url in ["http://us.example/", "http://8.8.8.8/"] {
            let outcome = sender.attempt(&target(url)).await;
            assert_eq!(outcome.kind, OutcomeKind::AddressBlocked, "{url}");
        }
        assert_eq!(board.dials(), []);
    });
}

#[test]
fn a_connection_is_used_again_while_it_is_young() {
    run(async {
        for (life_ms, connections) in [(60_000, 1), (0, 3)] {
            let acts = vec![answering(3, &reply("200 OK", "")); connections];
            let receiver = Receiver::start(acts).await;
            let options = TransportOptions {
                life_ms,
                ..options()
            };
            let mut sender = Sender::new(options);
            let url = format!("http://{}/", receiver.address);
            for _ in 0..3 {
                let outcome = sender.attempt(&target(&url)).await;
                assert_eq!(outcome.kind, OutcomeKind::Status(200));
            }
            assert_eq!(receiver.requests().len(), 3);
            assert_eq!(receiver.accepted(), connections);
        }
    });
}

#[test]
fn a_port_of_another_service_is_not_dialled() {
    run(async {
        let board = Switchboard::new(|_| Line::Open);
        let mut sender = Sender::with(options(), Book::default(), board.clone());
        for port in [22, 25, 6_379, 5_432, 10_250] {
            let url = format!("http://127.0.0.1:{port}/");
            let outcome = sender.attempt(&target(&url)).await;
            assert_eq!(outcome.kind, OutcomeKind::AddressBlocked, "{url}");
        }
        assert_eq!(board.dials(), []);
    });
}

#[test]
fn somebody_else_at_the_other_end_is_refused() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let board = Switchboard::new(|_| Line::Swapped);
        let mut sender = Sender::with(options(), Book::default(), board);
        let url = format!("http://{}/", receiver.address);
        let outcome = sender.attempt(&target(&url)).await;
        assert_eq!(outcome.kind, OutcomeKind::AddressBlocked);
        until(|| receiver.ended() == 1).await;
        assert!(receiver.requests().is_empty());
    });
}

#[test]
fn a_name_is_resolved_and_told_to_the_receiver_as_it_is() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let book = Book(vec![("hook.example", vec![loopback(1)])]);
        let mut sender = Sender::with(options(), book, TcpDialer);
        let port = receiver.address.port();
        let url = format!("http://Hook.Example:{port}/");
        let outcome = sender.attempt(&target(&url)).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        let host = format!("hook.example:{port}");
        let request = receiver.requests().remove(0);
        assert_eq!(request.header("host"), Some(host.as_str()));
    });
}

#[test]
fn an_unknown_name_is_not_found() {
    run(async {
        let mut sender = Sender::new(options());
        let outcome = sender.attempt(&target("http://nowhere.example/")).await;
        assert_eq!(outcome.kind, OutcomeKind::DnsNotFound);
    });
}

#[test]
fn of_many_dead_addresses_only_a_few_are_dialled() {
    run(async {
        let board = Switchboard::new(|_| Line::Refuse);
        let addresses: Vec<IpAddr> = (1..=16).map(loopback).collect();
        assert_eq!(addresses.len(), limits::DNS_ADDRESSES_MAX);
        let book = Book(vec![("dead.example", addresses.clone())]);
        let mut sender = Sender::with(options(), book, board.clone());
        let outcome = sender.attempt(&target("http://dead.example:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Refused);
        let dialled: Vec<IpAddr> = board.dials().iter().map(SocketAddr::ip).collect();
        assert_eq!(dialled, addresses[..limits::DIAL_ADDRESSES_MAX]);
    });
}

#[test]
fn a_silent_address_leaves_time_for_the_next_one() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let board = Switchboard::new(|address| {
            if address == loopback(9) {
                Line::Silent
            } else {
                Line::Open
            }
        });
        let book = Book(vec![("half.example", vec![loopback(9), loopback(1)])]);
        let short = TransportOptions {
            connect_timeout_ms: 1_000,
            ..options()
        };
        let mut sender = Sender::with(short, book, board);
        let url = format!("http://half.example:{}/", receiver.address.port());
        let outcome = sender.attempt(&target(&url)).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
    });
}

#[test]
fn an_address_that_never_answers_is_a_connect_timeout() {
    run(async {
        let board = Switchboard::new(|_| Line::Silent);
        let short = TransportOptions {
            connect_timeout_ms: 100,
            ..options()
        };
        let mut sender = Sender::with(short, Book::default(), board);
        let outcome = sender.attempt(&target("http://127.0.0.1:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::ConnectTimeout { after_ms: 100 });
    });
}

#[test]
fn the_deadline_of_the_attempt_bounds_connecting_too() {
    run(async {
        let board = Switchboard::new(|_| Line::Silent);
        let mut sender = Sender::with(impatient(), Book::default(), board);
        let outcome = sender.attempt(&target("http://127.0.0.1:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
    });
}

#[test]
fn where_only_https_is_allowed_plain_http_is_not_even_dialled() {
    run(async {
        let board = Switchboard::new(|_| Line::Refuse);
        let strict = TransportOptions {
            https_only: true,
            ..options()
        };
        let mut sender = Sender::with(strict, Book::default(), board.clone());
        let outcome = sender.attempt(&target("http://127.0.0.1:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::HttpsRequired);
        assert_eq!(board.dials(), []);
        let outcome = sender.attempt(&target("https://127.0.0.1:9000/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Refused);
        assert_eq!(board.dials().len(), 1);
    });
}
