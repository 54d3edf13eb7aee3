//! Names and the servers that are asked for them. The server here is our own, on the loopback address.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::net::{Ipv4Addr, UdpSocket};

use fanfare::{
    domain::outcome::OutcomeKind,
    limits,
    transport::resolver::{NameResolver, ResolverOptions},
};
use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{A, CNAME},
    },
};

use super::*;
use crate::support::receiver::{Act, Receiver, reply};

/// What a name server answers to a question for addresses of IPv4; there are none of IPv6.
#[derive(Clone)]
enum Answer {
    Addresses(Vec<Ipv4Addr>),
    Code(ResponseCode),
    Alias(&'static str),
    Silence,
}

/// A name server on the loopback address, which counts questions for addresses of IPv4.
struct NameServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// Answers the question with this number, from 0, as `answer` says.
    fn start(answer: impl Fn(usize) -> Answer + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 2_048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                let Ok(question) = Message::from_vec(buffer.get(..length).unwrap_or_default())
                else {
                    continue;
                };
                let of_v4 = question
                    .queries
                    .iter()
                    .any(|it| it.query_type() == RecordType::A);
                let given = if of_v4 {
                    answer(counter.fetch_add(1, Ordering::Relaxed))
                } else {
                    Answer::Addresses(Vec::new())
                };
                if let Some(reply) = answered(&question, given) {
                    let bytes = reply.to_vec().expect("it can be written");
                    _ = socket.send_to(&bytes, from);
                }
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn resolver(&self) -> NameResolver {
        let options = ResolverOptions {
            name_servers: vec![self.address],
            ..ResolverOptions::default()
        };
        NameResolver::new(&options).expect("a resolver")
    }
}

fn answered(question: &Message, answer: Answer) -> Option<Message> {
    let name = question.queries.first()?.name().clone();
    let mut reply = question.clone().into_response();
    let mut add = |data| {
        // What it says of how long it lasts is nothing to us.
        reply.add_answer(Record::from_rdata(name.clone(), 0, data));
    };
    match answer {
        Answer::Silence => return None,
        Answer::Addresses(addresses) => {
            addresses.into_iter().for_each(|it| add(RData::A(A(it))));
        }
        Answer::Alias(to) => add(RData::CNAME(CNAME(Name::from_ascii(to).expect("a name")))),
        Answer::Code(code) => reply.metadata.response_code = code,
    }
    Some(reply)
}

fn asking(server: &NameServer, options: TransportOptions) -> Sender<Switchboard, NameResolver> {
    let board = Switchboard::new(|_| Line::Open);
    Sender::with(options, server.resolver(), board)
}

fn hasty() -> TransportOptions {
    TransportOptions {
        dns_timeout_ms: 300,
        ..options()
    }
}

#[test]
fn an_attempt_asks_once_and_its_answer_serves_for_a_while_whatever_it_says_of_itself() {
    run(async {
        let act = vec![
            Act::Request,
            reply("200 OK", ""),
            Act::Request,
            reply("200 OK", ""),
        ];
        let receiver = Receiver::start(vec![act.clone(), act]).await;
        // Rebinding: harmless at first, then an address that is denied.
        let server = NameServer::start(|number| {
            let last = if number == 0 { 1 } else { 2 };
            Answer::Addresses(vec![Ipv4Addr::new(127, 0, 0, last)])
        });
        let only_first = TransportOptions {
            address_policy: AddressPolicy {
                allowed: vec!["127.0.0.1/32".parse().expect("a network")],
                ..AddressPolicy::default()
            },
            ..options()
        };
        let mut sender = asking(&server, only_first);
        let url = format!("http://hook.example:{}/", receiver.address.port());
        for _ in 0..2 {
            let outcome = sender.attempt(&target(&url)).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
        }
        assert_eq!(server.asked(), 1);
        // Another endpoint of the name within that time: the same answer, no other question.
        let other = endpoint(7, 1, &url, BodyFormat::Payload);
        assert_eq!(sender.attempt(&other).await.kind, OutcomeKind::Status(200));
        assert_eq!(server.asked(), 1);
    });
}

#[test]
fn a_name_that_leads_to_a_denied_address_is_blocked_and_nothing_is_dialled() {
    run(async {
        let server = NameServer::start(|_| Answer::Addresses(vec![Ipv4Addr::new(10, 0, 0, 1)]));
        let mut sender = asking(&server, options());
        let outcome = sender.attempt(&target("http://hook.example/")).await;
        assert_eq!(outcome.kind, OutcomeKind::AddressBlocked);
        assert_eq!(sender.dialer.dials(), []);
    });
}

#[test]
fn what_a_name_server_can_say_wrong_is_told_apart_and_bounded() {
    run(async {
        let too_many = (0..=limits::DNS_ADDRESSES_MAX)
            .map(|last| Ipv4Addr::new(127, 0, 0, u8::try_from(last).expect("few")));
        for (answer, expected) in [
            (
                Answer::Code(ResponseCode::NXDomain),
                OutcomeKind::DnsNotFound,
            ),
            (Answer::Addresses(Vec::new()), OutcomeKind::DnsNotFound),
            (Answer::Code(ResponseCode::ServFail), OutcomeKind::DnsFailed),
            (Answer::Code(ResponseCode::Refused), OutcomeKind::DnsFailed),
            (Answer::Alias("hook.example."), OutcomeKind::DnsFailed),
            (
                Answer::Addresses(too_many.collect()),
                OutcomeKind::DnsFailed,
            ),
            (Answer::Silence, OutcomeKind::DnsFailed),
        ] {
            let server = NameServer::start(move |_| answer.clone());
            let mut sender = asking(&server, hasty());
            let outcome = sender.attempt(&target("http://hook.example/")).await;
            let is_bounded = server.asked() < 40;
            // A loop that its server never ends is a name without an address or a failure.
            let is_loop = outcome.kind == OutcomeKind::DnsNotFound && is_bounded;
            assert!(
                outcome.kind == expected || is_loop,
                "{expected:?}: {outcome:?}"
            );
            assert!(is_bounded, "{}", server.asked());
            assert_eq!(sender.dialer.dials(), []);
        }
    });
}

#[test]
fn a_silent_name_server_holds_up_nobody_who_needs_none() {
    run(async {
        let count = 64;
        let acts = vec![vec![Act::Request, reply("200 OK", "")]; count];
        let receiver = Receiver::start(acts).await;
        let server = NameServer::start(|_| Answer::Silence);
        let mut sender = asking(&server, options());
        // More than may be resolved at once, each another name.
        for number in 0..limits::RESOLUTIONS_MAX * 2 {
            let ordinal = u32::try_from(number).expect("few");
            let url = format!("http://h{number}.example/");
            sender.start(&endpoint(1_000 + ordinal, 1, &url, BodyFormat::Payload));
        }
        for number in 0..count {
            let ordinal = u32::try_from(number).expect("few");
            let url = format!("http://{}/", receiver.address);
            let here = endpoint(ordinal, 1, &url, BodyFormat::Payload);
            let outcome = sender.attempt(&here).await;
            assert_eq!(outcome.kind, OutcomeKind::Status(200));
        }
    });
}
