//! Every started attempt has exactly one outcome, whatever happens to it.

use fanfare::domain::outcome::OutcomeKind;
use tokio::task::yield_now;

use super::{tap::Tapping, *};
use crate::support::receiver::{Act, Receiver, answering, reply, send};

#[test]
fn a_cancelled_attempt_ends_at_once_and_only_once() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, Act::Hang]]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        let attempt = sender.start(&target);
        let other = sender.start(&target);
        until(|| receiver.requests().len() == 2).await;
        sender.transport.cancel(attempt);
        sender.transport.cancel(attempt);
        sender.transport.cancel(AttemptHandle::new(99));
        let outcome = sender.only(attempt).await;
        assert_eq!(outcome.kind, OutcomeKind::Cancelled);
        assert_eq!(sender.transport.connections(), 1);
        until(|| receiver.ended() == 1).await;
        sender.transport.cancel(other);
        assert_eq!(sender.only(other).await.kind, OutcomeKind::Cancelled);
    });
}

#[test]
fn an_attempt_cancelled_before_it_ran_dials_nobody() {
    run(async {
        let board = Switchboard::new(|_| Line::Refuse);
        let mut sender = Sender::with(options(), Book::default(), board.clone());
        let attempt = sender.start(&target("http://127.0.0.1:1025/"));
        sender.transport.cancel(attempt);
        let outcome = sender.only(attempt).await;
        assert_eq!(outcome.kind, OutcomeKind::Cancelled);
        assert_eq!(board.dials(), []);
    });
}

#[test]
fn cancelling_an_attempt_that_has_ended_does_not_touch_the_next_one() {
    run(async {
        let receiver = Receiver::start(vec![answering(2, &reply("200 OK", ""))]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::new(options());
        let first = sender.start(&target);
        sender.only(first).await;
        sender.transport.cancel(first);
        let second = sender.start(&target);
        sender.transport.cancel(first);
        let outcome = sender.only(second).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(receiver.accepted(), 1);
    });
}

#[test]
fn a_panic_while_connecting_is_an_internal_failure_and_frees_the_seat() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let board = Switchboard::new(|address| {
            if address == IpAddr::from([127, 0, 0, 9]) {
                Line::Panic
            } else {
                Line::Open
            }
        });
        let mut sender = Sender::with(options(), Book::default(), board);
        let outcome = sender.attempt(&target("http://127.0.0.9:1025/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Internal);
        assert_eq!(sender.transport.connections(), 0);
        let url = format!("http://{}/", receiver.address);
        let outcome = sender.attempt(&target(&url)).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
    });
}

#[test]
fn a_panic_amid_an_exchange_is_an_internal_failure_of_that_attempt_alone() {
    run(async {
        let receiver = Receiver::start(vec![answering(2, &reply("200 OK", ""))]).await;
        let target = target(&format!("http://{}/", receiver.address));
        let mut sender = Sender::with(options(), Book::default(), Tapping::new(2));
        for expected in [
            OutcomeKind::Status(200),
            OutcomeKind::Internal,
            OutcomeKind::Status(200),
        ] {
            assert_eq!(sender.attempt(&target).await.kind, expected);
        }
        assert_eq!(receiver.accepted(), 2);
        assert_eq!(sender.transport.connections(), 1);
    });
}

#[test]
fn the_end_of_all_tasks_is_an_internal_failure_of_what_was_in_flight() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let board = Switchboard::new(|_| Line::Silent);
    let mut sender = Sender::with(options(), Book::default(), board.clone());
    let tasks = LocalSet::new();
    let ran = tasks.block_on(&runtime, async {
        let ran = sender.start(&target("http://127.0.0.1:1025/"));
        while board.dials().is_empty() {
            yield_now().await;
        }
        ran
    });
    let never_ran = tasks.block_on(&runtime, async {
        sender.start(&target("http://127.0.0.1:1025/"))
    });
    drop(tasks);
    let mut outcomes = runtime.block_on(sender.outcomes());
    outcomes.sort_by_key(|(attempt, _)| *attempt);
    let kinds: Vec<_> = outcomes
        .into_iter()
        .map(|(attempt, outcome)| (attempt, outcome.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            (ran, OutcomeKind::Internal),
            (never_ran, OutcomeKind::Internal)
        ]
    );
    assert_eq!(sender.transport.connections(), 0);
}

#[test]
fn hundreds_of_hostile_receivers_at_once_leave_one_outcome_each_and_no_connection() {
    run(async {
        let scripts = [
            vec![Act::Request, Act::Hang],
            vec![Act::Request, Act::Reset],
            vec![Act::Request],
            vec![],
            vec![Act::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Act::Flood],
            vec![Act::Request, send("HTTP/1.1 200 OK\r\n\r\n"), Act::Drip],
            vec![Act::Request, send("nonsense\r\n\r\n")],
        ];
        let count = scripts.len() * 40;
        let receiver = Receiver::start(scripts.into_iter().cycle().take(count).collect()).await;
        let url = format!("http://{}/", receiver.address);
        let mut sender = Sender::new(TransportOptions {
            attempt_timeout_ms: 1_000,
            ..options()
        });
        let mut open: Vec<AttemptHandle> = (0..count)
            .map(|number| {
                let ordinal = u32::try_from(number % 50).expect("small");
                sender.start(&endpoint(ordinal, 1, &url, BodyFormat::Payload))
            })
            .collect();
        while !open.is_empty() {
            for (attempt, outcome) in sender.outcomes().await {
                let place = open.iter().position(|handle| *handle == attempt);
                open.swap_remove(place.expect("each comes once"));
                assert_ne!(outcome.kind, OutcomeKind::Internal);
            }
        }
        assert_eq!(sender.transport.connections(), 0);
        assert_eq!(receiver.accepted(), count);
    });
}
