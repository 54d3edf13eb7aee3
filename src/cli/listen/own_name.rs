//! By what a listening command knows the endpoint of one before it.

use super::ForwardUrl;
use crate::config::environment::Environment;

/// What all such names begin with.
const PREFIX: &str = "listen-";
/// Longest part of a name that the machine gives, in bytes; a name has 256 in all.
const PART_BYTES_MAX: usize = 80;

/// The `uid` of the endpoint: of the name that was chosen, or of who forwards where, on which machine.
pub(super) fn uid(chosen: Option<&str>, forward_to: &ForwardUrl) -> String {
    if let Some(chosen) = chosen {
        return clipped(&format!("{PREFIX}{chosen}"), 256);
    }
    let environment = Environment::of_process();
    let user = environment.user().unwrap_or_default();
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy();
    of_parts([&user, &machine, &forward_to.place.authority])
}

fn of_parts(parts: [&str; 3]) -> String {
    let parts = parts.map(|part| plain(&clipped(part, PART_BYTES_MAX)));
    format!("{PREFIX}{}", parts.join("."))
}

/// A text of the characters of names; others are hyphens.
fn plain(text: &str) -> String {
    let fit = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' => character,
        _ => '-',
    };
    text.chars().map(fit).collect()
}

/// At most so many characters of a text.
fn clipped(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_an_endpoint_can_have_and_another_for_another_part() {
        let names = [
            of_parts(["ann", "host", "127.0.0.1:3000"]),
            of_parts(["ann", "host", "127.0.0.1:3001"]),
            of_parts(["bob", "host", "127.0.0.1:3000"]),
            of_parts(["ann", "tsoh", "127.0.0.1:3000"]),
            of_parts([&"é".repeat(300), &"x".repeat(300), "[::1]:80"]),
        ];
        assert_eq!(names[0], "listen-ann.host.127.0.0.1-3000");
        for name in &names {
            assert!(crate::cli::client::name(name).is_ok(), "{name}");
        }
        let different: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
