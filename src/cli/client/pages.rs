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
        let mut written = Serializer::new(String::new());
        written.append_pair("limit", &left.min(PAGE_MAX).to_string());
        if let Some(order) = pages.order.and_then(|order| order.to_possible_value()) {
            written.append_pair("order", order.get_name());
        }
        for (name, value) in query {
            if let Some(value) = value {
                written.append_pair(name, value);
            }
        }
        if let Some(iterator) = &iterator {
            written.append_pair("iterator", iterator);
        }
        let asked = format!("{path}?{}", written.finish());
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
