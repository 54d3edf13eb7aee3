//! What is held of requests is told.

use fanfare::server::connections::ServerOptions;

use crate::support::{open_metrics::Metrics, raw_server::Server};

/// The page of metrics over a connection of its own.
async fn page(server: &Server) -> Metrics {
    let mut client = server.connect().await;
    client
        .send("GET /metrics HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
        .await;
    let answer = client.rest().await;
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    Metrics::read(body)
}

/// Looks until a series has this value.
async fn until(server: &Server, series: &str, expected: u64) {
    let mut seen = 0;
    for _ in 0..1_000 {
        seen = page(server).await.count(series);
        if seen == expected {
            return;
        }
    }
    panic!("{series} is {seen}, not {expected}");
}

/// Gauges tell how many bytes of bodies are held, and nothing once they were answered.
#[tokio::test]
async fn metrics_tell_what_is_held_of_bodies() {
    let server = Server::start(ServerOptions::default()).await;
    let series = "fanfare_server_request_bytes";
    assert_eq!(page(&server).await.count(series), 0);
    let mut client = server.connect().await;
    let body = " ".repeat(10_000);
    client
        .send(format!(
            "POST /api/webhooks HTTP/1.1\r\nhost: h\r\ncontent-length: 20000\r\n\r\n{body}"
        ))
        .await;
    until(&server, series, 10_000).await;
    assert_eq!(page(&server).await.count("fanfare_server_answer_bytes"), 0);
    drop(client);
    until(&server, series, 0).await;
}
