//! What the engine holds stays bounded, whatever waits: rows, rings, pages, and what a restart must
//! look at.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Refusal, RequestHandle},
        id::ShardId,
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options, pressure::Pressure},
    limits,
    store::Store as _,
    time::{Now, Span},
};

use crate::support::rig::{Rig, new_event, path, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

fn with(options: Options) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// Answers everything that flies, by the endpoint's name, until nothing does.
fn answer_all(rig: &mut Rig, mut kind: impl FnMut(&str) -> OutcomeKind) {
    while let Some(request) = rig.sent.pop_front() {
        let kind = kind(&path(&request));
        rig.done(&request, kind);
    }
}

#[test]
fn beyond_its_rows_a_failing_endpoint_waits_at_its_cursor_and_others_go_on() {
    let (mut rig, application) = with(Options {
        open_rows_max: 16,
        ..undaunted()
    });
    rig.endpoint(application, "dead");
    rig.endpoint(application, "good");
    for _ in 0..40 {
        rig.event(application);
        answer_all(&mut rig, |name| if name == "good" { OK } else { FAILED });
    }
    assert_eq!(rig.engine.stats().succeeded, 40);
    assert_eq!(rig.store.counts().open_rows, 16);

    // It answers again: its rows go, it walks on from its cursor, and nothing is left out.
    for _ in 0..400 {
        rig.advance(Span::from_seconds(60));
        answer_all(&mut rig, |_| OK);
    }
    assert_eq!(rig.engine.stats().succeeded, 80);
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn what_a_restart_brings_is_bounded_before_anything_else_comes() {
    let (mut rig, application) = with(undaunted());
    rig.endpoint(application, "dead");
    for _ in 0..20 {
        rig.event(application);
    }
    assert_eq!(rig.engine.holdings().ring_events, 20);
    let bounded = Options {
        ring_events_max: 4,
        ..undaunted()
    };
    rig.restart(bounded);
    let held = rig.engine.holdings().ring_events;
    assert!(held <= 4, "{held} events stand in memory");
    let mut delivered = 0;
    while !rig.sent.is_empty() {
        rig.answer(OK);
        delivered += 1;
    }
    assert_eq!(delivered, 20, "nothing is left out");
}

#[test]
fn what_is_gathered_beyond_its_bound_is_refused_and_taken_later() {
    let (mut rig, application) = with(Options {
        batch_bytes_max: 1,
        ..undaunted()
    });
    let ask = |number| Input::Command(RequestHandle::new(number), new_event(application));
    rig.turn(vec![ask(1_001), ask(1_002)]);
    let refused = rig
        .replies
        .values()
        .filter(|reply| **reply == Err(Refusal::Overloaded));
    assert_eq!(refused.count(), 1);
    rig.event(application);
    assert_eq!(rig.engine.stats().events, 2);
}

#[test]
fn a_ring_stands_for_so_many_deliveries_and_who_is_behind_walks_pages() {
    let (mut rig, application) = with(Options {
        ring_deliveries_max: 8,
        ..undaunted()
    });
    rig.endpoint(application, "slow");
    rig.endpoint(application, "fast");
    for _ in 0..50 {
        rig.event(application);
        let slow: Vec<_> = rig
            .sent
            .iter()
            .filter(|sent| path(sent) == "slow")
            .cloned()
            .collect();
        let fast: Vec<_> = rig
            .sent
            .iter()
            .filter(|sent| path(sent) == "fast")
            .cloned()
            .collect();
        rig.sent = slow.into();
        for request in fast {
            rig.done(&request, OK);
        }
    }
    rig.advance(Span::from_seconds(1));
    let (_, state) = rig.store.acquire(ShardId::new(1)).expect("it is there");
    let fanfare::domain::page::ShardState::Data { applications, .. } = state else {
        panic!("a shard of data");
    };
    let known = applications.first().expect("the application");
    assert!(known.events.len() <= 8, "{}", known.events.len());
}

#[test]
fn pages_that_were_read_again_are_bounded_over_all_applications() {
    let mut rig = Rig::new(Options {
        page_rows: 1,
        ring_events_max: 1,
        window_max: 1,
        ..undaunted()
    });
    for name in ["one", "other"] {
        let application = rig.application(name);
        rig.endpoint(application, name);
        for _ in 0..200 {
            rig.event(application);
        }
    }
    let mut most = 0;
    while !rig.sent.is_empty() {
        rig.answer(OK);
        most = rig.engine.holdings().pages.max(most);
    }
    assert_eq!(rig.engine.stats().succeeded, 400);
    // One more, which is used in this turn.
    let bound = limits::PAGES_HELD_MAX;
    assert!((bound..=bound + 1).contains(&most), "{most}");
    assert!(rig.engine.holdings().page_bytes > 0);
}

#[test]
fn the_time_is_written_when_nothing_else_is_and_at_once_when_the_wall_clock_steps() {
    let (mut rig, _) = with(Options {
        heartbeat: Some(Span::from_seconds(60)),
        ..undaunted()
    });
    let commits = |rig: &Rig| rig.engine.stats().commits;
    let before = commits(&rig);
    rig.advance(Span::from_seconds(600));
    assert_eq!(commits(&rig) - before, 10);
    for (step_ms, written) in [(900, 0), (1_100, 1), (-5_000, 1)] {
        let before = commits(&rig);
        let now = rig.now;
        rig.now = Now {
            steady: now.steady,
            wall: now.wall.plus(Span::from_millis(step_ms)),
        };
        rig.turn(vec![Input::DeadlineReached]);
        assert_eq!(commits(&rig) - before, written, "{step_ms}");
    }
}

#[test]
fn a_lane_that_was_built_again_loads_its_rows_when_the_first_is_due() {
    let (mut rig, application) = with(undaunted());
    rig.endpoint(application, "a");
    for _ in 0..3 {
        rig.event(application);
    }
    answer_all(&mut rig, |_| FAILED);
    rig.advance(Span::from_millis(100));
    rig.turn(vec![Input::ShardLost(ShardId::new(1))]);
    let (epoch, state) = rig.store.acquire(ShardId::new(1)).expect("it is there");
    let loads = rig.engine.stats().loads;
    rig.turn(vec![Input::ShardAcquired(
        ShardId::new(1),
        epoch,
        Box::new(state),
    )]);
    rig.advance(Span::from_seconds(3));
    assert_eq!(rig.engine.stats().loads, loads, "nothing is due");
    rig.advance(Span::from_seconds(3));
    assert_eq!(rig.engine.stats().loads, loads + 1);
    for _ in 0..3 {
        assert_eq!(rig.answer(OK).number, 2);
    }
}

/// Row A74: while two batches of a shard are on their way and a third is full, hosts hear that the shard
/// is, so that they can refuse by the head alone.
#[test]
fn a74_a_shard_whose_batches_all_wait_for_the_store_is_told_to_be_full() {
    let (mut rig, application) = with(Options {
        batch_bytes_max: 1,
        ..Options::default()
    });
    for (number, expected) in [(1, None), (2, None), (3, Some(Pressure::Full))] {
        let mut effects = Vec::new();
        let request = RequestHandle::new(9_000 + number);
        for input in [
            Input::Command(request, new_event(application)),
            Input::TurnEnd,
        ] {
            // Nobody answers what it wants written.
            rig.engine.step(rig.now, input, &mut effects);
        }
        let mut pressed = Vec::new();
        rig.engine.pressed(&mut pressed);
        let expected: Vec<_> = expected
            .map(|it| (application.shard, it))
            .into_iter()
            .collect();
        assert_eq!(pressed, expected, "after {number}");
    }
}
