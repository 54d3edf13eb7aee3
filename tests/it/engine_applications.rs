//! What is written of an application that is changed or deleted.

use fanfare::{
    domain::{
        application::{Application, Registration},
        command::{Answer, Command},
        history::{HistoryQuery, Order},
        id::ApplicationId,
    },
    store::Reads as _,
    time::{Now, Span},
};

use crate::support::rig::{Rig, undaunted};

/// The application as the store has it.
fn stored(rig: &Rig, id: ApplicationId) -> Application {
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: 100,
    };
    let all = rig.store.applications(query).expect("it reads");
    let known = all.into_iter().find(|known| known.id == id);
    (*known.expect("it is there")).clone()
}

fn said(text: &str) -> Registration {
    Registration {
        said: text.as_bytes().to_vec().into(),
        ..Registration::default()
    }
}

/// A rig with the application `named`, and the time at which that was made.
fn rig() -> (Rig, ApplicationId, Now) {
    let mut rig = Rig::new(undaunted());
    let made_at = rig.now;
    let request = rig.command(Command::CreateApplication {
        uid: Some("named".into()),
        registration: said("{}"),
    });
    let Some(Ok(Answer::Application { id, .. })) = rig.replies.get(&request) else {
        panic!("no application");
    };
    let id = *id;
    rig.advance(Span::from_seconds(60));
    (rig, id, made_at)
}

#[test]
fn a_change_says_when_it_was_made_and_leaves_the_rest() {
    let (mut rig, id, made_at) = rig();
    let before = stored(&rig, id);
    rig.command(Command::UpdateApplication {
        application: before.key,
        revision: before.revision,
        uid: Some("renamed".into()),
        registration: said(r#"{"a":1}"#),
    });
    let after = stored(&rig, id);
    assert_eq!((before.created_at, before.updated_at), (made_at, made_at));
    assert_eq!((after.created_at, after.updated_at), (made_at, rig.now));
    assert_eq!(after.uid.as_deref(), Some("renamed"));
    assert_eq!(&*after.registration.said, br#"{"a":1}"#);
    assert_eq!(after.revision, before.revision + 1);
    assert!(!after.is_deleted);
}

#[test]
fn of_one_that_is_deleted_nothing_is_kept_but_its_place_and_the_time() {
    let (mut rig, id, made_at) = rig();
    let before = stored(&rig, id);
    rig.command(Command::DeleteApplication {
        application: before.key,
        revision: before.revision,
    });
    let after = stored(&rig, id);
    assert!(after.is_deleted);
    assert_eq!(after.key, before.key);
    assert_eq!((after.created_at, after.updated_at), (made_at, rig.now));
    assert_eq!(after.uid, None, "its name is free");
    assert_eq!(after.registration, Registration::default());
    assert_eq!(after.revision, before.revision + 1);
    let again = rig.application("named");
    assert_ne!(again, before.key);
}
