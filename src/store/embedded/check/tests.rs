//! Each rule of the check, shown on a store in which it alone is broken.

use std::sync::Arc;

use bytes::Bytes;

use super::check;
use crate::{
    domain::{
        application::{Application, ApplicationKey, Registration},
        attempt::{AttemptRecord, AttemptResult, Timing, Trigger},
        change::{Batch, BatchHandle, Change, UniqueKey},
        delivery::{LaneRow, OpenDelivery},
        endpoint::{BodyFormat, Endpoint, EndpointKey, EndpointState, Subscription, Target},
        endpoint_url::EndpointUrl,
        event::{Besides, Event, EventPosition, JSON, Payload},
        id::{ApplicationId, AttemptId, EndpointId, EventId, Id, ShardId, TaskId},
        outbox::OutboxRow,
        outcome::OutcomeKind,
        secret::Secret,
        task::{Selection, Task, TaskState},
    },
    limits,
    store::{
        Completion, Store as _,
        embedded::{
            EmbeddedOptions, EmbeddedStore, blocks,
            check::CheckReport,
            fault::Fault,
            file, keys, lane_row,
            memory::{span, span_of_bucket},
            names,
            offline::{Progress, Unseen},
            outbox,
            rows::{self, BucketRow, OpenRow, ProgressRow, ShardRow},
            system_disk::SystemDisk,
            tables::{self, TableName, Writing},
            tasks,
        },
    },
    time::{Now, Span, Timestamp},
};

const APPLICATION: ApplicationKey = ApplicationKey {
    shard: ShardId::new(1),
    ordinal: 0,
};
const ENDPOINT: EndpointKey = EndpointKey {
    application: APPLICATION,
    ordinal: 0,
};
/// How many events there are; the first one waits for its second attempt.
const EVENTS: u64 = 3;

fn at(number: u64) -> EventPosition {
    EventPosition::new(number)
}

fn ms(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn application() -> Change {
    Change::PutApplication(Arc::new(Application {
        key: APPLICATION,
        id: ApplicationId::new(Id::from_value(1)),
        uid: Some("acme".into()),
        registration: Registration::default(),
        is_deleted: false,
        revision: 1,
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(1)),
    }))
}

fn endpoint() -> Change {
    let id = EndpointId::new(Id::from_value(2));
    Change::PutEndpoint {
        endpoint: Arc::new(Endpoint {
            key: ENDPOINT,
            id,
            uid: Some("billing".into()),
            original_url_sha256: None,
            filter: Arc::default(),
            target: Arc::new(Target {
                endpoint: ENDPOINT,
                id,
                revision: 1,
                url: EndpointUrl::parse("https://example.com/hook").expect("valid"),
                secret: Secret::new(vec![7; 32]).expect("valid"),
                older_secrets: Vec::new(),
                headers: Vec::new(),
                body_format: BodyFormat::Payload,
            }),
            state: EndpointState::Enabled,
            throttle_rate: None,
            ordering: crate::domain::ordering::Ordering::default(),
            subscriptions: vec![Subscription {
                from: at(0),
                until: None,
                filter: Arc::default(),
            }],
            registration: Bytes::new(),
            details: Bytes::new(),
            created_at: Now::at(ms(1)),
            updated_at: Now::at(ms(1)),
        }),
        unique: Some(UniqueKey::EndpointUid {
            application: APPLICATION,
            uid: "billing".into(),
        }),
    }
}

fn event(position: u64) -> Change {
    Change::PutEvent(Arc::new(Event {
        id: EventId::new(Id::from_value(10 + u128::from(position))),
        application: APPLICATION,
        position: at(position),
        uid: Some(format!("event-{position}").into()),
        event_type: "a.b".into(),
        channels: Vec::new(),
        payload: Payload {
            content_type: JSON.into(),
            bytes: Bytes::from_static(b"{\"a\":1}"),
        },
        accepted_at: ms(1),
        accepted_wall: ms(1),
        expires_at: ms(1_000_000),
        besides: None,
    }))
}

fn attempt(position: u64, result: AttemptResult) -> AttemptRecord {
    AttemptRecord {
        timing: Timing::default(),
        id: AttemptId::new(Id::from_value(20 + u128::from(position))),
        endpoint: ENDPOINT,
        position: at(position),
        trigger: Trigger::Schedule,
        number: 1,
        started_at: Now::at(ms(2)),
        duration: Span::from_millis(3),
        outcome: OutcomeKind::Status(200),
        resent: false,
        result,
        body: Bytes::new(),
    }
}

/// Writes a store with a row in every table but those of the index and of what expired.
fn write_store(disk: Arc<SystemDisk>) {
    let options = EmbeddedOptions {
        data_shards: 1,
        ..EmbeddedOptions::default()
    };
    let mut store = EmbeddedStore::open(disk, options).expect("it is made");
    let open = OpenDelivery {
        endpoint: ENDPOINT,
        due: ms(9_000),
        position: at(0),
        attempts: 1,
        event: EventId::default(),
        expires_at: ms(1_000_000),
        reopened_after: None,
    };
    let mut changes = vec![endpoint()];
    changes.extend((0..EVENTS).map(event));
    changes.push(Change::PutOpen(open));
    changes.push(Change::PutLane {
        endpoint: ENDPOINT,
        row: LaneRow {
            cursor: at(2),
            ..LaneRow::default()
        },
    });
    let attempts = vec![
        attempt(0, AttemptResult::RetryAt(ms(9_000))),
        attempt(1, AttemptResult::Succeeded),
    ];
    let shards = [
        (ShardId::DIRECTORY, vec![application()], Vec::new()),
        (APPLICATION.shard, changes, attempts),
    ];
    for (shard, changes, attempts) in shards {
        let (epoch, _) = store.acquire(shard).expect("it is there");
        store.submit(Box::new(Batch {
            handle: BatchHandle::new(1),
            shard,
            epoch,
            now: Now::at(ms(5)),
            changes,
            attempts,
            results: Vec::new(),
        }));
        let mut done = Vec::new();
        store.flush(&mut done).expect("the disk works");
        assert!(matches!(done.as_slice(), [Completion::Committed(_)]));
    }
}

/// The store after `change` was done to its rows, checked; and the file is as it was.
fn checked(change: impl FnOnce(&mut Writing<'_>) -> Result<(), Fault>) -> CheckReport {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let disk = Arc::new(SystemDisk::lock(folder.path()).expect("it is free"));
    write_store(Arc::clone(&disk));
    let opened = file::open(&*disk, 1).expect("it is there");
    let database = opened.database.database().expect("it is open");
    let transaction = tables::begin(database).expect("the disk works");
    let mut writing = Writing::new(&transaction);
    change(&mut writing).expect("the disk works");
    drop(writing);
    transaction.commit().expect("the disk works");
    drop(opened);
    let before = std::fs::read(disk.path(file::FILE)).expect("readable");
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let report = check(&*disk, &progress).expect("it is a store");
    let after = std::fs::read(disk.path(file::FILE)).expect("readable");
    assert!(before == after, "a check changes nothing");
    report
}

/// Breaks one rule and looks for what is said about it.
fn tells(part: &str, change: impl FnOnce(&mut Writing<'_>) -> Result<(), Fault>) {
    let report = checked(change);
    assert!(!report.is_clean, "{part}");
    assert_eq!(report.faults_count, report.faults.len() as u64);
    assert!(
        report.faults.iter().any(|fault| fault.contains(part)),
        "{part}: {report:?}"
    );
}

fn put<T: serde::Serialize>(
    writing: &mut Writing<'_>,
    name: TableName,
    key: &[u8],
    row: &T,
) -> Result<(), Fault> {
    writing.put(name, key, &rows::encode(row, Vec::new())?)
}

/// Writes a task of an endpoint that looks as far as this event.
fn put_task(
    writing: &mut Writing<'_>,
    id: u128,
    endpoint: EndpointKey,
    until: u64,
) -> Result<(), Fault> {
    let task = Task {
        id: TaskId::new(Id::from_value(id)),
        endpoint,
        endpoint_id: EndpointId::default(),
        selection: Selection::Failed,
        from: at(0),
        until: at(until),
        next: at(0),
        state: TaskState::Sending,
        total: 1,
        done: 0,
        created_at: Now::at(ms(1)),
        updated_at: Now::at(ms(1)),
    };
    let key = keys::task(task.id.id());
    writing.put(TableName::Tasks, &key, &tasks::row(&task)?)
}

#[test]
fn a_task_is_of_an_endpoint_and_looks_at_events_that_were_given_out() {
    let report = checked(|writing| put_task(writing, 1, ENDPOINT, EVENTS));
    assert!(report.is_clean, "{report:?}");
    tells("its id is beyond the last one", |writing| {
        put_task(writing, u128::MAX, ENDPOINT, EVENTS)
    });
    tells("looks beyond the newest event", |writing| {
        put_task(writing, 1, ENDPOINT, EVENTS + 1)
    });
    let other = EndpointKey {
        ordinal: 7,
        ..ENDPOINT
    };
    tells("is of an endpoint that is not there", |writing| {
        put_task(writing, 1, other, EVENTS)
    });
    tells("the row of a task", |writing| {
        let key = keys::task(Id::from_value(1));
        put(writing, TableName::Tasks, &key, &1_u8)
    });
}

#[test]
fn what_is_told_to_another_shard_has_an_id_that_was_given_out() {
    let row = |shard: u128, id: u128| OutboxRow {
        id: Id::from_value((shard << 64) | id),
        event_type: "endpoint.created".into(),
        payload: Bytes::from_static(b"{}"),
    };
    let put_row = |row: &OutboxRow, writing: &mut Writing<'_>| {
        let key = keys::outbox(row.id);
        writing.put(TableName::Outbox, &key, &outbox::value(row)?)
    };
    tells("an operational event, endpoint.created", |writing| {
        put_row(&row(1, 1 << 90), writing)
    });
    tells("a row of the outbox", |writing| {
        let key = keys::outbox(row(1, 1).id);
        put(writing, TableName::Outbox, &key, &1_u8)
    });
    tells("a row of the outbox", |writing| {
        let (of_one, of_two) = (row(1, 1), row(2, 1));
        let key = keys::outbox(of_one.id);
        let shard = keys::outbox(of_two.id);
        let mixed = [&shard[..2], &key[2..]].concat();
        writing.put(TableName::Outbox, &mixed, &outbox::value(&of_one)?)
    });
}

#[test]
fn a_whole_store_is_clean() {
    let report = checked(|_| Ok(()));
    assert!(report.is_clean, "{report:?}");
    assert_eq!(report.faults, Vec::<String>::new());
    assert!(report.rows > 20 && report.file_bytes > 8_192, "{report:?}");
}

#[test]
fn waiting_deliveries_stand_in_both_tables() {
    let retry = keys::retry(ENDPOINT, ms(9_000), at(0));
    let open = keys::delivery(ENDPOINT, at(0));
    tells("waits and its lane does not know", |writing| {
        writing.remove(TableName::Retry, &retry).map(drop)
    });
    tells(
        "of event 0 of application 1/0 that does not wait",
        |writing| writing.remove(TableName::Open, &open).map(drop),
    );
    tells("waits and its lane does not know", |writing| {
        let row = OpenRow {
            due: 1,
            attempts: 1,
        };
        put(writing, TableName::Open, &open, &row)
    });
    tells("waits and there is no such endpoint", |writing| {
        let key = keys::endpoint(ENDPOINT);
        writing.remove(TableName::Endpoints, &key).map(drop)
    });
    tells("waits and there is no such event", |writing| {
        let key = keys::event(APPLICATION, at(0));
        writing.remove(TableName::Events(0), &key).map(drop)
    });
    tells("bucket 0: 1 deliveries wait and it counts 2", |writing| {
        let row = BucketRow {
            open: 2,
            ..BucketRow::default()
        };
        put(writing, TableName::State, b"b\0\0\0\0", &row)
    });
    tells("is due before its event may be sent", |writing| {
        let Change::PutEvent(mut later) = event(0) else {
            unreachable!("it is one")
        };
        let besides = Besides {
            deliver_after: Some(ms(9_001).since(later.accepted_at)),
            ..Besides::default()
        };
        Arc::make_mut(&mut later).besides = besides.shared();
        let key = keys::event(APPLICATION, at(0));
        let row = rows::event_row(&later, Vec::new())?;
        writing.put(TableName::Events(0), &key, &row)
    });
    tells("expired and waits", |writing| {
        writing.put(TableName::Expired(0), &open, &[])
    });
    tells("was parked and waits", |writing| {
        writing.put(TableName::Expired(0), &open, &[2])
    });
    tells("expired and there is no such event", |writing| {
        let key = keys::delivery(ENDPOINT, at(8));
        writing.put(TableName::Expired(0), &key, &[])
    });
}

#[test]
fn events_stand_where_their_spans_say_with_payload_and_name() {
    let second = keys::event(APPLICATION, at(1));
    tells(
        "event 1 of application 1/0: its payload is not there",
        |writing| writing.remove(TableName::Payloads(0), &second).map(drop),
    );
    tells(
        "event 1 of application 1/0: its payload has another length",
        |writing| writing.put(TableName::Payloads(0), &second, b"{}"),
    );
    tells("a payload is of event 1", |writing| {
        writing.remove(TableName::Events(0), &second).map(drop)
    });
    tells(
        "event 0 of application 1/0: no span leads to it",
        |writing| {
            let key = span(APPLICATION, at(0));
            writing.remove(TableName::Spans, &key).map(drop)
        },
    );
    tells(
        "its span of bucket 0 stands only in one of two places",
        |writing| {
            let key = span_of_bucket(0, APPLICATION);
            writing.remove(TableName::Spans, &key).map(drop)
        },
    );
    tells("a span is of bucket 5, which is gone", |writing| {
        let key = span(APPLICATION, at(2));
        writing.put(TableName::Spans, &key, &5_u32.to_be_bytes())
    });
    tells("table events.00000000: there is no bucket 0", |writing| {
        writing.remove(TableName::State, b"b\0\0\0\0").map(drop)
    });
    tells(
        "event 2 of application 1/0: it stands behind the newest event",
        |writing| {
            let key = [&b"p"[..], &keys::application(APPLICATION)].concat();
            let row = ProgressRow {
                next_position: 2,
                watermark: 0,
                open_rows: 0,
            };
            put(writing, TableName::State, &key, &row)
        },
    );
    tells("its watermark 9 is beyond its next position 3", |writing| {
        let key = [&b"p"[..], &keys::application(APPLICATION)].concat();
        let row = ProgressRow {
            next_position: 3,
            watermark: 9,
            open_rows: 0,
        };
        put(writing, TableName::State, &key, &row)
    });
    tells("its id is beyond the last one of shard 1", |writing| {
        let row = ShardRow {
            epoch: 1,
            last_id: 11,
        };
        put(writing, TableName::State, b"s\0\x01", &row)
    });
}

#[test]
fn names_lead_to_what_they_name_and_back() {
    let uid = |position: u64| {
        names::unique(&UniqueKey::EventUid {
            application: APPLICATION,
            uid: format!("event-{position}").into(),
        })
    };
    tells(
        "event 1 of application 1/0: its name does not lead to it",
        |writing| writing.remove(TableName::Names, &uid(1)).map(drop),
    );
    tells(
        "a name leads to event 7 of application 1/0, which is not there",
        |writing| {
            let leads_to = names::to_event(Id::from_value(17), at(7), 0);
            writing.put(TableName::Names, &uid(7), &leads_to)
        },
    );
    tells(
        "application 1/0: a name of it does not lead to it",
        |writing| {
            let key = names::application_uid("acme");
            writing.remove(TableName::Names, &key).map(drop)
        },
    );
    tells(
        "a name leads to application 1/0, which is not there",
        |writing| {
            let key = keys::application(APPLICATION);
            writing.remove(TableName::Applications, &key).map(drop)
        },
    );
    tells(
        "endpoint 0 of application 1/0: a name of it does not lead",
        |writing| {
            let key = names::endpoint_id(Id::from_value(2));
            writing.remove(TableName::Names, &key).map(drop)
        },
    );
    tells("a name leads to endpoint 0 of application 1/0", |writing| {
        let key = keys::endpoint(ENDPOINT);
        writing.remove(TableName::Endpoints, &key).map(drop)
    });
}

#[test]
fn lists_name_attempts_that_are_there() {
    let block = keys::attempts(APPLICATION, at(1), Id::from_value(21));
    tells("the journal names an attempt of event 1", |writing| {
        writing.remove(TableName::Attempts(0), &block).map(drop)
    });
    tells("attempts stand under another id", |writing| {
        let records = [attempt(2, AttemptResult::Succeeded)];
        let bytes = blocks::pack(records.iter(), Vec::new())?;
        writing.put(TableName::Attempts(0), &block, &bytes)
    });
    tells("the index names an attempt of event 2", |writing| {
        let mut index = 0_u32.to_be_bytes().to_vec();
        blocks::push_index(at(2), Id::from_value(15), &mut index);
        let key = keys::index(ENDPOINT, Id::from_value(15));
        writing.put(TableName::Index(0), &key, &index)
    });
    tells("the index leads to a newer bucket", |writing| {
        let mut index = 1_u32.to_be_bytes().to_vec();
        blocks::push_index(at(1), Id::from_value(21), &mut index);
        let key = keys::index(ENDPOINT, Id::from_value(21));
        writing.put(TableName::Index(0), &key, &index)
    });
    tells("a block of the index is not in order", |writing| {
        let mut index = 0_u32.to_be_bytes().to_vec();
        blocks::push_index(at(1), Id::from_value(21), &mut index);
        let key = keys::index(ENDPOINT, Id::from_value(20));
        writing.put(TableName::Index(0), &key, &index)
    });
    tells("its newest block of the index is not there", |writing| {
        let key = keys::endpoint(ENDPOINT);
        writing.put(TableName::Heads, &key, &0_u32.to_be_bytes())
    });
    tells("its lane stands behind the newest event", |writing| {
        let row = LaneRow {
            cursor: at(4),
            ..LaneRow::default()
        };
        let row = lane_row::write(&row)?;
        writing.put(TableName::Lanes, &keys::endpoint(ENDPOINT), &row)
    });
    tells("has a circuit and is not there", |writing| {
        let nobody = EndpointKey {
            ordinal: 99,
            ..ENDPOINT
        };
        writing.put(
            TableName::Circuits,
            &keys::endpoint(nobody),
            &[1, 3, 0, 0, 0],
        )
    });
    tells("the row of a circuit is damaged", |writing| {
        writing.put(TableName::Circuits, &keys::endpoint(ENDPOINT), &[1, 9])
    });
}

#[test]
fn a_row_that_can_not_be_read_is_one_fault_and_not_the_end() {
    let report = checked(|writing| {
        writing.put(
            TableName::Applications,
            &keys::application(APPLICATION),
            b"\x01",
        )?;
        writing.remove(TableName::Retry, &keys::retry(ENDPOINT, ms(9_000), at(0)))?;
        Ok(())
    });
    let has = |part: &str| report.faults.iter().any(|fault| fault.contains(part));
    assert!(has("the row of an application is damaged"), "{report:?}");
    assert!(has("waits and its lane does not know"), "{report:?}");
}

#[test]
fn many_faults_are_counted_and_the_first_ones_listed() {
    let many = 3 * limits::CHECK_FAULTS_MAX as u64;
    let report = checked(|writing| {
        for position in 0..many {
            let key = keys::retry(ENDPOINT, ms(1), at(100 + position));
            writing.put(TableName::Retry, &key, &[])?;
        }
        Ok(())
    });
    assert_eq!(report.faults_count, many);
    assert_eq!(report.faults.len(), limits::CHECK_FAULTS_MAX);
}
