//! The rate of an application: how many attempts a second go out over all of its endpoints, whatever waits
//! and whatever happens.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, Registration},
        attempt::Holder,
        command::{Answer, Command, NewEndpoint},
        endpoint::EndpointKey,
        endpoint_url::EndpointUrl,
        event::EventPosition,
        history::Name,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    store::Reads as _,
    time::{Span, Timestamp},
};

use crate::support::rig::{Rig, new_endpoint, path, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);

fn said(throttle_rate: Option<u16>) -> Registration {
    Registration {
        throttle_rate,
        ..Registration::default()
    }
}

/// An application that makes so many attempts a second.
fn throttled(rig: &mut Rig, uid: &str, rate: u16) -> ApplicationKey {
    let request = rig.command(Command::CreateApplication {
        uid: Some(uid.into()),
        registration: said(Some(rate)),
    });
    match rig.replies.get(&request) {
        Some(Ok(Answer::Application { key, .. })) => *key,
        other => panic!("no application: {other:?}"),
    }
}

/// Gives an application another rate.
fn change(rig: &mut Rig, uid: &str, rate: Option<u16>) {
    let known = rig.store.application(&Name::Uid(uid.into()));
    let known = known.expect("it reads").expect("it is there");
    let request = rig.command(Command::UpdateApplication {
        application: known.key,
        revision: known.revision,
        uid: known.uid.clone(),
        registration: said(rate),
    });
    let reply = rig.replies.get(&request);
    assert!(
        matches!(reply, Some(Ok(Answer::Application { .. }))),
        "{reply:?}"
    );
}

/// Lets that many steps of ten milliseconds pass and answers all at once; tells when attempts went out.
fn times(rig: &mut Rig, steps: usize) -> Vec<Timestamp> {
    let mut times = Vec::new();
    for _ in 0..steps {
        while let Some(request) = rig.sent.pop_front() {
            times.push(request.steady);
            rig.done(&request, OK);
        }
        rig.advance(Span::from_millis(10));
    }
    times
}

fn least_gap(times: &[Timestamp]) -> Span {
    let gaps = times.windows(2).map(|pair| match pair {
        [before, after] => after.since(*before),
        _ => Span::ZERO,
    });
    gaps.min().expect("several")
}

#[test]
fn attempts_over_all_endpoints_come_evenly_and_hold_no_other_application_up() {
    let mut rig = Rig::new(undaunted());
    let slow = throttled(&mut rig, "slow", 5);
    let free = rig.application("free");
    for name in ["a", "b", "c"] {
        rig.endpoint(slow, name);
    }
    rig.endpoint(free, "free");
    for _ in 0..5 {
        rig.event(slow);
        rig.event(free);
    }
    while let Some(place) = rig.sent.iter().position(|sent| path(sent) == "free") {
        let request = rig.sent.remove(place).expect("it is there");
        rig.done(&request, OK);
    }
    assert_eq!(
        rig.engine.stats().succeeded,
        5,
        "the other one does not wait"
    );
    let sent = times(&mut rig, 400);
    assert_eq!(sent.len(), 15, "3 s at 5 a second");
    assert_eq!(least_gap(&sent), Span::from_millis(200));
    assert_eq!(
        rig.engine.next_deadline(),
        None,
        "nothing turns for nothing"
    );
}

#[test]
fn every_endpoint_has_its_turn() {
    let mut rig = Rig::new(undaunted());
    let slow = throttled(&mut rig, "slow", 10);
    for name in ["a", "b", "c"] {
        rig.endpoint(slow, name);
    }
    for _ in 0..8 {
        rig.event(slow);
    }
    let mut names = Vec::new();
    for _ in 0..130 {
        names.extend(rig.sent.iter().map(path));
        times(&mut rig, 1);
    }
    for name in ["a", "b", "c"] {
        let turns = names.iter().filter(|of| *of == name).count();
        assert_eq!(turns, 4, "{names:?}");
    }
}

#[test]
fn a_change_counts_at_once() {
    let mut rig = Rig::new(undaunted());
    let application = throttled(&mut rig, "slow", 1);
    rig.endpoint(application, "a");
    for _ in 0..40 {
        rig.event(application);
    }
    assert_eq!(times(&mut rig, 200).len(), 1);
    change(&mut rig, "slow", Some(10));
    assert!((9..=11).contains(&times(&mut rig, 100).len()));
    change(&mut rig, "slow", None);
    times(&mut rig, 1);
    assert_eq!(rig.engine.stats().succeeded, 40, "all at once");
    change(&mut rig, "slow", Some(1));
    rig.event(application);
    rig.event(application);
    assert!(rig.sent.is_empty());
    assert_eq!(times(&mut rig, 150).len(), 1);
}

#[test]
fn a_restart_and_a_lost_shard_give_nothing_for_free() {
    let mut rig = Rig::new(undaunted());
    let application = throttled(&mut rig, "slow", 1);
    rig.endpoint(application, "a");
    for _ in 0..10 {
        rig.event(application);
    }
    let mut sent = times(&mut rig, 250);
    rig.restart(undaunted());
    sent.extend(times(&mut rig, 250));
    rig.lose_shard();
    sent.extend(times(&mut rig, 250));
    assert!(sent.len() >= 4, "{sent:?}");
    assert!(least_gap(&sent) >= Span::from_seconds(1), "{sent:?}");
}

#[test]
fn what_is_asked_for_by_hand_keeps_to_it_too() {
    let mut rig = Rig::new(undaunted());
    let application = throttled(&mut rig, "slow", 1);
    let (endpoint, _) = rig.endpoint(application, "a");
    rig.event(application);
    rig.advance(Span::from_seconds(1));
    let event = Arc::clone(&rig.sent.front().expect("the first").event);
    rig.answer(OK);
    rig.command(Command::Resend {
        endpoint,
        event,
        attempts: 1,
    });
    assert!(rig.sent.is_empty());
    rig.advance(Span::from_seconds(1));
    assert!(rig.sent.front().is_some_and(|sent| sent.is_by_hand));
}

#[test]
fn what_waited_for_it_says_so_and_so_does_the_present() {
    let mut rig = Rig::new(undaunted());
    let application = throttled(&mut rig, "slow", 1);
    rig.endpoint(application, "a");
    rig.endpoint(application, "b");
    rig.event(application);
    let now = rig.now.steady;
    let endpoint = EndpointKey {
        application,
        ordinal: 1,
    };
    let request = rig.command(Command::Present(
        endpoint,
        fanfare::domain::present::Question::Endpoint,
    ));
    let Some(Ok(Answer::Present(present))) = rig.replies.get(&request) else {
        panic!("no present");
    };
    assert_eq!(present.held_by, Some(Holder::ApplicationRate));
    assert_eq!(present.held_until, Some(now.plus(Span::from_seconds(1))));
    times(&mut rig, 250);
    let records = rig.store.attempts(application, EventPosition::new(0));
    let held: Vec<Option<Holder>> = records.iter().map(|one| one.timing.held_by).collect();
    assert_eq!(held, [Some(Holder::ApplicationRate); 2]);
}

#[test]
fn whoever_waits_for_its_rate_keeps_no_room_of_a_host_from_others() {
    let mut rig = Rig::new(Options {
        host_window_max: 1,
        ..undaunted()
    });
    let slow = throttled(&mut rig, "slow", 1);
    let free = rig.application("free");
    let on_one_host = |rig: &mut Rig, application, name: &str| {
        let Command::CreateEndpoint(new) = new_endpoint(application, name) else {
            panic!("a new endpoint");
        };
        rig.command(Command::CreateEndpoint(Box::new(NewEndpoint {
            url: EndpointUrl::parse(&format!("https://shared.test/{name}")).expect("valid"),
            ..*new
        })));
    };
    for (application, name) in [(free, "first"), (slow, "a"), (slow, "b")] {
        on_one_host(&mut rig, application, name);
    }
    rig.advance(Span::from_seconds(2));
    rig.event(free);
    rig.event(slow);
    on_one_host(&mut rig, free, "last");
    rig.event(free);
    assert_eq!(path(&rig.answer(OK)), "first");
    assert_eq!(path(&rig.answer(OK)), "a");
    // The next one in the queue is "b", of an application that may send nothing for a second.
    assert_eq!(rig.flying(), ["last"]);
    rig.advance(Span::from_seconds(1));
    let mut order = Vec::new();
    while !rig.sent.is_empty() {
        order.push(path(&rig.answer(OK)));
    }
    order.sort_unstable();
    assert_eq!(order, ["b", "first", "last"]);
}
