//! Messages over HTTP: accepted, shown again, refused.

use axum::body::Body;
use fanfare::domain::{command::Refusal, outcome::OutcomeKind};
use http::Method;
use serde_json::{Value, json};

use super::{Api, keyed, local};

const PATH: &str = "/api/v1/app/a/msg";
const KIB_256: usize = 256 * 1024;

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api
}

/// A message with this payload, which may be any text.
fn with_payload(payload: &str) -> String {
    format!(r#"{{"eventType":"t","payload":{payload}}}"#)
}

async fn has_none(api: &Api) -> bool {
    api.get(PATH).await.fine()["data"] == json!([])
}

#[tokio::test]
async fn a48_a49_a_message_is_202_and_is_shown_again_byte_for_byte() {
    local(async {
        let api = api().await;
        let payload = "{ \"z\" : 1.10,\n\t\"a\":[1e400, -0, 123456789012345678901234567890],\
                       \"z\":\"\\u0000 \\/ \\u00e9 é e\u{301} \\ud83d\\ude00\" , \"\":{} }";
        let body = format!(r#" {{"payload":{payload} , "eventId":"e-1","eventType":"order.made"}} "#);
        let answer = api.post_raw(PATH, body).await;
        assert_eq!(answer.status, 202);
        assert!(answer.body.contains(payload), "{}", answer.body);
        let id = answer.body.get(7..38).expect("the id comes first").to_owned();
        assert!(id.starts_with("msg_"), "{}", answer.body);
        let expected = format!(
            r#"{{"id":"{id}","eventId":"e-1","eventType":"order.made","payload":{payload},"channels":null,"tags":null,"timestamp":"2025-11-24T16:00:00.000000Z"}}"#
        );
        assert_eq!(answer.body, expected);
        for name in [id.as_str(), "e-1"] {
            assert_eq!(api.get(&format!("{PATH}/{name}")).await.body, expected);
        }
        let list = api.get(PATH).await;
        assert!(list.body.starts_with(&format!(r#"{{"data":[{expected}],"#)));
    })
    .await;
}

#[tokio::test]
async fn content_is_left_out_where_it_is_not_asked_for() {
    local(async {
        let api = api().await;
        let body = json!({ "eventType": "t", "payload": { "a": 1 }, "eventId": "e" });
        let answer = api.post(&format!("{PATH}?with_content=false"), body).await;
        assert_eq!(answer.fine()["payload"], json!({}));
        for (query, expected) in [
            ("with_content=false", json!({})),
            ("with_content=true", json!({ "a": 1 })),
            ("", json!({ "a": 1 })),
        ] {
            let shown = api.get(&format!("{PATH}/e?{query}")).await.fine();
            assert_eq!(shown["payload"], expected, "{query}");
            let list = api.get(&format!("{PATH}?{query}")).await.fine();
            assert_eq!(list["data"][0]["payload"], expected, "{query}");
        }
        let answer = api.get(&format!("{PATH}/e?with_content=maybe")).await;
        assert_eq!(answer.faults(), ["query.with_content: type_error"]);
    })
    .await;
}

#[tokio::test]
async fn a_known_event_id_is_409_and_makes_nothing() {
    local(async {
        let api = api().await;
        api.application("b").await;
        let body = json!({ "eventType": "t", "payload": {}, "eventId": "e" });
        let made = api.post(PATH, body.clone()).await.fine();
        let answer = api.post(PATH, body.clone()).await;
        assert_eq!(answer.refusal(), (409, "conflict".into()));
        assert!(answer.body.contains(made["id"].as_str().expect("an id")));
        let list = api.get(PATH).await.fine();
        assert_eq!(list["data"].as_array().expect("a list").len(), 1);
        assert_eq!(api.post("/api/v1/app/b/msg", body).await.status, 202);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_of_the_engine_says_when_to_come_again() {
    local(async {
        let api = api().await;
        for (refusal, status, code) in [
            (Refusal::DiskFull, 507, "disk_full"),
            (Refusal::StoreFull, 503, "unavailable"),
            (Refusal::Overloaded, 503, "unavailable"),
            (Refusal::Unknown, 503, "unavailable"),
            (Refusal::NotReady, 503, "unavailable"),
            (Refusal::ShuttingDown, 503, "unavailable"),
        ] {
            api.refuse(refusal);
            let answer = api.post_raw(PATH, with_payload("{}")).await;
            assert_eq!(answer.refusal(), (status, code.into()), "{refusal:?}");
            let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!(seconds > 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a39_a40_a41_a42_what_is_not_json_is_400_with_its_place_and_without_the_body() {
    local(async {
        let api = api().await;
        for (body, at) in [
            (&b"{\"canary\": canary}"[..], Some(11)),
            (b"{} canary", Some(3)),
            (b"{}{}", Some(2)),
            (b"{\"a\":1,}", Some(7)),
            (b"{\"a\":01}", Some(6)),
            (b"{\"a\":NaN}", Some(5)),
            (b"{/* no */}", Some(1)),
            (b"{'a':1}", Some(1)),
            (b"{\"a\":\"\xff\"}", Some(6)),
            (b"{\"a\":\"\xC0\x80\"}", Some(6)),
            (b"{\"a\":\"\xED\xA0\x80\"}", Some(6)),
            (b"\xEF\xBB\xBF{}", Some(0)),
            (b"\xFF\xFE{\x00}\x00", Some(0)),
            (b"{\"eventType\":\"t\",\"payload\":{\"a\":", None),
            (b"", None),
            (b" \r\n", None),
        ] {
            let answer = api.post_raw(PATH, body.to_vec()).await;
            assert_eq!(answer.refusal(), (400, "invalid_body".into()), "{body:?}");
            let place = at.map_or(String::new(), |at| format!("byte {at},"));
            assert!(answer.body.contains(&place), "{body:?}: {}", answer.body);
            assert!(!answer.body.contains("canary"));
        }
        assert!(has_none(&api).await);
    })
    .await;
}

#[tokio::test]
async fn a39_json_that_is_no_object_is_422() {
    local(async {
        let api = api().await;
        for body in ["null", "[]", "\"x\"", "1", "true"] {
            assert_eq!(
                api.post_raw(PATH, body).await.faults(),
                ["body: type_error"]
            );
        }
        for payload in ["null", "[]", "\"{}\"", "1", "true"] {
            let answer = api.post_raw(PATH, with_payload(payload)).await;
            assert_eq!(answer.faults(), ["body.payload: type_error"], "{payload}");
        }
    })
    .await;
}

#[tokio::test]
async fn a45_a46_a_field_that_comes_twice_is_400_and_inside_the_payload_it_is_delivered() {
    local(async {
        let api = api().await;
        let twice = r#"{"eventType":"t","payload":{},"payload":{}}"#;
        let answer = api.post_raw(PATH, twice).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".into()));
        let payload = r#"{"a":1,"a":2}"#;
        let answer = api.post_raw(PATH, with_payload(payload)).await;
        assert_eq!(answer.status, 202);
        assert!(answer.body.contains(payload));
        let twice = r#"{"name":"n","metadata":{"a":"1","a":"2"}}"#;
        let answer = api.post_raw("/api/v1/app", twice).await;
        assert_eq!(answer.refusal(), (400, "invalid_body".into()));
    })
    .await;
}

#[tokio::test]
async fn a47_json_may_nest_64_deep_the_payload_included() {
    local(async {
        let api = api().await;
        let nested = |levels: usize| {
            // The body is the first level and the payload the second.
            let (open, close) = ("[".repeat(levels - 2), "]".repeat(levels - 2));
            with_payload(&format!(r#"{{"a":{open}{close}}}"#))
        };
        for levels in [63, 64] {
            assert_eq!(
                api.post_raw(PATH, nested(levels)).await.status,
                202,
                "{levels}"
            );
        }
        for body in [nested(65), nested(20_000), "[".repeat(100_000)] {
            assert_eq!(
                api.post_raw(PATH, body).await.faults(),
                ["body: value_error"]
            );
        }
        // Brackets inside of texts are no levels.
        let text = "[".repeat(100);
        let answer = api.post_raw(PATH, with_payload(&format!(r#"{{"a":"\"{text}"}}"#)));
        assert_eq!(answer.await.status, 202);
    })
    .await;
}

#[tokio::test]
async fn a43_half_of_a_surrogate_pair_is_refused_wherever_it_stands() {
    local(async {
        let api = api().await;
        let answer = api
            .post_raw(PATH, with_payload(r#"{"a":["\ud800"]}"#))
            .await;
        assert_eq!(answer.faults(), ["body.payload: value_error"]);
        for body in [
            r#"{"eventType":"\ud800","payload":{}}"#,
            r#"{"\udc00":1,"eventType":"t","payload":{}}"#,
        ] {
            let answer = api.post_raw(PATH, body).await;
            assert_eq!(answer.refusal(), (400, "invalid_body".into()), "{body}");
            assert!(answer.body.contains("byte "), "{}", answer.body);
        }
        assert!(has_none(&api).await);
    })
    .await;
}

#[tokio::test]
async fn a50_every_field_is_judged_and_none_is_ignored() {
    local(async {
        let api = api().await;
        let body = json!({
            "eventId": "msg_x",
            "channels": ["c"],
            "tags": ["t", "t"],
            "application": { "uid": "app_x", "metadata": { "k": 1 }, "colour": "red" },
            "deliverAt": "2025-11-25",
            "payloadRetentionPeriod": 90,
            "payloadRetentionHours": 1,
            "transformationsParams": {
                "rawPayload": 1,
                "headers": { "Content-Type": "text/plain\n" },
            },
            "tenant": "b",
        });
        let expected = [
            "body.application.colour: unknown_field",
            "body.application.metadata.k: type_error",
            "body.application.name: missing",
            "body.application.uid: value_error",
            "body.deliverAt: value_error",
            "body.eventId: value_error",
            "body.eventType: missing",
            "body.payload: missing",
            "body.payloadRetentionHours: value_error",
            "body.tags: value_error",
            "body.tenant: unknown_field",
            "body.transformationsParams.headers.Content-Type: value_error",
            "body.transformationsParams.rawPayload: type_error",
        ];
        assert_eq!(api.post(PATH, body).await.faults(), expected);
        for (field, value) in [
            ("tags", json!("t")),
            ("tags", json!(["a b"])),
            ("tags", json!(["1", "2", "3", "4", "5", "6"])),
            ("application", json!("a")),
            ("payloadRetentionPeriod", json!(91)),
            ("deliverAt", json!(1_764_000_000)),
            ("deliverAt", json!("2025-12-24T16:00:00.000001Z")),
            ("payloadRetentionHours", json!(0)),
            ("transformationsParams", json!([])),
            (
                "transformationsParams",
                json!({ "long": "x".repeat(8 * 1024) }),
            ),
        ] {
            let body = json!({ "eventType": "t", "payload": {}, field: value });
            let faults = api.post(PATH, body).await.faults();
            let begin = format!("body.{field}: ");
            assert!(
                faults.len() == 1 && faults[0].starts_with(&begin),
                "{faults:?}"
            );
        }
        let empty = json!({
            "eventType": "t",
            "payload": {},
            "eventId": null,
            "channels": null,
            "tags": [],
            "application": null,
            "deliverAt": null,
            "payloadRetentionPeriod": null,
            "transformationsParams": {},
        });
        let said = api.post(PATH, empty).await.fine();
        assert_eq!(said["eventId"], Value::Null);
    })
    .await;
}

#[tokio::test]
async fn a52_an_event_type_has_1_to_256_characters_of_names() {
    local(async {
        let api = api().await;
        let body = |name: &str| json!({ "eventType": name, "payload": {} });
        for name in ["t", "a.B_c-9", &"t".repeat(255), &"t".repeat(256)] {
            assert_eq!(api.post(PATH, body(name)).await.status, 202, "{name}");
        }
        for name in ["", &"t".repeat(257), "a b", "a\r\n", "🦀", "a\0", "a/b"] {
            let faults = api.post(PATH, body(name)).await.faults();
            assert_eq!(faults, ["body.eventType: value_error"], "{name:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a16_a_body_of_256_kib_is_taken_and_one_byte_more_is_413() {
    local(async {
        let api = api().await;
        let of_length = |length: usize| {
            let frame = with_payload(r#"{"a":""}"#).len();
            with_payload(&format!(r#"{{"a":"{}"}}"#, "x".repeat(length - frame)))
        };
        for (length, expected) in [(KIB_256 - 1, 202), (KIB_256, 202), (KIB_256 + 1, 413)] {
            let body = of_length(length);
            assert_eq!(body.len(), length);
            let answer = api.post_raw(PATH, body).await;
            assert_eq!(answer.status, expected, "{length}");
        }
        // A length that is told is judged before the body comes.
        let request = keyed(Method::POST, PATH)
            .header("content-type", "application/json")
            .header("content-length", (KIB_256 + 1).to_string());
        let request = request.body(Body::from("{}")).expect("valid");
        let answer = api.ask(request).await;
        assert_eq!(answer.refusal(), (413, "payload_too_large".into()));
    })
    .await;
}

#[tokio::test]
async fn a18_a54_a_body_that_is_not_declared_as_plain_json_is_415() {
    local(async {
        let api = api().await;
        for fields in [
            &[][..],
            &[("content-type", "text/plain")],
            &[("content-type", "application/x-www-form-urlencoded")],
            &[("content-type", "multipart/form-data")],
            &[("content-type", "application/json; charset=utf-16")],
            &[
                ("content-type", "application/json"),
                ("content-type", "application/json"),
            ],
        ] {
            let request = fields
                .iter()
                .fold(keyed(Method::POST, PATH), |request, field| {
                    request.header(field.0, field.1)
                });
            let request = request.body(Body::from(with_payload("{}"))).expect("valid");
            let answer = api.ask(request).await;
            assert_eq!(answer.refusal(), (415, "unsupported_media_type".into()));
        }
        let request = keyed(Method::POST, PATH)
            .header("content-type", "application/json; charset=UTF-8")
            .header("content-encoding", "gzip");
        let request = request.body(Body::from(with_payload("{}"))).expect("valid");
        let answer = api.ask(request).await;
        assert_eq!(answer.refusal(), (415, "unsupported_encoding".into()));
        assert!(has_none(&api).await);
    })
    .await;
}

#[tokio::test]
async fn a51_a_value_of_another_type_is_422_by_its_field() {
    local(async {
        let api = api().await;
        for (field, kind) in [
            (r#""eventType":5"#, "body.eventType: type_error"),
            (r#""eventType":null"#, "body.eventType: type_error"),
            (r#""eventType":["t"]"#, "body.eventType: type_error"),
            (r#""eventType":"t","eventId":1"#, "body.eventId: type_error"),
            (
                r#""eventType":"t","channels":"c""#,
                "body.channels: type_error",
            ),
            (
                r#""eventType":"t","channels":[1]"#,
                "body.channels: type_error",
            ),
            (
                r#""eventType":"t","channels":["c","c"]"#,
                "body.channels: value_error",
            ),
        ] {
            let body = format!(r#"{{{field},"payload":{{}}}}"#);
            assert_eq!(api.post_raw(PATH, body).await.faults(), [kind], "{field}");
        }
        for rate in ["\"1\"", "1.0", "1e0", "true"] {
            let body = format!(r#"{{"name":"n","throttleRate":{rate}}}"#);
            let answer = api.post_raw("/api/v1/app", body).await;
            assert_eq!(answer.faults(), ["body.throttleRate: type_error"], "{rate}");
        }
        for rate in ["0", "-1", "65536", "18446744073709551616"] {
            let body = format!(r#"{{"name":"n","throttleRate":{rate}}}"#);
            let answer = api.post_raw("/api/v1/app", body).await;
            assert_eq!(
                answer.faults(),
                ["body.throttleRate: value_error"],
                "{rate}"
            );
        }
        assert!(has_none(&api).await);
    })
    .await;
}

#[tokio::test]
async fn a44_a_nul_is_422_in_a_name_and_delivered_in_a_payload() {
    local(async {
        let api = api().await;
        for (path, body, fault) in [
            (
                PATH,
                r#"{"eventType":"\u0000","payload":{}}"#,
                "body.eventType: value_error",
            ),
            (
                PATH,
                r#"{"eventType":"t","eventId":"\u0000","payload":{}}"#,
                "body.eventId: value_error",
            ),
            (
                "/api/v1/app",
                r#"{"name":"a\u0000b"}"#,
                "body.name: value_error",
            ),
            (
                "/api/v1/app",
                r#"{"name":"n","metadata":{"k":"\u0000"}}"#,
                "body.metadata.k: value_error",
            ),
        ] {
            assert_eq!(api.post_raw(path, body).await.faults(), [fault], "{body}");
        }
        let payload = r#"{"\u0000":"\u0000"}"#;
        let answer = api.post_raw(PATH, with_payload(payload)).await;
        assert_eq!(answer.status, 202);
        assert!(answer.body.contains(payload));
    })
    .await;
}

#[tokio::test]
async fn a55_many_messages_at_once_are_not_offered() {
    local(async {
        let api = api().await;
        let one = with_payload("{}");
        let answer = api.post_raw(PATH, format!("[{one},{one}]")).await;
        assert_eq!(answer.faults(), ["body: type_error"]);
        let answer = api
            .post_raw(&format!("{PATH}/batch"), format!("[{one}]"))
            .await;
        assert_eq!(answer.refusal(), (405, "method_not_allowed".into()));
        assert!(has_none(&api).await);
    })
    .await;
}

#[tokio::test]
async fn a75_no_endpoint_is_202_and_one_made_just_before_gets_it() {
    local(async {
        let api = api().await;
        api.message("a", 1).await;
        api.endpoint("a", "e", "http://receiver.example/").await;
        let second = api.message("a", 2).await;
        api.attempts(1).await;
        let attempts = api.get("/api/v1/app/a/attempt/endpoint/e").await.fine();
        let to: Vec<&Value> = attempts["data"]
            .as_array()
            .expect("a list")
            .iter()
            .collect();
        assert_eq!(to.len(), 1, "{attempts}");
        assert_eq!(to[0]["msgId"], second);
    })
    .await;
}

#[tokio::test]
async fn what_has_no_effect_is_taken_and_shown_again() {
    local(async {
        let api = api().await;
        let body = r#"{"eventType":"t","payload":{"a":1},"eventId":"e","payloadRetentionPeriod":30,
            "transformationsParams":{"z":1e400,"a":[1, 2]}}"#;
        let said = api.post_raw(PATH, body).await;
        assert_eq!(said.status, 202, "{}", said.body);
        let kept = r#""payloadRetentionPeriod":30,"transformationsParams":{"a":[1, 2],"z":1e400}"#;
        assert!(said.body.contains(kept), "{}", said.body);
        assert_eq!(api.get(&format!("{PATH}/e")).await.body, said.body);
        let list = api.get(PATH).await;
        assert!(list.body.contains(&said.body), "{}", list.body);
    })
    .await;
}

#[tokio::test]
async fn an_application_is_made_along_with_its_first_message_and_else_ignored() {
    local(async {
        let api = api().await;
        let along = |uid: &str| {
            json!({
                "eventType": "t",
                "payload": {},
                "application": { "name": "Along", "uid": uid, "metadata": { "k": "v" } },
            })
        };
        let path = "/api/v1/app/new/msg";
        let answer = api
            .post(path, json!({ "eventType": "t", "payload": {} }))
            .await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
        let faults = api.post(path, along("other")).await.faults();
        assert_eq!(faults, ["body.application.uid: value_error"]);
        let archived = json!({ "name": "old", "description": "", "archived": true });
        api.post("/api/v1/event-type", archived).await.fine();
        let mut body = along("new");
        body["eventType"] = "old".into();
        assert_eq!(api.post(path, body).await.status, 422);
        let nobody = api.get("/api/v1/app/new").await;
        assert_eq!(nobody.status, 404, "what is refused makes nothing");

        let once = async || {
            let request = keyed(Method::POST, path)
                .header("content-type", "application/json")
                .header("idempotency-key", "k");
            let body = along("new").to_string();
            let answer = api.ask(request.body(body.into()).expect("valid")).await;
            assert_eq!(answer.status, 202, "{}", answer.body);
            answer.json()["id"].clone()
        };
        let id = once().await;
        assert_eq!(once().await, id);
        let made = api.get("/api/v1/app/new").await.fine();
        assert_eq!(made["name"], "Along");
        assert_eq!(made["metadata"], json!({ "k": "v" }));
        let mut body = along("other");
        body["application"]["name"] = "Ignored".into();
        api.post(path, body).await.fine();
        let id = made["id"].as_str().expect("an id");
        let by_id = format!("/api/v1/app/{id}/msg");
        api.post(&by_id, along("new")).await.fine();
        assert_eq!(api.get("/api/v1/app/new").await.fine(), made);
        let list = api.get(path).await.fine();
        assert_eq!(list["data"].as_array().expect("a list").len(), 3);
        let absent = format!("/api/v1/app/{id}x/msg");
        assert_eq!(api.post(&absent, along("y")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_payload_of_no_bytes_or_no_json_is_refused_where_nothing_can_be_made_of_it() {
    local(async {
        let api = api().await;
        for (application, text) in [("default", "<a/>"), ("a", "")] {
            let body = json!({
                "eventType": "t",
                "payload": {},
                "transformationsParams": { "rawPayload": text },
            });
            let path = format!("/api/v1/app/{application}/msg");
            let faults = api.post(&path, body).await.faults();
            assert_eq!(
                faults,
                ["body.transformationsParams.rawPayload: value_error"]
            );
        }
    })
    .await;
}
