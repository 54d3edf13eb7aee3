//! What happened around one event as a picture of lanes: the producer, the process and the receivers
//! side by side, time downwards. Each row is one sighting, so that what lies days apart is seen as well
//! as what lies milliseconds apart.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use super::chart::{WIDTH, escaped};
use crate::{
    domain::{audit::Act, event::EventPosition, outcome::OutcomeKind},
    sim::{
        Report, Scenario,
        logbook::{DeliveryPlace, Logbook, Sighting},
        oracle::End,
        units::readable_span,
    },
    time::Span,
};

/// Rows of a picture; of more the middle is left out.
const ROWS_MAX: usize = 44;
/// Rows that are kept of the beginning where the middle is left out.
const ROWS_OF_BEGINNING: usize = 12;
/// Receivers of a picture.
const RECEIVERS_MAX: usize = 4;
/// From one row to the next, in pixels.
const ROW: i64 = 22;
/// Above the first row, in pixels.
const HEAD: i64 = 60;

/// What a picture of lanes is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Focus {
    /// Why it is drawn.
    pub(super) title: String,
    /// The event; the end of the run if there is none.
    event: Option<EventPosition>,
    /// The endpoint, if it is about one.
    ordinal: Option<u32>,
}

impl Focus {
    /// What did not hold first, or else the delivery that took longest; nothing if there is none.
    pub(super) fn of(report: &Report, logbook: &Logbook) -> Option<Self> {
        if let Some(found) = report.violations.first() {
            let named = logbook.events.iter();
            let mut named = named.filter(|(_, id)| found.what.contains(&id.to_string()));
            return Some(Self {
                title: format!("around what did not hold: {found}"),
                event: named.next().map(|(position, _)| *position),
                ordinal: None,
            });
        }
        let ((position, ordinal), took) = slowest(logbook)?;
        let event = logbook.events.get(&position)?;
        Some(Self {
            title: format!("the slowest delivery: {event}, {}", readable_span(took)),
            event: Some(position),
            ordinal: Some(ordinal),
        })
    }

    fn has(&self, (position, ordinal): DeliveryPlace) -> bool {
        self.event.is_none_or(|event| event == position)
            && self.ordinal.is_none_or(|wanted| wanted == ordinal)
    }
}

/// The delivery that took longest, and how long.
fn slowest(logbook: &Logbook) -> Option<(DeliveryPlace, Span)> {
    let mut accepted = std::collections::BTreeMap::new();
    let mut delivered = BTreeSet::new();
    let mut most: Option<(DeliveryPlace, Span)> = None;
    for (at, sighting) in &logbook.entries {
        match sighting {
            Sighting::Accepted(position, ..) => {
                accepted.insert(*position, *at);
            }
            Sighting::Answered(attempt, OutcomeKind::Status(200..=299), _) => {
                let first = delivered.insert(attempt.delivery);
                let since = accepted.get(&attempt.delivery.0).filter(|_| first);
                let took = since.map(|since| at.as_micros() - since.as_micros());
                let took = took.map(Span::from_micros);
                if let Some(took) = took
                    && most.is_none_or(|(_, most)| took > most)
                {
                    most = Some((attempt.delivery, took));
                }
            }
            _ => {}
        }
    }
    most
}

/// A row of the picture.
struct Row {
    at: Span,
    what: What,
}

/// What a row shows.
enum What {
    /// From a lane to a lane, and how it went.
    Arrow(usize, usize, String, &'static str),
    /// On a lane.
    Mark(usize, String, &'static str),
    /// So many rows are left out.
    Gap(usize),
}

const PRODUCER: usize = 0;
const PROCESS: usize = 1;
const WELL: &str = "#047857";
const FAILED: &str = "#b91c1c";
const PLAIN: &str = "#374151";

/// The picture, and how high it is.
pub(super) fn lanes(scenario: &Scenario, logbook: &Logbook, focus: &Focus) -> (String, i64) {
    let entries = entries(logbook, focus);
    let mut receivers: Vec<u32> = Vec::new();
    for (_, sighting) in &entries {
        if let Some((_, ordinal)) = place(sighting)
            && !receivers.contains(&ordinal)
            && receivers.len() < RECEIVERS_MAX
        {
            receivers.push(ordinal);
        }
    }
    receivers.sort_unstable();
    let rows = rows(&entries, logbook, focus, &receivers);
    let mut names = vec!["producer".to_owned(), "process".to_owned()];
    names.extend(
        receivers
            .iter()
            .map(|ordinal| receiver_name(scenario, *ordinal)),
    );
    let high = HEAD + ROW * i64::try_from(rows.len()).unwrap_or(0) + 20;
    (drawn(&names, &rows, &focus.title, high), high)
}

/// The sightings that the picture is about.
fn entries(logbook: &Logbook, focus: &Focus) -> Vec<(Span, Sighting)> {
    let asked = focus.event.and_then(|event| asked(logbook, event));
    let is_of_event = |sighting: &Sighting| match sighting {
        Sighting::Asked(number) => focus.event.is_none() || Some(*number) == asked,
        Sighting::Told(number, _) => focus.event.is_none() || Some(*number) == asked,
        Sighting::Accepted(position, ..) => focus.event.is_none_or(|event| event == *position),
        life if is_of_life(life) => true,
        other => place(other).is_some_and(|delivery| focus.has(delivery)),
    };
    let all = logbook.entries.iter();
    let mut found: Vec<_> = all
        .filter(|(_, sighting)| is_of_event(sighting))
        .copied()
        .collect();
    // Deaths before it and after it tell nothing of it.
    if focus.event.is_some() {
        let mut places = (0..found.len()).filter(|place| {
            found
                .get(*place)
                .is_some_and(|(_, sighting)| !is_of_life(sighting))
        });
        let first = places.next().unwrap_or(0);
        let last = places.next_back().unwrap_or(first);
        found = found
            .get(first..=last)
            .map(<[_]>::to_vec)
            .unwrap_or_default();
    } else {
        found.drain(..found.len().saturating_sub(ROWS_MAX));
    }
    found
}

/// Whether it is of the process alone.
const fn is_of_life(sighting: &Sighting) -> bool {
    matches!(
        sighting,
        Sighting::Died | Sighting::Stopped | Sighting::Started
    )
}

/// The number under which a producer asked for an event.
fn asked(logbook: &Logbook, event: EventPosition) -> Option<u32> {
    let id = logbook.events.get(&event)?;
    logbook
        .entries
        .iter()
        .find_map(|(_, sighting)| match sighting {
            Sighting::Told(number, told) if told == id => Some(*number),
            _ => None,
        })
}

const fn place(sighting: &Sighting) -> Option<DeliveryPlace> {
    match sighting {
        Sighting::Sent(attempt) | Sighting::Answered(attempt, ..) => Some(attempt.delivery),
        Sighting::Ended(delivery, ..) => Some(*delivery),
        _ => None,
    }
}

fn rows(
    entries: &[(Span, Sighting)],
    logbook: &Logbook,
    focus: &Focus,
    receivers: &[u32],
) -> Vec<Row> {
    let lane = |(_, ordinal): DeliveryPlace| {
        let found = receivers.iter().position(|receiver| *receiver == ordinal);
        found.map(|place| place + 2)
    };
    let about = |position: EventPosition| match (focus.event, logbook.events.get(&position)) {
        (None, Some(id)) => format!(" of {id}"),
        _ => String::new(),
    };
    let row = |(at, sighting): &(Span, Sighting)| {
        let what = match sighting {
            Sighting::Asked(number) => {
                What::Arrow(PRODUCER, PROCESS, format!("event {number}"), PLAIN)
            }
            Sighting::Told(..) => What::Arrow(PROCESS, PRODUCER, "accepted".to_owned(), WELL),
            Sighting::Accepted(position, ..) => {
                What::Mark(PROCESS, format!("durable{}", about(*position)), WELL)
            }
            // What is to be made shows when it is accepted, and when it is sent.
            Sighting::Opened(..) => return None,
            Sighting::Sent(attempt) => {
                let of = about(attempt.delivery.0);
                let text = format!("attempt {}{of}", attempt.number);
                What::Arrow(PROCESS, lane(attempt.delivery)?, text, PLAIN)
            }
            Sighting::Answered(attempt, kind, is_heard) => {
                let mut text = outcome(*kind);
                if !is_heard {
                    text.push_str(", and nobody hears it");
                }
                let is_well = matches!(kind, OutcomeKind::Status(200..=299));
                let color = if is_well { WELL } else { FAILED };
                What::Arrow(lane(attempt.delivery)?, PROCESS, text, color)
            }
            Sighting::Ended(delivery, end, _) => {
                lane(*delivery)?;
                let (word, color) = match end {
                    End::Succeeded => ("succeeded", WELL),
                    End::Exhausted => ("exhausted", FAILED),
                    End::Expired => ("expired", FAILED),
                    End::SetAside(Act::Skip) => ("skipped", FAILED),
                    End::SetAside(Act::Park) => ("parked", FAILED),
                    End::CalledOff => ("called off", FAILED),
                };
                What::Mark(PROCESS, format!("{word} is durable"), color)
            }
            Sighting::Died => What::Mark(PROCESS, "the process dies".to_owned(), FAILED),
            Sighting::Stopped => What::Mark(PROCESS, "the process ends".to_owned(), PLAIN),
            Sighting::Started => What::Mark(PROCESS, "the process works".to_owned(), WELL),
        };
        Some(Row { at: *at, what })
    };
    let mut rows: Vec<Row> = entries.iter().filter_map(row).collect();
    if rows.len() > ROWS_MAX {
        let until = rows.len() - (ROWS_MAX - ROWS_OF_BEGINNING - 1);
        let at = rows.get(until).map_or(Span::ZERO, |row| row.at);
        let left_out = until - ROWS_OF_BEGINNING;
        let gap = Row {
            at,
            what: What::Gap(left_out),
        };
        rows.splice(ROWS_OF_BEGINNING..until, [gap]);
    }
    rows
}

fn outcome(kind: OutcomeKind) -> String {
    match kind {
        OutcomeKind::Status(status) => status.to_string(),
        other => other.name().to_owned(),
    }
}

/// What the receiver of an ordinal is called.
fn receiver_name(scenario: &Scenario, ordinal: u32) -> String {
    let mut from = 0;
    for group in &scenario.receivers {
        if ordinal < from + group.count {
            return if group.count == 1 {
                group.name.clone()
            } else {
                format!("{} {}", group.name, ordinal - from + 1)
            };
        }
        from += group.count;
    }
    format!("receiver {}", ordinal + 1)
}

fn drawn(names: &[String], rows: &[Row], title: &str, high: i64) -> String {
    let lanes = i64::try_from(names.len()).unwrap_or(2);
    let lane_x = |lane: usize| {
        let lane = i64::try_from(lane).unwrap_or(0);
        170 + (WIDTH - 250) * lane / (lanes - 1).max(1)
    };
    let mut out = String::new();
    _ = write!(
        out,
        "<text x=\"0\" y=\"16\" font-weight=\"600\">{}</text>",
        escaped(title)
    );
    for (lane, name) in names.iter().enumerate() {
        let (x, name) = (lane_x(lane), escaped(name));
        _ = write!(
            out,
            "<text x=\"{x}\" y=\"42\" text-anchor=\"middle\">{name}</text>\
             <path d=\"M{x} 50V{}\" stroke=\"#9ca3af\"/>",
            high - 10
        );
    }
    for (number, row) in (0_i64..).zip(rows) {
        let y = HEAD + ROW * number + 10;
        let at = escaped(&readable_span(row.at));
        _ = write!(
            out,
            "<text x=\"110\" y=\"{}\" text-anchor=\"end\" fill=\"#6b7280\">{at}</text>",
            y + 4
        );
        match &row.what {
            What::Arrow(from, to, text, color) => {
                let (from, to) = (lane_x(*from), lane_x(*to));
                let (head, side) = if to > from { (to - 7, 1) } else { (to + 7, -1) };
                // Beside its beginning, where no other lane is crossed.
                let middle = (from * 2 + to + side * 4) / 3;
                _ = write!(
                    out,
                    "<path d=\"M{from} {y}H{to}M{head} {}L{to} {y}L{head} {}\" fill=\"none\" \
                     stroke=\"{color}\"/><text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" \
                     fill=\"{color}\">{}</text>",
                    y - 4,
                    y + 4,
                    y - 3,
                    escaped(text)
                );
            }
            What::Mark(lane, text, color) => {
                let x = lane_x(*lane);
                _ = write!(
                    out,
                    "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{color}\"/>\
                     <text x=\"{}\" y=\"{}\" fill=\"{color}\">{}</text>",
                    x + 10,
                    y + 4,
                    escaped(text)
                );
            }
            What::Gap(left_out) => {
                let x = lane_x(PROCESS);
                _ = write!(
                    out,
                    "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#6b7280\">… {left_out} \
                     rows …</text>",
                    y + 4
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::simulate::rehearsed::rehearsed, config::scenario::ScenarioFile, sim::Found};

    const SCENARIO: &str = "\
        [traffic]\nbursts = [{ at = \"0s\", events = 3 }]\n\
        [[endpoint]]\nname = \"flaky\"\noutages = [{ from = \"0s\", for = \"3m\" }]\n\
        [[endpoint]]\nname = \"well\"\ncount = 2\n";

    fn run() -> (Scenario, Report, Logbook) {
        let scenario = ScenarioFile::read(SCENARIO).expect("it is one").scenario;
        let (run, logbook) = rehearsed(&scenario).expect("it runs");
        (scenario, run.report, logbook)
    }

    #[test]
    fn the_slowest_delivery_is_shown_from_the_ask_to_its_end() {
        let (scenario, report, logbook) = run();
        let focus = Focus::of(&report, &logbook).expect("something was delivered");
        assert!(
            focus.title.starts_with("the slowest delivery: msg_"),
            "{focus:?}"
        );
        let (drawn, _) = lanes(&scenario, &logbook, &focus);
        for text in [
            "producer",
            "flaky",
            "event ",
            "durable",
            "accepted",
            "attempt 1",
            "refused",
            ">200<",
        ] {
            assert!(drawn.contains(text), "{text}: {drawn}");
        }
        assert!(!drawn.contains("well"), "{drawn}");
    }

    #[test]
    fn what_did_not_hold_is_shown_with_all_receivers_of_its_event() {
        let (scenario, report, logbook) = run();
        let (_, id) = logbook.events.iter().nth(1).expect("there are three");
        let found = Found {
            invariant: "I9".to_owned(),
            seed: 1,
            what: format!("something about {id} <and> more"),
        };
        let report = Report {
            violations: vec![found],
            ..report
        };
        let focus = Focus::of(&report, &logbook).expect("it is about something");
        let (drawn, high) = lanes(&scenario, &logbook, &focus);
        for text in [
            "I9: something about",
            "&lt;and&gt;",
            "flaky",
            "well 1",
            "well 2",
            "event 1",
        ] {
            assert!(drawn.contains(text), "{text}: {drawn}");
        }
        assert!(high > 300, "{high}");
    }

    #[test]
    fn of_a_long_story_the_middle_is_left_out_and_counted() {
        let (scenario, report, logbook) = run();
        let found = Found {
            invariant: "L6".to_owned(),
            seed: 1,
            what: "the run does not come to an end".to_owned(),
        };
        let report = Report {
            violations: vec![found],
            ..report
        };
        let focus = Focus::of(&report, &logbook).expect("it is about the end");
        let (drawn, high) = lanes(&scenario, &logbook, &focus);
        assert!(drawn.contains("succeeded is durable"), "{drawn}");
        assert!(high <= HEAD + ROW * 45 + 20, "{high}");
        let slowest = Focus {
            title: String::new(),
            event: None,
            ordinal: None,
        };
        let mut all = logbook.clone();
        all.entries = logbook.entries.iter().cycle().take(200).copied().collect();
        let kept = entries(&all, &slowest);
        assert_eq!(kept.len(), ROWS_MAX);
    }
}
