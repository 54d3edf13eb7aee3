//! What receivers say with an error has no effect where they have none.

use super::section::Section;
use crate::sim::{Scenario, network::Group};

/// Notes error statuses, and what they ask for, of receivers that never answer with one.
pub(super) fn check(root: &Section<'_>, scenario: &Scenario) {
    for (place, section) in root.sections("endpoint").iter().enumerate() {
        check_one(section, scenario.may_fail(place));
    }
}

/// The same of the receivers of a neighbour.
pub(super) fn check_neighbour(neighbour: &Section<'_>, groups: &[Group]) {
    for (section, group) in neighbour.sections("endpoint").iter().zip(groups) {
        check_one(section, group.receiver.may_fail());
    }
}

fn check_one(section: &Section<'_>, may_fail: bool) {
    for key in ["status", "retry_after"] {
        if section.has(key) && !may_fail {
            let path = section.path(key);
            let what = format!(
                "`{path}` is said with an error, and there is none: say how many there are, as `errors` = \
                 \"1%\", or when, as an outage whose `kind` is \"fails\""
            );
            section.object_to(key, what);
        }
    }
}
