//! The process: put together as `serve` does it, over streams and a disk that only exist here.

use std::{rc::Rc, sync::Arc};

use tokio::task::spawn_local;

use super::{
    clock::SimulatedClock,
    hub::{SimulatedDialer, SimulatedResolver},
    port::{Hosted, SimulatedPort},
    stage::Stage,
    tap::WatchedTransport,
};
use crate::{
    engine::Engine,
    limits,
    runtime::{
        drive::{Drive, DriveError},
        handle::Handle,
        port::SharedStore,
    },
    server::{
        access::Access,
        catalogue::Catalogue,
        connections::{ServerOptions, converse_over},
        in_place,
        key_ring::KeyRing,
        metrics::Metrics,
        router::{Face, ServerState, router},
    },
    sim::{logbook::Sighting, violation::Violation},
    store::embedded::EmbeddedStore,
    time::Span,
    transport::hyper_transport::{HyperTransport, TransportOptions},
};

/// The first and the longest wait between two looks whether everything has ended.
const LOOK_AFTER: Span = Span::from_millis(100);
const LOOK_AFTER_MAX: Span = Span::from_seconds(600);

/// The process itself: put together as in production, and let run until everything has ended.
pub(super) async fn run(stage: Rc<Stage>, store: EmbeddedStore) -> Result<(), DriveError> {
    let life = stage.witness.borrow().life;
    let engine = stage.scenario.engine_options(life);
    stage.witness.borrow_mut().begins_life(engine.clone());
    let started_at = stage.real();
    stage.witness.borrow().log(started_at, Sighting::Started);
    let shared = SharedStore::new(store);
    let handle = Handle::new(Arc::new(shared.clone()));
    *stage.handle.borrow_mut() = Some(handle.clone());
    let port = SimulatedPort::new(&stage, Hosted(shared));
    let dialer = SimulatedDialer(Rc::clone(&stage));
    let resolver = SimulatedResolver(Rc::clone(&stage));
    let timeout_ms = u64::try_from(stage.scenario.attempt_timeout.as_millis()).unwrap_or(0);
    let options = TransportOptions {
        attempt_timeout_ms: timeout_ms,
        #[cfg(feature = "mutants")]
        mutant: stage.scenario.transport,
        ..TransportOptions::default()
    };
    let transport = HyperTransport::with_dialer(options, resolver, dialer);
    let transport = match transport {
        Ok(transport) => transport,
        Err(error) => {
            let reason = error.to_string();
            stage.object(Violation::StoreFails { reason });
            return Ok(());
        }
    };
    let transport = WatchedTransport::new(Rc::clone(&stage), transport);
    let clock = SimulatedClock(Rc::clone(&stage));
    spawn_local(serve(Rc::clone(&stage), handle.clone()));
    spawn_local(look_for_the_end(Rc::clone(&stage), handle.clone()));
    let drive = Drive::new(Engine::new(engine), clock, port, transport, handle, None);
    drive.run().await
}

/// Takes connections and answers them with the routes of production.
async fn serve(stage: Rc<Stage>, handle: Handle) {
    let clock = stage.clock();
    let routes = router(ServerState {
        backend: handle,
        original_access: Access::Open,
        api_access: Access::Open,
        catalogue: Catalogue::default(),
        targets: Arc::default(),
        keys: KeyRing::new(clock),
        metrics: Metrics::new(Access::Open),
        face: Face::Whole,
    });
    let mut connections = stage.hub.open();
    while let Some(stream) = connections.recv().await {
        let (routes, options) = (routes.clone(), ServerOptions::default());
        // There are no threads whose order somebody would fix.
        let conversation = in_place(async move { converse_over(stream, routes, &options).await });
        spawn_local(conversation);
    }
}

/// Looks every now and then whether everything has ended, and then lets the process end in order.
async fn look_for_the_end(stage: Rc<Stage>, handle: Handle) {
    handle.started().await;
    if let Some(application) = handle.default_application() {
        stage.application.set(application);
    }
    let end = stage.scenario.end();
    let mut pause = LOOK_AFTER;
    while !stage.has_ended(handle.reads()) && stage.go_on().is_ok() && stage.real() < end {
        tokio::time::sleep(pause.as_duration()).await;
        let longer = Span::from_micros(pause.as_micros() * 2);
        pause = longer.min(LOOK_AFTER_MAX);
    }
    handle.shut_down(limits::DRAIN_TIMEOUT_MS);
}
