//! Idempotency keys over HTTP: the same request under the same key is done one time.

use axum::body::Body;
use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::{Method, Request};
use serde_json::{Value, json};

use super::{Answer, Api, keyed, local};

const MESSAGES: &str = "/api/v1/app/a/msg";
const ENDPOINTS: &str = "/api/v1/app/a/endpoint";

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api
}

fn request(path: &str, key: &str, body: &Value) -> Request<Body> {
    let request = keyed(Method::POST, path)
        .header("content-type", "application/json")
        .header("idempotency-key", key);
    request.body(body.to_string().into()).expect("valid")
}

async fn post(api: &Api, path: &str, key: &str, body: &Value) -> Answer {
    api.ask(request(path, key, body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

async fn count(api: &Api, path: &str) -> usize {
    let list = api.get(&format!("{path}?limit=250")).await.fine();
    list["data"].as_array().expect("a list").len()
}

fn event() -> Value {
    json!({ "eventType": "t", "payload": { "n": 1 }, "channels": ["c"], "eventId": "e" })
}

#[tokio::test]
async fn a66_the_same_request_under_its_key_has_the_first_answer_again() {
    local(async {
        let api = api().await;
        let endpoint = json!({ "url": "https://example.com/", "uid": "e" });
        let application = json!({ "name": "x", "uid": "x" });
        for (path, body, status) in [
            (MESSAGES, event(), 202),
            (ENDPOINTS, endpoint, 201),
            ("/api/v1/app", application, 201),
        ] {
            let before = count(&api, path).await;
            let first = post(&api, path, "k", &body).await;
            assert_eq!(first.status, status, "{path} {}", first.body);
            assert!(!is_replayed(&first));
            api.advance(Span::from_millis(60_000)).await;
            // As the path, an id stands for a uid.
            let again = post(&api, &format!("{path}/"), "k", &body).await;
            assert!(is_replayed(&again), "{path}");
            assert_eq!((again.status, &again.body), (first.status, &first.body));
            assert_eq!(again.headers.get("etag"), first.headers.get("etag"));
            assert_eq!(count(&api, path).await, before + 1);
            // What has a name of its own is known without a key, too, and is no answer.
            assert_eq!(post(&api, path, "l", &body).await.status, 409, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a67_another_body_under_a_used_key_is_422_and_makes_nothing() {
    local(async {
        let api = api().await;
        let first = post(&api, MESSAGES, "k", &event()).await;
        assert_eq!(first.status, 202);
        let other = json!({ "eventType": "t", "payload": { "n": 2 } });
        let answer = post(&api, MESSAGES, "k", &other).await;
        let reused = (422, "idempotency_key_reused".to_owned());
        assert_eq!(answer.refusal(), reused);
        let said = answer.json();
        assert_eq!(
            said["detail"][0]["loc"],
            json!(["header", "idempotency-key"])
        );
        assert_eq!(count(&api, MESSAGES).await, 1);
        // On another route it is another key.
        let endpoint = json!({ "url": "https://example.com/" });
        assert_eq!(post(&api, ENDPOINTS, "k", &endpoint).await.status, 201);
        assert!(is_replayed(&post(&api, MESSAGES, "k", &event()).await));
    })
    .await;
}

#[tokio::test]
async fn a68_a_hundred_at_once_under_one_key_are_one_event() {
    local(async {
        let api = api().await;
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let router = api.router.clone();
                let request = request(MESSAGES, "k", &event());
                tokio::task::spawn_local(async move { Answer::of(&router, request).await })
            })
            .collect();
        let mut bodies = std::collections::BTreeSet::new();
        let mut first = 0;
        for answer in asked {
            let answer = answer.await.expect("no panic");
            assert_eq!(answer.status, 202, "{}", answer.body);
            first += usize::from(!is_replayed(&answer));
            bodies.insert(answer.body);
        }
        assert_eq!((first, bodies.len()), (1, 1), "{bodies:?}");
        assert_eq!(count(&api, MESSAGES).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a69_a_key_of_one_application_is_another_one_in_the_next() {
    local(async {
        let api = api().await;
        api.application("b").await;
        let first = post(&api, MESSAGES, "k", &event()).await;
        let other = post(&api, "/api/v1/app/b/msg", "k", &event()).await;
        assert_eq!((first.status.as_u16(), other.status.as_u16()), (202, 202));
        assert!(!is_replayed(&other));
        assert_ne!(first.json()["id"], other.json()["id"]);
        // The name goes to another application: what the first one got under the key is not its.
        assert_eq!(
            api.send(Method::DELETE, "/api/v1/app/a", &json!({}), None)
                .await
                .status,
            204
        );
        api.application("a").await;
        let anew = post(&api, MESSAGES, "k", &event()).await;
        assert!(!is_replayed(&anew) && anew.status == 202, "{}", anew.body);
    })
    .await;
}

#[tokio::test]
async fn a70_a_key_that_is_none_is_400() {
    local(async {
        let api = api().await;
        let long = "x".repeat(256);
        for key in ["", "a b", "\u{e9}", long.as_str()] {
            let answer = post(&api, MESSAGES, key, &event()).await;
            assert_eq!(
                answer.refusal(),
                (400, "invalid_header".to_owned()),
                "{key}"
            );
        }
        let mut twice = request(MESSAGES, "k", &event());
        let value = http::HeaderValue::from_static("k");
        twice.headers_mut().append("idempotency-key", value);
        let answer = api.ask(twice).await;
        assert_eq!(answer.refusal(), (400, "invalid_header".to_owned()));
        let longest = "x".repeat(255);
        assert_eq!(post(&api, MESSAGES, &longest, &event()).await.status, 202);
        assert_eq!(count(&api, MESSAGES).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a72_a_refused_request_does_not_use_its_key_up() {
    local(async {
        let api = api().await;
        let wrong = json!({ "eventType": "not a name", "payload": {} });
        assert_eq!(post(&api, MESSAGES, "k", &wrong).await.status, 422);
        assert_eq!(post(&api, MESSAGES, "k", &event()).await.status, 202);
        // The name is taken: nothing was made under this key.
        assert_eq!(post(&api, MESSAGES, "l", &event()).await.status, 409);
        let unnamed = json!({ "eventType": "t", "payload": {} });
        assert_eq!(post(&api, MESSAGES, "l", &unnamed).await.status, 202);
        assert_eq!(count(&api, MESSAGES).await, 2);
    })
    .await;
}

#[tokio::test]
async fn what_was_made_under_a_key_and_deleted_since_is_not_made_again() {
    local(async {
        let api = api().await;
        let body = json!({ "url": "https://example.com/", "uid": "e" });
        assert_eq!(post(&api, ENDPOINTS, "k", &body).await.status, 201);
        let path = format!("{ENDPOINTS}/e");
        let deleted = api.send(Method::DELETE, &path, &json!({}), None).await;
        assert_eq!(deleted.status, 204);
        let answer = post(&api, ENDPOINTS, "k", &body).await;
        assert_eq!(answer.refusal(), (409, "conflict".to_owned()));
        assert_eq!(post(&api, ENDPOINTS, "l", &body).await.status, 201);
    })
    .await;
}
