//! From the API to a receiver on a real socket and back into the lists.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use http::HeaderMap;
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use super::{Api, START_MS, local};
use crate::support::receiver::{Receiver, Request, answering, reply, send};

async fn endpoint_of(api: &Api, uid: &str, receiver: &Receiver) -> Value {
    let url = format!("http://{}/{uid}", receiver.address);
    api.endpoint("a", uid, &url).await
}

/// The one attempt to an endpoint.
async fn attempt_to(api: &Api, uid: &str) -> Value {
    let path = format!("/api/v1/app/a/attempt/endpoint/{uid}");
    let page = api.get(&path).await.fine();
    let data = page["data"].as_array().expect("a list");
    assert_eq!(data.len(), 1, "{page}");
    data[0].clone()
}

/// Puts the wall clock of the test to the real time, which receivers compare signatures with.
fn set_real_time(api: &Api) {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.expect("after the epoch").as_millis();
    let ahead = i64::try_from(millis).expect("not so late") - START_MS;
    api.clock.set_wall_ahead(Span::from_millis(ahead));
}

/// Whether a receiver that has this key takes the request as genuine.
fn is_genuine(request: &Request, key: &str) -> bool {
    let mut headers = HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let value = request.header(name).expect(name);
        headers.insert(name, value.parse().expect("a value"));
    }
    let webhook = Webhook::new(key).expect("a key");
    webhook.verify(&request.body, &headers).is_ok()
}

#[tokio::test]
async fn a44_a46_a48_a49_the_exact_payload_arrives_signed_with_the_secret_that_the_api_shows() {
    local(async {
        let api = Api::sending().await;
        set_real_time(&api);
        let receiver = Receiver::start(vec![answering(9, &reply("200 OK", "thanks"))]).await;
        endpoint_of(&api, "hook", &receiver).await;
        let secret = api.get("/api/v1/app/a/endpoint/hook/secret").await.fine();
        let key = secret["key"].as_str().expect("a key");
        for (number, payload) in [
            r#"{"z":1.10,"a":1e400,"m":-0,"b":123456789012345678901234567890}"#,
            "{ \"odd\" :\t[ 1 ,\r\n2 ] , \"z\":{}, \"a\" : null }",
            "{\"escapes\":\"\\/ \\u00e9 \\u0000 \\ud83d\\ude00\",\"plain\":\"é / e\u{301}\"}",
            r#"{"twice":1,"twice":2}"#,
        ]
        .into_iter()
        .enumerate()
        {
            let body = format!(r#"{{"payload": {payload} ,"eventType":"t"}}"#);
            let said = api.post_raw("/api/v1/app/a/msg", body).await;
            assert_eq!(said.status, 202, "{}", said.body);
            // Not by a parser: these numbers are more than many of them take.
            let id = said.body.get(7..38).expect("the id comes first");
            api.attempts(number as u64 + 1).await;
            let requests = receiver.requests();
            let request = requests.last().expect("it came");
            assert_eq!(requests.len(), number + 1);
            assert_eq!(request.body, payload.as_bytes(), "byte for byte");
            assert_eq!(request.header("webhook-id"), Some(id));
            assert_eq!(request.header("content-type"), Some("application/json"));
            assert!(is_genuine(request, key));
            let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
            assert!(!is_genuine(request, other), "no other key opens it");
        }
    })
    .await;
}

#[tokio::test]
async fn a_payload_that_is_no_json_arrives_as_the_text_it_is() {
    local(async {
        let api = Api::sending().await;
        let receiver = Receiver::start(vec![answering(9, &reply("200 OK", ""))]).await;
        endpoint_of(&api, "hook", &receiver).await;
        let path = "/api/v1/app/a/msg";
        for (number, (text, headers, content_type)) in [
            (
                "<a>é</a>",
                json!({ "content-type": "text/xml" }),
                "text/xml",
            ),
            ("xx", json!({ "x": "y" }), "application/json"),
            ("{\"a\" :1}", json!(7), "application/json"),
        ]
        .into_iter()
        .enumerate()
        {
            let parameters = json!({ "rawPayload": text, "headers": headers });
            let body = json!({
                "eventType": "t",
                "eventId": number.to_string(),
                "payload": {},
                "transformationsParams": parameters,
            });
            let said = api.post(path, body).await.fine();
            assert_eq!(said["payload"], json!({}));
            assert_eq!(said["transformationsParams"], parameters);
            assert_eq!(api.get(&format!("{path}/{number}")).await.fine(), said);
            let bare = api
                .get(&format!("{path}/{number}?with_content=false"))
                .await;
            let bare = bare.fine();
            assert_eq!(bare["transformationsParams"], json!({ "headers": headers }));
            api.attempts(number as u64 + 1).await;
            let requests = receiver.requests();
            let request = requests.last().expect("it came");
            assert_eq!(request.body, text.as_bytes());
            assert_eq!(request.header("content-type"), Some(content_type));
        }
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_gets_only_the_event_types_it_names() {
    local(async {
        let api = Api::sending().await;
        let receiver = Receiver::start(vec![answering(9, &reply("204 No Content", ""))]).await;
        let url = format!("http://{}/", receiver.address);
        let body = json!({ "url": url, "eventTypes": ["order.paid"] });
        api.post("/api/v1/app/a/endpoint", body).await.fine();
        for event_type in ["order.made", "order.paid", "order"] {
            let body = json!({ "eventType": event_type, "payload": { "type": event_type } });
            api.post("/api/v1/app/a/msg", body).await.fine();
        }
        api.attempts(1).await;
        let bodies: Vec<Vec<u8>> = receiver.requests().into_iter().map(|r| r.body).collect();
        assert_eq!(bodies, [br#"{"type":"order.paid"}"#]);
    })
    .await;
}

#[tokio::test]
async fn an_attempt_shows_what_the_receiver_said() {
    local(async {
        let api = Api::sending().await;
        let taking = Receiver::start(vec![answering(1, &reply("201 Created", "th\"anks"))]).await;
        let took = endpoint_of(&api, "taking", &taking).await;
        let id = api.message("a", 1).await;
        api.attempts(1).await;

        let mut attempt = attempt_to(&api, "taking").await;
        let fields = attempt.as_object_mut().expect("an object");
        let attempt_id = fields.remove("id").expect("an id");
        assert!(attempt_id.as_str().expect("a text").starts_with("atmpt_"));
        let expected = json!({
            "msgId": id,
            "endpointId": took["id"],
            "url": format!("http://{}/taking", taking.address),
            "response": "th\"anks",
            "responseStatusCode": 201,
            "responseDurationMs": fields["responseDurationMs"],
            "status": 0,
            "statusText": "success",
            "triggerType": 0,
            "timestamp": "2025-11-24T16:00:00.000000Z",
        });
        assert!(
            fields["responseDurationMs"]
                .as_i64()
                .is_some_and(|ms| ms >= 0)
        );
        assert_eq!(attempt, expected);
    })
    .await;
}

#[tokio::test]
async fn a_failed_attempt_tells_its_status_or_the_name_of_what_it_met() {
    local(async {
        let api = Api::sending().await;
        let refusing = Receiver::start(vec![answering(1, &reply("503 Busy", "later"))]).await;
        let garbage = send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xff\x00a");
        let odd = Receiver::start(vec![answering(1, &garbage)]).await;
        endpoint_of(&api, "refusing", &refusing).await;
        endpoint_of(&api, "odd", &odd).await;
        // A port that was free a moment ago and has no listener.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let nobody = format!("http://{}/", free.local_addr().expect("bound"));
        drop(free);
        api.endpoint("a", "nobody", &nobody).await;
        let id = api.message("a", 1).await;
        api.attempts(3).await;

        for (uid, code, response, status, text) in [
            ("refusing", 503, "later", 2, "fail"),
            ("odd", 200, "\u{fffd}\u{0}a", 0, "success"),
        ] {
            let attempt = attempt_to(&api, uid).await;
            assert_eq!(attempt["responseStatusCode"], code);
            assert_eq!(attempt["response"], response);
            assert_eq!(attempt["status"], status);
            assert_eq!(attempt["statusText"], text);
            let path = format!("/api/v1/app/a/attempt/endpoint/{uid}?with_content=false");
            let bare = api.get(&path).await.fine();
            assert_eq!(bare["data"][0]["response"], "");
            assert_eq!(bare["data"][0]["responseStatusCode"], code);
        }
        let attempt = attempt_to(&api, "nobody").await;
        assert_eq!(attempt["responseStatusCode"], 0);
        assert_eq!(attempt["status"], 2);
        assert_eq!(attempt["statusText"], "fail");
        let response = attempt["response"].as_str().expect("a text");
        assert!(
            response.starts_with(OutcomeKind::Refused.name()),
            "{response}"
        );

        let page = api.get(&format!("/api/v1/app/a/attempt/msg/{id}")).await;
        let page = page.fine();
        let data = page["data"].as_array().expect("a list");
        let mut urls: Vec<&str> = data.iter().filter_map(|row| row["url"].as_str()).collect();
        let mut expected = [
            format!("http://{}/refusing", refusing.address),
            format!("http://{}/odd", odd.address),
            nobody,
        ];
        urls.sort_unstable();
        expected.sort_unstable();
        assert_eq!(urls, expected, "each with its own URL");
    })
    .await;
}

#[tokio::test]
async fn a_retry_is_an_attempt_of_its_own_at_its_own_time() {
    local(async {
        let api = Api::sending().await;
        let failing = answering(1, &reply("500 Broken", ""));
        let script = [failing, answering(1, &reply("200 OK", ""))].concat();
        let receiver = Receiver::start(vec![script]).await;
        endpoint_of(&api, "hook", &receiver).await;
        let id = api.message("a", 1).await;
        api.attempts(1).await;
        api.advance(Span::from_seconds(7)).await;
        api.attempts(2).await;
        let path = format!("/api/v1/app/a/attempt/msg/{id}");
        let page = api.get(&path).await.fine();
        let column = |name: &str| -> Vec<Value> {
            let data = page["data"].as_array().expect("a list").iter();
            data.map(|attempt| attempt[name].clone()).collect()
        };
        assert_eq!(column("status"), [0, 2], "newest first");
        assert_eq!(column("responseStatusCode"), [200, 500]);
        let times = column("timestamp");
        assert_eq!(times[1], "2025-11-24T16:00:00.000000Z");
        assert_eq!(times[0], "2025-11-24T16:00:07.020000Z");
        let query = format!("{path}?before={}", times[0].as_str().expect("a time"));
        let page = api.get(&query).await.fine();
        assert_eq!(page["data"].as_array().expect("a list").len(), 1);
        let query = format!("{path}?after={}", times[1].as_str().expect("a time"));
        let page = api.get(&query).await.fine();
        assert_eq!(page["data"][0]["status"], 0);
    })
    .await;
}

#[tokio::test]
async fn endpoints_of_the_original_routes_are_seen_through_the_api_too() {
    local(async {
        let api = Api::sending().await;
        set_real_time(&api);
        let receiver = Receiver::start(vec![answering(1, &reply("200 OK", ""))]).await;
        let url = format!("http://{}/", receiver.address);
        let body = json!({ "url": url, "token": "t" });
        assert_eq!(api.post("/api/webhooks", body).await.status, 201);
        let body = json!({ "payload": ["a"] });
        assert_eq!(api.post("/api/webhooks/test", body).await.status, 202);
        api.attempts(1).await;
        let page = api.get("/api/v1/app/default/msg").await.fine();
        let message = &page["data"][0];
        assert_eq!(message["payload"], json!({ "payload": ["a"] }));
        let id = message["id"].as_str().expect("an id");
        let page = api
            .get(&format!("/api/v1/app/default/attempt/msg/{id}"))
            .await
            .fine();
        let endpoint = page["data"][0]["endpointId"].as_str().expect("an id");
        let path = format!("/api/v1/app/default/endpoint/{endpoint}/secret");
        let secret = api.get(&path).await.fine();
        let key = secret["key"].as_str().expect("a key");
        assert!(is_genuine(&receiver.requests()[0], key));
    })
    .await;
}
