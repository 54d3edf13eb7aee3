//! `fanfare openapi`: the description of the API, for whoever makes clients or pages from it.

use super::{Failure, output::print};
use crate::server;

pub(super) const EXAMPLES: &str = "\
Examples:
  Keep the description, to make clients or pages from it
    fanfare openapi > openapi.json";

/// Prints the description.
pub(super) fn openapi() -> Result<(), Failure> {
    print(server::openapi())
}
