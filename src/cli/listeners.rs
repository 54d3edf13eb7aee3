//! The sockets that a host listens on: one for everybody, and one for operators if they want their own.

use std::net::SocketAddr;

use tokio::{net::TcpListener, sync::watch};

use super::{bind::bind, failure::Failure};
use crate::{
    config::Config,
    runtime::handle::Handle,
    server::{
        access::Access,
        connections::{ServerOptions, serve},
        held::Held,
        router::{Face, ServerState, router},
    },
};

/// Bound sockets.
pub(super) struct Listeners {
    callers: TcpListener,
    operators: Option<TcpListener>,
}

/// Where they listen, with the ports that the system gave.
pub(super) struct Addresses {
    /// For everybody.
    pub(super) callers: SocketAddr,
    /// For operators, if they have their own.
    pub(super) operators: Option<SocketAddr>,
}

impl Listeners {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// [`Failure::Operation`] if a port is in use, not permitted, or an address is not ours.
    pub(super) async fn bind(config: &Config) -> Result<(Self, Addresses), Failure> {
        let (callers, bound) = bind(config.listen, "--listen").await?;
        let mut addresses = Addresses {
            callers: bound,
            operators: None,
        };
        let mut operators = None;
        if let Some(address) = config.admin_listen {
            let (listener, bound) = bind(address, "--admin-listen").await?;
            operators = Some(listener);
            addresses.operators = Some(bound);
        }
        Ok((Self { callers, operators }, addresses))
    }

    /// Who may read metrics on the one for everybody: on loopback whoever is on this machine.
    pub(super) fn metrics_access(&self, keyed: &Access) -> Access {
        let address = self.callers.local_addr();
        if address.is_ok_and(|address| address.ip().to_canonical().is_loopback()) {
            Access::Open
        } else {
            keyed.clone()
        }
    }

    /// Answers until `ended`, whose output it gives, and then lets requests in flight end.
    ///
    /// Each socket has places of its own and holds bodies of its own, so that whoever takes all of the one
    /// shuts nobody out of the other. Operators have `operators_max` connections.
    pub(super) async fn serve<T>(
        self,
        state: ServerState<Handle>,
        options: ServerOptions,
        operators_max: usize,
        ended: impl Future<Output = T>,
    ) -> T {
        let (stop, stopped) = watch::channel(());
        let ended = async {
            let output = ended.await;
            drop(stop);
            output
        };
        let callers = ServerState {
            face: match self.operators {
                Some(_) => Face::Callers,
                None => Face::Whole,
            },
            ..state.clone()
        };
        let callers = serve(
            self.callers,
            router(callers),
            options.clone(),
            gone(stopped.clone()),
        );
        let operators = async {
            let Some(listener) = self.operators else {
                return;
            };
            let metrics = state.metrics.clone().read_by(Access::Open);
            let state = ServerState { metrics, ..state };
            let options = ServerOptions {
                connections_max: operators_max,
                held: Held::default(),
                ..options
            };
            serve(listener, router(state), options, gone(stopped)).await;
        };
        tokio::join!(ended, callers, operators).0
    }
}

/// Waits until the sender is gone; it sends nothing.
async fn gone(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}
