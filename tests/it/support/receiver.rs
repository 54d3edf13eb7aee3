//! A receiver on the loopback address that plays a script, byte for byte, and remembers what came.

#![expect(
    clippy::disallowed_methods,
    reason = "a receiver is a task and, where its script is slow, keeps time"
)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

use super::process::PATIENCE;

/// One step of a connection's script. After the last one the connection is closed.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Read one whole request and remember it.
    Request,
    /// Send these bytes.
    Send(Vec<u8>),
    /// Send bytes until the other side has enough.
    Flood,
    /// Send a byte each ten milliseconds until the other side has enough.
    Drip,
    /// Wait for [`Receiver::go_on`].
    Wait,
    /// Wait until the other side closes the connection.
    Hang,
    /// Close with a reset; the last step.
    Reset,
}

/// A reply with a body of known length, on a connection that stays open.
pub(crate) fn reply(status: &str, body: &str) -> Act {
    let length = body.len();
    Act::Send(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes())
}

/// Bytes to send.
pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Act {
    Act::Send(bytes.as_ref().to_vec())
}

/// Steps that read a request and send `answer`, as often as `count` says.
pub(crate) fn answering(count: usize, answer: &Act) -> Vec<Act> {
    (0..count)
        .flat_map(|_| [Act::Request, answer.clone()])
        .collect()
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The request line and the fields, each in one line, names in lower case as sent.
    pub(crate) head: String,
    /// The body as long as `content-length` says.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a field, if the request has it exactly once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self
            .head
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().filter(|_| values.next().is_none())
    }
}

/// A receiver that listens.
pub(crate) struct Receiver {
    /// Where.
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    log: Mutex<Log>,
    came: Notify,
    go_on: Notify,
}

#[derive(Default)]
struct Log {
    accepted: usize,
    ended: usize,
    requests: Vec<Request>,
}

impl Seen {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("no test panics while it holds this")
    }
}

impl Receiver {
    /// Listens; the first connection plays the first script and so on, the last one again and
    /// again.
    pub(crate) async fn start(scripts: Vec<Vec<Act>>) -> Self {
        Self::listen(scripts, None).await
    }

    /// The same behind TLS.
    pub(crate) async fn start_tls(scripts: Vec<Vec<Act>>, tls: TlsAcceptor) -> Self {
        Self::listen(scripts, Some(tls)).await
    }

    async fn listen(scripts: Vec<Vec<Act>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = shared.log().accepted;
                shared.log().accepted += 1;
                let script = scripts.get(number).or_else(|| scripts.last());
                let script = script.expect("a script");
                let play = serve(stream, script.clone(), tls.clone(), Arc::clone(&shared));
                tokio::spawn(play);
            }
        });
        Self { address, seen }
    }

    /// How many connections were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.seen.log().accepted
    }

    /// How many connections have ended.
    pub(crate) fn ended(&self) -> usize {
        self.seen.log().ended
    }

    /// All requests so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.log().requests.clone()
    }

    /// Waits until so many requests came, and gives all of them. For one caller at a time.
    pub(crate) async fn arrived(&self, count: usize) -> Vec<Request> {
        let all = async {
            while self.requests().len() < count {
                self.seen.came.notified().await;
            }
            self.requests()
        };
        let in_time = tokio::time::timeout(PATIENCE, all).await;
        in_time.unwrap_or_else(|_| panic!("not {count} requests in time: {:?}", self.requests()))
    }

    /// Lets one connection that waits go on with its script.
    pub(crate) fn go_on(&self) {
        self.seen.go_on.notify_one();
    }
}

async fn serve(stream: TcpStream, script: Vec<Act>, tls: Option<TlsAcceptor>, seen: Arc<Seen>) {
    if script.iter().any(|act| matches!(act, Act::Reset)) {
        stream.set_zero_linger().expect("a socket takes it");
    }
    match tls {
        None => play(stream, script, &seen).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                play(stream, script, &seen).await;
            }
        }
    }
    seen.log().ended += 1;
}

async fn play(stream: impl AsyncRead + AsyncWrite, script: Vec<Act>, seen: &Seen) {
    let mut stream = Box::pin(stream);
    let mut unread = Vec::new();
    for act in script {
        match act {
            Act::Request => match read_request(&mut stream, &mut unread).await {
                Some(request) => {
                    seen.log().requests.push(request);
                    seen.came.notify_one();
                }
                None => return,
            },
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            Act::Flood => while stream.write_all(&[b'x'; 4_096]).await.is_ok() {},
            Act::Drip => {
                let mut pace = tokio::time::interval(Duration::from_millis(10));
                while stream.write_all(b"x").await.is_ok() {
                    pace.tick().await;
                }
            }
            Act::Wait => seen.go_on.notified().await,
            Act::Hang => while matches!(stream.read(&mut [0; 1_024]).await, Ok(1..)) {},
            Act::Reset => return,
        }
    }
    // A plain end, with TLS said as TLS wants it.
    let _ = stream.shutdown().await;
}

async fn read_request(
    stream: &mut (impl AsyncRead + Unpin),
    unread: &mut Vec<u8>,
) -> Option<Request> {
    loop {
        if let Some(request) = cut_request(unread) {
            return Some(request);
        }
        let mut chunk = [0; 4_096];
        let count = stream
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        unread.extend(chunk.iter().take(count));
    }
}

fn cut_request(unread: &mut Vec<u8>) -> Option<Request> {
    let head_end = unread.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = unread.get(..head_end)?.to_vec();
    let mut request = Request {
        head: String::from_utf8(head).expect("a head is text"),
        body: Vec::new(),
    };
    // A GET and a DELETE have no body.
    let length = request.header("content-length");
    let length = length.map_or(0, |length| length.parse::<usize>().expect("a length"));
    let end = head_end + 4 + length;
    request.body = unread.get(head_end + 4..end)?.to_vec();
    unread.drain(..end);
    Some(request)
}
