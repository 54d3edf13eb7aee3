//! Endpoints that change and go, over HTTP and to real receivers.

use std::collections::BTreeSet;

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};
use crate::support::receiver::{Receiver, answering, reply};

const PATH: &str = "/api/v1/app/a/endpoint";

/// An API whose attempts all meet `status`.
async fn answered(status: u16) -> Api {
    let api = Api::start(OutcomeKind::Status(status)).await;
    api.application("a").await;
    api
}

fn at(uid: &str) -> String {
    format!("{PATH}/{uid}")
}

/// The statuses of all attempts to an endpoint, newest first.
async fn statuses(api: &Api, uid: &str) -> Vec<u64> {
    let path = format!("/api/v1/app/a/attempt/endpoint/{uid}");
    let page = api.get(&path).await.fine();
    let data = page["data"].as_array().expect("a list").iter();
    data.map(|one| one["status"].as_u64().expect("a number"))
        .collect()
}

#[tokio::test]
async fn put_makes_an_endpoint_or_says_all_of_one_anew() {
    local(async {
        let api = answered(200).await;
        let body = json!({
            "url": "http://h/1",
            "description": "d",
            "eventTypes": ["order.*"],
            "channels": ["x"],
            "metadata": { "k": "v" },
            "throttleRate": 9,
            "headers": { "X-Tenant": "7" },
            "version": 1,
        });
        let made = api.put(&at("e"), body).await;
        assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""));
        let made = made.fine();
        assert_eq!(
            (&made["uid"], &made["eventTypes"]),
            (&json!("e"), &json!(["order.*"]))
        );
        assert_eq!(
            (&made["throttleRate"], &made["version"]),
            (&json!(9), &json!(1))
        );
        let secret = api.get(&format!("{}/secret", at("e"))).await.fine();
        api.advance(Span::from_seconds(1)).await;
        let again = api
            .put(&at("e"), json!({ "url": "http://h/2", "uid": "e" }))
            .await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag")),
            (200, "\"2\"")
        );
        let again = again.fine();
        assert_eq!(again["url"], "http://h/2");
        for (field, expected) in [
            ("id", made["id"].clone()),
            ("createdAt", made["createdAt"].clone()),
            ("description", json!("")),
            ("eventTypes", json!(null)),
            ("channels", json!(null)),
            ("metadata", json!({})),
            ("throttleRate", json!(null)),
        ] {
            assert_eq!(again[field], expected, "{field}");
        }
        assert_ne!(again["updatedAt"], made["updatedAt"]);
        assert_eq!(api.get(&at("e")).await.fine(), again);
        // Secrets and header fields have routes of their own.
        assert_eq!(api.get(&format!("{}/secret", at("e"))).await.fine(), secret);
        let headers = api.get(&format!("{}/headers", at("e"))).await.fine();
        assert_eq!(headers["headers"], json!({ "x-tenant": "7" }));
        let body = json!({ "url": "http://h/", "secret": "whsec_AAAA" });
        assert_eq!(
            api.put(&at("e"), body).await.faults(),
            ["body.secret: unknown_field"]
        );
        let never = api.put(&at("ep_x"), json!({ "url": "http://h/" })).await;
        assert_eq!(never.refusal(), (404, "not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn a_put_by_a_uid_is_one_endpoint_however_often_it_is_said() {
    local(async {
        let api = answered(200).await;
        let body = json!({ "url": "http://h/1" });
        let made = api.put(&at("e"), body.clone()).await;
        assert_eq!(made.status, 201);
        let made = made.fine();
        for _ in 0..2 {
            let again = api.put(&at("e"), body.clone()).await;
            assert_eq!(again.status, 200);
            let again = again.fine();
            assert_eq!((&again["id"], &again["uid"]), (&made["id"], &json!("e")));
        }
        // By its id all of it is said anew, the uid, too.
        let id = made["id"].as_str().expect("an id");
        let unnamed = api.put(&at(id), body.clone()).await.fine();
        assert_eq!(unnamed["uid"], json!(null));
        assert_eq!(api.put(&at("e"), body).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn patch_changes_what_it_names_and_null_clears() {
    local(async {
        let api = answered(200).await;
        let body = json!({
            "url": "http://h/1",
            "uid": "e",
            "description": "d",
            "filterTypes": ["a"],
            "channels": ["x", "y"],
            "metadata": { "k": "v" },
            "rateLimit": 9,
        });
        let made = api.post(PATH, body).await.fine();
        for (body, field, expected) in [
            (json!({ "url": "http://h/2" }), "url", json!("http://h/2")),
            (json!({ "filterTypes": ["b"] }), "eventTypes", json!(["b"])),
            (json!({ "rateLimit": 4 }), "throttleRate", json!(4)),
            (json!({ "channels": null }), "channels", json!(null)),
            (json!({ "disabled": true }), "disabled", json!(true)),
            (json!({ "metadata": null }), "metadata", json!({})),
            (json!({ "disabled": false }), "disabled", json!(false)),
        ] {
            let before = api.get(&at("e")).await.fine();
            let after = api.patch(&at("e"), body.clone()).await.fine();
            let mut wanted = before;
            wanted[field] = expected;
            // The older names of the same fields.
            wanted["filterTypes"] = wanted["eventTypes"].clone();
            wanted["rateLimit"] = wanted["throttleRate"].clone();
            wanted["updatedAt"] = after["updatedAt"].clone();
            assert_eq!(after, wanted, "{body}");
        }
        let renamed = api.patch(&at("e"), json!({ "uid": "f" })).await.fine();
        assert_eq!(renamed["id"], made["id"]);
        assert_eq!(api.get(&at("e")).await.status, 404);
        api.endpoint("a", "e", "http://h/").await;
        let taken = api.patch(&at("f"), json!({ "uid": "e" })).await;
        assert_eq!(taken.refusal(), (409, "conflict".into()));
        let wrong = api
            .patch(&at("f"), json!({ "url": null, "channels": [1], "x": 2 }))
            .await;
        let faults = [
            "body.channels: type_error",
            "body.url: type_error",
            "body.x: unknown_field",
        ];
        assert_eq!(wrong.faults(), faults);
    })
    .await;
}

#[tokio::test]
async fn a64_a_stale_tag_is_412_and_of_changes_at_once_one_wins_a_version() {
    local(async {
        let api = answered(200).await;
        api.endpoint("a", "e", "http://h/").await;
        let body = json!({ "description": "x" });
        let first = api
            .send(Method::PATCH, &at("e"), &body, Some("\"1\""))
            .await;
        assert_eq!(
            (first.status.as_u16(), first.header("etag")),
            (200, "\"2\"")
        );
        let stale = api
            .send(Method::PATCH, &at("e"), &body, Some("\"1\""))
            .await;
        assert_eq!(stale.refusal(), (412, "precondition_failed".into()));
        let stale = api
            .send(Method::DELETE, &at("e"), &json!({}), Some("\"1\""))
            .await;
        assert_eq!(stale.refusal(), (412, "precondition_failed".into()));
        let twins = (0..50).map(|number| {
            let api = &api;
            async move {
                let body = json!({ "description": number.to_string() });
                let answer = api
                    .send(Method::PATCH, &at("e"), &body, Some("\"2\""))
                    .await;
                answer.status.as_u16()
            }
        });
        let statuses = join_all(twins).await;
        let won = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(won, 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 412)));
        assert_eq!(api.get(&at("e")).await.header("etag"), "\"3\"");
        // Without a tag each finds the newest state and none is lost.
        let twins = (0..50).map(|number| {
            let api = &api;
            async move {
                let body = json!({ "description": number.to_string() });
                api.patch(&at("e"), body).await.status
            }
        });
        assert!(join_all(twins).await.iter().all(|status| *status == 200));
        assert_eq!(api.get(&at("e")).await.header("etag"), "\"53\"");
    })
    .await;
}

#[tokio::test]
async fn a65_a_deleted_endpoint_is_204_then_404_and_nothing_more_goes_to_it() {
    local(async {
        let api = answered(503).await;
        let made = api.endpoint("a", "e", "http://h/").await;
        let message = api.message("a", 1).await;
        api.attempts(1).await;
        assert_eq!(statuses(&api, "e").await, [2]);
        let gone = api.send(Method::DELETE, &at("e"), &json!({}), None).await;
        assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
        for method in [Method::GET, Method::DELETE] {
            let answer = api.send(method, &at("e"), &json!({}), None).await;
            assert_eq!(answer.refusal(), (404, "not_found".into()));
        }
        let by_id = at(made["id"].as_str().expect("an id"));
        assert_eq!(api.get(&by_id).await.status, 404);
        assert_eq!(api.get(PATH).await.fine()["data"], json!([]));
        // The retry that waited never comes, and new messages are not for it.
        api.message("a", 2).await;
        api.advance(Span::from_seconds(3_600)).await;
        assert_eq!(api.host.handle.stats().attempts, 1);
        // What it got stays in the history of the message.
        let path = format!("/api/v1/app/a/attempt/msg/{message}");
        let page = api.get(&path).await.fine();
        assert_eq!(page["data"][0]["endpointId"], made["id"]);
        assert_eq!(page["data"][0]["url"], "http://h/");
        // Its name is free.
        let again = api.endpoint("a", "e", "http://h/").await;
        assert_ne!(again["id"], made["id"]);
    })
    .await;
}

#[tokio::test]
async fn a_disabled_endpoint_holds_its_work_and_goes_on_with_it_when_enabled() {
    local(async {
        let api = answered(200).await;
        let body = json!({ "url": "http://h/", "uid": "e", "disabled": true });
        let made = api.post(PATH, body).await.fine();
        assert_eq!(made["disabled"], true);
        api.message("a", 1).await;
        api.advance(Span::from_seconds(60)).await;
        assert!(statuses(&api, "e").await.is_empty());
        let enabled = api
            .patch(&at("e"), json!({ "disabled": false }))
            .await
            .fine();
        assert_eq!(enabled["disabled"], false);
        api.message("a", 2).await;
        api.attempts(1).await;
        // The one that came meanwhile was not for it.
        assert_eq!(statuses(&api, "e").await, [0]);
    })
    .await;
}

#[tokio::test]
async fn what_waits_for_a_disabled_endpoint_is_sent_when_it_is_enabled_again() {
    local(async {
        let api = Api::sending().await;
        let acts = vec![
            answering(1, &reply("503 Service Unavailable", "")),
            answering(9, &reply("204 No Content", "")),
        ];
        let receiver = Receiver::start(acts).await;
        api.endpoint("a", "e", &format!("http://{}/", receiver.address))
            .await;
        api.message("a", 1).await;
        api.attempts(1).await;
        api.patch(&at("e"), json!({ "disabled": true }))
            .await
            .fine();
        api.advance(Span::from_seconds(3_600)).await;
        assert_eq!(api.host.handle.stats().attempts, 1);
        api.patch(&at("e"), json!({ "disabled": false }))
            .await
            .fine();
        api.attempts(2).await;
        assert_eq!(statuses(&api, "e").await, [0, 2]);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_gets_the_types_and_channels_it_asks_for_from_then_on() {
    local(async {
        let api = answered(200).await;
        let body = json!({
            "url": "http://h/",
            "uid": "e",
            "eventTypes": ["order.*", "ping"],
            "channels": ["x"],
        });
        api.post(PATH, body).await.fine();
        let post = async |event_type: &str, channels: Value| {
            let body = json!({ "eventType": event_type, "channels": channels, "payload": {} });
            let said = api.post("/api/v1/app/a/msg", body).await.fine();
            assert_eq!(said["channels"], channels);
            said["id"].as_str().expect("an id").to_owned()
        };
        let mut wanted = BTreeSet::new();
        wanted.insert(post("order.made", json!(["x", "y"])).await);
        post("order.made", json!(["y"])).await;
        post("order.made", json!(null)).await;
        post("orders", json!(["x"])).await;
        wanted.insert(post("ping", json!(["x"])).await);
        api.attempts(2).await;
        api.patch(&at("e"), json!({ "eventTypes": null, "channels": null })).await.fine();
        wanted.insert(post("anything", json!(null)).await);
        api.attempts(3).await;
        let page = api.get("/api/v1/app/a/attempt/endpoint/e").await.fine();
        let data = page["data"].as_array().expect("a list").iter();
        let got: BTreeSet<String> = data
            .map(|one| one["msgId"].as_str().expect("an id").to_owned())
            .collect();
        assert_eq!(got, wanted);
        let wrong = json!({
            "eventType": "t", "payload": {}, "channels": ["a","b","c","d","e","f","g","h","i","j","k"],
        });
        let answer = api.post("/api/v1/app/a/msg", wrong).await;
        assert_eq!(answer.faults(), ["body.channels: value_error"]);
        let wrong = json!({ "url": "http://h/", "eventTypes": ["a b", "*"], "channels": ["*"] });
        let faults = ["body.channels: value_error", "body.eventTypes: value_error"];
        assert_eq!(api.post(PATH, wrong).await.faults(), faults);
    })
    .await;
}

#[tokio::test]
async fn header_fields_of_the_owner_go_out_and_sensitive_ones_are_not_shown_again() {
    local(async {
        let api = Api::sending().await;
        let receiver = Receiver::start(vec![answering(9, &reply("204 No Content", ""))]).await;
        api.endpoint("a", "e", &format!("http://{}/", receiver.address))
            .await;
        let path = format!("{}/headers", at("e"));
        assert_eq!(
            api.get(&path).await.fine(),
            json!({ "headers": {}, "sensitive": [] })
        );
        let body =
            json!({ "headers": { "X-Tenant": "7", "Authorization": "Bearer canary", "x-b": "" } });
        assert_eq!(api.put(&path, body).await.status, 204);
        let shown = api.get(&path).await;
        assert!(!shown.body.contains("canary"));
        let expected =
            json!({ "headers": { "x-tenant": "7", "x-b": "" }, "sensitive": ["authorization"] });
        assert_eq!(shown.fine(), expected);
        let body = json!({ "headers": { "x-tenant": null, "x-c": "c" }, "deleteHeaders": ["X-B"] });
        assert_eq!(api.patch(&path, body).await.status, 204);
        let shown = api.get(&path).await.fine();
        assert_eq!(shown["headers"], json!({ "x-c": "c" }));
        api.message("a", 1).await;
        api.attempts(1).await;
        let requests = receiver.requests();
        let request = requests.first().expect("it came");
        assert_eq!(request.header("authorization"), Some("Bearer canary"));
        assert_eq!(request.header("x-c"), Some("c"));
        assert_eq!(
            (request.header("x-tenant"), request.header("x-b")),
            (None, None)
        );
        assert!(request.header("webhook-signature").is_some());
    })
    .await;
}

#[tokio::test]
async fn a59_header_fields_that_are_ours_or_none_at_all_are_422() {
    local(async {
        let api = answered(200).await;
        api.endpoint("a", "e", "http://h/").await;
        let path = format!("{}/headers", at("e"));
        let faults = async |headers: Value| {
            let body = json!({ "headers": headers });
            let put = api.put(&path, body.clone()).await.faults();
            let of_endpoint = json!({ "url": "http://h/", "headers": body["headers"] });
            assert_eq!(api.post(PATH, of_endpoint).await.faults(), put);
            put
        };
        for name in ["Webhook-Id", "HOST", "content-length", "a b", ""] {
            let said = faults(json!({ name: "x" })).await;
            assert_eq!(said, [format!("body.headers.{name}: value_error")]);
        }
        for value in ["a\r\nb: c", "é", &"x".repeat(4_097)] {
            assert_eq!(
                faults(json!({ "x": value })).await,
                ["body.headers.x: value_error"]
            );
        }
        assert_eq!(
            faults(json!({ "x": 1 })).await,
            ["body.headers: type_error"]
        );
        assert_eq!(faults(json!([])).await, ["body.headers: type_error"]);
        assert_eq!(
            faults(json!({ "x": "a", "X": "b" })).await,
            ["body.headers.X: value_error"]
        );
        let many = |count: usize| -> Value {
            let fields = (0..count).map(|number| (format!("x-{number}"), Value::from("v")));
            Value::Object(fields.collect())
        };
        assert_eq!(faults(many(21)).await, ["body.headers: value_error"]);
        let full = json!({ "headers": many(20) });
        assert_eq!(api.put(&path, full).await.status, 204);
        let one_more = json!({ "headers": { "y": "v" } });
        assert_eq!(
            api.patch(&path, one_more).await.faults(),
            ["body.headers: quota"]
        );
        assert_eq!(
            api.put(&path, json!({})).await.faults(),
            ["body.headers: missing"]
        );
    })
    .await;
}

#[tokio::test]
async fn both_secrets_sign_until_the_grace_of_the_old_one_ends() {
    local(async {
        let api = Api::sending().await;
        let receiver = Receiver::start(vec![answering(9, &reply("204 No Content", ""))]).await;
        api.endpoint("a", "e", &format!("http://{}/", receiver.address))
            .await;
        let path = format!("{}/secret", at("e"));
        let old = api.get(&path).await.fine();
        let rotate = format!("{path}/rotate");
        let new = api.post(&rotate, json!({ "gracePeriodSeconds": 60 })).await;
        assert_eq!(new.status, 200);
        let new = new.fine();
        assert_ne!(new, old);
        assert_eq!(api.get(&path).await.fine(), new);
        api.message("a", 1).await;
        api.attempts(1).await;
        api.advance(Span::from_seconds(61)).await;
        api.message("a", 2).await;
        api.attempts(2).await;
        let requests = receiver.requests();
        let signatures = |at: usize| -> Vec<String> {
            let header = requests[at]
                .header("webhook-signature")
                .expect("it is signed");
            header.split(' ').map(str::to_owned).collect()
        };
        assert_eq!((signatures(0).len(), signatures(1).len()), (2, 1));
        let signed = |key: &Value, at: usize| {
            let key =
                fanfare::signing::decode_verification_key(key["key"].as_str().expect("a key"));
            let request = &requests[at];
            let header = |name: &str| request.header(name).expect(name).to_owned();
            let seconds = header("webhook-timestamp").parse().expect("a number");
            fanfare::signing::verify(
                &[key.expect("valid")],
                &header("webhook-id"),
                seconds,
                &request.body,
                &header("webhook-signature"),
            )
            .is_ok()
        };
        assert!(signed(&old, 0) && signed(&new, 0), "both during the grace");
        assert!(
            !signed(&old, 1) && signed(&new, 1),
            "the new one alone after it"
        );
    })
    .await;
}

#[tokio::test]
async fn a61_at_most_three_secrets_are_in_force_then_it_is_409() {
    local(async {
        let api = answered(200).await;
        api.endpoint("a", "e", "http://h/").await;
        let path = format!("{}/secret/rotate", at("e"));
        let mut statuses = Vec::new();
        for _ in 0..10 {
            statuses.push(api.post(&path, json!({})).await.status.as_u16());
        }
        let mut expected = vec![200, 200];
        expected.resize(10, 409);
        assert_eq!(statuses, expected);
        // Without a grace the others end at once, and there is room.
        let key =
            json!({ "key": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "gracePeriodSeconds": 0 });
        let answer = api.post(&path, key.clone()).await.fine();
        assert_eq!(answer["key"], key["key"]);
        // A body is not needed.
        let request = super::keyed(Method::POST, &path);
        let bare = api
            .ask(request.body(axum::body::Body::empty()).expect("valid"))
            .await;
        assert_eq!(bare.status, 200);
        let wrong = json!({ "key": "whsec_AAAA", "gracePeriodSeconds": 604_801, "x": 1 });
        let faults = [
            "body.gracePeriodSeconds: value_error",
            "body.key: value_error",
            "body.x: unknown_field",
        ];
        assert_eq!(api.post(&path, wrong).await.faults(), faults);
    })
    .await;
}

#[tokio::test]
async fn endpoints_are_listed_page_by_page_without_the_deleted_ones() {
    local(async {
        let api = answered(200).await;
        for number in 0..9 {
            api.endpoint("a", &format!("e{number}"), "http://h/").await;
        }
        for gone in ["e0", "e4", "e8"] {
            api.send(Method::DELETE, &at(gone), &json!({}), None).await;
        }
        for (order, expected) in [
            ("ascending", ["e1", "e2", "e3", "e5", "e6", "e7"]),
            ("descending", ["e7", "e6", "e5", "e3", "e2", "e1"]),
        ] {
            let (mut seen, mut iterator) = (Vec::new(), String::new());
            loop {
                let path = format!("{PATH}?limit=2&order={order}{iterator}");
                let page = api.get(&path).await.fine();
                let data = page["data"].as_array().expect("a list").iter();
                seen.extend(data.map(|one| one["uid"].as_str().expect("a uid").to_owned()));
                if page["done"] == true {
                    break;
                }
                iterator = format!("&iterator={}", page["iterator"].as_str().expect("a text"));
            }
            assert_eq!(seen, expected, "{order}");
        }
    })
    .await;
}
