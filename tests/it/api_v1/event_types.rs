//! The catalogue of event types over HTTP.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};

const PATH: &str = "/api/v1/event-type";

async fn api() -> Api {
    Api::start(OutcomeKind::Status(200)).await
}

fn at(name: &str) -> String {
    format!("{PATH}/{name}")
}

#[tokio::test]
async fn an_event_type_is_201_and_shows_all_that_was_said_of_it() {
    local(async {
        let api = api().await;
        let body = json!({
            "name": "order.made",
            "description": "An order was made",
            "archived": false,
            "deprecated": true,
            "schemas": { "1": { "type": "object" } },
            "groupName": "orders",
            "featureFlags": ["beta"],
        });
        let made = api.post(PATH, body.clone()).await;
        assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""));
        let made = made.fine();
        for (field, said) in body.as_object().expect("an object") {
            assert_eq!(&made[field], said, "{field}");
        }
        assert_eq!(made["createdAt"], "2025-11-24T16:00:00.000000Z");
        assert_eq!(api.get(&at("order.made")).await.fine(), made);
        let again = api.post(PATH, body).await;
        assert_eq!(again.refusal(), (409, "conflict".into()));
        assert_eq!(
            api.get(&at("other")).await.refusal(),
            (404, "not_found".into())
        );
        assert_eq!(api.get(&at("a%20b")).await.status, 404);
        let wrong = json!({ "name": "a b", "archived": "true", "schemas": [], "x": 1 });
        let faults = [
            "body.archived: type_error",
            "body.description: missing",
            "body.name: value_error",
            "body.schemas: type_error",
            "body.x: unknown_field",
        ];
        assert_eq!(api.post(PATH, wrong).await.faults(), faults);
        let large =
            json!({ "name": "l", "description": "", "schemas": { "1": "x".repeat(140_000) } });
        assert_eq!(
            api.post(PATH, large).await.faults(),
            ["body.schemas: value_error"]
        );
    })
    .await;
}

#[tokio::test]
async fn put_says_all_of_it_patch_what_it_names_and_a64_a_stale_tag_is_412() {
    local(async {
        let api = api().await;
        let made = api
            .put(&at("a"), json!({ "description": "d", "groupName": "g" }))
            .await;
        assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""));
        api.advance(Span::from_seconds(1)).await;
        let patched = api.patch(&at("a"), json!({ "deprecated": true })).await;
        assert_eq!(
            (patched.status.as_u16(), patched.header("etag")),
            (200, "\"2\"")
        );
        let patched = patched.fine();
        assert_eq!(
            (&patched["groupName"], &patched["deprecated"]),
            (&json!("g"), &json!(true))
        );
        assert_ne!(patched["updatedAt"], patched["createdAt"]);
        let put = api
            .put(&at("a"), json!({ "description": "e" }))
            .await
            .fine();
        assert_eq!(
            (&put["groupName"], &put["deprecated"]),
            (&json!(null), &json!(false))
        );
        assert_eq!(put["createdAt"], patched["createdAt"]);
        let body = json!({ "description": "f" });
        let stale = api
            .send(Method::PATCH, &at("a"), &body, Some("\"2\""))
            .await;
        assert_eq!(stale.refusal(), (412, "precondition_failed".into()));
        let absent = api.patch(&at("b"), json!({})).await;
        assert_eq!(absent.refusal(), (404, "not_found".into()));
        // Of changes at the same time none is lost.
        let changes = (0..5).map(|_| async {
            let body = json!({ "deprecated": true });
            api.patch(&at("a"), body).await
        });
        let answers = join_all(changes).await;
        assert!(answers.iter().all(|answer| answer.status == 200));
        assert_eq!(api.get(&at("a")).await.header("etag"), "\"8\"");
    })
    .await;
}

#[tokio::test]
async fn an_archived_type_takes_no_messages_and_an_unknown_one_does() {
    local(async {
        let api = api().await;
        api.application("a").await;
        let message = json!({ "eventType": "order.made", "payload": {} });
        let post = async || api.post("/api/v1/app/a/msg", message.clone()).await;
        assert_eq!(post().await.status, 202, "it need not be in the catalogue");
        let body = json!({ "name": "order.made", "description": "d" });
        api.post(PATH, body.clone()).await.fine();
        assert_eq!(post().await.status, 202);
        let gone = api
            .send(Method::DELETE, &at("order.made"), &json!({}), None)
            .await;
        assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
        assert_eq!(post().await.faults(), ["body.eventType: value_error"]);
        assert_eq!(api.get(&at("order.made")).await.fine()["archived"], true);
        // Made again, or patched, it is in use.
        let again = api.post(PATH, body).await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag")),
            (201, "\"3\"")
        );
        assert_eq!(post().await.status, 202);
        api.patch(&at("order.made"), json!({ "archived": true }))
            .await
            .fine();
        assert_eq!(post().await.status, 422);
        let path = format!("{}?expunge=true", at("order.made"));
        assert_eq!(
            api.send(Method::DELETE, &path, &json!({}), None)
                .await
                .status,
            204
        );
        assert_eq!(api.get(&at("order.made")).await.status, 404);
        assert_eq!(post().await.status, 202);
        let again = api.send(Method::DELETE, &path, &json!({}), None).await;
        assert_eq!(again.refusal(), (404, "not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn event_types_are_listed_page_by_page_archived_ones_and_schemas_where_asked_for() {
    local(async {
        let api = api().await;
        for name in ["c", "a", "e", "b", "d"] {
            let body = json!({ "name": name, "description": "", "schemas": { "1": {} } });
            api.post(PATH, body).await.fine();
        }
        api.send(Method::DELETE, &at("e"), &json!({}), None).await;
        let names = |page: &Value| -> Vec<String> {
            let data = page["data"].as_array().expect("a list").iter();
            data.map(|one| one["name"].as_str().expect("a name").to_owned())
                .collect()
        };
        for (query, expected) in [
            ("", &["c", "a", "b", "d"][..]),
            ("order=descending&", &["d", "b", "a", "c"]),
            ("include_archived=true&", &["c", "a", "e", "b", "d"]),
        ] {
            let (mut seen, mut iterator) = (Vec::new(), String::new());
            loop {
                let page = api
                    .get(&format!("{PATH}?{query}limit=2{iterator}"))
                    .await
                    .fine();
                seen.extend(names(&page));
                if page["done"] == true {
                    break;
                }
                iterator = format!("&iterator={}", page["iterator"].as_str().expect("a text"));
            }
            assert_eq!(seen, expected, "{query}");
        }
        let bare = api.get(PATH).await.fine();
        assert_eq!(bare["data"][0]["schemas"], json!(null));
        let whole = api.get(&format!("{PATH}?with_content=true")).await.fine();
        assert_eq!(whole["data"][0]["schemas"], json!({ "1": {} }));
    })
    .await;
}

#[tokio::test]
async fn a66_a_type_that_is_asked_for_twice_under_one_key_is_made_once() {
    local(async {
        let api = api().await;
        let post = async |key: &str, name: &str| {
            let request = super::keyed(Method::POST, PATH)
                .header("content-type", "application/json")
                .header("idempotency-key", key);
            let body = json!({ "name": name, "description": "d" }).to_string();
            api.ask(request.body(body.into()).expect("valid")).await
        };
        let first = post("k", "a").await;
        assert_eq!(
            (first.status.as_u16(), first.header("idempotency-replayed")),
            (201, "")
        );
        let again = post("k", "a").await;
        assert_eq!(
            (again.status.as_u16(), again.header("idempotency-replayed")),
            (201, "true")
        );
        assert_eq!(again.body, first.body);
        assert_eq!(
            post("k", "b").await.refusal(),
            (422, "idempotency_key_reused".into())
        );
        assert_eq!(post("l", "a").await.refusal(), (409, "conflict".into()));
        assert_eq!(api.get(&at("b")).await.status, 404);
        let path = format!("{}?expunge=true", at("a"));
        api.send(Method::DELETE, &path, &json!({}), None).await;
        assert_eq!(post("k", "a").await.refusal(), (409, "conflict".into()));
    })
    .await;
}

/// An event type whose newest schema asks that messages are checked.
fn checked(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["x-fanfare-check"] = true.into();
    let old = json!({ "type": 7 });
    json!({ "name": "t", "description": "", "schemas": { "1": old, "2": schema } })
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn messages_are_checked_where_their_type_asks_for_it() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        api.application("a").await;
        let schema = json!({
            "required": ["id"],
            "properties": { "lines": { "items": { "type": "integer" } } },
        });
        let made = api.post(PATH, checked(&schema)).await.fine();
        let path = "/api/v1/app/a/msg";
        let send = async |payload: Value| {
            let body = json!({ "eventType": "t", "payload": payload });
            api.post(path, body).await
        };
        assert_eq!(send(json!({ "id": 1, "lines": [1, 2] })).await.status, 202);
        let answer = send(json!({ "lines": [1, "canary", "canary"] })).await;
        let expected = [
            "body.payload.lines.1: value_error",
            "body.payload.lines.2: value_error",
            "body.payload: value_error",
        ];
        assert_eq!(answer.faults(), expected);
        assert!(!answer.body.contains("canary"), "{}", answer.body);
        let raw = |text: &str| {
            let parameters = json!({ "rawPayload": text });
            json!({ "eventType": "t", "payload": {}, "transformationsParams": parameters })
        };
        assert_eq!(api.post(path, raw("{\"id\":1}")).await.status, 202);
        let faults = api.post(path, raw("<a/>")).await.faults();
        let expected = ["body.transformationsParams.rawPayload: value_error"];
        assert_eq!(faults, expected);
        // What is refused makes no application either.
        let along = json!({
            "eventType": "t",
            "payload": {},
            "application": { "name": "New", "uid": "new" },
        });
        assert_eq!(api.post("/api/v1/app/new/msg", along).await.status, 422);
        assert_eq!(api.get("/api/v1/app/new").await.status, 404);
        // A changed schema counts at once, and so does one that asks no more.
        let name = made["name"].as_str().expect("a name");
        let path_of = format!("{PATH}/{name}");
        let other = json!({ "schemas": checked(&json!({ "required": ["other"] }))["schemas"] });
        api.patch(&path_of, other).await.fine();
        assert_eq!(send(json!({ "id": 1 })).await.status, 422);
        assert_eq!(send(json!({ "other": 1 })).await.status, 202);
        api.patch(
            &path_of,
            json!({ "schemas": { "3": { "required": ["z"] } } }),
        )
        .await
        .fine();
        assert_eq!(send(json!({})).await.status, 202);
    })
    .await;
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn examples_are_checked_as_the_messages_that_they_are() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        api.application("a").await;
        api.endpoint("a", "hook", "http://r/").await;
        let schema = json!({ "required": ["id"], "examples": [{ "id": 1 }, { "di": 1 }] });
        api.post(PATH, checked(&schema)).await.fine();
        let path = "/api/v1/app/a/endpoint/hook/send-example";
        let send = async |index: u32| {
            let body = json!({ "eventType": "t", "exampleIndex": index });
            api.post(path, body).await
        };
        assert_eq!(send(0).await.status, 200);
        let answer = send(1).await;
        assert_eq!(answer.faults(), ["body.eventType: value_error"]);
        assert!(
            answer.body.contains("does not fit its schema"),
            "{}",
            answer.body
        );
        let messages = api.get("/api/v1/app/a/msg").await.fine();
        assert_eq!(messages["data"].as_array().map(Vec::len), Some(1));
    })
    .await;
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn messages_of_a_schema_that_leads_back_to_itself_are_checked_all_the_way_down() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        api.application("a").await;
        let schema = json!({
            "required": ["id"], "properties": { "in": { "items": { "$ref": "#" } } },
        });
        api.post(PATH, checked(&schema)).await.fine();
        let send = async |payload: Value| {
            let body = json!({ "eventType": "t", "payload": payload });
            api.post("/api/v1/app/a/msg", body).await
        };
        let fine = json!({ "id": 1, "in": [{ "id": 2, "in": [{ "id": 3 }] }] });
        assert_eq!(send(fine).await.status, 202);
        let wrong = json!({ "id": 1, "in": [{ "id": 2 }, { "id": 2, "in": [{}] }] });
        assert_eq!(
            send(wrong).await.faults(),
            ["body.payload.in.1.in.0: value_error"]
        );
    })
    .await;
}

#[cfg(feature = "schema")]
#[tokio::test]
async fn a_schema_that_can_check_nothing_is_refused_with_its_place() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        for (schema, place) in [
            (
                json!({ "properties": { "a": { "type": "objec" } } }),
                "properties.a.type",
            ),
            (json!({ "items": { "$ref": "http://127.0.0.1/x" } }), "$ref"),
            (json!({ "anyOf": [{ "$ref": "#" }] }), "$ref"),
        ] {
            let faults = api.post(PATH, checked(&schema)).await.faults();
            assert_eq!(faults, [format!("body.schemas.2.{place}: value_error")]);
        }
        assert_eq!(api.get(&format!("{PATH}/t")).await.status, 404);
    })
    .await;
}

#[cfg(not(feature = "schema"))]
#[tokio::test]
async fn a_build_without_schemas_refuses_those_that_ask() {
    local(async {
        let api = Api::start(OutcomeKind::Status(200)).await;
        let faults = api.post(PATH, checked(&json!({}))).await.faults();
        assert_eq!(faults, ["body.schemas.2.x-fanfare-check: value_error"]);
    })
    .await;
}
