//! The commands that speak to a running server, as their users meet them.

use std::net::TcpListener;

use serde_json::Value;

use crate::support::{
    client::{KEY, assert_fails, json, printed, run, run_with, server, text},
    process::{Process, empty_folder, fanfare},
    receiver::{Receiver, answering, reply},
};

#[test]
fn an_application_gets_an_endpoint_and_its_key_from_the_command_line() {
    let server = server();
    let created = printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    assert!(created.contains("uid\tacme\n"), "{created}");
    let endpoint = [
        "endpoint",
        "create",
        "acme",
        "https://h.example/",
        "--uid",
        "hook",
    ];
    let fields = ["--event-type", "invoice.*", "--metadata", "a=b"];
    let endpoint = json(&server, &[&endpoint[..], &fields].concat());
    assert_eq!(endpoint["eventTypes"], serde_json::json!(["invoice.*"]));
    assert_eq!(endpoint["metadata"]["a"], "b");
    let secret = ["endpoint", "secret", "acme", "hook"];
    let key = printed(&server, &secret);
    assert!(key.starts_with("whsec_"), "{key}");
    let rotate = ["endpoint", "rotate", "acme", "hook", "--grace", "1h"];
    let rotated = printed(&server, &rotate);
    assert!(rotated.starts_with("whsec_") && rotated != key);
    assert_eq!(printed(&server, &secret), rotated);
}

/// A server with an application `acme` and its endpoint `hook`, which answers `thanks`.
async fn story() -> (Process, Receiver) {
    let server = server();
    let receiver = Receiver::start(vec![answering(2, &reply("200 OK", "thanks"))]).await;
    let url = format!("http://{}/hook", receiver.address);
    printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    let endpoint = ["endpoint", "create", "acme", &url, "--uid", "hook"];
    printed(
        &server,
        &[&endpoint[..], &["--header", "x-tenant=7"]].concat(),
    );
    (server, receiver)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_to_the_byte_and_what_came_of_it_is_shown() {
    let (server, receiver) = story().await;
    let payload = "{\"n\": 1.10, \"e\":\"\\u00e9\"}\n";
    let send = [
        "event",
        "send",
        "acme",
        "invoice.paid",
        "--event-id",
        "inv-1",
        "--json",
    ];
    let address = format!("http://{}", server.address);
    let sent = run_with(&address, KEY, &send, payload);
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    let arrived = receiver.arrived(1).await;
    assert_eq!(text(&arrived[0].body), payload.trim());
    assert_eq!(arrived[0].header("x-tenant"), Some("7"));
    assert_fails(&run_with(&address, KEY, &send, payload), 1, &["409"]);
    let shown = printed(&server, &["event", "show", "acme", "inv-1"]);
    assert!(shown.ends_with(payload), "{shown}");
    assert!(shown.contains("eventType\tinvoice.paid\n"), "{shown}");
    let listed = printed(&server, &["event", "list", "acme"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let listed = json(
        &server,
        &["event", "list", "acme", "--event-type", "invoice.paid"],
    );
    assert_eq!(listed["payload"]["n"], serde_json::json!(1.10));

    // The attempt is recorded within a moment; each look is a process of its own.
    let attempts = ["delivery", "attempts", "acme", "--event", "inv-1"];
    let mut looks = std::iter::repeat_with(|| printed(&server, &attempts)).take(1_000);
    let found = looks
        .find(|table| table.lines().count() == 2)
        .expect("recorded");
    assert!(found.contains("\tsuccess\t200\t"), "{found}");
    let of_event = printed(&server, &["delivery", "list", "acme", "--event", "inv-1"]);
    assert!(of_event.contains("\thook\thttp://") && of_event.ends_with("\tsuccess\t-\n"));
    let list = ["delivery", "list", "acme", "--endpoint", "hook", "--status"];
    let of_status = |status| printed(&server, &[&list[..], &[status]].concat());
    assert_eq!(of_status("success").lines().count(), 2);
    assert_eq!(of_status("pending").lines().count(), 1);
    let to_endpoint = ["delivery", "attempts", "acme", "--endpoint", "hook"];
    assert_eq!(json(&server, &to_endpoint)["response"], "thanks");
    let failed = printed(&server, &[&attempts[..], &["--failed"]].concat());
    assert_eq!(failed.lines().count(), 1, "{failed}");

    let stats = ["endpoint", "stats", "acme", "hook"];
    assert_eq!(
        printed(&server, &stats),
        "success\t1\npending\t0\nsending\t0\nfail\t0\ncanceled\t0\n"
    );
    let before = ["--since", "2h", "--until", "2026-01-01T00:00:00+00:00"];
    assert_fails(
        &run(&server, &[&stats[..], &before].concat()),
        1,
        &["422", "since"],
    );
    let of_an_hour = json(&server, &[&stats[..], &["--since", "1h"]].concat());
    assert_eq!(of_an_hour["success"], 1);

    let resend = ["delivery", "resend", "acme", "inv-1", "hook"];
    assert_eq!(printed(&server, &resend), "");
    let again = receiver.arrived(2).await;
    assert_eq!(again[1].header("webhook-id"), again[0].header("webhook-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_goes_and_what_was_answered_and_neither_without_being_sure() {
    let (server, receiver) = story().await;
    let send = [
        "event",
        "send",
        "acme",
        "a.b",
        "--data",
        "{}",
        "--event-id",
        "inv-1",
    ];
    printed(&server, &send);
    receiver.arrived(1).await;
    let to_endpoint = ["delivery", "attempts", "acme", "--endpoint", "hook"];
    let mut looks = std::iter::repeat_with(|| printed(&server, &to_endpoint)).take(1_000);
    assert!(looks.any(|table| table.lines().count() == 2), "recorded");
    let expunge = ["event", "expunge", "acme", "inv-1"];
    assert_fails(&run(&server, &expunge), 2, &["--yes"]);
    assert_eq!(printed(&server, &[&expunge[..], &["--yes"]].concat()), "");
    let shown = json(&server, &["event", "show", "acme", "inv-1"]);
    assert_eq!(shown["payload"], serde_json::json!({ "expired": true }));
    let answered = json(&server, &to_endpoint);
    assert_eq!(answered["response"], "thanks");
    let id = answered["id"].as_str().expect("an id");
    let expunge = ["delivery", "expunge", "acme", "inv-1", id];
    assert_fails(&run(&server, &expunge), 2, &["--yes"]);
    assert_eq!(printed(&server, &[&expunge[..], &["--yes"]].concat()), "");
    assert_eq!(
        json(&server, &to_endpoint)["response"],
        "",
        "the attempt stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_example_is_sent_to_one_endpoint_and_shown() {
    let (server, receiver) = story().await;
    let send = ["endpoint", "send-example", "acme", "hook"];
    let shown = printed(&server, &[&send[..], &["svix.ping"]].concat());
    assert!(shown.contains("eventType\tsvix.ping\n"), "{shown}");
    let arrived = receiver.arrived(1).await;
    assert!(shown.contains(&text(&arrived[0].body)), "{shown}");
    let unknown = run(&server, &[&send[..], &["none"]].concat());
    assert_fails(&unknown, 1, &["422", "eventType"]);
    let folder = empty_folder();
    let file = folder.path().join("schema.json");
    std::fs::write(&file, r#"{"examples":[{"a":1},{"a":2}]}"#).expect("written");
    let file = file.to_str().expect("UTF-8");
    printed(
        &server,
        &["event-type", "create", "a.b", "A", "--schema-file", file],
    );
    let second = json(&server, &[&send[..], &["a.b", "--index", "1"]].concat());
    assert_eq!(second["payload"], serde_json::json!({ "a": 2 }));
}

#[test]
fn an_event_for_later_has_a_time_that_is_not_too_far_ahead() {
    let server = server();
    printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    let send = [
        "event",
        "send",
        "acme",
        "a.b",
        "--data",
        "{}",
        "--deliver-at",
    ];
    let sent = json(&server, &[&send[..], &["2001-01-01T00:00:00Z"]].concat());
    assert_eq!(sent["deliverAt"], "2001-01-01T00:00:00.000000Z");
    let too_late = run(&server, &[&send[..], &["2100-01-01T00:00:00Z"]].concat());
    assert_fails(&too_late, 1, &["deliverAt", "up to 30 days ahead"]);
}

#[test]
fn an_endpoint_has_an_ordering_and_an_event_a_key_and_no_time_beside_it() {
    let server = server();
    printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    let url = "https://example.com/ledger";
    let make = ["endpoint", "create", "acme", url, "--uid", "ledger"];
    let made = json(&server, &[&make[..], &["--ordering", "endpoint"]].concat());
    assert_eq!(made["ordering"], "endpoint");
    let change = ["endpoint", "update", "acme", "ledger", "--ordering", "none"];
    assert_eq!(json(&server, &change)["ordering"], "none");
    let wrong = ["endpoint", "update", "acme", "ledger", "--ordering", "fifo"];
    assert_eq!(run(&server, &wrong).status.code(), Some(2));

    let send = ["event", "send", "acme", "a.b", "--data", "{}"];
    let sent = json(
        &server,
        &[&send[..], &["--ordering-key", "order-17"]].concat(),
    );
    assert_eq!(sent["orderingKey"], "order-17");
    let both = [
        "--ordering-key",
        "k",
        "--deliver-at",
        "2100-01-01T00:00:00Z",
    ];
    let refused = run(&server, &[&send[..], &both].concat());
    assert_eq!(refused.status.code(), Some(2), "a usage error");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_counted_recovered_and_followed() {
    let server = server();
    let receiver = Receiver::start(vec![answering(1, &reply("200 OK", ""))]).await;
    printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    // Nobody listens there.
    let nowhere = "http://127.0.0.1:1025/";
    printed(
        &server,
        &["endpoint", "create", "acme", nowhere, "--uid", "hook"],
    );
    printed(&server, &["event", "send", "acme", "a.b", "--data", "{}"]);
    let failed = [
        "delivery",
        "attempts",
        "acme",
        "--endpoint",
        "hook",
        "--failed",
    ];
    let mut looks = std::iter::repeat_with(|| printed(&server, &failed)).take(1_000);
    assert!(looks.any(|table| table.lines().count() == 2), "it failed");
    let dry = ["--since", "1h", "--dry-run"];
    let count = |verb: &[&str]| {
        let command = [&["task"], verb, &["acme", "hook"], &dry[..]].concat();
        json(&server, &command)["count"].clone()
    };
    assert_eq!(count(&["recover"]), 1);
    assert_eq!(count(&["replay-missing"]), 0);
    assert_eq!(count(&["replay", "--status", "pending"]), 1);
    assert_eq!(count(&["replay", "--status-class", "500"]), 0);
    assert_eq!(count(&["replay", "--event-type", "a.b", "--tag", "x"]), 0);

    let url = format!("http://{}/hook", receiver.address);
    printed(
        &server,
        &["endpoint", "update", "acme", "hook", "--url", &url],
    );
    let task = json(
        &server,
        &["task", "recover", "acme", "hook", "--since", "1h"],
    );
    receiver.arrived(1).await;
    let id = task["id"].as_str().expect("an id");
    let mut looks = std::iter::repeat_with(|| json(&server, &["task", "show", id])).take(1_000);
    let ended = looks.find(|task| task["status"] == "finished");
    assert_eq!(ended.expect("it ends")["data"]["done"], 1);
    let listed = printed(&server, &["task", "list", "--status", "finished"]);
    assert!(listed.contains(id), "{listed}");
    let cancelled = json(&server, &["task", "cancel", id]);
    assert_eq!(cancelled["status"], "finished", "it has ended");
    let unknown = run(&server, &["task", "show", "qtask_1"]);
    assert_fails(&unknown, 3, &["no task"]);
    let late = ["task", "recover", "acme", "hook", "--since", "15d"];
    assert_fails(&run(&server, &late), 1, &["14 days"]);
}

#[test]
fn an_event_that_is_sent_again_with_its_idempotency_key_is_one_event() {
    let server = server();
    let send = |key: &str, data: &str, more: &[&str]| {
        let words = ["event", "send", "default", "a.b", "--data", data];
        let words = [&words[..], &["--idempotency-key", key], more].concat();
        run(&server, &words)
    };
    let first = send("order-17", "{}", &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    assert_eq!(text(&first.stderr), "");
    let again = send("order-17", "{}", &[]);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stderr).contains("sent before"));
    assert_eq!(text(&again.stdout), text(&first.stdout));
    let other = send("order-18", "{}", &["--json"]);
    assert_eq!(text(&other.stderr), "");
    let reused = send("order-17", "{\"n\":1}", &[]);
    assert_fails(&reused, 1, &["422"]);
    let listed = printed(&server, &["event", "list", "default"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
}

#[test]
fn event_types_are_made_changed_archived_and_taken_out() {
    let server = server();
    let folder = empty_folder();
    let file = folder.path().join("schema.json");
    std::fs::write(&file, r#"{"type":"object"}"#).expect("written");
    let file = file.to_str().expect("UTF-8");
    let create = [
        "event-type",
        "create",
        "a.b",
        "A text",
        "--schema-file",
        file,
    ];
    assert_eq!(json(&server, &create)["schemas"]["1"]["type"], "object");
    assert_fails(&run(&server, &create), 1, &["409"]);
    let update = [
        "event-type",
        "update",
        "a.b",
        "--group",
        "g",
        "--deprecated",
        "true",
    ];
    let changed = json(&server, &update);
    assert_eq!(
        (&changed["groupName"], &changed["deprecated"]),
        (&"g".into(), &true.into())
    );
    let shown = printed(&server, &["event-type", "list"]);
    assert!(shown.contains("a.b\tA text\tfalse\ttrue\tg\n"), "{shown}");
    assert_eq!(printed(&server, &["event-type", "archive", "a.b"]), "");
    let send = ["event", "send", "default", "a.b", "--data", "{}"];
    assert_fails(&run(&server, &send), 1, &["the server answers 4"]);
    assert_eq!(printed(&server, &["event-type", "list"]).lines().count(), 1);
    let archived = printed(&server, &["event-type", "list", "--archived"]);
    assert_eq!(archived.lines().count(), 2, "{archived}");
    assert_eq!(
        printed(&server, &["event-type", "delete", "a.b", "--yes"]),
        ""
    );
    assert_fails(&run(&server, &["event-type", "show", "a.b"]), 3, &["404"]);
    json(&server, &send);
}

#[test]
fn fields_are_changed_and_emptied_and_things_deleted() {
    let server = server();
    printed(
        &server,
        &["app", "create", "A", "--uid", "a", "--metadata", "k=v"],
    );
    let changed = json(
        &server,
        &["app", "update", "a", "--name", "B", "--clear", "metadata"],
    );
    assert_eq!(
        (&changed["name"], &changed["metadata"]),
        (&"B".into(), &serde_json::json!({}))
    );
    printed(
        &server,
        &[
            "endpoint",
            "create",
            "a",
            "http://127.0.0.1:1025/",
            "--uid",
            "e",
            "--disabled",
        ],
    );
    let shown = printed(&server, &["endpoint", "list", "a"]);
    assert!(
        shown.contains("\te\thttp://127.0.0.1:1025/\ttrue\t-\n"),
        "{shown}"
    );
    let enabled = json(&server, &["endpoint", "update", "a", "e", "--enable"]);
    assert_eq!(enabled["disabled"], false);
    assert_fails(
        &run(&server, &["endpoint", "update", "a", "e"]),
        2,
        &["at least one field"],
    );
    assert_fails(
        &run(&server, &["endpoint", "delete", "a", "e"]),
        2,
        &["--yes"],
    );
    assert_eq!(
        printed(&server, &["endpoint", "delete", "a", "e", "--yes"]),
        ""
    );
    assert_fails(&run(&server, &["endpoint", "show", "a", "e"]), 3, &["404"]);
    assert_eq!(printed(&server, &["app", "delete", "a", "--yes"]), "");
    assert_fails(&run(&server, &["app", "show", "a"]), 3, &["404"]);
}

#[test]
fn a_list_is_read_page_by_page() {
    let server = server();
    let key = format!("authorization: Bearer {KEY}\r\n");
    for number in 0..260 {
        let body = format!(r#"{{"name":"n","uid":"u{number}"}}"#);
        assert_eq!(server.post("/api/v1/app", &key, body).status, 201);
    }
    // With `default`, which is there from the start.
    let all = printed(&server, &["app", "list", "--all", "--json"]);
    let uids = all.lines().map(|line| {
        let entry: Value = serde_json::from_str(line).expect("one object a line");
        entry["uid"].as_str().expect("a uid").to_owned()
    });
    let uids: std::collections::BTreeSet<String> = uids.collect();
    assert_eq!((uids.len(), all.lines().count()), (261, 261));
    let some = printed(
        &server,
        &["app", "list", "--limit", "255", "--order", "descending"],
    );
    let uids: Vec<&str> = some
        .lines()
        .filter_map(|line| line.split('\t').nth(1))
        .collect();
    assert_eq!((uids[0], uids[1], uids.len()), ("UID", "u259", 256));
    assert_eq!(
        printed(&server, &["app", "list", "--limit", "0"])
            .lines()
            .count(),
        1
    );
}

#[test]
fn what_goes_wrong_has_an_exit_code_of_its_own_and_shows_no_key() {
    let server = server();
    let url = format!("http://{}", server.address);
    let list = ["app", "list"];
    let wrong = run_with(&url, "another-canary-key-that-is-long-enough", &list, "");
    assert_fails(&wrong, 4, &["401"]);
    let folder = empty_folder();
    let mut keyless = fanfare(&folder, &["app", "list", "--server", &url]);
    assert_fails(
        &keyless.output().expect("it starts"),
        4,
        &["401", "FANFARE_KEY"],
    );
    assert_fails(
        &run_with(&url, "short-canary", &list, ""),
        2,
        &["FANFARE_KEY"],
    );
    let bad = [
        "endpoint",
        "create",
        "default",
        "ftp://h/",
        "--channel",
        "*",
    ];
    assert_fails(
        &run(&server, &bad),
        1,
        &["422", "body.url: ", "; body.channels: "],
    );
    let no_payload = ["event", "send", "default", "t", "--data", "{"];
    assert_fails(&run(&server, &no_payload), 2, &["JSON"]);
    let missing = ["event", "send", "default", "t", "/no/such/file"];
    assert_fails(&run(&server, &missing), 1, &["/no/such/file"]);

    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", nobody.local_addr().expect("bound"));
    let silent = ["app", "list", "--timeout", "50ms"];
    assert_fails(
        &run_with(&url, KEY, &silent, ""),
        5,
        &["did not answer within 50ms"],
    );
    drop(nobody);
    assert_fails(&run_with(&url, KEY, &list, ""), 5, &["does not answer"]);
}

#[test]
fn a_profile_names_a_server_and_its_key() {
    let server = server();
    let folder = empty_folder();
    let settings = folder.path().join(".config/fanfare");
    std::fs::create_dir_all(&settings).expect("made");
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, format!("{KEY}\n")).expect("written");
    let text_of = format!(
        "[default]\nserver = \"http://127.0.0.1:1025/\"\n\
         [here]\nserver = \"http://{}/api/v1\"\nkey_file = {key_file:?}\n",
        server.address
    );
    std::fs::write(settings.join("profiles.toml"), text_of).expect("written");
    let run = |arguments: &[&str]| fanfare(&folder, arguments).output().expect("it starts");
    let listed = run(&["app", "list", "--profile", "here"]);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed.stderr));
    assert!(text(&listed.stdout).contains("\tdefault\t"));
    assert_fails(&run(&["app", "list"]), 5, &["127.0.0.1:1025"]);
    assert_fails(
        &run(&["app", "list", "--profile", "gone"]),
        2,
        &["\"gone\"", "profiles.toml"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_blocks_a_line_is_listed_and_makes_way_from_the_command_line() {
    let server = server();
    let receiver = Receiver::start(vec![answering(100, &reply("503 No", ""))]).await;
    let url = format!("http://{}/hook", receiver.address);
    printed(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    printed(
        &server,
        &["endpoint", "create", "acme", &url, "--uid", "hook"],
    );
    for id in ["inv-1", "inv-2", "inv-3"] {
        let event = ["event", "send", "acme", "a.b", "--data", "{}"];
        let in_line = ["--event-id", id, "--ordering-key", "customer-7"];
        printed(&server, &[&event[..], &in_line].concat());
    }
    let blocked = ["delivery", "blocked", "acme", "hook"];
    // The attempt is recorded within a moment; each look is a process of its own.
    let mut looks = std::iter::repeat_with(|| printed(&server, &blocked)).take(1_000);
    let held = |table: &String| table.contains("\tinv-1\ta.b\t2\t1\tstatus 503\t");
    assert!(looks.any(|table| held(&table)), "it holds two up");
    let why = ["--reason", "customer: never existed"];
    let skip = ["delivery", "skip", "acme", "inv-1", "hook"];
    let noted = printed(&server, &[&skip[..], &why].concat());
    assert!(noted.contains("action\tskip\n"), "{noted}");
    assert!(
        noted.contains("reason\tcustomer: never existed\n"),
        "{noted}"
    );
    assert_fails(&run(&server, &skip), 1, &["409", "has ended"]);
    let park = ["delivery", "park", "acme", "inv-2", "hook"];
    let mut parked = std::iter::repeat_with(|| run(&server, &park)).take(1_000);
    assert!(
        parked.any(|output| output.status.success()),
        "its turn comes"
    );
    let audit = ["delivery", "audit", "acme", "hook"];
    let table = printed(&server, &audit);
    let rows: Vec<&str> = table.lines().collect();
    let [head, second, first] = rows[..] else {
        panic!("{table}");
    };
    assert_eq!(head, "TIME\tACTION\tEVENT\tBY\tREASON");
    assert!(
        second.contains("\tpark\t") && second.ends_with("\t-"),
        "{second}"
    );
    assert!(
        first.ends_with("\tcustomer: never existed") && first.contains("\tadmin\t"),
        "{first}"
    );
}
