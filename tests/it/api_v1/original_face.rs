//! The original routes as a face on the application `default`: what they register is an endpoint like
//! all others.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};

const PATH: &str = "/api/v1/app/default/endpoint";

async fn api() -> Api {
    Api::start(OutcomeKind::Status(200)).await
}

/// Registers a URL by the original route; the status and the list it answers with.
async fn register(api: &Api, url: &str, token: &str) -> (u16, Value) {
    let answer = api
        .post("/api/webhooks", json!({ "url": url, "token": token }))
        .await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test]
async fn b32_a_delivery_that_leads_back_here_goes_no_further() {
    local(async {
        let api = api().await;
        for path in ["/api/webhooks/test", "/api/v1/app", "/api/webhooks"] {
            let request = http::Request::post(path)
                .header("content-type", "application/json")
                .header("fanfare-hop", "1");
            let body = r#"{"payload":["x"],"url":"http://h/","token":"t","name":"n"}"#;
            let request = request.body(axum::body::Body::from(body)).expect("valid");
            let answer = api.ask(request).await;
            assert_eq!(answer.status.as_u16(), 508, "{path}");
            assert_eq!(answer.json()["code"], "loop_detected");
        }
        let page = api.get("/api/v1/app/default/msg").await.fine();
        assert_eq!(page["data"], json!([]), "nothing was made of it");
    })
    .await;
}

#[tokio::test]
async fn what_is_registered_there_is_listed_and_inspected_with_its_attempts() {
    local(async {
        let api = api().await;
        let (status, list) = register(&api, "http://h/1", "canary").await;
        assert_eq!((status, list.as_array().map(Vec::len)), (201, Some(1)));
        let page = api.get(PATH).await;
        assert!(
            !page.body.contains("canary"),
            "a token is shown where it was said, and only there"
        );
        let page = page.fine();
        assert_eq!(page["data"][0]["url"], "http://h/1");
        assert_eq!(page["data"][0]["disabled"], false);
        let event = json!({ "payload": ["x"] });
        assert_eq!(api.post("/api/webhooks/test", event).await.status, 202);
        api.attempts(1).await;
        let id = page["data"][0]["id"].as_str().expect("an id");
        let attempts = api
            .get(&format!("/api/v1/app/default/attempt/endpoint/{id}"))
            .await
            .fine();
        assert_eq!(attempts["data"][0]["status"], 0);
        let messages = api.get("/api/v1/app/default/msg").await.fine();
        assert_eq!(messages["data"][0]["eventType"], "OrderReceived");
        assert_eq!(messages["data"][0]["id"], attempts["data"][0]["msgId"]);
        let secret = api.get(&format!("{PATH}/{id}/secret")).await.fine();
        assert!(
            secret["key"]
                .as_str()
                .is_some_and(|key| key.starts_with("whsec_"))
        );
    })
    .await;
}

#[tokio::test]
async fn one_that_the_api_disabled_is_enabled_by_registering_it_again() {
    local(async {
        let api = api().await;
        register(&api, "http://h/1", "t").await;
        let id = api.get(PATH).await.fine()["data"][0]["id"].clone();
        let at = format!("{PATH}/{}", id.as_str().expect("an id"));
        api.patch(&at, json!({ "disabled": true })).await.fine();
        api.post("/api/webhooks/test", json!({ "payload": ["x"] }))
            .await;
        api.advance(Span::from_seconds(60)).await;
        assert_eq!(api.host.handle.stats().attempts, 0);
        let (status, list) = register(&api, "http://h/1", "t").await;
        assert_eq!((status, list.as_array().map(Vec::len)), (200, Some(1)));
        assert_eq!(api.get(&at).await.fine()["disabled"], false);
        api.post("/api/webhooks/test", json!({ "payload": ["x"] }))
            .await;
        api.attempts(1).await;
    })
    .await;
}

#[tokio::test]
async fn one_that_the_api_deleted_or_sent_elsewhere_is_no_registration_any_more() {
    local(async {
        let api = api().await;
        for url in ["http://h/1", "http://h/2", "http://h/3"] {
            register(&api, url, "t").await;
        }
        let page = api.get(PATH).await.fine();
        let at = |number: usize| {
            let id = page["data"][number]["id"].as_str().expect("an id");
            format!("{PATH}/{id}")
        };
        let gone = api.send(Method::DELETE, &at(0), &json!({}), None).await;
        assert_eq!(gone.status, 204);
        api.patch(&at(1), json!({ "url": "http://h/other" }))
            .await
            .fine();
        // A change of something else leaves it what it is.
        api.patch(&at(2), json!({ "description": "ours" }))
            .await
            .fine();
        let (status, list) = register(&api, "http://h/3", "t").await;
        assert_eq!(status, 200);
        let urls: Vec<&Value> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|it| &it["url"])
            .collect();
        assert_eq!(urls, ["http://h/3"]);
        assert!(
            list[0].get("description").is_none(),
            "its reply stays as it was"
        );
        // Both URLs can be registered anew.
        for url in ["http://h/1", "http://h/2"] {
            assert_eq!(register(&api, url, "t").await.0, 201, "{url}");
        }
    })
    .await;
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn what_comes_there_is_checked_where_the_catalogue_asks_for_it_and_told_as_there() {
    local(async {
        let api = api().await;
        register(&api, "http://h/1", "t").await;
        let schema = json!({
            "x-fanfare-check": true,
            "properties": { "payload": { "items": { "type": "string", "maxLength": 3 } } },
            "required": ["shop"],
        });
        let event_type =
            json!({ "name": "OrderReceived", "description": "", "schemas": { "1": schema } });
        api.post("/api/v1/event-type", event_type).await.fine();
        let test = async |body: Value| api.post("/api/webhooks/test", body).await;
        assert_eq!(
            test(json!({ "payload": ["abc"], "shop": 1 })).await.status,
            202
        );
        let answer = test(json!({ "payload": ["abc", "canary"] })).await;
        assert_eq!(answer.status, 400);
        assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8"
        );
        let said = answer.json();
        let mut messages: Vec<&str> = said["error"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|message| message.as_str().expect("a text"))
            .collect();
        messages.sort_unstable();
        assert!(
            messages[0].starts_with("\"\" ") && messages[0].contains("shop"),
            "{messages:?}"
        );
        assert!(messages[1].starts_with("\"payload.1\" "), "{messages:?}");
        assert!(
            messages.len() == 2 && !answer.body.contains("canary"),
            "{messages:?}"
        );
        // What that route refuses by itself is told first.
        let answer = test(json!({ "payload": [] })).await;
        assert_eq!(answer.json()["error"].as_array().map(Vec::len), Some(1));
        let messages = api.get("/api/v1/app/default/msg").await.fine();
        assert_eq!(messages["data"].as_array().map(Vec::len), Some(1));
    })
    .await;
}
