//! What goes wrong within the process: no file descriptor left, and work that panics.

use std::{cell::Cell, net::Ipv4Addr};

use fanfare::{
    domain::{command::Answer, outcome::OutcomeKind},
    engine::options::Options,
    policy::retry::RetryPolicy,
    runtime::clock::PausedClock,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    task::spawn_local,
};

use super::*;
use crate::support::{
    receiver::{Act, Receiver, reply},
    rig::{new_endpoint, new_event},
    running,
};

/// Runs a test in which nothing but time passes, and that at once.
fn run_paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, test);
}

/// Finds no file descriptor for so many dials.
#[derive(Clone)]
struct Scarce(Rc<Cell<u32>>);

impl Dialer for Scarce {
    type Stream = TcpStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<TcpStream>> {
        let Self(left) = self;
        if left.get() > 0 {
            left.set(left.get() - 1);
            // EMFILE
            return Err(io::Error::from_raw_os_error(24));
        }
        TcpDialer.dial(address).await
    }
}

#[test]
fn f8_an_attempt_waits_a_moment_for_a_file_descriptor() {
    run(async {
        let receiver = Receiver::start(vec![vec![Act::Request, reply("200 OK", "")]]).await;
        let scarce = Scarce(Rc::new(Cell::new(3)));
        let mut sender = Sender::with(options(), Book::default(), scarce.clone());
        let url = format!("http://{}/", receiver.address);
        let outcome = sender.attempt(&target(&url)).await;
        assert_eq!(outcome.kind, OutcomeKind::Status(200));
        assert_eq!(scarce.0.get(), 0);
    });
}

#[test]
fn f8_where_no_file_descriptor_comes_the_attempt_fails_within_and_tells_nothing_of_the_receiver() {
    run(async {
        let scarce = Scarce(Rc::new(Cell::new(u32::MAX)));
        let mut sender = Sender::with(impatient(), Book::default(), scarce);
        let outcome = sender.attempt(&target("http://127.0.0.1:1025/")).await;
        assert_eq!(outcome.kind, OutcomeKind::Internal);
        assert_eq!(sender.transport.connections(), 0);
    });
}

/// Finds no file descriptor for the first dial, and nobody answers the second one.
#[derive(Clone)]
struct ScarceAndSwallowed(Scarce);

impl Dialer for ScarceAndSwallowed {
    type Stream = TcpStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<TcpStream>> {
        let Self(scarce) = self;
        if scarce.0.get() > 0 {
            return scarce.dial(address).await;
        }
        pending().await
    }
}

#[test]
fn f8_who_waited_for_a_file_descriptor_has_no_longer_to_connect_than_others() {
    run_paused(async {
        let dialer = ScarceAndSwallowed(Scarce(Rc::new(Cell::new(1))));
        let mut sender = Sender::with(options(), Book::default(), dialer);
        let outcome = sender.attempt(&target("http://127.0.0.1:1025/")).await;
        let after_ms = u32::try_from(options().connect_timeout_ms).expect("small");
        assert_eq!(outcome.kind, OutcomeKind::ConnectTimeout { after_ms });
    });
}

/// One receiver answers 200, and whatever is sent to the other one panics.
#[derive(Clone)]
struct Poisoned;

const POISON: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));

impl Dialer for Poisoned {
    type Stream = DuplexStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<DuplexStream>> {
        let peer = address.into_inner();
        if peer.ip() == POISON {
            // A panic that is not printed ten thousand times.
            std::panic::resume_unwind(Box::new("injected by a test"));
        }
        let (stream, mut theirs) = duplex(64 * 1024);
        spawn_local(async move {
            let mut request = Vec::new();
            while theirs
                .read_buf(&mut request)
                .await
                .is_ok_and(|count| count > 0)
            {
                if request.ends_with(b"[1]") {
                    request.clear();
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    theirs.write_all(answer).await.expect("it is read");
                }
            }
        });
        Ok(Dialed { stream, peer })
    }
}

/// Row F20: ten thousand attempts to one endpoint panic. Each is told as failed within, its slot comes
/// back, and the other endpoint gets all of its own meanwhile.
#[test]
fn f20_ten_thousand_attempts_that_panic_keep_no_slot_and_nobody_else_waiting() {
    const EVENTS: u64 = 10_000;
    run_paused(async {
        let book = Book(vec![
            ("well.receiver.test", vec![[127, 0, 0, 1].into()]),
            ("poison.receiver.test", vec![POISON]),
        ]);
        let transport = HyperTransport::with_dialer(options(), book, Poisoned);
        let engine = Options {
            send_slots: 2,
            retry: RetryPolicy {
                waits: Vec::new(),
                ..RetryPolicy::default()
            },
            ..Options::default()
        };
        let clock = PausedClock::starting_at(Timestamp::from_millis(1_764_000_000_000));
        let transport = transport.expect("valid options");
        let (handle, running) = running::start(engine, clock, transport, None).await;
        let application = handle.default_application().expect("ready");
        for name in ["poison", "well"] {
            let reply = handle.command(new_endpoint(application, name)).await;
            assert!(matches!(reply, Ok(Answer::Endpoint { .. })), "{reply:?}");
        }
        for _ in 0..EVENTS {
            let reply = handle.command(new_event(application)).await;
            assert!(matches!(reply, Ok(Answer::Event { .. })), "{reply:?}");
        }
        let mut waited = 0;
        while handle.stats().succeeded + handle.stats().exhausted < 2 * EVENTS {
            tokio::time::advance(Duration::from_millis(10)).await;
            waited += 1;
            assert!(waited < 1_000_000, "{:?}", handle.stats());
        }
        let figures = handle.figures().await.expect("it answers");
        let ended: Vec<_> = figures
            .tally
            .outcomes()
            .filter(|(_, count)| *count > 0)
            .collect();
        assert_eq!(ended, [("status_2xx", EVENTS), ("internal", EVENTS)]);
        assert_eq!(
            (figures.standing.in_flight, figures.standing.send_slots),
            (0, 2)
        );
        handle.shut_down(30_000);
        running.await.expect("no panic of its own");
    });
}
