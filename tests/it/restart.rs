//! The built binary, killed and started again on the same folder: what was acknowledged is there.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    process::{Process, empty_folder},
    receiver::{Act, Receiver, answering, reply},
};

const KEY: &str = "authorization: Bearer a-key-of-more-than-32-visible-characters\r\n";
const VARIABLES: [(&str, &str); 1] = [(
    "FANFARE_ADMIN_KEY",
    "a-key-of-more-than-32-visible-characters",
)];

const ARGUMENTS: [&str; 7] = [
    "serve",
    "--seed",
    "5",
    "--data-dir",
    "data",
    "--allow-target",
    "127.0.0.0/8",
];

/// The same seed at each start: what must not repeat has another source of difference.
fn start(folder: TempDir) -> Process {
    Process::start_in(folder, &ARGUMENTS, &VARIABLES)
}

fn post(process: &Process, path: &str, body: &Value) -> (u16, Value) {
    let reply = process.post(path, KEY, body.to_string());
    let body = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    (reply.status, body)
}

fn get(process: &Process, path: &str) -> Value {
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{KEY}\r\n");
    let text = process.exchange(request);
    let (_, body) = text.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}

async fn receiver(scripts: Vec<Vec<Act>>) -> (Receiver, String) {
    let receiver = Receiver::start(scripts).await;
    let url = format!("http://{}/hook", receiver.address);
    (receiver, url)
}

fn message(payload: u32) -> Value {
    json!({"eventType": "a.b", "payload": {"number": payload}})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_after_a_kill_and_no_id_comes_again() {
    let (receiver, url) = receiver(vec![answering(10, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let endpoints = "/api/v1/app/acme/endpoint";
    let endpoint = json!({"url": url, "uid": "hook"});
    assert_eq!(post(&fanfare, endpoints, &endpoint).0, 201);
    let secret = get(&fanfare, "/api/v1/app/acme/endpoint/hook/secret");
    let original = json!({"url": "http://127.0.0.1:1025/", "token": "t"});
    assert_eq!(post(&fanfare, "/api/webhooks", &original).0, 201);
    let mut ids = Vec::new();
    for number in 0..3 {
        let (status, accepted) = post(&fanfare, "/api/v1/app/acme/msg", &message(number));
        assert_eq!(status, 202, "{accepted}");
        ids.push(accepted["id"].as_str().expect("an id").to_owned());
    }
    receiver.arrived(3).await;

    let fanfare = start(fanfare.kill());
    assert_eq!(
        get(&fanfare, "/api/v1/app/acme/endpoint/hook/secret"),
        secret
    );
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 409);
    assert_eq!(post(&fanfare, endpoints, &endpoint).0, 409);
    let (status, list) = post(&fanfare, "/api/webhooks", &original);
    assert_eq!((status, list), (200, json!([original])));
    for number in 3..6 {
        let (status, accepted) = post(&fanfare, "/api/v1/app/acme/msg", &message(number));
        assert_eq!(status, 202, "{accepted}");
        ids.push(accepted["id"].as_str().expect("an id").to_owned());
    }
    // What had no recorded outcome at the kill is sent again; everything arrives.
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 6;
    while seen.len() < 6 {
        let requests = receiver.arrived(count).await;
        seen = requests
            .iter()
            .filter_map(|sent| sent.header("webhook-id"))
            .map(str::to_owned)
            .collect();
        count += 1;
    }
    assert!(ids.is_sorted(), "{ids:?}");
    assert_eq!(seen, ids.iter().cloned().collect());
    let messages = get(&fanfare, "/api/v1/app/acme/msg");
    let listed: Vec<&str> = messages["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|entry| entry["id"].as_str())
        .collect();
    ids.reverse();
    assert_eq!(listed, ids);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_store_is_opened_with_its_master_key_alone_and_no_key_or_secret_is_told() {
    let (receiver, url) = receiver(vec![answering(2, &reply("200 OK", ""))]).await;
    let arguments = [
        "serve",
        "--data-dir",
        "data",
        "--allow-target",
        "127.0.0.0/8",
        "-vv",
    ];
    let master = "1f".repeat(31) + "2e";
    let start = |folder, variables: &[(&str, &str)]| {
        let variables = [&VARIABLES, variables].concat();
        Process::start_in(folder, &arguments, &variables)
    };
    let fanfare = start(empty_folder(), &[("FANFARE_MASTER_KEY", &master)]);
    assert_eq!(
        post(
            &fanfare,
            "/api/v1/app",
            &json!({"name": "n", "uid": "acme"})
        )
        .0,
        201
    );
    let secret = "whsec_cGxhbnRlZCBjYW5hcnk6IGEgc2lnbmluZyBzZWNyZXQ=";
    let endpoint = json!({"url": url, "uid": "hook", "secret": secret});
    assert_eq!(
        post(&fanfare, "/api/v1/app/acme/endpoint", &endpoint).0,
        201
    );
    let (status, _) = post(&fanfare, "/api/v1/app/acme/msg", &message(1));
    assert_eq!(status, 202);
    receiver.arrived(1).await;
    let told = fanfare.messages.so_far().join("\n");
    let folder = fanfare.kill();

    let file = std::fs::read(folder.path().join("data/fanfare.db")).expect("it is there");
    assert!(!file.windows(14).any(|part| part == b"planted canary"));
    let other = "2e".repeat(31) + "1f";
    for key in [None, Some(other.as_str())] {
        let mut command = crate::support::process::fanfare(&folder, &arguments);
        command.args(["--listen", "127.0.0.1:0"]).envs(VARIABLES);
        command.envs(key.map(|key| ("FANFARE_MASTER_KEY", key)));
        let refused = command.output().expect("it starts");
        assert_eq!(refused.status.code(), Some(1));
        let error = String::from_utf8(refused.stderr).expect("UTF-8");
        assert!(error.contains("FANFARE_MASTER_KEY_FILE"), "{error}");
        assert!(!error.contains(&other), "{error}");
    }
    let key_file = folder.path().join("master-key");
    std::fs::write(&key_file, format!("{master}\n")).expect("written");
    let key_file = key_file.to_str().expect("UTF-8").to_owned();
    let fanfare = start(folder, &[("FANFARE_MASTER_KEY_FILE", &key_file)]);
    let shown = get(&fanfare, "/api/v1/app/acme/endpoint/hook/secret");
    assert_eq!(shown["key"], secret);
    let told = told + &fanfare.messages.so_far().join("\n");
    for canary in ["canary", &secret[6..], &master] {
        assert!(!told.contains(canary), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_keeps_its_number_over_a_kill_and_comes_at_its_time() {
    // One script for each connection: the first dies with the process.
    let failing = answering(1, &reply("500 Internal Server Error", "no"));
    let (receiver, url) = receiver(vec![failing, answering(5, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let endpoint = json!({"url": url, "uid": "hook"});
    assert_eq!(
        post(&fanfare, "/api/v1/app/acme/endpoint", &endpoint).0,
        201
    );
    let (_, accepted) = post(&fanfare, "/api/v1/app/acme/msg", &message(1));
    let id = accepted["id"].as_str().expect("an id").to_owned();
    let attempts = format!("/api/v1/app/acme/attempt/msg/{id}");
    receiver.arrived(1).await;
    let failed_at = std::time::Instant::now();
    // Its outcome is recorded within a moment; each look is a request of its own.
    let mut looks = std::iter::repeat_with(|| get(&fanfare, &attempts)).take(100_000);
    let recorded = looks.find(|list| list["data"][0]["status"] == json!(2));
    drop(looks);
    let recorded = recorded.expect("the failure is recorded");
    assert_eq!(recorded["data"][0]["responseStatusCode"], json!(500));

    let fanfare = start(fanfare.kill());
    let requests = receiver.arrived(2).await;
    let waited = failed_at.elapsed().as_secs_f32();
    assert!(
        (3.5..30.0).contains(&waited),
        "5 s, give or take a fifth: {waited}"
    );
    assert_eq!(requests[1].header("webhook-id"), Some(id.as_str()));
    let mut looks = std::iter::repeat_with(|| get(&fanfare, &attempts)).take(100_000);
    let ended = looks.find(|list| list["data"][0]["status"] == json!(0));
    let ended = ended.expect("the success is recorded");
    assert_eq!(ended["data"].as_array().map(Vec::len), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_for_later_is_sent_once_at_its_time_over_a_kill() {
    let (receiver, url) = receiver(vec![answering(5, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let endpoint = json!({"url": url, "uid": "hook"});
    let path = "/api/v1/app/acme/endpoint";
    assert_eq!(post(&fanfare, path, &endpoint).0, 201);
    let mut later = message(1);
    let due = jiff::Timestamp::now() + Duration::from_secs(4);
    later["deliverAt"] = json!(due.to_string());
    let (status, said) = post(&fanfare, "/api/v1/app/acme/msg", &later);
    assert_eq!(status, 202, "{said}");
    let fanfare = start(fanfare.kill());
    let (status, _) = post(&fanfare, "/api/v1/app/acme/msg", &message(2));
    assert_eq!(status, 202);
    let requests = receiver.arrived(2).await;
    let arrived = jiff::Timestamp::now();
    let ids = [
        requests[0].header("webhook-id"),
        requests[1].header("webhook-id"),
    ];
    assert_ne!(ids[0], said["id"].as_str(), "the other one goes before it");
    assert_eq!(ids[1], said["id"].as_str());
    assert!(arrived >= due, "{arrived} is before {due}");
    let attempts = format!("/api/v1/app/acme/attempt/msg/{}", ids[1].expect("an id"));
    let mut looks = std::iter::repeat_with(|| get(&fanfare, &attempts)).take(100_000);
    let ended = looks.find(|list| list["data"][0]["status"] == json!(0));
    let ended = ended.expect("the success is recorded");
    assert_eq!(ended["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_their_ends_outlive_a_kill_and_no_key_stands_in_the_folder() {
    let fanfare = start(empty_folder());
    let made = |name: &str| {
        let body = json!({"name": name, "scope": "read"});
        let (status, said) = post(&fanfare, "/api/v1/key", &body);
        assert_eq!(status, 201, "{said}");
        let text = |field: &str| said[field].as_str().expect("a text").to_owned();
        (text("id"), text("key"))
    };
    let (kept, revoked) = (made("kept"), made("revoked"));
    let status = |process: &Process, key: &str| -> u16 {
        let text = process.exchange(format!(
            "GET /api/v1/app HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\
             authorization: Bearer {key}\r\n\r\n"
        ));
        let status = text.split(' ').nth(1).expect("a status");
        status.parse().expect("a number")
    };
    assert_eq!(status(&fanfare, &revoked.1), 200);
    let path = format!("/api/v1/key/{}", revoked.0);
    let gone = fanfare.exchange(format!(
        "DELETE {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{KEY}\r\n"
    ));
    assert!(gone.starts_with("HTTP/1.1 204"), "{gone}");

    let folder = fanfare.kill();
    for file in std::fs::read_dir(folder.path().join("data")).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        for (_, key) in [&kept, &revoked] {
            let key = &key.as_bytes()[13..];
            let found = bytes.windows(key.len()).any(|part| part == key);
            assert!(!found, "a key stands in the folder");
        }
    }
    let fanfare = start(folder);
    assert_eq!(status(&fanfare, &kept.1), 200);
    assert_eq!(status(&fanfare, &revoked.1), 401);
    let list = get(&fanfare, "/api/v1/key");
    assert_eq!(list["data"][0]["id"], kept.0);
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_asked_for_is_made_after_a_kill() {
    let (receiver, url) = receiver(vec![answering(10, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let endpoint = json!({"url": url, "uid": "hook"});
    let endpoints = "/api/v1/app/acme/endpoint";
    assert_eq!(post(&fanfare, endpoints, &endpoint).0, 201);
    let (_, accepted) = post(&fanfare, "/api/v1/app/acme/msg", &message(7));
    receiver.arrived(1).await;
    let is_disabled = |fanfare: &Process, is_disabled: bool| {
        let body = json!({"disabled": is_disabled}).to_string();
        let request = format!(
            "PATCH {endpoints}/hook HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{KEY}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let text = fanfare.exchange(request);
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    };
    // So that it is certain that the attempt is still to come.
    is_disabled(&fanfare, true);
    let id = accepted["id"].as_str().expect("an id");
    let resend = format!("/api/v1/app/acme/msg/{id}/endpoint/hook/resend");
    assert_eq!(post(&fanfare, &resend, &json!({})).0, 202);

    let fanfare = start(fanfare.kill());
    is_disabled(&fanfare, false);
    receiver.arrived(2).await;
    let attempts = format!("/api/v1/app/acme/attempt/msg/{id}");
    let shown = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let page = get(&fanfare, &attempts);
            if page["data"].as_array().is_some_and(|data| data.len() == 2) {
                break page;
            }
            tokio::task::yield_now().await;
        }
    });
    let shown = shown.await.expect("both attempts are recorded");
    assert_eq!(shown["data"][0]["triggerType"], 1);
    assert_eq!(shown["data"][1]["triggerType"], 0);
    let requests = receiver.requests();
    assert_eq!(
        requests[0].header("webhook-id"),
        requests[1].header("webhook-id")
    );
}

#[test]
fn a_payload_that_was_taken_away_stays_away_and_its_file_is_found_whole() {
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let (status, accepted) = post(&fanfare, "/api/v1/app/acme/msg", &message(41_414_141));
    assert_eq!(status, 202, "{accepted}");
    let path = format!(
        "/api/v1/app/acme/msg/{}",
        accepted["id"].as_str().expect("an id")
    );
    let request =
        format!("DELETE {path}/content HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{KEY}\r\n");
    let answer = fanfare.exchange(request);
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");

    let fanfare = start(fanfare.kill());
    let shown = get(&fanfare, &path);
    assert_eq!(shown["payload"], json!({"expired": true}));
    let folder = fanfare.kill();
    let data = folder.path().join("data");
    let arguments = [
        "store",
        "check",
        "--json",
        "--data-dir",
        data.to_str().expect("UTF-8"),
    ];
    let output = crate::support::process::fanfare(&folder, &arguments).output();
    let output = output.expect("the binary starts");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert_eq!(told["is_clean"], true, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a71_what_was_done_under_a_key_is_not_done_again_after_a_kill() {
    let (receiver, url) = receiver(vec![answering(10, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let once = |process: &Process, path: &str, body: &Value| {
        let headers = format!("{KEY}idempotency-key: k\r\n");
        let reply = process.post(path, &headers, body.to_string());
        let mut said: Value = serde_json::from_str(&reply.body).expect("JSON");
        // An endpoint is shown as it is now, after its rotation.
        if let Some(fields) = said.as_object_mut() {
            fields.remove("updatedAt");
        }
        (reply.status, said)
    };
    let application = json!({"name": "n", "uid": "acme"});
    let endpoint = json!({"url": url, "uid": "hook"});
    let sent = json!({"eventType": "a.b", "payload": {}, "eventId": "e"});
    let asks = [
        ("/api/v1/app", application),
        ("/api/v1/app/acme/endpoint", endpoint),
        ("/api/v1/app/acme/msg", sent),
        (
            "/api/v1/event-type",
            json!({"name": "t", "description": ""}),
        ),
        ("/api/v1/key", json!({"name": "n", "scope": "read"})),
        (
            "/api/v1/auth/app-portal-access/acme",
            json!({"capabilities": ["ViewBase"], "sessionId": "ann"}),
        ),
        ("/api/v1/app/acme/endpoint/hook/secret/rotate", json!({})),
        ("/api/v1/app/acme/msg/e/endpoint/hook/resend", json!({})),
    ];
    let first = asks.each_ref().map(|(path, body)| {
        let answer = once(&fanfare, path, body);
        assert!((200..300).contains(&answer.0), "{path} {answer:?}");
        answer
    });
    // The message, and once more by hand.
    receiver.arrived(2).await;

    let folder = fanfare.kill();
    let key = first[4].1["key"].as_str().expect("a key").as_bytes();
    // Its beginning is kept, so that people can tell keys apart.
    let key = &key["fanfare_abcde".len()..];
    for file in std::fs::read_dir(folder.path().join("data")).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        assert!(!bytes.windows(key.len()).any(|part| part == key));
    }
    let fanfare = start(folder);
    let again = asks
        .each_ref()
        .map(|(path, body)| once(&fanfare, path, body));
    assert_eq!(again, first);
    let listed = |path: &str| get(&fanfare, path)["data"].as_array().map(Vec::len);
    assert_eq!(listed("/api/v1/key"), Some(2));
    let token = &get(&fanfare, "/api/v1/key")["data"][1];
    assert_eq!(token["capabilities"], json!(["ViewBase"]));
    assert_eq!(token["sessionId"], "ann");
    assert_eq!(listed("/api/v1/app/acme/msg"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_goes_on_after_a_kill_until_everything_has_arrived() {
    const MESSAGES: u32 = 300;
    let (receiver, url) = receiver(vec![answering(1_000, &reply("200 OK", ""))]).await;
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    // Nobody listens there.
    let endpoint = json!({"url": "http://127.0.0.1:1025/", "uid": "hook"});
    assert_eq!(
        post(&fanfare, "/api/v1/app/acme/endpoint", &endpoint).0,
        201
    );
    for number in 0..MESSAGES {
        assert_eq!(
            post(&fanfare, "/api/v1/app/acme/msg", &message(number)).0,
            202
        );
    }
    let hook = "/api/v1/app/acme/endpoint/hook";
    let body = json!({ "url": url, "uid": "hook" }).to_string();
    let length = body.len();
    let answer = fanfare.exchange(format!(
        "PUT {hook} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{KEY}\r\n{body}"
    ));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let since = json!({ "since": hour_ago.to_string() });
    let (status, task) = post(&fanfare, &format!("{hook}/recover"), &since);
    assert_eq!(status, 202, "{task}");
    receiver.arrived(10).await;

    let fanfare = start(fanfare.kill());
    let mut seen = std::collections::BTreeSet::new();
    let mut count = 10;
    while seen.len() < MESSAGES as usize {
        let requests = receiver.arrived(count).await;
        seen = requests
            .iter()
            .filter_map(|sent| sent.header("webhook-id"))
            .map(str::to_owned)
            .collect();
        count = requests.len() + 1;
    }
    let id = task["id"].as_str().expect("an id");
    let path = format!("/api/v1/background-task/{id}");
    let mut told = get(&fanfare, &path);
    while told["status"] == "running" {
        tokio::task::yield_now().await;
        told = get(&fanfare, &path);
    }
    assert_eq!(told["status"], "finished", "{told}");
    assert_eq!(told["data"]["done"], told["data"]["total"], "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_before_a_kill_is_told_once_after_it() {
    let (receiver, url) = receiver(vec![answering(1, &reply("410 Gone", ""))]).await;
    let telling = |folder| {
        let chosen = ["--operational-application", "operations"];
        let arguments = [&ARGUMENTS[..], &chosen[..]].concat();
        Process::start_in(folder, &arguments, &VARIABLES)
    };
    let mut fanfare = telling(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let mut expected = Vec::new();
    // Killed as soon as it was answered, it may or may not have been told yet.
    for number in 0..5 {
        let endpoint = json!({"url": url, "uid": format!("e{number}"), "disabled": number > 0});
        let (status, made) = post(&fanfare, "/api/v1/app/acme/endpoint", &endpoint);
        assert_eq!(status, 201, "{made}");
        expected.push(made["id"].as_str().expect("an id").to_owned());
        fanfare = telling(fanfare.kill());
    }
    let list = "/api/v1/app/operations/msg?event_types=endpoint.created";
    let told = |fanfare: &Process| -> Vec<String> {
        let page = get(fanfare, list);
        let data = page["data"].as_array().expect("a list").iter().rev();
        data.map(|one| {
            one["payload"]["data"]["endpointId"]
                .as_str()
                .expect("an id")
                .to_owned()
        })
        .collect()
    };
    // Each request makes a turn, so that what is left is told without a wait.
    let mut looks = (0..2_000).map(|_| told(&fanfare));
    let seen = looks.find(|seen| seen.len() >= expected.len());
    assert_eq!(seen.as_ref(), Some(&expected));
    // The one that is enabled is gone, which is told, too.
    assert_eq!(post(&fanfare, "/api/v1/app/acme/msg", &message(1)).0, 202);
    receiver.arrived(1).await;
    let disabled = "/api/v1/app/operations/msg?event_types=endpoint.disabled";
    let mut looks = (0..2_000).map(|_| get(&fanfare, disabled));
    let page = looks.find(|page| page["data"] != json!([]));
    let about = page.expect("it is told")["data"][0]["payload"]["data"]["endpointId"].clone();
    assert_eq!(about.as_str(), expected.first().map(String::as_str));
    let folder = fanfare.kill();
    let fanfare = telling(folder);
    assert_eq!(told(&fanfare), expected);
}

/// A deleted endpoint keeps its row, which its deliveries are told by; the next one has another place.
#[test]
fn an_endpoint_is_created_after_the_newest_one_was_deleted_and_the_process_killed() {
    let fanfare = start(empty_folder());
    let application = json!({"name": "n", "uid": "acme"});
    assert_eq!(post(&fanfare, "/api/v1/app", &application).0, 201);
    let endpoints = "/api/v1/app/acme/endpoint";
    for uid in ["a", "b"] {
        let endpoint = json!({"url": "http://127.0.0.1:1025/", "uid": uid});
        assert_eq!(post(&fanfare, endpoints, &endpoint).0, 201);
    }
    let request =
        format!("DELETE {endpoints}/b HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{KEY}\r\n");
    let reply = fanfare.exchange(request);
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");

    let fanfare = start(fanfare.kill());
    for uid in ["b", "c"] {
        let endpoint = json!({"url": "http://127.0.0.1:1025/", "uid": uid});
        let (status, body) = post(&fanfare, endpoints, &endpoint);
        assert_eq!(status, 201, "{uid}: {body}");
    }
}
