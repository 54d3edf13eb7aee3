//! What is asked again under the same key, at the level of the engine: answered, sent one time, and
//! in nobody's way.

use fanfare::{
    domain::{
        application::ApplicationKey,
        change::StoreMode,
        command::{Answer, Command, Refusal, Reply, RequestHandle},
        id::Id,
        once::Once,
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options},
    time::Span,
};

use crate::support::rig::{Rig, new_endpoint, new_event};

fn rig() -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(Options::default());
    let application = rig.application("a");
    rig.endpoint(application, "one");
    (rig, application)
}

fn once(key: u8, body: u8, command: Command) -> Command {
    let once = Once {
        key_sha256: [key; 32],
        body_sha256: [body; 32],
    };
    Command::Once(once, Box::new(command))
}

/// The id of an event that was accepted, now or before, and whether it was now.
fn accepted(reply: &Reply) -> (Id, bool) {
    match reply {
        Ok(Answer::Event { id, .. }) => (id.id(), true),
        Ok(Answer::Replayed { id }) => (*id, false),
        other => panic!("not accepted: {other:?}"),
    }
}

#[test]
fn twins_in_one_turn_and_later_ones_are_one_event_that_is_sent_one_time() {
    let (mut rig, application) = rig();
    let twins = (900..910).map(|request| {
        let command = once(1, 1, new_event(application));
        Input::Command(RequestHandle::new(request), command)
    });
    rig.turn(twins.collect());
    let (id, fresh) = accepted(&rig.replies[&900]);
    assert!(fresh);
    for request in 901..910 {
        assert_eq!(accepted(&rig.replies[&request]), (id, false));
    }
    let late = rig.command(once(1, 1, new_event(application)));
    assert_eq!(accepted(&rig.replies[&late]), (id, false));
    let other = rig.command(once(1, 2, new_event(application)));
    assert_eq!(rig.replies[&other], Err(Refusal::KeyReused));
    assert_eq!(rig.flying(), ["one"]);
    rig.answer(OutcomeKind::Status(200));
    // What was not written keeps nobody behind it waiting.
    rig.event(application);
    assert_eq!(rig.flying(), ["one"]);
    rig.answer(OutcomeKind::Status(200));
    rig.advance(Span::from_seconds(100_000));
    assert!(rig.sent.is_empty());
    assert_eq!(rig.engine.stats().succeeded, 2);
    assert_eq!(rig.store.counts().ended.events, 2);
}

#[test]
fn a_request_that_was_refused_or_lost_in_the_commit_leaves_its_key_free() {
    let (mut rig, application) = rig();
    rig.turn(vec![Input::StoreMode(StoreMode::Reserve)]);
    let refused = rig.command(once(1, 1, new_event(application)));
    assert_eq!(rig.replies[&refused], Err(Refusal::DiskFull));
    rig.turn(vec![Input::StoreMode(StoreMode::Normal)]);
    rig.fail_commit_in = Some(0);
    let lost = rig.command(once(1, 1, new_event(application)));
    assert_eq!(rig.replies[&lost], Err(Refusal::Unknown));
    let again = rig.command(once(1, 1, new_event(application)));
    assert!(accepted(&rig.replies[&again]).1);
    let endpoint = rig.command(once(2, 1, new_endpoint(application, "two")));
    let twin = rig.command(once(2, 1, new_endpoint(application, "two")));
    let Ok(Answer::Endpoint { id, fresh: true }) = rig.replies[&endpoint] else {
        panic!("no endpoint: {:?}", rig.replies[&endpoint]);
    };
    assert_eq!(rig.replies[&twin], Ok(Answer::Replayed { id: id.id() }));
}
