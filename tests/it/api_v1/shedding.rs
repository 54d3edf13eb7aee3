//! What is refused first where there is too much, and that it is refused by the head alone.

use axum::body::Body;
use fanfare::{
    domain::{command::Refusal, outcome::OutcomeKind},
    runtime::handle::Work,
};
use futures::stream;
use http::{Method, Request};
use serde_json::json;

use super::{Api, keyed, local};

const AGAIN: [&str; 4] = [
    "/api/v1/app/a/endpoint/e/recover",
    "/api/v1/app/a/endpoint/e/replay-missing",
    "/api/v1/app/a/endpoint/e/bulk-replay",
    "/api/v1/app/a/endpoint/e/send-example",
];
const RESEND: &str = "/api/v1/app/a/msg/m/endpoint/e/resend";
const NEW: [&str; 2] = ["/api/v1/app/a/msg", "/api/webhooks/test"];

/// A request whose body must not be read.
fn untouchable(path: &str, key: Option<&str>) -> Request<Body> {
    let body = Body::from_stream(stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<&str, std::io::Error>>> {
            panic!("the body was read")
        },
    ));
    let mut request = keyed(Method::POST, path).header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.body(body).expect("valid")
}

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    let application = json!({ "name": "a", "uid": "a" });
    api.post("/api/v1/app", application).await.fine();
    let endpoint = json!({ "url": "https://example.com/e", "uid": "e" });
    api.post("/api/v1/app/a/endpoint", endpoint).await.fine();
    let message = json!({ "eventType": "t", "payload": {}, "eventId": "m" });
    api.post("/api/v1/app/a/msg", message).await.fine();
    api
}

/// Row A74: where the backlog is half full, jobs and resends are 503 with `Retry-After` by their heads
/// alone, and new messages are taken; where it is full, these are 503, too.
#[tokio::test]
async fn a74_jobs_are_refused_before_new_messages_and_both_before_their_bodies_are_read() {
    local(async {
        let api = api().await;
        let refuse = |asked| {
            api.host
                .early_refusals
                .lock()
                .expect("no panic")
                .push(asked)
        };
        refuse((Work::Again, Refusal::Overloaded));
        for path in AGAIN.into_iter().chain([RESEND]) {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 503, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "1", "{path}");
        }
        // What reads only is answered, and so is what was not accepted yet.
        let dry = format!("{}?dryRun=true", AGAIN[0]);
        let counted = api.post(&dry, json!({ "since": "2025-11-24T15:59:59Z" }));
        assert_eq!(counted.await.status, 200);
        let message = json!({ "eventType": "t", "payload": {} });
        assert_eq!(api.post(NEW[0], message).await.status, 202);
        refuse((Work::New, Refusal::Overloaded));
        for path in NEW {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 503, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "1", "{path}");
        }
        assert_eq!(api.get("/api/v1/app/a/msg/m").await.status, 200);
    })
    .await;
}

/// Row A74: on a full disk a new message is 507 by its head alone; one with an idempotency key is left
/// to the engine, which may know it.
#[tokio::test]
async fn a74_on_a_full_disk_a_message_is_507_by_its_head_unless_it_may_have_been_accepted() {
    local(async {
        let api = api().await;
        let keyed_message = || {
            let request = keyed(Method::POST, NEW[0])
                .header("content-type", "application/json")
                .header("idempotency-key", "k");
            let body = json!({ "eventType": "t", "payload": {} }).to_string();
            request.body(Body::from(body)).expect("valid")
        };
        let first = api.ask(keyed_message()).await.fine();
        let refused = (Work::New, Refusal::DiskFull);
        api.host
            .early_refusals
            .lock()
            .expect("no panic")
            .push(refused);
        for path in NEW {
            let answer = api.ask(untouchable(path, None)).await;
            assert_eq!(answer.status, 507, "{path} {}", answer.body);
            assert_eq!(answer.header("retry-after"), "5", "{path}");
        }
        let again = api.ask(keyed_message()).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.fine()["id"], first["id"]);
    })
    .await;
}
