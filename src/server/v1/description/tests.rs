//! What must hold of the table and of what is made from it.

use std::collections::BTreeSet;

use super::*;

#[test]
fn each_operation_has_a_name_of_its_own_a_sentence_and_an_answer() {
    let mut names = BTreeSet::new();
    for operation in operations::<Handle>() {
        let about = operation.about;
        assert!(names.insert(about.id), "{} twice", about.id);
        assert!(about.id.contains('.'), "{}", about.id);
        assert!(about.summary.ends_with('.'), "{}", about.id);
        assert!(!about.successes.is_empty(), "{}", about.id);
        assert!(about.path.starts_with("/api/v1/"), "{}", about.path);
    }
}

#[test]
fn every_shape_is_used_and_every_reference_leads_to_one() {
    let document = document();
    let text = document.to_string();
    for shape in Shape::ALL {
        let reference = format!("\"#/components/schemas/{}\"", shape.name());
        assert!(text.contains(&reference), "{shape:?} is not used");
    }
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().expect("a part");
        assert!(
            document["components"]["schemas"][name].is_object(),
            "{name}"
        );
    }
}

#[test]
fn the_page_shows_every_path_and_asks_for_nothing_from_elsewhere() {
    let document = document();
    let page = page::page(&document);
    for (path, _) in document["paths"].as_object().expect("paths") {
        assert!(page.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for part in ["<script", "src=", "http://", "https://", "@import"] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn all_that_is_sent_is_described() {
    let document = document();
    let sent = document["webhooks"].as_object().expect("a map");
    let names: BTreeSet<&str> = sent.keys().map(String::as_str).collect();
    let expected = [
        "endpoint.created",
        "endpoint.deleted",
        "endpoint.disabled",
        "endpoint.updated",
        "message",
        "message.attempt.exhausted",
        "message.attempt.failing",
        "message.attempt.recovered",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    let page = page::page(&document);
    for name in names {
        assert!(page.contains(name), "{name}");
    }
}

#[test]
fn what_a_page_shows_is_escaped() {
    let document = json!({
        "components": { "schemas": { "<b>&\"": { "type": "<i>" } } },
    });
    let page = page::page(&document);
    assert!(page.contains("id=\"&lt;b&gt;&amp;&quot;\""), "{page}");
    assert!(
        page.contains("&lt;i&gt;") && !page.contains("<i>"),
        "{page}"
    );
}
