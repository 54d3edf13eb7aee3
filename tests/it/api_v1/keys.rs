//! Keys of the API and tokens of the portal: who is let in where, until when, how often.

use axum::body::Body;
use fanfare::{
    domain::outcome::OutcomeKind,
    server::{
        access::Access,
        catalogue::Catalogue,
        key_ring::KeyRing,
        metrics::Metrics,
        router::{Face, ServerState, router},
    },
    time::Span,
};
use http::{Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{Api, keyed, local};
use crate::support::answer::Answer;

async fn start() -> Api {
    Api::start(OutcomeKind::Status(200)).await
}

/// A request that shows this.
async fn asked(api: &Api, method: Method, path: &str, shown: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", shown)
        .header("content-type", "application/json");
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    api.ask(request.body(body).expect("valid")).await
}

async fn got(api: &Api, path: &str, key: &str) -> Answer {
    asked(
        api,
        Method::GET,
        path,
        &format!("Bearer {key}"),
        Value::Null,
    )
    .await
}

/// Makes a key and gives all that was said of it, and the key.
async fn made(api: &Api, body: Value) -> (Value, String) {
    let said = api.post("/api/v1/key", body).await.fine();
    let key = said["key"].as_str().expect("a key").to_owned();
    (said, key)
}

fn scoped(scope: &str) -> Value {
    json!({ "name": "n", "scope": scope })
}

const MESSAGE: &str = r#"{"eventType":"a","payload":{}}"#;

#[tokio::test]
async fn a_key_is_shown_once_with_what_it_may_do() {
    local(async {
        let api = start().await;
        let application = api.application("acme").await;
        let body = json!({
            "name": "shop", "scope": "ingest", "application": "acme",
            "expiresAt": "2099-01-01T00:00:00Z", "rateLimit": 50,
        });
        let (said, key) = made(&api, body).await;
        assert!(key.starts_with("fanfare_") && key.len() == 51, "{key}");
        let id = said["id"].as_str().expect("an id");
        assert!(id.starts_with("key_"), "{id}");
        let mut expected = said.clone();
        expected.as_object_mut().expect("fields").remove("key");
        assert_eq!(said["application"], application["id"]);
        assert_eq!(said["expiresAt"], "2099-01-01T00:00:00.000000Z");
        assert_eq!(
            (&said["scope"], &said["rateLimit"]),
            (&json!("ingest"), &json!(50))
        );
        assert_eq!(said["hint"], key[..13]);
        let path = format!("/api/v1/key/{id}");
        let again = api.get(&path).await;
        assert_eq!(again.header("etag"), "\"1\"");
        assert_eq!(again.json(), expected);
        let list = api.get("/api/v1/key").await.fine();
        assert_eq!(list["data"], json!([expected]));
        for answer in [again.body, list.to_string()] {
            assert!(!answer.contains(&key[13..]), "the key is shown again");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_new_key_is_told_at_once() {
    local(async {
        let api = start().await;
        let body = json!({
            "scope": "root", "application": "nobody", "expiresAt": "2001-01-01T00:00:00Z",
            "rateLimit": 0, "key": "mine",
        });
        let answer = api.post("/api/v1/key", body).await;
        let expected = [
            "body.application: value_error",
            "body.expiresAt: value_error",
            "body.key: unknown_field",
            "body.name: missing",
            "body.rateLimit: value_error",
            "body.scope: value_error",
        ];
        assert_eq!(answer.faults(), expected);
        assert_eq!(api.get("/api/v1/key").await.fine()["data"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn keys_are_listed_by_pages_both_ways() {
    local(async {
        let api = start().await;
        for number in 0..5 {
            made(
                &api,
                json!({ "name": format!("{number}"), "scope": "read" }),
            )
            .await;
        }
        for (order, expected) in [("ascending", "01234"), ("descending", "43210")] {
            let (mut names, mut iterator) = (String::new(), String::new());
            loop {
                let path = format!("/api/v1/key?limit=2&order={order}{iterator}");
                let page = api.get(&path).await.fine();
                for key in page["data"].as_array().expect("a list") {
                    names.push_str(key["name"].as_str().expect("a name"));
                }
                if page["done"] == true {
                    break;
                }
                iterator = format!("&iterator={}", page["iterator"].as_str().expect("more"));
            }
            assert_eq!(names, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a31_a_key_that_is_nearly_right_is_401() {
    local(async {
        let api = start().await;
        let (_, key) = made(&api, scoped("admin")).await;
        assert_eq!(got(&api, "/api/v1/app", &key).await.status, 200);
        let end = if key.ends_with('A') { 'B' } else { 'A' };
        let long = key.repeat(300);
        for wrong in [
            format!("{}{end}", &key[..50]),
            key.to_ascii_uppercase(),
            key[..50].to_owned(),
            format!("{key}A"),
            format!("x{key}"),
            key["fanfare_".len()..].to_owned(),
            long,
        ] {
            let answer = got(&api, "/api/v1/app", &wrong).await;
            assert_eq!(answer.refusal(), (401, "unauthorized".into()), "{wrong}");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    })
    .await;
}

#[tokio::test]
async fn a32_a_revoked_key_and_an_expired_one_are_401_at_once() {
    local(async {
        let api = start().await;
        let (said, revoked) = made(&api, scoped("read")).await;
        let body = json!({
            "name": "n", "scope": "read", "expiresAt": "2025-11-24T16:01:00Z",
        });
        let (_, expiring) = made(&api, body).await;
        for key in [&revoked, &expiring] {
            assert_eq!(got(&api, "/api/v1/app", key).await.status, 200);
        }
        let path = format!("/api/v1/key/{}", said["id"].as_str().expect("an id"));
        let delete = || async {
            let request = keyed(Method::DELETE, &path).body(Body::empty());
            api.ask(request.expect("valid")).await
        };
        assert_eq!(delete().await.status, 204);
        let answer = got(&api, "/api/v1/app", &revoked).await;
        assert_eq!(answer.refusal(), (401, "unauthorized".into()));
        assert_eq!(delete().await.refusal(), (404, "not_found".into()));
        assert_eq!(api.get(&path).await.refusal(), (404, "not_found".into()));
        // It ends by the wall clock, which is what its maker read.
        api.clock.set_wall_ahead(Span::from_seconds(59));
        assert_eq!(got(&api, "/api/v1/app", &expiring).await.status, 200);
        api.clock.set_wall_ahead(Span::from_seconds(60));
        let answer = got(&api, "/api/v1/app", &expiring).await;
        assert_eq!(answer.refusal(), (401, "unauthorized".into()));
    })
    .await;
}

#[tokio::test]
async fn a32_a_key_is_revoked_though_who_asked_for_it_hangs_up() {
    local(async {
        let api = start().await;
        let (said, key) = made(&api, scoped("read")).await;
        let path = format!("/api/v1/key/{}", said["id"].as_str().expect("an id"));
        let request = keyed(Method::DELETE, &path).body(Body::empty());
        let mut waiting = Box::pin(api.router.clone().oneshot(request.expect("valid")));
        // Asked, and gone before the answer.
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(waiting);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        let answer = got(&api, "/api/v1/app", &key).await;
        assert_eq!(answer.refusal(), (401, "unauthorized".into()));
    })
    .await;
}

#[tokio::test]
async fn a33_an_ingest_key_offers_messages_and_does_nothing_else() {
    local(async {
        let api = start().await;
        api.application("acme").await;
        let (_, key) = made(&api, scoped("ingest")).await;
        let shown = format!("Bearer {key}");
        let body: Value = serde_json::from_str(MESSAGE).expect("JSON");
        let path = "/api/v1/app/acme/msg";
        let answer = asked(&api, Method::POST, path, &shown, body.clone()).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        for (method, path) in [
            (Method::GET, "/api/v1/app"),
            (Method::POST, "/api/v1/app"),
            (Method::GET, "/api/v1/app/acme"),
            (Method::PATCH, "/api/v1/app/acme"),
            (Method::DELETE, "/api/v1/app/acme"),
            (Method::GET, "/api/v1/app/acme/msg"),
            (Method::GET, "/api/v1/app/acme/endpoint"),
            (Method::POST, "/api/v1/app/acme/endpoint"),
            (Method::GET, "/api/v1/app/acme/endpoint/e/secret"),
            (Method::POST, "/api/v1/app/acme/endpoint/e/secret/rotate"),
            (Method::GET, "/api/v1/event-type"),
            (Method::POST, "/api/v1/event-type"),
            (Method::GET, "/api/v1/key"),
            (Method::POST, "/api/v1/key"),
            (Method::POST, "/api/v1/auth/app-portal-access/acme"),
        ] {
            let answer = asked(&api, method.clone(), path, &shown, body.clone()).await;
            assert_eq!(
                answer.refusal(),
                (403, "forbidden".into()),
                "{method} {path}"
            );
        }
        // Nor does it make an application along with a message.
        let mut along = body.clone();
        along["application"] = json!({ "name": "New", "uid": "new" });
        let answer = asked(&api, Method::POST, "/api/v1/app/new/msg", &shown, along).await;
        assert_eq!(answer.refusal(), (403, "forbidden".into()));
    })
    .await;
}

#[tokio::test]
async fn a33_a_read_key_reads_and_sees_no_secret() {
    local(async {
        let api = start().await;
        api.application("acme").await;
        api.endpoint("acme", "hook", "http://r/").await;
        let (_, key) = made(&api, scoped("read")).await;
        for path in [
            "/api/v1/app",
            "/api/v1/app/acme",
            "/api/v1/app/acme/endpoint/hook",
            "/api/v1/app/acme/msg",
            "/api/v1/app/acme/attempt/endpoint/hook",
            "/api/v1/event-type",
        ] {
            let answer = got(&api, path, &key).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.body);
        }
        for path in [
            "/api/v1/app/acme/endpoint/hook/secret",
            "/api/v1/app/acme/endpoint/hook/headers",
            "/api/v1/key",
        ] {
            let answer = got(&api, path, &key).await;
            assert_eq!(answer.refusal(), (403, "forbidden".into()), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a34_another_application_is_404_exactly_as_one_that_never_was() {
    local(async {
        let api = start().await;
        for name in ["mine", "theirs"] {
            api.application(name).await;
            api.endpoint(name, "hook", "http://r/").await;
        }
        let theirs = api.get("/api/v1/app/theirs").await.json();
        let theirs = theirs["id"].as_str().expect("an id").to_owned();
        let message = api.message("theirs", 1).await;
        let own = json!({ "name": "n", "scope": "admin", "application": "mine" });
        let (_, key) = made(&api, own).await;
        let shown = format!("Bearer {key}");
        assert_eq!(got(&api, "/api/v1/app/mine", &key).await.status, 200);
        let body: Value = serde_json::from_str(MESSAGE).expect("JSON");
        for (method, path) in [
            (Method::GET, String::new()),
            (Method::GET, "/endpoint".into()),
            (Method::POST, "/endpoint".into()),
            (Method::GET, "/endpoint/hook".into()),
            (Method::PUT, "/endpoint/hook".into()),
            (Method::PATCH, "/endpoint/hook".into()),
            (Method::DELETE, "/endpoint/hook".into()),
            (Method::GET, "/endpoint/hook/secret".into()),
            (Method::POST, "/endpoint/hook/secret/rotate".into()),
            (Method::GET, "/endpoint/hook/headers".into()),
            (Method::POST, "/msg".into()),
            (Method::GET, "/msg".into()),
            (Method::GET, format!("/msg/{message}")),
            (Method::GET, format!("/attempt/msg/{message}")),
            (Method::GET, "/attempt/endpoint/hook".into()),
        ] {
            let mut answers = Vec::new();
            for application in [
                "theirs",
                &theirs,
                "nobody",
                "app_000000000000000000000000000",
            ] {
                let body = match path.as_str() {
                    "/endpoint/hook/secret/rotate" => json!({}),
                    _ => body.clone(),
                };
                let path = format!("/api/v1/app/{application}{path}");
                let answer = asked(&api, method.clone(), &path, &shown, body).await;
                assert_eq!(answer.status, 404, "{method} {path} {}", answer.body);
                answers.push(answer.body);
            }
            answers.dedup();
            assert_eq!(
                answers.len(),
                1,
                "{method} {path} tells them apart: {answers:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_of_one_application_is_403_on_what_is_about_all_whatever_it_names() {
    local(async {
        let api = start().await;
        for name in ["mine", "theirs"] {
            api.application(name).await;
        }
        let own = json!({ "name": "n", "scope": "admin", "application": "mine" });
        let (_, key) = made(&api, own).await;
        let shown = format!("Bearer {key}");
        let body: Value = serde_json::from_str(MESSAGE).expect("JSON");
        for (method, path) in [
            (Method::GET, "/api/v1/app"),
            (Method::POST, "/api/v1/app?get_if_exists=true"),
            (Method::PUT, "/api/v1/app/mine"),
            (Method::PUT, "/api/v1/app/theirs"),
            (Method::DELETE, "/api/v1/app/mine"),
            (Method::DELETE, "/api/v1/app/nobody"),
            (Method::GET, "/api/v1/key"),
            (Method::POST, "/api/v1/event-type"),
            (Method::POST, "/api/v1/auth/app-portal-access/mine"),
        ] {
            let answer = asked(&api, method.clone(), path, &shown, body.clone()).await;
            assert_eq!(
                answer.refusal(),
                (403, "forbidden".into()),
                "{method} {path}"
            );
        }
        assert_eq!(got(&api, "/api/v1/event-type", &key).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a35_a_body_or_header_that_names_another_application_does_not_reach_it() {
    local(async {
        let api = start().await;
        for name in ["mine", "theirs"] {
            api.application(name).await;
        }
        let theirs = api.get("/api/v1/app/theirs").await.json()["id"].clone();
        let own = json!({ "name": "n", "scope": "admin", "application": "mine" });
        let (_, key) = made(&api, own).await;
        let shown = format!("Bearer {key}");
        // What could be for another one is above such a key, whatever its body says.
        for name in [json!("theirs"), theirs.clone(), json!("mine")] {
            for (path, body) in [
                (
                    "/api/v1/key",
                    json!({ "name": "n", "scope": "read", "application": name }),
                ),
                (
                    "/api/v1/app?get_if_exists=true",
                    json!({ "name": "n", "uid": name }),
                ),
                (
                    "/api/v1/auth/app-portal-access/theirs",
                    json!({ "application": name }),
                ),
            ] {
                let answer = asked(&api, Method::POST, path, &shown, body).await;
                assert_eq!(answer.refusal(), (403, "forbidden".into()), "{path} {name}");
            }
        }
        // Below its own, the path names the application and a body or header no other one.
        let inside = |uid: &str| {
            json!({ "eventType": "a", "payload": {}, "application": { "name": "n", "uid": uid } })
        };
        for (path, uid, expected) in [
            ("/api/v1/app/mine/msg", "mine", 202),
            ("/api/v1/app/mine/msg", "theirs", 403),
            ("/api/v1/app/mine/msg", "nobody", 403),
            ("/api/v1/app/theirs/msg", "theirs", 404),
            ("/api/v1/app/theirs/msg", "mine", 404),
            ("/api/v1/app/nobody/msg", "nobody", 404),
        ] {
            let answer = asked(&api, Method::POST, path, &shown, inside(uid)).await;
            assert_eq!(answer.status, expected, "{path} {uid} {}", answer.body);
        }
        for header in [
            "x-application",
            "x-tenant",
            "svix-app-id",
            "x-fanfare-application",
        ] {
            let request = Request::post("/api/v1/app/mine/msg")
                .header("authorization", &shown)
                .header("content-type", "application/json")
                .header(header, theirs.as_str().expect("an id"));
            let answer = api
                .ask(request.body(Body::from(MESSAGE)).expect("valid"))
                .await;
            assert_eq!(answer.status, 202, "{header}");
        }
        let count = async |path: &str| {
            let list = api.get(path).await.fine();
            list["data"].as_array().expect("a list").len()
        };
        assert_eq!(count("/api/v1/app/mine/msg").await, 5);
        assert_eq!(count("/api/v1/app/theirs/msg").await, 0);
        // The third is that of the original routes.
        assert_eq!(count("/api/v1/app").await, 3);
        assert_eq!(count("/api/v1/key").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a36_a_token_of_another_kind_is_401() {
    local(async {
        let api = start().await;
        for token in [
            // {"alg":"none"}.{"sub":"org_1"}.
            "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcmdfMSJ9.".to_owned(),
            // {"alg":"HS256"}.{"sub":"org_1","exp":1}.x
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJvcmdfMSIsImV4cCI6MX0.eA".to_owned(),
            "a.".repeat(4 * 1_024),
            "fanfare_".to_owned(),
            String::new(),
        ] {
            let answer = got(&api, "/api/v1/app", &token).await;
            assert_eq!(answer.refusal(), (401, "unauthorized".into()), "{token}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_with_a_rate_waits_as_it_is_told_and_no_other_key_with_it() {
    local(async {
        let api = start().await;
        let (_, slow) = made(
            &api,
            json!({ "name": "n", "scope": "read", "rateLimit": 2 }),
        )
        .await;
        let (_, free) = made(&api, scoped("read")).await;
        let status = async |key: &str| got(&api, "/api/v1/app", key).await.status.as_u16();
        assert_eq!((status(&slow).await, status(&slow).await), (200, 200));
        let answer = got(&api, "/api/v1/app", &slow).await;
        assert_eq!(answer.refusal(), (429, "rate_limited".into()));
        assert_eq!(answer.header("retry-after"), "1");
        for _ in 0..10 {
            assert_eq!(status(&free).await, 200);
        }
        api.clock.steady.advance(Span::from_seconds(1));
        assert_eq!((status(&slow).await, status(&slow).await), (200, 200));
        assert_eq!(status(&slow).await, 429);
    })
    .await;
}

#[tokio::test]
async fn a_portal_token_reaches_its_own_application_and_ends_by_itself() {
    local(async {
        let api = start().await;
        api.application("acme").await;
        api.application("other").await;
        api.endpoint("acme", "hook", "http://r/").await;
        let path = "/api/v1/auth/app-portal-access/acme";
        let request = keyed(Method::POST, path)
            .header("host", "hooks.example.com:8443")
            .header("content-type", "application/json");
        let body = json!({ "featureFlags": ["a"], "expiry": 3_600 }).to_string();
        let answer = api.ask(request.body(body.into()).expect("valid")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let said = answer.fine();
        let token = said["token"].as_str().expect("a token").to_owned();
        let url = format!("http://hooks.example.com:8443/portal#key={token}");
        assert_eq!(said["url"], url);
        let shown = format!("Bearer {token}");
        let own = "/api/v1/app/acme/endpoint/hook/secret";
        assert_eq!(got(&api, own, &token).await.status, 200);
        let change = json!({ "description": "mine" });
        let hook = "/api/v1/app/acme/endpoint/hook";
        let answer = asked(&api, Method::PATCH, hook, &shown, change).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = got(&api, "/api/v1/app/other/endpoint", &token).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
        for path in ["/api/v1/app", "/api/v1/key"] {
            let answer = got(&api, path, &token).await;
            assert_eq!(answer.refusal(), (403, "forbidden".into()), "{path}");
        }
        api.clock.set_wall_ahead(Span::from_seconds(3_600));
        assert_eq!(got(&api, own, &token).await.status, 401);
        // The next one clears it away.
        let said = api.post(path, json!({ "readOnly": true })).await.fine();
        let reader = said["token"].as_str().expect("a token");
        let keys = api.get("/api/v1/key").await.fine();
        assert_eq!(keys["data"].as_array().map(Vec::len), Some(1));
        assert_eq!(got(&api, hook, reader).await.status, 200);
        assert_eq!(got(&api, own, reader).await.status, 403);
        // As the libraries ask that have nothing to say.
        let bare = keyed(Method::POST, path).body(Body::empty());
        assert_eq!(api.ask(bare.expect("valid")).await.status, 200);
        let faults = api.post(path, json!({ "expiry": 1, "roles": [] }));
        let expected = ["body.expiry: value_error", "body.roles: unknown_field"];
        assert_eq!(faults.await.faults(), expected);
        let nobody = "/api/v1/auth/app-portal-access/nobody";
        let answer = api.post(nobody, json!({})).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn an_open_api_holds_a_key_to_what_it_may_do() {
    local(async {
        let api = start().await;
        let (_, key) = made(&api, scoped("ingest")).await;
        let open = router(ServerState {
            backend: api.host.clone(),
            original_access: Access::Open,
            api_access: Access::Open,
            catalogue: Catalogue::default(),
            targets: std::sync::Arc::default(),
            keys: KeyRing::new(fanfare::time::Now::default),
            metrics: Metrics::new(Access::Open),
            face: Face::Whole,
        });
        let status = async |shown: &str| {
            let request = Request::get("/api/v1/app").header("authorization", shown);
            let answer = Answer::of(&open, request.body(Body::empty()).expect("valid"));
            answer.await.status.as_u16()
        };
        assert_eq!(status(&format!("Bearer {key}")).await, 403);
        assert_eq!(status("Bearer anything").await, 200);
    })
    .await;
}

#[tokio::test]
async fn keys_don_t_open_the_original_routes() {
    local(async {
        let api = start().await;
        let (_, key) = made(&api, scoped("admin")).await;
        let closed = router(ServerState {
            backend: api.host.clone(),
            original_access: Access::key(super::KEY),
            api_access: Access::key(super::KEY),
            catalogue: Catalogue::default(),
            targets: std::sync::Arc::default(),
            keys: KeyRing::new(fanfare::time::Now::default),
            metrics: Metrics::new(Access::Open),
            face: Face::Whole,
        });
        let request =
            Request::post("/api/webhooks").header("authorization", format!("Bearer {key}"));
        let answer = Answer::of(&closed, request.body(Body::empty()).expect("valid")).await;
        assert_eq!(answer.status, 401);
        assert!(answer.json()["error"].is_array());
    })
    .await;
}

#[tokio::test]
async fn health_asks_for_no_key() {
    local(async {
        let api = start().await;
        for method in [Method::GET, Method::HEAD] {
            let request = Request::builder().method(method).uri("/api/v1/health");
            let answer = api.ask(request.body(Body::empty()).expect("valid")).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
        }
    })
    .await;
}
