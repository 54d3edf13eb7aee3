//! Messages for later over HTTP: accepted and shown at once, sent at their time.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::Method;
use serde_json::{Value, json};

use super::{Api, keyed, local};

const PATH: &str = "/api/v1/app/a/msg";
const HOUR: Span = Span::from_seconds(3_600);

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api.endpoint("a", "e", "https://example.com/e").await;
    api
}

fn message(deliver_at: &str) -> Value {
    json!({ "eventType": "t", "payload": {}, "eventId": "m", "deliverAt": deliver_at })
}

/// The attempts of the message, and how its delivery stands.
async fn told(api: &Api) -> (usize, Value) {
    let attempts = api.get("/api/v1/app/a/attempt/msg/m").await.fine();
    let count = attempts["data"].as_array().map_or(0, Vec::len);
    let destinations = api.get(&format!("{PATH}/m/endpoint")).await.fine();
    let delivery = &destinations["data"][0];
    let told = json!([delivery["status"], delivery["nextAttempt"]]);
    (count, told)
}

#[tokio::test]
async fn a_message_for_later_is_shown_at_once_and_sent_at_its_time() {
    local(async {
        let api = api().await;
        let said = api.post(PATH, message("2025-11-24T18:00:00+01:00")).await;
        assert_eq!(said.status, 202);
        let said = said.fine();
        let at = json!("2025-11-24T17:00:00.000000Z");
        assert_eq!(said["deliverAt"], at);
        assert_eq!(api.get(&format!("{PATH}/m")).await.fine(), said);
        assert_eq!(api.get(PATH).await.fine()["data"], json!([said]));
        api.advance(Span::from_millis(3_599_000)).await;
        assert_eq!(told(&api).await, (0, json!([1, at])));
        let missing = "/api/v1/app/a/endpoint/e/replay-missing?dryRun=true";
        let since = json!({ "since": "2025-11-24T16:00:00Z" });
        let count = api.post(missing, since).await;
        assert_eq!(
            count.fine()["count"],
            0,
            "what waits for its time is not missing"
        );
        api.advance(Span::from_millis(1_000)).await;
        api.settled().await;
        assert_eq!(told(&api).await, (1, json!([0, null])));
    })
    .await;
}

#[tokio::test]
async fn a_step_of_the_wall_clock_changes_no_wait() {
    local(async {
        let api = api().await;
        api.post(PATH, message("2025-11-24T17:00:00Z")).await.fine();
        api.clock.set_wall_ahead(Span::from_seconds(86_400));
        api.advance(Span::from_millis(3_500_000)).await;
        assert_eq!(told(&api).await.0, 0);
        api.clock.set_wall_ahead(Span::from_seconds(-86_400));
        api.advance(Span::from_millis(100_000)).await;
        api.settled().await;
        assert_eq!(told(&api).await.0, 1);
    })
    .await;
}

#[tokio::test]
async fn a_time_that_has_come_is_sent_at_once_and_shown_again() {
    local(async {
        for time in ["2020-01-01T00:00:00Z", "2025-11-24T16:00:00Z"] {
            let api = api().await;
            let said = api.post(PATH, message(time)).await.fine();
            let shown = time.replace("00Z", "00.000000Z");
            assert_eq!(said["deliverAt"], json!(shown));
            api.settled().await;
            assert_eq!(told(&api).await, (1, json!([0, null])));
        }
    })
    .await;
}

#[tokio::test]
async fn a_time_that_is_too_far_or_behind_the_payloads_end_is_422() {
    local(async {
        let api = api().await;
        let mut body = message("2025-12-24T16:00:00Z");
        api.post(PATH, body.clone()).await.fine();
        body["eventId"] = json!("other");
        body["deliverAt"] = json!("2025-12-24T16:00:01Z");
        let answer = api.post(PATH, body.clone()).await;
        assert!(
            answer.body.contains("up to 30 days ahead"),
            "{}",
            answer.body
        );
        assert_eq!(answer.faults(), ["body.deliverAt: value_error"]);
        body["deliverAt"] = json!("2025-11-24T17:00:00Z");
        body["payloadRetentionHours"] = json!(1);
        let faults = api.post(PATH, body.clone()).await.faults();
        assert_eq!(faults, ["body.deliverAt: value_error"]);
        body["deliverAt"] = json!("2025-11-24T16:59:59Z");
        api.post(PATH, body).await.fine();
    })
    .await;
}

#[tokio::test]
async fn a_message_whose_payload_is_taken_away_while_it_waits_is_never_sent() {
    local(async {
        let api = api().await;
        api.post(PATH, message("2025-11-24T17:00:00Z")).await.fine();
        api.advance(Span::from_millis(100)).await;
        let path = format!("{PATH}/m/content");
        let answer = api.send(Method::DELETE, &path, &json!(null), None).await;
        assert_eq!(answer.status, 204);
        api.advance(HOUR).await;
        api.advance(HOUR).await;
        assert_eq!(told(&api).await.0, 0);
        assert_eq!(api.host.handle.stats().attempts, 0);
    })
    .await;
}

#[tokio::test]
async fn before_its_time_no_task_counts_it_and_lists_show_it_as_pending() {
    local(async {
        let api = api().await;
        let said = api.post(PATH, message("2025-11-24T17:00:00Z")).await.fine();
        api.endpoint("a", "new", "https://example.com/new").await;
        api.advance(Span::from_millis(100)).await;
        let missing = async |endpoint: &str| -> Value {
            let path = format!("/api/v1/app/a/endpoint/{endpoint}/replay-missing?dryRun=true");
            let since = json!({ "since": "2025-11-24T16:00:00Z" });
            api.post(&path, since).await.fine()["count"].clone()
        };
        assert_eq!(
            (missing("e").await, missing("new").await),
            (json!(0), json!(0))
        );
        let listed = async |query: &str| -> Vec<Value> {
            let path = format!("/api/v1/app/a/endpoint/e/msg?{query}");
            let page = api.get(&path).await.fine();
            page["data"].as_array().expect("a list").clone()
        };
        let pending = listed("status=1").await;
        assert_eq!(pending.len(), 1);
        assert_eq!(pending[0]["id"], said["id"]);
        assert_eq!(pending[0]["nextAttempt"], said["deliverAt"]);
        assert_eq!(pending[0]["deliverAt"], said["deliverAt"]);
        for status in ["0", "2", "3"] {
            assert!(listed(&format!("status={status}")).await.is_empty());
        }
        let stats = api.get("/api/v1/app/a/endpoint/e/stats").await.fine();
        assert_eq!(
            (&stats["pending"], &stats["sending"]),
            (&json!(1), &json!(0))
        );

        api.advance(HOUR).await;
        api.settled().await;
        assert_eq!(
            (missing("e").await, missing("new").await),
            (json!(0), json!(1))
        );
        assert_eq!(listed("status=0").await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_same_again_under_a_key_is_one_message_also_once_its_time_is_over() {
    local(async {
        let api = api().await;
        let again = async || -> Value {
            let request = keyed(Method::POST, PATH)
                .header("content-type", "application/json")
                .header("idempotency-key", "k");
            let body = message("2025-11-24T17:00:00Z").to_string();
            api.ask(request.body(body.into()).expect("valid"))
                .await
                .fine()
        };
        let first = again().await;
        assert_eq!(again().await, first);
        api.advance(Span::from_seconds(7_200)).await;
        api.settled().await;
        assert_eq!(again().await, first);
        api.advance(HOUR).await;
        api.settled().await;
        assert_eq!(told(&api).await, (1, json!([0, null])));
        assert_eq!(api.host.handle.stats().attempts, 1);
    })
    .await;
}
