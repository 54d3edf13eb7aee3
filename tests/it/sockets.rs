//! The drive loop over the real transport and real sockets, in real time, with policy time in the
//! test's hand: an hour of waiting for a retry passes when the test says so.

use std::time::Duration;

use bytes::Bytes;
use fanfare::{
    domain::{
        command::{Answer, Command, NewEndpoint},
        endpoint::BodyFormat,
        endpoint_url::EndpointUrl,
        filter::Filter,
        secret::Secret,
    },
    engine::{Stats, options::Options},
    policy::{address::AddressPolicy, retry::RetryPolicy},
    runtime::{clock::ManualClock, handle::Handle},
    time::{Span, Timestamp},
    transport::{
        hyper_transport::{HyperTransport, TransportOptions},
        resolver::SystemResolver,
    },
};
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

use crate::support::{rig::new_event, running};

/// A running loop over real sockets.
struct Running {
    handle: Handle,
    clock: ManualClock,
}

async fn start(options: Options) -> Running {
    let clock = ManualClock::starting_at(Timestamp::from_millis(1_764_000_000_000));
    let allowed = vec!["127.0.0.0/8".parse().expect("valid")];
    let transport = HyperTransport::new(
        TransportOptions {
            address_policy: AddressPolicy {
                allowed,
                ..AddressPolicy::default()
            },
            ..TransportOptions::default()
        },
        SystemResolver,
    )
    .expect("a transport");
    let (handle, _) = running::start(options, clock.clone(), transport, None).await;
    Running { handle, clock }
}

impl Running {
    async fn endpoint(&self, url: &str, body_format: BodyFormat) {
        let endpoint = NewEndpoint {
            uid: None,
            filter: Filter::default(),
            headers: Vec::new(),
            is_enabled: true,
            throttle_rate: None,
            ordering: fanfare::domain::ordering::Ordering::default(),
            application: self.handle.default_application().expect("ready"),
            url: EndpointUrl::parse(url).expect("valid"),
            secret: Secret::new(vec![7; 32]).expect("valid"),
            body_format,
            original_url_sha256: None,
            registration: Bytes::new(),
            details: Bytes::new(),
        };
        let reply = self
            .handle
            .command(Command::CreateEndpoint(Box::new(endpoint)))
            .await;
        assert!(matches!(reply, Ok(Answer::Endpoint { .. })), "{reply:?}");
    }

    async fn event(&self) {
        let application = self.handle.default_application().expect("ready");
        self.handle
            .command(new_event(application))
            .await
            .expect("accepted");
    }

    /// Waits in real time until the engine's counters are as they should be.
    async fn until(&self, reached: impl Fn(Stats) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !reached(self.handle.stats()) {
                tokio::task::yield_now().await;
            }
        });
        assert!(
            waited.await.is_ok(),
            "never reached: {:?}",
            self.handle.stats()
        );
    }
}

async fn local<F: Future>(test: F) -> F::Output {
    tokio::task::LocalSet::new().run_until(test).await
}

fn header<'request>(request: &'request Request, name: &str) -> &'request str {
    request
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .expect("the header is there")
}

#[tokio::test]
async fn a_retry_that_is_due_in_an_hour_comes_when_the_clock_says_so() {
    local(async {
        let receiver = MockServer::start().await;
        let fails = ResponseTemplate::new(503);
        Mock::given(method("POST"))
            .respond_with(fails)
            .up_to_n_times(1)
            .mount(&receiver)
            .await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(204))
            .mount(&receiver)
            .await;
        let waits = RetryPolicy {
            waits: vec![Span::from_seconds(3_600)],
            ..RetryPolicy::default()
        };
        let running = start(Options {
            retry: waits,
            ..Options::default()
        })
        .await;
        running
            .endpoint(&format!("{}/hook", receiver.uri()), BodyFormat::Payload)
            .await;
        running.event().await;
        running.until(|stats| stats.retried == 1).await;
        running.clock.advance(Span::from_seconds(2_800));
        tokio::task::yield_now().await;
        assert_eq!(
            running.handle.stats().attempts,
            1,
            "not before four fifths of the wait"
        );
        running.clock.advance(Span::from_seconds(1_600));
        running.until(|stats| stats.succeeded == 1).await;
        let requests = receiver.received_requests().await.expect("recorded");
        assert_eq!(requests.len(), 2);
        assert_eq!(
            header(&requests[0], "webhook-id"),
            header(&requests[1], "webhook-id")
        );
        let stamp = |request: &Request| -> i64 {
            header(request, "webhook-timestamp")
                .parse()
                .expect("seconds")
        };
        assert_eq!(stamp(&requests[1]) - stamp(&requests[0]), 4_400);
    })
    .await;
}

#[tokio::test]
async fn the_original_envelope_and_the_exact_payload_arrive_at_each_endpoint() {
    local(async {
        let receiver = MockServer::start().await;
        Mock::given(path("/plain"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&receiver)
            .await;
        Mock::given(path("/original"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&receiver)
            .await;
        let running = start(Options::default()).await;
        running
            .endpoint(&format!("{}/plain", receiver.uri()), BodyFormat::Payload)
            .await;
        let token_json = Bytes::from_static(b"\"t\\\"1\"");
        let original = BodyFormat::Original { token_json };
        running
            .endpoint(&format!("{}/original", receiver.uri()), original)
            .await;
        running.event().await;
        running.until(|stats| stats.succeeded == 2).await;
        let requests = receiver.received_requests().await.expect("recorded");
        for request in requests {
            let expected: &[u8] = match request.url.path() {
                "/plain" => b"[1]",
                _ => br#"{"token":"t\"1","payload":[1]}"#,
            };
            assert_eq!(request.body, expected);
            assert_eq!(header(&request, "content-type"), "application/json");
            assert!(header(&request, "user-agent").starts_with("Fanfare/"));
            assert!(header(&request, "webhook-id").starts_with("msg_"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_receiver_that_refuses_and_one_that_answers_get_what_they_should() {
    local(async {
        let receiver = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&receiver)
            .await;
        // A port that was free a moment ago and has no listener.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let refusing = format!("http://{}/", free.local_addr().expect("bound"));
        drop(free);
        let running = start(Options::default()).await;
        running.endpoint(&refusing, BodyFormat::Payload).await;
        running.endpoint(&receiver.uri(), BodyFormat::Payload).await;
        for _ in 0..5 {
            running.event().await;
        }
        running
            .until(|stats| stats.succeeded == 5 && stats.retried == 5)
            .await;
        running.clock.advance(Span::from_seconds(7));
        running
            .until(|stats| stats.attempts == 15 && stats.retried == 10)
            .await;
        assert_eq!(
            receiver.received_requests().await.expect("recorded").len(),
            5
        );
    })
    .await;
}
