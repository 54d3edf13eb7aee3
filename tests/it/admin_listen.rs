//! A listener for operators beside the one for everybody: what each of them has, and that nobody who
//! takes all of the one shuts them out of the other.

use std::{io::Write as _, net::TcpStream, process::Command};

use serde_json::json;

use crate::support::{
    client::KEY,
    open_metrics::Metrics,
    process::{PATIENCE, Process, Reply, empty_folder, everything},
};

const ARGUMENTS: [&str; 5] = [
    "serve",
    "--store",
    "memory",
    "--admin-listen",
    "127.0.0.1:0",
];
/// Text for people, and nothing beside the two lines that say where it listens.
const VARIABLES: [(&str, &str); 3] = [
    ("FANFARE_ADMIN_KEY", KEY),
    ("FANFARE_LOG", "error"),
    ("FANFARE_LOG_FORMAT", "pretty"),
];

/// Asks the listener for operators, which the second line of the banner names.
struct Operators {
    address: String,
}

impl Operators {
    fn of(server: &Process) -> Self {
        let line = server.messages.next_with("operators have http://");
        let address = line.trim_start_matches("operators have http://");
        Self {
            address: address.to_owned(),
        }
    }

    fn ask(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.write_all(request.as_bytes()).expect("it reads");
        Reply::of(&everything(&mut stream))
    }

    fn get(&self, path: &str) -> Reply {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"
        ))
    }

    fn post(&self, path: &str, body: &str) -> Reply {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
    }
}

#[test]
fn operators_have_all_routes_at_their_address_and_callers_what_is_theirs() {
    let server = Process::start(&ARGUMENTS, &VARIABLES);
    let operators = Operators::of(&server);
    for path in ["/healthz", "/readyz", "/docs"] {
        assert_eq!(server.get(path).status, 200, "{path}");
        assert_eq!(operators.get(path).status, 200, "{path}");
    }
    assert_eq!(server.get("/metrics").status, 404);
    let page = operators.get("/metrics");
    assert_eq!(page.status, 200);
    assert_eq!(Metrics::read(&page.body).count("fanfare_engine_up"), 1);

    let keyed = format!("authorization: Bearer {KEY}\r\n");
    let application = json!({ "name": "Acme", "uid": "acme" }).to_string();
    let refused = server.post("/api/v1/app", &keyed, &application);
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("--admin-listen"), "{}", refused.body);
    assert_eq!(server.post("/api/v1/app", "", &application).status, 401);
    assert_eq!(operators.post("/api/v1/app", &application).status, 201);
    let message = json!({ "eventType": "a.b", "payload": {} }).to_string();
    let sent = server.post("/api/v1/app/acme/msg", &keyed, &message);
    assert_eq!(sent.status, 202, "{}", sent.body);
    assert_eq!(operators.post("/api/v1/app/acme/msg", &message).status, 202);
}

#[test]
fn clients_that_take_all_connections_leave_operators_theirs() {
    let folder = empty_folder();
    // Of the open files 15 are for connections of clients.
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_fanfare");
    let line = format!(
        "ulimit -n 64; exec {program} {} --listen 127.0.0.1:0 --trusted-proxy 127.0.0.0/8",
        ARGUMENTS.join(" ")
    );
    command.args(["-c", &line]).env_clear();
    command.env("HOME", folder.path()).envs(VARIABLES);
    command.current_dir(&folder);
    let server = Process::of(command, folder);
    let operators = Operators::of(&server);
    // Requests whose bodies do not come: their connections make no room for others.
    let head = format!(
        "POST /api/v1/app/acme/msg HTTP/1.1\r\nhost: h\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n"
    );
    let begun: Vec<TcpStream> = std::iter::repeat_with(|| {
        let mut stream = server.connect();
        stream.write_all(head.as_bytes()).expect("it reads");
        stream
    })
    .take(40)
    .collect();
    let mut pages = std::iter::repeat_with(|| Metrics::read(&operators.get("/metrics").body));
    let is_full = |page: &Metrics| page.count("fanfare_server_requests_in_flight") >= 16;
    assert!(pages.by_ref().take(10_000).any(|page| is_full(&page)));
    assert_eq!(operators.get("/readyz").status, 200);
    drop(begun);
}
