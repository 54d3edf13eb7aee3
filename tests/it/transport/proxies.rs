//! Sending through a proxy. Proxy and receivers are on the loopback address.

use fanfare::{domain::outcome::OutcomeKind, transport::proxy::Proxy};

use super::*;
use crate::support::receiver::{Act, Receiver, reply, send};

const TUNNEL: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// Sends through the proxy at this address.
fn through(address: SocketAddr, resolves: bool) -> TransportOptions {
    let mut proxy = Proxy::parse(&format!("http://user:pass@{address}")).expect("a proxy");
    proxy.resolves = resolves;
    TransportOptions {
        proxy: Some(proxy),
        ..options()
    }
}

/// A proxy that makes one tunnel and answers in it itself.
async fn tunnel() -> Receiver {
    let acts = vec![
        Act::Request,
        send(TUNNEL),
        Act::Request,
        reply("200 OK", ""),
    ];
    Receiver::start(vec![acts]).await
}

#[test]
fn a_proxy_is_told_the_address_that_was_judged_and_no_name() {
    run(async {
        let proxy = tunnel().await;
        let book = Book(vec![("hook.example", vec![IpAddr::from([127, 0, 0, 9])])]);
        let board = Switchboard::new(|_| Line::Open);
        let mut sender = Sender::with(through(proxy.address, false), book, board.clone());
        let outcome = sender.attempt(&target("http://hook.example:8080/in")).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(board.dials(), [proxy.address], "only the proxy is dialled");
        let requests = proxy.requests();
        assert!(
            requests[0]
                .head
                .starts_with("CONNECT 127.0.0.9:8080 HTTP/1.1")
        );
        let shown = requests[0].header("proxy-authorization");
        assert_eq!(shown, Some("Basic dXNlcjpwYXNz"));
        assert!(requests[1].head.starts_with("POST /in HTTP/1.1"));
        assert_eq!(requests[1].header("host"), Some("hook.example:8080"));
        assert_eq!(requests[1].header("proxy-authorization"), None);
    });
}

#[test]
fn a_denied_address_is_not_told_to_a_proxy_either() {
    run(async {
        let proxy = tunnel().await;
        let book = Book(vec![("inner.example", vec![IpAddr::from([10, 0, 0, 1])])]);
        for (url, resolves) in [
            ("http://inner.example:8080/", false),
            ("http://10.0.0.1:8080/", false),
            ("http://10.0.0.1:8080/", true),
            ("http://outer.example:6379/", true),
        ] {
            let board = Switchboard::new(|_| Line::Open);
            let options = through(proxy.address, resolves);
            let mut sender = Sender::with(options, book.clone(), board.clone());
            let outcome = sender.attempt(&target(url)).await;
            assert_eq!(outcome.kind, OutcomeKind::AddressBlocked, "{url}");
            assert_eq!(board.dials(), [], "{url}");
        }
    });
}

#[test]
fn a_proxy_that_resolves_is_told_the_name() {
    run(async {
        let proxy = tunnel().await;
        let board = Switchboard::new(|_| Line::Open);
        let options = through(proxy.address, true);
        let mut sender = Sender::with(options, Book::default(), board);
        let outcome = sender.attempt(&target("http://hook.example/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        let requests = proxy.requests();
        assert!(
            requests[0]
                .head
                .starts_with("CONNECT hook.example:80 HTTP/1.1")
        );
    });
}

#[test]
fn what_a_proxy_does_wrong_is_told_as_its_failure_and_no_more() {
    run(async {
        let denied = "HTTP/1.1 403 Forbidden\r\nx-reason: 10.0.0.1 is internal\r\n\r\n";
        for acts in [
            vec![Act::Request, send(denied)],
            vec![Act::Request, send("no HTTP at all\r\n\r\n")],
            vec![Act::Request, send(format!("{TUNNEL}early"))],
            vec![Act::Request],
            vec![Act::Reset],
            vec![Act::Request, Act::Flood],
        ] {
            let proxy = Receiver::start(vec![acts.clone()]).await;
            let board = Switchboard::new(|_| Line::Open);
            let options = through(proxy.address, false);
            let mut sender = Sender::with(options, Book::default(), board);
            let outcome = sender.attempt(&target("http://127.0.0.1:8080/")).await;
            assert_eq!(outcome.kind, OutcomeKind::ProxyFailed, "{acts:?}");
            assert!(outcome.body.is_empty());
        }
        let board = Switchboard::new(|_| Line::Refuse);
        let options = through("127.0.0.1:1025".parse().expect("valid"), false);
        let mut sender = Sender::with(options, Book::default(), board);
        let outcome = sender.attempt(&target("http://127.0.0.1:8080/")).await;
        assert_eq!(outcome.kind, OutcomeKind::ProxyFailed);
    });
}

#[test]
fn a_proxy_that_says_nothing_costs_the_time_to_connect_and_no_more() {
    run(async {
        let proxy = Receiver::start(vec![vec![Act::Request, Act::Hang]]).await;
        let board = Switchboard::new(|_| Line::Open);
        let short = TransportOptions {
            connect_timeout_ms: 200,
            ..through(proxy.address, false)
        };
        let mut sender = Sender::with(short, Book::default(), board);
        let outcome = sender.attempt(&target("http://127.0.0.1:8080/")).await;
        assert_eq!(outcome.kind, OutcomeKind::ProxyFailed);
        until(|| proxy.ended() == 1).await;
        // Nor more for a name with several addresses.
        let proxy = Receiver::start(vec![vec![Act::Request, Act::Hang]]).await;
        let addresses = (1..=4).map(|last| IpAddr::from([127, 0, 0, last]));
        let book = Book(vec![("hook.example", addresses.collect())]);
        let board = Switchboard::new(|_| Line::Open);
        let short = TransportOptions {
            connect_timeout_ms: 200,
            ..through(proxy.address, false)
        };
        let mut sender = Sender::with(short, book, board.clone());
        let outcome = sender.attempt(&target("http://hook.example:8080/")).await;
        assert_eq!(outcome.kind, OutcomeKind::ProxyFailed);
        assert_eq!(board.dials(), [proxy.address]);
    });
}
