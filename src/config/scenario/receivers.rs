//! The receivers of a scenario file: each table `[[endpoint]]` is a group of them that are alike.

use toml::de::DeValue;

use super::{
    going_wrong::span_range,
    reading::endpoints_end,
    section::{SPAN_MAX, Section, Value},
};
use crate::{
    domain::ordering::Ordering,
    sim::{
        network::{Group, Outage, OutageKind, Receiver, WHOLE},
        units::{self, SPAN_FORM},
    },
};

/// What attempts meet in an outage, by name.
pub(super) const OUTAGES: [(&str, OutageKind); 9] = [
    ("refuses", OutageKind::Refuses),
    ("silent", OutageKind::Silent),
    ("fails", OutageKind::Fails),
    ("name_unknown", OutageKind::NameUnknown),
    ("name_unanswered", OutageKind::NameUnanswered),
    ("name_astray", OutageKind::NameAstray),
    ("name_elsewhere", OutageKind::NameElsewhere),
    ("certificate", OutageKind::Certificate),
    ("handshake", OutageKind::Handshake),
];

/// What an endpoint keeps in order, by name.
pub(super) const ORDERINGS: [(&str, Ordering); 3] = [
    (Ordering::ByKey.name(), Ordering::ByKey),
    (Ordering::Whole.name(), Ordering::Whole),
    (Ordering::Free.name(), Ordering::Free),
];

/// Reads all groups.
pub(super) fn groups(root: &Section<'_>) -> Vec<Group> {
    let sections = root.sections("endpoint");
    let mut groups: Vec<Group> = Vec::new();
    for (number, section) in sections.iter().enumerate() {
        let name = section.text("name");
        let name = name.map_or_else(|| format!("endpoint-{}", number + 1), str::to_owned);
        if !is_name(&name) {
            section.object_to("name", "a name has 1 to 40 letters, digits, `_` and `-`");
        } else if groups.iter().any(|group| group.name == name) {
            section.object_to("name", format!("two endpoints are called {name:?}"));
        }
        let count = section.small("count", 1..endpoints_end()).unwrap_or(1);
        let receiver = receiver(section);
        section.close();
        groups.push(Group {
            name,
            count,
            receiver,
        });
    }
    groups
}

fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=40).contains(&name.len()) && name.bytes().all(fits)
}

fn receiver(section: &Section<'_>) -> Receiver {
    let mut receiver = Receiver {
        latency_min_us: 20_000,
        latency_max_us: 200_000,
        ..Receiver::default()
    };
    read_latency(section, &mut receiver);
    for (key, share) in [
        ("errors", &mut receiver.failures),
        ("timeouts", &mut receiver.timeouts),
        ("refusals", &mut receiver.refusals),
        ("gone", &mut receiver.gone),
    ] {
        *share = section.share(key).unwrap_or(0);
    }
    let shares = [
        receiver.failures,
        receiver.timeouts,
        receiver.refusals,
        receiver.gone,
    ];
    if shares.iter().sum::<u32>() > WHOLE {
        section.object("`errors`, `timeouts`, `refusals` and `gone` are over 100% together");
    }
    let status = section.integer("status", 400..600);
    receiver.status = status.and_then(|status| u16::try_from(status).ok());
    let rate = section.small("throttle_rate", 1..u32::from(u16::MAX) + 1);
    receiver.throttle_rate = rate.and_then(|rate| u16::try_from(rate).ok());
    receiver.ordering = section.one_of("ordering", &ORDERINGS).unwrap_or_default();
    if let Some(wait) = section.span("retry_after") {
        let micros = wait.as_micros();
        if micros % 1_000_000 == 0 {
            receiver.retry_after_s = u64::try_from(micros / 1_000_000).ok();
        } else {
            section.object_to(
                "retry_after",
                "`Retry-After` is in whole seconds, as \"30s\"",
            );
        }
    }
    let outages = section.sections("outages");
    receiver.outages = outages.iter().filter_map(outage).collect();
    receiver
}

fn outage(section: &Section<'_>) -> Option<Outage> {
    let from = section.span("from");
    let lasts = section.some_span("for");
    let kind = section
        .one_of("kind", &OUTAGES)
        .unwrap_or(OutageKind::Refuses);
    section.close();
    for (key, form) in [("from", "from = \"1h\""), ("for", "for = \"6h\"")] {
        if !section.has(key) {
            section.object(format!("an outage needs its `{key}`, as {form}"));
        }
    }
    let (from, lasts) = (from?, lasts?);
    Some(Outage { from, lasts, kind })
}

/// How long replies take: a time, a range, or points of a distribution.
fn read_latency(section: &Section<'_>, receiver: &mut Receiver) {
    let is_table = |value: Value<'_>| matches!(value.get_ref(), DeValue::Table(_));
    if !section.value("latency").is_some_and(is_table) {
        let range = span_range(section, "latency", SPAN_MAX);
        if let Some((least, most)) = range {
            (receiver.latency_min_us, receiver.latency_max_us) = (least, most);
        }
        return;
    }
    let Some(points) = section.section("latency") else {
        return;
    };
    let micros = |key: &'static str| {
        let span = points.span(key)?;
        u64::try_from(span.as_micros()).ok()
    };
    let least = micros("min").unwrap_or(0);
    let most = micros("max");
    let mut found: Vec<(u32, u64)> = Vec::new();
    for (key, value) in points.others() {
        let span = match value.get_ref() {
            DeValue::String(text) => units::span(text),
            _ => None,
        };
        let at_us = span.and_then(|span| u64::try_from(span.as_micros()).ok());
        match (percentile(key), at_us) {
            (Some(share), Some(at_us)) => found.push((share, at_us)),
            (None, _) => points.object_to(
                key,
                format!(
                    "unknown key `{}`: allowed are min, max and percentiles: p1 to p99, and between \
                     them with decimals behind two digits, as p999 for 99.9 or p005 for 0.5 per cent",
                    points.path(key)
                ),
            ),
            (Some(_), None) => {
                points.object_to(key, format!("`{}`: {SPAN_FORM}", points.path(key)))
            }
        }
    }
    found.sort_unstable();
    let Some(most) = most else {
        if !points.has("max") {
            points.object("a distribution needs its `max`, as max = \"5s\"");
        }
        return;
    };
    let times = found.iter().map(|(_, at_us)| *at_us);
    let times: Vec<u64> = [least].into_iter().chain(times).chain([most]).collect();
    if !times.is_sorted() {
        points.object("the times of a distribution rise from min over the percentiles to max");
    }
    receiver.latency_min_us = least;
    receiver.latency_max_us = most;
    receiver.latency_points = found;
}

/// Which part of ten thousand a percentile is: `p5` and `p50` per cent, `p999` and `p9999` more finely.
/// Each has one name, so that nobody takes `p100` for the whole and gets a tenth.
fn percentile(key: &str) -> Option<u32> {
    let digits = key.strip_prefix('p')?;
    let number: u32 = digits.parse().ok()?;
    let share = match digits.len() {
        1 | 2 => number * 100,
        3 => number * 10,
        4 => number,
        _ => return None,
    };
    let is_one = (1..WHOLE).contains(&share) && percentile_name(share) == key;
    is_one.then_some(share)
}

/// The name of the percentile that is this part of ten thousand.
pub(super) fn percentile_name(share: u32) -> String {
    match (share % 100, share % 10) {
        (0, _) => format!("p{}", share / 100),
        (_, 0) => format!("p{:03}", share / 10),
        _ => format!("p{share:04}"),
    }
}
