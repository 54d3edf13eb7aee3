//! Receivers behind TLS that don't prove who they are, or speak it badly.

use fanfare::domain::outcome::OutcomeKind;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig, WantsVerifier,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{WantsServerCert, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::support::receiver::{Act, Receiver, answering, reply, send};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Somebody whom a sender may be told to trust.
fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// A certificate for a name, otherwise as `differ` makes it, and its key.
fn vouched(
    by: &Authority,
    name: &str,
    differ: impl FnOnce(&mut CertificateParams),
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    differ(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, by).expect("a certificate");
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    (certificate.der().clone(), key)
}

fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
}

fn showing(
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
    (certificate, key): (CertificateDer<'static>, PrivateKeyDer<'static>),
) -> ServerConfig {
    builder
        .with_single_cert(vec![certificate], key)
        .expect("a pair")
}

fn ok() -> Act {
    reply("200 OK", "fine")
}

/// Sends to names of this machine, and trusts these.
fn trusting(authorities: Vec<CertificateDer<'static>>) -> Sender {
    let names = ["hook.example", "a.hook.example", "a.b.hook.example"];
    let here = vec![IpAddr::from([127, 0, 0, 1])];
    let book = Book(names.map(|name| (name, here.clone())).into());
    let options = TransportOptions {
        authorities,
        ..options()
    };
    Sender::with(options, book, TcpDialer)
}

/// What an attempt to this name meets, and whether the receiver was told anything.
async fn met(
    config: ServerConfig,
    trusted: CertificateDer<'static>,
    name: &str,
) -> (OutcomeKind, bool) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let receiver = Receiver::start_tls(vec![vec![Act::Request, ok()]], acceptor).await;
    let url = format!("https://{name}:{}/", receiver.address.port());
    let outcome = trusting(vec![trusted]).attempt(&target(&url)).await;
    (outcome.kind, !receiver.requests().is_empty())
}

const FINE: (OutcomeKind, bool) = (OutcomeKind::Status(200), true);
const REFUSED: (OutcomeKind, bool) = (OutcomeKind::TlsCertificate, false);

/// Row B21: the certificate must be good now, for this name, and from somebody who is trusted.
#[test]
fn b21_a_certificate_that_does_not_prove_the_name_now_is_refused_and_told_nothing() {
    run(async {
        let trusted = authority();
        let root = || trusted.der().clone();
        let config = |by, name, differ: fn(&mut CertificateParams)| {
            showing(builder().with_no_client_auth(), vouched(by, name, differ))
        };
        let as_it_is: fn(&mut CertificateParams) = |_| ();
        let stranger = authority();
        for (by, of, differ, name, expected) in [
            (&trusted, "hook.example", as_it_is, "hook.example", FINE),
            (&trusted, "*.hook.example", as_it_is, "a.hook.example", FINE),
            (
                &trusted,
                "hook.example",
                |params| params.not_after = date_time_ymd(2001, 1, 1),
                "hook.example",
                REFUSED,
            ),
            (
                &trusted,
                "hook.example",
                |params| params.not_before = date_time_ymd(3000, 1, 1),
                "hook.example",
                REFUSED,
            ),
            (&trusted, "other.example", as_it_is, "hook.example", REFUSED),
            (
                &trusted,
                "*.hook.example",
                as_it_is,
                "a.b.hook.example",
                REFUSED,
            ),
            (
                &trusted,
                "*.hook.example",
                as_it_is,
                "hook.example",
                REFUSED,
            ),
            (&stranger, "hook.example", as_it_is, "hook.example", REFUSED),
        ] {
            let met = met(config(by, of, differ), root(), name).await;
            assert_eq!(met, expected, "of {of} for {name}");
        }
    });
}

/// Row B21: what was signed with SHA-1 or by a key of 512 bits proves nothing, whoever it is from.
#[test]
fn b21_a_weakly_signed_certificate_is_refused() {
    fn pem(text: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(text.as_bytes()).expect("PEM")
    }
    macro_rules! fixture {
        ($name:literal) => {
            include_str!(concat!("../../../fixtures/tls/", $name))
        };
    }
    run(async {
        for (certificate, by, expected) in [
            (fixture!("sha256.pem"), fixture!("authority.pem"), FINE),
            (fixture!("sha1.pem"), fixture!("authority.pem"), REFUSED),
            (
                fixture!("rsa512.pem"),
                fixture!("authority-512.pem"),
                REFUSED,
            ),
        ] {
            let key = fixture!("key.pem").as_bytes();
            let key = PrivateKeyDer::from_pem_slice(key).expect("PEM");
            let config = showing(builder().with_no_client_auth(), (pem(certificate), key));
            assert_eq!(met(config, pem(by), "hook.example").await, expected);
        }
    });
}

/// Row B21: a chain of certificates of 1 MiB is not read.
#[test]
fn b21_a_chain_of_a_mebibyte_is_a_failed_handshake() {
    run(async {
        let trusted = authority();
        let root = trusted.der().clone();
        let (certificate, key) = vouched(&trusted, "hook.example", |_| ());
        let links = (1 << 20) / root.len() + 1;
        let chain = core::iter::once(certificate).chain(core::iter::repeat_n(root.clone(), links));
        let config = builder()
            .with_no_client_auth()
            .with_single_cert(chain.collect(), key)
            .expect("a pair");
        let (kind, was_told) = met(config, root, "hook.example").await;
        assert_eq!((kind, was_told), (OutcomeKind::TlsHandshake, false));
    });
}

/// Row B22: a receiver that wants a certificate of ours gets none; the attempt fails as TLS does.
#[test]
fn b22_a_receiver_that_demands_a_certificate_is_a_failed_handshake() {
    run(async {
        let trusted = authority();
        let root = || trusted.der().clone();
        for version in [&TLS12, &TLS13] {
            let provider = Arc::new(ring::default_provider());
            let mut clients = RootCertStore::empty();
            clients.add(root()).expect("a certificate");
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(clients), provider.clone());
            let demanding = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .expect("a version")
                .with_client_cert_verifier(verifier.build().expect("a verifier"));
            let config = showing(demanding, vouched(&trusted, "hook.example", |_| ()));
            let met = met(config, root(), "hook.example").await;
            assert_eq!(met, (OutcomeKind::TlsHandshake, false), "{version:?}");
        }
    });
}

/// Row B22: who speaks nothing newer than TLS 1.1 is refused, whether it says so or goes ahead.
#[test]
fn b22_an_old_version_of_tls_is_a_failed_handshake() {
    // An alert of TLS 1.0: there is no version in common (RFC 8446, 6.2: 70).
    let alert = [0x15, 3, 1, 0, 2, 2, 70];
    for version in [1, 2] {
        // A hello of a server: version, 32 random bytes, no session, a suite of AES and SHA-1.
        let hello = [
            &[0x16, 3, version, 0, 42, 2, 0, 0, 38, 3, version][..],
            &[7; 32],
            &[0, 0, 0x2f, 0],
        ]
        .concat();
        for answer in [&alert[..], &hello] {
            run(async {
                let script = vec![send(answer), Act::Hang];
                let receiver = Receiver::start(vec![script]).await;
                let target = target(&format!("https://{}/", receiver.address));
                let outcome = Sender::new(options()).attempt(&target).await;
                assert_eq!(outcome.kind, OutcomeKind::TlsHandshake, "{answer:?}");
                assert_eq!(receiver.accepted(), 1, "plain text is never tried instead");
            });
        }
    }
}

/// Row B22: a handshake of which a byte comes now and then ends with the attempt.
#[test]
fn b22_a_handshake_byte_by_byte_is_a_timeout() {
    run(async {
        // The begin of a record of 16 KiB, which drips on.
        let script = vec![send([0x16, 3, 3, 0x40, 0]), Act::Drip];
        let receiver = Receiver::start(vec![script]).await;
        let target = target(&format!("https://{}/", receiver.address));
        let outcome = Sender::new(impatient()).attempt(&target).await;
        assert_eq!(outcome.kind, OutcomeKind::Timeout { after_ms: 300 });
    });
}

/// Row B22: many session tickets are no failure, and more than there is room for is one of TLS.
#[test]
fn b22_a_flood_of_session_tickets_costs_no_more_than_the_attempt() {
    run(async {
        let trusted = authority();
        for (tickets, kinds) in [
            (100, &[OutcomeKind::Status(200)][..]),
            (
                5_000,
                &[OutcomeKind::Status(200), OutcomeKind::TlsHandshake],
            ),
        ] {
            let pair = vouched(&trusted, "hook.example", |_| ());
            let mut config = showing(builder().with_no_client_auth(), pair);
            config.send_tls13_tickets = tickets;
            let (kind, _) = met(config, trusted.der().clone(), "hook.example").await;
            assert!(kinds.contains(&kind), "{tickets}: {kind:?}");
        }
    });
}

/// Row B22: without a `close_notify` a reply counts by its status, whole or cut.
#[test]
fn b22_a_connection_that_ends_without_close_notify_has_the_status_that_came() {
    run(async {
        let trusted = authority();
        let pair = vouched(&trusted, "hook.example", |_| ());
        let config = showing(builder().with_no_client_auth(), pair);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        for (lines, status, body) in [
            ("200 OK\r\ncontent-length: 4\r\n", 200, "fine"),
            ("200 OK\r\ncontent-length: 9\r\n", 200, "fine"),
            ("500 No\r\n", 500, "fine"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("bound").port();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (stream, _) = listener.accept().await.expect("a connection");
                let mut stream = acceptor.accept(stream).await.expect("a handshake");
                let answer = format!("HTTP/1.1 {lines}\r\n{body}");
                stream.write_all(answer.as_bytes()).await.expect("written");
                stream.flush().await.expect("sent");
                // The end of TCP alone.
                let (mut socket, _) = stream.into_inner();
                socket.shutdown().await.expect("closed");
                let mut rest = Vec::new();
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut socket, &mut rest).await;
            });
            let mut sender = trusting(vec![trusted.der().clone()]);
            let target = target(&format!("https://hook.example:{port}/"));
            let outcome = sender.attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(status), "{lines}");
            assert_eq!(outcome.body, body, "{lines}");
        }
    });
}

/// Row B23: HTTP/1.1 alone is offered, so that who speaks nothing but HTTP/2 has nothing in common with us,
/// and who speaks both speaks HTTP/1.1.
#[test]
fn b23_http_2_is_never_agreed_on() {
    run(async {
        let trusted = authority();
        let root = || trusted.der().clone();
        for (offered, expected) in [
            (&["h2"][..], (OutcomeKind::TlsHandshake, false)),
            (&["h2", "http/1.1"], FINE),
        ] {
            let pair = vouched(&trusted, "hook.example", |_| ());
            let mut config = showing(builder().with_no_client_auth(), pair);
            config.alpn_protocols = offered.iter().map(|name| name.as_bytes().into()).collect();
            assert_eq!(met(config, root(), "hook.example").await, expected);
        }
    });
}

/// Row B23: frames of HTTP/2 that come unasked are no reply, however many.
#[test]
fn b23_frames_of_http_2_are_no_reply() {
    run(async {
        let trusted = authority();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let going_away = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let reset = [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
        for frames in [settings.repeat(10_000), going_away.to_vec(), reset.to_vec()] {
            let pair = vouched(&trusted, "hook.example", |_| ());
            let config = showing(builder().with_no_client_auth(), pair);
            let script = vec![Act::Request, send(&frames), Act::Hang];
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let receiver = Receiver::start_tls(vec![script], acceptor).await;
            let port = receiver.address.port();
            let target = target(&format!("https://hook.example:{port}/"));
            let mut sender = trusting(vec![trusted.der().clone()]);
            let outcome = sender.attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::ProtocolError);
            assert_eq!(sender.transport.connections(), 0);
        }
    });
}

/// Row B22: sessions are resumed or begun anew, and either way one attempt follows the other.
#[test]
fn b22_an_attempt_after_a_tls_connection_that_ended_is_served() {
    run(async {
        let trusted = authority();
        let pair = vouched(&trusted, "hook.example", |_| ());
        let config = showing(builder().with_no_client_auth(), pair);
        let closing = send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let receiver = Receiver::start_tls(vec![answering(1, &closing)], acceptor).await;
        let port = receiver.address.port();
        let target = target(&format!("https://hook.example:{port}/"));
        let mut sender = trusting(vec![trusted.der().clone()]);
        for _ in 0..3 {
            let outcome = sender.attempt(&target).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
        }
        assert_eq!(receiver.accepted(), 3);
    });
}
