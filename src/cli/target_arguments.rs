//! The flags that say where things are sent.

use clap::Args;

use crate::config::{
    outbound::{NameServer, ProxyUrl, ResolverKind, TranslatorNetwork},
    settings::Layer,
    target::TargetNetwork,
};

/// Flags about where things are sent. What is absent comes from variables, file or default.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// A network (CIDR) that may be sent to though it is loopback or private; again for more
    #[arg(long, value_name = "NETWORK")]
    pub allow_target: Vec<TargetNetwork>,
    /// A network (CIDR) that is not sent to, whatever else is said; again for more
    #[arg(long, value_name = "NETWORK")]
    pub deny_target: Vec<TargetNetwork>,
    /// The only port that is sent to; again for more [default: 80, 443, from 1024 on without those
    /// of other services]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub allow_port: Vec<u16>,
    /// The network of a NAT64 translator: its addresses are judged by the IPv4 address in them
    #[arg(long, value_name = "NETWORK")]
    pub nat64_prefix: Vec<TranslatorNetwork>,
    /// Who resolves names [default: dns]
    #[arg(long, value_name = "WHO")]
    pub resolver: Option<ResolverKind>,
    /// A name server to ask; again for more [default: those of the system]
    #[arg(long, value_name = "ADDRESS")]
    pub name_server: Vec<NameServer>,
    /// A proxy (http://host:port) that everything is sent through, by CONNECT
    ///
    /// It is told addresses that were resolved and judged here.
    #[arg(long, value_name = "URL")]
    pub outbound_proxy: Option<ProxyUrl>,
    /// Let the proxy resolve names
    ///
    /// Then nobody but the proxy keeps things from being sent to private addresses: set it only if
    /// the proxy refuses them.
    #[arg(long)]
    pub outbound_proxy_resolves: bool,
    /// Refuse endpoints with plain http URLs
    #[arg(long)]
    pub https_only: bool,
}

impl TargetArguments {
    /// What these flags say, over `layer`.
    pub(super) fn over(self, layer: Layer) -> Layer {
        fn given<T>(list: Vec<T>) -> Option<Vec<T>> {
            (!list.is_empty()).then_some(list)
        }
        let asked = |is_set: bool| is_set.then_some(true);
        Layer {
            allow_target: given(self.allow_target),
            deny_target: given(self.deny_target),
            allow_port: given(self.allow_port),
            nat64_prefix: given(self.nat64_prefix),
            resolver: self.resolver,
            name_server: given(self.name_server),
            outbound_proxy: self.outbound_proxy,
            outbound_proxy_resolves: asked(self.outbound_proxy_resolves),
            https_only: asked(self.https_only),
            ..layer
        }
    }
}
