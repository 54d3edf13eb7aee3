//! A receiver on the loopback address that misbehaves, over plain text and over TLS, with what an attempt
//! to it must meet.

use std::{net::SocketAddr, sync::Arc};

use fanfare::{
    cli::{Ending, Misbehaviour, misbehave},
    domain::outcome::OutcomeKind,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// What an attempt meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meets {
    /// This status.
    Status(u16),
    /// No status, but this.
    Failure(OutcomeKind),
    /// This status if it was read before the reset threw away what was on its way, else the reset.
    StatusOrReset(u16),
    /// The deadline.
    Timeout,
}

/// What is to be met.
pub(crate) const fn meets(how: Misbehaviour) -> Meets {
    use Misbehaviour as M;
    match how {
        M::EndlessBody
        | M::LargeBody
        | M::DripBody
        | M::Zip
        | M::ShortBody
        | M::LongBody
        | M::LengthAndChunks
        | M::BadChunk
        | M::EndlessExtension
        | M::EndlessTrailers
        | M::HostileText
        | M::OddFields
        | M::CloseIdle
        | M::UnaskedAnswer
        | M::Echo => Meets::Status(200),
        M::ResetInBody => Meets::StatusOrReset(200),
        M::Status999 => Meets::Status(999),
        M::Switch => Meets::Status(101),
        M::EmptyWithBody => Meets::Status(204),
        M::UnmodifiedWithBody => Meets::Status(304),
        M::EarlyAnswer => Meets::Status(413),
        M::Redirect => Meets::Status(307),
        M::Choice => Meets::Status(300),
        M::Gone => Meets::Status(410),
        M::RetryNonsense => Meets::Status(503),
        M::Silent | M::DripHead | M::InterimSilent => Meets::Timeout,
        M::ManyFields | M::HugeField | M::HugeReason => Meets::Failure(OutcomeKind::HeadTooLarge),
        M::StatusNegative
        | M::StatusLong
        | M::StatusGlued
        | M::OtherProtocol
        | M::NoStatus
        | M::InterimFlood
        | M::HugeLength
        | M::TwoLengths => Meets::Failure(OutcomeKind::ProtocolError),
        M::Close => Meets::Failure(OutcomeKind::Closed),
        M::Reset | M::ResetInHead => Meets::Failure(OutcomeKind::Reset),
    }
}

/// A receiver that misbehaves on each connection.
pub(crate) struct Hostile {
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Hostile {
    /// Listens, behind TLS if there is an acceptor.
    pub(crate) async fn start(how: Misbehaviour, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, how, tls.clone()));
            }
        });
        Self { address }
    }
}

async fn serve(mut stream: TcpStream, how: Misbehaviour, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else {
        let ending = misbehave(&mut stream, how, |_| ()).await;
        if ending == Ending::Reset {
            stream.set_zero_linger().expect("a socket takes it");
        } else {
            let _ = stream.shutdown().await;
        }
        return;
    };
    let Ok(mut stream) = tls.accept(stream).await else {
        return;
    };
    if misbehave(&mut stream, how, |_| ()).await == Ending::Reset {
        let (socket, _) = stream.into_inner();
        socket.set_zero_linger().expect("a socket takes it");
    } else {
        let _ = stream.shutdown().await;
    }
}

/// Each of them, shared by tests.
pub(crate) fn all() -> Arc<[Misbehaviour]> {
    clap::ValueEnum::value_variants().into()
}
