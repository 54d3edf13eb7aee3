//! Operational events at the level of HTTP: they come like any message.

use fanfare::{domain::outcome::OutcomeKind, engine::options::Options, policy::retry::RetryPolicy};
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};
use crate::support::memory_transport::{MemoryTransport, Sent};

/// An API whose operational events go to the application `operations`, which has an endpoint for
/// them. `/gone` is gone, `/bad` fails, and nothing is tried twice.
async fn telling() -> Api {
    let script = Box::new(|request: &fanfare::domain::attempt::AttemptRequest| {
        let status = match request.target.url.path_and_query() {
            "/gone" => 410,
            "/bad" => 500,
            _ => 200,
        };
        (std::time::Duration::ZERO, OutcomeKind::Status(status))
    });
    let transport = MemoryTransport::new(script, Sent::default());
    let options = Options {
        operational: Some("operations".into()),
        retry: RetryPolicy {
            waits: Vec::new(),
            ..RetryPolicy::default()
        },
        ..Options::default()
    };
    let api = Api::with_options(transport, options).await;
    api.endpoint("operations", "o", "https://example.com/told")
        .await;
    api
}

/// The payloads of what was told, oldest first.
async fn told(api: &Api) -> Vec<Value> {
    for _ in 0..5 {
        api.settled().await;
    }
    let page = api.get("/api/v1/app/operations/msg").await.fine();
    let data = page["data"].as_array().expect("a list").iter().rev();
    data.map(|message| {
        assert_eq!(message["eventType"], message["payload"]["type"]);
        message["payload"].clone()
    })
    .collect()
}

#[tokio::test]
async fn the_application_for_them_is_there_from_the_start_and_gets_them_like_any_message() {
    local(async {
        let api = telling().await;
        let customer = api.application("customer").await;
        let created = api.post(
            "/api/v1/app/customer/endpoint",
            json!({ "url": "https://example.com/gone", "uid": "e" }),
        );
        let endpoint = created.await.json();
        api.message("customer", 1).await;
        let all = told(&api).await;
        let types: Vec<&str> = all.iter().filter_map(|one| one["type"].as_str()).collect();
        let expected = [
            "endpoint.created",
            "message.attempt.exhausted",
            "endpoint.disabled",
        ];
        assert_eq!(types, expected);
        let data = json!({
            "appId": customer["id"],
            "appUid": "customer",
            "endpointId": endpoint["id"],
            "endpointUid": "e",
        });
        assert_eq!(all[0], json!({ "type": "endpoint.created", "data": data }));
        let since = all[2]["data"]["failSince"].as_str().expect("a time");
        assert!(since.starts_with("2025-11-24T16:00:0"), "{since}");
        let attempts = api
            .get("/api/v1/app/operations/attempt/endpoint/o")
            .await
            .fine();
        assert_eq!(
            attempts["data"].as_array().map(Vec::len),
            Some(3),
            "they were sent"
        );
    })
    .await;
}

#[tokio::test]
async fn each_way_to_change_an_endpoint_is_told() {
    local(async {
        let api = telling().await;
        api.application("customer").await;
        api.endpoint("customer", "e", "https://example.com/e").await;
        let path = "/api/v1/app/customer/endpoint/e";
        let disabled = api.patch(path, json!({ "disabled": true })).await;
        assert_eq!(disabled.status, 200);
        let rotated = api.post(&format!("{path}/secret/rotate"), json!({})).await;
        assert!(rotated.status.is_success(), "{}", rotated.body);
        assert_eq!(
            api.send(Method::DELETE, path, &Value::Null, None)
                .await
                .status,
            204
        );
        let all = told(&api).await;
        let types: Vec<&str> = all.iter().filter_map(|one| one["type"].as_str()).collect();
        let expected = [
            "endpoint.created",
            "endpoint.updated",
            "endpoint.updated",
            "endpoint.deleted",
        ];
        assert_eq!(types, expected);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_that_ends_without_success_is_told_with_its_last_attempt() {
    local(async {
        let api = telling().await;
        let customer = api.application("customer").await;
        let endpoint = api
            .endpoint("customer", "e", "https://example.com/bad")
            .await;
        let message = json!({ "eventType": "a.b", "eventId": "mine", "payload": {} });
        let sent = api.post("/api/v1/app/customer/msg", message).await.json();
        let all = told(&api).await;
        let path = "/api/v1/app/customer/attempt/endpoint/e";
        let attempts = api.get(path).await.fine();
        let attempt = &attempts["data"][0];
        let last = &all[1]["data"]["lastAttempt"];
        let data = json!({
            "appId": customer["id"],
            "appUid": "customer",
            "endpointId": endpoint["id"],
            "msgId": sent["id"],
            "msgEventId": "mine",
            "lastAttempt": {
                "id": attempt["id"],
                "responseStatusCode": 500,
                "timestamp": last["timestamp"],
            },
        });
        assert_eq!(
            all[1],
            json!({ "type": "message.attempt.exhausted", "data": data })
        );
        let ended = last["timestamp"].as_str().expect("a time");
        assert!(ended.starts_with("2025-11-24T16:00:0"), "{ended}");
    })
    .await;
}
