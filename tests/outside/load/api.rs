//! The API as a client sees it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// The admin key of every server here.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
/// Far beyond what an answer takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A pooled client.
#[derive(Clone, Debug)]
pub(crate) struct Api(Client<HttpConnector, Full<Bytes>>);

impl Api {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request; `None` if no whole answer came.
    async fn send(
        &self,
        method: Method,
        address: SocketAddr,
        path: &str,
        (body, key): (Bytes, Option<&str>),
    ) -> Option<Answer> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{address}/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {KEY}"))
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let exchange = async {
            let (head, body) = self.0.request(request).await.ok()?.into_parts();
            Some(Answer {
                status: head.status.as_u16(),
                headers: head.headers,
                body: body.collect().await.ok()?.to_bytes(),
            })
        };
        tokio::time::timeout(PATIENCE, exchange).await.ok()?
    }

    pub(crate) async fn get(&self, address: SocketAddr, path: &str) -> Option<Answer> {
        self.send(Method::GET, address, path, (Bytes::new(), None))
            .await
    }

    pub(crate) async fn post(
        &self,
        address: SocketAddr,
        path: &str,
        body: String,
    ) -> Option<Answer> {
        self.send(Method::POST, address, path, (body.into(), None))
            .await
    }

    /// Posts under an idempotency key.
    pub(crate) async fn post_once(
        &self,
        address: SocketAddr,
        path: &str,
        key: &str,
        body: String,
    ) -> Option<Answer> {
        self.send(Method::POST, address, path, (body.into(), Some(key)))
            .await
    }
}
