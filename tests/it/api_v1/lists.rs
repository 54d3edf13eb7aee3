//! Lists over HTTP: pages, iterators, bounds in time, and entries that come in meanwhile.

use fanfare::{domain::outcome::OutcomeKind, time::Span};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::{Api, local};

const PATH: &str = "/api/v1/app/a/msg";

async fn api() -> Api {
    let api = Api::start(OutcomeKind::Status(200)).await;
    api.application("a").await;
    api
}

/// The ids of a page, as they are shown.
fn ids(page: &Value) -> Vec<String> {
    let data = page["data"].as_array().expect("a list").iter();
    data.map(|entry| entry["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// The page that an iterator of another one leads to.
async fn follow(api: &Api, path: &str, limit: usize, iterator: &Value) -> Value {
    let iterator = iterator.as_str().expect("an iterator");
    let path = format!("{path}?limit={limit}&iterator={iterator}");
    api.get(&path).await.fine()
}

/// All pages of a list from the newest on.
async fn all_pages(api: &Api, path: &str, limit: usize) -> Vec<Vec<String>> {
    let mut page = api.get(&format!("{path}?limit={limit}")).await.fine();
    let mut pages = vec![ids(&page)];
    while page["done"] == false {
        page = follow(api, path, limit, &page["iterator"]).await;
        pages.push(ids(&page));
    }
    pages
}

#[tokio::test]
async fn an_empty_list_is_done_and_has_both_iterators() {
    local(async {
        let answer = api().await.get(PATH).await;
        let expected = r#"{"data":[],"iterator":null,"prevIterator":null,"done":true}"#;
        assert_eq!(answer.body, expected);
    })
    .await;
}

#[tokio::test]
async fn pages_come_newest_first_and_the_way_back_shows_the_same() {
    local(async {
        let api = api().await;
        let mut made = Vec::new();
        for number in 0..7 {
            made.push(api.message("a", number).await);
            api.advance(Span::from_millis(1)).await;
        }
        made.reverse();
        let pages = all_pages(&api, PATH, 3).await;
        assert_eq!(pages, [&made[..3], &made[3..6], &made[6..]]);
        assert_eq!(all_pages(&api, PATH, 7).await, [&made[..]]);

        let first = api.get(&format!("{PATH}?limit=3")).await.fine();
        let second = follow(&api, PATH, 3, &first["iterator"]).await;
        let back = follow(&api, PATH, 3, &second["prevIterator"]).await;
        assert_eq!(ids(&back), &made[..3]);
        assert_eq!(back["done"], true);
        let forth = follow(&api, PATH, 3, &back["iterator"]).await;
        assert_eq!(ids(&forth), ids(&second));

        // Beyond the newest there is nothing yet, and the way on is not lost.
        let newer = follow(&api, PATH, 3, &first["prevIterator"]).await;
        assert_eq!(ids(&newer), Vec::<String>::new());
        assert_eq!(newer["done"], true);
        let again = follow(&api, PATH, 3, &newer["iterator"]).await;
        assert_eq!(ids(&again), &made[..3]);
        let fresh = api.message("a", 8).await;
        let newer = follow(&api, PATH, 3, &newer["prevIterator"]).await;
        assert_eq!(ids(&newer), [fresh]);

        // Behind the oldest there is nothing either.
        let last = follow(&api, PATH, 3, &second["iterator"]).await;
        assert_eq!(last["done"], true);
        let none = follow(&api, PATH, 3, &last["iterator"]).await;
        assert_eq!((ids(&none), &none["done"]), (Vec::new(), &json!(true)));
        let back = follow(&api, PATH, 9, &none["prevIterator"]).await;
        assert_eq!(&ids(&back)[1..], made);
    })
    .await;
}

#[test]
fn while_messages_come_in_none_is_shown_twice_and_none_left_out() {
    // The size of the pages, and how many messages come in after each of them.
    let inputs = (1_usize..9, prop::collection::vec(0_usize..4, 1..12));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(48));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runner
        .run(&inputs, |(limit, comings)| {
            runtime.block_on(local(async {
                let api = api().await;
                let mut before = Vec::new();
                for number in 0..20 {
                    before.push(api.message("a", number).await);
                }
                let mut comings = comings.into_iter().cycle();
                let mut page = api.get(&format!("{PATH}?limit={limit}")).await.fine();
                let first = page["prevIterator"].clone();
                let mut shown = ids(&page);
                let mut came = Vec::new();
                while page["done"] == false {
                    for number in 0..comings.next().unwrap_or(0) {
                        came.push(api.message("a", number).await);
                    }
                    page = follow(&api, PATH, limit, &page["iterator"]).await;
                    shown.extend(ids(&page));
                }
                before.reverse();
                prop_assert_eq!(shown, before);
                // From where the first page began, back to the newest.
                let mut newer = Vec::new();
                let mut iterator = first;
                loop {
                    let page = follow(&api, PATH, limit, &iterator).await;
                    let mut found = ids(&page);
                    found.reverse();
                    newer.extend(found);
                    if page["done"] == true {
                        break;
                    }
                    iterator = page["prevIterator"].clone();
                }
                prop_assert_eq!(newer, came);
                Ok(())
            }))
        })
        .expect("holds");
}

#[tokio::test]
async fn a28_a_page_has_50_entries_unless_1_to_250_are_asked_for() {
    local(async {
        let api = api().await;
        for number in 0..251 {
            api.message("a", number).await;
        }
        for (query, expected) in [
            ("", 50),
            ("?limit=1", 1),
            ("?limit=249", 249),
            ("?limit=250", 250),
        ] {
            let page = api.get(&format!("{PATH}{query}")).await.fine();
            assert_eq!(ids(&page).len(), expected, "{query}");
            assert_eq!(page["done"], false);
        }
        for query in [
            "0",
            "251",
            "-1",
            "%2B5",
            "1e3",
            "",
            "18446744073709551616",
            "5&limit=5",
        ] {
            let answer = api.get(&format!("{PATH}?limit={query}")).await;
            assert_eq!(answer.faults(), ["query.limit: value_error"], "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_of_large_messages_ends_early_and_the_next_one_goes_on() {
    local(async {
        let api = api().await;
        let filling = "x".repeat(200 * 1024);
        let mut made = Vec::new();
        for _ in 0..30 {
            let body = json!({ "eventType": "t", "payload": { "a": filling } });
            let said = api.post(PATH, body).await.fine();
            made.push(said["id"].as_str().expect("an id").to_owned());
        }
        made.reverse();
        let pages = all_pages(&api, PATH, 250).await;
        assert_eq!(pages.len(), 2);
        assert_eq!(pages.concat(), made);
    })
    .await;
}

#[tokio::test]
async fn a29_an_iterator_that_this_list_did_not_give_is_400() {
    local(async {
        let api = api().await;
        api.application("b").await;
        api.endpoint("a", "hook", "http://r/").await;
        for (application, number) in [("a", 1), ("a", 2), ("b", 1)] {
            api.message(application, number).await;
        }
        let page = api.get(&format!("{PATH}?limit=1")).await.fine();
        let iterator = page["iterator"].as_str().expect("an iterator");
        let cut = iterator.get(1..).expect("long");
        let mistyped = iterator.replace(iterator.chars().last().expect("long"), "_");
        for (path, iterator) in [
            (PATH, cut),
            (PATH, &mistyped),
            (PATH, ""),
            (PATH, "null"),
            (PATH, "msg_000000000000000000000000000"),
            (PATH, "%FF"),
            ("/api/v1/app/b/msg", iterator),
            ("/api/v1/app/a/attempt/endpoint/hook", iterator),
        ] {
            let answer = api.get(&format!("{path}?iterator={iterator}")).await;
            assert_eq!(
                answer.refusal(),
                (400, "invalid_cursor".into()),
                "{path} {iterator}"
            );
        }
        let answer = api
            .get(&format!("{PATH}?iterator={iterator}&iterator={iterator}"))
            .await;
        assert_eq!(answer.faults(), ["query.iterator: value_error"]);
    })
    .await;
}

#[tokio::test]
async fn bounds_in_time_leave_the_bound_itself_out() {
    local(async {
        let api = api().await;
        let (mut made, mut times) = (Vec::new(), Vec::new());
        for number in 0..5 {
            let id = api.message("a", number).await;
            let shown = api.get(&format!("{PATH}/{id}")).await.fine();
            times.push(shown["timestamp"].as_str().expect("a time").to_owned());
            made.push(id);
            // Two of them within a millisecond, and far more than the drift between others.
            let pause = if number == 1 { 400 } else { 3_600_000_000 };
            api.advance(Span::from_micros(pause)).await;
        }
        let listed = async |query: String| {
            let mut ids = ids(&api.get(&format!("{PATH}?{query}")).await.fine());
            ids.reverse();
            ids
        };
        for (at, time) in times.iter().enumerate() {
            assert_eq!(listed(format!("before={time}")).await, made[..at], "{time}");
            assert_eq!(
                listed(format!("after={time}")).await,
                made[at + 1..],
                "{time}"
            );
        }
        let both = format!("after={}&before={}", times[0], times[3]);
        assert_eq!(listed(both).await, made[1..3]);
        let none = format!("after={}&before={}", times[3], times[0]);
        assert_eq!(listed(none).await, Vec::<String>::new());
        let zoned = "before=2025-11-24T18:00:00.0000001%2B02:00".to_owned();
        assert_eq!(listed(zoned).await, made[..1]);

        // Page by page within bounds, in both directions.
        let bounds = format!("before={}&limit=1", times[3]);
        let page = api.get(&format!("{PATH}?{bounds}")).await.fine();
        let iterator = page["iterator"].as_str().expect("an iterator");
        let page = api
            .get(&format!("{PATH}?{bounds}&iterator={iterator}"))
            .await;
        let page = page.fine();
        assert_eq!(ids(&page), [made[1].clone()]);
        let back = page["prevIterator"].as_str().expect("an iterator");
        let path = format!("{PATH}?before={}&limit=9&iterator={back}", times[3]);
        let page = api.get(&path).await.fine();
        assert_eq!(
            (ids(&page), &page["done"]),
            (vec![made[2].clone()], &json!(true))
        );
    })
    .await;
}

#[tokio::test]
async fn bounds_in_time_are_wall_times_however_far_the_wall_clock_is_ahead() {
    local(async {
        let api = api().await;
        for ahead in [Span::from_seconds(86_400), Span::from_seconds(-86_400)] {
            api.clock.set_wall_ahead(ahead);
            let (mut made, mut times) = (Vec::new(), Vec::new());
            for number in 0..3 {
                api.advance(Span::from_seconds(60)).await;
                let id = api.message("a", number).await;
                let shown = api.get(&format!("{PATH}/{id}")).await.fine();
                times.push(shown["timestamp"].as_str().expect("a time").to_owned());
                made.push(id);
            }
            let path = format!("{PATH}?after={}&before={}", times[0], times[2]);
            assert_eq!(ids(&api.get(&path).await.fine()), [made[1].clone()]);
        }
    })
    .await;
}

#[tokio::test]
async fn a53_what_is_no_time_and_what_is_no_filter_yet_is_422() {
    local(async {
        let api = api().await;
        api.endpoint("a", "hook", "http://r/").await;
        let id = api.message("a", 1).await;
        for time in [
            "",
            "now",
            "2026-11-24",
            "2026-11-24T16:00:60Z",
            "10000-01-01T00:00:00Z",
        ] {
            let answer = api.get(&format!("{PATH}?before={time}&after={time}")).await;
            let expected = ["query.after: value_error", "query.before: value_error"];
            assert_eq!(answer.faults(), expected, "{time}");
        }
        let by_message = format!("/api/v1/app/a/attempt/msg/{id}");
        let by_endpoint = "/api/v1/app/a/attempt/endpoint/hook";
        for path in [PATH, by_endpoint, &by_message] {
            let answer = api.get(&format!("{path}?channel=a&tag=b%20c")).await;
            let expected = ["query.tag: value_error"];
            assert_eq!(answer.faults(), expected, "{path}");
        }
        // What client libraries send, and what nobody knows.
        for path in [PATH, by_endpoint, &by_message] {
            let query = "with_content=false&expanded_statuses=true&with_msg=false&colour=red";
            assert_eq!(
                api.get(&format!("{path}?{query}")).await.status,
                200,
                "{path}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn attempts_are_paged_by_endpoint_and_by_message_like_messages() {
    local(async {
        let api = api().await;
        for uid in ["one", "two"] {
            api.endpoint("a", uid, "http://r/").await;
        }
        let mut messages = Vec::new();
        for number in 0..6 {
            messages.push(api.message("a", number).await);
            api.attempts((number as u64 + 1) * 2).await;
        }
        messages.reverse();
        for limit in [1, 2, 4, 250] {
            let path = "/api/v1/app/a/attempt/endpoint/one";
            let mut page = api.get(&format!("{path}?limit={limit}")).await.fine();
            let mut shown = Vec::new();
            loop {
                for attempt in page["data"].as_array().expect("a list") {
                    assert!(attempt["id"].as_str().expect("an id").starts_with("atmpt_"));
                    shown.push(attempt["msgId"].as_str().expect("an id").to_owned());
                }
                if page["done"] == true {
                    break;
                }
                page = follow(&api, path, limit, &page["iterator"]).await;
            }
            assert_eq!(shown, messages, "pages of {limit}");
        }
        let path = format!("/api/v1/app/a/attempt/msg/{}", messages[0]);
        let pages = all_pages(&api, &path, 1).await;
        assert_eq!(pages.len(), 2, "one to each endpoint");
        assert!(pages[0] > pages[1], "newest first");
    })
    .await;
}
