//! F2: the fake event source: `OrderReceived` events as the original server made them.
//!
//! Everything follows from a random stream and a wall time, so the same seed and start give the
//! same events, byte for byte. The generator has no timer: it is a deadline of the engine.

#![warn(clippy::wildcard_enum_match_arm)]

mod words;

use jiff::fmt::temporal::DateTimePrinter;
use serde::Serialize;

use crate::{
    random::Stream,
    time::{Span, Timestamp},
};

/// An order; its fields and their names are the original server's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    product_name: String,
    price: String,
    color: &'static str,
    order_date: String,
    dispatch_by: String,
    delivery_details: DeliveryDetails,
}

/// Where an order goes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryDetails {
    first_name: &'static str,
    last_name: &'static str,
    street: String,
    county: &'static str,
    city: &'static str,
    country: &'static str,
    zip_code: String,
}

/// The payload of the next fake `OrderReceived` event: a JSON array of 1 to 10 orders, ordered
/// within the day before `wall` and dispatched within the day after it.
#[must_use]
pub fn order_received(random: &mut Stream, wall: Timestamp) -> Vec<u8> {
    let count = random.between(1, ORDERS_MAX);
    let orders: Vec<Order> = (0..count).map(|_| order(random, wall)).collect();
    // Strings and lists can't fail to be written; an empty list would still be valid JSON.
    serde_json::to_vec(&orders).unwrap_or_else(|_| b"[]".to_vec())
}

fn order(random: &mut Stream, wall: Timestamp) -> Order {
    let product = [
        pick(random, &words::ADJECTIVES),
        pick(random, &words::MATERIALS),
        pick(random, &words::PRODUCTS),
    ];
    Order {
        product_name: product.join(" "),
        price: format!("$ {}.00", random.between(1, DOLLARS_MAX)),
        color: pick(random, &words::COLORS),
        order_date: date(wall.plus(Span::from_millis(-within_a_day(random)))),
        dispatch_by: date(wall.plus(Span::from_millis(within_a_day(random)))),
        delivery_details: DeliveryDetails {
            first_name: pick(random, &words::FIRST_NAMES),
            last_name: pick(random, &words::LAST_NAMES),
            street: format!(
                "{} {}",
                random.between(1, 250),
                pick(random, &words::STREETS)
            ),
            county: pick(random, &words::COUNTIES),
            city: pick(random, &words::CITIES),
            country: pick(random, &words::COUNTRIES),
            zip_code: format!("{:05}", random.between(501, 99_950)),
        },
    }
}

fn pick(random: &mut Stream, words: &[&'static str]) -> &'static str {
    random.pick(words).copied().unwrap_or_default()
}

/// From 1 ms to a day, in milliseconds.
fn within_a_day(random: &mut Stream) -> i64 {
    i64::try_from(random.between(1, DAY_MS)).unwrap_or_default()
}

/// `2026-11-24T01:02:03.004Z`; a time that no calendar has is shown as the epoch.
fn date(time: Timestamp) -> String {
    let time = jiff::Timestamp::from_millisecond(time.as_millis()).unwrap_or_default();
    DateTimePrinter::new()
        .precision(Some(3))
        .timestamp_to_string(&time)
}

/// Orders of one event at most.
const ORDERS_MAX: u64 = 10;
/// The dearest product, in whole dollars.
const DOLLARS_MAX: u64 = 999;
/// A day in milliseconds.
const DAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use xxhash_rust::xxh3::xxh3_64;

    use super::*;

    const WALL: Timestamp = Timestamp::from_millis(1_764_000_000_000);

    fn stream(seed: u64) -> Stream {
        Stream::new(seed, "generator", 0, 0)
    }

    fn orders(random: &mut Stream) -> Vec<Value> {
        match serde_json::from_slice(&order_received(random, WALL)) {
            Ok(Value::Array(orders)) => orders,
            other => panic!("no array: {other:?}"),
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn an_event_has_one_to_ten_orders_and_every_number_comes_up() {
        let mut random = stream(1);
        let counts: std::collections::BTreeSet<usize> =
            (0..300).map(|_| orders(&mut random).len()).collect();
        assert_eq!(counts, (1..=10).collect());
    }

    #[test]
    fn an_order_has_exactly_the_original_fields_in_their_order() {
        let mut random = stream(2);
        for order in orders(&mut random) {
            let fields = [
                "productName",
                "price",
                "color",
                "orderDate",
                "dispatchBy",
                "deliveryDetails",
            ];
            assert_eq!(keys(&order), fields);
            let fields = [
                "firstName",
                "lastName",
                "street",
                "county",
                "city",
                "country",
                "zipCode",
            ];
            assert_eq!(keys(&order["deliveryDetails"]), fields);
        }
    }

    #[test]
    fn prices_are_whole_dollars_with_two_decimals() {
        let mut random = stream(3);
        for order in (0..100).flat_map(|_| orders(&mut random)) {
            let price = order["price"].as_str().expect("text");
            let dollars = price
                .strip_prefix("$ ")
                .and_then(|rest| rest.strip_suffix(".00"));
            let dollars: u64 = dollars.expect(price).parse().expect(price);
            assert!((1..=DOLLARS_MAX).contains(&dollars), "{price}");
        }
    }

    #[test]
    fn orders_are_recent_and_dispatched_soon() {
        let mut random = stream(4);
        let day = i64::try_from(DAY_MS).expect("small");
        for order in (0..50).flat_map(|_| orders(&mut random)) {
            let millis = |field: &str| {
                let text = order[field].as_str().expect("text");
                assert_eq!(text.len(), "2026-11-24T01:02:03.004Z".len(), "{text}");
                text.parse::<jiff::Timestamp>()
                    .expect(text)
                    .as_millisecond()
                    - WALL.as_millis()
            };
            assert!((-day..0).contains(&millis("orderDate")));
            assert!((1..=day).contains(&millis("dispatchBy")));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_events_and_one_event_differs_from_the_next() {
        let (mut first, mut second, mut other) = (stream(5), stream(5), stream(6));
        let mut last = Vec::new();
        for _ in 0..20 {
            let payload = order_received(&mut first, WALL);
            assert_eq!(payload, order_received(&mut second, WALL));
            assert_ne!(payload, order_received(&mut other, WALL));
            assert_ne!(payload, last);
            last = payload;
        }
    }

    #[test]
    fn the_first_event_of_seed_one_never_changes() {
        // A golden value: whoever changes it changes what every old seed generates.
        assert_eq!(xxh3_64(&order_received(&mut stream(1), WALL)), GOLDEN);
    }

    const GOLDEN: u64 = 5_774_290_277_341_465_768;
}
