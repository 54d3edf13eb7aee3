//! What became of messages, over HTTP: filters of lists and single attempts.

use std::time::Duration;

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::Method;
use serde_json::{Value, json};

use super::{Api, local};
use crate::support::memory_transport::{MemoryTransport, Sent};

/// Three endpoints: `good` answers 204, `bad` 503 and `none` not at all.
async fn api() -> Api {
    let script = Box::new(|request: &fanfare::domain::attempt::AttemptRequest| {
        let kind = match request.target.url.text() {
            "http://good/" => OutcomeKind::Status(204),
            "http://bad/" => OutcomeKind::Status(503),
            _ => OutcomeKind::Refused,
        };
        (Duration::ZERO, kind)
    });
    let api = Api::with_transport(MemoryTransport::new(script, Sent::default())).await;
    api.application("a").await;
    for uid in ["good", "bad", "none"] {
        api.endpoint("a", uid, &format!("http://{uid}/")).await;
    }
    api
}

async fn message(api: &Api, event_type: &str) -> String {
    let body = json!({ "eventType": event_type, "payload": { "of": event_type } });
    let said = api.post("/api/v1/app/a/msg", body).await.fine();
    said["id"].as_str().expect("an id").to_owned()
}

/// One field of each entry of a list.
async fn column(api: &Api, path: &str, name: &str) -> Vec<Value> {
    let page = api.get(path).await.fine();
    let data = page["data"].as_array().expect("a list").iter();
    data.map(|entry| entry[name].clone()).collect()
}

#[tokio::test]
async fn attempts_are_filtered_by_status_class_type_and_endpoint() {
    local(async {
        let api = api().await;
        let first = message(&api, "order.made").await;
        message(&api, "order.paid").await;
        api.attempts(6).await;
        let good = api.get("/api/v1/app/a/attempt/endpoint/good").await.fine();
        let good = good["data"][0]["endpointId"].as_str().expect("an id");
        let by_message = format!("/api/v1/app/a/attempt/msg/{first}");
        for (query, codes) in [
            ("status=0", &[204][..]),
            ("status=2", &[0, 503]),
            ("status=1", &[]),
            ("status=3", &[]),
            ("status=4", &[]),
            ("status_code_class=200", &[204]),
            ("status_code_class=500", &[503]),
            ("status_code_class=0", &[0]),
            ("status_code_class=400", &[]),
            ("status=2&status_code_class=500", &[503]),
            ("event_types=order.made", &[0, 204, 503]),
            ("event_types=order.paid,x&event_types[]=y", &[]),
            ("endpoint_id=bad", &[503]),
            ("endpoint_id=nobody", &[]),
            ("endpoint_id=ep_nobody", &[]),
            (&format!("endpoint_id={good}"), &[204]),
            (&format!("endpoint_id={good}&status=2"), &[]),
        ] {
            let path = format!("{by_message}?{query}");
            let mut shown = column(&api, &path, "responseStatusCode").await;
            shown.sort_by_key(Value::as_u64);
            assert_eq!(shown, codes, "{query}");
        }
        let by_endpoint = "/api/v1/app/a/attempt/endpoint/bad";
        for (query, count) in [
            ("status=2", 2),
            ("status=0", 0),
            ("event_types=order.paid", 1),
            ("event_types=order.paid,order.made", 2),
            // Of an endpoint's own list this is no filter.
            ("endpoint_id=good", 2),
        ] {
            let path = format!("{by_endpoint}?{query}");
            assert_eq!(column(&api, &path, "id").await.len(), count, "{query}");
        }
        for (query, fault) in [
            ("status=5", "query.status: value_error"),
            ("status=fail", "query.status: value_error"),
            (
                "status_code_class=404",
                "query.status_code_class: value_error",
            ),
            ("event_types=a%20b", "query.event_types: value_error"),
            ("endpoint_id=a/b", "query.endpoint_id: value_error"),
        ] {
            let answer = api.get(&format!("{by_message}?{query}")).await;
            assert_eq!(answer.faults(), [fault], "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn messages_are_filtered_by_type_and_pages_go_on_where_they_ended() {
    local(async {
        let api = api().await;
        let mut wanted = Vec::new();
        for number in 0..40 {
            let is_wanted = number % 5 == 2;
            let id = message(&api, if is_wanted { "wanted" } else { "other" }).await;
            wanted.extend(is_wanted.then_some(id));
        }
        wanted.reverse();
        for limit in [1, 3, 8, 50] {
            let path = format!("/api/v1/app/a/msg?event_types=wanted,x&limit={limit}");
            let mut page = api.get(&path).await.fine();
            let mut shown = Vec::new();
            loop {
                let data = page["data"].as_array().expect("a list");
                assert!(data.len() <= limit);
                shown.extend(data.iter().map(|entry| entry["id"].clone()));
                if page["done"] == true {
                    break;
                }
                let iterator = page["iterator"].as_str().expect("an iterator");
                page = api.get(&format!("{path}&iterator={iterator}")).await.fine();
            }
            assert_eq!(shown, wanted, "pages of {limit}");
        }
        let path = "/api/v1/app/a/msg?event_types=nothing";
        let page = api.get(path).await.fine();
        assert_eq!((&page["data"], &page["done"]), (&json!([]), &json!(true)));
    })
    .await;
}

#[tokio::test]
async fn messages_and_attempts_are_filtered_by_channel() {
    local(async {
        let api = api().await;
        let mut ids = Vec::new();
        for channels in [json!(null), json!(["one"]), json!(["two", "one"])] {
            let body = json!({ "eventType": "t", "payload": {}, "channels": channels });
            let said = api.post("/api/v1/app/a/msg", body).await.fine();
            assert_eq!(said["channels"], channels);
            let path = format!("/api/v1/app/a/msg/{}", said["id"].as_str().expect("an id"));
            assert_eq!(
                api.get(&path).await.fine(),
                said,
                "shown as it was answered"
            );
            ids.push(said["id"].clone());
        }
        api.attempts(9).await;
        for (channel, shown) in [("one", &ids[1..]), ("two", &ids[2..]), ("three", &[][..])] {
            let mut listed =
                column(&api, &format!("/api/v1/app/a/msg?channel={channel}"), "id").await;
            listed.reverse();
            assert_eq!(listed, shown, "{channel}");
            let path = format!("/api/v1/app/a/attempt/endpoint/good?channel={channel}");
            let mut listed = column(&api, &path, "msgId").await;
            listed.reverse();
            assert_eq!(listed, shown, "{channel}");
        }
    })
    .await;
}

#[tokio::test]
async fn messages_and_attempts_are_filtered_by_tag() {
    local(async {
        let api = api().await;
        let mut ids = Vec::new();
        for tags in [json!(null), json!(["one"]), json!(["a/b.c\\#", "one"])] {
            let body = json!({ "eventType": "t", "payload": {}, "tags": tags });
            let said = api.post("/api/v1/app/a/msg", body).await.fine();
            assert_eq!(said["tags"], tags);
            let path = format!("/api/v1/app/a/msg/{}", said["id"].as_str().expect("an id"));
            assert_eq!(
                api.get(&path).await.fine(),
                said,
                "shown as it was answered"
            );
            ids.push(said["id"].clone());
        }
        api.attempts(9).await;
        for (tag, shown) in [
            ("one", &ids[1..]),
            ("a/b.c%5C%23", &ids[2..]),
            ("on", &[][..]),
        ] {
            let mut listed = column(&api, &format!("/api/v1/app/a/msg?tag={tag}"), "id").await;
            listed.reverse();
            assert_eq!(listed, shown, "{tag}");
            let path = format!("/api/v1/app/a/attempt/endpoint/good?tag={tag}");
            let mut listed = column(&api, &path, "msgId").await;
            listed.reverse();
            assert_eq!(listed, shown, "{tag}");
        }
    })
    .await;
}

#[tokio::test]
async fn one_attempt_is_shown_as_its_list_shows_it() {
    local(async {
        let api = api().await;
        let (first, other) = (message(&api, "t").await, message(&api, "t").await);
        api.attempts(6).await;
        let path = format!("/api/v1/app/a/attempt/msg/{first}");
        let page = api.get(&path).await.fine();
        for listed in page["data"].as_array().expect("a list") {
            let id = listed["id"].as_str().expect("an id");
            let path = format!("/api/v1/app/a/msg/{first}/attempt/{id}");
            assert_eq!(api.get(&path).await.fine(), *listed);
            let path = format!("/api/v1/app/a/msg/{other}/attempt/{id}");
            assert_eq!(api.get(&path).await.refusal().0, 404, "of another message");
        }
        for unknown in ["atmpt_0", "x", &first] {
            let path = format!("/api/v1/app/a/msg/{first}/attempt/{unknown}");
            assert_eq!(api.get(&path).await.refusal().0, 404, "{unknown}");
        }
    })
    .await;
}

#[tokio::test]
async fn attempts_show_their_messages_where_these_are_asked_for() {
    local(async {
        let api = api().await;
        let ids = [message(&api, "one").await, message(&api, "two").await];
        api.attempts(6).await;
        let path = "/api/v1/app/a/attempt/endpoint/good?with_msg=true";
        let page = api.get(path).await.fine();
        let data = page["data"].as_array().expect("a list");
        assert_eq!(data.len(), 2);
        for (attempt, id) in data.iter().rev().zip(&ids) {
            let message = api.get(&format!("/api/v1/app/a/msg/{id}")).await.fine();
            assert_eq!(attempt["msg"], message);
        }
        let path = format!("{path}&event_types=two&with_content=false");
        let page = api.get(&path).await.fine();
        assert_eq!(page["data"].as_array().map(Vec::len), Some(1));
        assert_eq!(page["data"][0]["msg"]["payload"], json!({}));
        let bare = api.get("/api/v1/app/a/attempt/endpoint/good").await.fine();
        assert_eq!(bare["data"][0].get("msg"), None);
    })
    .await;
}

#[tokio::test]
async fn a_delivery_is_explained_attempt_by_attempt_and_for_now() {
    local(async {
        let api = api().await;
        let id = message(&api, "t").await;
        api.attempts(3).await;
        let path = |endpoint: &str| format!("/api/v1/app/a/msg/{id}/endpoint/{endpoint}/explain");
        let good = api.get(&path("good")).await.fine();
        assert_eq!(good["statusText"], "success");
        assert_eq!(good["why"], "it was delivered");
        assert_eq!(good["attempts"][0]["why"], "the first attempt");
        assert_eq!(good["attempts"][0]["next"], Value::Null);
        assert_eq!(good["endpoint"]["circuit"], "closed");
        let bad = api.get(&path("bad")).await.fine();
        let [attempt] = &bad["attempts"].as_array().expect("a list")[..] else {
            panic!("{bad}");
        };
        assert_eq!(
            (&attempt["step"], &attempt["outcome"]),
            (&json!(1), &json!("status 503"))
        );
        let next = &attempt["next"];
        let millis = |name: &str| next[name].as_i64().expect("an integer");
        assert_eq!(millis("scheduledMs"), 5_000);
        assert_eq!(millis("waitMs"), 5_000 + millis("jitterMs"));
        assert!(millis("jitterMs").abs() <= 1_000, "{next}");
        let why = next["why"].as_str().expect("text");
        assert!(
            why.starts_with("the schedule says 5.000 s, spread to "),
            "{why}"
        );
        let due = next["dueAt"].as_str().expect("a time");
        assert_eq!(bad["why"], format!("its next attempt is due at {due}"));
        // Under way it says so; and an endpoint that it never went to has nothing to be explained.
        let elsewhere = json!({ "url": "http://good/", "uid": "late" });
        api.post("/api/v1/app/a/endpoint", elsewhere).await.fine();
        let answer = api.get(&path("late")).await;
        assert_eq!(answer.status, 404);
        let answer = api.get(&path("nobody")).await;
        assert_eq!(answer.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_message_shows_where_it_goes_and_how_each_delivery_stands() {
    local(async {
        let api = api().await;
        let id = message(&api, "t").await;
        let elsewhere = json!({ "url": "http://good/", "eventTypes": ["other"] });
        api.post("/api/v1/app/a/endpoint", elsewhere).await.fine();
        api.attempts(3).await;
        let path = format!("/api/v1/app/a/msg/{id}/endpoint");
        let page = api.get(&path).await.fine();
        assert_eq!(page["done"], true);
        let data = page["data"].as_array().expect("a list");
        let told: Vec<(&Value, &Value, &Value)> = data
            .iter()
            .map(|row| (&row["uid"], &row["status"], &row["statusText"]))
            .collect();
        let expected = [
            ("good", 0, "success"),
            ("bad", 1, "pending"),
            ("none", 1, "pending"),
        ];
        let expected = expected.map(|(uid, status, text)| (json!(uid), json!(status), json!(text)));
        let expected: Vec<_> = expected.iter().map(|(a, b, c)| (a, b, c)).collect();
        assert_eq!(
            told, expected,
            "in the order they were made, the fourth takes no such type"
        );
        assert_eq!(data[0]["nextAttempt"], Value::Null);
        let next = data[1]["nextAttempt"].as_str().expect("a time");
        // 5 s after the attempt, with a fifth of jitter either way.
        assert!(
            ("2025-11-24T16:00:04".."2025-11-24T16:00:07").contains(&next),
            "{next}"
        );
        let endpoint = api.get("/api/v1/app/a/endpoint/good").await.fine();
        for (name, value) in endpoint.as_object().expect("an object") {
            let shown = data[0].get(name);
            assert_eq!(shown, (name != "metadata").then_some(value), "{name}");
        }

        // All attempts fail in the end.
        for _ in 0..10 {
            api.advance(Span::from_seconds(30 * 60 * 60)).await;
            api.settled().await;
        }
        assert_eq!(column(&api, &path, "status").await, [0, 2, 2]);
        assert_eq!(
            column(&api, &path, "nextAttempt").await,
            [Value::Null, Value::Null, Value::Null]
        );
        let first = api.get(&format!("{path}?limit=2")).await.fine();
        let iterator = first["iterator"].as_str().expect("an iterator");
        let rest = column(&api, &format!("{path}?limit=2&iterator={iterator}"), "uid").await;
        assert_eq!(rest, ["none"]);
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_shows_its_messages_and_how_each_delivery_stands() {
    local(async {
        let api = api().await;
        let mut ids = Vec::new();
        for event_type in ["one", "two", "one"] {
            ids.push(message(&api, event_type).await);
        }
        ids.reverse();
        api.attempts(9).await;
        let good = "/api/v1/app/a/endpoint/good/msg";
        let page = api.get(good).await.fine();
        let data = page["data"].as_array().expect("a list");
        assert_eq!(data.len(), 3);
        for (row, id) in data.iter().zip(&ids) {
            let mut expected = api.get(&format!("/api/v1/app/a/msg/{id}")).await.fine();
            let fields = expected.as_object_mut().expect("an object");
            fields.insert("status".into(), 0.into());
            fields.insert("statusText".into(), "success".into());
            fields.insert("nextAttempt".into(), Value::Null);
            assert_eq!(*row, expected, "newest first");
        }
        let bad = "/api/v1/app/a/endpoint/bad/msg";
        for (path, shown) in [
            (format!("{good}?status=0"), vec![&ids[0], &ids[1], &ids[2]]),
            (format!("{good}?status=1"), vec![]),
            (format!("{bad}?status=1"), vec![&ids[0], &ids[1], &ids[2]]),
            (format!("{bad}?status=2"), vec![]),
            (format!("{bad}?event_types=two"), vec![&ids[1]]),
            (format!("{bad}?event_types=one&limit=1"), vec![&ids[0]]),
        ] {
            let shown: Vec<String> = shown.into_iter().cloned().collect();
            assert_eq!(column(&api, &path, "id").await, shown, "{path}");
        }
        assert_eq!(
            column(&api, &format!("{bad}?with_content=false"), "payload").await[0],
            json!({})
        );
        let unknown = api.get("/api/v1/app/a/endpoint/nobody/msg").await;
        assert_eq!(unknown.refusal().0, 404);
        let late = json!({ "url": "http://good/", "uid": "late" });
        api.post("/api/v1/app/a/endpoint", late).await.fine();
        let late = column(&api, "/api/v1/app/a/endpoint/late/msg", "id").await;
        assert!(late.is_empty(), "what came before it is not for it");
    })
    .await;
}

#[tokio::test]
async fn the_statistics_of_an_endpoint_tell_what_is_in_flight_from_what_waits() {
    local(async {
        let script = Box::new(|request: &fanfare::domain::attempt::AttemptRequest| {
            match request.target.url.text() {
                "http://slow/" => (Duration::from_secs(3_600), OutcomeKind::Status(204)),
                _ => (Duration::ZERO, OutcomeKind::Status(503)),
            }
        });
        let api = Api::with_transport(MemoryTransport::new(script, Sent::default())).await;
        api.application("a").await;
        for uid in ["slow", "bad", "idle"] {
            let body = json!({ "url": format!("http://{uid}/"), "uid": uid, "channels": [uid] });
            api.post("/api/v1/app/a/endpoint", body).await.fine();
        }
        let body = json!({ "eventType": "e", "payload": {}, "channels": ["slow", "bad"] });
        for _ in 0..3 {
            api.post("/api/v1/app/a/msg", body.clone()).await.fine();
        }
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            // The slow one has one connection until it has shown what it can do.
            while api.host.handle.stats().attempts < 3 || api.host.handle.stats().in_flight != 1 {
                tokio::task::yield_now().await;
            }
        });
        waited.await.expect("the attempts end");
        api.advance(Span::from_millis(20)).await;
        for (endpoint, pending, sending) in [("slow", 2, 1), ("bad", 3, 0), ("idle", 0, 0)] {
            let path = format!("/api/v1/app/a/endpoint/{endpoint}/stats");
            let said = api.get(&path).await.fine();
            let expected = json!({
                "success": 0, "pending": pending, "sending": sending, "fail": 0, "canceled": 0,
            });
            assert_eq!(said, expected, "{endpoint}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_statistics_of_an_endpoint_count_its_deliveries_of_a_time() {
    local(async {
        let api = api().await;
        let only = json!({ "url": "http://good/", "uid": "only", "eventTypes": ["two"] });
        api.post("/api/v1/app/a/endpoint", only).await.fine();
        for event_type in ["one", "two", "one"] {
            message(&api, event_type).await;
        }
        api.attempts(10).await;
        let stats = async |endpoint: &str, query: &str| {
            let path = format!("/api/v1/app/a/endpoint/{endpoint}/stats{query}");
            let said = api.get(&path).await.fine();
            let names = ["success", "pending", "sending", "fail", "canceled"];
            assert_eq!(said.as_object().expect("an object").len(), names.len());
            names.map(|name| said[name].as_u64().expect("a count"))
        };
        assert_eq!(stats("good", "").await, [3, 0, 0, 0, 0]);
        assert_eq!(stats("bad", "").await, [0, 3, 0, 0, 0]);
        assert_eq!(stats("only", "").await, [1, 0, 0, 0, 0]);
        let start = "2025-11-24T16:00:00Z";
        assert_eq!(stats("good", &format!("?since={start}")).await[0], 3);
        assert_eq!(stats("good", &format!("?until={start}")).await[0], 0);
        let gone = api.get("/api/v1/app/a/msg").await.fine()["data"][0]["id"].clone();
        let gone = gone.as_str().expect("an id");
        let path = format!("/api/v1/app/a/msg/{gone}/content");
        let answer = api.send(Method::DELETE, &path, &json!({}), None).await;
        assert_eq!(answer.status, 204);
        for _ in 0..10 {
            api.advance(Span::from_seconds(30 * 60 * 60)).await;
            api.settled().await;
        }
        assert_eq!(stats("bad", "").await, [0, 0, 0, 2, 1]);
        assert_eq!(stats("good", "").await, [3, 0, 0, 0, 0]);
        api.advance(Span::from_seconds(28 * 24 * 60 * 60)).await;
        assert_eq!(stats("good", "").await, [0; 5], "that was long ago");
    })
    .await;
}

#[tokio::test]
async fn statistics_of_no_time_or_no_endpoint_are_refused() {
    local(async {
        let api = api().await;
        let path = "/api/v1/app/a/endpoint/good/stats";
        for (query, faults) in [
            (
                "?since=2025-10-01T00:00:00Z",
                &["query.since: value_error"][..],
            ),
            ("?since=2025-11-25T00:00:00Z", &["query.since: value_error"]),
            (
                "?since=now&until=1",
                &["query.since: value_error", "query.until: value_error"],
            ),
        ] {
            let answer = api.get(&format!("{path}{query}")).await;
            assert_eq!(answer.faults(), faults, "{query}");
        }
        let answer = api.get("/api/v1/app/a/endpoint/nobody/stats").await;
        assert_eq!(answer.refusal(), (404, "not_found".into()));
    })
    .await;
}

#[tokio::test]
async fn a_message_is_sent_again_by_hand_whatever_became_of_it() {
    local(async {
        let api = api().await;
        let id = message(&api, "t").await;
        api.attempts(3).await;
        let resend = |uid: &str| format!("/api/v1/app/a/msg/{id}/endpoint/{uid}/resend");
        for (count, uid) in (4..).zip(["good", "bad"]) {
            // Client libraries send no body, or an empty object.
            let answer = api
                .post_raw(&resend(uid), if uid == "bad" { "{}" } else { "" })
                .await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (202, "{}"));
            api.attempts(count).await;
            let path = format!("/api/v1/app/a/attempt/endpoint/{uid}");
            assert_eq!(
                column(&api, &path, "triggerType").await,
                [1, 0],
                "newest first"
            );
        }
        let path = format!("/api/v1/app/a/msg/{id}/endpoint");
        assert_eq!(column(&api, &path, "status").await, [0, 1, 1]);
        let elsewhere = json!({ "url": "http://good/", "uid": "other", "eventTypes": ["other"] });
        api.post("/api/v1/app/a/endpoint", elsewhere).await.fine();
        for path in [
            resend("other"),
            resend("nobody"),
            resend("good").replace(&id, "x"),
        ] {
            let answer = api.post_raw(&path, "").await;
            assert_eq!(answer.refusal(), (404, "not_found".to_owned()), "{path}");
        }
        let delete = Method::DELETE;
        let answer = api
            .send(delete, "/api/v1/app/a/endpoint/bad", &json!({}), None)
            .await;
        assert_eq!(answer.status, 204);
        let answer = api.post_raw(&resend("bad"), "").await;
        assert_eq!(answer.refusal().0, 404, "it was deleted");
    })
    .await;
}

#[tokio::test]
async fn contents_are_taken_away_and_their_records_stay() {
    local(async {
        let api = api().await;
        let id = message(&api, "t").await;
        api.attempts(3).await;
        let remove = async |path: &str| {
            let answer = api.send(Method::DELETE, path, &json!({}), None).await;
            (answer.status.as_u16(), answer.body)
        };
        let path = format!("/api/v1/app/a/attempt/msg/{id}?status=0");
        let attempts = api.get(&path).await.fine();
        let attempt = attempts["data"][0]["id"].as_str().expect("an id");
        let content = format!("/api/v1/app/a/msg/{id}/attempt/{attempt}/content");
        assert_eq!(remove(&content).await, (204, String::new()));
        let mut expected = attempts["data"][0].clone();
        expected["response"] = "".into();
        let shown = api
            .get(&format!("/api/v1/app/a/msg/{id}/attempt/{attempt}"))
            .await;
        assert_eq!(shown.fine(), expected);

        let content = format!("/api/v1/app/a/msg/{id}/content");
        for _ in 0..2 {
            assert_eq!(
                remove(&content).await,
                (204, String::new()),
                "as often as it is asked for"
            );
        }
        let shown = api.get(&format!("/api/v1/app/a/msg/{id}")).await.fine();
        assert_eq!(shown["payload"], json!({ "expired": true }));
        let path = format!("/api/v1/app/a/msg/{id}/endpoint");
        assert_eq!(column(&api, &path, "status").await, [0, 2, 2]);
        let path = format!("{path}?expanded_statuses=true");
        assert_eq!(
            column(&api, &path, "statusText").await,
            ["success", "canceled", "canceled"]
        );
        let resend = format!("/api/v1/app/a/msg/{id}/endpoint/good/resend");
        let answer = api.post_raw(&resend, "").await;
        assert_eq!(answer.refusal(), (400, "missing_payload".to_owned()));
        api.advance(Span::from_seconds(60)).await;
        assert_eq!(api.host.handle.stats().attempts, 3, "no retry of it");
        assert_eq!(remove("/api/v1/app/a/msg/msg_0/content").await.0, 404);
        let unknown = format!("/api/v1/app/a/msg/{id}/attempt/atmpt_0/content");
        assert_eq!(remove(&unknown).await.0, 404);
    })
    .await;
}
