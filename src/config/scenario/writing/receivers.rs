//! Receivers as tables of a scenario file, and the neighbours who have some.

use super::{super::receivers::percentile_name, Lines, list, micros, range, span, text};
use crate::{
    domain::ordering::Ordering,
    sim::{
        neighbours::Neighbour,
        network::{Group, Outage, OutageKind, Receiver},
        units::shown_share,
    },
    time::Span,
};

/// Another application, in a table of its own.
pub(super) fn write_neighbour(lines: &mut Lines, neighbour: &Neighbour) {
    lines.table("[[neighbour]]");
    lines.key("events", neighbour.events);
    lines.key("every", span(neighbour.every));
    if let Some(after) = neighbour.deleted_after {
        lines.key("deleted_after", span(after));
    }
    lines.unless("shares_hosts", neighbour.shares_hosts, false);
    lines.unless("operational_events", neighbour.hears_news, false);
    lines.unless("older", neighbour.is_older, false);
    for group in &neighbour.receivers {
        lines.table("[[neighbour.endpoint]]");
        endpoint(lines, group);
    }
}

/// What a group of receivers is like, below the name of its table.
pub(super) fn endpoint(lines: &mut Lines, group: &Group) {
    let receiver = &group.receiver;
    lines.key("name", text(&group.name));
    lines.unless("count", group.count, 1);
    lines.key("latency", latency(receiver));
    for (key, share) in [
        ("errors", receiver.failures),
        ("timeouts", receiver.timeouts),
        ("refusals", receiver.refusals),
        ("gone", receiver.gone),
    ] {
        if share > 0 {
            lines.key(key, text(&shown_share(share)));
        }
    }
    if let Some(rate) = receiver.throttle_rate {
        lines.key("throttle_rate", rate);
    }
    if receiver.ordering != Ordering::default() {
        lines.key("ordering", text(receiver.ordering.name()));
    }
    if let Some(status) = receiver.status {
        lines.key("status", status);
    }
    if let Some(seconds) = receiver.retry_after_s {
        let wait = Span::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        lines.key("retry_after", span(wait));
    }
    let outages = list(receiver.outages.iter().map(outage));
    lines.unless("outages", outages, "[]".to_owned());
}

fn latency(receiver: &Receiver) -> String {
    if receiver.latency_points.is_empty() {
        return range((receiver.latency_min_us, receiver.latency_max_us));
    }
    let points = receiver.latency_points.iter().map(|(share, at_us)| {
        let name = percentile_name(*share);
        format!("{name} = {}", text(&micros(*at_us)))
    });
    let least = format!("min = {}", text(&micros(receiver.latency_min_us)));
    let most = format!("max = {}", text(&micros(receiver.latency_max_us)));
    let parts: Vec<String> = [least].into_iter().chain(points).chain([most]).collect();
    format!("{{ {} }}", parts.join(", "))
}

fn outage(outage: &Outage) -> String {
    let (from, lasts) = (span(outage.from), span(outage.lasts));
    let kind = outage_kind(outage.kind);
    format!("{{ from = {from}, for = {lasts}, kind = {kind} }}")
}

/// What attempts meet in an outage.
pub(super) fn outage_kind(kind: OutageKind) -> String {
    text(match kind {
        OutageKind::Refuses => "refuses",
        OutageKind::Silent => "silent",
        OutageKind::Fails => "fails",
        OutageKind::NameUnknown => "name_unknown",
        OutageKind::NameUnanswered => "name_unanswered",
        OutageKind::NameAstray => "name_astray",
        OutageKind::NameElsewhere => "name_elsewhere",
        OutageKind::Certificate => "certificate",
        OutageKind::Handshake => "handshake",
    })
}
