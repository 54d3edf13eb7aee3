//! Applications over HTTP.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};

async fn api() -> Api {
    Api::start(OutcomeKind::Status(200)).await
}

#[tokio::test]
async fn an_application_is_201_and_shows_all_that_was_said_of_it() {
    local(async {
        let body = json!({
            "name": "Ünïted Räil",
            "uid": "rail-1._",
            "metadata": { "z": "1", "__proto__": "plain", "a": "" },
            "throttleRate": 65_535,
        });
        let answer = api().await.post("/api/v1/app", body.clone()).await;
        assert_eq!(answer.status, 201);
        assert!(
            answer
                .body
                .contains(r#""metadata":{"z":"1","__proto__":"plain","a":""}"#)
        );
        let said = answer.fine();
        let id = said["id"].as_str().expect("an id");
        assert!(id.starts_with("app_") && id.len() == 31, "{id}");
        for field in ["name", "uid", "metadata", "throttleRate"] {
            assert_eq!(said[field], body[field], "{field}");
        }
        assert_eq!(said["createdAt"], "2025-11-24T16:00:00.000000Z");
        assert_eq!(said["updatedAt"], said["createdAt"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_is_enough_and_null_is_the_same_as_absent() {
    local(async {
        let api = api().await;
        let bare = json!({ "name": "n" });
        let nulls = json!({ "name": "n", "uid": null, "metadata": null, "throttleRate": null });
        for body in [bare, nulls] {
            let said = api.post("/api/v1/app", body).await.fine();
            assert_eq!(said["uid"], Value::Null);
            assert_eq!(said["metadata"], json!({}));
            assert_eq!(said["throttleRate"], Value::Null);
        }
    })
    .await;
}

#[tokio::test]
async fn a_known_uid_is_409_and_200_with_get_if_exists() {
    local(async {
        let api = api().await;
        let made = api.application("a").await;
        let again = json!({ "name": "other", "uid": "a", "metadata": { "k": "v" } });
        let answer = api.post("/api/v1/app", again.clone()).await;
        assert_eq!(answer.refusal(), (409, "conflict".into()));
        let id = made["id"].as_str().expect("an id");
        assert!(answer.body.contains(id), "{}", answer.body);
        let answer = api
            .post("/api/v1/app?get_if_exists=false", again.clone())
            .await;
        assert_eq!(answer.status, 409);
        let answer = api.post("/api/v1/app?get_if_exists=true", again).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.fine(), made);
        let fresh = json!({ "name": "b", "uid": "b" });
        let answer = api.post("/api/v1/app?get_if_exists=true", fresh).await;
        assert_eq!(answer.status, 201);
        let answer = api
            .post("/api/v1/app?get_if_exists=yes", json!({ "uid": 1 }))
            .await;
        let expected = [
            "body.name: missing",
            "body.uid: type_error",
            "query.get_if_exists: type_error",
        ];
        assert_eq!(answer.faults(), expected);
    })
    .await;
}

#[tokio::test]
async fn the_application_of_the_original_routes_is_known_by_its_uid() {
    local(async {
        let api = api().await;
        let body = json!({ "name": "n", "uid": "default" });
        let said = api
            .post("/api/v1/app?get_if_exists=true", body)
            .await
            .fine();
        assert_eq!(said["name"], "default");
        assert_eq!(said["metadata"], json!({}));
        assert_eq!(api.get("/api/v1/app/default/msg").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn of_twins_at_the_same_time_one_is_made_and_all_get_its_id() {
    local(async {
        let api = api().await;
        let twins = (0..50).map(|_| {
            let body = json!({ "name": "n", "uid": "twin" });
            api.post("/api/v1/app?get_if_exists=true", body)
        });
        let answers = join_all(twins).await;
        let made = answers.iter().filter(|answer| answer.status == 201);
        assert_eq!(made.count(), 1);
        let ids: std::collections::BTreeSet<String> = answers
            .into_iter()
            .map(|answer| answer.fine()["id"].to_string())
            .collect();
        assert_eq!(ids.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once() {
    local(async {
        let body = json!({
            "name": "",
            "uid": "app_x",
            "metadata": { "a": 1, "b": null, "": "x", "c": "fine" },
            "throttleRate": "5",
            "rateLimit": 5,
            "colour": "red",
            "tenant": { "deep": [] },
        });
        let answer = api().await.post("/api/v1/app", body).await;
        let expected = [
            "body.colour: unknown_field",
            "body.metadata.: value_error",
            "body.metadata.a: type_error",
            "body.metadata.b: type_error",
            "body.name: value_error",
            "body.tenant: unknown_field",
            "body.throttleRate: type_error",
            "body.uid: value_error",
        ];
        assert_eq!(answer.faults(), expected);
        assert!(!answer.body.contains("red"), "no value is repeated");
    })
    .await;
}

#[tokio::test]
async fn a56_each_limit_is_taken_and_one_more_is_422() {
    local(async {
        let api = api().await;
        let pairs = |count: usize| {
            let pairs = (0..count).map(|number| (format!("k{number}"), json!("v")));
            Value::Object(pairs.collect())
        };
        let pair = |key: usize, value: usize| json!({ "k".repeat(key): "v".repeat(value) });
        let text = |length| json!("a".repeat(length));
        for (field, most, over) in [
            ("name", text(1_024), text(1_025)),
            ("name", text(1), text(0)),
            ("name", json!("é".repeat(512)), json!("é".repeat(513))),
            ("uid", text(256), text(257)),
            ("uid", text(1), text(0)),
            ("metadata", pairs(32), pairs(33)),
            ("metadata", pair(64, 1), pair(65, 1)),
            ("metadata", pair(1, 256), pair(1, 257)),
            ("throttleRate", json!(1), json!(0)),
            ("throttleRate", json!(1), json!(-1)),
            ("throttleRate", json!(65_535), json!(65_536)),
        ] {
            let body = |value: Value| {
                let mut body = json!({ "name": "n" });
                body[field] = value;
                body
            };
            let answer = api.post("/api/v1/app", body(most)).await;
            assert_eq!(answer.status, 201, "{field}: {}", answer.body);
            let faults = api.post("/api/v1/app", body(over)).await.faults();
            assert_eq!(faults.len(), 1);
            assert!(faults[0].ends_with(": value_error"), "{faults:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn values_of_another_type_or_that_no_name_has_are_422() {
    local(async {
        let api = api().await;
        for (field, value) in [
            ("name", "null"),
            ("name", "7"),
            ("name", "[\"n\"]"),
            ("name", "\"a\\u0000\""),
            ("uid", "\"a b\""),
            ("uid", "\"a\\r\\n\""),
            ("uid", "\"é\""),
            ("uid", "\"..\""),
            ("uid", "\".\""),
            ("uid", "true"),
            ("metadata", "[]"),
            ("metadata", "{\"a\":\"\\u0000\"}"),
            ("throttleRate", "1.0"),
            ("throttleRate", "1e2"),
            ("throttleRate", "true"),
            ("throttleRate", "99999999999999999999"),
        ] {
            let body = if field == "name" {
                format!(r#"{{"name":{value}}}"#)
            } else {
                format!(r#"{{"name":"n","{field}":{value}}}"#)
            };
            let answer = api.post_raw("/api/v1/app", body.clone()).await;
            let faults = answer.faults();
            assert_eq!(faults.len(), 1, "{body}");
            assert!(
                faults[0].starts_with(&format!("body.{field}")),
                "{faults:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn very_many_faults_are_counted_after_a_hundred() {
    local(async {
        let fields = (0..500).map(|number| (format!("f{number}"), json!(1)));
        let answer = api()
            .await
            .post("/api/v1/app", Value::Object(fields.collect()))
            .await;
        assert_eq!(answer.faults().len(), 101);
        assert!(answer.body.contains("401 more"), "{}", answer.body);
    })
    .await;
}

#[tokio::test]
async fn a_put_by_a_uid_is_one_application_however_often_it_is_said() {
    local(async {
        let api = api().await;
        let body = json!({ "name": "A" });
        let made = api.put("/api/v1/app/a", body.clone()).await;
        assert_eq!(made.status, 201);
        let made = made.fine();
        for uid in [json!(null), json!("a")] {
            for _ in 0..2 {
                let again = api.put("/api/v1/app/a", body.clone()).await;
                assert_eq!(again.status, 200);
                let again = again.fine();
                assert_eq!((&again["id"], &again["uid"]), (&made["id"], &made["uid"]));
            }
            let said = json!({ "name": "B", "uid": uid });
            let again = api.put("/api/v1/app/a", said).await.fine();
            assert_eq!((&again["name"], &again["uid"]), (&json!("B"), &json!("a")));
        }
        // The uid is another one where the body says so, and the one that was is free.
        let moved = json!({ "name": "A", "uid": "b" });
        let moved = api.put("/api/v1/app/a", moved).await.fine();
        assert_eq!((&moved["id"], &moved["uid"]), (&made["id"], &json!("b")));
        assert_eq!(api.put("/api/v1/app/a", body.clone()).await.status, 201);
        let original = api.put("/api/v1/app/default", body).await;
        assert_eq!(original.fine()["uid"], "default");
    })
    .await;
}

#[tokio::test]
async fn two_names_of_one_field_must_say_the_same() {
    local(async {
        let api = api().await;
        api.application("a").await;
        let endpoint = "/api/v1/app/a/endpoint";
        for (path, mut body) in [
            ("/api/v1/app", json!({ "name": "n" })),
            (endpoint, json!({ "url": "http://h/" })),
        ] {
            body["throttleRate"] = 1.into();
            body["rateLimit"] = 2.into();
            let faults = api.post(path, body.clone()).await.faults();
            assert_eq!(faults, ["body.rateLimit: value_error"], "{path}");
            body["rateLimit"] = 1.into();
            let made = api.post(path, body).await.fine();
            assert_eq!(made["throttleRate"], 1, "{path}");
        }
        let body = json!({ "url": "http://h/", "eventTypes": [1], "channels": ["c", null] });
        let answer = api.post(endpoint, body).await;
        assert_eq!(
            answer.faults(),
            ["body.channels: type_error", "body.eventTypes: type_error"]
        );
        assert!(
            answer.body.contains("`eventTypes` must hold texts"),
            "{}",
            answer.body
        );
    })
    .await;
}

#[tokio::test]
async fn put_makes_an_application_or_says_all_of_one_anew() {
    local(async {
        let api = api().await;
        let first = json!({ "name": "A", "metadata": { "k": "v" }, "throttleRate": 7 });
        let made = api.put("/api/v1/app/a", first).await;
        assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""));
        let made = made.fine();
        assert_eq!((&made["uid"], &made["name"]), (&json!("a"), &json!("A")));
        api.advance(Span::from_seconds(1)).await;
        let again = api
            .put("/api/v1/app/a", json!({ "name": "B", "uid": "a" }))
            .await;
        assert_eq!(
            (again.status.as_u16(), again.header("etag")),
            (200, "\"2\"")
        );
        let again = again.fine();
        assert_eq!(again["id"], made["id"]);
        assert_eq!(again["createdAt"], made["createdAt"]);
        assert_ne!(again["updatedAt"], made["updatedAt"]);
        assert_eq!(
            (&again["metadata"], &again["throttleRate"]),
            (&json!({}), &json!(null))
        );
        assert_eq!(api.get("/api/v1/app/a").await.fine(), again);
        let id = again["id"].as_str().expect("an id");
        let unnamed = api
            .put(&format!("/api/v1/app/{id}"), json!({ "name": "C" }))
            .await
            .fine();
        assert_eq!(unnamed["uid"], json!(null));
        assert_eq!(
            api.get("/api/v1/app/a").await.refusal(),
            (404, "not_found".into())
        );
        let path = format!("/api/v1/app/{id}x");
        let never = api.put(&path, json!({ "name": "C" })).await;
        assert_eq!(never.refusal(), (404, "not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn patch_changes_what_it_names_and_null_clears() {
    local(async {
        let api = api().await;
        let body = json!({ "name": "A", "uid": "a", "metadata": { "k": "v" }, "throttleRate": 7 });
        let made = api.post("/api/v1/app", body).await.fine();
        let named = api
            .patch("/api/v1/app/a", json!({ "name": "B" }))
            .await
            .fine();
        let mut expected = made.clone();
        expected["name"] = "B".into();
        expected["updatedAt"] = named["updatedAt"].clone();
        assert_eq!(named, expected);
        let body = json!({ "throttleRate": null, "metadata": null, "uid": "b" });
        let cleared = api.patch("/api/v1/app/a", body).await.fine();
        assert_eq!(
            (&cleared["metadata"], &cleared["throttleRate"]),
            (&json!({}), &json!(null))
        );
        assert_eq!(api.get("/api/v1/app/b").await.fine(), cleared);
        // The name it had is free again.
        api.application("a").await;
        let taken = api.patch("/api/v1/app/b", json!({ "uid": "a" })).await;
        assert_eq!(taken.refusal(), (409, "conflict".into()));
        let wrong = api
            .patch("/api/v1/app/b", json!({ "name": null, "colour": 1 }))
            .await;
        assert_eq!(
            wrong.faults(),
            ["body.colour: unknown_field", "body.name: type_error"]
        );
        let absent = api.patch("/api/v1/app/c", json!({ "name": "C" })).await;
        assert_eq!(absent.refusal(), (404, "not_found".into()));
        let original = api
            .patch("/api/v1/app/default", json!({ "uid": "other" }))
            .await;
        assert_eq!(original.refusal(), (409, "conflict".into()));
        let original = api
            .patch("/api/v1/app/default", json!({ "name": "Ours" }))
            .await
            .fine();
        assert_eq!(
            (&original["uid"], &original["name"]),
            (&json!("default"), &json!("Ours"))
        );
    })
    .await;
}

#[tokio::test]
async fn a64_a_stale_tag_is_412_and_of_changes_at_once_each_is_made_once() {
    local(async {
        let api = api().await;
        api.application("a").await;
        let tag = api.get("/api/v1/app/a").await.header("etag").to_owned();
        let body = json!({ "name": "B" });
        let first = api
            .send(Method::PATCH, "/api/v1/app/a", &body, Some(&tag))
            .await;
        assert_eq!(first.status, 200);
        let second = api
            .send(Method::PATCH, "/api/v1/app/a", &body, Some(&tag))
            .await;
        assert_eq!(second.refusal(), (412, "precondition_failed".into()));
        let put = api
            .send(Method::PUT, "/api/v1/app/new", &body, Some(&tag))
            .await;
        assert_eq!(put.refusal(), (412, "precondition_failed".into()));
        let tag = first.header("etag").to_owned();
        let twins = (0..50).map(|number| {
            let (api, tag) = (&api, &tag);
            async move {
                let body = json!({ "name": number.to_string() });
                api.send(Method::PATCH, "/api/v1/app/a", &body, Some(tag))
                    .await
            }
        });
        let answers = join_all(twins).await;
        let won = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "one winner a version");
        let lost = answers.iter().filter(|answer| answer.status == 412);
        assert_eq!(lost.count(), 49);
        // Without a tag each finds the newest state and none is lost.
        let keys = (0..50).map(|number| {
            let api = &api;
            async move {
                let body = json!({ "throttleRate": number + 1 });
                api.patch("/api/v1/app/a", body).await.status
            }
        });
        assert!(join_all(keys).await.iter().all(|status| *status == 200));
        assert_eq!(api.get("/api/v1/app/a").await.header("etag"), "\"53\"");
    })
    .await;
}

#[tokio::test]
async fn applications_are_listed_page_by_page_in_both_orders_and_back() {
    local(async {
        let api = api().await;
        for number in 0..7 {
            api.application(&format!("a{number}")).await;
        }
        let names = |page: &Value| -> Vec<String> {
            let data = page["data"].as_array().expect("a list").iter();
            data.map(|one| one["uid"].as_str().expect("a uid").to_owned())
                .collect()
        };
        let all = ["default", "a0", "a1", "a2", "a3", "a4", "a5", "a6"];
        for order in ["ascending", "descending"] {
            let mut expected = all.to_vec();
            if order == "descending" {
                expected.reverse();
            }
            let (mut seen, mut iterator, mut pages) = (Vec::new(), String::new(), Vec::new());
            loop {
                let path = format!("/api/v1/app?limit=3&order={order}{iterator}");
                let page = api.get(&path).await.fine();
                seen.extend(names(&page));
                iterator = format!("&iterator={}", page["iterator"].as_str().expect("a text"));
                pages.push(page.clone());
                if page["done"] == true {
                    break;
                }
            }
            assert_eq!(seen, expected);
            let back = pages[2]["prevIterator"].as_str().expect("a text");
            let path = format!("/api/v1/app?limit=3&order={order}&iterator={back}");
            assert_eq!(names(&api.get(&path).await.fine()), names(&pages[1]));
        }
        let wrong = api.get("/api/v1/app?order=up&limit=0").await;
        assert_eq!(
            wrong.faults(),
            ["query.limit: value_error", "query.order: value_error"]
        );
        let foreign = api.get("/api/v1/app/a0/msg").await.fine();
        assert_eq!(foreign["iterator"], json!(null));
    })
    .await;
}

#[tokio::test]
async fn a65_a_deleted_application_is_204_then_404_with_all_that_was_in_it() {
    local(async {
        let api = Api::start(OutcomeKind::Status(503)).await;
        let made = api.application("a").await;
        api.endpoint("a", "e", "http://h/").await;
        let message = api.message("a", 1).await;
        api.attempts(1).await;
        let nothing = json!({});
        let stale = api
            .send(Method::DELETE, "/api/v1/app/a", &nothing, Some("\"7\""))
            .await;
        assert_eq!(stale.refusal(), (412, "precondition_failed".into()));
        let gone = api
            .send(Method::DELETE, "/api/v1/app/a", &nothing, None)
            .await;
        assert_eq!((gone.status.as_u16(), gone.body.as_str()), (204, ""));
        let id = made["id"].as_str().expect("an id");
        for path in [
            "/api/v1/app/a".to_owned(),
            format!("/api/v1/app/{id}"),
            format!("/api/v1/app/{id}/endpoint/e"),
            format!("/api/v1/app/{id}/msg/{message}"),
        ] {
            assert_eq!(
                api.get(&path).await.refusal(),
                (404, "not_found".into()),
                "{path}"
            );
        }
        let again = api
            .send(Method::DELETE, "/api/v1/app/a", &nothing, None)
            .await;
        assert_eq!(again.status, 404);
        api.advance(Span::from_seconds(100_000)).await;
        assert_eq!(api.host.handle.stats().attempts, 1, "its retry never comes");
        let listed = api.get("/api/v1/app").await.fine();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
        // The name is free, and what gets it is another one.
        let fresh = api.application("a").await;
        assert_ne!(fresh["id"], made["id"]);
        assert_eq!(
            api.get("/api/v1/app/a/endpoint").await.fine()["data"],
            json!([])
        );
        let kept = api
            .send(Method::DELETE, "/api/v1/app/default", &nothing, None)
            .await;
        assert_eq!(kept.refusal(), (409, "conflict".into()));
    })
    .await;
}
