//! Recording and replay: the built binary with real traffic, whose journal gives the same run again.
//!
//! Goal: what was recorded is run again from the file alone and does the same, whatever happened to
//! the process; a journal that is at fault says where; nothing secret is ever in it. Method: a server
//! with receivers that fail, kills, damaged copies of its journal, and every secret it was given
//! looked for in the bytes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use fanfare::{
    journal::frame::{self, Content, Frames},
    time::Span,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    process::{Process, empty_folder, fanfare},
    receiver::{Act, Receiver, answering, reply},
};

const ADMIN_KEY: &str = "a-key-of-more-than-32-visible-characters";
const KEY: &str = "authorization: Bearer a-key-of-more-than-32-visible-characters\r\n";
const RETRY_SOON: &str = "[engine]\nretry_waits_seconds = [1, 1]\n";
const ARGUMENTS: [&str; 9] = [
    "serve",
    "--seed",
    "5",
    "--data-dir",
    "data",
    "--allow-target",
    "127.0.0.0/8",
    "--record",
    "journal",
];

fn start(folder: TempDir, more: &[&str]) -> Process {
    fs::write(folder.path().join("fanfare.toml"), RETRY_SOON).expect("written");
    let arguments = [&ARGUMENTS, more].concat();
    Process::start_in(folder, &arguments, &[("FANFARE_ADMIN_KEY", ADMIN_KEY)])
}

fn post(process: &Process, path: &str, body: &Value) -> Value {
    let reply = process.post(path, KEY, body.to_string());
    assert!((200..300).contains(&reply.status), "{path}: {reply:?}");
    serde_json::from_str(&reply.body).unwrap_or(Value::Null)
}

fn send(process: &Process, payload: &str) -> String {
    let body = json!({"eventType": "a.b", "payload": {"text": payload}});
    let sent = post(process, "/api/v1/app/acme/msg", &body);
    let id = sent.get("id").and_then(Value::as_str);
    id.expect("an id").to_owned()
}

/// Shuts it down; gives the folder it worked in.
fn ended(mut process: Process) -> TempDir {
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
    process.kill()
}

async fn receiver(script: Vec<Act>) -> (Receiver, String) {
    let receiver = Receiver::start(vec![script]).await;
    let url = format!("http://{}/hook", receiver.address);
    (receiver, url)
}

/// A server with an endpoint at `url`.
fn with_endpoint(folder: TempDir, url: &str, more: &[&str]) -> Process {
    registered(start(folder, more), url)
}

/// It, once it has an endpoint at `url`.
fn registered(process: Process, url: &str) -> Process {
    post(
        &process,
        "/api/v1/app",
        &json!({"name": "n", "uid": "acme"}),
    );
    let endpoint = json!({"url": url, "uid": "hook"});
    post(&process, "/api/v1/app/acme/endpoint", &endpoint);
    process
}

fn replayed(folder: &TempDir, arguments: &[&str]) -> Output {
    let command = [&["simulate", "replay"], arguments].concat();
    fanfare(folder, &command).output().expect("it runs")
}

fn fanfare_output(folder: &TempDir, arguments: &[&str]) -> Output {
    let mut command = fanfare(folder, arguments);
    command.args(["--listen", "127.0.0.1:0"]);
    command.env("FANFARE_ADMIN_KEY", ADMIN_KEY);
    command.output().expect("it runs")
}

/// What a replay came to, as its document tells, and its exit code.
fn document(folder: &TempDir, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = replayed(folder, &[arguments, &["--json"]].concat());
    let error = String::from_utf8_lossy(&output.stderr);
    let value = serde_json::from_slice(&output.stdout);
    (output.status.code(), value.expect(&error))
}

/// The command failed with this code and told all of `parts`.
fn assert_told(output: &Output, code: i32, parts: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

fn journal(folder: &TempDir) -> PathBuf {
    folder.path().join("journal")
}

/// All bytes of a journal and its older parts.
fn all_bytes(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).expect("a folder");
    let mut bytes = Vec::new();
    for file in files {
        let path = file.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if name.starts_with("journal") {
            bytes.extend(fs::read(&path).expect("a file"));
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

#[tokio::test(flavor = "multi_thread")]
async fn real_traffic_with_failures_a_kill_and_a_restart_is_run_again_to_equal_hashes() {
    let failing = answering(2, &reply("500 Oops", "no"));
    let script = [failing, answering(40, &reply("200 OK", "yes"))].concat();
    let (receiver, url) = receiver(script).await;
    let fanfare = with_endpoint(empty_folder(), &url, &[]);
    for number in 0..5 {
        send(&fanfare, &format!("before {number}"));
    }
    // Seven: two of the five failed and came again a second later.
    receiver.arrived(7).await;
    let fanfare = start(fanfare.kill(), &[]);
    for number in 0..5 {
        send(&fanfare, &format!("after {number}"));
    }
    receiver.arrived(12).await;
    let folder = ended(fanfare);

    let (code, told) = document(&folder, &["journal"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told["equal"], true);
    assert_eq!(told["trace_hash"], told["recorded_hash"]);
    assert_eq!(told["trace_hash"].as_str().expect("a hash").len(), 16);
    let lives = told["lives"].as_array().expect("lives");
    let ends: Vec<&Value> = lives.iter().map(|life| &life["end"]).collect();
    assert_eq!(ends, ["unclosed", "closed"], "{told}");
    assert_eq!(lives[0]["events"], 5, "{told}");
    assert_eq!(lives[0]["retried"], 2, "{told}");
    assert_eq!(lives[1]["events"], 5, "{told}");
    assert_eq!(lives[1]["in_flight"], 0, "{told}");
    let text = replayed(&folder, &["journal"]);
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(
        text.ends_with(&format!(
            "equal: trace hash {}\n",
            told["trace_hash"].as_str().expect("a hash")
        )),
        "{text}"
    );

    // Up to what is not there nothing is run.
    let records = lives[0]["records"].as_u64().expect("a count");
    let first = format!("life 1 has {records} records");
    for (until, part) in [
        ("1:99999", first.as_str()),
        ("99999", first.as_str()),
        ("4:1", "the journal has the lives 1, 2"),
        ("0:1", "lives are counted from 1"),
    ] {
        let output = replayed(&folder, &["journal", "--json", "--until", until]);
        assert_told(&output, 2, &[part]);
        assert!(output.stdout.is_empty(), "{until}");
    }
    let last = format!("1:{}", records - 1);
    let (code, part) = document(&folder, &["journal", "--until", &last]);
    assert_eq!((code, &part["lives"][0]["end"]), (Some(0), &json!("until")));

    // Part of it, by record and by time.
    let (code, part) = document(&folder, &["journal", "--until", "2:3"]);
    assert_eq!((code, &part["lives"][1]["end"]), (Some(0), &json!("until")));
    assert!(part["records"].as_u64() < told["records"].as_u64());
    let begun = lives[1]["begun"].as_str().expect("a time");
    let (code, part) = document(&folder, &["journal", "--until", begun]);
    assert_eq!(
        (code, part["lives"].as_array().expect("lives").len()),
        (Some(0), 2)
    );
    assert_eq!(part["lives"][1]["turns"], 0, "{part}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_at_fault_says_where_and_is_run_up_to_there_when_asked() {
    let (receiver, url) = receiver(answering(5, &reply("200 OK", ""))).await;
    let fanfare = with_endpoint(empty_folder(), &url, &[]);
    send(&fanfare, "one");
    receiver.arrived(1).await;
    let folder = ended(fanfare);
    let whole = fs::read(journal(&folder)).expect("a journal");
    let (_, told) = document(&folder, &["journal"]);
    let put = |bytes: &[u8]| fs::write(journal(&folder), bytes).expect("written");

    // Cut off in the middle of the last record.
    put(&whole[..whole.len() - 3]);
    let refused = replayed(&folder, &["journal"]);
    assert_told(
        &refused,
        2,
        &["journal: byte ", ", record ", "cut off", "--partial"],
    );
    assert!(refused.stdout.is_empty());
    let (code, part) = document(&folder, &["journal", "--partial"]);
    assert_eq!(code, Some(0), "{part}");
    assert_eq!(
        part["trace_hash"], told["trace_hash"],
        "only the closing is gone"
    );
    assert_eq!(
        (&part["closed"], &part["equal"]),
        (&json!(false), &json!(true))
    );
    let offset = part["fault"]["offset"].as_u64().expect("an offset");
    assert!(offset < whole.len() as u64 - 3 && offset + 100 > whole.len() as u64);
    assert!(part["fault"]["record"].as_u64() > Some(1));

    // A byte flipped in the middle.
    let middle = whole.len() / 2;
    let mut damaged = whole.clone();
    damaged[middle] ^= 0x10;
    put(&damaged);
    assert_told(&replayed(&folder, &["journal"]), 2, &["byte ", "record "]);
    let (code, part) = document(&folder, &["journal", "--partial"]);
    assert_eq!(code, Some(0), "{part}");
    assert!(part["fault"]["offset"].as_u64() <= Some(middle as u64));
    assert!(part["turns"].as_u64() < told["turns"].as_u64());

    // Of another version; no journal at all; nothing.
    let mut newer = whole.clone();
    newer[7] = 99;
    put(&newer);
    assert_told(
        &replayed(&folder, &["journal"]),
        2,
        &["byte 0", "version 99", "reads version 8"],
    );
    put(b"something else entirely");
    assert_told(
        &replayed(&folder, &["journal", "--partial"]),
        2,
        &["no journal of fanfare"],
    );
    put(b"");
    assert_told(&replayed(&folder, &["journal"]), 2, &["cut off"]);
    assert_told(
        &replayed(&folder, &["nowhere"]),
        2,
        &["nowhere can't be read"],
    );
}

const SECRET: &str = "whsec_cGxhbnRlZCBjYW5hcnk6IGEgc2lnbmluZyBzZWNyZXQ=";
const RAW_SECRET: &[u8] = b"planted canary: a signing secret";

/// A master key in hexadecimal.
fn master_key() -> String {
    "1f".repeat(31) + "2e"
}

/// A server that was told everything that nobody may read in its journal; and the key that it made.
fn with_secrets(url: &str, more: &[&str]) -> (Process, Value) {
    let folder = empty_folder();
    fs::write(folder.path().join("master"), master_key()).expect("written");
    let named = url.replace("/hook", "/canary-path?k=canary-query");
    let with_word = url.replace("http://", "http://user:canary-word@");
    let process = start(folder, &[more, &["--master-key-file", "master"]].concat());
    post(
        &process,
        "/api/v1/app",
        &json!({"name": "canary-name", "uid": "acme", "metadata": {"k": "canary-metadata"}}),
    );
    let endpoint = json!({
        "url": named, "uid": "hook", "secret": SECRET,
        "description": "canary-description",
        "headers": {"x-key": "canary-header"},
    });
    post(&process, "/api/v1/app/acme/endpoint", &endpoint);
    let rotate = "/api/v1/app/acme/endpoint/hook/secret/rotate";
    post(
        &process,
        rotate,
        &json!({"key": SECRET.replace("cGxh", "cGxi")}),
    );
    post(
        &process,
        "/api/webhooks",
        &json!({"url": format!("{with_word}?canary-original"), "token": "canary-token"}),
    );
    post(
        &process,
        "/api/v1/event-type",
        &json!({
            "name": "a.b", "description": "canary-type",
            "schemas": {"1": {"type": "object", "title": "canary-schema"}},
        }),
    );
    let key = post(
        &process,
        "/api/v1/key",
        &json!({"name": "canary-key", "scope": "ingest"}),
    );
    let body = json!({"eventType": "a.b", "payload": {"text": "canary-payload"}});
    let head = format!("{KEY}idempotency-key: canary-idempotency\r\n");
    let sent = process.post("/api/v1/app/acme/msg", &head, body.to_string());
    assert_eq!(sent.status, 202, "{sent:?}");
    (process, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_a_journal_and_bodies_only_if_asked_for() {
    let (receiver, url) = receiver(answering(20, &reply("200 OK", "canary-reply"))).await;
    let (fanfare, key) = with_secrets(&url, &[]);
    receiver.arrived(1).await;
    // A restart reads all of it back from the store.
    let fanfare = start(fanfare.kill(), &["--master-key-file", "master"]);
    send(&fanfare, "canary-second");
    receiver.arrived(2).await;
    let folder = ended(fanfare);
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!(code, Some(0), "{told}");

    let bytes = all_bytes(folder.path());
    assert!(bytes.len() > 1_000);
    let made = key["key"].as_str().expect("a key").to_owned();
    let host = url.trim_start_matches("http://").trim_end_matches("/hook");
    assert!(holds(&bytes, host.as_bytes()), "the host is told");
    for text in [
        "canary",
        ADMIN_KEY,
        &made,
        &master_key(),
        SECRET,
        "cGxhbnRlZCBjYW5hcnk6",
    ] {
        assert!(!holds(&bytes, text.as_bytes()), "{text} is in the journal");
    }
    assert!(!holds(&bytes, RAW_SECRET));

    let (fanfare, _) = with_secrets(&url, &["--record-bodies"]);
    receiver.arrived(3).await;
    let folder = ended(fanfare);
    let bytes = all_bytes(folder.path());
    assert!(holds(&bytes, b"canary-payload"), "asked for");
    for text in [
        "canary-word",
        "canary-path",
        "canary-query",
        "canary-header",
        "canary-token",
        "canary-schema",
        "canary-idempotency",
        "canary-original",
    ] {
        assert!(!holds(&bytes, text.as_bytes()), "{text} is in the journal");
    }
    assert!(!holds(&bytes, RAW_SECRET));
    assert_eq!(document(&folder, &["journal"]).0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_recording_with_a_line_and_deliveries_go_on() {
    let (receiver, url) = receiver(answering(20, &reply("200 OK", ""))).await;
    let folder = empty_folder();
    std::os::unix::fs::symlink("/dev/full", folder.path().join("full")).expect("a link");
    let full = ["--record", "full"];
    let arguments: Vec<&str> = ARGUMENTS.iter().take(7).copied().chain(full).collect();
    let output = fanfare_output(&folder, &arguments);
    assert_told(&output, 1, &["full can't be written", "No space"]);

    // Full later: no file may grow beyond 256 KiB, and whoever tries has an error, not a signal.
    let mut command = Command::new("bash");
    let program = env!("CARGO_BIN_EXE_fanfare");
    let script = format!("trap '' XFSZ; ulimit -f 256; exec {program} \"$@\"");
    command.args(["-c", &script, "fanfare", "serve", "--store", "memory"]);
    command.args(["--allow-target", "127.0.0.0/8", "--listen", "127.0.0.1:0"]);
    command.args(["--record", "journal", "--record-bodies"]);
    command
        .env("FANFARE_ADMIN_KEY", ADMIN_KEY)
        .current_dir(&folder);
    let fanfare = registered(Process::of(command, folder), &url);
    for _ in 0..8 {
        send(&fanfare, &"x".repeat(50_000));
    }
    receiver.arrived(8).await;
    let line = fanfare.messages.next_with("recording stopped");
    assert!(line.contains("deliveries go on"), "{line}");
    send(&fanfare, "after");
    receiver.arrived(9).await;
    let folder = ended(fanfare);
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!((code, &told["fault"]), (Some(0), &Value::Null), "{told}");
    assert_eq!(told["lives"][0]["end"], "unclosed");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_do_not_record_into_one_file_and_no_other_file_is_touched() {
    let fanfare = start(empty_folder(), &[]);
    let folder = fanfare.kill();
    let other = folder.path().join("other");
    fs::write(&other, "precious").expect("written");
    let arguments: Vec<&str> = ARGUMENTS
        .iter()
        .take(7)
        .copied()
        .chain(["--record", "other"])
        .collect();
    let output = fanfare_output(&folder, &arguments);
    assert_told(&output, 1, &["other is no journal", "name another file"]);
    assert_eq!(fs::read(&other).expect("there"), b"precious");
    let output = fanfare_output(
        &folder,
        &[&arguments[..7], &["--record", "no/such/folder"]].concat(),
    );
    assert_told(&output, 1, &["no/such/folder can't be written"]);

    let running = start(folder, &[]);
    let elsewhere = empty_folder();
    let path = running.folder().join("journal");
    let arguments = [
        "serve",
        "--data-dir",
        "data",
        "--record",
        path.to_str().expect("a name"),
    ];
    assert_told(
        &fanfare_output(&elsewhere, &arguments),
        1,
        &["in use by another process"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_in_parts_is_one_and_its_oldest_part_goes_when_there_are_too_many_bytes() {
    let (receiver, url) = receiver(answering(60, &reply("200 OK", ""))).await;
    let more = ["--record-bodies", "--record-max-bytes", "1048576"];
    let large = "x".repeat(100_000);
    let fanfare = with_endpoint(empty_folder(), &url, &more);
    for _ in 0..4 {
        send(&fanfare, &large);
    }
    receiver.arrived(4).await;
    let folder = ended(fanfare);
    let sizes = |folder: &TempDir| -> Vec<u64> {
        let files = fs::read_dir(folder.path()).expect("a folder");
        let files = files.map(|file| file.expect("readable").path());
        let files = files.filter(|path| path.to_string_lossy().contains("/journal"));
        files
            .map(|path| fs::metadata(path).expect("a file").len())
            .collect()
    };
    assert!(sizes(&folder).len() > 2, "{:?}", sizes(&folder));
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!((code, &told["equal"]), (Some(0), &json!(true)), "{told}");
    assert_eq!(told["lives"][0]["events"], 4);
    assert_eq!(told["parts"], sizes(&folder).len());

    // Far more than there is room for: the beginning of this life goes.
    let fanfare = start(folder, &more);
    for _ in 0..16 {
        send(&fanfare, &large);
    }
    receiver.arrived(20).await;
    let folder = ended(fanfare);
    let total: u64 = sizes(&folder).iter().sum();
    assert!(
        (400_000..=1_048_576).contains(&total),
        "{:?}",
        sizes(&folder)
    );
    let refused = replayed(&folder, &["journal"]);
    assert_told(
        &refused,
        2,
        &["life 2 behind its turn", "--record-max-bytes"],
    );

    // A life that is there as a whole is run, and what is not is told.
    let fanfare = start(folder, &more);
    send(&fanfare, "small");
    receiver.arrived(21).await;
    let folder = ended(fanfare);
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!((code, &told["equal"]), (Some(0), &json!(true)), "{told}");
    assert_eq!(told["skipped"]["life"], 2);
    assert_eq!(told["lives"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["lives"][0]["life"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_explained_attempt_by_attempt() {
    let wait = b"HTTP/1.1 503 Later\r\nretry-after: 2\r\ncontent-length: 0\r\n\r\n";
    let script = [
        answering(1, &reply("500 Oops", "")),
        answering(1, &Act::Send(wait.to_vec())),
        answering(9, &reply("200 OK", "")),
    ];
    let (receiver, url) = receiver(script.concat()).await;
    let fanfare = start(empty_folder(), &[]);
    let application = json!({"name": "n", "uid": "acme"});
    post(&fanfare, "/api/v1/app", &application);
    let made = post(&fanfare, "/api/v1/app/acme/endpoint", &json!({"url": url}));
    let endpoint = made["id"].as_str().expect("an id");
    let event = send(&fanfare, "one");
    receiver.arrived(3).await;
    let folder = ended(fanfare);
    let name = format!("{event}/{endpoint}");
    let explained = |arguments: &[&str]| {
        let command = [&["simulate", "explain", "journal"], arguments].concat();
        crate::support::process::fanfare(&folder, &command)
            .output()
            .expect("it runs")
    };
    let output = explained(&[&name, "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["delivery"], name.as_str());
    let facts = told["facts"].as_array().expect("facts");
    let names: Vec<&str> = facts
        .iter()
        .filter_map(|fact| fact["fact"].as_str())
        .collect();
    assert_eq!(names[0], "asked");
    let expected = "attempt outcome retry attempt outcome retry attempt outcome succeeded";
    let of_attempts: Vec<&str> = names
        .into_iter()
        .filter(|name| expected.contains(name))
        .collect();
    assert_eq!(of_attempts.join(" "), expected, "{told}");
    let of =
        |kind: &str| -> Vec<&Value> { facts.iter().filter(|fact| fact["fact"] == kind).collect() };
    let whys: Vec<&Value> = of("attempt").iter().map(|fact| &fact["why"]).collect();
    assert_eq!(whys, ["first", "retry", "retry"]);
    let statuses: Vec<&Value> = of("outcome").iter().map(|fact| &fact["status"]).collect();
    assert_eq!(statuses, [500, 503, 200]);
    let waits = of("retry");
    assert_eq!(waits[0]["scheduled_us"], 1_000_000);
    assert_eq!(
        waits[0]["wait_us"], waits[0]["jittered_us"],
        "nothing but the schedule"
    );
    assert_eq!(waits[1]["retry_after_us"], 2_000_000);
    assert_eq!(waits[1]["wait_us"], 2_000_000, "longer than the schedule");
    let text = String::from_utf8(explained(&[&name]).stdout).expect("UTF-8");
    for part in [
        "attempt 1 starts: the first",
        "status 500",
        "the schedule has 1.000 s, the jitter moves it by",
        "Retry-After asks for 2.000 s, which is longer",
        "succeeded with attempt 3",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let other = format!("{event}/ep_01m89mzs38000m10v6wppacet91");
    assert_told(&explained(&[&other]), 3, &["tells nothing of"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_traffic_of_a_journal_is_tried_under_another_policy() {
    let (receiver, url) = receiver(answering(30, &reply("500 Oops", ""))).await;
    let fanfare = with_endpoint(empty_folder(), &url, &[]);
    for number in 0..3 {
        send(&fanfare, &format!("{number}"));
    }
    // Each is tried three times.
    receiver.arrived(9).await;
    let folder = ended(fanfare);
    let tried = |policy: &str| {
        fs::write(folder.path().join("policy.toml"), policy).expect("written");
        replayed(&folder, &["journal", "--policy", "policy.toml", "--json"])
    };
    let output = tried("[engine]\nretry_waits_seconds = []\n");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{told}");
    let (was, would_be) = (&told["recorded"], &told["replayed"]);
    assert_eq!(
        (&was["attempts"], &was["exhausted"]),
        (&json!(9), &json!(3))
    );
    assert_eq!(
        (&would_be["attempts"], &would_be["exhausted"]),
        (&json!(3), &json!(3))
    );
    for figures in [was, would_be] {
        assert_eq!(
            (&figures["events"], &figures["succeeded"]),
            (&json!(3), &json!(0))
        );
        assert_eq!(figures["expired"], 0);
    }
    assert_told(
        &tried("[engine]\nretry_waits = [1]\n"),
        2,
        &["policy.toml:2: ", "retry_waits"],
    );
    // What receivers would have done beyond what was recorded is not known.
    for policy in [
        "[engine]\nattempt_timeout_ms = 100\n",
        "[limits]\nattempt_timeout = \"1s\"\n",
    ] {
        assert_told(
            &tried(policy),
            2,
            &[
                "policy.toml:2: ",
                "the deadline of an attempt",
                "is not recorded",
            ],
        );
    }
    // A second life alone says nothing of what was in the store before.
    fs::remove_file(journal(&folder)).expect("it is there");
    let folder = ended(start(folder, &[]));
    let refused = replayed(&folder, &["journal", "--policy", "policy.toml"]);
    assert_told(&refused, 2, &["policy.toml"]);
    fs::write(folder.path().join("policy.toml"), "").expect("written");
    let refused = replayed(&folder, &["journal", "--policy", "policy.toml"]);
    assert_told(&refused, 2, &["a store that was in use already"]);
}

/// The journal as it would be if its engine had begun with a longer first wait.
fn with_longer_wait(journal: &Path) -> Vec<u8> {
    let whole = fs::read(journal).expect("a journal");
    let mut frames = Frames::open(whole.as_slice(), whole.len() as u64).expect("a journal");
    let mut changed = frame::head().to_vec();
    while let Some(content) = frames.next_bytes().expect("whole") {
        let content = match frame::read_content(content).expect("as it was written") {
            Content::Opening(mut opening) => {
                let waits = &mut opening.options.retry.waits;
                waits.fill(Span::from_seconds(2));
                frame::opening_content(&opening)
            }
            Content::Steps(_) | Content::Closing(_) => content.to_vec(),
        };
        let (before, behind) = frame::framed(&content, changed.len() as u64);
        changed.extend(before);
        changed.extend(content);
        changed.extend(behind);
    }
    changed
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_decides_otherwise_is_found_at_the_first_record_that_differs() {
    let script = [
        answering(1, &reply("500 Oops", "")),
        answering(9, &reply("200 OK", "")),
    ];
    let (receiver, url) = receiver(script.concat()).await;
    let fanfare = with_endpoint(empty_folder(), &url, &[]);
    send(&fanfare, "one");
    receiver.arrived(2).await;
    let folder = ended(fanfare);
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!((code, &told["difference"]), (Some(0), &Value::Null));

    let changed = with_longer_wait(&journal(&folder));
    fs::write(journal(&folder), changed).expect("written");
    let (code, told) = document(&folder, &["journal"]);
    assert_eq!((code, &told["equal"]), (Some(10), &json!(false)), "{told}");
    assert_ne!(told["trace_hash"], told["recorded_hash"]);
    assert_eq!(told["lives"][0]["end"], "differs");
    let difference = &told["difference"];
    let (was, is) = (&difference["recorded"], &difference["replayed"]);
    assert_eq!(was["name"], "retry row", "{difference}");
    assert_eq!((&was["name"], &was["record"]), (&is["name"], &is["record"]));
    assert_ne!(was["line"], is["line"]);

    let output = replayed(&folder, &["journal"]);
    assert_told(&output, 10, &["did something else", "in turn"]);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for record in [was, is] {
        let line = record["line"].as_str().expect("a line");
        assert!(text.contains(line), "{line}: {text}");
    }
}
