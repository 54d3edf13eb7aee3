//! The server over real sockets on loopback, with a backend that answers as it was told, and clients
//! that write and read bytes as they are.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use fanfare::server::{
    access::Access,
    catalogue::Catalogue,
    connections::{ServerOptions, serve},
    key_ring::KeyRing,
    metrics::Metrics,
    router::{Face, ServerState, router},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

use super::fake_backend::FakeBackend;

pub(crate) const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n";

/// A running server.
pub(crate) struct Server {
    /// What answers for the engine.
    pub(crate) backend: FakeBackend,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Asks it to end.
    pub(crate) shutdown: Arc<Notify>,
    /// It, until it has ended.
    pub(crate) task: JoinHandle<()>,
}

impl Server {
    /// One that lets everybody in.
    pub(crate) async fn start(options: ServerOptions) -> Self {
        Self::start_with(options, Access::Open).await
    }

    /// One that asks for this.
    pub(crate) async fn start_with(options: ServerOptions, access: Access) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let backend = FakeBackend::new();
        let routes = router(ServerState {
            backend: backend.clone(),
            original_access: access.clone(),
            api_access: access.clone(),
            catalogue: Catalogue::default(),
            targets: Arc::default(),
            keys: KeyRing::new(fanfare::time::Now::default),
            metrics: Metrics::new(access)
                .with_connections(options.open_connections.clone())
                .with_held(options.held.clone()),
            face: Face::Whole,
        });
        let shutdown = Arc::new(Notify::new());
        let asked = Arc::clone(&shutdown);
        let wish = async move { asked.notified().await };
        let task = tokio::spawn(serve(listener, routes, options, wish));
        Self {
            backend,
            address,
            shutdown,
            task,
        }
    }

    /// A connection from the usual address.
    pub(crate) async fn connect(&self) -> Client {
        self.connect_from(1).await
    }

    /// A connection from 127.0.0.`host`.
    pub(crate) async fn connect_from(&self, host: u8) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        let own = IpAddr::from(Ipv4Addr::new(127, 0, 0, host));
        socket
            .bind((own, 0).into())
            .expect("an address of loopback");
        let stream = socket.connect(self.address).await.expect("it listens");
        Client { stream }
    }

    /// Asserts that an ordinary client, from an address that does nothing else, is served.
    pub(crate) async fn serves_others(&self) {
        let mut healthy = self.connect_from(99).await;
        assert_eq!(status(&healthy.ask(HEALTHZ).await), "HTTP/1.1 200");
    }

    /// Waits until so many commands came to the engine.
    pub(crate) async fn begun(&self, commands: usize) {
        while self.backend.commands_begun() < commands {
            tokio::task::yield_now().await;
        }
    }
}

/// A client that writes and reads bytes as they are.
pub(crate) struct Client {
    /// Its end of the connection.
    pub(crate) stream: TcpStream,
}

impl Client {
    /// Sends all of this.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.expect("sent");
    }

    /// Sends pieces as a client does that writes all before it reads: the first one, and the rest
    /// when the answer has long been there.
    pub(crate) async fn send_stubbornly(&mut self, piece: &[u8], pieces: usize) {
        self.send(piece).await;
        self.stream.readable().await.expect("an answer");
        for _ in 1..pieces {
            // The server has its turn to close.
            tokio::task::yield_now().await;
            self.send(piece).await;
        }
    }

    /// All that comes until the other side closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).await.expect("no reset");
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Waits until the other side has closed, in order or by a reset.
    pub(crate) async fn rest_or_reset(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // What was read before a reset still counts.
        drop(self.stream.read_to_end(&mut bytes).await);
        bytes
    }

    /// One answer with a `content-length`.
    pub(crate) async fn answer(&mut self) -> String {
        let mut text = String::new();
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head
                    .lines()
                    .find_map(|l| l.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |text| text.parse().expect("a number"));
                if body.len() >= length {
                    return text;
                }
            }
            let byte = self.stream.read_u8().await.expect("an answer");
            text.push(char::from(byte));
        }
    }

    /// Sends a request and gives its answer.
    pub(crate) async fn ask(&mut self, request: &str) -> String {
        self.send(request).await;
        self.answer().await
    }
}

/// The version and status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.get(..12).unwrap_or(answer)
}
