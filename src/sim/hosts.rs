//! What is said of an application and its endpoints: where these are, each on a host of its own or several on
//! one, and how often attempts may go out.

use std::collections::BTreeMap;

use super::{
    by_hand::Action,
    scenario::{Layer, Scenario},
};
use crate::domain::application::Registration;

impl Scenario {
    /// The URL of the endpoint with this number.
    pub(super) fn url_of(&self, number: u32) -> String {
        let host = self.host_of(number);
        match self.endpoints_per_host {
            0 | 1 => format!("https://{host}/"),
            _ => format!("https://{host}/{number}"),
        }
    }

    /// The host on which the endpoint with this number is at first.
    pub(super) fn host_of(&self, number: u32) -> String {
        match self.endpoints_per_host {
            0 | 1 => format!("receiver-{number}.example"),
            many => format!("host-{}.example", number / many),
        }
    }

    /// The URL that an endpoint is moved to by the action with this number: on its own host, or on one that
    /// several share.
    pub(super) fn moved_url_of(&self, endpoint: u32, action: u32) -> String {
        // Over streams in memory nobody speaks TLS.
        let scheme = match self.layer {
            Layer::Full(_) => "http",
            Layer::Core(_) | Layer::Store(_) => "https",
        };
        match self.endpoints_per_host {
            0 | 1 => format!("{scheme}://receiver-{endpoint}.example/moved/{action}"),
            many => {
                let host = action % self.endpoints.max(1) / many;
                format!("https://host-{host}.example/moved/{endpoint}/{action}")
            }
        }
    }

    /// The numbers of the endpoints that are added.
    pub(super) fn added(&self) -> impl Iterator<Item = u32> + '_ {
        let numbers = (self.endpoints..).zip(&self.by_hand);
        numbers.filter_map(|(number, (_, action))| (*action == Action::Add).then_some(number))
    }

    /// What is said of the application.
    pub(super) fn registration(&self) -> Registration {
        Registration {
            throttle_rate: self.application_rate,
            ..Registration::default()
        }
    }

    /// The URLs and the rates of all endpoints, also of those that are added, by their numbers.
    pub(super) fn endpoints_made(&self) -> BTreeMap<u32, (String, Option<u16>)> {
        let made = |number| (number, (self.url_of(number), self.throttle_rate(number)));
        (0..self.endpoints).chain(self.added()).map(made).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_share_hosts_where_the_scenario_says_so() {
        let mut scenario = Scenario::new(1, 1, 5).expect("it can run");
        assert_eq!(scenario.url_of(3), "https://receiver-3.example/");
        let moved = "https://receiver-3.example/moved/9";
        assert_eq!(scenario.moved_url_of(3, 9), moved);
        scenario.endpoints_per_host = 2;
        let made = scenario.endpoints_made().into_values();
        let urls: Vec<String> = made.map(|(url, _)| url).collect();
        let hosts = ["0", "0", "1", "1", "2"];
        for (number, (url, host)) in urls.iter().zip(hosts).enumerate() {
            assert_eq!(*url, format!("https://host-{host}.example/{number}"));
        }
        let moved = "https://host-2.example/moved/3/9";
        assert_eq!(scenario.moved_url_of(3, 9), moved);
    }
}
