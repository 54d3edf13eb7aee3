//! One connection to a server, kept for the next request.

#![expect(
    clippy::disallowed_methods,
    reason = "a client outside the engine: it waits on the real clock"
)]

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig,
    pki_types::{CertificateDer, ServerName},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

use crate::{cli::Failure, config::caller::ServerUrl, limits, transport::tls};

/// A server, and how its certificate is judged.
#[derive(Clone)]
pub(in crate::cli) struct Place {
    url: ServerUrl,
    /// There if TLS is spoken.
    tls: Option<Arc<ClientConfig>>,
}

impl Place {
    /// The server of this URL. These certificates are trusted beside those of the system.
    ///
    /// # Errors
    /// [`Failure::Operation`] if TLS can't be spoken; a bug of ours.
    pub(in crate::cli) fn new(
        url: ServerUrl,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, Failure> {
        let tls = url.is_https.then(|| tls::client_config(authorities));
        let tls = tls.transpose();
        Ok(Self {
            url,
            tls: tls.map_err(|error| Failure::Operation(error.to_string()))?,
        })
    }

    /// Its name or address, with its port unless it is the usual one.
    pub(in crate::cli) fn authority(&self) -> &str {
        &self.url.authority
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// Why there is none, for people.
    pub(in crate::cli) async fn opened(&self) -> Result<SendRequest<Full<Bytes>>, String> {
        let failed = |error: io::Error| error.to_string();
        let address = (self.url.host.as_str(), self.url.port);
        let stream = TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let Some(config) = &self.tls else {
            return spoken(stream).await;
        };
        let name = ServerName::try_from(self.url.host.clone());
        let name = name.map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await;
        spoken(stream.map_err(|error| untrusted(&error))?).await
    }
}

/// Why there is no TLS, for people.
fn untrusted(error: &io::Error) -> String {
    let reason = error
        .get_ref()
        .and_then(|error| error.downcast_ref::<rustls::Error>());
    let hint = match reason {
        Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "; name the file with the certificate of its authority with --ca-file, if you trust it"
        }
        _ => "",
    };
    format!("{error}{hint}")
}

/// A connection that is opened when it is first needed.
pub(super) struct Connection {
    server: Place,
    timeout: Duration,
    open: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// To this server; an answer must have come whole within the time-out.
    pub(super) const fn new(server: Place, timeout: Duration) -> Self {
        Self {
            server,
            timeout,
            open: None,
        }
    }

    /// Sends a request and gives the answer with its whole body.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] where none came whole and in time.
    pub(super) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Failure> {
        let timeout = self.timeout;
        let exchanged = tokio::time::timeout(timeout, self.sent(request)).await;
        let authority = self.server.authority();
        match exchanged {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(Failure::Unreachable(format!(
                "the server at {authority} does not answer: {reason}"
            ))),
            Err(_) => Err(Failure::Unreachable(format!(
                "the server at {authority} did not answer within {timeout:?}; what was asked may have \
                 been done"
            ))),
        }
    }

    async fn sent(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, String> {
        let kept = self.open.take().filter(|sender| !sender.is_closed());
        let mut sender = match kept {
            Some(sender) => sender,
            None => self.server.opened().await?,
        };
        let failed = |error: hyper::Error| error.to_string();
        sender.ready().await.map_err(failed)?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, limits::CLIENT_ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                "its answer is too long: ask for less with --limit".to_owned()
            } else {
                format!("its answer broke off: {error}")
            }
        })?;
        self.open = Some(sender);
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// Begins to speak HTTP/1.1; the connection ends with its sender.
async fn spoken<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, String>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    // How it ends shows at the sender.
    tokio::spawn(async move {
        _ = connection.await;
    });
    Ok(sender)
}
