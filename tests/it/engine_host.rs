//! Budgets of hosts: what all endpoints on one host have in flight together, who waits for it, and that
//! nothing else does.

use std::sync::Arc;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        attempt::{AttemptRequest, Holder},
        command::{Answer, Command, NewEndpoint, NewEvent},
        endpoint::EndpointKey,
        endpoint_url::EndpointUrl,
        event::EventPosition,
        filter::Filter,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options},
    time::{Now, Span},
};

use crate::support::{
    changes::change_endpoint,
    rig::{Rig, new_endpoint, new_event, path, undaunted},
};

const OK: OutcomeKind = OutcomeKind::Status(200);
const DOWN: OutcomeKind = OutcomeKind::Refused;

fn rig_with(host_window_max: u16) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(Options {
        host_window_max,
        ..undaunted()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    (rig, application)
}

/// An endpoint with this URL that wants everything, or only what comes by this channel.
fn endpoint_at(
    rig: &mut Rig,
    application: ApplicationKey,
    url: &str,
    channel: Option<&str>,
) -> EndpointId {
    let Command::CreateEndpoint(new) = new_endpoint(application, url) else {
        panic!("a new endpoint");
    };
    let request = rig.command(Command::CreateEndpoint(Box::new(NewEndpoint {
        url: EndpointUrl::parse(url).expect("valid"),
        original_url_sha256: None,
        filter: Filter {
            channels: channel.into_iter().map(Into::into).collect(),
            ..Filter::default()
        },
        ..*new
    })));
    match rig.replies.get(&request) {
        Some(Ok(Answer::Endpoint { id, .. })) => *id,
        other => panic!("no endpoint: {other:?}"),
    }
}

/// So many endpoints of an application on one host, each named by its number.
fn endpoints(rig: &mut Rig, application: ApplicationKey, count: usize) -> Vec<EndpointId> {
    let mut endpoint = |number| {
        let url = format!("https://shared.test/{number}");
        endpoint_at(rig, application, &url, None)
    };
    (0..count).map(&mut endpoint).collect()
}

/// Endpoints on one host that has room for one attempt, each of which wants what comes by the channel of its name;
/// the two newest events stay in memory.
fn of_channels(names: &[&str]) -> (Rig, ApplicationKey) {
    let mut rig = Rig::new(Options {
        host_window_max: 1,
        ring_events_max: 2,
        ..undaunted()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    for name in names {
        let url = format!("https://shared.test/{name}");
        endpoint_at(&mut rig, application, &url, Some(name));
    }
    (rig, application)
}

/// Accepts an event that goes to who wants this channel.
fn event_to(rig: &mut Rig, application: ApplicationKey, channel: &str) {
    let Command::AcceptEvent(new) = new_event(application) else {
        panic!("a new event");
    };
    rig.command(Command::AcceptEvent(Box::new(NewEvent {
        channels: vec![channel.into()],
        ..*new
    })));
}

/// Changes an endpoint: where it is, and whether it is enabled.
fn change(
    rig: &mut Rig,
    application: ApplicationKey,
    endpoint: EndpointId,
    (url, is_enabled): (&str, bool),
) {
    change_endpoint(rig, (application, endpoint), |update| {
        update.url = Some(EndpointUrl::parse(url).expect("valid"));
        update.is_enabled = is_enabled;
    });
}

fn hosts(rig: &Rig) -> usize {
    rig.engine.holdings().hosts
}

/// Answers all that is in flight to the shared host and what follows; tells to whom it went, in turn.
fn drain(rig: &mut Rig) -> Vec<String> {
    let mut answered = Vec::new();
    while !rig.sent.is_empty() {
        answered.push(path(&rig.answer(OK)));
    }
    answered
}

#[test]
fn a_thousand_endpoints_on_one_host_share_what_it_gets_at_once() {
    let (mut rig, application) = rig_with(512);
    endpoints(&mut rig, application, 1_000);
    rig.event(application);
    assert_eq!(rig.sent.len(), 16);
    assert_eq!(rig.engine.stats().hosts_full, 1);
    for _ in 0..16 {
        rig.answer(OK);
    }
    assert_eq!(rig.sent.len(), 17, "a budget of successes earned one more");
    let rest = drain(&mut rig);
    assert_eq!(rest.len(), 1_000 - 16);
    assert_eq!(rig.engine.stats().succeeded, 1_000);
    assert_eq!(rig.engine.stats().hosts_full, 0);
}

#[test]
fn who_waits_has_its_turn_in_the_order_in_which_it_came_one_attempt_each() {
    let (mut rig, application) = rig_with(1);
    endpoints(&mut rig, application, 3);
    for _ in 0..3 {
        rig.event(application);
    }
    let order = drain(&mut rig);
    assert_eq!(order, ["0", "1", "2", "0", "1", "2", "0", "1", "2"]);
}

#[test]
fn a_host_that_fails_gets_eight_at_once_at_last_and_one_burst_halves_once() {
    let (mut rig, application) = rig_with(512);
    endpoints(&mut rig, application, 200);
    rig.event(application);
    let at_once = |rig: &mut Rig, kind| {
        let burst: Vec<AttemptRequest> = rig.sent.drain(..).collect();
        rig.now = Now::at(rig.now.steady.plus(Span::from_millis(1)));
        for request in &burst {
            rig.done(request, kind);
        }
        rig.sent.len()
    };
    while rig.sent.len() < 20 {
        at_once(&mut rig, OK);
    }
    let before = rig.sent.len();
    assert_eq!(at_once(&mut rig, DOWN), before / 2);
    at_once(&mut rig, DOWN);
    assert_eq!(rig.sent.len(), 8);
    at_once(&mut rig, DOWN);
    assert_eq!(rig.sent.len(), 8);
}

#[test]
fn other_hosts_of_the_application_wait_for_nobody() {
    let (mut rig, application) = rig_with(1);
    endpoints(&mut rig, application, 50);
    endpoint_at(&mut rig, application, "https://other.test/other", None);
    for _ in 0..20 {
        rig.event(application);
        let other = rig.sent.iter().position(|sent| path(sent) == "other");
        let other = other.and_then(|place| rig.sent.remove(place));
        rig.done(&other.expect("it goes out at once"), OK);
    }
    assert_eq!(rig.flying(), ["0"]);
}

#[test]
fn a_host_is_one_whatever_the_port_the_path_and_the_application() {
    let (mut rig, application) = rig_with(1);
    let other = rig.application("other");
    for (application, url) in [
        (application, "https://shared.test/a"),
        (application, "http://SHARED.test.:8080/b"),
        (other, "https://shared.test:8443/c"),
    ] {
        endpoint_at(&mut rig, application, url, None);
    }
    for (application, url) in [
        (application, "https://192.0.2.7/d"),
        (other, "https://[::ffff:192.0.2.7]/e"),
    ] {
        endpoint_at(&mut rig, application, url, None);
    }
    assert_eq!(hosts(&rig), 2);
    rig.event(application);
    rig.event(other);
    assert_eq!(rig.flying(), ["a", "d"]);
    assert_eq!(rig.engine.stats().hosts_full, 2);
    let mut order = drain(&mut rig);
    order.sort_unstable();
    assert_eq!(order, ["a", "b", "c", "d", "e"]);
}

#[test]
fn who_is_disabled_moved_or_deleted_leaves_the_queue_and_holds_nobody_up() {
    let (mut rig, application) = rig_with(1);
    let ids = endpoints(&mut rig, application, 5);
    rig.event(application);
    assert_eq!(rig.flying(), ["0"]);
    change(
        &mut rig,
        application,
        ids[1],
        ("https://shared.test/1", false),
    );
    change(
        &mut rig,
        application,
        ids[2],
        ("https://moved.test/2", true),
    );
    assert_eq!(rig.flying(), ["0", "2"], "it stands in no queue any more");
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint: ids[3],
    });
    assert_eq!(path(&rig.answer(OK)), "0");
    assert_eq!(rig.flying(), ["2", "4"]);
    drain(&mut rig);
    change(
        &mut rig,
        application,
        ids[1],
        ("https://shared.test/1", true),
    );
    assert_eq!(drain(&mut rig), ["1"], "what it held goes on");
    for endpoint in [ids[0], ids[1], ids[2], ids[4]] {
        assert!(hosts(&rig) > 0);
        rig.command(Command::DeleteEndpoint {
            application,
            endpoint,
        });
    }
    assert_eq!(hosts(&rig), 0, "nothing is left behind");
}

#[test]
fn what_is_in_flight_from_before_a_shard_was_lost_counts_until_it_ends() {
    let (mut rig, application) = rig_with(2);
    endpoints(&mut rig, application, 5);
    rig.event(application);
    assert_eq!(rig.flying(), ["0", "1"]);
    let lost: Vec<AttemptRequest> = rig.sent.drain(..).collect();
    let shard = application.shard;
    rig.turn(vec![Input::ShardLost(shard)]);
    assert_eq!(hosts(&rig), 1, "it is there for what is in flight");
    let acquired = rig.acquire(shard);
    rig.turn(vec![acquired]);
    assert!(rig.sent.is_empty(), "{:?}", rig.flying());
    for request in &lost {
        rig.done(request, OK);
    }
    assert_eq!(rig.sent.len(), 2);
    assert_eq!(drain(&mut rig).len(), 5);
    rig.turn(vec![Input::ShardLost(shard)]);
    assert_eq!(hosts(&rig), 0, "nothing is left behind");
}

#[test]
fn what_is_asked_for_by_hand_waits_for_the_host_too() {
    let (mut rig, application) = rig_with(1);
    let ids = endpoints(&mut rig, application, 2);
    rig.event(application);
    let event = Arc::clone(&rig.sent.front().expect("the first").event);
    drain(&mut rig);
    rig.event(application);
    assert_eq!(path(&rig.answer(OK)), "0");
    assert_eq!(rig.flying(), ["1"]);
    let request = rig.command(Command::Resend {
        endpoint: ids[0],
        event,
        attempts: 1,
    });
    assert!(matches!(
        rig.replies.get(&request),
        Some(Ok(Answer::Resend))
    ));
    assert_eq!(rig.flying(), ["1"]);
    rig.answer(OK);
    let by_hand = rig.sent.front().expect("its turn came");
    assert!(by_hand.is_by_hand);
}

#[test]
fn what_waited_for_its_host_says_so_and_so_does_the_present() {
    let (mut rig, application) = rig_with(1);
    endpoints(&mut rig, application, 2);
    rig.event(application);
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
    assert_eq!(present.held_by, Some(Holder::Host));
    rig.advance(Span::from_millis(500));
    drain(&mut rig);
    rig.advance(Span::from_millis(100));
    let records = rig.store.attempts(application, EventPosition::new(0));
    let held: Vec<Option<Holder>> = records.iter().map(|one| one.timing.held_by).collect();
    assert_eq!(held, [None, Some(Holder::Host)]);
}

#[test]
fn who_finds_nothing_to_send_in_its_turn_leaves_the_room_to_the_next() {
    let (mut rig, application) = rig_with(1);
    for (name, channel) in [("a", "first"), ("b", "first"), ("c", "second")] {
        let url = format!("https://shared.test/{name}");
        endpoint_at(&mut rig, application, &url, Some(channel));
    }
    event_to(&mut rig, application, "first");
    event_to(&mut rig, application, "second");
    rig.command(Command::Expunge {
        application,
        position: EventPosition::new(0),
        attempt: None,
    });
    assert_eq!(rig.flying(), ["a"]);
    rig.answer(OK);
    assert_eq!(rig.flying(), ["c"]);
}

#[test]
fn a_budget_grows_by_what_succeeds_while_others_wait_and_by_nothing_else() {
    let (mut rig, application) = rig_with(512);
    endpoints(&mut rig, application, 1);
    for _ in 0..100 {
        rig.event(application);
        rig.answer(OK);
    }
    let channel = Some("many");
    for number in 0..40 {
        let url = format!("https://shared.test/many/{number}");
        endpoint_at(&mut rig, application, &url, channel);
    }
    event_to(&mut rig, application, "many");
    assert_eq!(rig.sent.len(), 16, "as at first: nobody had waited");
}

#[test]
fn who_has_its_events_loaded_keeps_its_place() {
    let (mut rig, application) = of_channels(&["a", "b", "c", "d"]);
    // The event of `b` is in memory no more when its turn comes, those of `c` and `d` are.
    for name in ["a", "b", "nobody", "nobody", "c", "d"] {
        event_to(&mut rig, application, name);
    }
    rig.hold_completions = true;
    assert_eq!(path(&rig.answer(OK)), "a");
    assert_eq!(rig.flying(), ["c"], "it needs no page");
    rig.hold_completions = false;
    rig.complete();
    assert_eq!(drain(&mut rig), ["c", "b", "d"]);
}

#[test]
fn who_finds_nothing_in_what_was_loaded_waits_behind_those_who_came_meanwhile() {
    let (mut rig, application) = of_channels(&["a", "b", "c"]);
    event_to(&mut rig, application, "a");
    event_to(&mut rig, application, "b");
    for _ in 0..5 {
        event_to(&mut rig, application, "nobody");
    }
    rig.command(Command::Expunge {
        application,
        position: EventPosition::new(1),
        attempt: None,
    });
    // It is its turn, and what it waited with is read again and found to be gone.
    assert_eq!(drain(&mut rig), ["a"]);
    event_to(&mut rig, application, "a");
    event_to(&mut rig, application, "c");
    event_to(&mut rig, application, "b");
    assert_eq!(drain(&mut rig), ["a", "c", "b"]);
}

#[test]
fn an_application_that_has_all_its_slots_keeps_no_room_of_a_host_from_others() {
    let mut rig = Rig::new(Options {
        host_window_max: 1,
        send_slots: 4,
        ..undaunted()
    });
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let other = rig.application("other");
    endpoint_at(&mut rig, other, "https://shared.test/first", None);
    rig.event(other);
    // Waits for the first one, and then its application has its three slots.
    endpoint_at(&mut rig, application, "https://shared.test/crowded", None);
    rig.event(application);
    endpoint_at(
        &mut rig,
        other,
        "https://shared.test/second",
        Some("second"),
    );
    event_to(&mut rig, other, "second");
    for number in 0..3 {
        let (url, channel) = (format!("https://slow-{number}.test/slow"), "slow");
        endpoint_at(&mut rig, application, &url, Some(channel));
    }
    // They are known to answer soon, as long as they are asked one by one.
    event_to(&mut rig, application, "slow");
    while let Some(request) = rig.sent.iter().find(|sent| path(sent) == "slow").cloned() {
        rig.sent.retain(|sent| sent.attempt != request.attempt);
        rig.done(&request, OK);
    }
    let shared = endpoint_at(
        &mut rig,
        application,
        "https://shared.test/deaf",
        Some("deaf"),
    );
    assert_ne!(shared, EndpointId::default());
    event_to(&mut rig, application, "slow");
    assert_eq!(rig.flying(), ["first", "slow", "slow", "slow"]);
    assert_eq!(path(&rig.answer(OK)), "first");
    let last = rig.flying().pop();
    assert!(
        matches!(last.as_deref(), Some("first" | "second")),
        "the crowded one stands before it and can't go: {:?}",
        rig.flying()
    );
}
