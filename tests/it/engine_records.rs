//! Records of the directory, as the engine has them changed: told only once durable, and only to who
//! saw the newest.

use std::sync::Arc;

use bytes::Bytes;
use fanfare::{
    domain::{
        change::StoreMode,
        command::{Answer, Command, Refusal},
        record::{Record, RecordKind},
    },
    engine::{io::Input, options::Options},
    store::Reads as _,
};

use crate::support::rig::Rig;

fn create(name: &str) -> Command {
    Command::PutRecord {
        kind: RecordKind::EventType,
        name: name.into(),
        revision: None,
        body: Bytes::from_static(b"one"),
    }
}

fn delete(name: &str, revision: u32) -> Command {
    Command::DeleteRecord {
        kind: RecordKind::EventType,
        name: name.into(),
        revision,
    }
}

fn stored(rig: &Rig, name: &str) -> Option<Arc<Record>> {
    let found = rig.store.record(RecordKind::EventType, name);
    found.expect("readable")
}

#[test]
fn a_record_is_made_changed_and_deleted_by_who_saw_the_newest() {
    let mut rig = Rig::new(Options::default());
    let made = rig.command(create("a"));
    let first = stored(&rig, "a").expect("made");
    assert_eq!(rig.replies[&made], Ok(Answer::Record { id: first.id }));
    let again = rig.command(create("a"));
    assert_eq!(rig.replies[&again], Ok(Answer::NameTaken { id: first.id }));
    let update = |known: &Arc<Record>| Command::PutRecord {
        kind: known.kind,
        name: Arc::clone(&known.name),
        revision: Some(known.revision),
        body: Bytes::from_static(b"two"),
    };
    let changed = rig.command(update(&first));
    assert!(matches!(rig.replies[&changed], Ok(Answer::Record { .. })));
    let second = stored(&rig, "a").expect("kept");
    assert_eq!((second.revision, &second.body[..]), (2, &b"two"[..]));
    assert_eq!(second.created_at, first.created_at);
    assert_eq!(second.id, first.id);
    for late in [update(&first), delete("a", first.revision)] {
        let late = rig.command(late);
        assert_eq!(rig.replies[&late], Err(Refusal::Stale));
    }
    let gone = rig.command(delete("a", second.revision));
    assert!(matches!(rig.replies[&gone], Ok(Answer::Record { .. })));
    assert_eq!(stored(&rig, "a"), None);
}

#[test]
fn a_change_of_a_record_is_told_only_once_it_is_durable() {
    let mut rig = Rig::new(Options::default());
    rig.hold_completions = true;
    let made = rig.command(create("a"));
    assert!(!rig.replies.contains_key(&made));
    rig.complete();
    assert!(matches!(rig.replies[&made], Ok(Answer::Record { .. })));
    // A commit that failed leaves the result unknown, and what was written can be asked for again.
    rig.hold_completions = false;
    rig.fail_commit_in = Some(0);
    let lost = rig.command(create("b"));
    assert_eq!(rig.replies[&lost], Err(Refusal::Unknown));
    let again = rig.command(create("b"));
    assert!(matches!(rig.replies[&again], Ok(Answer::Record { .. })));
}

#[test]
fn on_a_disk_that_is_nearly_full_records_are_deleted_and_none_are_made() {
    let mut rig = Rig::new(Options::default());
    rig.command(create("a"));
    let revision = stored(&rig, "a").expect("made").revision;
    for (mode, reply) in [
        (StoreMode::ReadOnly, Err(Refusal::DiskFull)),
        (StoreMode::Reserve, Err(Refusal::Stale)),
    ] {
        rig.turn(vec![Input::StoreMode(mode)]);
        let refused = rig.command(create("b"));
        assert_eq!(rig.replies[&refused], Err(Refusal::DiskFull));
        let deleted = rig.command(delete("a", 7));
        assert_eq!(rig.replies[&deleted], reply, "{mode:?}");
    }
    let deleted = rig.command(delete("a", revision));
    assert!(matches!(rig.replies[&deleted], Ok(Answer::Record { .. })));
}
