//! Targets behind TLS.

use fanfare::domain::outcome::OutcomeKind;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::support::receiver::{Act, Receiver, answering, reply, send};

/// A receiver's TLS side with a certificate that nobody vouches for.
pub(super) fn self_signed() -> TlsAcceptor {
    let names = vec!["127.0.0.1".to_owned(), "hook.example".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

fn trusting() -> TransportOptions {
    TransportOptions {
        verify_certificates: false,
        ..options()
    }
}

fn ok() -> Act {
    reply("200 OK", "fine")
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    run(async {
        let receiver = Receiver::start_tls(vec![vec![Act::Request, ok()]], self_signed()).await;
        let target = target(&format!("https://{}/", receiver.address));
        let mut sender = Sender::new(options());
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::TlsCertificate);
        assert_eq!(sender.transport.connections(), 0);
        until(|| receiver.ended() == 1).await;
        assert!(receiver.requests().is_empty());
    });
}

#[test]
fn without_verification_attempts_go_over_one_kept_tls_connection() {
    run(async {
        let script = answering(3, &ok());
        let receiver = Receiver::start_tls(vec![script], self_signed()).await;
        let book = Book(vec![("hook.example", vec![IpAddr::from([127, 0, 0, 1])])]);
        let mut sender = Sender::with(trusting(), book, TcpDialer);
        let port = receiver.address.port();
        let target = target(&format!("https://hook.example:{port}/"));
        for _ in 0..3 {
            let outcome = sender.attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
            assert_eq!(outcome.body, "fine");
        }
        assert_eq!(receiver.accepted(), 1);
        let host = format!("hook.example:{port}");
        assert_eq!(receiver.requests()[0].header("host"), Some(host.as_str()));
    });
}

#[test]
fn a_kept_tls_connection_that_died_is_replaced_once() {
    run(async {
        let scripts = vec![
            vec![Act::Request, ok(), Act::Request],
            vec![Act::Request, ok()],
        ];
        let receiver = Receiver::start_tls(scripts, self_signed()).await;
        let target = target(&format!("https://{}/", receiver.address));
        let mut sender = Sender::new(trusting());
        sender.attempt(&target).await;
        let outcome = sender.attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert!(outcome.resent);
        assert_eq!(receiver.accepted(), 2);
    });
}

#[test]
fn plain_text_on_a_tls_port_is_a_failed_handshake() {
    run(async {
        for script in [
            vec![send("HTTP/1.1 400 Bad Request\r\n\r\n"), Act::Hang],
            vec![],
        ] {
            let receiver = Receiver::start(vec![script]).await;
            let target = target(&format!("https://{}/", receiver.address));
            let outcome = Sender::new(options()).attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::TlsHandshake);
            assert_eq!(receiver.accepted(), 1, "plain text is never tried instead");
        }
    });
}

#[test]
fn a_handshake_that_never_ends_is_a_timeout() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Hang]]).await;
        let target = target(&format!("https://{}/", receiver.address));
        let outcome = Sender::new(impatient()).attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
    });
}
