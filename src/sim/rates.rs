//! The rates and orders of endpoints: those that a file says, else drawn ones.

use super::{network::Receiver, scenario::Scenario};
use crate::{domain::ordering::Ordering, random::Stream};

/// The fastest drawn rate, in attempts a second: slow enough that few events feel it.
const DRAWN_MAX: u64 = 4;

impl Scenario {
    /// How many attempts a second go to the endpoint with this number at most.
    pub(super) fn throttle_rate(&self, number: u32) -> Option<u16> {
        if !self.receivers.is_empty() {
            return self.receiver(number)?.throttle_rate;
        }
        if self.throttled_percent == 0 {
            return None;
        }
        let mut random = Stream::new(self.seed, "rates", 0, number.into());
        let is_throttled = random.below(100) < self.throttled_percent.into();
        let rate = u16::try_from(random.between(1, DRAWN_MAX)).ok();
        rate.filter(|_| is_throttled)
    }

    /// Which deliveries of the endpoint with this number wait for which.
    pub(super) fn ordering(&self, number: u32) -> Ordering {
        match self.receiver(number) {
            Some(receiver) => receiver.ordering,
            None if number.wrapping_mul(29) % 100 < self.in_order_percent => Ordering::Whole,
            None => Ordering::ByKey,
        }
    }

    /// The receiver that a file names for the endpoint with this number.
    fn receiver(&self, number: u32) -> Option<&Receiver> {
        let mut before = 0_u32;
        let group = self.receivers.iter().find(|group| {
            before = before.saturating_add(group.count);
            number < before
        });
        group.map(|group| &group.receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::network::Group;

    #[test]
    fn rates_are_those_of_the_groups_or_drawn_for_some() {
        let mut scenario = Scenario::new(1, 1, 100).expect("it can run");
        let throttled = |scenario: &Scenario| {
            let rates = (0..100).filter_map(|number| scenario.throttle_rate(number));
            rates
                .inspect(|rate| assert!((1..=4).contains(rate)))
                .count()
        };
        assert_eq!(throttled(&scenario), 0);
        scenario.throttled_percent = 50;
        assert!((30..70).contains(&throttled(&scenario)));
        scenario.throttled_percent = 100;
        assert_eq!(throttled(&scenario), 100);
        let group = |count, throttle_rate| Group {
            name: format!("{count}"),
            count,
            receiver: Receiver {
                throttle_rate,
                ..Receiver::default()
            },
        };
        scenario.receivers = vec![group(2, None), group(1, Some(9))];
        let rates = [0, 1, 2, 3].map(|number| scenario.throttle_rate(number));
        assert_eq!(rates, [None, None, Some(9), None]);
    }
}
