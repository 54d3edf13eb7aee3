//! I20: no address is dialled but those that the endpoints' names lead to, and none is used for long after the
//! name has led to it; in the layer `full`.

use std::net::IpAddr;

use crate::{
    domain::id::{EndpointId, EventId},
    limits,
    sim::{violation::Violation, whole::Whole},
    time::{Span, Timestamp},
};

/// Judges an address that is dialled; `is_known` tells whether the name of an endpoint leads to it.
pub(in crate::sim) fn judge(address: IpAddr, is_known: bool) -> Option<Violation> {
    (!is_known).then_some(Whole::Private { address }.into())
}

/// Judges an attempt that went to where the name of its endpoint last led at `led_at`: what is told of a name serves
/// for a while, the attempt that dials has its deadline for that, and the connection its life.
pub(in crate::sim) fn judge_elsewhere(
    (event, endpoint): (EventId, EndpointId),
    led_at: Option<Timestamp>,
    (began, attempt_timeout): (Timestamp, Span),
) -> Option<Violation> {
    let late = led_at.map(|led_at| began.since(led_at));
    let serves = [limits::DNS_CACHE_MS, limits::CONNECTION_LIFE_MS];
    let serves = serves.iter().sum::<u64>();
    let most = Span::from_millis(i64::try_from(serves).unwrap_or(i64::MAX)).as_micros();
    let most = Span::from_micros(most + attempt_timeout.as_micros());
    let is_in_time = late.is_some_and(|late| late <= most);
    (!is_in_time).then_some(
        Whole::Elsewhere {
            event,
            endpoint,
            late,
        }
        .into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_name_led_may_be_asked_for_two_minutes_and_what_it_never_led_to_not_at_all() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
        let judged = |led_at, began| {
            let delivery = (EventId::default(), EndpointId::default());
            judge_elsewhere(delivery, led_at, (at(began), Span::from_seconds(30)))
        };
        assert_eq!(judged(Some(at(10)), 130), None);
        assert!(judged(Some(at(10)), 131).is_some());
        assert!(judged(None, 1).is_some());
    }
}
