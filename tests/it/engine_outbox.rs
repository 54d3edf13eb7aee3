//! Operational events: what happens is told once, to the application that was chosen, whatever is lost
//! on the way. Over the memory store.

use fanfare::{
    domain::{
        application::ApplicationKey,
        command::{Answer, Command, EndpointUpdate, RequestHandle},
        endpoint::EndpointState,
        event::EventPosition,
        filter::Filter,
        id::{EndpointId, ShardId},
        outcome::OutcomeKind,
        page::ShardState,
    },
    engine::{io::Input, options::Options},
    limits,
    policy::retry::RetryPolicy,
    store::{Store as _, memory::MemoryOptions},
    time::Span,
};

use crate::support::rig::{Rig, new_endpoint, new_event, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const GONE: OutcomeKind = OutcomeKind::Status(410);
/// Long enough for what is gathered to be written.
const MOMENT: Span = Span::from_millis(50);

fn options(waits: usize) -> Options {
    Options {
        operational: Some("operations".into()),
        retry: RetryPolicy {
            waits: vec![Span::from_seconds(1); waits],
            ..RetryPolicy::default()
        },
        ..undaunted()
    }
}

/// The application that is told, and one of which it is told.
fn world(waits: usize) -> (Rig, ApplicationKey, ApplicationKey) {
    let mut rig = Rig::new(options(waits));
    let operations = rig.application("operations");
    let customer = rig.application("customer");
    (rig, operations, customer)
}

/// The types of what was told so far, in order.
fn told(rig: &Rig, operations: ApplicationKey) -> Vec<String> {
    // A place stays empty where an event was known already.
    let places = (0..64).map(EventPosition::new);
    let events = places.filter_map(|place| rig.store.event(operations, place));
    events.map(|event| event.event_type.to_string()).collect()
}

/// How many rows the store holds of what is still to be told.
fn waiting(rig: &mut Rig) -> usize {
    match rig.store.acquire(ShardId::new(1)) {
        Ok((_, ShardState::Data { outbox, .. })) => outbox.len(),
        other => panic!("no data shard: {other:?}"),
    }
}

fn update(rig: &mut Rig, customer: ApplicationKey, endpoint: EndpointId, revision: u32) -> u64 {
    let Command::CreateEndpoint(new) = new_endpoint(customer, "changed") else {
        unreachable!("it creates one");
    };
    rig.command(Command::UpdateEndpoint(Box::new(EndpointUpdate {
        application: customer,
        endpoint,
        revision,
        url: Some(new.url),
        uid: None,
        filter: Filter::default(),
        headers: Vec::new(),
        is_enabled: true,
        throttle_rate: None,
        ordering: fanfare::domain::ordering::Ordering::default(),
        rotation: None,
        details: new.details,
    })))
}

#[test]
fn each_change_of_an_endpoint_is_told_once_and_one_that_was_not_made_is_not() {
    let (mut rig, operations, customer) = world(1);
    let (endpoint, _) = rig.endpoint(customer, "e");
    rig.endpoint(customer, "e");
    assert_eq!(
        told(&rig, operations),
        ["endpoint.created"],
        "the second one was known"
    );
    update(&mut rig, customer, endpoint, 1);
    let stale = update(&mut rig, customer, endpoint, 1);
    assert!(rig.replies[&stale].is_err());
    rig.command(Command::DeleteEndpoint {
        application: customer,
        endpoint,
    });
    let all = ["endpoint.created", "endpoint.updated", "endpoint.deleted"];
    assert_eq!(told(&rig, operations), all);
    rig.advance(MOMENT);
    assert_eq!(waiting(&mut rig), 0, "who was told needs no row");
}

#[test]
fn two_deletions_of_one_endpoint_at_once_are_told_as_one() {
    let (mut rig, operations, customer) = world(1);
    let (endpoint, _) = rig.endpoint(customer, "e");
    let delete = |request| {
        let command = Command::DeleteEndpoint {
            application: customer,
            endpoint,
        };
        Input::Command(RequestHandle::new(request), command)
    };
    rig.turn(vec![delete(901), delete(902)]);
    assert!(rig.replies[&901].is_ok() && rig.replies[&902].is_ok());
    assert_eq!(
        told(&rig, operations),
        ["endpoint.created", "endpoint.deleted"]
    );
}

#[test]
fn a_delivery_is_told_failing_once_then_recovered_or_exhausted() {
    let (mut rig, operations, customer) = world(5);
    rig.endpoint(customer, "e");
    rig.event(customer);
    for failures in 1..=5 {
        rig.answer(FAILED);
        rig.advance(Span::from_seconds(2));
        let expected: &[&str] = match failures {
            4.. => &["endpoint.created", "message.attempt.failing"],
            _ => &["endpoint.created"],
        };
        assert_eq!(told(&rig, operations), expected, "after {failures}");
    }
    rig.answer(OK);
    rig.advance(MOMENT);
    assert_eq!(
        told(&rig, operations).last().map(String::as_str),
        Some("message.attempt.recovered")
    );
    rig.event(customer);
    for _ in 1..=6 {
        rig.answer(FAILED);
        rig.advance(Span::from_seconds(2));
    }
    let last_two = told(&rig, operations).split_off(3);
    assert_eq!(
        last_two,
        ["message.attempt.failing", "message.attempt.exhausted"]
    );
    rig.event(customer);
    rig.answer(OK);
    rig.advance(MOMENT);
    assert_eq!(
        told(&rig, operations).len(),
        5,
        "a first success is no news"
    );
}

#[test]
fn an_endpoint_that_says_it_is_gone_is_told_disabled() {
    let (mut rig, operations, customer) = world(0);
    rig.endpoint(customer, "e");
    rig.event(customer);
    rig.answer(GONE);
    rig.advance(MOMENT);
    let all = told(&rig, operations);
    assert!(all.contains(&"endpoint.disabled".to_owned()), "{all:?}");
    let (endpoint, fresh) = rig.endpoint(customer, "e");
    assert!(!fresh, "it was registered again, which enables it");
    assert_eq!(
        told(&rig, operations).last().map(String::as_str),
        Some("endpoint.updated")
    );
    let state = rig.recovered(customer);
    let known = state
        .endpoints
        .iter()
        .find(|known| known.endpoint.id == endpoint);
    assert_eq!(
        known.map(|known| known.endpoint.state),
        Some(EndpointState::Enabled)
    );
}

#[test]
fn what_happens_where_it_is_told_is_not_told() {
    let (mut rig, operations, _) = world(1);
    rig.endpoint(operations, "e");
    rig.event(operations);
    for _ in 0..2 {
        rig.answer(FAILED);
        rig.advance(Span::from_seconds(2));
    }
    assert_eq!(
        told(&rig, operations).len(),
        1,
        "the event itself, and nothing about it"
    );
}

#[test]
fn without_an_application_for_them_nothing_is_written() {
    let mut rig = Rig::new(Options::default());
    let customer = rig.application("customer");
    rig.application("operations");
    rig.endpoint(customer, "e");
    rig.advance(MOMENT);
    assert_eq!(waiting(&mut rig), 0);
}

#[test]
fn they_wait_until_their_application_is_made() {
    let mut rig = Rig::new(options(1));
    let customer = rig.application("customer");
    rig.endpoint(customer, "e");
    rig.endpoint(customer, "f");
    rig.advance(MOMENT);
    rig.lose_shard();
    let operations = rig.application("operations");
    assert_eq!(told(&rig, operations), ["endpoint.created"; 2]);
    rig.advance(MOMENT);
    assert_eq!(waiting(&mut rig), 0);
}

#[test]
fn a_shard_that_is_lost_at_any_batch_tells_each_once() {
    for lost_at in 0..10 {
        let (mut rig, operations, customer) = world(0);
        rig.fail_commit_in = Some(lost_at);
        let mut made = 0;
        for name in ["a", "b", "c"] {
            let request = rig.command(new_endpoint(customer, name));
            made += usize::from(rig.replies[&request].is_ok());
            rig.advance(MOMENT);
        }
        rig.command(new_event(customer));
        while !rig.sent.is_empty() {
            rig.answer(FAILED);
            rig.advance(MOMENT);
        }
        rig.advance(MOMENT);
        let all = told(&rig, operations);
        let count = |kind: &str| all.iter().filter(|told| *told == kind).count();
        let known = rig.recovered(customer).endpoints.len();
        assert_eq!(
            count("endpoint.created"),
            known,
            "lost at {lost_at}: {all:?}"
        );
        assert!(known >= made, "lost at {lost_at}");
        let exhausted = rig.store.attempts(customer, EventPosition::new(0)).len();
        assert_eq!(
            count("message.attempt.exhausted"),
            exhausted,
            "lost at {lost_at}"
        );
        assert_eq!(waiting(&mut rig), 0, "lost at {lost_at}");
    }
}

#[test]
fn a_loss_between_the_two_batches_tells_nothing_twice() {
    let (mut rig, operations, customer) = world(0);
    rig.hold_completions = true;
    rig.command(new_endpoint(customer, "e"));
    // The endpoint is durable; the event about it is submitted and durable, but nobody has heard.
    rig.complete();
    rig.lose_shard();
    rig.hold_completions = false;
    rig.complete();
    rig.advance(MOMENT);
    assert_eq!(told(&rig, operations), ["endpoint.created"]);
    assert_eq!(waiting(&mut rig), 0);
}

#[test]
fn what_found_no_room_is_told_when_there_is_some() {
    let store = MemoryOptions {
        events_max: 1,
        ..MemoryOptions::default()
    };
    let mut rig = Rig::with_store(options(0), store);
    let operations = rig.application("operations");
    let customer = rig.application("customer");
    rig.endpoint(customer, "e");
    rig.advance(MOMENT);
    rig.event(customer);
    // One open event fills the store, so that this one finds no room.
    rig.endpoint(customer, "f");
    rig.advance(Span::from_seconds(1));
    let newest = |rig: &Rig| {
        let places = (0..64).map(EventPosition::new);
        let mut kept = places.filter(|place| rig.store.event(operations, *place).is_some());
        kept.next_back()
    };
    assert_eq!(newest(&rig), Some(EventPosition::new(0)));
    rig.answer(OK);
    rig.advance(Span::from_millis(limits::OUTBOX_PAUSE_MS + 1_000));
    assert!(newest(&rig) > Some(EventPosition::new(1)));
    assert_eq!(waiting(&mut rig), 0);
    assert_eq!(rig.engine.stats().operational_dropped, 0);
}

#[test]
fn an_attempt_that_ends_after_its_endpoint_is_deleted_is_no_news() {
    let (mut rig, operations, customer) = world(0);
    let (endpoint, _) = rig.endpoint(customer, "e");
    rig.event(customer);
    rig.command(Command::DeleteEndpoint {
        application: customer,
        endpoint,
    });
    rig.answer(FAILED);
    rig.advance(MOMENT);
    let all = ["endpoint.created", "endpoint.deleted"];
    assert_eq!(told(&rig, operations), all);
}

#[test]
fn only_so_many_wait_and_what_is_beyond_is_counted_and_not_told() {
    const BEYOND: usize = 3;
    let mut rig = Rig::new(options(0));
    let customers = [rig.application("customer"), rig.application("another")];
    let names: Vec<String> = (0..limits::OUTBOX_ROWS_MAX + BEYOND)
        .map(|number| format!("e{number}"))
        .collect();
    let mut request = 1_000_000;
    for (turn, names) in names.chunks(1_000).enumerate() {
        let commands = names.iter().map(|name| {
            request += 1;
            let command = new_endpoint(customers[turn % 2], name);
            Input::Command(RequestHandle::new(request), command)
        });
        let commands = commands.collect();
        rig.turn(commands);
    }
    let (made, all) = (rig.replies.values(), names.len());
    let made = made.filter(|reply| matches!(reply, Ok(Answer::Endpoint { .. })));
    assert_eq!(made.count(), all, "the endpoints themselves are made");
    assert_eq!(rig.engine.stats().operational_dropped, BEYOND as u64);
    assert_eq!(waiting(&mut rig), limits::OUTBOX_ROWS_MAX);
}
