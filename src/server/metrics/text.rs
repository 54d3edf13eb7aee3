//! The text of a page of metrics, in either of the two forms that scrapers read.
//!
//! Own lines instead of a library: the numbers are integers, which no library for metrics takes, and
//! the older form is read by more scrapers than any of them writes.

use core::fmt::Write as _;

use crate::{domain::histogram::Histogram, time::Span};

/// In which form a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// The text of Prometheus, version 0.0.4.
    Prometheus,
}

impl Form {
    /// Its media type.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A page of metrics as it is written. Names, helps and labels are words of ours and never need an
/// escape.
pub(super) struct Page {
    text: String,
    form: Form,
}

impl Page {
    /// An empty one.
    pub(super) const fn new(form: Form) -> Self {
        Self {
            text: String::new(),
            form,
        }
    }

    /// Something that only grows; `name` is without `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, count: u64) {
        self.counted_head(name, help);
        self.sample(name, "_total", &[], count);
    }

    /// The same by the value of one label.
    pub(super) fn counters<'values>(
        &mut self,
        (name, label): (&str, &str),
        help: &str,
        counts: impl IntoIterator<Item = (&'values str, u64)>,
    ) {
        self.counted_head(name, help);
        for (value, count) in counts {
            self.sample(name, "_total", &[(label, value)], count);
        }
    }

    /// Something that goes up and down.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help, "gauge");
        self.sample(name, "", &[], value);
    }

    /// The same by the value of one label.
    pub(super) fn gauges<'values>(
        &mut self,
        (name, label): (&str, &str),
        help: &str,
        values: impl IntoIterator<Item = (&'values str, u64)>,
    ) {
        self.head(name, help, "gauge");
        for (value, count) in values {
            self.sample(name, "", &[(label, value)], count);
        }
    }

    /// A length of time; `name` ends with `_seconds`.
    pub(super) fn seconds(&mut self, name: &str, help: &str, value: Span) {
        self.head(name, help, "gauge");
        self.sample(name, "", &[], Seconds(value));
    }

    /// Which of some states is the one now.
    pub(super) fn state<'values>(
        &mut self,
        name: &str,
        help: &str,
        states: impl IntoIterator<Item = (&'values str, bool)>,
    ) {
        self.head(name, help, "stateset");
        for (state, is_now) in states {
            self.sample(name, "", &[(name, state)], u8::from(is_now));
        }
    }

    /// What never changes; `name` is without `_info`.
    pub(super) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        match self.form {
            Form::OpenMetrics => self.head(name, help, "info"),
            Form::Prometheus => self.head(&format!("{name}_info"), help, "info"),
        }
        self.sample(name, "_info", labels, 1);
    }

    /// How many lengths of time were how long; `name` ends with `_seconds`.
    pub(super) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        for (bound, count) in histogram.up_to() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| Seconds(bound).to_string());
            self.sample(name, "_bucket", &[("le", &bound)], count);
        }
        self.sample(name, "_count", &[], histogram.total());
        self.sample(name, "_sum", &[], Seconds(histogram.sum()));
    }

    /// The whole text.
    pub(super) fn end(mut self) -> String {
        if self.form == Form::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn counted_head(&mut self, name: &str, help: &str) {
        match self.form {
            Form::OpenMetrics => self.head(name, help, "counter"),
            Form::Prometheus => self.head(&format!("{name}_total"), help, "counter"),
        }
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let kind = match (self.form, kind) {
            // The older form knows neither of them.
            (Form::Prometheus, "info" | "stateset") => "gauge",
            (Form::OpenMetrics | Form::Prometheus, kind) => kind,
        };
        self.line(format_args!("# TYPE {name} {kind}"));
        if self.form == Form::OpenMetrics && name.ends_with("_seconds") {
            self.line(format_args!("# UNIT {name} seconds"));
        }
        self.line(format_args!("# HELP {name} {help}"));
    }

    fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl core::fmt::Display,
    ) {
        let labels = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{value}\""));
        let labels = labels.collect::<Vec<_>>().join(",");
        if labels.is_empty() {
            self.line(format_args!("{name}{suffix} {value}"));
        } else {
            self.line(format_args!("{name}{suffix}{{{labels}}} {value}"));
        }
    }

    fn line(&mut self, line: core::fmt::Arguments<'_>) {
        // Text grows without failing.
        _ = self.text.write_fmt(line);
        self.text.push('\n');
    }
}

/// A length of time in seconds, as a decimal that is exact; never negative.
struct Seconds(Span);

impl core::fmt::Display for Seconds {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let micros = self.0.as_micros().max(0);
        let (whole, part) = (micros / 1_000_000, micros % 1_000_000);
        let part = format!("{part:06}");
        let shortest = part.trim_end_matches('0');
        let part = if shortest.is_empty() { "0" } else { shortest };
        write!(out, "{whole}.{part}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_to_the_microsecond_and_no_longer_than_it_must_be() {
        for (micros, text) in [
            (0, "0.0"),
            (-1, "0.0"),
            (1, "0.000001"),
            (2_500, "0.0025"),
            (1_000_000, "1.0"),
            (12_000_340, "12.00034"),
        ] {
            assert_eq!(Seconds(Span::from_micros(micros)).to_string(), text);
        }
    }

    fn written(form: Form) -> String {
        let mut page = Page::new(form);
        page.counter("a", "Counts.", 7);
        page.seconds("b_seconds", "Lasts.", Span::from_millis(1_500));
        page.state("c", "Is.", [("on", true), ("off", false)]);
        page.info("d", "Stays.", &[("version", "1")]);
        page.end()
    }

    #[test]
    fn the_forms_differ_where_their_rules_do() {
        let newer = "# TYPE a counter\n# HELP a Counts.\na_total 7\n\
             # TYPE b_seconds gauge\n# UNIT b_seconds seconds\n# HELP b_seconds Lasts.\n\
             b_seconds 1.5\n\
             # TYPE c stateset\n# HELP c Is.\nc{c=\"on\"} 1\nc{c=\"off\"} 0\n\
             # TYPE d info\n# HELP d Stays.\nd_info{version=\"1\"} 1\n# EOF\n";
        let older = "# TYPE a_total counter\n# HELP a_total Counts.\na_total 7\n\
             # TYPE b_seconds gauge\n# HELP b_seconds Lasts.\nb_seconds 1.5\n\
             # TYPE c gauge\n# HELP c Is.\nc{c=\"on\"} 1\nc{c=\"off\"} 0\n\
             # TYPE d_info gauge\n# HELP d_info Stays.\nd_info{version=\"1\"} 1\n";
        assert_eq!(written(Form::OpenMetrics), newer);
        assert_eq!(written(Form::Prometheus), older);
    }
}
