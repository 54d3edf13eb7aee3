//! Which series there are. No label has a value that a tenant, an endpoint or a caller chooses, so
//! their number is the same whatever happens; `docs/operations.md` lists them.

use super::{Metrics, text::Page};
use crate::{
    domain::change::StoreMode,
    engine::{Figures, Standing, Stats, Tally},
    runtime::store_meter::StoreFigures,
};

/// Writes all of them; those of the engine only if it answered.
pub(super) fn write(page: &mut Page, metrics: &Metrics, figures: Option<&Figures>) {
    page.info(
        "fanfare_build",
        "The running program.",
        &[("version", env!("CARGO_PKG_VERSION"))],
    );
    page.gauge(
        "fanfare_engine_up",
        "Whether the engine answered; without it only the series of the server and the store are here.",
        figures.is_some().into(),
    );
    write_server(page, metrics);
    write_store(page, &metrics.store.figures());
    if let Some(figures) = figures {
        write_done(page, &figures.stats);
        write_attempts(page, &figures.tally, &figures.stats);
        write_standing(page, &figures.standing);
        write_memory(page, &figures.standing);
    }
}

fn write_server(page: &mut Page, metrics: &Metrics) {
    page.counters(
        ("fanfare_server_answers", "class"),
        "Answers to requests, by the class of their status.",
        metrics.answers.classes(),
    );
    page.counters(
        ("fanfare_server_refused", "code"),
        "Requests that were refused, by the code of the answer; unavailable, disk_full and rate_limited are shed load.",
        metrics.answers.refused(),
    );
    page.gauge(
        "fanfare_server_requests_in_flight",
        "Requests that have no answer yet, this one included.",
        metrics.answers.in_flight(),
    );
    page.gauge(
        "fanfare_server_connections",
        "Connections from clients that are open.",
        metrics.connections.count(),
    );
    page.gauge(
        "fanfare_server_request_bytes",
        "Bytes of bodies of requests that are held until they are answered.",
        counted(metrics.held.requests.held()),
    );
    page.gauge(
        "fanfare_server_answer_bytes",
        "Bytes of large answers that are held until their clients took them.",
        counted(metrics.held.answers.held()),
    );
}

fn write_store(page: &mut Page, store: &StoreFigures) {
    page.histogram(
        "fanfare_store_commit_seconds",
        "How long groups of batches took to become durable; none with the store in memory.",
        &store.commits,
    );
    page.counter(
        "fanfare_store_group_batches",
        "Batches in these groups.",
        store.batches,
    );
}

fn write_done(page: &mut Page, stats: &Stats) {
    page.counter(
        "fanfare_events_accepted",
        "Events that were accepted.",
        stats.events,
    );
    page.counters(
        ("fanfare_deliveries_ended", "state"),
        "Deliveries that ended, by how; one that was sent again by hand counts again.",
        [
            ("succeeded", stats.succeeded),
            ("exhausted", stats.exhausted),
            ("expired", stats.expired),
            ("set_aside", stats.set_aside),
        ],
    );
    page.counter(
        "fanfare_batches_committed",
        "Batches that became durable.",
        stats.commits,
    );
    page.counter(
        "fanfare_pages_loaded",
        "Pages that the engine asked the store for.",
        stats.loads,
    );
    page.counter(
        "fanfare_generator_skipped",
        "Events of the generator that could not be accepted.",
        stats.generator_skipped,
    );
    page.counter(
        "fanfare_operational_events_dropped",
        "Operational events that are not told, since too many were on their way.",
        stats.operational_dropped,
    );
}

fn write_attempts(page: &mut Page, tally: &Tally, stats: &Stats) {
    page.counter(
        "fanfare_attempts_started",
        "Attempts that were started.",
        stats.attempts,
    );
    page.counters(
        ("fanfare_attempts_ended", "outcome"),
        "Attempts that ended, by what they met.",
        tally.outcomes(),
    );
    page.counter(
        "fanfare_attempts_retried",
        "Attempts that failed and are followed by another one.",
        stats.retried,
    );
    page.gauge(
        "fanfare_circuits_open",
        "Endpoints that fail, to which attempts are held back or made one by one.",
        stats.circuits_open,
    );
    page.gauge(
        "fanfare_slow_attempts_in_flight",
        "Attempts in flight to receivers that are not known to answer soon.",
        stats.slow_in_flight,
    );
    page.gauge(
        "fanfare_hosts_full",
        "Hosts to which as many attempts are in flight as may be, over all endpoints on them.",
        stats.hosts_full,
    );
    page.histogram(
        "fanfare_attempt_duration_seconds",
        "From the start of an attempt to its end.",
        &tally.attempts,
    );
    page.histogram(
        "fanfare_delivery_latency_seconds",
        "From the acceptance of an event, or the time it is for, to the success of its delivery; without what was sent again by hand.",
        &tally.deliveries,
    );
}

fn write_standing(page: &mut Page, standing: &Standing) {
    page.seconds(
        "fanfare_oldest_waiting_delivery_seconds",
        "How long the delivery that waits longest might have been sent already; 0 if none waits.",
        standing.oldest_wait,
    );
    page.gauge(
        "fanfare_attempts_in_flight",
        "Attempts in flight.",
        counted(standing.in_flight),
    );
    page.gauge(
        "fanfare_send_slots",
        "Most attempts in flight.",
        counted(standing.send_slots),
    );
    page.gauges(
        ("fanfare_endpoints", "state"),
        "Endpoints, by whether they are sent to.",
        [
            (
                "enabled",
                counted(standing.endpoints - standing.endpoints_disabled),
            ),
            ("disabled", counted(standing.endpoints_disabled)),
        ],
    );
    page.gauges(
        ("fanfare_lanes", "state"),
        "Endpoints that have something to start, that wait for a time, and that read what they send from the store.",
        [
            ("ready", counted(standing.lanes_ready)),
            ("asleep", counted(standing.lanes_asleep)),
            ("lagging", counted(standing.lanes_lagging)),
        ],
    );
    page.gauge(
        "fanfare_open_deliveries",
        "Deliveries that have a row of their own, most of them since they wait for a retry.",
        standing.open_rows,
    );
}

fn write_memory(page: &mut Page, standing: &Standing) {
    page.gauge(
        "fanfare_ring_events",
        "Events that are in memory.",
        counted(standing.ring_events),
    );
    page.gauge(
        "fanfare_ring_bytes",
        "Bytes of their payloads.",
        counted(standing.ring_bytes),
    );
    page.gauge(
        "fanfare_batches_waiting",
        "Batches that are on their way to the store.",
        counted(standing.batches_waiting),
    );
    page.gauge(
        "fanfare_gathered_bytes",
        "Bytes of changes that are gathered for the next batches.",
        counted(standing.gathered_bytes),
    );
    let modes = [
        ("normal", StoreMode::Normal),
        ("reserve", StoreMode::Reserve),
        ("read_only", StoreMode::ReadOnly),
    ];
    page.state(
        "fanfare_store_mode",
        "What the store has room for: everything, results only, nothing.",
        modes.map(|(word, mode)| (word, mode == standing.store_mode)),
    );
}

fn counted(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
