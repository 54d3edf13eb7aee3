//! The hub: where wires lead. The process dials receivers here and is dialled by producers; names
//! lead to addresses that only exist here.

use core::{
    cell::{Cell, RefCell},
    time::Duration,
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    rc::Rc,
};

use tokio::{sync::mpsc, task::spawn_local};

use super::{
    receivers,
    stage::Stage,
    stranger,
    stream::{PiecesStream, pair},
};
use crate::{
    limits,
    policy::address::Vetted,
    random::Stream,
    sim::{network::OutageKind, oracles::known_addresses},
    transport::{
        dial::{Dialed, Dialer},
        resolver::{ResolveError, Resolver},
    },
};

/// How the receivers' addresses begin: as public ones, so that the address policy lets them pass.
/// Nothing here dials an address.
const RECEIVERS: [u8; 2] = [203, 0];

/// An address to which nothing is sent.
const ASTRAY: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Where wires lead.
pub(super) struct Hub {
    seed: u64,
    /// Whether bytes come in pieces.
    is_partial: bool,
    wires: Cell<u64>,
    /// Where the process takes connections; `None` while it takes none.
    door: RefCell<Option<mpsc::UnboundedSender<PiecesStream>>>,
}

impl Hub {
    pub(super) fn new(seed: u64, is_partial: bool) -> Self {
        Self {
            seed,
            is_partial,
            wires: Cell::new(0),
            door: RefCell::new(None),
        }
    }

    /// Both ends of a new wire: the process's, and the other's.
    fn wire(&self) -> (PiecesStream, PiecesStream) {
        let number = self.wires.get();
        self.wires.set(number + 1);
        let pieces = self
            .is_partial
            .then(|| Stream::new(self.seed, "pieces", 0, number));
        pair(pieces)
    }

    /// The process takes connections from now on.
    pub(super) fn open(&self) -> mpsc::UnboundedReceiver<PiecesStream> {
        let (door, connections) = mpsc::unbounded_channel();
        *self.door.borrow_mut() = Some(door);
        connections
    }

    /// The process takes none any more.
    pub(super) fn close(&self) {
        *self.door.borrow_mut() = None;
    }

    /// A producer connects to the process; nothing if it takes no connection.
    pub(super) fn connect(&self) -> Option<PiecesStream> {
        let door = self.door.borrow();
        let (near, far) = self.wire();
        door.as_ref()?.send(near).ok()?;
        Some(far)
    }
}

/// Leads the process to receivers.
#[derive(Clone)]
pub(super) struct SimulatedDialer(pub(super) Rc<Stage>);

impl Dialer for SimulatedDialer {
    type Stream = PiecesStream;

    async fn dial(&self, address: Vetted<SocketAddr>) -> io::Result<Dialed<PiecesStream>> {
        let peer = address.into_inner();
        if peer.ip() == IpAddr::V4(stranger::ADDRESS) {
            let (near, far) = self.0.hub.wire();
            spawn_local(stranger::converse(Rc::clone(&self.0), far));
            return Ok(Dialed { stream: near, peer });
        }
        let number = number_of(peer.ip());
        if let Some(violation) = known_addresses::judge(peer.ip(), number.is_some()) {
            self.0.object(violation);
        }
        let number = number.ok_or(io::ErrorKind::HostUnreachable)?;
        let greeting = receivers::greet(&self.0, number).await?;
        let (near, far) = self.0.hub.wire();
        spawn_local(receivers::converse(
            Rc::clone(&self.0),
            number,
            greeting,
            far,
        ));
        Ok(Dialed { stream: near, peer })
    }
}

/// Knows the receivers' names, and says so if nothing is wrong with that.
#[derive(Clone)]
pub(super) struct SimulatedResolver(pub(super) Rc<Stage>);

impl Resolver for SimulatedResolver {
    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let number = receivers::number_of(name).ok_or(ResolveError::NotFound)?;
        let way = receivers::way_of_name(&self.0, number);
        let receipts = &self.0.receipts;
        match way {
            Some(OutageKind::NameUnknown) => {
                receipts.borrow_mut().spoil(number);
                return Err(ResolveError::NotFound);
            }
            Some(OutageKind::NameUnanswered) => {
                receipts.borrow_mut().spoil(number);
                // Longer than anybody waits for it.
                tokio::time::sleep(Duration::from_millis(limits::DNS_TIMEOUT_MS + 1_000)).await;
                return Err(ResolveError::Failed);
            }
            Some(OutageKind::NameElsewhere) => {
                let now = self.0.real();
                receipts.borrow_mut().lead_elsewhere(number, now);
                return Ok(vec![IpAddr::V4(stranger::ADDRESS)]);
            }
            _ => {}
        }
        let [high, low] = u16::try_from(number)
            .map_err(|_| ResolveError::NotFound)?
            .to_be_bytes();
        let [first, second] = RECEIVERS;
        let right = IpAddr::V4(Ipv4Addr::new(first, second, high, low));
        if way == Some(OutageKind::NameAstray) {
            receipts.borrow_mut().lead_astray(number);
            // Beside the right one, as who wants to get in does it.
            return Ok(vec![right, IpAddr::V4(ASTRAY)]);
        }
        Ok(vec![right])
    }
}

/// The receiver behind an address.
fn number_of(address: IpAddr) -> Option<u32> {
    let IpAddr::V4(address) = address else {
        return None;
    };
    let [first, second, high, low] = address.octets();
    ([first, second] == RECEIVERS).then(|| u32::from(u16::from_be_bytes([high, low])))
}
