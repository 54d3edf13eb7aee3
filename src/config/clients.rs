//! How many connections a client of the server may have, how much is held for all, and who speaks for others.

use ipnet::IpNet;

use super::{error::ConfigError, outbound::networks, settings::Settings};
use crate::limits;

/// What the server grants its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// Most connections of one client, an IPv4 address or an IPv6 /64.
    pub connections_per_address_max: usize,
    /// Bytes of bodies that are held at once, of requests and again of answers.
    pub bodies_bytes_max: usize,
    /// Where proxies connect from that name their clients in `X-Forwarded-For`; at most
    /// `limits::TRUSTED_PROXIES_MAX`.
    pub trusted_proxies: Vec<IpNet>,
}

/// What the settings say of it.
pub(super) fn clients(settings: &Settings) -> Result<Clients, ConfigError> {
    let most = limits::SERVER_CONNECTIONS_MAX as u64;
    let per_address = settings.connections_per_address_max.map_or(
        Ok(limits::SERVER_CONNECTIONS_PER_ADDRESS_MAX as u64),
        |asked| super::bounds::within("connections_per_address_max", asked, 1, most),
    )?;
    let bodies =
        settings
            .bodies_bytes_max
            .map_or(Ok(limits::BODIES_HELD_BYTES_MAX as u64), |asked| {
                let least = limits::BODIES_HELD_BYTES_MIN as u64;
                let most = limits::BODIES_HELD_BYTES_OVERRIDE_MAX;
                super::bounds::within("bodies_bytes_max", asked, least, most)
            })?;
    Ok(Clients {
        bodies_bytes_max: usize::try_from(bodies).unwrap_or(limits::BODIES_HELD_BYTES_MAX),
        connections_per_address_max: usize::try_from(per_address)
            .unwrap_or(limits::SERVER_CONNECTIONS_PER_ADDRESS_MAX),
        trusted_proxies: networks(
            "trusted_proxy",
            &settings.trusted_proxy,
            limits::TRUSTED_PROXIES_MAX,
        )?,
    })
}
