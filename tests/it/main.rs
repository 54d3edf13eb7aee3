//! Integration tests, one binary: each module is a theme.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read clocks and start tasks"
)]

mod api_v1;
mod command_line;
mod drive;
mod engine;
mod original;
mod server;
mod sockets;
mod store_contract;
mod support;
mod transport;
