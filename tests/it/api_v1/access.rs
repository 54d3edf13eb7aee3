//! Who is let in, and which paths lead somewhere.

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
};
use futures::stream;
use http::{Method, Request, StatusCode};
use serde_json::json;
use tower::ServiceExt as _;

use super::{Api, KEY, keyed, local};

const ROUTES: [(Method, &str); 9] = [
    (Method::POST, "/api/v1/app"),
    (Method::POST, "/api/v1/app/a/endpoint"),
    (Method::GET, "/api/v1/app/a/endpoint/e/secret"),
    (Method::POST, "/api/v1/app/a/msg"),
    (Method::GET, "/api/v1/app/a/msg"),
    (Method::GET, "/api/v1/app/a/msg/m"),
    (Method::GET, "/api/v1/app/a/attempt/endpoint/e"),
    (Method::GET, "/api/v1/app/a/attempt/msg/m"),
    (Method::HEAD, "/api/v1/app/a/msg"),
];

/// A body that must not be read.
fn untouchable() -> Body {
    let end = stream::poll_fn(
        |_| -> std::task::Poll<Option<Result<&str, std::io::Error>>> {
            panic!("the body was read")
        },
    );
    Body::from_stream(end)
}

#[tokio::test]
async fn a17_a30_a31_every_route_asks_for_the_key_before_the_body_is_read() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        for (method, path) in ROUTES {
            for value in [
                None,
                Some(""),
                Some("Bearer"),
                Some("Bearer 0123456789abcdef0123456789abcdeF"),
                Some("Basic 0123456789abcdef0123456789abcdef"),
            ] {
                let request = Request::builder().method(method.clone()).uri(path);
                let request = value.iter().fold(request, |request, value| {
                    request.header("authorization", *value)
                });
                let answer = api.ask(request.body(untouchable()).expect("valid")).await;
                assert_eq!(answer.status, 401, "{method} {path} {value:?}");
                assert_eq!(answer.header("www-authenticate"), "Bearer");
                if method != Method::HEAD {
                    assert_eq!(answer.refusal(), (401, "unauthorized".into()));
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a30_two_authorization_headers_are_400_even_if_both_are_right() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let request = keyed(Method::POST, "/api/v1/app")
            .header("authorization", format!("Bearer {KEY}"))
            .body(untouchable());
        let answer = api.ask(request.expect("valid")).await;
        assert_eq!(answer.refusal(), (400, "invalid_header".into()));
    })
    .await;
}

#[tokio::test]
async fn a38_a_key_in_the_query_is_400_and_is_not_shown_again() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let path = format!("/api/v1/app/a/msg?token={KEY}");
        for request in [Request::get(&path), keyed(Method::GET, &path)] {
            let answer = api.ask(request.body(Body::empty()).expect("valid")).await;
            assert_eq!(answer.refusal(), (400, "credentials_in_url".into()));
            assert!(!answer.body.contains(KEY));
        }
    })
    .await;
}

#[tokio::test]
async fn an_open_api_asks_for_nothing_and_open_original_routes_do_not_open_it() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let request = |path: &str| {
            let request = Request::post(path).header("content-type", "application/json");
            let body = r#"{"name":"n","url":"http://h/","token":"t"}"#;
            request.body(Body::from(body)).expect("valid")
        };
        // The original routes of this server are open, its API is not.
        assert_eq!(api.ask(request("/api/webhooks")).await.status, 201);
        assert_eq!(api.ask(request("/api/v1/app")).await.status, 401);
        let open = router(ServerState {
            backend: api.host.clone(),
            original_access: Access::key(KEY),
            api_access: Access::Open,
            catalogue: Catalogue::default(),
            targets: std::sync::Arc::default(),
            keys: KeyRing::new(fanfare::time::Now::default),
            metrics: Metrics::new(Access::Open),
            face: Face::Whole,
        });
        let bare = Request::post("/api/v1/app").header("content-type", "application/json");
        let bare = bare.body(Body::from(r#"{"name":"n"}"#)).expect("valid");
        let answer = open.oneshot(bare).await.expect("answers");
        assert_eq!(answer.status(), StatusCode::CREATED);
    })
    .await;
}

#[tokio::test]
async fn a25_one_trailing_slash_is_the_same_route_and_anything_else_is_404() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let body = json!({ "name": "n", "uid": "a" });
        api.post("/api/v1/app/", body).await.fine();
        assert_eq!(api.get("/api/v1/app/a/msg/").await.status, 200);
        for path in [
            "/api/v1/app/a/msg//",
            "//api/v1/app",
            "/api/v1//app/a/msg",
            "/api/v1/app/x/../a/msg",
            "/api/v1/../v1/app",
            "/API/v1/app/a/msg",
            "/api/V1/App",
            "/api/v1",
            "/api/v1/app/a/msg/m/x",
        ] {
            let answer = api.get(path).await;
            assert_eq!(answer.refusal(), (404, "not_found".into()), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a21_another_method_is_405_and_says_which_there_are() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        for (method, path, allowed) in [
            (Method::DELETE, "/api/v1/app", "GET,HEAD,POST"),
            (Method::DELETE, "/api/v1/app/a/msg", "GET,HEAD,POST"),
            (Method::PUT, "/api/v1/app/a/endpoint/e/secret", "GET,HEAD"),
        ] {
            let request = keyed(method, path).body(Body::empty()).expect("valid");
            let answer = api.ask(request).await;
            assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
            assert_eq!(answer.header("allow"), allowed, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn a21_options_is_204_with_allow_and_no_method_is_echoed() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let ask = async |method: &str, path: &str| {
            let method: Method = method.parse().expect("a token");
            let request = Request::builder().method(method).uri(path);
            let request = request.header("x-canary", "canary");
            api.ask(request.body(Body::empty()).expect("valid")).await
        };
        for (path, allowed) in [
            ("/api/v1/app", "GET,HEAD,POST"),
            ("/api/v1/app/a/msg/m/", "GET,HEAD"),
        ] {
            let answer = ask("OPTIONS", path).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
            assert_eq!(answer.header("allow"), allowed, "{path}");
        }
        for method in ["TRACE", "CONNECT", "post", "FOO"] {
            let answer = ask(method, "/api/v1/app").await;
            assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
            assert_eq!(answer.header("allow"), "GET,HEAD,POST", "{method}");
            assert!(!answer.body.contains("canary") && !answer.body.contains(method));
        }
        assert_eq!(ask("OPTIONS", "/api/v1/nothing").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a26_a27_what_is_no_name_at_all_is_404_as_if_it_were_unknown() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        api.application("a").await;
        let long = "x".repeat(5_000);
        for id in [
            "nobody",
            "app_",
            "app_00000000000000000000000000",
            "app_000000000000000000000000001",
            "msg_000000000000000000000000000",
            "%2f",
            "%00",
            "%0d%0a",
            "%c0%ae",
            "%ff",
            "%ZZ",
            "%",
            "..%2fa",
            "%EF%BC%91",
            "a%E2%80%8F",
            long.as_str(),
        ] {
            let answer = api.get(&format!("/api/v1/app/{id}/msg")).await;
            assert_eq!(answer.refusal(), (404, "not_found".into()), "{id}");
            for path in [
                "msg/{}",
                "endpoint/{}/secret",
                "attempt/msg/{}",
                "attempt/endpoint/{}",
            ] {
                let path = format!("/api/v1/app/a/{}", path.replace("{}", id));
                let answer = api.get(&path).await;
                assert_eq!(answer.refusal(), (404, "not_found".into()), "{path}");
            }
        }
        // Names in the path may be escaped like any other.
        assert_eq!(api.get("/api/v1/app/%61/msg").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a34_what_belongs_to_another_application_is_404_exactly_as_what_never_was() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        api.application("mine").await;
        api.application("theirs").await;
        let endpoint = api.endpoint("theirs", "hook", "http://r/").await;
        let message = api.message("theirs", 1).await;
        let endpoint = endpoint["id"].as_str().expect("an id");
        for (path, foreign, absent) in [
            (
                "msg/{}",
                message.as_str(),
                "msg_000000000000000000000000000",
            ),
            ("attempt/msg/{}", &message, "nobody"),
            (
                "attempt/endpoint/{}",
                endpoint,
                "ep_000000000000000000000000000",
            ),
            ("endpoint/{}/secret", endpoint, "nobody"),
            ("endpoint/{}/secret", "hook", "nobody"),
        ] {
            let theirs = format!("/api/v1/app/theirs/{}", path.replace("{}", foreign));
            assert_eq!(api.get(&theirs).await.status, 200, "{theirs}");
            let path = |id: &str| format!("/api/v1/app/mine/{}", path.replace("{}", id));
            let (foreign, absent) = (api.get(&path(foreign)).await, api.get(&path(absent)).await);
            assert_eq!(foreign.status, 404);
            assert_eq!((foreign.status, foreign.body), (absent.status, absent.body));
        }
    })
    .await;
}
