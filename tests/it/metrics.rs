//! `/metrics`: the page is well formed, its counters tell what was really sent, and whatever comes
//! the number of its series stays.

use std::collections::BTreeSet;

use axum::{Router, body::Body};
use fanfare::server::{
    access::Access,
    catalogue::Catalogue,
    key_ring::KeyRing,
    metrics::Metrics as Counted,
    router::{Face, ServerState, router},
};
use http::Request;

use crate::support::{
    answer::Answer,
    client::{KEY, json, printed, server},
    fake_backend::FakeBackend,
    open_metrics::Metrics,
    process::{Process, Reply},
    receiver::{Act, Receiver, answering, reply},
};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page that a running server shows.
fn page(server: &Process) -> Metrics {
    let reply = server.get("/metrics");
    assert_eq!(reply.status, 200, "{}", reply.body);
    Metrics::read(&reply.body)
}

/// The page as soon as it fits, which it must before long; each look is a request of its own.
fn page_where(server: &Process, fits: impl Fn(&Metrics) -> bool) -> Metrics {
    let mut pages = std::iter::repeat_with(|| page(server)).take(10_000);
    let found = pages.find(|page| fits(page));
    found.unwrap_or_else(|| panic!("{}", server.get("/metrics").body))
}

/// Posts to the API with the admin key.
fn post(server: &Process, path: &str, body: &str) -> Reply {
    let reply = server.post(path, &format!("authorization: Bearer {KEY}\r\n"), body);
    assert!(reply.status < 300, "{path}: {}", reply.body);
    reply
}

fn endpoints(server: &Process, application: &str, count: usize, receiver: &Receiver) {
    for number in 0..count {
        let url = format!("http://{}/{application}-{number}", receiver.address);
        let body = format!("{{\"url\":\"{url}\",\"uid\":\"hook-{number}\"}}");
        post(
            server,
            &format!("/api/v1/app/{application}/endpoint"),
            &body,
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_tell_what_was_sent_and_no_traffic_adds_a_series() {
    let server = server();
    let before = page(&server);
    let well = Receiver::start(vec![answering(1_000, &reply("200 OK", "thanks"))]).await;
    let gone = Receiver::start(vec![answering(1, &reply("410 Gone", ""))]).await;
    for application in ["well", "gone"] {
        printed(
            &server,
            &["app", "create", application, "--uid", application],
        );
    }
    endpoints(&server, "well", 45, &well);
    endpoints(&server, "gone", 5, &gone);
    for number in 0..8 {
        let body = format!("{{\"eventType\":\"kind-{number}.made\",\"payload\":{{}}}}");
        post(&server, "/api/v1/app/well/msg", &body);
    }
    let body = "{\"eventType\":\"kind.made\",\"payload\":{}}";
    post(&server, "/api/v1/app/gone/msg", body);
    json(&server, &["key", "create", "a key", "--scope", "ingest"]);
    assert_eq!(server.get("/nowhere").status, 404);
    assert_eq!(server.get("/api/v1/app").status, 401);

    let ended = "fanfare_attempt_duration_seconds_count";
    let after = page_where(&server, |page| page.count(ended) == 8 * 45 + 5);
    assert_eq!(well.requests().len(), 8 * 45);
    assert_eq!(gone.requests().len(), 5);
    for (series, expected) in [
        ("fanfare_events_accepted_total", 9),
        ("fanfare_attempts_started_total", 365),
        ("fanfare_attempts_ended_total{outcome=\"status_2xx\"}", 360),
        ("fanfare_attempts_ended_total{outcome=\"status_4xx\"}", 5),
        ("fanfare_attempts_ended_total{outcome=\"timeout\"}", 0),
        ("fanfare_deliveries_ended_total{state=\"succeeded\"}", 360),
        ("fanfare_delivery_latency_seconds_count", 360),
        ("fanfare_attempts_in_flight", 0),
        ("fanfare_endpoints{state=\"enabled\"}", 45),
        ("fanfare_endpoints{state=\"disabled\"}", 5),
        ("fanfare_server_refused_total{code=\"not_found\"}", 1),
        ("fanfare_server_refused_total{code=\"unauthorized\"}", 1),
        ("fanfare_server_requests_in_flight", 1),
        ("fanfare_engine_up", 1),
    ] {
        assert_eq!(after.count(series), expected, "{series}");
    }
    assert_eq!(after.text("fanfare_oldest_waiting_delivery_seconds"), "0.0");
    assert_ne!(after.text("fanfare_delivery_latency_seconds_sum"), "0.0");
    assert_eq!(after.series(), before.series());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_shows_as_an_open_circuit() {
    let server = server();
    assert_eq!(page(&server).count("fanfare_circuits_open"), 0);
    let down = Receiver::start(vec![answering(1_000, &reply("500 Broken", ""))]).await;
    printed(&server, &["app", "create", "down", "--uid", "down"]);
    endpoints(&server, "down", 2, &down);
    for _ in 0..10 {
        let body = "{\"eventType\":\"x\",\"payload\":{}}";
        post(&server, "/api/v1/app/down/msg", body);
    }
    page_where(&server, |page| page.count("fanfare_circuits_open") == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_gets_no_more_at_once_shows_as_full() {
    let server = server();
    assert_eq!(page(&server).count("fanfare_hosts_full"), 0);
    let silent = Receiver::start(vec![vec![Act::Hang]; 17]).await;
    printed(&server, &["app", "create", "many", "--uid", "many"]);
    endpoints(&server, "many", 17, &silent);
    let body = "{\"eventType\":\"x\",\"payload\":{}}";
    post(&server, "/api/v1/app/many/msg", body);
    let full = page_where(&server, |page| page.count("fanfare_hosts_full") == 1);
    assert_eq!(full.count("fanfare_attempts_in_flight"), 16);
    // Nothing is known of any of them yet.
    assert_eq!(full.count("fanfare_slow_attempts_in_flight"), 16);
}

#[test]
fn commits_of_the_store_on_the_disk_are_counted_and_timed() {
    let server = Process::start(&["serve"], &[("FANFARE_ADMIN_KEY", KEY)]);
    let path = "/api/v1/app";
    let groups = "fanfare_store_commit_seconds_count";
    let before = page(&server).count(groups);
    post(&server, path, "{\"name\":\"one\"}");
    let after = page(&server);
    assert!(after.count(groups) > before);
    assert!(after.count("fanfare_store_group_batches_total") >= after.count(groups));
    assert!(after.count("fanfare_server_connections") >= 1);
    assert_eq!(
        after.count("fanfare_store_mode{fanfare_store_mode=\"normal\"}"),
        1
    );
}

/// The routes with this access to metrics, over an engine that tells nothing.
fn routes(metrics: Access) -> Router {
    router(ServerState {
        backend: FakeBackend::new(),
        original_access: Access::Open,
        api_access: Access::Open,
        catalogue: Catalogue::default(),
        targets: std::sync::Arc::default(),
        keys: KeyRing::new(fanfare::time::Now::default),
        metrics: Counted::new(metrics),
        face: Face::Whole,
    })
}

async fn asked(routes: &Router, header: (&str, &str)) -> Answer {
    let request = Request::get("/metrics").header(header.0, header.1);
    Answer::of(routes, request.body(Body::empty()).expect("valid")).await
}

#[tokio::test]
async fn metrics_are_for_who_has_the_admin_key_where_they_ask_for_it() {
    let routes = routes(Access::key(KEY));
    let without = asked(&routes, ("accept", "*/*")).await;
    assert_eq!(
        (without.status.as_u16(), without.header("www-authenticate")),
        (401, "Bearer")
    );
    assert!(!without.body.contains("fanfare_"), "{}", without.body);
    let key = format!("Bearer {KEY}");
    let with = asked(&routes, ("authorization", &key)).await;
    assert_eq!(with.status, 200);
    let refused = "fanfare_server_refused_total{code=\"unauthorized\"}";
    assert_eq!(Metrics::read(&with.body).count(refused), 1);
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_told_and_its_series_are_left_out() {
    let answer = asked(&routes(Access::Open), ("accept", "*/*")).await;
    assert_eq!(answer.header("content-type"), OPEN_METRICS);
    assert_eq!(answer.header("cache-control"), "no-store");
    let page = Metrics::read(&answer.body);
    assert_eq!(page.count("fanfare_engine_up"), 0);
    let of_the_engine = |series: &String| series.starts_with("fanfare_attempts");
    assert!(!page.series().iter().any(of_the_engine));
}

#[tokio::test]
async fn the_older_text_says_the_same_in_its_own_form() {
    let routes = routes(Access::Open);
    let newer = asked(&routes, ("accept", "*/*")).await;
    let older = asked(&routes, ("accept", "text/plain")).await;
    assert_eq!(
        older.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let series = |text: &str| -> BTreeSet<String> {
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        let series = samples.filter_map(|line| line.rsplit_once(' '));
        series.map(|(series, _)| series.to_owned()).collect()
    };
    assert_eq!(series(&older.body), series(&newer.body));
    assert!(!older.body.contains("# EOF") && !older.body.contains("# UNIT"));
    assert!(
        older
            .body
            .contains("# TYPE fanfare_server_answers_total counter\n")
    );
}

#[test]
fn the_documentation_lists_every_family_and_no_other() {
    let page = include_str!("../../docs/operations.md");
    let server = server();
    let text = server.get("/metrics").body;
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let listed: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `fanfare_")?.split(['`', '{']).next())
        .collect();
    let listed: BTreeSet<String> = listed
        .iter()
        .map(|name| format!("fanfare_{name}"))
        .collect();
    let told: BTreeSet<String> = told.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed, told);
}
