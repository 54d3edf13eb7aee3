//! `fanfare store …` as its users meet it, and what a start says of a folder or file it can't use.

#![expect(
    clippy::indexing_slicing,
    reason = "an answer without the field that is looked at fails its test, as it should"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
};

use fanfare::{
    domain::history::{HistoryQuery, Name, Order},
    random::Stream,
    sim::simulated_disk::{DiskFaults, SimulatedDisk},
    store::{
        Reads as _,
        embedded::{
            EmbeddedOptions, EmbeddedStore,
            backup::backup,
            check::check,
            compact::compact,
            disk::Disk,
            file::FILE,
            offline::{Progress, Unseen},
            system_disk::SystemDisk,
        },
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    process::{Lines, Process, Reply, empty_folder, fanfare},
    receiver::{Receiver, answering, reply},
};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const KEY_VARIABLE: (&str, &str) = ("FANFARE_ADMIN_KEY", KEY);
/// Messages in the store that tests look at; each has failed once and waits.
const MESSAGES: usize = 5;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs a command to its end.
fn run(arguments: &[&str]) -> Output {
    let folder = empty_folder();
    let mut command = fanfare(&folder, arguments);
    command.output().expect("the binary starts")
}

/// Runs `fanfare store` on a folder.
fn store(verb: &[&str], folder: &Path) -> Output {
    let folder = folder.to_str().expect("UTF-8");
    let arguments = [&["store"], verb, &["--data-dir", folder]].concat();
    run(&arguments)
}

/// What a command printed as JSON; it went well.
fn document(output: &Output) -> Value {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert_eq!(error, "");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Checks that a command failed with 1 and one plain line that has all of `parts`.
fn assert_fails(output: &Output, parts: &[&str]) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 1, "{error}");
    assert!(lines[0].starts_with("error: "), "{error}");
    for part in parts {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// Checks that `fanfare serve` on a folder fails with 1 and one plain line that has these parts.
fn assert_serve_fails(folder: &Path, parts: &[&str]) {
    let folder = folder.to_str().expect("UTF-8");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", folder];
    let empty = empty_folder();
    let mut command = fanfare(&empty, &serve);
    command.env(KEY_VARIABLE.0, KEY_VARIABLE.1);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    // One that starts after all must not hang the test: its first line says that it listens.
    let mut child = command.spawn().expect("the binary starts");
    let lines = Lines::of(child.stderr.take().expect("piped"));
    let line = lines.next();
    if !line.starts_with("error: ") {
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        panic!("it started: {line}");
    }
    let rest = lines.rest();
    assert_eq!(child.wait().expect("it ends").code(), Some(1), "{line}");
    assert_eq!(rest, Vec::<String>::new(), "{line}");
    for part in parts {
        assert!(line.contains(part), "{part} is not in: {line}");
    }
}

/// A server on a data folder.
fn serve(folder: &Path) -> Process {
    let folder = folder.to_str().expect("UTF-8");
    Process::start(
        &[
            "serve",
            "--data-dir",
            folder,
            "--allow-target",
            "127.0.0.0/8",
        ],
        &[KEY_VARIABLE],
    )
}

fn authorized() -> String {
    format!("authorization: Bearer {KEY}\r\n")
}

fn post(process: &Process, path: &str, body: &Value) -> Value {
    let path = format!("/api/v1{path}");
    let reply = process.post(&path, &authorized(), body.to_string());
    assert!(matches!(reply.status, 201 | 202), "{reply:?}");
    serde_json::from_str(&reply.body).expect("JSON")
}

/// All messages of the application.
fn messages(process: &Process) -> Value {
    let request = format!(
        "GET /api/v1/app/acme/msg HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{}\r\n",
        authorized()
    );
    let reply = Reply::of(&process.exchange(request));
    assert_eq!(reply.status, 200, "{reply:?}");
    let page: Value = serde_json::from_str(&reply.body).expect("JSON");
    page["data"].clone()
}

/// A stopped server's data folder, and its messages.
async fn kept() -> (TempDir, Value) {
    let receiver = Receiver::start(vec![answering(100, &reply("500 No", ""))]).await;
    let folder = empty_folder();
    let mut process = serve(&folder.path().join("data"));
    post(&process, "/app", &json!({"name": "Acme", "uid": "acme"}));
    let url = format!("http://{}/", receiver.address);
    post(&process, "/app/acme/endpoint", &json!({"url": url}));
    for number in 0..MESSAGES {
        let message = json!({
            "eventType": "a.b",
            "eventId": format!("event-{number}"),
            "payload": {"number": number, "text": "x".repeat(500)},
        });
        post(&process, "/app/acme/msg", &message);
    }
    receiver.arrived(MESSAGES).await;
    let messages = messages(&process);
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
    (folder, messages)
}

fn data(folder: &TempDir) -> PathBuf {
    folder.path().join("data")
}

fn bytes(folder: &TempDir) -> Vec<u8> {
    fs::read(data(folder).join(FILE)).expect("readable")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_servers_store_is_clean_and_counted() {
    let (folder, _) = kept().await;
    let before = bytes(&folder);

    let output = store(&["check"], &data(&folder));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).starts_with("clean: "), "{output:?}");
    let report = document(&store(&["check", "--json"], &data(&folder)));
    assert_eq!(report["is_clean"], true);
    assert_eq!(report["faults"], json!([]));

    let stats = document(&store(&["stats", "--json"], &data(&folder)));
    assert_eq!(stats["applications"], 2, "acme and default: {stats}");
    assert_eq!(stats["endpoints"], 1);
    assert_eq!(stats["waiting"], MESSAGES);
    assert_eq!(stats["file_bytes"], before.len());
    let rows = |name: &str| {
        let tables = stats["tables"].as_array().expect("a list");
        let found = tables.iter().find(|table| table["name"] == name);
        found.expect(name)["rows"].clone()
    };
    assert_eq!(rows("payloads.00000000"), MESSAGES);
    assert_eq!(rows("open"), MESSAGES);
    assert_eq!(rows("retry"), MESSAGES);
    assert_eq!(stats["buckets"][0]["waiting"], MESSAGES);
    assert_eq!(stats["buckets"][0]["is_closed"], false);

    let table = text(&store(&["stats"], &data(&folder)).stdout);
    assert!(table.contains("waiting deliveries\t5\n"), "{table}");
    assert!(table.contains("payloads.00000000\t5\t"), "{table}");
    assert!(bytes(&folder) == before, "neither changes anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_no_endpoint_was_tried_with_are_the_backlog() {
    let folder = empty_folder();
    let receiver = Receiver::start(vec![answering(100, &reply("200 OK", ""))]).await;
    let mut process = serve(&folder.path().join("data"));
    post(&process, "/app", &json!({"name": "Acme", "uid": "acme"}));
    let url = format!("http://{}/", receiver.address);
    post(&process, "/app/acme/endpoint", &json!({"url": url}));
    post(
        &process,
        "/app/acme/msg",
        &json!({"eventType": "a", "payload": {}}),
    );
    receiver.arrived(1).await;
    process.signal("TERM");
    assert_eq!(process.end().0, Some(0));
    let stats = document(&store(&["stats", "--json"], &data(&folder)));
    assert_eq!(stats["waiting"], 0, "{stats}");
    let listed = stats["backlogs"].as_array().expect("a list").len();
    assert_eq!(stats["backlogs_count"], listed, "{stats}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_whole_refuses_to_overwrite_and_serves() {
    let (folder, sent) = kept().await;
    let copy = folder.path().join("copy.db");
    let copy_text = copy.to_str().expect("UTF-8");

    let report = document(&store(&["backup", copy_text, "--json"], &data(&folder)));
    assert_eq!(report["is_clean"], true);
    assert!(fs::read(&copy).expect("readable") == bytes(&folder));
    let names = || {
        let entries = fs::read_dir(folder.path()).expect("readable");
        let names = entries.map(|entry| entry.expect("readable").file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["copy.db", "data"]);

    fs::write(&copy, b"mine").expect("writable");
    let refused = store(&["backup", copy_text], &data(&folder));
    assert_fails(&refused, &["copy.db", "exists already"]);
    assert_eq!(fs::read(&copy).expect("readable"), b"mine");
    assert_eq!(names(), ["copy.db", "data"]);

    let other = folder.path().join("none/copy.db");
    let refused = store(&["backup", other.to_str().expect("UTF-8")], &data(&folder));
    assert_fails(&refused, &["No such file"]);

    let restored = folder.path().join("restored");
    fs::create_dir(&restored).expect("writable");
    fs::remove_file(&copy).expect("it is there");
    let done = store(&["backup", copy_text], &data(&folder));
    assert!(text(&done.stdout).contains("checked"), "{done:?}");
    fs::rename(&copy, restored.join(FILE)).expect("one file system");
    assert_eq!(messages(&serve(&restored)), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn compacting_gives_space_back_and_loses_nothing() {
    let (folder, sent) = kept().await;
    let before = bytes(&folder).len();
    // Of a compaction that a crash ended.
    fs::write(data(&folder).join("fanfare.db.new"), [1; 10_000]).expect("writable");
    let done = document(&store(&["compact", "--json"], &data(&folder)));
    let after = bytes(&folder).len();
    assert_eq!(done["bytes_before"], before);
    assert_eq!(done["bytes_after"], after);
    assert!(after < before, "{done}");
    assert!(!data(&folder).join("fanfare.db.new").exists());
    assert_eq!(
        store(&["check"], &data(&folder)).status.code(),
        Some(0),
        "what was compacted is whole"
    );
    let stats = document(&store(&["stats", "--json"], &data(&folder)));
    assert_eq!(stats["waiting"], MESSAGES);
    assert_eq!(messages(&serve(&data(&folder))), sent);
    let again = store(&["compact"], &data(&folder));
    let told = text(&again.stdout);
    assert!(
        told.starts_with("before ") && told.contains(", after "),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_is_refused_by_every_command() {
    let folder = empty_folder();
    let process = serve(&data(&folder));
    let destination = folder.path().join("copy.db");
    let backup = ["backup", destination.to_str().expect("UTF-8")];
    for verb in [&["check"][..], &["stats"], &backup, &["compact"]] {
        let refused = store(verb, &data(&folder));
        assert_fails(&refused, &["in use by another process", "--data-dir"]);
    }
    assert!(!destination.exists());
    assert_serve_fails(&data(&folder), &["in use by another process", "--data-dir"]);
    drop(process);
    assert_eq!(store(&["check"], &data(&folder)).status.code(), Some(0));
}

#[test]
fn a_folder_without_a_store_is_left_alone() {
    let folder = empty_folder();
    let parts = ["there is no fanfare.db", "--data-dir", "./fanfare-data"];
    for place in [folder.path().to_path_buf(), folder.path().join("none")] {
        for verb in [&["check"][..], &["stats"], &["backup", "a"], &["compact"]] {
            assert_fails(&store(verb, &place), &parts);
        }
    }
    let left = fs::read_dir(folder.path()).expect("readable").count();
    assert_eq!(left, 0, "no lock, no folder");
}

/// The folder is that of `serve`, by flag, variable, file or default.
#[test]
fn the_default_folder_is_that_of_serve() {
    let folder = empty_folder();
    let told = |command: &mut std::process::Command| {
        let output = command.output().expect("the binary starts");
        assert_fails(&output, &["there is no fanfare.db"])
    };
    let check = ["store", "check"];
    let line = told(&mut fanfare(&folder, &check));
    assert!(line.contains("/.local/share/fanfare\""), "{line}");
    let line = told(fanfare(&folder, &check).env("FANFARE_DATA_DIR", "/nowhere/a"));
    assert!(line.contains("\"/nowhere/a\""), "{line}");
    fs::write(
        folder.path().join("fanfare.toml"),
        "data_dir = '/nowhere/b'\n",
    )
    .expect("written");
    let line = told(&mut fanfare(&folder, &check));
    assert!(line.contains("\"/nowhere/b\""), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_store_or_newer_is_refused_and_not_touched() {
    let (folder, _) = kept().await;
    let path = data(&folder).join(FILE);
    let whole = bytes(&folder);
    let mut newer = whole.clone();
    newer[11] = 9;
    let hash = xxhash_rust::xxh3::xxh3_64(&newer[..14]).to_be_bytes();
    newer[14..22].copy_from_slice(&hash);
    let mut head = whole.clone();
    head[9] ^= 1;
    let cases: [(Vec<u8>, &[&str]); 6] = [
        (newer, &["format 9", "newer release", "nothing was changed"]),
        (b"a text".to_vec(), &["no store of Fanfare's", "--data-dir"]),
        (Vec::new(), &["no store of Fanfare's", "--data-dir"]),
        (head, &["its head is damaged", "restore a backup"]),
        (whole[..4_096].to_vec(), &["damaged", "restore a backup"]),
        (
            whole[..whole.len() / 2].to_vec(),
            &["damaged", "restore a backup"],
        ),
    ];
    for (content, parts) in cases {
        fs::write(&path, &content).expect("writable");
        assert_serve_fails(&data(&folder), parts);
        for verb in [&["check"][..], &["stats"], &["compact"]] {
            let refused = store(verb, &data(&folder));
            assert_fails(&refused, &[]);
            let told = text(&refused.stdout) + &text(&refused.stderr);
            for part in parts {
                assert!(told.contains(part), "{part} is not in: {told}");
            }
        }
        assert!(
            fs::read(&path).expect("readable") == content,
            "{parts:?}: it was changed"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_can_not_be_written_is_refused_with_its_name() {
    assert_serve_fails(Path::new("/proc/self"), &["/proc/self", "--data-dir"]);
}

/// The payloads of all messages in the store of a disk, or what opening or reading it said.
fn payloads(disk: Arc<dyn Disk>) -> Result<Vec<Vec<u8>>, String> {
    let store = EmbeddedStore::open(disk, EmbeddedOptions::default());
    let store = store.map_err(|error| error.to_string())?;
    let name = Name::Uid("acme".into());
    let found = store
        .application(&name)
        .map_err(|error| error.to_string())?;
    let key = found.ok_or("the application is gone")?.key;
    let query = HistoryQuery {
        above: None,
        below: None,
        order: Order::OldestFirst,
        limit: 100,
    };
    let events = store
        .events(key, query)
        .map_err(|error| error.to_string())?;
    let payloads = events
        .iter()
        .map(|entry| entry.event.payload.bytes.to_vec());
    Ok(payloads.collect())
}

/// What a check says of a disk.
fn faults(disk: &dyn Disk) -> Vec<String> {
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    check(disk, &progress).expect("it is a store").faults
}

/// Bits of a file at random: half of them in the pages that hold something, half in redb's header.
fn some_bits(whole: &[u8], count: usize) -> Vec<usize> {
    const HEADER: usize = 4_096;
    let mut random = Stream::new(20_261_126, "bits", 0, 0);
    let mut below = |bound: usize| {
        let drawn = random.below(bound as u64);
        usize::try_from(drawn).expect("small")
    };
    let used: Vec<usize> = (0..whole.len() / 4_096)
        .filter(|page| whole[page * 4_096..][..4_096].iter().any(|byte| *byte != 0))
        .collect();
    let mut bits = Vec::new();
    while bits.len() < count {
        bits.push(used[below(used.len())] * 4_096 * 8 + below(4_096 * 8));
        bits.push(HEADER * 8 + below(320 * 8));
    }
    bits
}

/// A bit flipped in the closed file: that is told, or nothing is wrong with what it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_told_or_changes_nothing() {
    let (folder, _) = kept().await;
    let whole = bytes(&folder);
    let path = data(&folder).join(FILE);
    // Without its lock, which the processes that other tests start would inherit for a moment.
    let disk = Arc::new(SystemDisk::shared(&data(&folder)));
    let expected = payloads(disk.clone()).expect("it is whole");
    assert_eq!(expected.len(), MESSAGES);
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let (mut told, mut harmless) = (0, 0);
    for bit in some_bits(&whole, 300) {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &flipped).expect("writable");
        let is_clean = check(&*disk, &progress).is_ok_and(|report| report.is_clean);
        match payloads(disk.clone()) {
            Ok(payloads) => {
                assert!(
                    payloads == expected,
                    "bit {bit}: wrong bytes or lost events"
                );
                assert!(is_clean, "bit {bit}: it starts and the check complains");
                harmless += 1;
            }
            Err(line) => {
                assert!(!line.contains('\n') && !is_clean, "bit {bit}: {line}");
                told += 1;
            }
        }
    }
    assert!(told > 0 && harmless > 0, "{told} told, {harmless} harmless");
}

/// A simulated disk with the store of a stopped server.
fn simulated(whole: &[u8]) -> SimulatedDisk {
    let disk = SimulatedDisk::new(7);
    let file = disk.open(FILE).expect("it opens");
    file.write(0, whole).expect("there is room");
    file.sync().expect("it works");
    disk.sync_folder().expect("it works");
    disk
}

/// A crash or a full disk at every operation of a compaction leaves a whole store with everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_that_breaks_off_loses_nothing() {
    let (folder, _) = kept().await;
    let whole = bytes(&folder);
    let expected = payloads(Arc::new(SystemDisk::shared(&data(&folder)))).expect("it is whole");
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let mut crashes = 0;
    loop {
        let disk = simulated(&whole);
        disk.set_faults(DiskFaults {
            crash_at: Some(disk.operations() + crashes),
            ..DiskFaults::default()
        });
        let compacted = compact(&disk, &progress);
        disk.restart();
        disk.set_faults(DiskFaults::default());
        assert_eq!(faults(&disk), Vec::<String>::new(), "crash at {crashes}");
        let found = payloads(Arc::new(disk.clone())).expect("it opens");
        assert!(found == expected, "crash at {crashes}");
        let left = disk.exists("fanfare.db.new").expect("readable");
        assert!(!left, "a start takes away what a crash left");
        if let Ok(compacted) = compacted {
            assert!(compacted.bytes_after < compacted.bytes_before);
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 20, "only {crashes} operations");

    for room in [whole.len(), whole.len() + 40_000, whole.len() + 200_000] {
        let disk = simulated(&whole);
        disk.set_faults(DiskFaults {
            capacity: Some(room as u64),
            ..DiskFaults::default()
        });
        if compact(&disk, &progress).is_err() {
            assert!(!disk.exists("fanfare.db.new").expect("readable"));
            let length = disk.open(FILE).and_then(|file| file.length());
            assert_eq!(length.expect("readable"), whole.len() as u64);
        }
        assert_eq!(faults(&disk), Vec::<String>::new(), "room for {room}");
    }
}

/// A backup bears its name only when it is whole, wherever a crash comes.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_breaks_off_has_no_name() {
    let (folder, _) = kept().await;
    let whole = bytes(&folder);
    let progress: Arc<dyn Progress> = Arc::new(Unseen);
    let mut crashes = 0;
    loop {
        let store = simulated(&whole);
        let other = SimulatedDisk::new(crashes);
        other.set_faults(DiskFaults {
            crash_at: Some(crashes),
            ..DiskFaults::default()
        });
        let copied = backup(&store, &other, "copy.db", &progress);
        other.restart();
        if other.exists("copy.db").expect("readable") {
            let copy = other.open("copy.db").expect("it opens");
            let mut read = vec![0; whole.len()];
            copy.read(0, &mut read).expect("it is that long");
            assert!(read == whole, "crash at {crashes}");
        } else {
            assert!(copied.is_err(), "crash at {crashes}");
        }
        if copied.is_ok() {
            break;
        }
        crashes += 1;
    }
    assert!(crashes > 4, "only {crashes} operations");
}
