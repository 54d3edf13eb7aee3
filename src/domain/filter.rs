//! What of its application's events an endpoint wants: by event type and by channel.

use std::sync::Arc;

/// The choice of an endpoint. Empty lists choose nothing out: such an endpoint takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The event types that are taken, each a name or a pattern in which `*` stands for any number of
    /// characters, as `order.*`; empty for all. `limits::ENDPOINT_EVENT_TYPES_MAX` at most.
    pub event_types: Vec<Arc<str>>,
    /// The channels of which an event must have one; empty for all events, those without a channel
    /// included. `limits::CHANNELS_MAX` at most.
    pub channels: Vec<Arc<str>>,
}

impl Filter {
    /// Whether an event of this type and these channels is wanted.
    #[must_use]
    pub fn takes(&self, event_type: &str, channels: &[Arc<str>]) -> bool {
        let fits = |pattern: &Arc<str>| matches_pattern(pattern, event_type);
        let of_type = self.event_types.is_empty() || self.event_types.iter().any(fits);
        let in_channel = self.channels.is_empty()
            || channels
                .iter()
                .any(|channel| self.channels.contains(channel));
        of_type && in_channel
    }
}

/// Whether a name fits a pattern, in time of at most their lengths' product: after a mismatch only
/// the last star can take one character more, so nothing is tried twice.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut in_name) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(in_name) {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, in_name));
                at += 1;
            }
            Some(wanted) if wanted == byte => {
                at += 1;
                in_name += 1;
            }
            Some(_) | None => {
                let Some((star, taken)) = last_star else {
                    return false;
                };
                last_star = Some((star, taken + 1));
                at = star + 1;
                in_name = taken + 1;
            }
        }
    }
    pattern
        .get(at..)
        .unwrap_or_default()
        .iter()
        .all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(names: &[&str]) -> Vec<Arc<str>> {
        names.iter().map(|name| Arc::from(*name)).collect()
    }

    #[test]
    fn an_event_is_wanted_by_its_type_and_by_one_of_its_channels() {
        let filter = |types: &[&str], channels: &[&str]| Filter {
            event_types: names(types),
            channels: names(channels),
        };
        for (filter, event_type, channels, expected) in [
            (filter(&[], &[]), "a", &[][..], true),
            (filter(&[], &[]), "a", &["x"], true),
            (filter(&["a"], &[]), "a", &[], true),
            (filter(&["a", "b.*"], &[]), "b.c", &[], true),
            (filter(&["a"], &[]), "ab", &[], false),
            (filter(&[], &["x"]), "a", &[], false),
            (filter(&[], &["x", "y"]), "a", &["z", "y"], true),
            (filter(&["a"], &["x"]), "b", &["x"], false),
        ] {
            let taken = filter.takes(event_type, &names(channels));
            assert_eq!(taken, expected, "{filter:?} {event_type} {channels:?}");
        }
    }

    #[test]
    fn a63_a_pattern_of_many_stars_takes_no_longer_than_its_length_times_the_name_s() {
        // Tried each way, this would outlive everybody.
        let pattern = "a*".repeat(127) + "b";
        let name = "a".repeat(256);
        assert!(!matches_pattern(&pattern, &name));
        assert!(matches_pattern(&pattern, &(name + "b")));
    }

    #[test]
    fn a_star_stands_for_any_characters_and_everything_else_for_itself() {
        for (pattern, name, expected) in [
            ("order.*", "order.made", true),
            ("order.*", "order.", true),
            ("order.*", "order", false),
            ("order.*", "reorder.made", false),
            ("*", "", true),
            ("*.paid", "order.paid", true),
            ("*.paid", "order.paid.late", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYcZ", false),
            ("**", "a", true),
            ("Order", "order", false),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
        // Many stars and no end to find: seen once or twice over, not by all ways there are.
        let (pattern, name) = ("*a".repeat(128), "a".repeat(255) + "b");
        assert!(!matches_pattern(&pattern, &name));
    }

    /// The rule word by word, without any care for time.
    fn plainly(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', rest)) => (0..=name.len()).any(|taken| plainly(rest, &name[taken..])),
            Some((wanted, rest)) => {
                let first = name.split_first();
                first.is_some_and(|(byte, left)| byte == wanted && plainly(rest, left))
            }
        }
    }

    proptest! {
        #[test]
        fn it_matches_as_the_plain_rule_does(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            let expected = plainly(pattern.as_bytes(), name.as_bytes());
            prop_assert_eq!(matches_pattern(&pattern, &name), expected);
        }
    }
}
