//! The one place where engine, store, transport and server are put together.

use core::convert::Infallible;
use std::sync::Arc;

use super::{
    console::Console, failure::Failure, listeners::Listeners, open_files::Shares, signals::Signals,
    storage::Storage,
};
use crate::{
    config::{self, Config, admin_key::AdminKey},
    limits,
    policy::address::AddressPolicy,
    runtime::{
        cell::{Cell, CellError},
        clock::Clock as _,
        recording::Recording,
    },
    server::{
        access::Access,
        catalogue::Catalogue,
        connections::ServerOptions,
        held::{Held, HeldBytes},
        key_ring::KeyRing,
        metrics::Metrics,
        router::{Face, ServerState},
    },
    transport::{
        hyper_transport::{HyperTransport, TransportOptions},
        interfaces::list_interfaces,
        resolver::NameResolver,
    },
};

/// What a host starts with.
pub(super) struct Start<'a> {
    /// The valid configuration.
    pub(super) config: &'a Config,
    /// How many connections there may be.
    pub(super) shares: Shares,
    /// The open store.
    pub(super) storage: Storage,
    /// The bound sockets.
    pub(super) listeners: Listeners,
    /// The seed, given or drawn.
    pub(super) seed: u64,
    /// The key that callers are asked for; `None` if everything is open.
    pub(super) admin_key: Option<AdminKey>,
}

/// Runs until shutdown is done. The first signal drains: no new commands, no new attempts, what is
/// in flight may end within `limits::DRAIN_TIMEOUT_MS`; meanwhile the server goes on, so that
/// `/readyz` tells who asks. The second signal ends at once.
///
/// `announce` is called once commands are taken and signals are heard: who reads what it tells may
/// act on it at once.
///
/// # Errors
/// [`Failure::Operation`] if a thread can't be started or the engine ended by itself,
/// [`Failure::Interrupted`] after a second signal.
pub(super) async fn host(start: Start<'_>, announce: impl FnOnce()) -> Result<(), Failure> {
    let mut signals = Signals::listen().map_err(|error| Failure::Operation(error.to_string()))?;
    let (console, observer) = Console::start()
        .map_err(|error| Failure::Operation(format!("no thread for the console: {error}")))?;
    let transport = transport_options(start.config, start.shares);
    let resolver = NameResolver::new(&start.config.outbound.resolver)
        .map_err(|error| Failure::Operation(error.to_string()))?;
    let clock = start.storage.clock.clone();
    let options = start.config.engine_options(start.seed);
    let recording = start.config.recording.as_ref();
    let recording = recording
        .map(|recording| Recording::start(recording, options.clone(), clock.now()))
        .transpose()
        .map_err(|error| Failure::Operation(error.to_string()))?;
    let (handle, cell) = Cell::start(
        options,
        start.storage.clock,
        start.storage.port,
        start.storage.reads,
        move || HyperTransport::new(transport, resolver),
        Some(observer),
        recording,
    )
    .map_err(failed)?;
    let (original, api) = access(start.config, start.admin_key.as_ref());
    let server = server_options(start.config, start.shares);
    let metrics = Metrics::new(start.listeners.metrics_access(&api))
        .with_store(start.storage.meter)
        .with_connections(server.open_connections.clone())
        .with_held(server.held.clone());
    let state = ServerState {
        backend: handle.clone(),
        original_access: original,
        api_access: api,
        catalogue: Catalogue::default(),
        targets: Arc::new(courtesy(start.config)),
        keys: KeyRing::new(move || clock.now()),
        metrics,
        face: Face::Whole,
    };
    let work = start
        .listeners
        .serve(state, server, start.shares.operators, cell.ended());
    let signalled = async {
        signals.next().await;
        tracing::info!("shutting down: what is in flight may end within 30 s");
        handle.shut_down(limits::DRAIN_TIMEOUT_MS - limits::DRAIN_SERVER_MS);
        signals.next().await;
    };
    let announced = async {
        handle.started().await;
        announce();
        core::future::pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        ended = work => ended.map_err(failed)?,
        () = signalled => return Err(Failure::Interrupted),
        never = announced => match never {},
    }
    console.finish();
    tracing::info!("stopped: nothing is in flight");
    Ok(())
}

/// The server's limits; it drains after the engine, so it gets only the end of the time.
fn server_options(config: &Config, shares: Shares) -> ServerOptions {
    ServerOptions {
        connections_max: shares.clients,
        connections_per_address_max: shares
            .of_one_client(config.clients.connections_per_address_max),
        held: Held {
            requests: HeldBytes::new(config.clients.bodies_bytes_max),
            answers: HeldBytes::new(config.clients.bodies_bytes_max),
        },
        trusted_proxies: config.clients.trusted_proxies.clone(),
        drain_timeout_ms: limits::DRAIN_SERVER_MS,
        ..ServerOptions::default()
    }
}

/// What URLs are judged by when they are registered: with the addresses that this machine has now.
fn courtesy(config: &Config) -> AddressPolicy {
    AddressPolicy {
        own: list_interfaces().unwrap_or_default(),
        ..config.outbound.policy.clone()
    }
}

/// How deliveries go out.
fn transport_options(config: &Config, shares: Shares) -> TransportOptions {
    TransportOptions {
        address_policy: config.outbound.policy.clone(),
        interfaces: Some(list_interfaces),
        proxy: config.outbound.proxy.clone(),
        https_only: config.outbound.https_only,
        connections_max: shares.receivers,
        header_prefix: config.header_prefix.clone(),
        verify_certificates: config.verify_certificates,
        attempt_timeout_ms: u64::try_from(config.attempt_timeout.as_millis())
            .unwrap_or(limits::ATTEMPT_TIMEOUT_MS),
        ..TransportOptions::default()
    }
}

/// Who may use the original routes, and who API v1.
fn access(config: &Config, key: Option<&AdminKey>) -> (Access, Access) {
    let keyed = key.map_or(Access::Open, |key| Access::key(key.expose()));
    match &config.access {
        config::Access::Key {
            opens_original: true,
            ..
        } => (Access::Open, keyed),
        config::Access::Key { .. } | config::Access::Open => (keyed.clone(), keyed),
    }
}

fn failed(error: CellError) -> Failure {
    Failure::Operation(error.to_string())
}
