//! Receivers that answer late, in paused time over streams in memory.

use fanfare::domain::outcome::OutcomeKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;

/// Every receiver answers 200 so long after the request.
#[derive(Clone)]
struct Late(Duration);

impl Dialer for Late {
    type Stream = DuplexStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<DuplexStream>> {
        let (ours, mut theirs) = duplex(64 * 1024);
        let Self(after) = self.clone();
        tokio::task::spawn_local(async move {
            let request = theirs.read(&mut [0; 4_096]).await;
            assert_ne!(request.expect("a request"), 0);
            tokio::time::sleep(after).await;
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            // Whoever waited no longer does not hear it.
            drop(theirs.write_all(answer).await);
            drop(theirs.read(&mut [0; 1]).await);
        });
        Ok(Dialed {
            stream: ours,
            peer: address.into_inner(),
        })
    }
}

/// Row B29: an answer a moment before the deadline is a success, one a moment later a timeout.
#[test]
fn b29_an_answer_at_29_9_s_counts_and_one_at_30_1_s_does_not() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    for (after_ms, expected, took_ms) in [
        (29_900, OutcomeKind::Status(200), 29_900),
        (30_100, OutcomeKind::Timeout { after_ms: 30_000 }, 30_000),
    ] {
        LocalSet::new().block_on(&runtime, async {
            let options = TransportOptions {
                address_policy: options().address_policy,
                ..TransportOptions::default()
            };
            let late = Late(Duration::from_millis(after_ms));
            let mut sender = Sender::with(options, Book::default(), late);
            let outcome = sender.attempt(&target("http://127.0.0.1:1025/")).await;
            assert_eq!(outcome.kind, expected);
            assert_eq!(outcome.duration.as_micros() / 1_000, took_ms);
        });
    }
}
