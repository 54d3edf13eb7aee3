//! Every receiver that misbehaves, over plain text and over TLS: an attempt meets what it must, its slot
//! comes back, and little of it is kept.

use fanfare::{cli::Misbehaviour, domain::outcome::OutcomeKind, limits};

use super::{tls::self_signed, *};
use crate::support::hostile::{Hostile, Meets, all, meets};

/// Whether the connection may serve another attempt; after all others it is gone.
const fn may_serve_again(how: Misbehaviour) -> bool {
    use Misbehaviour as M;
    matches!(
        how,
        M::Zip
            | M::Status999
            | M::Redirect
            | M::Choice
            | M::HostileText
            | M::Gone
            | M::RetryNonsense
            | M::CloseIdle
            | M::Echo
    )
}

fn check_all(is_tls: bool) {
    run(async {
        let quick = TransportOptions {
            verify_certificates: !is_tls,
            ..impatient()
        };
        for how in all().iter().copied() {
            let hostile = Hostile::start(how, is_tls.then(self_signed)).await;
            let scheme = if is_tls { "https" } else { "http" };
            let target = target(&format!("{scheme}://{}/", hostile.address));
            let waits = meets(how) == Meets::Timeout || how == Misbehaviour::DripBody;
            let mut sender = Sender::new(TransportOptions {
                attempt_timeout_ms: if waits { 1_000 } else { 15_000 },
                ..quick.clone()
            });
            for number in 0..2 {
                let outcome = sender.attempt(&target).await;
                let expected = match meets(how) {
                    Meets::StatusOrReset(_) if outcome.kind == OutcomeKind::Reset => outcome.kind,
                    Meets::Status(status) | Meets::StatusOrReset(status) => {
                        OutcomeKind::Status(status)
                    }
                    Meets::Failure(kind) => kind,
                    Meets::Timeout => OutcomeKind::Timeout { after_ms: 1_000 },
                };
                assert_eq!(outcome.kind, expected, "{how}, attempt {number}");
                assert!(
                    outcome.body.len() <= limits::REPLY_BODY_KEPT_BYTES_MAX,
                    "{how}"
                );
                let kept = outcome.retry_after.map_or(0, |text| text.len());
                assert!(kept <= limits::RETRY_AFTER_BYTES_MAX, "{how}");
                // A script ends with one answer; a connection that stays open then serves no other.
                let most = usize::from(may_serve_again(how));
                assert!(sender.transport.connections() <= most, "{how}");
            }
        }
    });
}

#[test]
fn every_receiver_that_misbehaves_is_met_as_it_must_over_plain_text() {
    check_all(false);
}

#[test]
fn every_receiver_that_misbehaves_is_met_as_it_must_over_tls() {
    check_all(true);
}

#[test]
fn b30_what_a_receiver_sends_back_of_our_secrets_is_masked() {
    run(async {
        let hostile = Hostile::start(Misbehaviour::Echo, None).await;
        let plain = target(&format!("http://{}/", hostile.address));
        let secret = "Bearer s3cr3t-of-the-owner";
        let keyed = Arc::new(Target {
            headers: vec![
                ("authorization".into(), secret.into()),
                ("x-flag".into(), "yes".into()),
            ],
            ..Target::clone(&plain)
        });
        let outcome = Sender::new(options()).attempt(&keyed).await;
        let body = String::from_utf8(outcome.body.to_vec()).expect("text");
        assert!(body.contains("authorization: *****"), "{body}");
        assert!(!body.contains("s3cr3t"), "{body}");
        assert!(body.contains("x-flag: yes"), "{body}");
    });
}
