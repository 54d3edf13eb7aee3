//! `fanfare listen` between a real server and a local application: what arrives, what is answered,
//! and that nothing stays behind.

use serde_json::{Value, json};

use crate::support::{
    client::{KEY, assert_fails, json as shown, printed, run_with, server, text},
    process::{Process, empty_folder, fanfare},
    receiver::{Act, Receiver, reply},
};

/// A server that retries after a second and may send to loopback.
fn quick_server() -> Process {
    let arguments = ["serve", "--store", "memory", "--allow-target", "127.0.0.1"];
    let variables = [
        ("FANFARE_ADMIN_KEY", KEY),
        ("FANFARE_ENGINE_RETRY_WAITS_SECONDS", "1,1,1"),
    ];
    Process::start(&arguments, &variables)
}

/// A command that listens for `server` and forwards to `url`.
fn listen(server: &Process, url: &str, more: &[&str]) -> Process {
    let address = format!("http://{}", server.address);
    let arguments = [&["listen", "--forward-to", url], more].concat();
    let variables = [("FANFARE_SERVER", address.as_str()), ("FANFARE_KEY", KEY)];
    let listening = Process::start(&arguments, &variables);
    assert!(!listening.banner.contains("canary"));
    listening
}

/// Sends an event to an application; gives its id.
fn send(server: &Process, application: &str, event_type: &str) -> String {
    let words = [
        "event",
        "send",
        application,
        event_type,
        "--data",
        "{\"n\": 1.0}",
    ];
    id_of(&shown(server, &words))
}

/// The id of an object.
fn id_of(object: &Value) -> String {
    let id = object.get("id").and_then(Value::as_str);
    id.expect("an id").to_owned()
}

/// How many endpoints an application has.
fn endpoints(server: &Process, application: &str) -> usize {
    let listed = printed(server, &["endpoint", "list", application, "--json"]);
    listed.lines().count()
}

/// A script: each request is answered with one of these, on a connection of its own.
fn one_each(answers: &[Act]) -> Vec<Vec<Act>> {
    let answers = answers.iter().cloned();
    answers.map(|answer| vec![Act::Request, answer]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_arrives_at_the_application_and_its_500_is_tried_again() {
    let server = quick_server();
    printed(&server, &["app", "create", "Acme", "--uid", "acme"]);
    let answers = [reply("500 Broken", "mend me"), reply("204 No Content", "")];
    let application = Receiver::start(one_each(&answers)).await;
    let url = format!("http://{}/hook?a=b", application.address);
    let of_acme = ["--application", "acme", "--event-types", "a.*,c"];
    let mut listening = listen(&server, &url, &of_acme);
    assert!(
        listening
            .banner
            .contains(" of acme and forwards to http://")
    );
    assert_eq!(endpoints(&server, "acme"), 1);

    send(&server, "acme", "other");
    let id = send(&server, "acme", "a.b");
    let arrived = application.arrived(2).await;
    for request in &arrived {
        assert!(request.head.starts_with("POST /hook?a=b HTTP/1.1"));
        assert_eq!(text(&request.body), "{\"n\": 1.0}");
        let host = application.address.to_string();
        assert_eq!(request.header("host"), Some(host.as_str()));
        assert_eq!(request.header("webhook-id"), Some(id.as_str()));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert!(request.header("webhook-signature").is_some());
    }
    for status in ["500", "204"] {
        let line = listening.output.next();
        let cells: Vec<&str> = line.split('\t').collect();
        assert_eq!(
            cells[1..5],
            ["a.b", id.as_str(), "verified", status],
            "{line}"
        );
        assert!(cells[5].ends_with(" ms") && cells.len() == 6, "{line}");
    }
    let attempts = ["delivery", "attempts", "acme", "--event", &id];
    // The second attempt is recorded within a moment; each look is a process of its own.
    let mut looks = std::iter::repeat_with(|| printed(&server, &attempts)).take(1_000);
    let found = looks.find(|table| table.contains("\tsuccess\t204\t"));
    let found = found.expect("recorded");
    assert!(found.contains("\tfail\t500\t"), "{found}");
    let failed = [&attempts[..], &["--failed"]].concat();
    assert_eq!(shown(&server, &failed)["response"], "mend me");

    listening.signal("TERM");
    assert_eq!(listening.end(), (Some(0), Vec::new()));
    assert_eq!(endpoints(&server, "acme"), 0);
    assert_eq!(application.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_delivery_is_one_line_of_json_also_one_that_is_forged_or_not_answered() {
    let server = quick_server();
    let application = Receiver::start(one_each(&[reply("200 OK", ""), Act::Reset])).await;
    let url = format!("http://{}/", application.address);
    let mut listening = listen(&server, &url, &["--json"]);
    let next = |listening: &Process| -> Value {
        let line = listening.output.next();
        serde_json::from_str(&line).expect("JSON")
    };

    let forged = "webhook-id: msg_1\r\nwebhook-timestamp: 1\r\nwebhook-signature: v1,AAAA\r\n";
    assert_eq!(listening.post("/", forged, "{}").status, 200);
    let told = next(&listening);
    assert_eq!(
        (&told["verified"], &told["eventType"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(
        (&told["msgId"], &told["status"]),
        (&"msg_1".into(), &200.into())
    );
    assert!(told["notVerifiedBecause"].is_string(), "{told}");

    let id = send(&server, "default", "a.b");
    let told = next(&listening);
    assert_eq!(
        (&told["verified"], &told["eventType"]),
        (&true.into(), &"a.b".into())
    );
    assert_eq!(
        (&told["msgId"], &told["status"]),
        (&json!(id), &Value::Null)
    );
    let fault = told["fault"].as_str().expect("a text");
    assert!(fault.contains("does not answer"), "{told}");
    let attempts = ["delivery", "attempts", "default", "--event", &id, "--json"];
    let mut looks = std::iter::repeat_with(|| printed(&server, &attempts)).take(1_000);
    let found = looks.find(|attempts| attempts.contains("\"responseStatusCode\":502"));
    assert!(found.expect("recorded").contains("fanfare listen: "));
    listening.signal("INT");
    assert_eq!(listening.end().0, Some(0));
    assert_eq!(endpoints(&server, "default"), 0);
}

#[test]
fn a_server_that_may_not_send_here_is_told_how_it_may() {
    let serving = |options: &[&str]| {
        let arguments = [&["serve", "--store", "memory"], options].concat();
        Process::start(&arguments, &[("FANFARE_ADMIN_KEY", KEY)])
    };
    // It says so when it is told of the endpoint.
    let server = serving(&[]);
    let here = format!("http://{}", server.address);
    let arguments = ["listen", "--forward-to", "http://127.0.0.1:1025/"];
    let refused = run_with(&here, KEY, &arguments, "");
    assert_fails(&refused, 1, &["--allow-target"]);
    assert_eq!(endpoints(&server, "default"), 0);
    // Or when it is to send.
    let server = serving(&["--https-only", "--allow-target", "127.0.0.1"]);
    let mut listening = listen(&server, "http://127.0.0.1:1025/", &[]);
    send(&server, "default", "a.b");
    let told = listening.messages.next();
    let is_told = told.starts_with("error: ") && told.contains("without --https-only");
    assert!(is_told, "{told}");
    assert_eq!(listening.end(), (Some(1), Vec::new()));
    assert_eq!(endpoints(&server, "default"), 0);
}

#[test]
fn it_ends_when_its_endpoint_is_gone() {
    let server = server();
    let mut listening = listen(&server, "http://127.0.0.1:1025/", &[]);
    let endpoint = shown(&server, &["endpoint", "list", "default"]);
    let id = id_of(&endpoint);
    printed(&server, &["endpoint", "delete", "default", &id, "--yes"]);
    let told = listening.messages.next();
    assert!(told.contains("was deleted"), "{told}");
    assert_eq!(listening.end().0, Some(3));
}

#[test]
fn what_can_not_be_listened_for_is_refused_before_anything_is_made() {
    let server = server();
    let here = format!("http://{}", server.address);
    let listen = ["listen", "--forward-to", "http://127.0.0.1:1025/"];
    let refused = |url: &str, more: &[&str]| run_with(url, KEY, &[&listen, more].concat(), "");
    assert_fails(&refused("http://10.0.0.1:9", &[]), 2, &["--listen"]);
    assert_fails(
        &refused(&here, &["--listen", "0.0.0.0:0"]),
        2,
        &["all addresses"],
    );
    assert_fails(&refused(&here, &["--application", "none"]), 3, &["404"]);
    assert_fails(
        &refused(&here, &["--event-types", "a b"]),
        1,
        &["422", "eventTypes"],
    );
    let taken = server.address.to_string();
    assert_fails(&refused(&here, &["--listen", &taken]), 1, &["in use"]);
    let folder = empty_folder();
    let mut keyless = fanfare(&folder, &[&listen[..], &["--server", &here]].concat());
    assert_fails(
        &keyless.output().expect("it starts"),
        4,
        &["401", "FANFARE_KEY"],
    );
    assert_eq!(endpoints(&server, "default"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once_and_what_stays_behind_is_named() {
    let none = reply("404 Not Found", "{\"detail\":\"none\"}");
    let made = reply("201 Created", "{\"id\":\"ep_1\"}");
    // There is no endpoint, so it makes one; then it is never answered any more.
    let scripts = vec![
        vec![
            Act::Request,
            none,
            Act::Request,
            made,
            Act::Request,
            Act::Hang,
        ],
        vec![Act::Request, Act::Hang],
    ];
    let server = Receiver::start(scripts).await;
    let address = format!("http://{}", server.address);
    let arguments = ["listen", "--forward-to", "http://127.0.0.1:1025/"];
    let variables = [("FANFARE_SERVER", address.as_str())];
    let mut listening = Process::start(&arguments, &variables);
    server.arrived(3).await;
    listening.signal("TERM");
    let asked = server.arrived(4).await;
    let last = &asked[3].head;
    assert!(
        last.starts_with("DELETE /api/v1/app/default/endpoint/ep_1 "),
        "{last}"
    );
    listening.signal("TERM");
    let told = listening.messages.next();
    assert!(
        told.contains("fanfare endpoint delete default ep_1"),
        "{told}"
    );
    assert_eq!(listening.end().0, Some(130));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_it_takes_over_the_endpoint_that_it_left_and_what_waits_for_it() {
    let server = quick_server();
    let answers = [reply("204 No Content", ""), reply("204 No Content", "")];
    let application = Receiver::start(one_each(&answers)).await;
    let url = format!("http://{}/", application.address);
    let of_types = ["--event-types", "a.b,other"];
    let killed = listen(&server, &url, &of_types);
    let endpoint = shown(&server, &["endpoint", "list", "default"]);
    // One that is alive is left alone.
    let here = format!("http://{}", server.address);
    let twin = run_with(&here, KEY, &["listen", "--forward-to", &url], "");
    assert_fails(&twin, 1, &["--name"]);
    let mut second = listen(&server, &url, &["--name", "second"]);
    assert_eq!(endpoints(&server, "default"), 2);
    second.signal("TERM");
    assert_eq!(second.end().0, Some(0));
    killed.kill();

    let id = send(&server, "default", "a.b");
    let mut next = listen(&server, &url, &["--event-types", "a.b"]);
    let taken = shown(&server, &["endpoint", "list", "default"]);
    assert_eq!(endpoints(&server, "default"), 1);
    assert_eq!(
        (&taken["id"], &taken["uid"]),
        (&endpoint["id"], &endpoint["uid"])
    );
    assert_ne!(taken["url"], endpoint["url"]);
    assert_eq!(taken["eventTypes"], json!(["a.b"]));
    let told = next.messages.next();
    assert!(told.contains("took over ep_"), "{told}");
    // What came meanwhile arrives by its retry, signed with the key of the one that listens now.
    let line = next.output.next();
    assert!(
        line.contains(&id) && line.contains("\tverified\t204\t"),
        "{line}"
    );
    next.signal("TERM");
    assert_eq!(next.end().0, Some(0));
    assert_eq!(endpoints(&server, "default"), 0);
}
