//! The rate of an endpoint: how many attempts a second go to it, whatever waits and whatever happens.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command, EndpointUpdate, NewEndpoint},
        filter::Filter,
        history::Name,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    store::Reads as _,
    time::{Span, Timestamp},
};

use crate::support::rig::{Rig, new_endpoint, path};

const OK: OutcomeKind = OutcomeKind::Status(200);

fn rig() -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(Options::default());
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// Registers an endpoint that takes so many attempts a second.
fn throttled(rig: &mut Rig, application: ApplicationKey, name: &str, rate: u16) -> EndpointId {
    let Command::CreateEndpoint(new) = new_endpoint(application, name) else {
        unreachable!("it makes an endpoint");
    };
    let request = rig.command(Command::CreateEndpoint(Box::new(NewEndpoint {
        throttle_rate: Some(rate),
        ordering: fanfare::domain::ordering::Ordering::default(),
        ..*new
    })));
    match rig.replies.get(&request) {
        Some(Ok(Answer::Endpoint { id, .. })) => *id,
        other => panic!("{other:?}"),
    }
}

/// Lets that many steps of ten milliseconds pass and answers all at once; tells when attempts went to `name`.
fn times(rig: &mut Rig, steps: usize, name: &str) -> Vec<Timestamp> {
    let mut times = Vec::new();
    for _ in 0..steps {
        while let Some(request) = rig.sent.pop_front() {
            if path(&request) == name {
                times.push(request.steady);
            }
            rig.done(&request, OK);
        }
        rig.advance(Span::from_millis(10));
    }
    times
}

fn least_gap(times: &[Timestamp]) -> Span {
    let later = times.iter().skip(1);
    let gaps = times
        .iter()
        .zip(later)
        .map(|(before, at)| at.since(*before));
    gaps.min().expect("several")
}

#[test]
fn attempts_to_a_throttled_endpoint_come_evenly_and_hold_nobody_else_up() {
    let (mut rig, application) = rig();
    throttled(&mut rig, application, "slow", 5);
    rig.endpoint(application, "free");
    for _ in 0..20 {
        rig.event(application);
    }
    let free = times(&mut rig, 1, "free").len();
    assert!(free > 0, "the other one does not wait");
    let slow = times(&mut rig, 300, "slow");
    assert!(
        (14..=16).contains(&slow.len()),
        "3 s at 5 a second: {}",
        slow.len()
    );
    assert!(least_gap(&slow) >= Span::from_millis(200), "{slow:?}");
    times(&mut rig, 300, "slow");
    assert_eq!(rig.engine.stats().succeeded, 40, "none is left");
    assert_eq!(
        rig.engine.next_deadline().filter(|at| *at < rig.now.steady),
        None
    );
}

#[test]
fn a_fast_rate_comes_in_hundredths_of_a_second() {
    let (mut rig, application) = rig();
    throttled(&mut rig, application, "fast", 1_000);
    for _ in 0..500 {
        rig.event(application);
    }
    let fast = times(&mut rig, 30, "fast");
    assert!((200..=310).contains(&fast.len()), "{}", fast.len());
}

#[test]
fn retries_and_attempts_by_hand_keep_to_the_rate_too() {
    let (mut rig, application) = rig();
    throttled(&mut rig, application, "slow", 1);
    for _ in 0..3 {
        rig.event(application);
    }
    let mut times = Vec::new();
    let mut sent = Vec::new();
    for step in 0..3_000 {
        while let Some(request) = rig.sent.pop_front() {
            times.push(request.steady);
            sent.push((request.target.id, Arc::clone(&request.event)));
            let kind = if request.number == 1 {
                OutcomeKind::Status(500)
            } else {
                OK
            };
            rig.done(&request, kind);
        }
        if step == 100 {
            rig.event(application);
        }
        if step == 2_000 {
            // All has come through; two of them are asked for once more, at one time.
            for (endpoint, event) in sent.iter().take(2) {
                rig.command(Command::Resend {
                    endpoint: *endpoint,
                    event: Arc::clone(event),
                    attempts: 2,
                });
            }
        }
        rig.advance(Span::from_millis(10));
    }
    assert_eq!(
        times.len(),
        10,
        "four first attempts, four retries, two by hand"
    );
    assert!(least_gap(&times) >= Span::from_seconds(1), "{times:?}");
}

#[test]
fn the_rate_holds_over_the_loss_of_a_shard_and_a_change_of_it_has_effect() {
    let (mut rig, application) = rig();
    let id = throttled(&mut rig, application, "slow", 1);
    for _ in 0..6 {
        rig.event(application);
    }
    let mut all = times(&mut rig, 150, "slow");
    assert_eq!(all.len(), 1);
    for _ in 0..3 {
        rig.lose_shard();
        all.extend(times(&mut rig, 50, "slow"));
    }
    all.extend(times(&mut rig, 200, "slow"));
    assert!(least_gap(&all) >= Span::from_seconds(1), "{all:?}");
    let change = without_rate(&rig, application, id);
    rig.command(change);
    times(&mut rig, 3, "slow");
    assert_eq!(rig.engine.stats().succeeded, 6, "nothing holds it any more");
}

/// The command that changes an endpoint from what the store has, without its rate.
fn without_rate(rig: &Rig, application: ApplicationKey, id: EndpointId) -> Command {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let known = found.expect("readable").expect("it is there");
    Command::UpdateEndpoint(Box::new(EndpointUpdate {
        application,
        endpoint: id,
        revision: known.revision(),
        url: None,
        uid: known.uid.clone(),
        filter: Filter::clone(&known.filter),
        headers: known.target.headers.clone(),
        is_enabled: true,
        throttle_rate: None,
        ordering: fanfare::domain::ordering::Ordering::default(),
        rotation: None,
        details: known.details.clone(),
    }))
}
