//! Everything a request can be refused for: the one place that knows statuses, codes and shapes.
//!
//! Most routes answer `application/problem+json` (RFC 9457); the original routes keep the shape of
//! the original server, `{"error": [ … ]}`. Which of the two is chosen by the route, not by the
//! failure. Where single fields are at fault (422) the answer is `application/json` and `detail` a
//! list of them, which is what client libraries read. `docs/errors.md` lists every [`Code`].

use axum::response::{IntoResponse, Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use serde_json::json;

use crate::{domain::command::Refusal, limits, store::ReadError};

/// The public name of a failure; never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The body could be read but not understood, or it breaks a rule of the route.
    InvalidBody,
    /// A header field makes no sense.
    InvalidHeader,
    /// The iterator of a list is none that this list gave.
    InvalidCursor,
    /// A key stands in the URL.
    CredentialsInUrl,
    /// The payload that was to be sent is no longer kept.
    MissingPayload,
    /// As many endpoints are registered as can be.
    TooManyEndpoints,
    /// There are as many objects of a kind as there may be.
    LimitReached,
    /// No key, or a wrong one.
    Unauthorized,
    /// The key is good, but not for this.
    Forbidden,
    /// No route has this path.
    NotFound,
    /// The path is known, this method on it isn't.
    MethodNotAllowed,
    /// The name that was chosen for a new object is taken.
    Conflict,
    /// The object is another revision than `If-Match` asks for.
    PreconditionFailed,
    /// The idempotency key was used for another body.
    IdempotencyKeyReused,
    /// The body did not come in time.
    RequestTimeout,
    /// The body is larger than allowed.
    PayloadTooLarge,
    /// The path and query are longer than allowed.
    TargetTooLong,
    /// The body is compressed.
    UnsupportedEncoding,
    /// The body is not declared to be JSON.
    UnsupportedMediaType,
    /// The client expects what there is not.
    ExpectationFailed,
    /// Fields of the body or of the query break a rule; each is named.
    ValidationError,
    /// More header fields than allowed.
    HeadTooLarge,
    /// The key is used more often than it may be; see `Retry-After`.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// Not now; see `Retry-After`.
    Unavailable,
    /// The disk has no room for what is new; see `Retry-After`.
    DiskFull,
    /// The request is a delivery that leads back here.
    LoopDetected,
}

impl Code {
    /// All of them, in the order of their statuses.
    pub const ALL: [Self; 27] = [
        Self::InvalidBody,
        Self::InvalidHeader,
        Self::InvalidCursor,
        Self::CredentialsInUrl,
        Self::MissingPayload,
        Self::TooManyEndpoints,
        Self::LimitReached,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::PayloadTooLarge,
        Self::TargetTooLong,
        Self::UnsupportedEncoding,
        Self::UnsupportedMediaType,
        Self::ExpectationFailed,
        Self::ValidationError,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::HeadTooLarge,
        Self::Internal,
        Self::Unavailable,
        Self::DiskFull,
        Self::LoopDetected,
    ];

    /// As it stands in an answer.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InvalidBody => "invalid_body",
            Self::InvalidHeader => "invalid_header",
            Self::InvalidCursor => "invalid_cursor",
            Self::CredentialsInUrl => "credentials_in_url",
            Self::MissingPayload => "missing_payload",
            Self::TooManyEndpoints => "too_many_endpoints",
            Self::LimitReached => "limit_reached",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::PreconditionFailed => "precondition_failed",
            Self::RequestTimeout => "request_timeout",
            Self::PayloadTooLarge => "payload_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::ExpectationFailed => "expectation_failed",
            Self::ValidationError => "validation_error",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::HeadTooLarge => "head_too_large",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DiskFull => "disk_full",
            Self::LoopDetected => "loop_detected",
        }
    }

    /// The status it goes with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidBody
            | Self::InvalidHeader
            | Self::InvalidCursor
            | Self::CredentialsInUrl
            | Self::MissingPayload
            | Self::TooManyEndpoints
            | Self::LimitReached => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedEncoding | Self::UnsupportedMediaType => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::ExpectationFailed => StatusCode::EXPECTATION_FAILED,
            Self::ValidationError | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Self::LoopDetected => StatusCode::LOOP_DETECTED,
        }
    }
}

/// What kind of rule a field breaks; its text never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// It must be there.
    Missing,
    /// It is of another JSON type than it must be.
    Type,
    /// Its value is not allowed.
    Value,
    /// There is no such field.
    Unknown,
    /// It is one more than there may be.
    Quota,
    /// It is a URL to where nothing is sent.
    UrlNotAllowed,
}

impl FaultKind {
    /// As it stands in an answer.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Type => "type_error",
            Self::Value => "value_error",
            Self::Unknown => "unknown_field",
            Self::Quota => "quota",
            Self::UrlNotAllowed => "url_not_allowed",
        }
    }
}

/// One field that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: `body` or `query`, then the names that lead to it.
    pub loc: Vec<String>,
    /// What is wrong and what to do, for people.
    pub message: String,
    /// What kind of rule it breaks.
    pub kind: FaultKind,
}

/// A refusal on its way to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    /// What is wrong and what to do, for people; at least one. Never parts of the request's body.
    messages: Vec<String>,
    /// The fields at fault, with the codes of status 422 only.
    faults: Vec<Fault>,
    retry_after_s: Option<u64>,
}

impl Problem {
    /// With one message.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self::with_messages(code, vec![message.into()])
    }

    /// With all that is wrong at once.
    #[must_use]
    pub fn with_messages(code: Code, messages: Vec<String>) -> Self {
        let retry_after_s = matches!(code, Code::Unavailable).then_some(limits::RETRY_SOON_S);
        Self {
            code,
            messages,
            faults: Vec::new(),
            retry_after_s,
        }
    }

    /// With the fields that are at fault; at least one.
    #[must_use]
    pub fn with_faults(faults: Vec<Fault>) -> Self {
        let messages = faults.iter().map(|fault| fault.message.clone()).collect();
        Self {
            faults,
            ..Self::with_messages(Code::ValidationError, messages)
        }
    }

    /// With how long to wait before asking again, in seconds.
    #[must_use]
    pub(super) const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// What it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The faults as a list, cut where it gets long.
    fn fault_list(&self) -> serde_json::Value {
        let most = limits::FAULTS_SHOWN_MAX;
        let shown = self.faults.iter().take(most).map(
            |fault| json!({ "loc": fault.loc, "msg": fault.message, "type": fault.kind.text() }),
        );
        let left_out = self.faults.len().saturating_sub(most);
        let rest = (left_out > 0).then(|| {
            let message = format!("{left_out} more fields are at fault");
            json!({ "loc": [], "msg": message, "type": FaultKind::Value.text() })
        });
        shown.chain(rest).collect()
    }

    /// In the shape of the original server.
    #[must_use]
    pub fn into_original_response(self) -> Response {
        let body = json!({ "error": self.messages });
        self.answer(&body, "application/json; charset=utf-8")
    }

    fn answer(self, body: &serde_json::Value, content_type: &'static str) -> Response {
        let mut response = Response::new(body.to_string().into());
        *response.status_mut() = self.code.status();
        // For whoever counts refusals.
        response.extensions_mut().insert(self.code);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if self.code == Code::Unauthorized {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// As `application/problem+json`; where fields are at fault as `application/json` with them.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let (detail, content_type) = if status == StatusCode::UNPROCESSABLE_ENTITY {
            (self.fault_list(), "application/json")
        } else {
            let detail = self.messages.join("; ").into();
            (detail, "application/problem+json")
        };
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": self.code.text(),
            "detail": detail,
        });
        self.answer(&body, content_type)
    }
}

/// The engine's refusals, for callers.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::TooManyEndpoints => Code::TooManyEndpoints,
            Refusal::TooManyRecords | Refusal::TooManyTasks | Refusal::TooManyDelayed => {
                Code::LimitReached
            }
            Refusal::Stale
            | Refusal::TooManySecrets
            | Refusal::EndpointDisabled
            | Refusal::NotOpen => Code::Conflict,
            Refusal::PayloadGone => Code::MissingPayload,
            // It was there when the route looked, and was deleted since.
            Refusal::UnknownApplication | Refusal::UnknownEndpoint => Code::NotFound,
            Refusal::DiskFull => Code::DiskFull,
            Refusal::KeyReused => Code::IdempotencyKeyReused,
            Refusal::StoreFull
            | Refusal::Overloaded
            | Refusal::Unknown
            | Refusal::NotReady
            | Refusal::ShuttingDown => Code::Unavailable,
        };
        let mut problem = Self::new(code, refusal.to_string());
        if code == Code::IdempotencyKeyReused {
            problem.faults.push(Fault {
                loc: vec!["header".to_owned(), "idempotency-key".to_owned()],
                message: refusal.to_string(),
                kind: FaultKind::Value,
            });
        }
        if matches!(
            refusal,
            Refusal::StoreFull | Refusal::DiskFull | Refusal::ShuttingDown
        ) {
            problem.retry_after_s = Some(limits::RETRY_LATER_S);
        }
        problem
    }
}

/// A read that failed: it may pass, and the operator finds the reason in the log.
impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a list could not be read");
        Self::new(
            Code::Unavailable,
            "the store can't be read: try again later",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_code_with_its_status() {
        let page = include_str!("../../docs/errors.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.text(), code.status().as_u16());
            assert!(page.contains(&row), "docs/errors.md lacks {row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(rows, Code::ALL.len(), "docs/errors.md lists something else");
    }

    #[test]
    fn what_may_pass_later_says_when_to_come_again() {
        for refusal in [
            Refusal::StoreFull,
            Refusal::Overloaded,
            Refusal::Unknown,
            Refusal::NotReady,
            Refusal::ShuttingDown,
        ] {
            let response = Problem::from(refusal).into_original_response();
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert!(response.headers().contains_key(RETRY_AFTER), "{refusal:?}");
        }
        let response = Problem::from(Refusal::TooManyEndpoints).into_response();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(!response.headers().contains_key(RETRY_AFTER));
    }
}
