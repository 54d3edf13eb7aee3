//! What somebody expects of a run, as one line of text: a figure, how it compares, and with what, as
//! `p99_delivery < 30s`, `exhausted = 0` or `p99_delivery[healthy] < 2s`. All figures are integers:
//! times in microseconds, shares in parts of ten thousand, ratios in thousandths.

use core::{cmp::Ordering, fmt, str::FromStr};

use thiserror::Error;

use super::{
    figure::{Figure, Unit},
    measures::Measures,
    scenario::Scenario,
};

/// A figure and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Which figure.
    pub figure: Figure,
    /// Of which endpoints, by their name in the scenario; `None` for all together.
    pub endpoint: Option<String>,
    /// How it compares.
    pub comparison: Comparison,
    /// With what, in the figure's unit.
    pub value: u64,
}

/// How a figure compares with what is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

/// What signs of comparison are made of, and what people take for them.
const SIGNS: [char; 5] = ['<', '=', '>', '!', '~'];

/// Comparisons as they are written.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("<", Comparison::Below),
    (">", Comparison::Above),
    ("=", Comparison::Equal),
];

impl Comparison {
    const fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Equal => "=",
            Self::AtLeast => ">=",
            Self::Above => ">",
        }
    }

    /// Whether a measured value is as expected.
    #[must_use]
    pub fn holds(self, measured: u64, expected: u64) -> bool {
        let order = measured.cmp(&expected);
        match self {
            Self::Below => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::AtLeast => order != Ordering::Less,
            Self::Above => order == Ordering::Greater,
        }
    }
}

/// Why a text is no expectation; the fault of who wrote it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExpectationError {
    /// It is not of this form.
    #[error(
        "{text:?} is no expectation: write a figure, one of < <= = >= > and a value, as \"p99_delivery < 30s\""
    )]
    Form {
        /// The text.
        text: String,
    },
    /// There is no such comparison.
    #[error("{sign:?} compares nothing: write one of < <= = >= >, as \"p99_delivery < 30s\"")]
    Sign {
        /// What was written.
        sign: String,
    },
    /// There is no such figure.
    #[error("there is no figure {name:?}: there are {}", Figure::names())]
    Figure {
        /// What was written.
        name: String,
    },
    /// It is a figure of the whole run.
    #[error("`{name}` is measured of the whole run, not of one endpoint: leave [{endpoint}] out")]
    OfAllOnly {
        /// The figure.
        name: &'static str,
        /// What was written behind it.
        endpoint: String,
    },
    /// No endpoint is called so.
    #[error("no endpoint is called {endpoint:?}: {}", told_names(names))]
    Endpoint {
        /// What was written.
        endpoint: String,
        /// What endpoints are called.
        names: Vec<String>,
    },
    /// The value is none of the figure's.
    #[error("`{name}` can't be compared with {value:?}: {}", unit.form())]
    Value {
        /// The figure.
        name: &'static str,
        /// What was written.
        value: String,
        /// What it is measured in.
        unit: Unit,
    },
}

/// What endpoints are called, in words.
fn told_names(names: &[String]) -> String {
    if names.is_empty() {
        "the scenario draws its receivers, which have no names".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    }
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || ExpectationError::Form {
            text: text.to_owned(),
        };
        let at = text.find(SIGNS).ok_or_else(form)?;
        let (name, rest) = text.split_at_checked(at).ok_or_else(form)?;
        let value = rest.trim_start_matches(SIGNS);
        let sign = rest.strip_suffix(value).ok_or_else(form)?;
        let value = value.trim();
        let comparison = COMPARISONS.iter().find(|(written, _)| *written == sign);
        let (_, comparison) = comparison.ok_or_else(|| ExpectationError::Sign {
            sign: sign.to_owned(),
        })?;
        let (name, endpoint) = match name.trim().split_once('[') {
            None => (name.trim(), None),
            Some((name, endpoint)) => {
                let endpoint = endpoint.trim_end().strip_suffix(']').ok_or_else(form)?;
                (name.trim_end(), Some(endpoint.trim().to_owned()))
            }
        };
        let figure = Figure::named(name).ok_or_else(|| ExpectationError::Figure {
            name: name.to_owned(),
        })?;
        if let Some(endpoint) = endpoint.as_ref().filter(|_| !figure.is_of_endpoints()) {
            return Err(ExpectationError::OfAllOnly {
                name: figure.name(),
                endpoint: endpoint.clone(),
            });
        }
        let unit = figure.unit();
        let value = unit.read(value).ok_or_else(|| ExpectationError::Value {
            name: figure.name(),
            value: value.to_owned(),
            unit,
        })?;
        Ok(Self {
            figure,
            endpoint,
            comparison: *comparison,
            value,
        })
    }
}

impl Expectation {
    /// Whether a scenario has the endpoints that this is about.
    ///
    /// # Errors
    /// [`ExpectationError::Endpoint`]; the fault of who wrote it.
    pub fn check(&self, scenario: &Scenario) -> Result<(), ExpectationError> {
        let Some(endpoint) = &self.endpoint else {
            return Ok(());
        };
        let names = scenario.receivers.iter().map(|group| group.name.clone());
        let names: Vec<String> = names.collect();
        if names.contains(endpoint) {
            return Ok(());
        }
        let endpoint = endpoint.clone();
        Err(ExpectationError::Endpoint { endpoint, names })
    }

    /// What was measured of what this is about, and whether it is as expected. Where there was nothing to
    /// measure it is not, whatever was expected: a time that no delivery took is not a short one.
    #[must_use]
    pub fn judge(&self, measures: &Measures) -> (Option<u64>, bool) {
        let measured = measures.get(self.figure, self.endpoint.as_deref());
        let holds = |measured| self.comparison.holds(measured, self.value);
        (measured, measured.is_some_and(holds))
    }

    /// The figure and of what it is, as it is written.
    #[must_use]
    pub fn subject(&self) -> String {
        let name = self.figure.name();
        match &self.endpoint {
            Some(endpoint) => format!("{name}[{endpoint}]"),
            None => name.to_owned(),
        }
    }
}

/// As it would be written.
impl fmt::Display for Expectation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.figure.unit().shown_exactly(self.value);
        write!(out, "{} {} {value}", self.subject(), self.comparison.sign())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expectation_reads_as_it_is_written() {
        for (text, written) in [
            ("p99_delivery < 30s", "p99_delivery < 30s"),
            ("exhausted=0", "exhausted = 0"),
            ("deliveries == 5_000", "deliveries = 5000"),
            (
                "p99_delivery[healthy]<=1m30s",
                "p99_delivery[healthy] <= 90s",
            ),
            (
                "attempts_per_delivery < 1.05",
                "attempts_per_delivery < 1.05",
            ),
            ("attempts_per_delivery >= 2", "attempts_per_delivery >= 2"),
            ("succeeded_share > 99.9%", "succeeded_share > 99.9%"),
        ] {
            let read: Expectation = text.parse().expect(text);
            assert_eq!(read.to_string(), written);
            assert_eq!(written.parse(), Ok(read), "{text}");
        }
    }

    #[test]
    fn what_is_none_is_refused_with_what_is_allowed() {
        for (text, told) in [
            ("", "write a figure"),
            ("p99_delivery", "write a figure"),
            ("p99_delivery ! 3s", "\"!\" compares nothing"),
            ("exhausted => 0", "\"=>\" compares nothing: write one of"),
            ("exhausted != 0", "\"!=\" compares nothing"),
            ("exhausted === 0", "\"===\" compares nothing"),
            ("p99_delivery[a < 3s", "write a figure"),
            ("p98_delivery < 3s", "p99_delivery"),
            ("p99_delivery < 30", "a number with its unit"),
            ("p99_delivery <> 30s", "\"<>\" compares nothing"),
            ("p99_delivery < < 30s", "a number with its unit"),
            ("exhausted = 0s", "a whole number"),
            ("exhausted = 1.5", "a whole number"),
            ("attempts_per_delivery < 1.0005", "three decimals"),
            ("succeeded_share > 0.9", "per cent"),
            ("max_accept[a] < 3s", "leave [a] out"),
        ] {
            let error = text.parse::<Expectation>().expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn each_comparison_holds_where_it_should() {
        use Comparison::{Above, AtLeast, AtMost, Below, Equal};
        for (comparison, holds) in [
            (Below, [true, false, false]),
            (AtMost, [true, true, false]),
            (Equal, [false, true, false]),
            (AtLeast, [false, true, true]),
            (Above, [false, false, true]),
        ] {
            let found = [1, 2, 3].map(|measured| comparison.holds(measured, 2));
            assert_eq!(found, holds, "{comparison:?}");
        }
    }
}
