//! Lists, page by page.

use clap::{Args, ValueEnum};
use form_urlencoded::Serializer;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    Client,
    shown::{Column, as_json, cells},
};
use crate::cli::{
    Failure,
    output::{laid_out, print},
};

/// The most entries of one page (`docs/api.md`).
const PAGE_MAX: usize = 250;

/// How much of a list.
#[derive(Clone, Copy, Debug, Args)]
pub struct PageArguments {
    /// How many entries
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    #[arg(conflicts_with = "all")]
    pub limit: usize,
    /// The whole list, however long
    #[arg(long)]
    pub all: bool,
    /// The oldest or the newest first [default: as the API does it]
    #[arg(long, value_name = "ORDER")]
    pub order: Option<ListOrder>,
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListOrder {
    /// The oldest first
    Ascending,
    /// The newest first
    Descending,
}

/// A page as the API gives it.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    iterator: Option<String>,
    done: bool,
}

/// A path with what is asked of it: the keys that have a value.
pub(in crate::cli) fn queried(path: &str, query: &[(&str, Option<String>)]) -> String {
    let mut written = Serializer::new(String::new());
    for (name, value) in query {
        if let Some(value) = value {
            written.append_pair(name, value);
        }
    }
    match written.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Prints a list: entries as they come, one line each as JSON, or a table with these columns.
pub(in crate::cli) async fn list(
    client: &mut Client,
    path: &str,
    query: &[(&str, Option<String>)],
    pages: PageArguments,
    columns: &[Column],
) -> Result<(), Failure> {
    let mut left = if pages.all { usize::MAX } else { pages.limit };
    let mut iterator: Option<String> = None;
    let mut rows = vec![columns.iter().map(|column| column.0.to_owned()).collect()];
    while left > 0 {
        let order = pages.order.and_then(|order| order.to_possible_value());
        let of_page = [
            ("limit", Some(left.min(PAGE_MAX).to_string())),
            ("order", order.map(|order| order.get_name().to_owned())),
            ("iterator", iterator.clone()),
        ];
        let asked = queried(path, &[&of_page, query].concat());
        let text = client.ask(Method::GET, &asked, None).await?;
        let page: Page = serde_json::from_str(&text).map_err(|error| {
            Failure::Operation(format!("the server's answer is no page of a list: {error}"))
        })?;
        for entry in page.data.iter().take(left) {
            if client.is_json {
                print(&as_json(entry.get()))?;
            } else {
                let entry: Value = serde_json::from_str(entry.get()).unwrap_or_default();
                rows.push(cells(&entry, columns));
            }
        }
        left = left.saturating_sub(page.data.len());
        let next = page.iterator.filter(|_| !page.done);
        if next.is_none() || next == iterator {
            break;
        }
        iterator = next;
    }
    if client.is_json {
        return Ok(());
    }
    print(&laid_out(&rows))
}
