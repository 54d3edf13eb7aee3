//! One delivery on its way: judged, passed on, and answered with what the application says.

#![expect(
    clippy::disallowed_methods,
    reason = "outside the engine: it reads the real clock and waits on it"
)]

use core::{convert::Infallible, fmt, str::FromStr, time::Duration};
use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tokio::sync::mpsc;
use url::Url;

use super::heard::Heard;
use crate::{
    cli::{client::Place, intake::whole},
    config::caller::ServerUrl,
    signing::{VerificationKey, check_timestamp, verify},
    time::{Span, Timestamp},
};

/// How far from now a delivery may have been signed, as receivers judge it.
const TOLERANCE: Span = Span::from_millis(5 * 60 * 1_000);

/// Header fields of one connection, which say nothing on the next one (RFC 9110, 7.6.1).
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Where deliveries go on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardUrl {
    pub(super) place: ServerUrl,
    /// Path and query, as in a request line.
    pub(super) path: String,
}

impl FromStr for ForwardUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let example = "it must be a URL such as http://127.0.0.1:3000/hook";
        let url = Url::parse(text).map_err(|_| example)?;
        let place = ServerUrl::of(&url)?;
        let mut path = url.path().to_owned();
        if let Some(query) = url.query() {
            path = format!("{path}?{query}");
        }
        Ok(Self { place, path })
    }
}

/// Without path and query, which may hold what is nobody's business.
impl fmt::Display for ForwardUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.place.is_https { "https" } else { "http" };
        write!(out, "{scheme}://{}", self.place.authority)
    }
}

/// What is answered: what the application says, as it says it, or a line of our own.
type Answer = Response<Either<Incoming, Full<Bytes>>>;

/// Passes deliveries on.
pub(super) struct Forwarder {
    /// Where to.
    pub(super) place: Place,
    /// Path and query there, as in a request line.
    pub(super) path: String,
    /// What verifies the deliveries of our endpoint.
    pub(super) key: VerificationKey,
    /// How long the application may take until its answer begins.
    pub(super) timeout: Duration,
    /// Who is told of each delivery.
    pub(super) heard: mpsc::Sender<Heard>,
}

/// Why there is no answer of the application's.
struct Unanswered {
    status: StatusCode,
    reason: String,
}

impl Forwarder {
    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Answer, Infallible> {
        let time = jiff::Timestamp::now();
        let (head, body) = request.into_parts();
        let body = whole(body).await.map_err(|fault| Unanswered {
            status: fault.status(),
            reason: fault.reason().to_owned(),
        });
        let verified = match &body {
            Ok(body) => self.verified(&head.headers, body, time),
            Err(_) => Err("the body is not whole".to_owned()),
        };
        let message_id = text(&head.headers, "webhook-id").unwrap_or_default();
        let message_id = message_id.to_owned();
        let started = Instant::now();
        let passed = match body {
            Ok(body) => self.passed(head, body).await,
            Err(unanswered) => Err(unanswered),
        };
        let heard = Heard {
            time,
            message_id,
            verified,
            status: passed.as_ref().ok().map(|answer| answer.status().as_u16()),
            fault: passed.as_ref().err().map(|fault| fault.reason.clone()),
            duration: started.elapsed(),
        };
        // Once the command is about to end nobody listens any more.
        _ = self.heard.send(heard).await;
        Ok(match passed {
            Ok(answer) => answer.map(Either::Left),
            Err(Unanswered { status, reason }) => {
                let line = Full::from(format!("fanfare listen: {reason}\n"));
                let mut answer = Response::new(Either::Right(line));
                *answer.status_mut() = status;
                answer
            }
        })
    }

    /// Whether our endpoint's deliveries are signed like this one; else why not.
    fn verified(
        &self,
        headers: &HeaderMap,
        body: &Bytes,
        time: jiff::Timestamp,
    ) -> Result<(), String> {
        let field = |name| text(headers, name).ok_or_else(|| format!("there is no {name}"));
        let id = field("webhook-id")?;
        let signature = field("webhook-signature")?;
        let seconds = field("webhook-timestamp")?;
        let seconds: i64 = seconds
            .parse()
            .map_err(|_| "webhook-timestamp is no number".to_owned())?;
        let keys = std::slice::from_ref(&self.key);
        let wall = Timestamp::from_millis(time.as_millisecond());
        verify(keys, id, seconds, body, signature)
            .and_then(|()| check_timestamp(seconds, TOLERANCE, wall))
            .map_err(|error| error.to_string())
    }

    /// Sends a delivery to the application; its answer's head has come, its body may still come.
    async fn passed(
        &self,
        head: request::Parts,
        body: Bytes,
    ) -> Result<Response<Incoming>, Unanswered> {
        let authority = self.place.authority();
        let answered = tokio::time::timeout(self.timeout, self.sent(head, body)).await;
        match answered {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(Unanswered {
                status: StatusCode::BAD_GATEWAY,
                reason: format!("the application at {authority} does not answer: {reason}"),
            }),
            Err(_) => Err(Unanswered {
                status: StatusCode::GATEWAY_TIMEOUT,
                reason: format!(
                    "the application at {authority} did not answer within {:?}",
                    self.timeout
                ),
            }),
        }
    }

    async fn sent(&self, head: request::Parts, body: Bytes) -> Result<Response<Incoming>, String> {
        let mut request = Request::builder()
            .method(head.method)
            .uri(&self.path)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let host =
            HeaderValue::try_from(self.place.authority()).map_err(|error| error.to_string())?;
        *request.headers_mut() = of_message(head.headers);
        request.headers_mut().insert(header::HOST, host);
        let mut sender = self.place.opened().await?;
        let sent = sender.send_request(request).await;
        let mut answer = sent.map_err(|error| error.to_string())?;
        let headers = core::mem::take(answer.headers_mut());
        *answer.headers_mut() = of_message(headers);
        Ok(answer)
    }
}

/// The header fields without those that are about the connection.
fn of_message(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_owned())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in &OF_CONNECTION {
        headers.remove(name);
    }
    headers
}

/// The value of a field, if it is text and there is one.
fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_keeps_its_path_and_query_and_shows_neither() {
        let url: ForwardUrl = "http://localhost:3000/hook?token=t".parse().expect("valid");
        assert_eq!(url.path, "/hook?token=t");
        assert_eq!(url.to_string(), "http://localhost:3000");
        let url: ForwardUrl = "https://[::1]".parse().expect("valid");
        assert_eq!((url.path.as_str(), url.place.port), ("/", 443));
        for text in ["localhost:3000", "3000", "ftp://h/", "http://u:p@h/"] {
            assert!(text.parse::<ForwardUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn fields_of_the_connection_do_not_go_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("webhook-id", "msg_1"),
            ("x-tenant", "7"),
            ("x-tenant", "8"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        let left = of_message(headers);
        let names: Vec<&str> = left.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["webhook-id", "x-tenant", "x-tenant"]);
    }
}
