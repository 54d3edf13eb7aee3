//! What can be set about the engine, as data; the defaults are those of production.

use std::sync::Arc;

use crate::{
    limits,
    policy::{circuit_breaker::CircuitBreakerPolicy, retry::RetryPolicy},
    time::Span,
};

/// The engine's settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Fixes all randomness of the engine.
    pub seed: u64,
    /// The schedule of failed deliveries.
    pub retry: RetryPolicy,
    /// When attempts to a receiver that fails are held back; `None` if never.
    pub circuit_breaker: Option<CircuitBreakerPolicy>,
    /// How long attempts to an endpoint may fail, one after the other, until it is disabled; `None` if that
    /// does not happen.
    pub disable_after: Option<Span>,
    /// Attempts in flight over all endpoints.
    pub send_slots: usize,
    /// Attempts in flight to one endpoint, once earned.
    pub window_max: u16,
    /// Attempts in flight to one host over all endpoints, once earned; at least one.
    pub host_window_max: u16,
    /// Newest events in memory over all applications, in events.
    pub ring_events_max: usize,
    /// Newest events in memory over all applications, in payload bytes.
    pub ring_bytes_max: usize,
    /// Deliveries of one application that its part of the ring stands for: events times endpoints.
    /// A restart looks at so many attempts at most.
    pub ring_deliveries_max: usize,
    /// Rows of open deliveries of one application; beyond it failing endpoints wait at their cursors.
    pub open_rows_max: u64,
    /// Deliveries of an endpoint that wait for others of their line in rows of their own, at most: over
    /// it the endpoint waits at its cursor.
    pub ordered_held_max: usize,
    /// The longest time without a batch, so that the store knows what time it is; `None` for no
    /// such bound.
    pub heartbeat: Option<Span>,
    /// Bytes of changes gathered for the next batch of a shard; over it commands are refused.
    pub batch_bytes_max: usize,
    /// Rows of a loaded page.
    pub page_rows: usize,
    /// How long a result may wait for company before its batch goes by itself.
    pub record_delay: Span,
    /// Age at which open work expires.
    pub expires_after: Span,
    /// The fake event source, if it is on.
    pub generator: Option<GeneratorOptions>,
    /// The `uid` of the application whose batches are told as [`Observation`]s, if somebody listens.
    ///
    /// [`Observation`]: crate::domain::observation::Observation
    pub rounds: Option<Arc<str>>,
    /// The `uid` of the application that operational events are for; `None` for none. They wait while it
    /// is not there.
    pub operational: Option<Arc<str>>,
    /// The mistake that it makes.
    #[cfg(feature = "mutants")]
    pub mutant: Option<super::mutant::Mutant>,
}

/// The settings of the fake event source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorOptions {
    /// From one event to the next; positive.
    pub period: Span,
    /// The `uid` of the application the events are for; events begin one period after it is known.
    pub application: Arc<str>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 0,
            retry: RetryPolicy::default(),
            circuit_breaker: Some(CircuitBreakerPolicy::default()),
            disable_after: Some(Span::from_millis(limits::DISABLE_AFTER_MS)),
            send_slots: limits::SEND_SLOTS_MAX,
            window_max: limits::WINDOW_MAX,
            host_window_max: limits::HOST_WINDOW_MAX,
            ring_events_max: limits::RING_EVENTS_MAX,
            ring_bytes_max: limits::RING_BYTES_MAX,
            ring_deliveries_max: limits::RING_DELIVERIES_MAX,
            open_rows_max: limits::OPEN_ROWS_MAX,
            ordered_held_max: limits::ORDERED_HELD_MAX,
            heartbeat: None,
            batch_bytes_max: limits::BATCH_BYTES_MAX,
            page_rows: limits::PAGE_ROWS,
            record_delay: Span::from_millis(limits::RECORD_DELAY_MS),
            expires_after: Span::from_millis(limits::EXPIRES_AFTER_MS),
            generator: None,
            rounds: None,
            operational: None,
            #[cfg(feature = "mutants")]
            mutant: None,
        }
    }
}
