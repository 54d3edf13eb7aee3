//! Values that the published shape has and that could be taken for wrong ones.

use fanfare::domain::outcome::OutcomeKind;
use serde_json::{Value, json};

use super::{Api, local};

const ENDPOINTS: &str = "/api/v1/app/a/endpoint";

/// An API with an application `a` and its endpoint `e`.
async fn start() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api.endpoint("a", "e", "http://r/").await;
    api
}

async fn entries(api: &Api, path: &str) -> usize {
    let page = api.get(path).await.fine();
    page["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_channel_may_have_colons_and_plus_signs_wherever_one_stands() {
    local(async {
        let api = start().await;
        let channel = "eu:de+west";
        let path = format!("{ENDPOINTS}/e");
        let patched = api
            .patch(&path, json!({ "channels": [channel] }))
            .await
            .fine();
        assert_eq!(patched["channels"], json!([channel]));
        for channels in [json!([channel]), json!(["eu:de"]), Value::Null] {
            let body = json!({ "eventType": "t", "payload": {}, "channels": channels });
            api.post("/api/v1/app/a/msg", body).await.fine();
        }
        api.attempts(1).await;
        let query = "channel=eu:de%2Bwest";
        assert_eq!(
            entries(&api, &format!("/api/v1/app/a/msg?{query}")).await,
            1
        );
        let attempts = "/api/v1/app/a/attempt/endpoint/e";
        assert_eq!(entries(&api, &format!("{attempts}?{query}")).await, 1);
        let body = json!({ "since": "2025-11-24T15:00:00Z", "channel": channel });
        let path = format!("{ENDPOINTS}/e/bulk-replay?dryRun=true");
        assert_eq!(api.post(&path, body).await.fine()["count"], 1);
        let space = api.get("/api/v1/app/a/msg?channel=eu:de+west").await;
        assert_eq!(space.faults(), ["query.channel: value_error"]);
        for wrong in ["", "a b", "a/b", "*", "é", &"x".repeat(257)] {
            let body = json!({ "url": "http://r/", "channels": [wrong] });
            let answer = api.post(ENDPOINTS, body).await;
            assert_eq!(answer.faults(), ["body.channels: value_error"], "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_rate_of_0_takes_the_rate_away_in_a_change_and_is_none_elsewhere() {
    local(async {
        let api = start().await;
        for path in ["/api/v1/app/a", "/api/v1/app/a/endpoint/e"] {
            for (name, rate, expected) in [
                ("throttleRate", 5, json!(5)),
                ("throttleRate", 0, Value::Null),
                ("rateLimit", 7, json!(7)),
                ("rateLimit", 0, Value::Null),
            ] {
                let shown = api.patch(path, json!({ name: rate })).await.fine();
                assert_eq!(shown["throttleRate"], expected, "{path} {name} {rate}");
            }
        }
        let body = json!({ "name": "b", "throttleRate": 0 });
        let answer = api.post("/api/v1/app", body.clone()).await;
        assert_eq!(answer.faults(), ["body.throttleRate: value_error"]);
        let answer = api.put("/api/v1/app/a", body).await;
        assert_eq!(answer.faults(), ["body.throttleRate: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn a_secret_may_come_without_its_prefix() {
    local(async {
        let api = start().await;
        let bare = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
        let body = json!({ "url": "http://r/", "uid": "bare", "secret": bare });
        api.post(ENDPOINTS, body).await.fine();
        let path = format!("{ENDPOINTS}/bare/secret");
        assert_eq!(api.get(&path).await.fine()["key"], format!("whsec_{bare}"));
        let rotate = format!("{ENDPOINTS}/e/secret/rotate");
        let rotated = api.post(&rotate, json!({ "key": bare }));
        assert_eq!(rotated.await.fine()["key"], format!("whsec_{bare}"));
    })
    .await;
}

#[tokio::test]
async fn statuses_and_kinds_that_nothing_has_choose_nothing() {
    local(async {
        let api = start().await;
        api.message("a", 1).await;
        api.attempts(1).await;
        let path = format!("{ENDPOINTS}/e/bulk-replay?dryRun=true");
        for (status, expected) in [(0, 1), (1, 0), (2, 0), (3, 0), (4, 0)] {
            let body = json!({ "since": "2025-11-24T15:00:00Z", "status": status });
            let count = api.post(&path, body).await.fine()["count"].clone();
            assert_eq!(count, expected, "{status}");
        }
        let body = json!({ "since": "2025-11-24T15:00:00Z", "status": 5 });
        let answer = api.post(&path, body.clone()).await;
        assert_eq!(answer.faults(), ["body.status: value_error"]);
        let body = json!({ "since": "2025-11-24T15:00:00Z", "status": 4 });
        let path = format!("{ENDPOINTS}/e/bulk-replay");
        assert_eq!(api.post(&path, body).await.status, 202);
        let tasks = "/api/v1/background-task";
        assert_eq!(
            entries(&api, &format!("{tasks}?task=endpoint.bulk-replay")).await,
            1
        );
        assert_eq!(
            entries(&api, &format!("{tasks}?task=application.stats")).await,
            0
        );
        let answer = api.get(&format!("{tasks}?task=none")).await;
        assert_eq!(answer.faults(), ["query.task: value_error"]);
    })
    .await;
}
