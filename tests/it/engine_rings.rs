//! Which of the newest events stand in memory: those that somebody who takes part is about to send.

use fanfare::domain::{application::DEFAULT_APPLICATION_UID, outcome::OutcomeKind};

use crate::support::{
    changes::change_endpoint,
    rig::{Rig, path, undaunted},
};

const OK: OutcomeKind = OutcomeKind::Status(200);

#[test]
fn who_is_disabled_keeps_no_event_in_memory() {
    let mut rig = Rig::new(undaunted());
    let application = rig.application(DEFAULT_APPLICATION_UID);
    let (off, _) = rig.endpoint(application, "off");
    rig.endpoint(application, "on");
    for _ in 0..10 {
        rig.event(application);
    }
    assert_eq!(rig.engine.holdings().ring_events, 10);
    change_endpoint(&mut rig, (application, off), |update| {
        update.is_enabled = false;
    });
    while let Some(request) = rig.sent.pop_front() {
        rig.done(&request, OK);
    }
    assert_eq!(rig.engine.holdings().ring_events, 0);
    // What it holds is read again once it is enabled.
    change_endpoint(&mut rig, (application, off), |update| {
        update.is_enabled = true;
    });
    let mut got = 1;
    while let Some(request) = rig.sent.pop_front() {
        assert_eq!(path(&request), "off");
        got += 1;
        rig.done(&request, OK);
    }
    assert_eq!(got, 10, "one was in flight when it was disabled");
}
