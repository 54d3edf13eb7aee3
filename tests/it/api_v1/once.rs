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

/// Asks for one thing twice under a key, and for another under it; gives the first answer.
async fn asked_twice(api: &Api, path: &str, body: &Value, status: u16) -> Answer {
    let first = post(api, path, "k", body).await;
    assert_eq!(first.status, status, "{path} {}", first.body);
    assert!(!is_replayed(&first), "{path}");
    api.advance(Span::from_millis(60_000)).await;
    let again = post(api, &format!("{path}/"), "k", body).await;
    assert!(is_replayed(&again), "{path} {}", again.body);
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.headers.get("etag"), first.headers.get("etag"));
    first
}

#[tokio::test]
async fn a66_a67_a_secret_is_rotated_once_under_a_key() {
    local(async {
        let api = api().await;
        api.endpoint("a", "e", "http://h/").await;
        api.endpoint("a", "f", "http://h/").await;
        let rotate = "/api/v1/app/a/endpoint/e/secret/rotate";
        let first = asked_twice(&api, rotate, &json!({}), 200).await;
        let secret = "/api/v1/app/a/endpoint/e/secret";
        assert_eq!(api.get(secret).await.body, first.body);
        let other = post(&api, rotate, "k", &json!({ "gracePeriodSeconds": 1 })).await;
        assert_eq!(other.refusal(), (422, "idempotency_key_reused".to_owned()));
        // Another endpoint is another route.
        let elsewhere = "/api/v1/app/a/endpoint/f/secret/rotate";
        let elsewhere = post(&api, elsewhere, "k", &json!({})).await;
        assert!(elsewhere.status == 200 && !is_replayed(&elsewhere));
        // The last that there is room for is told again, another one is refused.
        let last = post(&api, rotate, "l", &json!({})).await;
        assert!(last.status == 200 && !is_replayed(&last));
        let refused = post(&api, rotate, "m", &json!({})).await;
        assert_eq!(refused.refusal().0, 409);
        let again = post(&api, rotate, "l", &json!({})).await;
        assert!(is_replayed(&again) && again.body == last.body);
        // So is one that asked for the revision that it made another one of.
        let tag = api.get("/api/v1/app/a/endpoint/f").await;
        let asked = async |tag: &str, key: &str| {
            let rotate = "/api/v1/app/a/endpoint/f/secret/rotate";
            let mut request = request(rotate, key, &json!({}));
            let tag = tag.parse().expect("a header");
            request.headers_mut().insert("if-match", tag);
            api.ask(request).await
        };
        let tag = tag.header("etag").to_owned();
        let first = asked(&tag, "n").await;
        assert!(first.status == 200 && !is_replayed(&first));
        let again = asked(&tag, "n").await;
        assert!(is_replayed(&again) && again.body == first.body);
        assert_eq!(asked(&tag, "o").await.refusal().0, 412);
    })
    .await;
}

#[tokio::test]
async fn a66_a_message_is_sent_again_once_under_a_key() {
    local(async {
        let api = api().await;
        api.endpoint("a", "e", "http://h/").await;
        let (id, other) = (api.message("a", 1).await, api.message("a", 2).await);
        api.attempts(2).await;
        let resend = |id: &str| format!("/api/v1/app/a/msg/{id}/endpoint/e/resend");
        asked_twice(&api, &resend(&id), &json!({}), 202).await;
        api.attempts(3).await;
        let late = post(&api, &resend(&id), "k", &json!({})).await;
        assert!(is_replayed(&late));
        api.settled().await;
        let attempts = format!("/api/v1/app/a/attempt/msg/{id}");
        assert_eq!(count(&api, &attempts).await, 2);
        // Another message is another route.
        let elsewhere = post(&api, &resend(&other), "k", &json!({})).await;
        assert!(elsewhere.status == 202 && !is_replayed(&elsewhere));
        let anew = post(&api, &resend(&id), "l", &json!({})).await;
        assert!(anew.status == 202 && !is_replayed(&anew));
        api.attempts(5).await;
        assert_eq!(count(&api, &attempts).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a66_a67_a_key_of_the_api_is_made_once_and_shown_again_to_who_made_it() {
    local(async {
        let api = api().await;
        let keys = "/api/v1/key";
        let body = json!({ "name": "n", "scope": "admin" });
        let first = asked_twice(&api, keys, &body, 201).await.json();
        assert_eq!(count(&api, keys).await, 1);
        let key = first["key"].as_str().expect("a key").to_owned();
        let hint = first["hint"].as_str().expect("a hint");
        assert!(key.starts_with(hint) && key.len() == "fanfare_".len() + 43);
        let shows = async |key: &str, under: &str| {
            let mut request = request(keys, under, &body);
            let value = format!("Bearer {key}").parse().expect("a header");
            request.headers_mut().insert("authorization", value);
            api.ask(request).await
        };
        // It works, and makes others by itself; but what another one made is not shown to it.
        let hidden = shows(&key, "k").await;
        assert_eq!(hidden.refusal(), (409, "conflict".to_owned()));
        let told = hidden.json()["detail"].as_str().expect("a text").to_owned();
        assert!(
            told.contains(first["id"].as_str().expect("an id")),
            "{told}"
        );
        let own = shows(&key, "l").await;
        assert_eq!(own.status, 201);
        assert_eq!(shows(&key, "l").await.body, own.body);
        let other = json!({ "name": "n", "scope": "read" });
        let reused = post(&api, keys, "k", &other).await;
        assert_eq!(reused.refusal(), (422, "idempotency_key_reused".to_owned()));
        assert_eq!(count(&api, keys).await, 2);
        // What was revoked is not made again.
        let path = format!("{keys}/{}", first["id"].as_str().expect("an id"));
        api.send(Method::DELETE, &path, &json!({}), None).await;
        let gone = post(&api, keys, "k", &body).await;
        assert_eq!(gone.refusal(), (409, "conflict".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a68_keys_that_are_asked_for_at_once_are_one() {
    local(async {
        let api = api().await;
        for (path, status) in [
            ("/api/v1/key", 201),
            ("/api/v1/auth/app-portal-access/a", 200),
        ] {
            let body = match status {
                201 => json!({ "name": "n", "scope": "admin" }),
                _ => json!({}),
            };
            let asked: Vec<_> = (0..20)
                .map(|_| {
                    let router = api.router.clone();
                    let request = request(path, "k", &body);
                    tokio::task::spawn_local(async move { Answer::of(&router, request).await })
                })
                .collect();
            let mut bodies = std::collections::BTreeSet::new();
            for answer in asked {
                let answer = answer.await.expect("no panic");
                assert_eq!(answer.status, status, "{}", answer.body);
                bodies.insert(answer.body);
            }
            assert_eq!(bodies.len(), 1);
        }
        assert_eq!(count(&api, "/api/v1/key").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a66_access_to_the_portal_is_given_once_under_a_key() {
    local(async {
        let api = api().await;
        api.application("b").await;
        let access = "/api/v1/auth/app-portal-access/a";
        let first = asked_twice(&api, access, &json!({}), 200).await;
        assert_eq!(count(&api, "/api/v1/key").await, 1);
        let other = post(&api, "/api/v1/auth/app-portal-access/b", "k", &json!({})).await;
        assert!(other.status == 200 && !is_replayed(&other));
        assert_ne!(other.json()["token"], first.json()["token"]);
    })
    .await;
}

#[tokio::test]
async fn a66_an_archived_type_is_taken_into_use_again_once_under_a_key() {
    local(async {
        let api = api().await;
        let types = "/api/v1/event-type";
        let body = json!({ "name": "t", "description": "d" });
        api.post(types, body.clone()).await.fine();
        let event = event();
        assert_eq!(post(&api, MESSAGES, "m", &event).await.status, 202);
        let archive = async || {
            let path = format!("{types}/t");
            let gone = api.send(Method::DELETE, &path, &json!({}), None).await;
            assert_eq!(gone.status, 204);
        };
        archive().await;
        // A message that was taken before is told so again; another one is refused.
        assert!(is_replayed(&post(&api, MESSAGES, "m", &event).await));
        assert_eq!(post(&api, MESSAGES, "n", &event).await.refusal().0, 422);
        let first = asked_twice(&api, types, &body, 201).await;
        assert_eq!(first.json()["archived"], false);
        archive().await;
        let again = post(&api, types, "k", &body).await;
        assert!(is_replayed(&again));
        assert_eq!(again.json()["archived"], true, "as it is now");
    })
    .await;
}

/// Deletes what is at a path.
async fn delete(api: &Api, path: &str) {
    let gone = api.send(Method::DELETE, path, &json!({}), None).await;
    assert_eq!(gone.status, 204, "{path}");
}

/// Repeats requests under their key, each of which must have its first answer again; the same under
/// another key, or with no key at all, is what is not there.
async fn told_again(api: &Api, asked: &[(String, Value, Answer)]) {
    for (path, body, first) in asked {
        let again = post(api, path, "k", body).await;
        assert!(is_replayed(&again), "{path} {}", again.body);
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        let missing = (404, "not_found".to_owned());
        assert_eq!(post(api, path, "l", body).await.refusal(), missing);
        assert_eq!(api.post(path, body.clone()).await.refusal(), missing);
        let other = json!({ "other": true });
        let other = post(api, path, "k", &other).await;
        // What is sent again has no body that means anything.
        if !path.ends_with("resend") && !path.ends_with("send-example") {
            assert_eq!(other.status, 422, "{path} {}", other.body);
        }
    }
}

#[tokio::test]
async fn a66_what_was_done_to_an_endpoint_is_told_again_though_it_was_deleted_since() {
    local(async {
        let api = api().await;
        let id = api.endpoint("a", "e", "http://h/").await["id"].clone();
        let id = id.as_str().expect("an id").to_owned();
        let message = api.message("a", 1).await;
        api.attempts(1).await;
        let mut asked = Vec::new();
        for name in ["e", id.as_str()] {
            let example = json!({ "eventType": "svix.ping" });
            let since = json!({ "since": "2025-11-24T15:00:00Z" });
            for (path, body) in [
                (format!("{ENDPOINTS}/{name}/send-example"), example),
                (
                    format!("{MESSAGES}/{message}/endpoint/{name}/resend"),
                    json!({}),
                ),
            ] {
                let first = post(&api, &path, "k", &body).await;
                assert!(first.status.is_success(), "{path} {}", first.body);
                asked.push((path, body, first));
            }
            let path = format!("{ENDPOINTS}/{name}/recover");
            let task = post(&api, &path, "k", &since).await;
            assert_eq!(task.status, 202, "{}", task.body);
        }
        let rotate = |name: &str| format!("{ENDPOINTS}/{name}/secret/rotate");
        let rotated = post(&api, &rotate(&id), "k", &json!({})).await;
        assert_eq!(rotated.status, 200, "{}", rotated.body);
        api.settled().await;
        delete(&api, &format!("{ENDPOINTS}/e")).await;
        told_again(&api, &asked).await;
        let since = json!({ "since": "2025-11-24T15:00:00Z" });
        let task = post(&api, &format!("{ENDPOINTS}/{id}/recover"), "k", &since).await;
        assert!(task.status == 202 && is_replayed(&task), "{}", task.body);
        let dry = format!("{ENDPOINTS}/{id}/recover?dryRun=true");
        assert_eq!(post(&api, &dry, "k", &since).await.refusal().0, 404);
        // The secret that was made is gone, and nothing else is shown in its place.
        for name in ["e", id.as_str()] {
            let gone = post(&api, &rotate(name), "k", &json!({})).await;
            assert_eq!(gone.refusal(), (409, "conflict".to_owned()));
            let never = post(&api, &rotate(name), "l", &json!({})).await;
            assert_eq!(never.refusal(), (404, "not_found".to_owned()));
        }
        // A change of another kind has no use for the key.
        let mut patch = request(&format!("{ENDPOINTS}/{id}"), "k", &json!({}));
        *patch.method_mut() = Method::PATCH;
        assert_eq!(api.ask(patch).await.refusal().0, 404);
        // A name that is in use again is that of something else.
        api.endpoint("a", "e", "http://h/").await;
        let anew = post(&api, &rotate("e"), "k", &json!({})).await;
        assert!(anew.status == 200 && !is_replayed(&anew), "{}", anew.body);
    })
    .await;
}

#[tokio::test]
async fn a66_what_was_done_in_an_application_is_told_again_though_it_was_deleted_since() {
    local(async {
        let api = api().await;
        let id = api.get("/api/v1/app/a").await.fine()["id"].clone();
        let id = id.as_str().expect("an id").to_owned();
        let endpoint = json!({ "url": "https://example.com/" });
        let endpoints = format!("/api/v1/app/{id}/endpoint");
        let made = post(&api, &endpoints, "k", &endpoint).await;
        assert_eq!(made.status, 201);
        let mut asked = Vec::new();
        let example = json!({ "eventType": "svix.ping" });
        let rotated = made.json()["id"].as_str().expect("an id").to_owned();
        for (path, body) in [
            (format!("/api/v1/app/{id}/msg"), event()),
            (format!("/api/v1/auth/app-portal-access/{id}"), json!({})),
            (format!("{endpoints}/{rotated}/send-example"), example),
        ] {
            let first = post(&api, &path, "k", &body).await;
            assert!(first.status.is_success(), "{path} {}", first.body);
            asked.push((path, body, first));
        }
        api.settled().await;
        let key = json!({ "name": "n", "scope": "read", "application": id });
        let first = post(&api, "/api/v1/key", "k", &key).await;
        assert_eq!(first.status, 201, "{}", first.body);
        delete(&api, &format!("/api/v1/app/{id}")).await;
        let again = post(&api, "/api/v1/key", "k", &key).await;
        assert!(is_replayed(&again) && again.body == first.body);
        assert_eq!(post(&api, "/api/v1/key", "l", &key).await.refusal().0, 422);
        told_again(&api, &asked).await;
        // What it made itself went along.
        let gone = post(&api, &endpoints, "k", &endpoint).await;
        assert_eq!(gone.refusal(), (409, "conflict".to_owned()));
        let never = post(&api, &endpoints, "l", &endpoint).await;
        assert_eq!(never.refusal(), (404, "not_found".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn a66_an_example_is_told_again_though_its_endpoint_is_disabled_or_its_type_archived() {
    local(async {
        let api = api().await;
        api.endpoint("a", "e", "http://h/").await;
        let body = json!({
            "name": "t",
            "description": "d",
            "schemas": { "1": { "examples": [{ "n": 1 }] } },
        });
        api.post("/api/v1/event-type", body).await.fine();
        let path = format!("{ENDPOINTS}/e/send-example");
        let example = json!({ "eventType": "t" });
        let first = post(&api, &path, "k", &example).await;
        assert_eq!(first.status, 200, "{}", first.body);
        api.settled().await;
        let again = async |refused: u16| {
            let again = post(&api, &path, "k", &example).await;
            assert!(is_replayed(&again), "{}", again.body);
            assert_eq!((again.status, &again.body), (first.status, &first.body));
            assert_eq!(post(&api, &path, "l", &example).await.status, refused);
        };
        let disabled = json!({ "disabled": true });
        api.patch(&format!("{ENDPOINTS}/e"), disabled).await.fine();
        again(409).await;
        delete(&api, "/api/v1/event-type/t").await;
        again(422).await;
    })
    .await;
}

#[tokio::test]
async fn a66_what_began_is_told_again_though_its_time_lies_too_far_back_by_now() {
    local(async {
        let api = api().await;
        api.endpoint("a", "e", "http://h/").await;
        api.message("a", 1).await;
        api.attempts(1).await;
        // To the second fourteen days back, and with the five minutes that clocks may differ.
        let since = json!({ "since": "2025-11-10T16:00:00Z" });
        let mut begun = Vec::new();
        for verb in ["recover", "replay-missing", "bulk-replay"] {
            let path = format!("{ENDPOINTS}/e/{verb}");
            let first = post(&api, &path, "k", &since).await;
            assert_eq!(first.status, 202, "{}", first.body);
            begun.push((path, first.json()["id"].clone()));
        }
        let key = json!({ "name": "n", "scope": "read", "expiresAt": "2025-11-24T16:30:00Z" });
        let first_key = post(&api, "/api/v1/key", "k", &key).await;
        assert_eq!(first_key.status, 201, "{}", first_key.body);
        api.settled().await;
        api.clock.set_wall_ahead(Span::from_seconds(3_600));
        for (path, id) in begun {
            let again = post(&api, &path, "k", &since).await;
            assert!(
                again.status == 202 && is_replayed(&again),
                "{path} {}",
                again.body
            );
            assert_eq!(again.json()["id"], id);
            let never = post(&api, &path, "l", &since).await;
            assert_eq!(never.faults(), ["body.since: value_error"], "{path}");
        }
        let again = post(&api, "/api/v1/key", "k", &key).await;
        assert!(
            is_replayed(&again) && again.body == first_key.body,
            "{}",
            again.body
        );
        let never = post(&api, "/api/v1/key", "l", &key).await;
        assert_eq!(never.faults(), ["body.expiresAt: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn a66_replays_are_told_again_though_their_endpoint_was_deleted_since() {
    local(async {
        let api = api().await;
        let id = api.endpoint("a", "e", "http://h/").await["id"].clone();
        let id = id.as_str().expect("an id").to_owned();
        api.message("a", 1).await;
        api.attempts(1).await;
        let body = json!({ "since": "2025-11-24T15:00:00Z" });
        let mut begun = Vec::new();
        for verb in ["replay-missing", "bulk-replay"] {
            for name in ["e", id.as_str()] {
                let path = format!("{ENDPOINTS}/{name}/{verb}");
                let first = post(&api, &path, "k", &body).await;
                assert_eq!(first.status, 202, "{path} {}", first.body);
                begun.push((path, first.json()["id"].clone()));
            }
        }
        // By its id or by its uid, it is the same endpoint and the same key.
        assert!(begun[0].1 == begun[1].1 && begun[2].1 == begun[3].1);
        api.settled().await;
        delete(&api, &format!("{ENDPOINTS}/e")).await;
        for (path, id) in begun {
            let again = post(&api, &path, "k", &body).await;
            assert!(
                again.status == 202 && is_replayed(&again),
                "{path} {}",
                again.body
            );
            assert_eq!(again.json()["id"], id, "{path}");
            let other = json!({ "since": "2025-11-24T14:00:00Z" });
            assert_eq!(post(&api, &path, "k", &other).await.status, 422, "{path}");
            for answer in [
                post(&api, &path, "l", &body).await,
                api.post(&path, body.clone()).await,
            ] {
                assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{path}");
            }
        }
    })
    .await;
}
