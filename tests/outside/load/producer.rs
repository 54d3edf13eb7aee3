//! Producers: each sends events one after another, notes what is acknowledged, and goes on whatever
//! becomes of the server.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fanfare::random::Stream;
use tokio::{runtime::Runtime, sync::watch, task::JoinHandle};

use crate::{api::Api, ledger::Ledger};

/// Producers at work.
pub(crate) struct Producers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

/// How they work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Fixes what they send.
    pub(crate) seed: u64,
    /// How many there are.
    pub(crate) producers: u16,
    /// The pause of each between two events.
    pub(crate) pause: Duration,
    /// Longest text in a payload.
    pub(crate) text_max: u64,
}

impl Producers {
    /// Starts them; the server is where `address` says, or down.
    pub(crate) fn start(
        runtime: &Runtime,
        load: Load,
        ledger: &Arc<Ledger>,
        address: &watch::Receiver<Option<SocketAddr>>,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = (0..load.producers).map(|number| {
            let producer = Producer {
                number,
                load,
                ledger: Arc::clone(ledger),
                address: address.clone(),
                stop: Arc::clone(&stop),
                random: Stream::new(load.seed, "producer", number, 0),
                sent: 0,
            };
            runtime.spawn(producer.work())
        });
        let tasks = tasks.collect();
        Self { stop, tasks }
    }

    /// Lets them end; each waits for its last answer.
    pub(crate) fn stop(self, runtime: &Runtime) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            runtime.block_on(task).expect("no producer panics");
        }
    }
}

struct Producer {
    number: u16,
    load: Load,
    ledger: Arc<Ledger>,
    address: watch::Receiver<Option<SocketAddr>>,
    stop: Arc<AtomicBool>,
    random: Stream,
    sent: u64,
}

impl Producer {
    async fn work(mut self) {
        let api = Api::new();
        while !self.stop.load(Ordering::Relaxed) {
            tokio::time::sleep(self.load.pause).await;
            let address = *self.address.borrow_and_update();
            if let Some(address) = address {
                self.send(&api, address).await;
            }
        }
    }

    async fn send(&mut self, api: &Api, address: SocketAddr) {
        let event = format!("{}-{}-{}", self.load.seed, self.number, self.sent);
        self.sent += 1;
        let payload = self.payload(&event);
        self.ledger.sending(&event, payload.as_bytes());
        let body =
            format!(r#"{{"eventType":"load.test","eventId":"{event}","payload":{payload}}}"#);
        let answer = api
            .post(address, "/app/acme/msg?with_content=false", body)
            .await;
        let Some(answer) = answer else {
            self.ledger.refuse(0);
            return;
        };
        match answer.status {
            202 => match id_of(&answer.body) {
                Some(id) => self.ledger.acknowledge(&id, &event),
                None => self.ledger.fault(format!("202 without an id: {answer:?}")),
            },
            status @ (503 | 507) => {
                if !answer.headers.contains_key("retry-after") {
                    self.ledger
                        .fault(format!("{status} without Retry-After: {answer:?}"));
                }
                self.ledger.refuse(status);
            }
            _ => self.ledger.fault(format!("{event}: {answer:?}")),
        }
    }

    /// A payload whose bytes no JSON library would write in this way.
    fn payload(&mut self, event: &str) -> String {
        let length = self.random.between(1, self.load.text_max);
        let mut text = String::new();
        for _ in 0..length {
            let letter = self
                .random
                .pick(&["a", "Z", "9", "é", "\\u00e9", "\\/", " "]);
            text.push_str(letter.expect("there are some"));
        }
        format!(r#"{{ "event" : "{event}","total":1.10,"twice":1, "twice":2,"text":"{text}" }}"#)
    }
}

/// The `id` of an answer.
pub(crate) fn id_of(body: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(body).ok()?;
    value.get("id")?.as_str().map(ToOwned::to_owned)
}
