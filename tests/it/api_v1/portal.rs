//! Tokens of the portal: what each may do, until when, and who ends them.

use axum::body::Body;
use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::{Method, Request};
use serde_json::{Value, json};

use super::{Api, local};
use crate::support::answer::Answer;

const ACCESS: &str = "/api/v1/auth/app-portal-access/acme";
const EXPIRE: &str = "/api/v1/auth/app/acme/expire-all";
const LOGOUT: &str = "/api/v1/auth/logout";
const HOOK: &str = "/api/v1/app/acme/endpoint/hook";

/// An API with an application that has an endpoint, and a second application.
async fn start() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("acme").await;
    api.application("other").await;
    api.endpoint("acme", "hook", "http://r/").await;
    api.endpoint("other", "hook", "http://r/").await;
    api
}

/// A token that was asked for so.
async fn token(api: &Api, body: Value) -> String {
    let said = api.post(ACCESS, body).await.fine();
    said["token"].as_str().expect("a token").to_owned()
}

/// A request with this token.
async fn asked(api: &Api, method: Method, path: &str, token: &str, body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let body = if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    };
    api.ask(request.body(body).expect("valid")).await
}

async fn status(api: &Api, method: Method, path: &str, token: &str, body: Value) -> u16 {
    asked(api, method, path, token, body).await.status.as_u16()
}

/// Whether a token lets in.
async fn is_good(api: &Api, token: &str) -> bool {
    match status(api, Method::GET, HOOK, token, Value::Null).await {
        200 => true,
        401 => false,
        other => panic!("{other} is no answer to whether a token is good"),
    }
}

#[tokio::test]
async fn a_token_may_do_what_its_capabilities_are_for_and_the_rest_is_403() {
    local(async {
        let api = start().await;
        let message = api.message("acme", 1).await;
        let resend = format!("/api/v1/app/acme/msg/{message}/endpoint/hook/resend");
        let content = format!("/api/v1/app/acme/msg/{message}/content");
        let example = format!("{HOOK}/send-example");
        let (secret, rotate) = (format!("{HOOK}/secret"), format!("{HOOK}/secret/rotate"));
        let headers = format!("{HOOK}/headers");
        let patch = json!({ "description": "d" });
        let offer = json!({ "eventType": "a", "payload": {} });
        let no = Value::Null;
        // The rows: a request, and how it is answered with ViewBase, and that and one more of
        // ViewEndpointSecret, ManageEndpointSecret, CreateAttempts, ManageEndpoint.
        let rows: [(Method, &str, &Value, [u16; 5]); 11] = [
            (Method::GET, HOOK, &no, [200; 5]),
            (Method::GET, "/api/v1/event-type", &no, [200; 5]),
            (Method::GET, &secret, &no, [403, 200, 200, 403, 200]),
            (Method::POST, &rotate, &json!({}), [403, 403, 200, 403, 200]),
            (Method::GET, &headers, &no, [403, 403, 403, 403, 200]),
            (Method::PATCH, HOOK, &patch, [403, 403, 403, 403, 200]),
            (Method::POST, &resend, &no, [403, 403, 403, 202, 403]),
            (
                Method::POST,
                &example,
                &json!({ "eventType": "svix.ping" }),
                [403, 403, 403, 200, 403],
            ),
            (Method::POST, "/api/v1/app/acme/msg", &offer, [403; 5]),
            (Method::DELETE, &content, &no, [403; 5]),
            (Method::GET, "/api/v1/app/other/endpoint", &no, [404; 5]),
        ];
        let sets = [
            json!(["ViewBase"]),
            json!(["ViewBase", "ViewEndpointSecret"]),
            json!(["ManageEndpointSecret", "ViewBase"]),
            json!(["ViewBase", "CreateAttempts", "ManageTransformations"]),
            json!(["ViewBase", "ManageEndpoint"]),
        ];
        for (at, capabilities) in sets.iter().enumerate() {
            let token = token(&api, json!({ "capabilities": capabilities })).await;
            for (method, path, body, expected) in &rows {
                let answer = asked(&api, method.clone(), path, &token, (*body).clone()).await;
                let expected = expected[at];
                assert_eq!(answer.status, expected, "{method} {path} {capabilities}");
                if expected == 403 {
                    assert_eq!(answer.refusal(), (403, "forbidden".into()));
                }
            }
        }
        // Nothing said is all of it, `readOnly` is the first of them, and wins.
        let all = token(&api, json!({ "capabilities": null })).await;
        let body = json!({ "readOnly": true, "capabilities": ["ViewBase", "ManageEndpoint"] });
        let reader = token(&api, body).await;
        for (token, expected) in [(&all, 200), (&reader, 403)] {
            assert_eq!(
                status(&api, Method::GET, &secret, token, Value::Null).await,
                expected
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_token_that_is_asked_for_is_told_at_once() {
    local(async {
        let api = start().await;
        for (capabilities, session, expected) in [
            (
                json!(["ManageEndpoint"]),
                json!("s"),
                &["body.capabilities: value_error"][..],
            ),
            (json!([]), json!("s"), &["body.capabilities: value_error"]),
            (
                json!(["ViewBase", "ViewBase"]),
                json!("s"),
                &["body.capabilities: value_error"],
            ),
            (
                json!(["ViewBase", "Root"]),
                json!("s"),
                &["body.capabilities: value_error"],
            ),
            (
                json!("ViewBase"),
                json!("s"),
                &["body.capabilities: type_error"],
            ),
            (json!(null), json!(""), &["body.sessionId: value_error"]),
            (json!(null), json!("a b"), &["body.sessionId: value_error"]),
            (
                json!(null),
                json!("s".repeat(65)),
                &["body.sessionId: value_error"],
            ),
            (
                json!([1]),
                json!(1),
                &[
                    "body.capabilities: type_error",
                    "body.sessionId: type_error",
                ],
            ),
        ] {
            let body = json!({ "capabilities": capabilities, "sessionId": session });
            let answer = api.post(ACCESS, body.clone()).await;
            assert_eq!(answer.faults(), expected, "{body}");
        }
        assert_eq!(api.get("/api/v1/key").await.fine()["data"], json!([]));
        let fit = json!({ "sessionId": "a@B_9-".repeat(10), "featureFlags": [] });
        assert_eq!(api.post(ACCESS, fit).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_listed_with_its_capabilities_and_its_session() {
    local(async {
        let api = start().await;
        let body = json!({ "capabilities": ["CreateAttempts", "ViewBase"], "sessionId": "ann" });
        token(&api, body).await;
        let keys = api.get("/api/v1/key").await.fine();
        let said = &keys["data"][0];
        assert_eq!(said["capabilities"], json!(["ViewBase", "CreateAttempts"]));
        assert_eq!(
            (&said["sessionId"], &said["portal"]),
            (&json!("ann"), &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn access_may_bring_its_application_along() {
    local(async {
        let api = start().await;
        let path = "/api/v1/auth/app-portal-access/new";
        let along = |uid: &str| json!({ "application": { "name": "New", "uid": uid } });
        let answer = api.post(path, json!({})).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
        let answer = api.post(path, along("another")).await;
        assert_eq!(answer.faults(), ["body.application.uid: value_error"]);
        for _ in 0..2 {
            let said = api.post(path, along("new")).await.fine();
            let token = said["token"].as_str().expect("a token");
            let own = "/api/v1/app/new";
            assert_eq!(
                status(&api, Method::GET, own, token, Value::Null).await,
                200
            );
        }
        // What is there already stays as it is, whatever is said of it.
        assert_eq!(api.post(ACCESS, along("any")).await.status, 200);
        assert_eq!(api.get("/api/v1/app/any").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_token_logs_out_itself_and_no_other_key_does() {
    local(async {
        let api = start().await;
        let (mine, yours) = (token(&api, json!({})).await, token(&api, json!({})).await);
        let body = json!({ "name": "n", "scope": "read", "application": "acme" });
        let key = api.post("/api/v1/key", body).await.fine();
        let key = key["key"].as_str().expect("a key");
        let answer = asked(&api, Method::POST, LOGOUT, key, Value::Null).await;
        assert_eq!(answer.refusal(), (403, "forbidden".into()));
        let answer = api.post(LOGOUT, json!({})).await;
        assert_eq!(answer.refusal(), (403, "forbidden".into()));
        assert_eq!(
            status(&api, Method::POST, LOGOUT, &mine, Value::Null).await,
            204
        );
        assert!(!is_good(&api, &mine).await);
        assert!(is_good(&api, &yours).await && is_good(&api, key).await);
        assert_eq!(
            status(&api, Method::POST, LOGOUT, &mine, Value::Null).await,
            401
        );
    })
    .await;
}

#[tokio::test]
async fn tokens_of_an_application_or_of_sessions_of_it_are_ended_at_once_or_in_a_while() {
    local(async {
        let api = start().await;
        let of = async |session: Value| token(&api, json!({ "sessionId": session })).await;
        let (ann, bob, nobody) = (
            of(json!("ann")).await,
            of(json!("bob")).await,
            of(json!(null)).await,
        );
        let said = api
            .post(
                "/api/v1/auth/app-portal-access/other",
                json!({ "sessionId": "ann" }),
            )
            .await
            .fine();
        let other = said["token"].as_str().expect("a token");
        let other_is_good = async || {
            let path = "/api/v1/app/other/endpoint/hook";
            status(&api, Method::GET, path, other, Value::Null).await == 200
        };
        let body = json!({ "name": "n", "scope": "read", "application": "acme" });
        let key = api.post("/api/v1/key", body).await.fine();
        let key = key["key"].as_str().expect("a key");
        // No token ends those of others.
        let answer = asked(&api, Method::POST, EXPIRE, &bob, json!({})).await;
        assert_eq!(answer.refusal(), (403, "forbidden".into()));
        for (wrong, fault) in [
            (json!({ "expiry": 604_801 }), "body.expiry: value_error"),
            (
                json!({ "sessionIds": ["a b"] }),
                "body.sessionIds: value_error",
            ),
            (json!({ "tokens": [] }), "body.tokens: unknown_field"),
        ] {
            assert_eq!(api.post(EXPIRE, wrong).await.faults(), [fault]);
        }
        let answer = api
            .post(EXPIRE, json!({ "sessionIds": ["ann", "eve"] }))
            .await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
        assert!(!is_good(&api, &ann).await);
        assert!(is_good(&api, &bob).await && is_good(&api, &nobody).await);
        assert!(other_is_good().await);
        // In ten seconds; and a later end does not put it off.
        for seconds in [10, 100] {
            let answer = api.post(EXPIRE, json!({ "expiry": seconds })).await;
            assert_eq!(answer.status, 204, "{}", answer.body);
        }
        api.clock.set_wall_ahead(Span::from_seconds(9));
        assert!(is_good(&api, &bob).await && is_good(&api, &nobody).await);
        api.clock.set_wall_ahead(Span::from_seconds(10));
        assert!(!is_good(&api, &bob).await && !is_good(&api, &nobody).await);
        assert!(other_is_good().await && is_good(&api, key).await);
        let unknown = "/api/v1/auth/app/unknown/expire-all";
        let answer = api.post(unknown, json!({})).await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
    })
    .await;
}

/// An operation that the API describes.
struct Described {
    method: Method,
    path: String,
    /// Whether it is for everybody.
    is_open: bool,
}

fn described() -> Vec<Described> {
    let document: Value = serde_json::from_str(fanfare::server::openapi()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let operations = paths.flat_map(|(path, verbs)| {
        let verbs = verbs.as_object().expect("verbs").iter();
        verbs.map(|(verb, said)| Described {
            method: verb.to_uppercase().parse().expect("a method"),
            path: path.clone(),
            is_open: said["security"] == json!([]),
        })
    });
    operations.collect()
}

#[tokio::test]
async fn a35_a_token_is_403_above_its_application_and_404_beside_it_on_every_route_there_is() {
    local(async {
        let api = start().await;
        let message = api.message("other", 1).await;
        api.attempts(1).await;
        let attempts = format!("/api/v1/app/other/attempt/msg/{message}");
        let attempt = api.get(&attempts).await.fine()["data"][0]["id"].clone();
        let token = token(&api, json!({})).await;
        let hook = api.get("/api/v1/app/other/endpoint/hook").await.body;
        let (mut above, mut beside) = (0, 0);
        for Described {
            method,
            path,
            is_open,
        } in described()
        {
            let route = path.as_str();
            if route == LOGOUT {
                // That ends the token, as another test has it.
                continue;
            }
            let named = route
                .replace("{app}", "other")
                .replace("{endpoint}", "hook")
                .replace("{message}", &message)
                .replace("{attempt}", attempt.as_str().expect("an id"))
                .replace("{event_type}", "t")
                .replace("{key}", "key_1")
                .replace("{task}", "qtask_1");
            assert!(
                !named.contains('{'),
                "{named} has a part that this test does not know"
            );
            let body = match (&method, route.ends_with("/headers")) {
                (&Method::GET, _) => Value::Null,
                (_, true) => json!({ "headers": {} }),
                (_, false) => json!({}),
            };
            let answer = asked(&api, method.clone(), &named, &token, body).await;
            let status = answer.status.as_u16();
            let is_below = route.starts_with("/api/v1/app/{app}");
            if is_open {
                continue;
            } else if is_below && method == Method::GET {
                assert_eq!(
                    answer.refusal(),
                    (404, "not_found".into()),
                    "{method} {route}"
                );
                beside += 1;
            } else if is_below {
                assert!(matches!(status, 403 | 404), "{status} {method} {route}");
                beside += 1;
            } else if route.starts_with("/api/v1/event-type") && method == Method::GET {
                assert!(matches!(status, 200 | 404), "{status} {method} {route}");
            } else {
                assert_eq!(
                    answer.refusal(),
                    (403, "forbidden".into()),
                    "{method} {route}"
                );
                above += 1;
            }
        }
        assert!(above >= 3 && beside >= 20, "{above} above, {beside} beside");
        assert_eq!(api.get("/api/v1/app/other/endpoint/hook").await.body, hook);
    })
    .await;
}
