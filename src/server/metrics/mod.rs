//! `/metrics`: what an operator's scraper reads.
//!
//! The engine is asked once per page, the store's thread and the server count as they go; nothing of
//! it costs a lock per delivery. `series` says what is told, `text` how it is written.

mod answers;
mod open_connections;
mod series;
mod text;

use axum::response::Response;
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE},
};

pub(super) use self::answers::Answers;
pub use self::open_connections::OpenConnections;
use self::text::{Form, Page};
use super::{access::Access, backend::Backend, held::Held};
use crate::runtime::store_meter::StoreMeter;

/// What is counted outside the engine, and who may read it; cheap to clone, and clones count
/// together.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(super) access: Access,
    pub(super) answers: Answers,
    store: StoreMeter,
    connections: OpenConnections,
    held: Held,
}

impl Metrics {
    /// Counts from now on; `access` is asked of whoever reads.
    #[must_use]
    pub fn new(access: Access) -> Self {
        Self {
            access,
            answers: Answers::default(),
            store: StoreMeter::default(),
            connections: OpenConnections::default(),
            held: Held::default(),
        }
    }

    /// The commits of a store are told, too.
    #[must_use]
    pub fn with_store(self, store: StoreMeter) -> Self {
        Self { store, ..self }
    }

    /// The connections that a server counts on this are told, too.
    #[must_use]
    pub fn with_connections(self, connections: OpenConnections) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// What a server with clones of this holds is told, too.
    #[must_use]
    pub fn with_held(self, held: Held) -> Self {
        Self { held, ..self }
    }

    /// The same counts for who shows this.
    #[must_use]
    pub fn read_by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// `GET /metrics` of who was let in: 200 with all series; those of the engine are left out where it does not answer.
    pub(super) async fn show<B: Backend>(&self, backend: &B, headers: &HeaderMap) -> Response {
        let figures = backend.figures().await;
        let form = asked_for(headers);
        let mut page = Page::new(form);
        series::write(&mut page, self, figures.as_deref());
        let mut response = Response::new(page.end().into());
        let headers = response.headers_mut();
        let content_type = HeaderValue::from_static(form.content_type());
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// The form that a scraper reads: the older one only where it takes that and not the newer.
fn asked_for(headers: &HeaderMap) -> Form {
    let fields = headers.get_all(ACCEPT).iter();
    let fields = fields.filter_map(|field| field.to_str().ok());
    let (mut takes_newer, mut takes_older) = (false, false);
    for range in fields.flat_map(|field| field.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        if parts.any(is_refusal) {
            continue;
        }
        match media_type.as_str() {
            "application/openmetrics-text" | "application/*" | "*/*" => takes_newer = true,
            "text/plain" | "text/*" => takes_older = true,
            _ => {}
        }
    }
    if takes_older && !takes_newer {
        Form::Prometheus
    } else {
        Form::OpenMetrics
    }
}

/// Whether a parameter says that its media type is not wanted: a weight of 0 (RFC 9110, 12.4.2).
fn is_refusal(parameter: &str) -> bool {
    let weight = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    weight.is_some_and(|weight| {
        weight.starts_with('0') && weight.bytes().all(|sign| matches!(sign, b'0' | b'.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_is_for_who_takes_only_that() {
        let newest = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;\
                      q=0.5,*/*;q=0.1";
        for (accept, form) in [
            (None, Form::OpenMetrics),
            (Some("*/*"), Form::OpenMetrics),
            (Some(newest), Form::OpenMetrics),
            (Some("text/plain"), Form::Prometheus),
            (Some("Text/Plain;version=0.0.4"), Form::Prometheus),
            (Some("text/*;q=0.5, application/json"), Form::Prometheus),
            (
                Some("application/openmetrics-text;q=0, text/plain"),
                Form::Prometheus,
            ),
            (
                Some("application/openmetrics-text;q=0.001, text/plain"),
                Form::OpenMetrics,
            ),
            (Some("text/html"), Form::OpenMetrics),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, HeaderValue::from_static(accept));
            }
            assert_eq!(asked_for(&headers), form, "{accept:?}");
        }
    }
}
