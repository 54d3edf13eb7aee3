//! The description of the API: the same from the command line, from a server and in the repository.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::process::Process;

/// The description of this version.
const SNAPSHOT: &str = "fixtures/openapi.json";

#[test]
fn the_description_is_the_one_that_was_looked_at() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SNAPSHOT);
    let known = fs::read_to_string(path).expect("the snapshot can be read");
    assert_eq!(
        fanfare::server::openapi(),
        known,
        "\nThe description is not {SNAPSHOT}: the API has changed for its clients.\n\
         If that is meant, look at each line of the difference:\n\
         cargo run --locked -- openapi > {SNAPSHOT}\n"
    );
}

#[test]
fn a_server_gives_it_and_the_page_to_everybody_and_the_command_prints_it() {
    let server = Process::start(&["serve"], &[]);
    let reply = server.get("/api/v1/openapi.json");
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, fanfare::server::openapi())
    );
    let document: Value = serde_json::from_str(&reply.body).expect("JSON");
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["webhooks"]["message"]["post"].is_object());
    let page = server.get("/docs");
    assert_eq!(page.status, 200);
    assert!(page.body.starts_with("<!doctype html>"), "{}", page.body);
    assert_eq!(
        server.get("/api/v1/app").status,
        401,
        "all else asks for a key"
    );
}
