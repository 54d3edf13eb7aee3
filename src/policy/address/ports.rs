//! Ports that are sent to.
//!
//! Web servers listen on 80, 443 and above 1023; below it, and on some above, other services listen
//! that could take a request for one of theirs.

use std::ops::RangeInclusive;

/// The ports of the web, and those that anybody may use.
const WEB: [u16; 2] = [80, 443];
const ANYBODYS: RangeInclusive<u16> = 1_024..=u16::MAX;

/// Ports above 1023 that no web client connects to (WHATWG Fetch, 2.9 "Port blocking").
const BAD: [u16; 19] = [
    1_719, 1_720, 1_723, 2_049, 3_659, 4_045, 4_190, 5_060, 5_061, 6_000, 6_566, 6_665, 6_666,
    6_667, 6_668, 6_669, 6_679, 6_697, 10_080,
];

/// Ports of databases, caches and orchestrators, which stand behind firewalls and trust who gets there.
const INFRASTRUCTURE: [u16; 16] = [
    2_375, 2_376, 2_377, 2_378, 2_379, 2_380, 3_306, 5_432, 6_379, 6_443, 8_500, 9_200, 9_300,
    10_250, 11_211, 27_017,
];

/// Whether a port is sent to if the operator names none.
pub(super) fn is_usual(port: u16) -> bool {
    WEB.contains(&port)
        || (ANYBODYS.contains(&port) && !BAD.contains(&port) && !INFRASTRUCTURE.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ports_of_the_web_are_usual_and_those_of_other_services_are_not() {
        for port in [80, 443, 1_024, 3_000, 8_080, 8_443, 9_876, 65_535] {
            assert!(is_usual(port), "{port}");
        }
        for port in [
            0, 1, 22, 25, 53, 81, 1_023, 2_049, 2_375, 2_380, 3_306, 5_432, 6_000,
        ] {
            assert!(!is_usual(port), "{port}");
        }
        for port in [
            6_379, 6_443, 6_667, 8_500, 9_200, 9_300, 10_080, 10_250, 11_211, 27_017,
        ] {
            assert!(!is_usual(port), "{port}");
        }
    }
}
