//! Endpoints over HTTP.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use fanfare::domain::{command::Refusal, outcome::OutcomeKind};
use serde_json::{Value, json};

use super::{Api, local};

const PATH: &str = "/api/v1/app/a/endpoint";

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api
}

#[tokio::test]
async fn an_ed25519_key_signs_and_only_its_public_half_is_shown() {
    local(async {
        let api = api().await;
        let vectors = include_str!("../../../fixtures/signing/v1a.json");
        let vectors: Value = serde_json::from_str(vectors).expect("JSON");
        for vector in vectors.as_array().expect("a list") {
            let body = json!({ "url": "http://h/", "secret": vector["secret"] });
            let made = api.post(PATH, body).await.fine();
            let path = format!("{PATH}/{}/secret", made["id"].as_str().expect("an id"));
            let shown = api.get(&path).await.fine();
            assert_eq!(shown, json!({ "key": vector["public_key"] }));
        }
    })
    .await;
}

/// The text of a secret of that many bytes.
fn secret_of(bytes: usize) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]))
}

#[tokio::test]
async fn an_endpoint_is_201_and_shows_all_that_was_said_of_it() {
    local(async {
        let body = json!({
            "url": "https://example.com:8443/hook?a=b",
            "description": "the büro",
            "uid": "hook-1",
            "metadata": { "k": "v" },
            "eventTypes": ["order.made", "order.paid"],
            "disabled": false,
        });
        let answer = api().await.post(PATH, body.clone()).await;
        assert_eq!(answer.status, 201);
        let said = answer.fine();
        let id = said["id"].as_str().expect("an id");
        assert!(id.starts_with("ep_") && id.len() == 30, "{id}");
        for field in [
            "url",
            "description",
            "uid",
            "metadata",
            "eventTypes",
            "disabled",
        ] {
            assert_eq!(said[field], body[field], "{field}");
        }
        assert_eq!(said["channels"], Value::Null);
        assert_eq!(said["throttleRate"], Value::Null);
        assert_eq!(said["createdAt"], "2025-11-24T16:00:00.000000Z");
        assert_eq!(said["updatedAt"], said["createdAt"]);
        assert!(said.get("secret").is_none(), "it has its own route");
    })
    .await;
}

#[tokio::test]
async fn a_url_is_enough_and_older_names_and_empty_fields_are_understood() {
    local(async {
        let api = api().await;
        let said = api.post(PATH, json!({ "url": "http://h/" })).await.fine();
        assert_eq!(said["description"], "");
        assert_eq!(said["metadata"], json!({}));
        assert_eq!(said["eventTypes"], Value::Null);
        assert_eq!(said["disabled"], false);
        assert_eq!(said["version"], 1, "older libraries require it");
        let body = json!({
            "url": "http://h/",
            "filterTypes": ["a"],
            "eventTypes": null,
            "channels": null,
            "headers": {},
            "secret": null,
            "throttleRate": null,
        });
        let said = api.post(PATH, body).await.fine();
        assert_eq!(said["eventTypes"], json!(["a"]));
        assert_eq!(said["filterTypes"], json!(["a"]));
        assert_eq!(said["rateLimit"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a58_a_url_must_be_http_and_mean_what_it_says() {
    local(async {
        let api = api().await;
        for url in [
            "",
            "h",
            "//h/x",
            "/x",
            "http://",
            "ftp://h/",
            "file:///etc/passwd",
            "gopher://h/",
            "javascript:alert(1)",
            "http://h:0/",
            "http://h:65536/",
            "http://user@h/",
            "http://user:pass@h/",
            "http://h/#part",
            "http://h/a b",
            " http://h/",
            "http://h/\t",
            "http://h\\x",
            "http://h/\u{0}",
            "https://1.2.3.999/",
        ] {
            let faults = api.post(PATH, json!({ "url": url })).await.faults();
            assert_eq!(faults, ["body.url: value_error"], "{url:?}");
        }
        for url in [
            "http://h",
            "HTTPS://xn--Exmple-cua.com/",
            "http://[2606:4700::1]:8099/?q",
            "https://example.com./",
        ] {
            let said = api.post(PATH, json!({ "url": url })).await.fine();
            assert_eq!(said["url"], url, "as it was given");
        }
        for (url, kind) in [(json!(7), "type_error"), (json!(null), "type_error")] {
            let faults = api.post(PATH, json!({ "url": url })).await.faults();
            assert_eq!(faults, [format!("body.url: {kind}")]);
        }
        assert_eq!(
            api.post(PATH, json!({})).await.faults(),
            ["body.url: missing"]
        );
    })
    .await;
}

#[tokio::test]
async fn a57_a_url_to_where_nothing_is_sent_is_refused_when_it_is_said() {
    local(async {
        let api = api().await;
        let refused = ["body.url: url_not_allowed"];
        for url in [
            "http://10.0.0.1/",
            "http://10.1/",
            "http://0xa.1/",
            "https://169.254.169.254/latest",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0/",
            "http://%31%30.0.0.1/",
            "http://１０.0.0.1/",
            // Odd spellings, also of what is allowed.
            "http://0x7f.1/",
            "http://2130706433/",
            "http://017700000001/",
            "http://127.1/",
            "http://127.0.0.1./",
            "http://①②⑦.0.0.1/",
            "http://127。0。0。1/",
            "http:127.0.0.1",
            "http:/127.0.0.1/",
            "http://1.1/",
            "http://ex%61mple.com/",
            "https://Exämple.com/",
            // Other forms of what is allowed.
            "http://[::ffff:127.0.0.1]/",
            "http://[::7f00:1]/",
            "http://[64:ff9b::127.0.0.1]/",
            "http://[2002:7f00:1::1]/",
            // Ports of other services, and names that are none.
            "http://127.0.0.1:22/",
            "http://example.com:6379/",
            "https://a..example.com/",
            // What each cloud keeps its secrets behind.
            "http://168.63.129.16/",
            "http://100.100.100.200/",
            "http://192.0.0.192/",
            "http://[fd00:ec2::254]/",
        ] {
            let faults = api.post(PATH, json!({ "url": url })).await.faults();
            assert_eq!(faults, refused, "{url}");
        }
        // These are allowed here, by their address and by the name that means it.
        for url in [
            "http://127.0.0.1:1024/",
            "http://localhost/",
            "http://h.internal/",
        ] {
            assert_eq!(api.post(PATH, json!({ "url": url })).await.status, 201);
        }
        let made = api
            .put(&format!("{PATH}/e"), json!({ "url": "http://h/" }))
            .await;
        assert_eq!(made.status, 201);
        let body = json!({ "url": "http://10.0.0.1/" });
        for uid in ["e", "new"] {
            let faults = api
                .put(&format!("{PATH}/{uid}"), body.clone())
                .await
                .faults();
            assert_eq!(faults, refused);
        }
        let faults = api.patch(&format!("{PATH}/e"), body).await.faults();
        assert_eq!(faults, refused);
        let said = api.get(&format!("{PATH}/e")).await.fine();
        assert_eq!(said["url"], "http://h/");
    })
    .await;
}

#[tokio::test]
async fn an_original_registration_that_leads_nowhere_can_be_changed_but_its_url() {
    local(async {
        let api = api().await;
        let request =
            http::Request::post("/api/webhooks").header("content-type", "application/json");
        let body = r#"{"url":"http://10.0.0.1/","token":"t"}"#;
        let request = request.body(axum::body::Body::from(body)).expect("valid");
        assert_eq!(api.ask(request).await.status, 201);
        let page = api.get("/api/v1/app/default/endpoint").await.fine();
        let id = page["data"][0]["id"].as_str().expect("an id");
        let path = format!("/api/v1/app/default/endpoint/{id}");
        let said = api.patch(&path, json!({ "disabled": true })).await.fine();
        assert_eq!(said["url"], "http://10.0.0.1/");
        let same = json!({ "url": "http://10.0.0.1/" });
        assert_eq!(api.put(&path, same).await.status, 200);
        let other = api.patch(&path, json!({ "url": "http://10.0.0.2/" })).await;
        assert_eq!(other.faults(), ["body.url: url_not_allowed"]);
    })
    .await;
}

#[tokio::test]
async fn a_secret_has_24_to_64_bytes_and_a_random_one_is_made_for_each() {
    local(async {
        let api = api().await;
        let mut made = Vec::new();
        for uid in ["one", "two"] {
            let id = api.endpoint("a", uid, "http://h/").await["id"].clone();
            let by_uid = api.get(&format!("{PATH}/{uid}/secret")).await.fine();
            let path = format!("{PATH}/{}/secret", id.as_str().expect("an id"));
            assert_eq!(api.get(&path).await.fine(), by_uid);
            let key = by_uid["key"].as_str().expect("a key").to_owned();
            let bytes = BASE64_STANDARD.decode(key.strip_prefix("whsec_").expect("whsec_"));
            assert_eq!(bytes.expect("base64").len(), 32);
            made.push(key);
        }
        assert_ne!(made[0], made[1]);
        for length in [24, 64] {
            let secret = secret_of(length);
            let body = json!({ "url": "http://h/", "secret": secret });
            let said = api.post(PATH, body).await.fine();
            let path = format!("{PATH}/{}/secret", said["id"].as_str().expect("an id"));
            assert_eq!(api.get(&path).await.fine(), json!({ "key": secret }));
        }
        let zeros = format!("whsec_{}", BASE64_STANDARD.encode([0; 32]));
        for secret in [
            secret_of(23),
            secret_of(65),
            zeros,
            String::new(),
            "whsec_".into(),
            "whsec_canary!".into(),
            "whpk_MzY=".into(),
        ] {
            let body = json!({ "url": "http://h/", "secret": secret });
            let answer = api.post(PATH, body).await;
            assert_eq!(answer.faults(), ["body.secret: value_error"], "{secret}");
            assert!(!answer.body.contains("canary"));
        }
    })
    .await;
}

#[tokio::test]
async fn event_types_are_null_or_one_to_a_thousand_different_names() {
    local(async {
        let api = api().await;
        let many = |count: usize| -> Value {
            let names = (0..count).map(|number| json!(format!("t{number}")));
            names.collect()
        };
        for names in [json!(["t".repeat(256)]), many(1_000)] {
            let body = json!({ "url": "http://h/", "eventTypes": names });
            assert_eq!(api.post(PATH, body).await.status, 201);
        }
        for (names, kind) in [
            (json!([]), "value_error"),
            (many(1_001), "value_error"),
            (json!(["t".repeat(257)]), "value_error"),
            (json!(["a", "b", "a"]), "value_error"),
            (json!([""]), "value_error"),
            (json!(["a b"]), "value_error"),
            (json!(["🦀"]), "value_error"),
            (json!([1]), "type_error"),
            (json!("a"), "type_error"),
            (json!({}), "type_error"),
        ] {
            let body = json!({ "url": "http://h/", "eventTypes": names });
            let faults = api.post(PATH, body).await.faults();
            assert_eq!(faults, [format!("body.eventTypes: {kind}")], "{names}");
        }
        let both = json!({ "url": "http://h/", "eventTypes": ["a"], "filterTypes": ["a"] });
        let faults = api.post(PATH, both).await.faults();
        assert_eq!(faults, ["body.filterTypes: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn a_uid_is_the_applications_own_and_a_known_one_is_409() {
    local(async {
        let api = api().await;
        api.application("b").await;
        let made = api.endpoint("a", "hook", "http://h/").await;
        api.endpoint("b", "hook", "http://h/").await;
        let body = json!({ "url": "http://other/", "uid": "hook" });
        let answer = api.post(PATH, body).await;
        assert_eq!(answer.refusal(), (409, "conflict".into()));
        let id = made["id"].as_str().expect("an id");
        assert!(answer.body.contains(id), "{}", answer.body);
        let body = json!({ "url": "http://h/", "uid": "ep_x" });
        assert_eq!(
            api.post(PATH, body).await.faults(),
            ["body.uid: value_error"]
        );
    })
    .await;
}

#[tokio::test]
async fn one_endpoint_too_many_is_422_and_other_refusals_are_as_for_messages() {
    local(async {
        let api = api().await;
        api.refuse(Refusal::TooManyEndpoints);
        let answer = api.post(PATH, json!({ "url": "http://h/" })).await;
        assert_eq!(answer.faults(), ["path.app: quota"]);
        api.refuse(Refusal::DiskFull);
        let answer = api.post(PATH, json!({ "url": "http://h/" })).await;
        assert_eq!(answer.refusal(), (507, "disk_full".into()));
        let answer = api.post("/api/v1/app", json!({ "name": "n" })).await;
        assert_eq!(answer.refusal(), (507, "disk_full".into()));
    })
    .await;
}

#[tokio::test]
async fn an_unknown_application_is_404_whatever_the_body() {
    local(async {
        let api = api().await;
        for body in ["{", r#"{"url":"http://h/"}"#] {
            let answer = api.post_raw("/api/v1/app/nobody/endpoint", body).await;
            assert_eq!(answer.refusal(), (404, "not_found".into()));
        }
    })
    .await;
}

/// Sends an example and gives the answer.
async fn example(api: &Api, endpoint: &str, body: Value) -> crate::support::answer::Answer {
    api.post(&format!("{PATH}/{endpoint}/send-example"), body)
        .await
}

#[tokio::test]
async fn an_example_goes_to_one_endpoint_alone_whatever_that_takes() {
    local(async {
        let api = api().await;
        let body = json!({ "url": "http://h/one", "uid": "one", "eventTypes": ["other"] });
        api.post(PATH, body).await.fine();
        api.endpoint("a", "two", "http://h/two").await;
        let made = example(&api, "one", json!({ "eventType": "svix.ping" })).await;
        assert_eq!(made.status, 200);
        let made = made.fine();
        assert_eq!(made["eventType"], "svix.ping");
        assert_eq!(made["payload"]["success"], true);
        api.attempts(1).await;
        let deliveries = async |endpoint: &str| {
            let page = api.get(&format!("{PATH}/{endpoint}/msg")).await.fine();
            let data = page["data"].as_array().expect("a list").clone();
            let told = data
                .iter()
                .map(|row| (row["id"].clone(), row["status"].clone()));
            told.collect::<Vec<_>>()
        };
        assert_eq!(deliveries("one").await, [(made["id"].clone(), json!(0))]);
        assert_eq!(deliveries("two").await, []);
        let list = api.get("/api/v1/app/a/msg").await.fine();
        assert_eq!(list["data"][0], made, "it is a message like any other");
    })
    .await;
}

#[tokio::test]
async fn an_example_comes_from_the_newest_schema_or_it_is_told_what_to_add() {
    local(async {
        let api = api().await;
        api.endpoint("a", "one", "http://h/one").await;
        let refused = async |body: Value, part: &str| {
            let answer = example(&api, "one", body).await;
            assert_eq!(answer.faults(), ["body.eventType: value_error"]);
            assert!(answer.body.contains(part), "{}", answer.body);
        };
        refused(json!({ "eventType": "t" }), "in the catalogue").await;
        let schemas = json!({ "1": { "examples": [{ "z": 1, "a": 2 }, { "b": 3 }] } });
        let body = json!({ "name": "t", "description": "", "schemas": schemas });
        api.post("/api/v1/event-type", body).await.fine();
        let first = example(&api, "one", json!({ "eventType": "t" })).await;
        assert!(
            first.body.contains(r#""payload":{"z":1,"a":2}"#),
            "{}",
            first.body
        );
        let second = json!({ "eventType": "t", "exampleIndex": 1 });
        let second = example(&api, "one", second).await.fine();
        assert_eq!(second["payload"], json!({ "b": 3 }));
        refused(json!({ "eventType": "t", "exampleIndex": 2 }), "`examples`").await;
        api.send(
            http::Method::DELETE,
            "/api/v1/event-type/t",
            &json!({}),
            None,
        )
        .await;
        refused(json!({ "eventType": "t" }), "archived").await;
        let answer = example(&api, "one", json!({ "exampleIndex": -1, "a": 1 })).await;
        let expected = [
            "body.a: unknown_field",
            "body.eventType: missing",
            "body.exampleIndex: value_error",
        ];
        assert_eq!(answer.faults(), expected);
    })
    .await;
}

#[tokio::test]
async fn an_example_is_sent_once_under_a_key_and_never_to_a_disabled_endpoint() {
    local(async {
        let api = api().await;
        for uid in ["one", "two"] {
            api.endpoint("a", uid, "http://h/").await;
        }
        let once = async |endpoint: &str| {
            let request = super::keyed(
                http::Method::POST,
                &format!("{PATH}/{endpoint}/send-example"),
            )
            .header("content-type", "application/json")
            .header("idempotency-key", "k");
            let body = json!({ "eventType": "svix.ping" }).to_string();
            let answer = api.ask(request.body(body.into()).expect("valid")).await;
            answer.fine()["id"].clone()
        };
        let id = once("one").await;
        assert_eq!(once("one").await, id);
        assert_ne!(once("two").await, id, "another endpoint, another example");
        let path = format!("{PATH}/one");
        api.patch(&path, json!({ "disabled": true })).await.fine();
        let answer = example(&api, "one", json!({ "eventType": "svix.ping" })).await;
        assert_eq!(answer.refusal(), (409, "conflict".into()));
        assert_eq!(once("one").await, id, "as it was answered then");
        let answer = example(&api, "none", json!({ "eventType": "svix.ping" })).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
    })
    .await;
}
