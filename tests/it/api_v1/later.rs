//! Messages for later over HTTP: accepted and shown at once, sent at their time.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use serde_json::{Value, json};

use super::{Api, local};

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
        let answer = api
            .send(http::Method::DELETE, &path, &json!(null), None)
            .await;
        assert_eq!(answer.status, 204);
        api.advance(HOUR).await;
        api.advance(HOUR).await;
        assert_eq!(told(&api).await.0, 0);
        assert_eq!(api.host.handle.stats().attempts, 0);
    })
    .await;
}
