//! Deliveries that are skipped and parked over HTTP: what blocks a line, making way, and who did it.

use axum::body::Body;
use fanfare::domain::outcome::OutcomeKind;
use http::{Method, Request};
use serde_json::{Value, json};

use super::{Api, local};

const MESSAGES: &str = "/api/v1/app/a/msg";
const ENDPOINT: &str = "/api/v1/app/a/endpoint/e";

/// Three messages of one key and one of another, the first of each of which failed.
async fn blocked() -> Api {
    let api = Api::start(OutcomeKind::Status(503)).await;
    api.application("a").await;
    api.endpoint("a", "e", "https://example.com/e").await;
    for (id, key) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")] {
        let message = json!({
            "eventType": "t", "payload": {}, "eventId": id, "orderingKey": key,
        });
        api.post(MESSAGES, message).await.fine();
        api.settled().await;
    }
    api
}

fn path(id: &str, act: &str) -> String {
    format!("{MESSAGES}/{id}/endpoint/e/{act}")
}

/// The chosen ids and how many wait, of what blocks a line.
async fn heads(api: &Api) -> Vec<(Value, Value)> {
    let said = api.get(&format!("{ENDPOINT}/blocked")).await.fine();
    let data = said["data"].as_array().expect("a list");
    let heads = data.iter();
    heads
        .map(|head| (head["eventId"].clone(), head["waiting"].clone()))
        .collect()
}

async fn status(api: &Api, id: &str) -> Value {
    let path = format!("{MESSAGES}/{id}/endpoint?expanded_statuses=true");
    api.get(&path).await.fine()["data"][0]["statusText"].clone()
}

/// The audit has these two, page by page, too.
async fn audit_shows(api: &Api, noted: &Value, parked: &Value) {
    let audit = format!("{ENDPOINT}/audit");
    let page = api.get(&audit).await.fine();
    assert_eq!(page["data"], json!([parked, noted]));
    let first = api.get(&format!("{audit}?limit=1")).await.fine();
    assert_eq!(
        (&first["data"], &first["done"]),
        (&json!([parked]), &json!(false))
    );
    let iterator = first["iterator"].as_str().expect("an iterator");
    let rest = api
        .get(&format!("{audit}?limit=1&iterator={iterator}"))
        .await
        .fine();
    assert_eq!(
        (&rest["data"], &rest["done"]),
        (&json!([noted]), &json!(true))
    );
}

#[tokio::test]
async fn what_blocks_a_line_is_told_and_makes_way_and_who_did_it_is_noted() {
    local(async {
        let api = blocked().await;
        let said = api.get(&format!("{ENDPOINT}/blocked")).await.fine();
        assert_eq!(said["done"], true);
        let head = &said["data"][0];
        assert_eq!(
            (&head["eventId"], &head["waiting"], &head["attempts"]),
            (&json!("a1"), &json!(2), &json!(1))
        );
        assert_eq!(head["lastOutcome"], "status 503");
        assert!(head["nextAttempt"].is_string(), "{head}");
        assert_eq!(
            said["data"].as_array().map(Vec::len),
            Some(1),
            "b1 holds nobody up"
        );

        let body = json!({ "reason": "it never existed" });
        let noted = api.post(&path("a1", "skip"), body).await.fine();
        assert!(
            noted["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("audit_"))
        );
        assert_eq!(noted["msgId"], head["msgId"]);
        let said = (&noted["action"], &noted["by"], &noted["reason"]);
        assert_eq!(
            said,
            (&json!("skip"), &json!("admin"), &json!("it never existed"))
        );
        api.settled().await;
        assert_eq!(heads(&api).await, [(json!("a2"), json!(1))]);
        assert_eq!(status(&api, "a1").await, "canceled");
        let explained = api.get(&path("a1", "explain")).await.fine();
        assert_eq!(explained["statusText"], "canceled");
        assert!(
            explained["why"].to_string().contains("skipped"),
            "{explained}"
        );

        // Without a body there is no reason.
        let request = super::keyed(Method::POST, &path("a2", "park"));
        let parked = api
            .ask(request.body(Body::empty()).expect("valid"))
            .await
            .fine();
        assert_eq!(
            (&parked["action"], &parked["reason"]),
            (&json!("park"), &json!(""))
        );
        api.settled().await;
        assert_eq!(heads(&api).await, [], "a3 is the last one");
        assert_eq!(status(&api, "a2").await, "fail");
        let explained = api.get(&path("a2", "explain")).await.fine();
        assert!(
            explained["why"].to_string().contains("parked"),
            "{explained}"
        );

        audit_shows(&api, &noted, &parked).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_parked_is_sent_again_with_what_failed_and_what_is_skipped_is_not() {
    local(async {
        let api = blocked().await;
        api.post(&path("a1", "park"), json!({})).await.fine();
        api.post(&path("b1", "skip"), json!({})).await.fine();
        api.settled().await;
        // a2 waits for a retry, and a recovery sends that, too.
        let recover = format!("{ENDPOINT}/recover?dryRun=true");
        let since = json!({ "since": "2025-11-24T00:00:00Z" });
        let counted = api.post(&recover, since).await.fine();
        assert_eq!(counted["count"], 2);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_or_unknown_is_refused_with_what_can_be_done() {
    local(async {
        let api = blocked().await;
        api.post(&path("a1", "skip"), json!({})).await.fine();
        for act in ["skip", "park"] {
            let refused = api.post(&path("a1", act), json!({})).await;
            assert_eq!(refused.refusal(), (409, "conflict".to_owned()));
            assert!(
                refused.body.contains("has ended or has not begun"),
                "{}",
                refused.body
            );
            let unknown = api.post(&path("nobody", act), json!({})).await;
            assert_eq!(unknown.refusal(), (404, "not_found".to_owned()));
            let long = json!({ "reason": "r".repeat(1_025) });
            let refused = api.post(&path("a2", act), long).await;
            assert_eq!(refused.faults(), ["body.reason: value_error"]);
            let other = api.post(&path("a2", act), json!({ "why": "x" })).await;
            assert_eq!(other.faults(), ["body.why: unknown_field"]);
        }
        let limit = api.get(&format!("{ENDPOINT}/blocked?limit=0")).await;
        assert_eq!(limit.faults(), ["query.limit: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_did_not_go_to_the_endpoint_can_t_be_skipped() {
    local(async {
        let api = blocked().await;
        api.endpoint("a", "late", "https://example.com/l").await;
        let skip = format!("{MESSAGES}/a1/endpoint/late/skip");
        let refused = api.post(&skip, json!({})).await;
        assert_eq!(refused.refusal(), (404, "not_found".to_owned()));
        assert!(
            refused.body.contains("did not go to this endpoint"),
            "{}",
            refused.body
        );
    })
    .await;
}

/// A post with this key.
async fn with_key(api: &Api, path: &str, key: &str) -> crate::support::answer::Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("authorization", format!("Bearer {key}"))
        .body(Body::empty());
    api.ask(request.expect("valid")).await
}

#[tokio::test]
async fn the_audit_names_the_key_and_one_that_may_only_look_changes_nothing() {
    local(async {
        let api = blocked().await;
        let made = json!({ "name": "n", "scope": "admin", "application": "a" });
        let made = api.post("/api/v1/key", made).await.fine();
        let looks = json!({ "name": "n", "scope": "read", "application": "a" });
        let looks = api.post("/api/v1/key", looks).await.fine();
        let key = |said: &Value| said["key"].as_str().expect("a key").to_owned();
        let refused = with_key(&api, &path("a1", "skip"), &key(&looks)).await;
        assert_eq!(refused.refusal(), (403, "forbidden".to_owned()));
        let sends = json!({ "capabilities": ["ViewBase", "CreateAttempts"] });
        let token = api
            .post("/api/v1/auth/app-portal-access/a", sends)
            .await
            .fine();
        let token = token["token"].as_str().expect("a token");
        let refused = with_key(&api, &path("a1", "park"), token).await;
        assert_eq!(refused.refusal(), (403, "forbidden".to_owned()));
        let noted = with_key(&api, &path("a1", "skip"), &key(&made))
            .await
            .fine();
        assert_eq!(noted["by"], made["id"]);
    })
    .await;
}

#[tokio::test]
async fn the_audit_of_a_deleted_endpoint_is_read_by_its_id() {
    local(async {
        let api = blocked().await;
        let noted = api.post(&path("a1", "skip"), json!({})).await.fine();
        let gone = api.send(Method::DELETE, ENDPOINT, &json!({}), None).await;
        assert_eq!(gone.status, 204, "{}", gone.body);
        let id = noted["endpointId"].as_str().expect("an id");
        let audit = api.get(&format!("/api/v1/app/a/endpoint/{id}/audit")).await;
        assert_eq!(audit.fine()["data"], json!([noted]));
        let by_uid = api.get(&format!("{ENDPOINT}/audit")).await;
        assert_eq!(by_uid.refusal(), (404, "not_found".to_owned()));
    })
    .await;
}
