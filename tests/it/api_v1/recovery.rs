//! Deliveries that are sent again by tasks, at the level of HTTP.

use fanfare::{domain::outcome::OutcomeKind, limits, time::Span};
use serde_json::{Value, json};

use super::{Api, local};
use crate::support::memory_transport::{MemoryTransport, Sent};

/// Before everything that a test does.
const BEFORE: &str = "2025-11-24T15:59:59Z";
const ENDPOINT: &str = "/api/v1/app/a/endpoint/e";

/// An endpoint that answers with the status that is set at the moment.
struct Switched {
    api: Api,
    status: std::sync::Arc<std::sync::atomic::AtomicU16>,
}

impl Switched {
    async fn answering(status: u16) -> Self {
        let status = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(status));
        let answered = std::sync::Arc::clone(&status);
        let script = Box::new(move |_: &_| {
            let status = answered.load(std::sync::atomic::Ordering::SeqCst);
            (std::time::Duration::ZERO, OutcomeKind::Status(status))
        });
        let transport = MemoryTransport::new(script, Sent::default());
        let api = Api::with_transport(transport).await;
        api.application("a").await;
        api.endpoint("a", "e", "https://example.com/e").await;
        Self { api, status }
    }

    fn answer(&self, status: u16) {
        self.status
            .store(status, std::sync::atomic::Ordering::SeqCst);
    }

    /// Lets what is under way come to its end.
    async fn settle(&self) {
        for _ in 0..5 {
            self.api.settled().await;
        }
    }

    /// Messages that failed once.
    async fn with_failures(count: usize) -> Self {
        let switched = Self::answering(503).await;
        for number in 0..count {
            switched.api.message("a", number).await;
        }
        switched.settle().await;
        switched
    }

    /// Starts a task and gives its id.
    async fn start(&self, verb: &str, body: Value) -> String {
        let said = self.api.post(&format!("{ENDPOINT}/{verb}"), body).await;
        assert_eq!(said.status, 202, "{}", said.body);
        let said = said.json();
        assert_eq!(said["status"], "running");
        said["id"].as_str().expect("an id").to_owned()
    }

    async fn task(&self, id: &str) -> Value {
        self.api
            .get(&format!("/api/v1/background-task/{id}"))
            .await
            .fine()
    }

    /// How many deliveries a dry run counts.
    async fn count(&self, verb: &str, body: Value) -> Value {
        let path = format!("{ENDPOINT}/{verb}?dryRun=true");
        let said = self.api.post(&path, body).await;
        assert_eq!(said.status, 200, "{}", said.body);
        said.json()["count"].clone()
    }

    /// Statuses of the deliveries, newest first.
    async fn statuses(&self) -> Vec<String> {
        let page = self.api.get(&format!("{ENDPOINT}/msg")).await.fine();
        let data = page["data"].as_array().expect("a list").iter();
        data.map(|entry| entry["statusText"].as_str().expect("a text").to_owned())
            .collect()
    }
}

#[tokio::test]
async fn a_recovery_is_counted_started_followed_and_told_when_done() {
    local(async {
        let switched = Switched::with_failures(3).await;
        let since = || json!({ "since": BEFORE });
        assert_eq!(switched.count("recover", since()).await, 3);
        assert_eq!(
            switched.statuses().await,
            ["pending"; 3],
            "nothing was sent"
        );
        switched.answer(200);
        let id = switched.start("recover", since()).await;
        assert!(id.starts_with("qtask_") && id.len() == 33, "{id}");
        switched.settle().await;
        assert_eq!(switched.statuses().await, ["success"; 3]);
        let task = switched.task(&id).await;
        assert_eq!(task["id"], id.as_str());
        assert_eq!(task["task"], "endpoint.recover");
        assert_eq!(task["status"], "finished");
        let done = (&task["data"]["done"], &task["data"]["total"]);
        assert_eq!(done, (&json!(3), &json!(3)));
        assert!(task["updatedAt"].is_string());
        assert_eq!(switched.count("recover", since()).await, 0);
        // The first attempt of each was asked for, and shows it.
        let path = "/api/v1/app/a/attempt/endpoint/e?status=0";
        let page = switched.api.get(path).await.fine();
        let data = page["data"].as_array().expect("a list");
        assert_eq!(data.len(), 3);
        assert!(data.iter().all(|attempt| attempt["triggerType"] == 1));
    })
    .await;
}

#[tokio::test]
async fn what_came_before_the_endpoint_is_replayed_and_a_bulk_replay_follows_its_filter() {
    local(async {
        let switched = Switched::answering(200).await;
        switched.api.message("a", 0).await;
        let late = json!({ "url": "https://example.com/late", "uid": "late" });
        switched
            .api
            .post("/api/v1/app/a/endpoint", late)
            .await
            .fine();
        let body =
            json!({ "eventType": "other", "payload": {}, "channels": ["c"], "tags": ["vip/1"] });
        switched.api.post("/api/v1/app/a/msg", body).await.fine();
        switched.settle().await;
        let path = "/api/v1/app/a/endpoint/late/replay-missing";
        let said = switched.api.post(path, json!({ "since": BEFORE })).await;
        let task = said.fine();
        assert_eq!(task["task"], "endpoint.replay");
        switched.settle().await;
        let page = switched
            .api
            .get("/api/v1/app/a/endpoint/late/msg")
            .await
            .fine();
        assert_eq!(page["data"].as_array().map(Vec::len), Some(2), "{page}");
        for (filter, expected) in [
            (json!({}), 2),
            (json!({ "eventTypes": ["other"] }), 1),
            (json!({ "channel": "c" }), 1),
            (json!({ "channel": "d" }), 0),
            (json!({ "tag": "vip/1" }), 1),
            (json!({ "tag": "vip" }), 0),
            (json!({ "status": 0, "statusCodeClass": 200 }), 2),
            (json!({ "status": 2 }), 0),
            (json!({ "statusCodeClass": 500 }), 0),
            (json!({ "until": "2025-11-24T16:00:00Z" }), 0),
            (json!({ "until": "2025-11-24T17:00:00Z" }), 2),
        ] {
            let mut body = filter.clone();
            body["since"] = BEFORE.into();
            let count = switched.count("bulk-replay", body).await;
            assert_eq!(count, expected, "{filter}");
        }
        let body = json!({ "since": BEFORE, "eventTypes": ["other"] });
        let id = switched.start("bulk-replay", body).await;
        switched.settle().await;
        let task = switched.task(&id).await;
        assert_eq!(task["task"], "endpoint.bulk-replay");
        assert_eq!(task["data"]["done"], 1);
    })
    .await;
}

#[tokio::test]
async fn a76_tasks_are_listed_filtered_and_called_off() {
    local(async {
        let switched = Switched::with_failures(limits::TASK_STEP_DELIVERIES + 1).await;
        let first = switched.start("recover", json!({ "since": BEFORE })).await;
        let second = switched
            .start("bulk-replay", json!({ "since": BEFORE }))
            .await;
        let path = format!("/api/v1/background-task/{second}/cancel");
        let said = switched.api.post_raw(&path, "").await.fine();
        assert_eq!(said["status"], "failed");
        assert_eq!(said["data"]["reason"], "it was cancelled");
        let again = switched.api.post_raw(&path, "").await.fine();
        assert_eq!(again, said, "once is enough");
        switched.settle().await;
        switched.settle().await;
        for (query, expected) in [
            ("", vec![&first, &second]),
            ("?order=descending", vec![&second, &first]),
            ("?status=finished", vec![&first]),
            ("?status=failed", vec![&second]),
            ("?task=endpoint.recover", vec![&first]),
            ("?task=endpoint.replay&status=running", vec![]),
        ] {
            let path = format!("/api/v1/background-task{query}");
            let page = switched.api.get(&path).await.fine();
            let data = page["data"].as_array().expect("a list").iter();
            let ids: Vec<&str> = data.filter_map(|task| task["id"].as_str()).collect();
            assert_eq!(ids, expected, "{query}");
        }
        let page = switched
            .api
            .get("/api/v1/background-task?limit=1")
            .await
            .fine();
        assert_eq!(page["done"], false);
        let iterator = page["iterator"].as_str().expect("an iterator");
        let path = format!("/api/v1/background-task?limit=1&iterator={iterator}");
        let page = switched.api.get(&path).await.fine();
        assert_eq!(page["data"][0]["id"], second.as_str());
        let wrong = switched.api.get("/api/v1/background-task?status=1").await;
        assert_eq!(wrong.faults(), ["query.status: value_error"]);
        let unknown = "/api/v1/background-task/qtask_000000000000000000000000000";
        assert_eq!(switched.api.get(unknown).await.status, 404);
        assert_eq!(
            switched.api.get("/api/v1/background-task/x").await.status,
            404
        );
    })
    .await;
}

#[tokio::test]
async fn a_body_that_asks_for_the_impossible_is_told_all_of_it() {
    local(async {
        let switched = Switched::answering(200).await;
        let post = async |verb: &str, body: Value| {
            let path = format!("{ENDPOINT}/{verb}");
            switched.api.post(&path, body).await
        };
        assert_eq!(
            post("recover", json!({})).await.faults(),
            ["body.since: missing"]
        );
        let body = json!({ "since": "2025-11-24", "until": 1, "channel": "c" });
        assert_eq!(
            post("recover", body).await.faults(),
            [
                "body.channel: unknown_field",
                "body.since: value_error",
                "body.until: type_error",
            ]
        );
        let body = json!({ "since": "2025-11-10T15:54:00Z", "until": "2025-11-10T15:53:00Z" });
        assert_eq!(
            post("replay-missing", body).await.faults(),
            ["body.since: value_error", "body.until: value_error"]
        );
        let body =
            json!({ "since": BEFORE, "status": 5, "statusCodeClass": 250, "eventTypes": [], "tag": "a b" });
        assert_eq!(
            post("bulk-replay", body).await.faults(),
            [
                "body.eventTypes: value_error",
                "body.status: value_error",
                "body.statusCodeClass: value_error",
                "body.tag: value_error",
            ]
        );
        let path = "/api/v1/app/a/endpoint/nobody/recover";
        let said = switched.api.post(path, json!({ "since": BEFORE })).await;
        assert_eq!(said.refusal(), (404, "not_found".to_owned()));
        let disabled = json!({ "disabled": true });
        switched.api.patch(ENDPOINT, disabled).await.fine();
        let said = post("recover", json!({ "since": BEFORE })).await;
        assert_eq!(said.refusal(), (409, "conflict".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a_recovery_under_a_key_is_started_once() {
    local(async {
        let switched = Switched::with_failures(1).await;
        let post = async |body: Value| {
            let request = super::keyed(http::Method::POST, &format!("{ENDPOINT}/recover"))
                .header("content-type", "application/json")
                .header("idempotency-key", "k");
            let request = request.body(body.to_string().into()).expect("valid");
            switched.api.ask(request).await
        };
        let first = post(json!({ "since": BEFORE })).await.fine();
        let again = post(json!({ "since": BEFORE })).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.fine()["id"], first["id"]);
        let other = post(json!({ "since": "2025-11-24T15:00:00Z" })).await;
        assert_eq!(other.refusal().1, "idempotency_key_reused");
        let page = switched.api.get("/api/v1/background-task").await.fine();
        assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
        // What was done is told again, also where it could not be done now.
        let disabled = json!({ "disabled": true });
        switched.api.patch(ENDPOINT, disabled).await.fine();
        let again = post(json!({ "since": BEFORE })).await.fine();
        assert_eq!(again["id"], first["id"]);
    })
    .await;
}

#[tokio::test]
async fn messages_are_chosen_by_the_wall_time_that_they_show() {
    local(async {
        let switched = Switched::answering(503).await;
        for number in 0..3 {
            switched.api.message("a", number).await;
            switched.api.advance(Span::from_millis(500)).await;
        }
        switched.settle().await;
        let page = switched.api.get("/api/v1/app/a/msg").await.fine();
        let times: Vec<&str> = (0..3)
            .map(|place| page["data"][place]["timestamp"].as_str().expect("a time"))
            .collect();
        let count = async |body: Value| switched.count("recover", body).await;
        assert_eq!(count(json!({ "since": times[1] })).await, 2);
        let body = json!({ "since": times[2], "until": times[0] });
        assert_eq!(count(body).await, 2, "the end is left out");
    })
    .await;
}

#[tokio::test]
async fn a_payload_whose_own_time_is_over_is_neither_shown_nor_sent() {
    local(async {
        let switched = Switched::answering(503).await;
        let api = &switched.api;
        let mut ids = Vec::new();
        for (name, value) in [
            ("payloadRetentionHours", json!(1)),
            ("payloadRetentionPeriod", json!(1)),
        ] {
            let mut body = json!({ "eventType": "t", "payload": { "a": 1 } });
            body[name] = value;
            let said = api.post("/api/v1/app/a/msg", body).await.fine();
            assert_eq!(said["payload"], json!({ "a": 1 }));
            ids.push(said["id"].as_str().expect("an id").to_owned());
        }
        switched.settle().await;
        let payloads = async || {
            let mut shown = Vec::new();
            for id in &ids {
                let said = api.get(&format!("/api/v1/app/a/msg/{id}")).await.fine();
                shown.push(said["payload"].clone());
            }
            let listed = api.get("/api/v1/app/a/msg?order=ascending").await.fine();
            let column = |page: &Value, name: &str| -> Vec<Value> {
                let data = page["data"].as_array().expect("a list").iter();
                data.map(|row| row[name].clone()).collect()
            };
            let mut rows = column(&listed, "payload");
            if listed["data"][0]["id"] != json!(ids[0]) {
                rows.reverse();
            }
            assert_eq!(rows, shown, "lists show the same");
            let path = "/api/v1/app/a/endpoint/e/msg";
            let mut deliveries = column(&api.get(path).await.fine(), "payload");
            deliveries.reverse();
            assert_eq!(deliveries, shown, "newest first, and the same");
            for (id, payload) in ids.iter().zip(&shown) {
                let path = "/api/v1/app/a/attempt/endpoint/e?with_msg=true";
                let attempts = api.get(path).await.fine();
                let messages = column(&attempts, "msg");
                let of_it = messages.iter().filter(|said| said["id"] == json!(id));
                let of_it: Vec<&Value> = of_it.map(|said| &said["payload"]).collect();
                assert!(!of_it.is_empty(), "it was tried");
                assert!(of_it.into_iter().all(|said| said == payload));
            }
            shown
        };
        let (here, gone) = (json!({ "a": 1 }), json!({ "expired": true }));
        let since = json!({ "since": BEFORE });
        api.advance(Span::from_seconds(3_599)).await;
        switched.settle().await;
        assert_eq!(payloads().await, [here.clone(), here.clone()]);
        assert_eq!(switched.count("recover", since.clone()).await, 2);
        api.advance(Span::from_seconds(1)).await;
        switched.settle().await;
        assert_eq!(payloads().await, [gone.clone(), here]);
        assert_eq!(switched.count("recover", since.clone()).await, 1);
        let resend = format!("/api/v1/app/a/msg/{}/endpoint/e/resend", ids[0]);
        let answer = api.post_raw(&resend, "").await;
        assert_eq!(answer.refusal(), (400, "missing_payload".to_owned()));
        api.advance(Span::from_seconds(23 * 3_600)).await;
        switched.settle().await;
        assert_eq!(payloads().await, [gone.clone(), gone]);
        assert_eq!(switched.count("recover", since).await, 0);
    })
    .await;
}
