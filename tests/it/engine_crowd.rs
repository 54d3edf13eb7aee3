//! An application that has as many open deliveries as there may be begins no other one where some wait already,
//! until rows go; however they go.

use fanfare::{
    domain::{
        application::{ApplicationKey, DEFAULT_APPLICATION_UID},
        command::{Answer, Command},
        event::EventPosition,
        id::EndpointId,
        outcome::OutcomeKind,
    },
    engine::options::Options,
    time::Span,
};

use crate::support::rig::{Rig, path, undaunted};

const OK: OutcomeKind = OutcomeKind::Status(200);
const FAILED: OutcomeKind = OutcomeKind::Status(503);

/// Four open deliveries, as many as there may be: three of `a`, one of `b`; and an event that neither was sent.
struct Crowd {
    rig: Rig,
    application: ApplicationKey,
    a: EndpointId,
}

impl Crowd {
    fn new() -> Self {
        Self::with(undaunted())
    }

    fn with(options: Options) -> Self {
        let mut rig = Rig::new(Options {
            open_rows_max: 4,
            ..options
        });
        let application = rig.application(DEFAULT_APPLICATION_UID);
        let (a, _) = rig.endpoint(application, "a");
        rig.endpoint(application, "b");
        for number in 0..3 {
            rig.event(application);
            while let Some(request) = rig.sent.pop_front() {
                let is_well = number > 0 && path(&request) == "b";
                rig.done(&request, if is_well { OK } else { FAILED });
            }
        }
        rig.advance(Span::from_millis(100));
        assert_eq!(rig.store.counts().open_rows, 4);
        rig.event(application);
        assert_eq!(rig.flying(), Vec::<String>::new(), "all wait for room");
        Self {
            rig,
            application,
            a,
        }
    }

    /// To whom the event that waited goes at once, or within a tenth of a second.
    fn sent(&mut self) -> Vec<String> {
        self.rig.advance(Span::from_millis(100));
        let sent = self.rig.sent.iter().filter(|sent| sent.number == 1);
        let mut names: Vec<String> = sent.map(path).collect();
        names.sort();
        names
    }
}

#[test]
fn rows_of_a_payload_that_is_taken_away_make_room() {
    let mut crowd = Crowd::new();
    let request = crowd.rig.command(Command::Expunge {
        application: crowd.application,
        position: EventPosition::new(0),
        attempt: None,
    });
    assert_eq!(crowd.rig.replies.get(&request), Some(&Ok(Answer::Expunged)));
    // Two rows went, and `b` has none any more.
    assert_eq!(crowd.sent(), ["a", "b"]);
}

#[test]
fn rows_of_an_endpoint_that_is_deleted_make_room() {
    let mut crowd = Crowd::new();
    crowd.rig.command(Command::DeleteEndpoint {
        application: crowd.application,
        endpoint: crowd.a,
    });
    assert_eq!(crowd.sent(), ["b"]);
    assert_eq!(crowd.rig.store.counts().open_rows, 1);
}

#[test]
fn rows_that_end_with_a_success_make_room() {
    let mut crowd = Crowd::new();
    crowd.rig.advance(Span::from_seconds(7));
    let mut retries = crowd.rig.sent.iter();
    let of_a = retries.find(|retry| path(retry) == "a").cloned();
    // Others of `a` wait still: had the row been counted on, it would go on with these.
    crowd.rig.done(&of_a.expect("a retry"), OK);
    assert_eq!(crowd.sent(), ["a"]);
}

#[test]
fn rows_that_expire_make_room() {
    let mut crowd = Crowd::with(Options {
        expires_after: Span::from_seconds(60),
        ..undaunted()
    });
    let fail_all = |crowd: &mut Crowd| {
        while let Some(request) = crowd.rig.sent.pop_front() {
            crowd.rig.done(&request, FAILED);
        }
    };
    crowd.rig.advance(Span::from_seconds(7));
    fail_all(&mut crowd);
    crowd.rig.advance(Span::from_seconds(400));
    assert_eq!(crowd.rig.store.counts().open_rows, 0, "all of them have");
    crowd.rig.event(crowd.application);
    fail_all(&mut crowd);
    // Two rows are there now: were those that went still counted, nothing would be begun beside them.
    crowd.rig.event(crowd.application);
    assert_eq!(crowd.sent(), ["a", "b"]);
}
