//! Charts over virtual time as SVG, drawn with integers: coordinates are tenths of a pixel.

use core::fmt::Write as _;

use super::series::Series;
use crate::{
    sim::{
        Scenario,
        units::{grouped, shown_span},
    },
    time::Span,
};

/// The width of a picture, in pixels.
pub(super) const WIDTH: i64 = 960;
/// The height of a chart with its title and its axis, in pixels.
pub(super) const HEIGHT: i64 = 190;
/// Where the plot lies in it, in tenths of a pixel.
const LEFT: i64 = 700;
const RIGHT: i64 = 9_450;
const TOP: i64 = 340;
const BOTTOM: i64 = 1_620;
/// Groups that are drawn; a picture of more would show none of them.
const GROUPS_MAX: usize = 6;
/// The colours of the groups.
const COLORS: [&str; GROUPS_MAX] = [
    "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2",
];
/// Steps between the marks of the time axis, in seconds.
const TIME_STEPS: [i64; 22] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    172_800, 432_000, 864_000, 2_592_000, 8_640_000, 31_536_000,
];
/// Marks of an axis of times that grows by powers, in microseconds.
const TIME_MARKS: [u64; 11] = [
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    21_600_000_000,
    86_400_000_000,
    864_000_000_000,
];

/// All charts of a run, one below the other; what is drawn is `HEIGHT` times their number high.
pub(super) fn charts(scenario: &Scenario, series: &Series) -> Vec<String> {
    vec![
        counts(scenario, series, "open deliveries", |line| &line.backlog),
        counts(scenario, series, "attempts within one second", |line| {
            &line.sends
        }),
        latencies(scenario, series),
        outcomes(scenario, series),
    ]
}

/// A text as it stands in SVG and HTML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// A number of tenths.
fn tenths(value: i64) -> String {
    format!("{}.{}", value / 10, value % 10)
}

/// Where a time stands.
fn x_of(at: Span, lasts: Span) -> i64 {
    let width = i128::from(RIGHT - LEFT);
    let along = i128::from(at.as_micros()) * width / i128::from(lasts.as_micros().max(1));
    let along = i64::try_from(along).unwrap_or(0);
    LEFT + along.clamp(0, RIGHT - LEFT)
}

/// Where the stretch with this number begins.
fn x_of_stretch(number: usize, count: usize) -> i64 {
    let number = i64::try_from(number).unwrap_or(0);
    let count = i64::try_from(count).unwrap_or(1).max(1);
    LEFT + (RIGHT - LEFT) * number / count
}

/// Where a part of the whole height stands.
fn y_of(part: u64, whole: u64) -> i64 {
    let height = u128::from((BOTTOM - TOP).unsigned_abs());
    let up = u128::from(part.min(whole)) * height / u128::from(whole.max(1));
    BOTTOM - i64::try_from(up).unwrap_or(0)
}

/// The least round number that is not below this one.
fn round_up(value: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 4, 5, 8, 10] {
            let round = power.saturating_mul(step);
            if round >= value {
                return round;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// A text at a place.
fn label(out: &mut String, (x, y): (i64, i64), anchor: &str, class: &str, text: &str) {
    let (x, y, text) = (tenths(x), tenths(y), escaped(text));
    _ = write!(
        out,
        "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\"{class}>{text}</text>"
    );
}

/// The title, the shades of what goes wrong, the axis of time and the legend.
fn frame(scenario: &Scenario, series: &Series, title: &str) -> String {
    let mut out = String::new();
    label(
        &mut out,
        (LEFT, 160),
        "start",
        " font-weight=\"600\"",
        title,
    );
    let outages = scenario
        .receivers
        .iter()
        .flat_map(|group| &group.receiver.outages);
    let outages = outages.map(|outage| (outage.from, outage.until(), "#fee2e2"));
    let down = series
        .down
        .iter()
        .map(|(from, until)| (*from, *until, "#d1d5db"));
    for (from, until, color) in outages.chain(down) {
        let (from, until) = (x_of(from, series.lasts), x_of(until, series.lasts));
        let (x, width) = (tenths(from), tenths((until - from).max(10)));
        let (y, height) = (tenths(TOP), tenths(BOTTOM - TOP));
        _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{color}\"/>"
        );
    }
    let seconds = series.lasts.as_micros() / 1_000_000;
    let step = TIME_STEPS.into_iter().find(|step| seconds / step <= 10);
    let step = step.unwrap_or(31_536_000);
    for mark in 0..=seconds / step {
        let at = Span::from_seconds(mark * step);
        let x = x_of(at, series.lasts);
        let (line, bottom, below) = (tenths(x), tenths(BOTTOM), tenths(BOTTOM + 40));
        _ = write!(
            out,
            "<path d=\"M{line} {bottom}V{below}\" stroke=\"#9ca3af\"/>"
        );
        label(&mut out, (x, BOTTOM + 170), "middle", "", &shown_span(at));
    }
    legend(&mut out, series);
    out
}

fn legend(out: &mut String, series: &Series) {
    let named = series.groups().iter().filter(|line| !line.name.is_empty());
    let mut x = RIGHT;
    let pairs: Vec<_> = named.zip(COLORS).collect();
    for (line, color) in pairs.into_iter().rev() {
        label(
            out,
            (x, 160),
            "end",
            &format!(" fill=\"{color}\""),
            &line.name,
        );
        let letters = i64::try_from(line.name.chars().count()).unwrap_or(0);
        x -= letters * 68 + 160;
    }
}

/// A horizontal line with its value.
fn mark(out: &mut String, y: i64, text: &str) {
    let (left, right, at) = (tenths(LEFT), tenths(RIGHT), tenths(y));
    _ = write!(out, "<path d=\"M{left} {at}H{right}\" stroke=\"#e5e7eb\"/>");
    label(out, (LEFT - 60, y + 40), "end", "", text);
}

/// A line of steps; where there is no value it is broken.
fn steps(heights: &[Option<i64>], color: &str) -> String {
    let count = heights.len();
    let mut path = String::new();
    let mut before = None;
    for (number, y) in heights.iter().enumerate() {
        let until = tenths(x_of_stretch(number + 1, count));
        match (*y, before) {
            (Some(y), None) => {
                let from = tenths(x_of_stretch(number, count));
                _ = write!(path, "M{from} {}H{until}", tenths(y));
            }
            (Some(y), Some(same)) if y == same => _ = write!(path, "H{until}"),
            (Some(y), Some(_)) => _ = write!(path, "V{}H{until}", tenths(y)),
            (None, _) => {}
        }
        before = *y;
    }
    format!("<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>")
}

fn counts(
    scenario: &Scenario,
    series: &Series,
    title: &str,
    of: impl Fn(&super::series::Line) -> &Vec<u64>,
) -> String {
    let mut out = frame(scenario, series, title);
    let groups = series.groups().iter().zip(COLORS);
    let most = series.groups().iter().take(GROUPS_MAX).flat_map(&of).max();
    let top = round_up(most.copied().unwrap_or(0).max(1));
    for part in [0, top / 2, top] {
        if part == 0 || part == top || top.is_multiple_of(2) {
            mark(&mut out, y_of(part, top), &grouped(part));
        }
    }
    for (line, color) in groups {
        let heights = of(line).iter().map(|value| Some(y_of(*value, top)));
        let heights: Vec<Option<i64>> = heights.collect();
        out.push_str(&steps(&heights, color));
    }
    out
}

/// The logarithm to the base of two in parts of 256, which is what a height on such an axis needs.
fn logarithm(value: u64) -> u64 {
    let Some(power) = value.checked_ilog2() else {
        return 0;
    };
    let part = (u128::from(value) << 8) >> power;
    u64::from(power) * 256 + u64::try_from(part).unwrap_or(256) - 256
}

fn latencies(scenario: &Scenario, series: &Series) -> String {
    let title =
        "time to delivery by when the event was accepted: half, and all but one in a hundred";
    let mut out = frame(scenario, series, title);
    let took = |line: &super::series::Line| line.took.clone();
    let most = series
        .groups()
        .iter()
        .take(GROUPS_MAX)
        .flat_map(took)
        .flatten();
    let most = most.map(|(_, most)| most).max().unwrap_or(0).max(2_000);
    let (least, top) = (logarithm(1_000), logarithm(most));
    let height = |value: u64| {
        let value = logarithm(value.max(1_000));
        y_of(value - least, top - least)
    };
    for value in TIME_MARKS.into_iter().filter(|value| *value <= most) {
        let span = Span::from_micros(i64::try_from(value).unwrap_or(0));
        mark(&mut out, height(value), &shown_span(span));
    }
    for (line, color) in series.groups().iter().zip(COLORS) {
        let half = line
            .took
            .iter()
            .map(|took| took.map(|(half, _)| height(half)));
        let most = line
            .took
            .iter()
            .map(|took| took.map(|(_, most)| height(most)));
        let faint = format!("{color}\" stroke-opacity=\"0.45");
        out.push_str(&steps(&most.collect::<Vec<_>>(), &faint));
        out.push_str(&steps(&half.collect::<Vec<_>>(), color));
    }
    out
}

/// What came of the attempts to each group: well above the line, failed below it.
fn outcomes(scenario: &Scenario, series: &Series) -> String {
    let mut out = frame(
        scenario,
        series,
        "attempts in each 240th of the time: with 2xx above each line, without below",
    );
    let groups: Vec<_> = series.groups().iter().zip(COLORS).collect();
    let rows = i64::try_from(groups.len()).unwrap_or(1).max(1);
    let row = (BOTTOM - TOP) / rows;
    for (number, (line, color)) in (0_i64..).zip(groups) {
        let most = line
            .answered
            .iter()
            .map(|(well, failed)| (*well).max(*failed));
        let most = most.max().unwrap_or(0).max(1);
        let middle = TOP + row * number + row / 2;
        let reach = (row / 2 - 10).unsigned_abs();
        let (left, right, at) = (tenths(LEFT), tenths(RIGHT), tenths(middle));
        _ = write!(out, "<path d=\"M{left} {at}H{right}\" stroke=\"#9ca3af\"/>");
        label(
            &mut out,
            (LEFT - 60, middle + 40),
            "end",
            "",
            &grouped(most),
        );
        let count = line.answered.len();
        let bars = |is_failed: bool| {
            let mut path = String::new();
            for (place, (well, failed)) in line.answered.iter().enumerate() {
                let value = if is_failed { *failed } else { *well };
                if value == 0 {
                    continue;
                }
                let length = u128::from(value) * u128::from(reach) / u128::from(most);
                let length = i64::try_from(length).unwrap_or(0).max(5);
                let end = if is_failed {
                    middle + length
                } else {
                    middle - length
                };
                let from = tenths(x_of_stretch(place, count));
                let until = tenths(x_of_stretch(place + 1, count));
                _ = write!(path, "M{from} {at}V{}H{until}V{at}z", tenths(end));
            }
            path
        };
        let (well, failed) = (bars(false), bars(true));
        _ = write!(
            out,
            "<path d=\"{well}\" fill=\"{color}\"/><path d=\"{failed}\" fill=\"#b91c1c\" fill-opacity=\"0.6\"/>"
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (value, round) in [
            (1, 1),
            (3, 4),
            (5, 5),
            (9, 10),
            (11, 20),
            (410, 500),
            (801, 1_000),
        ] {
            assert_eq!(round_up(value), round);
        }
        assert_eq!(round_up(0), 1);
    }

    #[test]
    fn logarithms_rise_and_are_exact_at_powers_of_two() {
        assert_eq!([1, 2, 4, 1_024].map(logarithm), [0, 256, 512, 2_560]);
        let all: Vec<u64> = (1..5_000).map(logarithm).collect();
        assert!(all.is_sorted());
        assert_eq!(logarithm(0), 0);
    }

    #[test]
    fn a_text_can_t_leave_its_place() {
        assert_eq!(escaped("<a b=\"&\">"), "&lt;a b=&quot;&amp;&quot;&gt;");
    }
}
