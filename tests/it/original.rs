//! The original server's contract, row by row; `docs/original-server.md` names each of these tests.

use axum::{Router, body::Body};
use bytes::Bytes;
use fanfare::{
    domain::{command::Refusal, endpoint::BodyFormat},
    limits,
    runtime::handle::Readiness,
    server::{
        access::Access,
        catalogue::Catalogue,
        key_ring::KeyRing,
        metrics::Metrics,
        router::{Face, ServerState, router},
    },
};
use futures::{StreamExt as _, stream};
use http::{Method, Request};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{answer::Answer, fake_backend::FakeBackend};

const REGISTER: &str = "/api/webhooks";
const TEST: &str = "/api/webhooks/test";
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const URL_RULE: &str = r#""url" must be a valid uri with a scheme matching the https? pattern"#;

struct Server {
    backend: FakeBackend,
    router: Router,
}

impl Answer {
    /// Status and body, for comparing.
    fn told(&self) -> (u16, &str) {
        (self.status.as_u16(), &self.body)
    }

    /// The messages of a refusal in the original shape, and nothing else.
    fn errors(&self) -> Vec<String> {
        let Value::Object(mut fields) = self.json() else {
            panic!("no object: {}", self.body);
        };
        let errors = fields.remove("error").expect("`error`");
        assert!(fields.is_empty(), "{}", self.body);
        serde_json::from_value(errors).expect("a list of texts")
    }
}

impl Server {
    fn new() -> Self {
        Self::with_access(Access::Open)
    }

    fn with_access(original_access: Access) -> Self {
        let backend = FakeBackend::new();
        let state = ServerState {
            backend: backend.clone(),
            original_access,
            api_access: Access::Open,
            catalogue: Catalogue::default(),
            targets: std::sync::Arc::default(),
            keys: KeyRing::new(fanfare::time::Now::default),
            metrics: Metrics::new(Access::Open),
            face: Face::Whole,
        };
        Self {
            backend,
            router: router(state),
        }
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        Answer::of(&self.router, request).await
    }

    async fn method(&self, method: Method, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        self.ask(request.body(Body::empty()).expect("valid")).await
    }

    async fn post(&self, path: &str, media_type: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", media_type);
        self.ask(request.body(body.into()).expect("valid")).await
    }

    async fn register(&self, body: &Value) -> Answer {
        self.post(REGISTER, JSON, body.to_string()).await
    }

    /// The messages with which a registration is refused.
    async fn refused(&self, body: &Value) -> Vec<String> {
        refusal(&self.register(body).await)
    }

    async fn test(&self, body: &Value) -> Answer {
        self.post(TEST, JSON, body.to_string()).await
    }

    /// The messages with which a test is refused.
    async fn test_refused(&self, body: &Value) -> Vec<String> {
        refusal(&self.test(body).await)
    }
}

fn refusal(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 400, "{}", answer.body);
    answer.errors()
}

fn wrong_item(at: usize) -> String {
    format!(r#""payload[{at}]" does not match any of the allowed types"#)
}

#[tokio::test]
async fn a_new_url_is_201_with_all_registrations_in_order_and_their_extra_fields() {
    let server = Server::new();
    let first = json!({ "url": "https://b.test/", "token": "1", "note": { "z": [1, "é"] } });
    let answer = server.register(&first).await;
    assert_eq!(answer.told(), (201, json!([first]).to_string().as_str()));
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    let second = json!({ "token": "2", "a": null, "url": "https://a.test/" });
    let answer = server.register(&second).await;
    let both = json!([first, second]).to_string();
    assert_eq!(answer.told(), (201, both.as_str()));
}

#[tokio::test]
async fn a_registration_becomes_an_endpoint_with_its_token_hash_and_a_secret_of_its_own() {
    let server = Server::new();
    for url in ["http://a.test/", "http://b.test/"] {
        server
            .register(&json!({ "url": url, "token": "t\"é" }))
            .await;
    }
    let endpoints = server.backend.registered();
    let format = BodyFormat::Original {
        token_json: Bytes::from_static("\"t\\\"é\"".as_bytes()),
    };
    assert!(endpoints.iter().all(|row| row.target.body_format == format));
    assert_eq!(endpoints[1].target.url.text(), "http://b.test/");
    assert_ne!(
        endpoints[0].target.secret.expose(),
        endpoints[1].target.secret.expose()
    );
    let hash: [u8; 32] = Sha256::digest("http://a.test/").into();
    assert_eq!(server.backend.hashes()[0], hash);
}

#[tokio::test]
async fn a_known_url_is_200_and_its_token_stays_as_it_was() {
    let server = Server::new();
    let first = json!({ "url": "https://a.test/x", "token": "old" });
    server.register(&first).await;
    let again = json!({ "url": "https://a.test/x", "token": "new", "more": 1 });
    let answer = server.register(&again).await;
    assert_eq!(answer.told(), (200, json!([first]).to_string().as_str()));
}

#[tokio::test]
async fn urls_are_the_same_only_if_every_character_is() {
    let server = Server::new();
    for url in [
        "https://a.test",
        "https://a.test/",
        "https://a.test/#f",
        "https://A.test/",
    ] {
        let answer = server.register(&json!({ "url": url, "token": "t" })).await;
        assert_eq!(answer.status, 201, "{url}");
    }
}

#[tokio::test]
async fn missing_fields_are_all_named_url_first() {
    let server = Server::new();
    let both = [r#""url" is required"#, r#""token" is required"#];
    assert_eq!(server.refused(&json!({})).await, both);
    assert_eq!(
        server.refused(&json!({ "url": "http://h/" })).await,
        both[1..]
    );
    assert_eq!(server.refused(&json!({ "token": "t" })).await, both[..1]);
    let exact = r#"{"error":["\"url\" is required","\"token\" is required"]}"#;
    assert_eq!(server.register(&json!({})).await.body, exact);
}

#[tokio::test]
async fn an_empty_body_another_media_type_or_none_counts_as_an_empty_object() {
    let server = Server::new();
    let both = [r#""url" is required"#, r#""token" is required"#];
    let good = r#"{"url":"http://h/","token":"t"}"#;
    for (media_type, body) in [(JSON, ""), (FORM, ""), ("text/plain", good), ("", good)] {
        let answer = server.post(REGISTER, media_type, body).await;
        assert_eq!(refusal(&answer), both, "{media_type}");
    }
    let bare = Request::post(REGISTER).body(Body::from(good));
    assert_eq!(refusal(&server.ask(bare.expect("valid")).await), both);
    let answer = server.post(TEST, JSON, "").await;
    assert_eq!(refusal(&answer), [r#""payload" is required"#]);
}

#[tokio::test]
async fn wrong_types_and_null_must_be_strings() {
    let server = Server::new();
    let both = [r#""url" must be a string"#, r#""token" must be a string"#];
    for wrong in [
        json!(null),
        json!(1),
        json!(["http://h/"]),
        json!({}),
        json!(true),
    ] {
        let errors = server
            .refused(&json!({ "token": wrong, "url": wrong }))
            .await;
        assert_eq!(errors, both);
    }
}

#[tokio::test]
async fn empty_strings_are_not_allowed() {
    let errors = Server::new()
        .refused(&json!({ "url": "", "token": "" }))
        .await;
    let both = [
        r#""url" is not allowed to be empty"#,
        r#""token" is not allowed to be empty"#,
    ];
    assert_eq!(errors, both);
}

#[tokio::test]
async fn what_is_no_http_url_is_told_the_pattern() {
    let server = Server::new();
    for url in [
        "not a uri",
        "example.com",
        "ftp://h/",
        "httpsx://h/",
        "shttp://h/",
        "HTTPS://h/",
        "https://h/{}",
        "https://h/a b",
        "http://",
    ] {
        let errors = server.refused(&json!({ "url": url, "token": "t" })).await;
        assert_eq!(errors, [URL_RULE], "{url}");
    }
    assert!(server.backend.registered().is_empty());
}

#[tokio::test]
async fn urls_that_ended_the_original_server_are_refused() {
    let server = Server::new();
    for url in [
        "https://example.invalid:99999/x",
        "https://1.2.3.999/x",
        "https://%41%00/x",
    ] {
        let errors = server.refused(&json!({ "url": url, "token": "t" })).await;
        assert_eq!(errors, [URL_RULE], "{url}");
    }
}

#[tokio::test]
async fn a_scheme_without_slashes_is_taken_as_before() {
    let answer = Server::new()
        .register(&json!({ "url": "https:foo", "token": "t" }))
        .await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn a_url_or_token_over_its_limit_is_told_the_limit() {
    let server = Server::new();
    let of_length = |length: usize| format!("http://h/{}", "a".repeat(length - "http://h/".len()));
    let long = json!({
        "url": of_length(limits::URL_BYTES_MAX + 1),
        "token": "t".repeat(limits::TOKEN_BYTES_MAX + 1),
    });
    let both = [
        r#""url" must be at most 2048 bytes long"#,
        r#""token" must be at most 16384 bytes long"#,
    ];
    assert_eq!(server.refused(&long).await, both);
    let longest = json!({
        "url": of_length(limits::URL_BYTES_MAX),
        "token": "t".repeat(limits::TOKEN_BYTES_MAX),
    });
    assert_eq!(server.register(&longest).await.status, 201);
}

#[tokio::test]
async fn a_list_is_no_registration_and_no_test() {
    let server = Server::new();
    let list = json!([{ "url": "http://h/", "token": "t" }]);
    let expected = [r#""value" must be of type object"#];
    assert_eq!(server.refused(&list).await, expected);
    assert_eq!(server.test_refused(&list).await, expected);
}

#[tokio::test]
async fn malformed_json_is_400_with_its_place_and_without_the_body() {
    let server = Server::new();
    for (body, place) in [
        ("{canary", "line 1, column 2"),
        ("{\"canary\":\n", "line 2, column 0"),
        ("{} canary", "line 1, column 4"),
        ("   ", "line 1, column 3"),
    ] {
        for path in [REGISTER, TEST] {
            let answer = server.post(path, JSON, body).await;
            let errors = refusal(&answer);
            assert!(errors.len() == 1 && errors[0].contains(place), "{errors:?}");
            assert!(!answer.body.contains("canary"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn half_a_surrogate_pair_is_malformed() {
    let server = Server::new();
    let body = r#"{"url":"http://h/","token":"\ud800"}"#;
    let errors = refusal(&server.post(REGISTER, JSON, body).await);
    assert!(errors[0].contains("not valid JSON"), "{errors:?}");
    let pair = body.replace("ud800", "ud83d\\ude00");
    assert_eq!(server.post(REGISTER, JSON, pair).await.status, 201);
}

#[tokio::test]
async fn json_that_is_neither_object_nor_list_is_malformed() {
    let server = Server::new();
    for body in ["1", "null", "true", "\"http://h/\""] {
        let errors = refusal(&server.post(REGISTER, JSON, body).await);
        assert!(
            errors[0].contains("not valid JSON for this route"),
            "{errors:?}"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_not_utf8_are_400() {
    let server = Server::new();
    let json: &[u8] = b"{\"url\":\"http://h/\",\"token\":\"\xFF\"}";
    for (media_type, body) in [(JSON, json), (FORM, b"url=http://h/&token=%FF")] {
        let errors = refusal(&server.post(REGISTER, media_type, body).await);
        assert!(errors[0].contains("not UTF-8"), "{errors:?}");
    }
    assert!(server.backend.registered().is_empty());
}

#[tokio::test]
async fn json_deeper_than_64_is_400_and_64_is_taken() {
    let server = Server::new();
    let nested = |lists: usize| {
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        format!(r#"{{"url":"http://h/","token":"t","x":{open}{close}}}"#)
    };
    assert_eq!(server.post(REGISTER, JSON, nested(63)).await.status, 201);
    let errors = refusal(&server.post(REGISTER, JSON, nested(64)).await);
    assert!(errors[0].contains("nested deeper than 64"), "{errors:?}");
    let bomb = "[".repeat(limits::REQUEST_BODY_BYTES_MAX);
    assert_eq!(server.post(REGISTER, JSON, bomb).await.status, 400);
}

#[tokio::test]
async fn the_last_of_duplicate_keys_wins() {
    let server = Server::new();
    let body = r#"{"url":"ftp://h/","token":"a","url":"http://h/","token":"b"}"#;
    let answer = server.post(REGISTER, JSON, body).await;
    assert_eq!(answer.told(), (201, r#"[{"url":"http://h/","token":"b"}]"#));
}

#[tokio::test]
async fn a_body_over_256_kib_is_413_whether_its_length_was_told_or_not() {
    let server = Server::new();
    let body = vec![b' '; limits::REQUEST_BODY_BYTES_MAX + 1];
    let told = server.post(REGISTER, JSON, body.clone()).await;
    let pieces = body.chunks(4_096).map(Bytes::copy_from_slice);
    let pieces: Vec<_> = pieces.map(Ok::<_, std::io::Error>).collect();
    let streamed = Body::from_stream(stream::iter(pieces));
    let untold = server.post(TEST, JSON, streamed).await;
    for answer in [told, untold] {
        assert_eq!(answer.status, 413);
        assert!(
            answer.errors()[0].contains("262144 bytes"),
            "{}",
            answer.body
        );
    }
    let mut largest = br#"{"url":"http://h/","token":"t"}"#.to_vec();
    largest.resize(limits::REQUEST_BODY_BYTES_MAX, b' ');
    assert_eq!(server.post(REGISTER, JSON, largest).await.status, 201);
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_413_before_any_byte_is_read() {
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post(REGISTER).header("content-length", "262145");
    let request = request.body(never).expect("valid");
    assert_eq!(Server::new().ask(request).await.status, 413);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_408_after_five_seconds() {
    let begun = tokio::time::Instant::now();
    let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"{"))]);
    let body = Body::from_stream(start.chain(stream::pending()));
    let answer = Server::new().post(REGISTER, JSON, body).await;
    assert_eq!(answer.status, 408);
    assert!(
        answer.errors()[0].contains("within 30 s"),
        "{}",
        answer.body
    );
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400_and_registers_nothing() {
    let server = Server::new();
    let good = Bytes::from_static(br#"{"url":"http://h/","token":"t"}"#);
    let pieces = [Ok(good), Err(std::io::Error::other("reset"))];
    let answer = server.post(REGISTER, JSON, Body::from_stream(stream::iter(pieces)));
    assert!(refusal(&answer.await)[0].contains("ended early"));
    assert_eq!(server.backend.commands_begun(), 0);
}

#[tokio::test]
async fn a_compressed_body_is_415() {
    let server = Server::new();
    let request = Request::post(REGISTER)
        .header("content-type", JSON)
        .header("content-encoding", "gzip");
    let answer = server.ask(request.body("x".into()).expect("valid")).await;
    assert_eq!(answer.status, 415);
    assert!(answer.errors()[0].contains("without Content-Encoding"));
}

#[tokio::test]
async fn a_form_is_taken_like_json() {
    let server = Server::new();
    let body = "url=https%3A%2F%2Fa.test%2Fx&token=a+b&extra=1";
    let answer = server.post(REGISTER, FORM, body).await;
    let expected = r#"[{"url":"https://a.test/x","token":"a b","extra":"1"}]"#;
    assert_eq!(answer.told(), (201, expected));
    let answer = server.post(TEST, FORM, "payload=a&payload=b").await;
    assert_eq!(answer.told(), (202, "{}"));
    assert_eq!(server.backend.payloads(), [r#"{"payload":["a","b"]}"#]);
}

#[tokio::test]
async fn a_charset_beside_the_media_type_changes_nothing() {
    let server = Server::new();
    let body = r#"{"url":"http://h/","token":"t"}"#;
    for media_type in [
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
    ] {
        let answer = server.post(REGISTER, media_type, body).await;
        assert!(answer.status.is_success(), "{media_type}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_valid_test_is_202_with_an_empty_object_and_its_exact_bytes_are_the_event() {
    let server = Server::new();
    let body = r#"{ "payload" : ["a"],  "more":1.0, "payload" : ["b"] }"#;
    let answer = server.post(TEST, JSON, body).await;
    assert_eq!(answer.told(), (202, "{}"));
    assert_eq!(
        answer.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(server.backend.payloads(), [body]);
}

#[tokio::test]
async fn a_test_payload_must_be_there_be_a_list_and_hold_a_text() {
    let server = Server::new();
    assert_eq!(
        server.test_refused(&json!({})).await,
        [r#""payload" is required"#]
    );
    for wrong in [json!(null), json!("a"), json!({ "0": "a" }), json!(1)] {
        let errors = server.test_refused(&json!({ "payload": wrong })).await;
        assert_eq!(errors, [r#""payload" must be an array"#]);
    }
    for lacking in [json!([]), json!([{ "valid": "x" }])] {
        let errors = server.test_refused(&json!({ "payload": lacking })).await;
        assert_eq!(
            errors,
            [r#""payload" does not contain 1 required value(s)"#]
        );
    }
    assert_eq!(server.backend.commands_begun(), 0);
}

#[tokio::test]
async fn an_empty_text_is_named_before_the_missing_text() {
    let body = json!({ "payload": ["", { "valid": "x" }] });
    let errors = Server::new().test_refused(&body).await;
    let missing = r#""payload" does not contain 1 required value(s)"#;
    assert_eq!(errors, [wrong_item(0).as_str(), missing]);
}

#[tokio::test]
async fn items_that_fit_nothing_are_named_by_their_place() {
    let server = Server::new();
    for wrong in [
        json!(3),
        json!({ "valid": 1 }),
        json!({ "other": "x" }),
        json!(null),
    ] {
        let errors = server
            .test_refused(&json!({ "payload": ["a", wrong] }))
            .await;
        assert_eq!(errors, [wrong_item(1)], "{wrong}");
    }
}

#[tokio::test]
async fn texts_and_objects_with_a_text_pass_with_their_extra_keys() {
    let server = Server::new();
    for good in [
        json!(["a"]),
        json!(["a", "b"]),
        json!(["a", { "valid": "x", "more": 1 }]),
        json!([{ "valid": "x" }, "a"]),
    ] {
        let answer = server.test(&json!({ "payload": good, "extra": [1] })).await;
        assert_eq!(answer.told(), (202, "{}"), "{good}");
    }
    let last = r#"{"payload":[{"valid":"x"},"a"],"extra":[1]}"#;
    assert_eq!(server.backend.payloads()[3], last);
}

#[tokio::test]
async fn paths_are_taken_in_any_case_and_with_one_trailing_slash() {
    let server = Server::new();
    for path in ["/API/WebHooks", "/api/webhooks/", "/Api/Webhooks/?a=1"] {
        assert_eq!(
            server.method(Method::POST, path).await.status,
            400,
            "{path}"
        );
    }
    assert_eq!(
        server
            .method(Method::POST, "/api/webhooks/TEST/")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn every_other_path_is_404_as_a_problem() {
    let server = Server::new();
    for path in [
        "/",
        "/api",
        "/api/webhooks//",
        "//api/webhooks",
        "/api//webhooks",
        "/x/../api/webhooks",
        "/api/webhooks/..",
        "/api/webhook%73",
        "/api/webhooks/test/x",
    ] {
        let answer = server.method(Method::POST, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let body = answer.json();
        let fields: Vec<_> = body.as_object().expect("an object").keys().collect();
        assert_eq!(fields, ["type", "title", "status", "code", "detail"]);
        assert_eq!(
            (&body["status"], &body["code"]),
            (&json!(404), &json!("not_found"))
        );
    }
}

#[tokio::test]
async fn another_method_on_a_known_path_is_405_and_says_which_there_are() {
    let server = Server::new();
    for (method, path, allowed) in [
        (Method::GET, REGISTER, "POST"),
        (Method::DELETE, TEST, "POST"),
        (Method::OPTIONS, "/API/webhooks/", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::PUT, "/readyz", "GET,HEAD"),
    ] {
        let answer = server.method(method, path).await;
        assert_eq!(answer.status, 405, "{path}");
        assert_eq!(answer.header("allow"), allowed);
        assert_eq!(answer.json()["code"], "method_not_allowed");
    }
}

#[tokio::test]
async fn a_key_is_asked_for_before_the_body_is_read() {
    let server = Server::with_access(Access::key("the-right-key-of-32-characters-or-more"));
    for path in [REGISTER, TEST] {
        for shown in [None, Some("Bearer wrong"), Some("Basic dTpw")] {
            let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
            let mut request = Request::post(path).body(never).expect("valid");
            if let Some(shown) = shown {
                let value = shown.parse().expect("valid");
                request.headers_mut().insert("authorization", value);
            }
            let answer = server.ask(request).await;
            assert_eq!(answer.status, 401);
            assert_eq!(answer.header("www-authenticate"), "Bearer");
            assert_eq!(answer.errors().len(), 1);
        }
    }
    assert_eq!(server.method(Method::GET, "/healthz").await.status, 200);
}

#[tokio::test]
async fn the_right_key_lets_in_and_two_headers_are_400() {
    let key = "the-right-key-of-32-characters-or-more";
    let server = Server::with_access(Access::key(key));
    for (times, expected) in [(1, 201), (2, 400)] {
        let mut request = Request::post(REGISTER).header("content-type", JSON);
        for _ in 0..times {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let body = json!({ "url": "http://h/", "token": "t" }).to_string();
        let answer = server.ask(request.body(body.into()).expect("valid")).await;
        assert_eq!(answer.status, expected, "{}", answer.body);
    }
}

#[tokio::test]
async fn a_refusal_of_the_engine_is_503_and_says_when_to_come_again() {
    for refusal in [
        Refusal::StoreFull,
        Refusal::Overloaded,
        Refusal::NotReady,
        Refusal::ShuttingDown,
        Refusal::Unknown,
    ] {
        let server = Server::new();
        server.backend.refuse(refusal);
        let body = json!({ "url": "http://h/", "token": "t", "payload": ["a"] });
        for answer in [server.register(&body).await, server.test(&body).await] {
            assert_eq!(answer.status, 503);
            let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
            assert!(seconds > 0);
            assert_eq!(answer.errors(), [refusal.to_string()]);
        }
    }
    let starting = Server::new();
    starting.backend.set_readiness(Readiness::Starting);
    let answer = starting.test(&json!({ "payload": ["a"] })).await;
    assert_eq!(answer.status, 503);
}

#[tokio::test]
async fn one_endpoint_too_many_is_400_in_the_original_shape() {
    let server = Server::new();
    server.backend.refuse(Refusal::TooManyEndpoints);
    let errors = server
        .refused(&json!({ "url": "http://h/", "token": "t" }))
        .await;
    assert_eq!(errors, ["the application has its full number of endpoints"]);
}

#[tokio::test]
async fn a_list_of_many_pages_comes_whole_and_in_order() {
    let server = Server::new();
    let mut sent = Vec::new();
    for number in 0..501 {
        let registration = json!({ "url": format!("http://h/{number}"), "token": "t" });
        let answer = server.register(&registration).await;
        sent.push(registration);
        if [1, 249, 250, 251, 500, 501].contains(&sent.len()) {
            assert_eq!(answer.json(), json!(sent), "{}", sent.len());
        }
    }
}

#[tokio::test]
async fn healthz_is_200_whatever_and_readyz_only_while_commands_are_taken() {
    let server = Server::new();
    for (readiness, status, reason) in [
        (Readiness::Starting, 503, json!("starting")),
        (Readiness::Ready, 200, Value::Null),
        (Readiness::Draining, 503, json!("shutting down")),
    ] {
        server.backend.set_readiness(readiness);
        assert_eq!(server.method(Method::GET, "/healthz").await.status, 200);
        let answer = server.method(Method::GET, "/readyz").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["reason"]),
            (status, &reason)
        );
        let head = server.method(Method::HEAD, "/readyz").await;
        assert_eq!(head.told(), (status, ""));
    }
}

/// What is not there yet is not absent: who asks is told to come again.
#[tokio::test]
async fn api_v1_is_503_until_commands_are_taken() {
    let server = Server::new();
    for path in [
        "/api/v1/app/default",
        "/api/v1/app",
        "/api/v1/app/none/msg/",
    ] {
        server.backend.set_readiness(Readiness::Starting);
        let answer = server.method(Method::GET, path).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.json()["code"], "unavailable", "{path}");
        server.backend.set_readiness(Readiness::Ready);
        assert_ne!(server.method(Method::GET, path).await.status, 503, "{path}");
    }
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = include_str!("../../docs/original-server.md");
    let tests = [
        include_str!("original.rs"),
        include_str!("server.rs"),
        include_str!("engine.rs"),
        include_str!("sockets.rs"),
        include_str!("api_v1/original_face.rs"),
    ]
    .concat();
    let names: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| text.matches('_').count() > 1 && !text.contains(['"', ' ', '/']))
        .collect();
    assert!(names.len() > 35, "the page names only {}", names.len());
    for name in names {
        assert!(tests.contains(&format!("fn {name}(")), "no test `{name}`");
    }
}
