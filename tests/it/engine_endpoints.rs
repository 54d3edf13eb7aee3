//! The engine while endpoints change and go, over the memory store.

use std::collections::BTreeSet;

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command, EndpointUpdate, Refusal},
        delivery::DeliveryState,
        endpoint::{DisabledReason, Endpoint, EndpointState},
        event::{Besides, EventPosition},
        filter::Filter,
        history::{HistoryQuery, Name, Order},
        id::{EndpointId, ShardId},
        outcome::OutcomeKind,
    },
    engine::{io::Input, options::Options},
    store::{Reads as _, Store as _},
    time::Span,
};

use crate::support::rig::{Rig, new_endpoint, new_event, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);
const GONE: OutcomeKind = OutcomeKind::Status(410);

/// A rig that pages through one row at a time.
fn rig() -> (Rig, ApplicationKey, EndpointId) {
    let options = Options {
        page_rows: 1,
        ..undaunted()
    };
    let mut rig = Rig::new(options);
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (endpoint, _) = rig.endpoint(application, "e");
    (rig, application, endpoint)
}

fn endpoint(rig: &Rig, application: ApplicationKey, id: EndpointId) -> Endpoint {
    let found = rig.store.endpoint(application, &Name::Id(id.id()));
    let found = found.expect("readable").expect("it is there");
    Endpoint::clone(&found)
}

/// The command that changes an endpoint from what the store has.
fn update(rig: &Rig, application: ApplicationKey, id: EndpointId) -> Box<EndpointUpdate> {
    let known = endpoint(rig, application, id);
    Box::new(EndpointUpdate {
        application,
        endpoint: id,
        revision: known.revision(),
        url: None,
        uid: known.uid.clone(),
        filter: Filter::clone(&known.filter),
        headers: known.target.headers.clone(),
        is_enabled: known.state == EndpointState::Enabled,
        throttle_rate: known.throttle_rate,
        ordering: fanfare::domain::ordering::Ordering::default(),
        rotation: None,
        details: known.details,
    })
}

fn delete(rig: &mut Rig, application: ApplicationKey, endpoint: EndpointId) -> u64 {
    rig.command(Command::DeleteEndpoint {
        application,
        endpoint,
    })
}

#[test]
fn the_open_rows_of_a_deleted_endpoint_are_taken_away_page_by_page() {
    let (mut rig, application, id) = rig();
    for _ in 0..20 {
        rig.event(application);
    }
    while !rig.sent.is_empty() {
        rig.answer(FAILED);
    }
    rig.advance(Span::from_seconds(1));
    assert_eq!(rig.store.counts().open_rows, 20);
    let request = delete(&mut rig, application, id);
    assert_eq!(
        rig.replies.get(&request),
        Some(&Ok(Answer::Endpoint { id, fresh: false }))
    );
    rig.advance(Span::from_seconds(100_000));
    assert!(rig.sent.is_empty(), "nothing more goes out");
    assert_eq!(rig.store.counts().open_rows, 0);
    let key = endpoint(&rig, application, id).key;
    for position in 0..20 {
        let state = rig.store.delivery(key, EventPosition::new(position));
        assert_eq!(state, Some(DeliveryState::Cancelled));
    }
    // An event no longer waits for it, so the store can let all of them go.
    assert_eq!(rig.store.counts().open.events, 0);
    let again = delete(&mut rig, application, id);
    assert_eq!(
        rig.replies.get(&again),
        Some(&Err(Refusal::UnknownEndpoint))
    );
}

#[test]
fn what_is_left_of_a_deleted_endpoint_is_taken_away_after_its_shard_was_built_again() {
    let (mut rig, application, id) = rig();
    for _ in 0..5 {
        rig.event(application);
    }
    while !rig.sent.is_empty() {
        rig.answer(FAILED);
    }
    rig.advance(Span::from_seconds(1));
    // The deletion is durable; the first batch that takes rows away fails.
    rig.hold_completions = true;
    delete(&mut rig, application, id);
    rig.hold_completions = false;
    rig.fail_commit_in = Some(0);
    rig.complete();
    rig.advance(Span::from_seconds(100_000));
    assert_eq!(rig.failed_after.len(), 1, "a batch failed");
    assert_eq!(rig.store.counts().open_rows, 0);
    assert!(rig.sent.is_empty());
}

#[test]
fn an_attempt_in_flight_when_its_endpoint_goes_is_the_last_one() {
    let (mut rig, application, id) = rig();
    rig.event(application);
    rig.event(application);
    let first = rig.sent.pop_front().expect("in flight");
    delete(&mut rig, application, id);
    rig.done(&first, FAILED);
    rig.advance(Span::from_seconds(100_000));
    assert!(rig.sent.is_empty());
    let key = endpoint(&rig, application, id).key;
    let state = |position| rig.store.delivery(key, EventPosition::new(position));
    assert_eq!(state(0), Some(DeliveryState::Exhausted));
    assert_eq!(state(1), Some(DeliveryState::Cancelled));
    assert_eq!(rig.store.counts().open_rows, 0);
}

#[test]
fn a_410_beside_a_change_disables_whichever_came_first() {
    for is_change_first in [true, false] {
        let (mut rig, application, id) = rig();
        rig.event(application);
        let flying = rig.sent.pop_front().expect("in flight");
        rig.hold_completions = true;
        let mut change = update(&rig, application, id);
        change.details = bytes::Bytes::from_static(b"{\"description\":\"new\"}");
        let change = Command::UpdateEndpoint(change);
        if is_change_first {
            rig.command(change);
            rig.done(&flying, GONE);
        } else {
            rig.done(&flying, GONE);
            let request = rig.command(change);
            assert_eq!(rig.replies.get(&request), Some(&Err(Refusal::Stale)));
        }
        rig.hold_completions = false;
        rig.complete();
        rig.advance(Span::from_seconds(1));
        let known = endpoint(&rig, application, id);
        assert_eq!(known.state, EndpointState::Disabled(DisabledReason::Gone));
        assert_eq!(known.details.is_empty(), !is_change_first);
        // The engine knows it as the store does: a change from what is stored is taken.
        let mut enable = update(&rig, application, id);
        enable.is_enabled = true;
        let request = rig.command(Command::UpdateEndpoint(enable));
        assert!(
            matches!(rig.replies.get(&request), Some(Ok(_))),
            "{is_change_first}"
        );
        rig.event(application);
        rig.advance(Span::from_seconds(10));
        assert!(!rig.sent.is_empty(), "it is enabled again");
    }
}

#[test]
fn a_changed_filter_is_for_events_of_later_even_after_the_shard_was_built_again() {
    let (mut rig, application, id) = rig();
    // A window of one: the first is in flight, the second waits in the ring.
    rig.event(application);
    rig.event(application);
    let mut change = update(&rig, application, id);
    change.filter.event_types = vec!["other".into()];
    rig.command(Command::UpdateEndpoint(change));
    rig.event(application);
    rig.fail_commit_in = Some(0);
    rig.answer(OK);
    rig.advance(Span::from_seconds(1));
    assert_eq!(rig.failed_after.len(), 1, "the shard was built again");
    let mut got = BTreeSet::new();
    while let Some(request) = rig.sent.pop_front() {
        got.insert(request.event.position.number());
        rig.done(&request, OK);
    }
    assert_eq!(got, BTreeSet::from([0, 1]), "the third is not for it");
    rig.advance(Span::from_seconds(5));
    let state = rig.recovered(application);
    assert_eq!(state.watermark, state.next_position);
}

/// The command that deletes an application as the store has it.
fn delete_application(rig: &Rig, application: ApplicationKey) -> Command {
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: 100,
    };
    let all = rig.store.applications(query).expect("readable");
    let known = all.iter().find(|known| known.key == application);
    Command::DeleteApplication {
        application,
        revision: known.expect("it is there").revision,
    }
}

#[test]
fn nothing_of_a_deleted_application_goes_out_even_if_the_process_ends_in_between() {
    for fails in [false, true] {
        let (mut rig, _, _) = rig();
        let application = rig.application("gone");
        let ids: Vec<EndpointId> = ["a", "b", "c"]
            .iter()
            .map(|name| rig.endpoint(application, name).0)
            .collect();
        for _ in 0..3 {
            rig.event(application);
        }
        rig.answer(FAILED);
        rig.advance(Span::from_seconds(1));
        // The directory's batch is the first, and the endpoints' the second.
        rig.fail_commit_in = fails.then_some(1);
        let request = rig.command(delete_application(&rig, application));
        assert!(matches!(rig.replies.get(&request), Some(Ok(_))));
        while let Some(flying) = rig.sent.pop_front() {
            rig.done(&flying, FAILED);
        }
        rig.advance(Span::from_seconds(100_000));
        assert_eq!(rig.failed_after.len(), usize::from(fails));
        assert!(rig.sent.is_empty());
        assert_eq!(rig.store.counts().open_rows, 0);
        for id in ids {
            assert_eq!(
                endpoint(&rig, application, id).state,
                EndpointState::Deleted
            );
        }
        let refused = rig.command(new_event(application));
        let unknown = Err(Refusal::UnknownApplication);
        assert_eq!(rig.replies.get(&refused), Some(&unknown));
        let refused = rig.command(Command::DeleteApplication {
            application,
            revision: 2,
        });
        assert_eq!(rig.replies.get(&refused), Some(&unknown));
    }
}

#[test]
fn an_endpoint_that_is_on_its_way_when_its_application_goes_is_deleted_with_it() {
    let (mut rig, _, _) = rig();
    let application = rig.application("gone");
    rig.hold_completions = true;
    let delete = delete_application(&rig, application);
    rig.command(delete);
    rig.command(new_endpoint(application, "late"));
    rig.hold_completions = false;
    rig.complete();
    rig.advance(Span::from_seconds(1));
    let late = rig.store.endpoints(application, 0, 9).expect("readable");
    let states: Vec<EndpointState> = late.iter().map(|it| it.state).collect();
    assert_eq!(states, [EndpointState::Deleted]);
}

#[test]
fn an_event_for_one_endpoint_goes_there_alone_also_after_the_shard_was_lost() {
    let (mut rig, application, _) = rig();
    let (other, _) = rig.endpoint(application, "other");
    let mut change = update(&rig, application, other);
    change.filter.event_types = vec!["never".into()];
    rig.command(Command::UpdateEndpoint(change));
    let only_to = Some(endpoint(&rig, application, other).key.ordinal);
    let Command::AcceptEvent(mut event) = new_event(application) else {
        panic!("another command");
    };
    event.besides = Besides {
        only_to,
        ..Besides::default()
    };
    rig.command(Command::AcceptEvent(event));
    assert_eq!(rig.flying(), ["other"]);
    let shard = ShardId::new(1);
    rig.turn(vec![Input::ShardLost(shard)]);
    let (epoch, state) = rig.store.acquire(shard).expect("it is there");
    let acquired = Input::ShardAcquired(shard, epoch, Box::new(state));
    rig.turn(vec![acquired]);
    // Nobody asks any more what became of the first one.
    rig.answer(FAILED);
    assert_eq!(rig.flying(), ["other"]);
    rig.answer(OK);
    rig.advance(Span::from_seconds(100_000));
    assert!(rig.sent.is_empty(), "and then never more");
    assert_eq!(rig.sent_count, 2);
}
