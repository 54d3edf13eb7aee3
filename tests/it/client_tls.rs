//! The commands over TLS, to a real server behind a proxy that ends the encryption: whose
//! certificates are taken, and that nothing is said to anybody else.

use std::{
    net::SocketAddr,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{
    client::{KEY, assert_fails, printed, run_with, server, text},
    process::{Process, empty_folder, fanfare},
    receiver::{Act, Receiver, reply},
};

/// A TLS side with a certificate for `name` that it signed itself, and that certificate in PEM.
fn self_signed(name: &str) -> (TlsAcceptor, String) {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    (TlsAcceptor::from(Arc::new(config)), made.cert.pem())
}

/// A proxy that ends TLS in front of a server.
struct Front {
    address: SocketAddr,
    /// Its certificate, in a file.
    ca_file: String,
    /// How many connections got as far as to speak.
    spoken: Arc<AtomicUsize>,
    folder: TempDir,
}

impl Front {
    /// In front of `server`, with a certificate for `name` that it signed itself.
    async fn start(server: &Process, name: &str) -> Self {
        let (acceptor, certificate) = self_signed(name);
        let folder = empty_folder();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, certificate).expect("written");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let spoken = Arc::new(AtomicUsize::new(0));
        let (counted, behind) = (Arc::clone(&spoken), server.address);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                tokio::spawn(async move {
                    let mut outer = acceptor.accept(stream).await.ok()?;
                    counted.fetch_add(1, Ordering::SeqCst);
                    let mut inner = TcpStream::connect(behind).await.ok()?;
                    let copied = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                    copied.ok()
                });
            }
        });
        Self {
            address,
            ca_file: ca_file.to_str().expect("UTF-8").to_owned(),
            spoken,
            folder,
        }
    }

    fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    fn spoken(&self) -> usize {
        self.spoken.load(Ordering::SeqCst)
    }
}

/// The text that a command printed, which went well.
fn fine(output: &Output) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_asked_over_tls_once_its_authority_is_named() {
    let server = server();
    let front = Front::start(&server, "localhost").await;
    let url = front.url("localhost");
    let unknown = run_with(&url, KEY, &["app", "list"], "");
    assert_fails(&unknown, 5, &["certificate", "UnknownIssuer", "--ca-file"]);
    assert_eq!(front.spoken(), 0);

    let trusting = |arguments: &[&str], input: &str| {
        let words = [arguments, &["--ca-file", &front.ca_file]].concat();
        run_with(&url, KEY, &words, input)
    };
    // More than a record of TLS holds, there and back.
    let payload = format!("{{\"text\":\"{}\"}}", "x".repeat(200_000));
    let send = ["event", "send", "default", "a.b", "--event-id", "long"];
    fine(&trusting(&send, &payload));
    let shown = fine(&trusting(&["event", "show", "default", "long"], ""));
    assert!(shown.ends_with(&format!("{payload}\n")));
    let wrong = ["app", "list", "--timeout", "10s"];
    let wrong = run_with(
        &url,
        KEY,
        &[&wrong[..], &["--ca-file", "/no/such"]].concat(),
        "",
    );
    assert_fails(&wrong, 2, &["/no/such"]);
    assert_eq!(front.spoken(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_another_name_is_refused_also_of_a_known_authority() {
    let server = server();
    let front = Front::start(&server, "hooks.example").await;
    let list = ["app", "list", "--ca-file", &front.ca_file];
    let refused = run_with(&front.url("localhost"), KEY, &list, "");
    assert_fails(&refused, 5, &["certificate", "localhost"]);
    let refused = run_with(&front.url("127.0.0.1"), KEY, &list, "");
    assert_fails(&refused, 5, &["certificate", "127.0.0.1"]);
    assert_eq!(front.spoken(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_named_by_a_variable_or_by_the_profile_of_its_server() {
    let server = server();
    let front = Front::start(&server, "localhost").await;
    let url = front.url("localhost");
    let list = |server: &[&str], variables: &[(&str, &str)]| {
        let mut command = fanfare(&front.folder, &[&["app", "list"], server].concat());
        command
            .env("FANFARE_KEY", KEY)
            .envs(variables.iter().copied());
        command.output().expect("it starts")
    };
    let named = list(&["--server", &url], &[("FANFARE_CA_FILE", &front.ca_file)]);
    assert!(fine(&named).contains("\tdefault\t"));

    let settings = front.folder.path().join(".config/fanfare");
    std::fs::create_dir_all(&settings).expect("made");
    let profiles = format!(
        "[here]\nserver = {url:?}\nca_file = {:?}\n[gone]\nserver = {url:?}\nca_file = \"/no/such\"\n",
        front.ca_file
    );
    std::fs::write(settings.join("profiles.toml"), profiles).expect("written");
    assert!(fine(&list(&["--profile", "here"], &[])).contains("\tdefault\t"));
    assert_fails(&list(&["--profile", "gone"], &[]), 2, &["/no/such"]);
    // The profile's authority vouches for the profile's server only.
    let other = Front::start(&server, "localhost").await;
    let there = other.url("localhost");
    let refused = list(&["--profile", "gone", "--server", &there], &[]);
    assert_fails(&refused, 5, &["UnknownIssuer"]);
    assert_eq!((front.spoken(), other.spoken()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_forwarded_over_tls_to_an_application_whose_authority_is_named() {
    let server = server();
    let (acceptor, certificate) = self_signed("localhost");
    let script = vec![Act::Request, reply("204 No Content", "")];
    let application = Receiver::start_tls(vec![script], acceptor).await;
    let folder = empty_folder();
    std::fs::write(folder.path().join("ca.pem"), certificate).expect("written");
    let url = format!("https://localhost:{}/hook", application.address.port());
    let address = format!("http://{}", server.address);
    let arguments = ["listen", "--forward-to", &url, "--ca-file", "ca.pem"];
    let variables = [("FANFARE_SERVER", address.as_str()), ("FANFARE_KEY", KEY)];
    let listening = Process::start_in(folder, &arguments, &variables);
    printed(
        &server,
        &["event", "send", "default", "a.b", "--data", "{}"],
    );
    let line = listening.output.next();
    assert!(line.contains("\tverified\t204\t"), "{line}");
    assert_eq!(text(&application.arrived(1).await[0].body), "{}");
}
