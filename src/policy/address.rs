//! Which addresses may be dialled.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// A value that the address policy let pass; only such an address can be dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vetted<T>(T);

impl<T> Vetted<T> {
    /// What was let pass.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Which targets are allowed beyond the public internet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Networks that are allowed though they are loopback, private or link-local.
    pub allowed: Vec<IpNet>,
}

impl AddressPolicy {
    /// Lets an address pass, or not.
    #[must_use]
    pub fn vet(&self, address: SocketAddr) -> Option<Vetted<SocketAddr>> {
        self.allows(address.ip()).then_some(Vetted(address))
    }

    /// Whether an address may be dialled.
    #[must_use]
    pub fn allows(&self, address: IpAddr) -> bool {
        self.allowed
            .iter()
            .any(|network| network.contains(&address))
            || !address.is_loopback()
    }
}
