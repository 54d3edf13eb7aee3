//! A backend that remembers what the routes ask of it and answers at once, or as it was told.

use std::sync::{Arc, Mutex, MutexGuard};

use fanfare::{
    domain::{
        application::{Application, ApplicationKey},
        audit::AuditEntry,
        command::{Answer, Command, NewEvent, Refusal, Reply},
        delivery::DeliveryState,
        endpoint::{Endpoint, EndpointKey, EndpointState, Target},
        event::EventPosition,
        history::{AttemptEntry, DeliveryEntry, EventEntry, HistoryQuery, Name},
        id::{EndpointId, EventId, Id, ShardId},
        record::{Record, RecordKind},
        task::{Candidates, Task},
    },
    engine::Figures,
    runtime::handle::{Readiness, Work},
    server::backend::Backend,
    store::{ReadError, Reads},
    time::{Now, Timestamp},
};
use tokio::sync::Semaphore;

/// Clones share what they remember.
#[derive(Clone)]
pub(crate) struct FakeBackend {
    inside: Arc<Mutex<Inside>>,
    /// Each command takes a permit for good before it is answered.
    gate: Arc<Semaphore>,
}

struct Inside {
    endpoints: Vec<Arc<Endpoint>>,
    hashes: Vec<[u8; 32]>,
    events: Vec<NewEvent>,
    commands_begun: usize,
    refusal: Option<Refusal>,
    panics: bool,
    readiness: Readiness,
}

impl FakeBackend {
    pub(crate) fn new() -> Self {
        Self {
            inside: Arc::new(Mutex::new(Inside {
                endpoints: Vec::new(),
                hashes: Vec::new(),
                events: Vec::new(),
                commands_begun: 0,
                refusal: None,
                panics: false,
                readiness: Readiness::Ready,
            })),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        }
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no test panics inside")
    }

    /// Refuses every command from now on.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.inside().refusal = Some(refusal);
    }

    /// Panics at the next command.
    pub(crate) fn panic_once(&self) {
        self.inside().panics = true;
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.inside().readiness = readiness;
    }

    /// Holds all answers back until [`Self::open_gate`].
    pub(crate) fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1_000);
    }

    /// How many commands came, answered or not.
    pub(crate) fn commands_begun(&self) -> usize {
        self.inside().commands_begun
    }

    /// The payloads of the events so far.
    pub(crate) fn payloads(&self) -> Vec<String> {
        let inside = self.inside();
        let texts = inside.events.iter().map(|event| {
            assert_eq!(&*event.event_type, "OrderReceived");
            assert_eq!(&*event.payload.content_type, "application/json");
            String::from_utf8(event.payload.bytes.to_vec()).expect("UTF-8")
        });
        texts.collect()
    }

    /// The endpoints so far.
    pub(crate) fn registered(&self) -> Vec<Arc<Endpoint>> {
        self.inside().endpoints.clone()
    }

    /// The hashes by which registrations are unique, so far.
    pub(crate) fn hashes(&self) -> Vec<[u8; 32]> {
        self.inside().hashes.clone()
    }
}

impl Inside {
    fn answer(&mut self, command: Command) -> Reply {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        match command {
            Command::CreateApplication { .. }
            | Command::UpdateApplication { .. }
            | Command::DeleteApplication { .. }
            | Command::PutRecord { .. }
            | Command::DeleteRecord { .. }
            | Command::UpdateEndpoint(_)
            | Command::DeleteEndpoint { .. }
            | Command::Expunge { .. }
            | Command::Resend { .. }
            | Command::Recall(_)
            | Command::StartTask(_)
            | Command::CancelTask(_)
            | Command::SetAside(_)
            | Command::Present(..)
            | Command::Once(..) => {
                panic!("the original routes only register and test")
            }
            Command::AcceptEvent(event) => {
                self.events.push(*event);
                Ok(Answer::Event {
                    id: EventId::default(),
                    accepted_wall: Timestamp::ZERO,
                })
            }
            Command::CreateEndpoint(new) => {
                let hash = new.original_url_sha256.expect("an original registration");
                let id = EndpointId::default();
                if self.hashes.contains(&hash) {
                    return Ok(Answer::Endpoint { id, fresh: false });
                }
                // Ordinals with holes, as a store has them where other endpoints lie between.
                let ordinal = u32::try_from(self.endpoints.len() * 3 + 1).expect("few");
                let key = EndpointKey {
                    application: new.application,
                    ordinal,
                };
                self.hashes.push(hash);
                self.endpoints.push(Arc::new(Endpoint {
                    key,
                    id,
                    uid: None,
                    original_url_sha256: Some(hash),
                    filter: Arc::default(),
                    target: Arc::new(Target {
                        endpoint: key,
                        id,
                        revision: 1,
                        url: new.url,
                        secret: new.secret,
                        older_secrets: Vec::new(),
                        headers: Vec::new(),
                        body_format: new.body_format,
                    }),
                    state: EndpointState::Enabled,
                    throttle_rate: None,
                    ordering: fanfare::domain::ordering::Ordering::default(),
                    subscriptions: Vec::new(),
                    registration: new.registration,
                    details: new.details,
                    created_at: Now::default(),
                    updated_at: Now::default(),
                }));
                Ok(Answer::Endpoint { id, fresh: true })
            }
        }
    }
}

impl Backend for FakeBackend {
    async fn command(&self, command: Command) -> Reply {
        let panics = {
            let mut inside = self.inside();
            inside.commands_begun += 1;
            core::mem::take(&mut inside.panics)
        };
        assert!(!panics, "planted panic");
        self.gate.acquire().await.expect("never closed").forget();
        self.inside().answer(command)
    }

    fn readiness(&self) -> Readiness {
        self.inside().readiness
    }

    fn early_refusal(&self, _: Option<ShardId>, _: Work) -> Option<Refusal> {
        None
    }

    fn default_application(&self) -> Option<ApplicationKey> {
        let is_started = self.inside().readiness != Readiness::Starting;
        is_started.then_some(ApplicationKey {
            shard: ShardId::new(1),
            ordinal: 0,
        })
    }

    fn now(&self) -> Now {
        Now::default()
    }

    async fn figures(&self) -> Option<Box<Figures>> {
        None
    }

    fn reads(&self) -> &(dyn Reads + Send + Sync) {
        self
    }
}

/// Only endpoints are remembered; there is nothing else to read.
impl Reads for FakeBackend {
    fn as_of_one_moment(&self, look: &mut dyn FnMut(&dyn Reads)) -> Result<(), ReadError> {
        look(self);
        Ok(())
    }

    fn application(&self, _: &Name) -> Result<Option<Arc<Application>>, ReadError> {
        Ok(None)
    }

    fn applications(&self, _: HistoryQuery) -> Result<Vec<Arc<Application>>, ReadError> {
        Ok(Vec::new())
    }

    fn record(&self, _: RecordKind, _: &str) -> Result<Option<Arc<Record>>, ReadError> {
        Ok(None)
    }

    fn records(&self, _: RecordKind) -> Result<Vec<Arc<Record>>, ReadError> {
        Ok(Vec::new())
    }

    fn endpoint(&self, _: ApplicationKey, _: &Name) -> Result<Option<Arc<Endpoint>>, ReadError> {
        Ok(None)
    }

    fn endpoints(
        &self,
        application: ApplicationKey,
        from: u32,
        limit: usize,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        assert_eq!(Some(application), self.default_application());
        let inside = self.inside();
        let rows = inside.endpoints.iter();
        let rows = rows.filter(|row| row.key.ordinal >= from).take(limit);
        Ok(rows.cloned().collect())
    }

    fn endpoints_by_id(
        &self,
        _: ApplicationKey,
        _: HistoryQuery,
    ) -> Result<Vec<Arc<Endpoint>>, ReadError> {
        Ok(Vec::new())
    }

    fn event(&self, _: ApplicationKey, _: &Name) -> Result<Option<EventEntry>, ReadError> {
        Ok(None)
    }

    fn events(&self, _: ApplicationKey, _: HistoryQuery) -> Result<Vec<EventEntry>, ReadError> {
        Ok(Vec::new())
    }

    fn attempts_of_endpoint(
        &self,
        _: EndpointKey,
        _: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        Ok(Vec::new())
    }

    fn candidates(
        &self,
        _: EndpointKey,
        (_, until): (EventPosition, EventPosition),
        _: usize,
    ) -> Result<Candidates, ReadError> {
        let found = Vec::new();
        Ok(Candidates { found, until })
    }

    fn audit(&self, _: EndpointKey, _: HistoryQuery) -> Result<Vec<AuditEntry>, ReadError> {
        Ok(Vec::new())
    }

    fn next_position(&self, _: ApplicationKey) -> Result<EventPosition, ReadError> {
        Ok(EventPosition::default())
    }

    fn task(&self, _: Id) -> Result<Option<Arc<Task>>, ReadError> {
        Ok(None)
    }

    fn tasks(&self, _: HistoryQuery) -> Result<Vec<Arc<Task>>, ReadError> {
        Ok(Vec::new())
    }

    fn delivery_state(
        &self,
        _: EndpointKey,
        _: EventPosition,
    ) -> Result<Option<DeliveryState>, ReadError> {
        Ok(None)
    }

    fn deliveries(&self, _: EndpointKey, _: HistoryQuery) -> Result<Vec<DeliveryEntry>, ReadError> {
        Ok(Vec::new())
    }

    fn attempts_of_event(
        &self,
        _: ApplicationKey,
        _: EventPosition,
        _: HistoryQuery,
    ) -> Result<Vec<AttemptEntry>, ReadError> {
        Ok(Vec::new())
    }
}
