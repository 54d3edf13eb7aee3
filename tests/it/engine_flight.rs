//! What is in flight, as who asks for statistics is told it.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        change::StoreMode,
        command::{Answer, Command, Refusal},
        endpoint::EndpointKey,
        history::Name,
        id::{EndpointId, EventId},
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options},
    store::Reads as _,
    time::Span,
};

use crate::support::rig::{Rig, new_event};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

/// A rig with two endpoints that send one attempt at a time.
fn rig() -> (Rig, ApplicationKey, [EndpointKey; 2]) {
    let options = Options {
        window_max: 1,
        ..Options::default()
    };
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let one = rig.endpoint(application, "one").0;
    let two = rig.endpoint(application, "two").0;
    let keys = [one, two].map(|id| key(&rig, application, id));
    (rig, application, keys)
}

fn key(rig: &Rig, application: ApplicationKey, id: EndpointId) -> EndpointKey {
    let known = rig.store.endpoint(application, &Name::Id(id.id()));
    known.expect("readable").expect("there").key
}

fn in_flight(rig: &mut Rig, endpoint: EndpointKey) -> Vec<EventId> {
    let request = rig.command(Command::Present(
        endpoint,
        fanfare::domain::present::Question::Endpoint,
    ));
    match rig.replies.get(&request) {
        Some(Ok(Answer::Present(present))) => present.in_flight.clone(),
        other => panic!("no answer: {other:?}"),
    }
}

#[test]
fn an_attempt_is_in_flight_from_its_start_to_its_end_and_for_its_endpoint_alone() {
    let (mut rig, application, [one, two]) = rig();
    assert_eq!(in_flight(&mut rig, one), []);
    let first = rig.event(application);
    let second = rig.event(application);
    for endpoint in [one, two] {
        assert_eq!(in_flight(&mut rig, endpoint), [first], "one at a time");
    }
    assert_eq!(rig.answer(FAILED).target.url.path_and_query(), "/one");
    assert_eq!(in_flight(&mut rig, one), [second], "the first one waits");
    assert_eq!(in_flight(&mut rig, two), [first]);
    rig.done(&rig.sent[1].clone(), OK);
    assert_eq!(in_flight(&mut rig, one), []);
    rig.advance(Span::from_seconds(10));
    assert_eq!(in_flight(&mut rig, one), [first], "its retry");
}

#[test]
fn what_was_in_flight_when_its_shard_was_lost_still_is() {
    let (mut rig, application, [one, two]) = rig();
    let first = rig.event(application);
    rig.fail_commit_in = Some(0);
    let request = rig.command(new_event(application));
    assert_eq!(rig.replies[&request], Err(Refusal::Unknown));
    for endpoint in [one, two] {
        assert_eq!(in_flight(&mut rig, endpoint), [first]);
    }
    rig.turn(vec![Input::ShardLost(application.shard)]);
    assert_eq!(
        in_flight(&mut rig, one),
        [first],
        "it is on its way all the same"
    );
    rig.answer(OK);
    rig.turn(vec![Input::StoreMode(StoreMode::ReadOnly)]);
    assert_eq!(in_flight(&mut rig, one), []);
    assert_eq!(
        in_flight(&mut rig, two),
        [first],
        "the disk need not have room"
    );
}

/// A commit fails, and before the engine's word that it gives the shard up is heard, somebody else has
/// taken the shard and it is acquired anew: then it is acquired twice.
#[test]
fn a_shard_that_is_acquired_twice_sends_each_event_once() {
    let (mut rig, application, [one, two]) = rig();
    let first = rig.event(application);
    let input = rig.acquire(application.shard);
    rig.turn(vec![input]);
    for endpoint in [one, two] {
        assert_eq!(in_flight(&mut rig, endpoint), [first], "on its way once");
    }
    rig.answer(OK);
    rig.answer(OK);
    let lost: Vec<_> = rig.sent.drain(..).collect();
    // What was in flight before is no result any more, and is sent again.
    assert_eq!(lost.len(), 2, "{lost:?}");
    for request in &lost {
        rig.done(request, OK);
    }
    let second = rig.event(application);
    let sent: Vec<_> = rig.sent.iter().map(|request| request.event.id).collect();
    assert_eq!(sent, [second, second], "once to each of the two");
}
