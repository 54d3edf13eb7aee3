//! Integration tests, one binary: each module is a theme.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read clocks and start tasks"
)]

mod admin_listen;
mod api_sockets;
mod api_v1;
mod client_commands;
mod client_keys;
mod client_listen;
mod client_terminal;
mod client_tls;
mod command_line;
mod determinism;
mod drive;
mod engine;
mod engine_application_rate;
mod engine_applications;
mod engine_bounds;
mod engine_circuit;
mod engine_crowd;
mod engine_enabled_again;
mod engine_endpoints;
mod engine_expunge;
mod engine_figures;
mod engine_flight;
mod engine_host;
mod engine_later;
mod engine_later_edges;
mod engine_model;
mod engine_moved;
mod engine_once;
mod engine_order;
mod engine_order_changes;
mod engine_outbox;
mod engine_outbox_shards;
mod engine_payload_time;
mod engine_rate;
mod engine_records;
mod engine_resend;
mod engine_resend_ahead;
mod engine_resend_beside;
mod engine_rings;
mod engine_set_aside;
mod engine_slow;
mod engine_task;
mod engine_timing;
mod fuzz;
mod ingress;
mod journal;
mod metrics;
mod openapi;
mod original;
mod process;
mod recording;
mod rehearsal;
mod rehearsal_verdict;
mod restart;
mod server;
mod sockets;
mod store_commands;
mod store_contract;
mod store_full;
mod store_retention;
mod support;
mod transport;
