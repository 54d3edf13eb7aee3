//! Ordering over HTTP: what endpoints and messages say of it, and what becomes of it.

use fanfare::domain::outcome::OutcomeKind;
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};

const MESSAGES: &str = "/api/v1/app/a/msg";
const ENDPOINT: &str = "/api/v1/app/a/endpoint/e";

async fn api(status: u16) -> Api {
    let api = Api::start(OutcomeKind::Status(status)).await;
    api.application("a").await;
    api.endpoint("a", "e", "https://example.com/e").await;
    api
}

fn message(id: &str, key: &str) -> Value {
    json!({ "eventType": "t", "payload": {}, "eventId": id, "orderingKey": key })
}

/// How many attempts a message had, its status and when the next one is due.
async fn told(api: &Api, id: &str) -> (usize, Value, bool) {
    let attempts = api.get(&format!("/api/v1/app/a/attempt/msg/{id}")).await;
    let count = attempts.fine()["data"].as_array().map_or(0, Vec::len);
    let destinations = api.get(&format!("{MESSAGES}/{id}/endpoint")).await.fine();
    let delivery = &destinations["data"][0];
    (
        count,
        delivery["status"].clone(),
        delivery["nextAttempt"].is_null(),
    )
}

#[tokio::test]
async fn a_message_waits_for_the_one_before_of_its_key_and_says_so() {
    local(async {
        let api = api(503).await;
        for (id, key) in [("a1", "a"), ("a2", "a")] {
            let said = api.post(MESSAGES, message(id, key)).await;
            assert_eq!(said.status, 202);
            assert_eq!(said.fine()["orderingKey"], key);
        }
        api.settled().await;
        let pending = json!(1);
        assert_eq!(told(&api, "a1").await, (1, pending.clone(), false));
        assert_eq!(told(&api, "a2").await, (0, pending, true));
        api.post(MESSAGES, message("a3", "a")).await.fine();
        for (id, why) in [
            ("a1", "; 2 wait in line behind it"),
            ("a2", "it waits in line behind 1 of its line"),
            ("a3", "it waits in line behind 2 of its line"),
        ] {
            let explained = api
                .get(&format!("{MESSAGES}/{id}/endpoint/e/explain"))
                .await;
            let said = explained.fine()["why"].to_string();
            assert!(said.contains(why), "{id}: {said}");
        }
    })
    .await;
}

#[tokio::test]
async fn all_messages_of_a_key_are_delivered_one_after_the_other() {
    local(async {
        let api = api(200).await;
        for number in 0..5 {
            let id = format!("m{number}");
            api.post(MESSAGES, message(&id, "k")).await.fine();
        }
        api.settled().await;
        for number in 0..5 {
            let id = format!("m{number}");
            assert_eq!(told(&api, &id).await, (1, json!(0), true), "{id}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_an_endpoint_keeps_in_order_is_shown_and_can_be_changed() {
    local(async {
        let api = api(200).await;
        assert_eq!(api.get(ENDPOINT).await.fine()["ordering"], "key");
        for name in ["endpoint", "none", "key"] {
            let change = json!({ "ordering": name });
            let shown = api
                .send(Method::PATCH, ENDPOINT, &change, None)
                .await
                .fine();
            assert_eq!(shown["ordering"], name);
            assert_eq!(api.get(ENDPOINT).await.fine()["ordering"], name);
        }
        let made = json!({ "url": "https://example.com/f", "ordering": "endpoint" });
        let made = api.post("/api/v1/app/a/endpoint", made).await.fine();
        assert_eq!(made["ordering"], "endpoint");
        let wrong = json!({ "ordering": "fifo" });
        let answer = api.send(Method::PATCH, ENDPOINT, &wrong, None).await;
        assert!(
            answer.body.contains("`key`, `endpoint`, `none`"),
            "{}",
            answer.body
        );
        assert_eq!(answer.faults(), ["body.ordering: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_none_or_that_belongs_to_a_message_for_later_is_422() {
    local(async {
        let api = api(200).await;
        for key in ["", "line\nfeed", &"k".repeat(257)] {
            let faults = api.post(MESSAGES, message("m", key)).await.faults();
            assert_eq!(faults, ["body.orderingKey: value_error"], "{key:?}");
        }
        let mut later = message("m", "k");
        later["deliverAt"] = json!("2025-11-24T17:00:00Z");
        let answer = api.post(MESSAGES, later.clone()).await;
        assert!(answer.body.contains("stands in no line"), "{}", answer.body);
        assert_eq!(answer.faults(), ["body.orderingKey: value_error"]);
        // One whose time has come is like any other.
        later["deliverAt"] = json!("2020-01-01T00:00:00Z");
        api.post(MESSAGES, later).await.fine();
        let longest = message("longest", &"~".repeat(256));
        api.post(MESSAGES, longest).await.fine();
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_gets_everything_in_order_says_what_a_message_waits_for() {
    local(async {
        let api = api(503).await;
        let change = json!({ "ordering": "endpoint" });
        api.send(Method::PATCH, ENDPOINT, &change, None)
            .await
            .fine();
        for id in ["a1", "a2"] {
            let body = json!({ "eventType": "t", "payload": {}, "eventId": id });
            api.post(MESSAGES, body).await.fine();
        }
        api.settled().await;
        let explained = api.get(&format!("{MESSAGES}/a2/endpoint/e/explain")).await;
        let said = explained.fine()["why"].to_string();
        assert!(
            said.contains("another delivery of its line had not ended"),
            "{said}"
        );
    })
    .await;
}
