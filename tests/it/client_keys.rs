//! `fanfare key …`, as its users meet it: what a key that was made opens, and that it ends.

use serde_json::Value;

use crate::support::{
    client::{assert_fails, json, printed, run, run_with, server, text},
    process::Process,
};

/// Makes a key; gives its id and the key itself.
fn made(server: &Process, arguments: &[&str]) -> (String, String) {
    let output = run(server, &[&["key", "create"], arguments].concat());
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    let id = told.split([' ', ':']).find(|word| word.starts_with("key_"));
    let key = text(&output.stdout);
    assert!(key.starts_with("fanfare_") && key.ends_with('\n'), "{key}");
    (id.expect("an id").to_owned(), key.trim().to_owned())
}

#[test]
fn a_key_is_printed_once_listed_without_itself_and_revoked() {
    let server = server();
    let address = format!("http://{}", server.address);
    let (id, key) = made(&server, &["shop", "--scope", "read"]);
    let list = ["key", "list"];
    let listed = printed(&server, &list);
    assert!(
        listed.starts_with("ID\tNAME\tSCOPE\tAPPLICATION\tEXPIRES\tRATE LIMIT\tBEGINS\n"),
        "{listed}"
    );
    let line = format!("{id}\tshop\tread\t-\t-\t-\tfanfare_");
    assert!(listed.contains(&line), "{listed}");
    assert!(!listed.contains(&key), "a key is shown again");
    // It reads, and reads no keys.
    let reads = run_with(&address, &key, &["app", "list"], "");
    assert_eq!(reads.status.code(), Some(0), "{}", text(&reads.stderr));
    assert_fails(&run_with(&address, &key, &list, ""), 4, &["403"]);

    let revoke = ["key", "revoke", &id];
    assert_fails(&run(&server, &revoke), 2, &["--yes"]);
    assert_eq!(printed(&server, &["key", "revoke", &id, "--yes"]), "");
    assert_fails(&run_with(&address, &key, &["app", "list"], ""), 4, &["401"]);
    assert_eq!(printed(&server, &list).lines().count(), 1);
    assert_fails(
        &run(&server, &["key", "revoke", &id, "--yes"]),
        3,
        &["404", "revoked"],
    );
}

#[test]
fn a_key_for_one_application_sends_events_there_and_nothing_else() {
    let server = server();
    let address = format!("http://{}", server.address);
    let acme = json(&server, &["app", "create", "Acme Ltd", "--uid", "acme"]);
    let create = ["key", "create", "shop", "--scope", "ingest"];
    let limits = [
        "--application",
        "acme",
        "--rate-limit",
        "50",
        "--expires-at",
        "2999-01-01T00:00:00Z",
    ];
    let shown = json(&server, &[&create[..], &limits].concat());
    assert_eq!(shown["application"], acme["id"]);
    assert_eq!(shown["rateLimit"], 50);
    let key = shown["key"].as_str().expect("the key");
    let send = |application| {
        let words = ["event", "send", application, "a.b", "--data", "{}"];
        run_with(&address, key, &words, "")
    };
    assert_eq!(send("acme").status.code(), Some(0));
    assert_fails(&send("default"), 3, &["404"]);
    assert_fails(&run_with(&address, key, &["app", "list"], ""), 4, &["403"]);
    let listed = printed(&server, &["key", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("one key");
    assert_eq!(listed["id"], shown["id"]);
    assert_eq!(listed.get("key"), None);
}

#[test]
fn what_a_server_makes_no_key_of_is_told_with_all_its_faults() {
    let server = server();
    let create = ["key", "create", "shop", "--scope", "read"];
    let wrong = ["--application", "none", "--expires-at", "tomorrow"];
    let refused = run(&server, &[&create[..], &wrong].concat());
    assert_fails(
        &refused,
        1,
        &["422", "body.application: ", "body.expiresAt: "],
    );
    let wrong = run_with(
        &format!("http://{}", server.address),
        "another-canary-key-that-is-long-enough",
        &create,
        "",
    );
    assert_fails(&wrong, 4, &["401"]);
}
