//! Pictures of a run: charts over virtual time and lanes around one event, as one SVG or as one HTML
//! file. Neither asks any address for anything, and no script is in them.

mod chart;
mod lanes;
pub(in crate::cli::simulate) mod series;

use core::fmt::Write as _;
use std::{fs, path::Path};

use self::{
    chart::{HEIGHT, WIDTH, charts, escaped},
    lanes::{Focus, lanes},
    series::Series,
};
use super::Failure;
use crate::sim::{Report, Scenario, logbook::Logbook};

/// Stretches of a chart.
const STRETCHES: usize = 240;
/// The style of all letters.
const LETTERS: &str = "font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#111827\"";

/// What a picture is made of.
pub(super) struct Subject<'run> {
    /// What was run, with its seed.
    pub(super) scenario: &'run Scenario,
    /// What it is to answer.
    pub(super) question: Option<&'run str>,
    /// What came of this run.
    pub(super) report: &'run Report,
    /// What was seen in it.
    pub(super) logbook: &'run Logbook,
    /// What came of all runs, as a text.
    pub(super) summary: &'run str,
}

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Html,
    Svg,
}

fn form_of(path: &Path) -> Result<Form, Failure> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html" | "htm") => Ok(Form::Html),
        Some("svg") => Ok(Form::Svg),
        _ => Err(Failure::Usage(format!(
            "a report is written as .html or .svg, and {} is neither",
            path.display()
        ))),
    }
}

/// Whether a report can be written there, as far as can be told before there is one.
///
/// # Errors
/// [`Failure::Usage`] for another ending than that of HTML and SVG, or a folder that is not there.
pub(super) fn check(path: &Path) -> Result<(), Failure> {
    form_of(path)?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => Err(Failure::Usage(format!(
            "the report can't be written to {}: there is no folder {}; make it, or choose another one",
            path.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}

/// Writes the report of a run.
///
/// # Errors
/// [`Failure::Usage`] as [`check`] has it, [`Failure::Operation`] if the file can't be written.
pub(super) fn write(path: &Path, subject: &Subject<'_>) -> Result<(), Failure> {
    let text = match form_of(path)? {
        Form::Html => page(subject),
        Form::Svg => picture(subject),
    };
    fs::write(path, text).map_err(|error| {
        let path = path.display();
        Failure::Operation(format!("the report can't be written to {path}: {error}"))
    })
}

/// An SVG of its own, of this height.
fn svg(inside: &str, high: i64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {high}\" width=\"{WIDTH}\" \
         height=\"{high}\" {LETTERS}><rect width=\"{WIDTH}\" height=\"{high}\" \
         fill=\"#ffffff\"/>{inside}</svg>\n"
    )
}

/// All charts as one SVG.
fn picture(subject: &Subject<'_>) -> String {
    let series = Series::of(subject.scenario, subject.logbook, STRETCHES);
    let mut inside = String::new();
    let mut high = 0;
    for chart in charts(subject.scenario, &series) {
        _ = write!(inside, "<g transform=\"translate(0 {high})\">{chart}</g>");
        high += HEIGHT;
    }
    svg(&inside, high)
}

/// A page with everything.
fn page(subject: &Subject<'_>) -> String {
    let series = Series::of(subject.scenario, subject.logbook, STRETCHES);
    let title = escaped(subject.question.unwrap_or("A rehearsal"));
    let (layer, seed) = (subject.report.layer, subject.report.seed);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
         padding:0 1rem;color:#111827;background:#fff}}pre{{overflow-x:auto;background:#f3f4f6;\
         padding:1rem}}svg{{max-width:100%;height:auto;display:block;margin:1rem 0}}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n<pre>{}</pre>\n<h2>Seed {seed}, layer {layer}</h2>\n",
        escaped(subject.summary)
    );
    for chart in charts(subject.scenario, &series) {
        page.push_str(&svg(&chart, HEIGHT));
    }
    if let Some(focus) = Focus::of(subject.report, subject.logbook) {
        let (drawn, high) = lanes(subject.scenario, subject.logbook, &focus);
        page.push_str("<h2>What happened</h2>\n");
        page.push_str(&svg(&drawn, high));
    }
    page.push_str(
        "<p>Shaded: outages of receivers in red, times without the process in grey. Times are from the \
         beginning of the run.</p>\n</body>\n</html>\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::simulate::rehearsed::rehearsed, config::scenario::ScenarioFile};

    #[test]
    fn a_page_asks_no_address_for_anything_and_has_no_script() {
        let text = include_str!("../../../../fixtures/scenarios/restart.toml");
        let file = ScenarioFile::read(text).expect("it is one");
        let (run, logbook) = rehearsed(&file.scenario).expect("it runs");
        let subject = Subject {
            scenario: &file.scenario,
            question: Some("<script src=//x>"),
            report: &run.report,
            logbook: &logbook,
            summary: "a < b",
        };
        let page = page(&subject);
        assert_eq!(page.matches("<svg").count(), 5);
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        assert!(
            page.contains("a &lt; b") && page.contains("&lt;script"),
            "escaped"
        );
        let bare = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for word in [
            "http:", "https:", "<script", "url(", "@import", "href", " src=",
        ] {
            assert!(
                !bare.replace("&lt;script src=//x&gt;", "").contains(word),
                "{word}"
            );
        }
        let picture = picture(&subject);
        assert!(
            picture.starts_with("<svg") && picture.len() < 60_000,
            "{}",
            picture.len()
        );
        assert_eq!(
            picture.matches("<g ").count(),
            picture.matches("</g>").count()
        );
    }

    #[test]
    fn only_pages_and_pictures_are_written() {
        for path in ["a.html", "src/c.svg"] {
            assert!(check(Path::new(path)).is_ok(), "{path}");
        }
        for path in ["a.pdf", "a", "svg", "nowhere/c.svg"] {
            let refused = check(Path::new(path)).expect_err(path);
            assert_eq!(refused.exit_code(), 2);
        }
    }
}
