//! What is asked again under the same key, at the level of the engine: answered, sent one time, and
//! in nobody's way.

use fanfare::{
    domain::{
        application::ApplicationKey,
        change::StoreMode,
        command::{Answer, Command, EndpointUpdate, Refusal, Reply, RequestHandle},
        filter::Filter,
        history::Name,
        id::Id,
        once::Once,
        outcome::OutcomeKind,
        secret::Secret,
    },
    engine::{io::Input, options::Options},
    limits,
    store::Reads,
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

#[test]
fn a_rotation_under_a_key_is_done_once_though_there_is_no_room_for_another() {
    let (mut rig, application) = rig();
    let (id, _) = rig.endpoint(application, "two");
    let rotate = |rig: &mut Rig, key, revision: Option<u32>| {
        let known = Reads::endpoint(&rig.store, application, &Name::Id(id.id()));
        let known = known.expect("readable").expect("it is there");
        let secret = Secret::new(vec![key; 32]).expect("a secret");
        let update = EndpointUpdate {
            application,
            endpoint: id,
            revision: revision.unwrap_or_else(|| known.revision()),
            url: None,
            uid: known.uid.clone(),
            filter: Filter::clone(&known.filter),
            headers: known.target.headers.clone(),
            is_enabled: true,
            throttle_rate: None,
            ordering: fanfare::domain::ordering::Ordering::default(),
            rotation: Some((secret, Span::from_seconds(1_000))),
            details: known.details.clone(),
        };
        let request = rig.command(once(key, 1, Command::UpdateEndpoint(Box::new(update))));
        (rig.replies[&request].clone(), known.revision())
    };
    let done = Ok(Answer::Endpoint { id, fresh: false });
    let again = Ok(Answer::Replayed { id: id.id() });
    assert_eq!(rotate(&mut rig, 1, None), (done.clone(), 1));
    assert_eq!(rotate(&mut rig, 2, None), (done, 2));
    let most = Err(Refusal::TooManySecrets);
    assert_eq!(rotate(&mut rig, 3, None), (most, 3));
    assert_eq!(rotate(&mut rig, 2, None), (again.clone(), 3));
    assert_eq!(rotate(&mut rig, 1, Some(1)), (again, 3));
    // No revision is ever zero.
    let stale = Err(Refusal::Stale);
    assert_eq!(rotate(&mut rig, 3, Some(0)), (stale.clone(), 3));
    let other = once(1, 2, Command::Recall(application.shard));
    let other = rig.command(other);
    assert_eq!(rig.replies[&other], Err(Refusal::KeyReused));
    let unknown = rig.command(once(9, 1, Command::Recall(application.shard)));
    assert_eq!(rig.replies[&unknown], stale);
}

#[test]
fn a62_who_made_the_last_endpoint_there_can_be_is_not_told_that_it_is_one_too_many() {
    let (mut rig, application) = rig();
    let last = limits::ENDPOINTS_PER_APPLICATION_MAX - 1;
    for number in 1..last {
        rig.endpoint(application, &number.to_string());
    }
    let make = || once(1, 1, new_endpoint(application, "last"));
    let first = rig.command(make());
    let Ok(Answer::Endpoint { id, fresh: true }) = rig.replies[&first] else {
        panic!("no endpoint: {:?}", rig.replies[&first]);
    };
    let again = rig.command(make());
    assert_eq!(rig.replies[&again], Ok(Answer::Replayed { id: id.id() }));
    let other = rig.command(once(2, 1, new_endpoint(application, "more")));
    assert_eq!(rig.replies[&other], Err(Refusal::TooManyEndpoints));
    // Where one goes there is room for one.
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint: id,
    });
    for (name, is_there) in [("more", true), ("beyond", false)] {
        let request = rig.command(new_endpoint(application, name));
        assert_eq!(rig.replies[&request].is_ok(), is_there, "{name}");
    }
}

#[test]
fn what_was_done_is_told_again_though_the_application_is_gone_when_it_is_asked() {
    let (mut rig, application) = rig();
    let known = rig.command(once(1, 1, new_event(application)));
    let (id, fresh) = accepted(&rig.replies[&known]);
    assert!(fresh);
    let delete = Command::DeleteApplication {
        application,
        revision: 1,
    };
    let deleted = rig.command(delete);
    assert!(rig.replies[&deleted].is_ok());
    // Who asks saw it while it was there.
    let again = rig.command(once(1, 1, new_event(application)));
    assert_eq!(accepted(&rig.replies[&again]), (id, false));
    let gone = Err(Refusal::UnknownApplication);
    let other = rig.command(once(2, 1, new_event(application)));
    assert_eq!(rig.replies[&other], gone);
    let bare = rig.command(new_event(application));
    assert_eq!(rig.replies[&bare], gone);
}
