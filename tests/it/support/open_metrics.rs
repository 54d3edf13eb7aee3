//! A strict reader of OpenMetrics text, by the rules of its version 1.0 as far as we write it.

use std::collections::{BTreeMap, BTreeSet};

/// What a page of metrics says: the value of each series, by its name and labels as written.
pub(crate) struct Metrics(BTreeMap<String, String>);

impl Metrics {
    /// Reads a page; panics with the line where it breaks a rule.
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("it ends with EOF");
        let mut families: Vec<Family> = Vec::new();
        let mut series = BTreeMap::new();
        for line in body.split_terminator('\n') {
            assert!(!line.is_empty() && line.trim() == line, "spaces: {line:?}");
            if let Some(said) = line.strip_prefix("# ") {
                let (what, rest) = said.split_once(' ').expect(line);
                let (name, text) = rest.split_once(' ').expect(line);
                if families.last().is_none_or(|family| family.name != name) {
                    families.push(Family::new(name));
                }
                let family = families.last_mut().expect("just added");
                assert!(family.samples.is_empty(), "said too late: {line}");
                let is_new = family.said.insert(what.to_owned(), text.to_owned());
                assert!(is_new.is_none(), "said twice: {line}");
            } else {
                let sample = Sample::read(line);
                let family = families.last_mut().expect("said before");
                family.take(sample);
                let (key, value) = line.rsplit_once(' ').expect(line);
                let is_new = series.insert(key.to_owned(), value.to_owned());
                assert!(is_new.is_none(), "twice: {line}");
            }
        }
        let names: BTreeSet<_> = families.iter().map(|family| &family.name).collect();
        assert_eq!(names.len(), families.len(), "a family in two places");
        families.iter().for_each(Family::check);
        Self(series)
    }

    /// All series, without their values.
    pub(crate) fn series(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The value of a series as it is written.
    pub(crate) fn text(&self, series: &str) -> &str {
        let value = self.0.get(series);
        value.unwrap_or_else(|| panic!("no {series} in {:?}", self.0.keys()))
    }

    /// The value of a series that is an integer.
    pub(crate) fn count(&self, series: &str) -> u64 {
        self.text(series).parse().expect("an integer")
    }
}

struct Sample {
    name: String,
    labels: Vec<(String, String)>,
    value: String,
}

impl Sample {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect(line);
        let (name, labels) = match series.split_once('{') {
            None => (series, ""),
            Some((name, labels)) => (name, labels.strip_suffix('}').expect(line)),
        };
        assert!(is_name(name), "{line}");
        let mut read = Vec::new();
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (label, value) = label.split_once("=\"").expect(line);
            let value = value.strip_suffix('"').expect(line);
            let is_plain = !value.contains(['"', '\\', '{', '}']);
            assert!(is_name(label) && is_plain, "{line}");
            read.push((label.to_owned(), value.to_owned()));
        }
        assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line}");
        Self {
            name: name.to_owned(),
            labels: read,
            value: value.to_owned(),
        }
    }

    fn count(&self) -> u64 {
        self.value.parse().expect("an integer")
    }
}

struct Family {
    name: String,
    said: BTreeMap<String, String>,
    samples: Vec<(String, Sample)>,
}

impl Family {
    fn new(name: &str) -> Self {
        assert!(is_name(name), "{name}");
        Self {
            name: name.to_owned(),
            said: BTreeMap::new(),
            samples: Vec::new(),
        }
    }

    fn take(&mut self, sample: Sample) {
        let suffix = sample.name.strip_prefix(&self.name);
        let suffix = suffix.unwrap_or_else(|| panic!("{} in {}", sample.name, self.name));
        self.samples.push((suffix.to_owned(), sample));
    }

    fn check(&self) {
        let name = &self.name;
        let known = ["TYPE", "UNIT", "HELP"];
        let unknown = self.said.keys().find(|what| !known.contains(&&***what));
        assert_eq!(unknown, None, "{name}");
        assert!(
            self.said
                .get("HELP")
                .is_some_and(|help| help.ends_with('.'))
        );
        assert!(!self.samples.is_empty(), "{name} has no samples");
        if let Some(unit) = self.said.get("UNIT") {
            assert!(name.ends_with(&format!("_{unit}")), "{name} in {unit}");
        }
        let suffixes: BTreeSet<_> = self.samples.iter().map(|(s, _)| s.as_str()).collect();
        match self.said.get("TYPE").expect(name).as_str() {
            "counter" => {
                assert_eq!(suffixes, BTreeSet::from(["_total"]), "{name}");
                assert!(!name.ends_with("_total"), "{name}");
                self.samples.iter().for_each(|(_, sample)| {
                    sample.count();
                });
            }
            "gauge" => assert_eq!(suffixes, BTreeSet::from([""]), "{name}"),
            "info" => {
                assert_eq!(suffixes, BTreeSet::from(["_info"]), "{name}");
                assert!(self.samples.iter().all(|(_, sample)| sample.value == "1"));
            }
            "stateset" => {
                assert_eq!(suffixes, BTreeSet::from([""]), "{name}");
                let is_state = |sample: &Sample| {
                    let labels: Vec<_> = sample.labels.iter().map(|(label, _)| label).collect();
                    labels == [name] && ["0", "1"].contains(&sample.value.as_str())
                };
                assert!(self.samples.iter().all(|(_, sample)| is_state(sample)));
            }
            "histogram" => self.check_histogram(),
            other => panic!("{name} is a {other}"),
        }
    }

    fn check_histogram(&self) {
        let mut bounds = Vec::new();
        let mut before = 0;
        let mut whole = None;
        let mut has_sum = false;
        for (suffix, sample) in &self.samples {
            match suffix.as_str() {
                "_bucket" => {
                    let [(label, bound)] = sample.labels.as_slice() else {
                        panic!("labels of {}", self.name);
                    };
                    assert_eq!(label, "le");
                    bounds.push(bound.parse::<f64>().expect("a bound"));
                    assert!(sample.count() >= before, "{} falls", self.name);
                    before = sample.count();
                }
                "_count" => whole = Some(sample.count()),
                "_sum" => has_sum = true,
                other => panic!("{}{other}", self.name),
            }
        }
        assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
        assert_eq!(bounds.last(), Some(&f64::INFINITY));
        assert_eq!(whole, Some(before), "{}", self.name);
        assert!(has_sum, "{}", self.name);
    }
}

fn is_name(name: &str) -> bool {
    let is_sign = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
    name.starts_with(|sign: char| sign.is_ascii_alphabetic()) && name.chars().all(is_sign)
}

#[test]
fn a_page_that_breaks_a_rule_is_not_read() {
    let good = "# TYPE a counter\n# HELP a Counts.\na_total{b=\"c\"} 1\na_total{b=\"d\"} 2\n\
         # TYPE t_seconds histogram\n# UNIT t_seconds seconds\n# HELP t_seconds Takes.\n\
         t_seconds_bucket{le=\"1.0\"} 1\nt_seconds_bucket{le=\"+Inf\"} 2\nt_seconds_count 2\n\
         t_seconds_sum 1.5\n# EOF\n";
    let metrics = Metrics::read(good);
    assert_eq!(metrics.count("a_total{b=\"d\"}"), 2);
    assert_eq!(metrics.series().len(), 6);
    for (from, to) in [
        ("# EOF\n", ""),
        ("# TYPE a counter\n", ""),
        ("# HELP a Counts.\n", ""),
        ("# TYPE a counter", "# TYPE a gauge"),
        ("# UNIT t_seconds seconds", "# UNIT t_seconds hours"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"c\"} 2"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"d\"} 2.5"),
        ("a_total{b=\"d\"} 2", "a_total{b=\"d\"} NaN"),
        ("a_total{b=\"d\"} 2", "other_total 2"),
        ("a_total{b=\"d\"} 2", "\na_total{b=\"d\"} 2"),
        ("t_seconds_count 2", "t_seconds_count 3"),
        (
            "t_seconds_bucket{le=\"1.0\"} 1",
            "t_seconds_bucket{le=\"1.0\"} 3",
        ),
        ("t_seconds_bucket{le=\"+Inf\"} 2\n", ""),
        ("t_seconds_sum 1.5\n", ""),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        let read = std::panic::catch_unwind(|| Metrics::read(&bad));
        assert!(read.is_err(), "{from:?} as {to:?} was read");
    }
}
