//! What is still in flight when an endpoint gets another URL, or is enabled again, tells of a receiver that is
//! no longer there, or was repaired since.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::Command,
        endpoint::EndpointState,
        endpoint_url::EndpointUrl,
        history::Name,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    store::Reads as _,
    time::Span,
};

use crate::support::{
    changes::{change_endpoint, unchanged},
    rig::{Rig, path},
};

const OK: OutcomeKind = OutcomeKind::Status(200);
const GONE: OutcomeKind = OutcomeKind::Status(410);

/// An endpoint with so many events.
fn rig(events: u64) -> (Rig, ApplicationKey, EndpointId) {
    let mut rig = Rig::new(Options::default());
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (id, _) = rig.endpoint(application, "old");
    for _ in 0..events {
        rig.event(application);
    }
    (rig, application, id)
}

/// The change that gives the endpoint another URL.
fn moved(rig: &Rig, application: ApplicationKey, id: EndpointId) -> Command {
    let mut update = unchanged(rig, (application, id));
    update.url = Some(EndpointUrl::parse("http://receiver.test/new").expect("valid"));
    Command::UpdateEndpoint(Box::new(update))
}

fn moves(rig: &mut Rig, application: ApplicationKey, id: EndpointId) {
    let change = moved(rig, application, id);
    let request = rig.command(change);
    assert!(matches!(rig.replies.get(&request), Some(Ok(_))));
}

fn is_enabled(rig: &mut Rig, application: ApplicationKey, id: EndpointId) -> bool {
    rig.advance(Span::from_millis(100));
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let found = found.expect("readable").expect("it is there");
    found.state == EndpointState::Enabled
}

#[test]
fn a_410_of_the_url_of_before_does_not_disable_the_endpoint_that_moved() {
    let (mut rig, application, id) = rig(2);
    let old = rig.sent.pop_front().expect("in flight");
    moves(&mut rig, application, id);
    rig.done(&old, GONE);
    assert!(is_enabled(&mut rig, application, id));
    // Nothing is lost: what the old receiver turned away is tried again, at the new one.
    let mut delivered = Vec::new();
    rig.advance(Span::from_seconds(10));
    while let Some(request) = rig.sent.pop_front() {
        assert_eq!(path(&request), "new");
        delivered.push(request.event.position.number());
        rig.done(&request, OK);
        rig.advance(Span::from_seconds(10));
    }
    delivered.sort_unstable();
    assert_eq!(delivered, [0, 1]);
    // The new one is gone as soon as it says so itself.
    rig.event(application);
    rig.answer(GONE);
    assert!(!is_enabled(&mut rig, application, id));
}

#[test]
fn a_410_that_comes_while_the_change_of_the_url_is_written_does_not_disable_the_endpoint() {
    let (mut rig, application, id) = rig(1);
    let old = rig.sent.pop_front().expect("in flight");
    let [change, late] = [(); 2].map(|()| moved(&rig, application, id));
    rig.hold_completions = true;
    rig.command(change);
    rig.done(&old, GONE);
    rig.hold_completions = false;
    rig.complete();
    assert!(is_enabled(&mut rig, application, id));

    // Where it comes too late to change anything, the next 410 counts.
    rig.command(late);
    rig.advance(Span::from_seconds(10));
    rig.answer(GONE);
    assert!(!is_enabled(&mut rig, application, id));
}

#[test]
fn a_410_of_before_does_not_disable_an_endpoint_that_was_enabled_again() {
    let (mut rig, application, id) = rig(1);
    let old = rig.sent.pop_front().expect("in flight");
    let enable = |rig: &mut Rig, is_enabled| {
        change_endpoint(rig, (application, id), |update| {
            update.is_enabled = is_enabled;
        });
    };
    enable(&mut rig, false);
    rig.advance(Span::from_millis(10));
    enable(&mut rig, true);
    rig.done(&old, GONE);
    assert!(is_enabled(&mut rig, application, id));
}

#[test]
fn successes_of_the_url_of_before_earn_no_window_at_the_new_one() {
    let (mut rig, application, id) = rig(40);
    while rig.sent.len() < 4 {
        rig.answer(OK);
    }
    let old: Vec<_> = rig.sent.drain(..).collect();
    moves(&mut rig, application, id);
    for request in &old {
        rig.done(request, OK);
    }
    let new: Vec<_> = rig.sent.iter().map(path).collect();
    assert_eq!(new, ["new"], "one at a time, until it has answered itself");
    rig.answer(OK);
    assert_eq!(rig.sent.len(), 2);
}
