//! The commands that speak to a running server, run as their users run them.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use serde_json::Value;

use super::process::{Process, empty_folder, fanfare};

/// The admin key; none of it may ever be printed.
pub(crate) const KEY: &str = "planted-canary-key-of-more-than-32-characters";

/// The text of an output.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A server in memory that asks for the key and may send to loopback.
pub(crate) fn server() -> Process {
    let arguments = [
        "serve",
        "--store",
        "memory",
        "--allow-target",
        "127.0.0.0/8",
    ];
    Process::start(&arguments, &[("FANFARE_ADMIN_KEY", KEY)])
}

/// Runs a command on a server, with this standard input.
pub(crate) fn run_with(url: &str, key: &str, arguments: &[&str], input: &str) -> Output {
    let folder = empty_folder();
    let mut command = fanfare(&folder, arguments);
    command.envs([("FANFARE_SERVER", url), ("FANFARE_KEY", key)]);
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut pipe = child.stdin.take().expect("piped");
    // A command that reads no input may have ended before.
    _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let output = child.wait_with_output().expect("it ends");
    for shown in [&output.stdout, &output.stderr] {
        assert!(!text(shown).contains("canary"), "{}", text(shown));
    }
    output
}

/// Runs a command on a server with the admin key.
pub(crate) fn run(server: &Process, arguments: &[&str]) -> Output {
    run_with(&format!("http://{}", server.address), KEY, arguments, "")
}

/// What a command printed; it went well and said nothing beside it.
pub(crate) fn printed(server: &Process, arguments: &[&str]) -> String {
    let output = run(server, arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert_eq!(error, "");
    text(&output.stdout)
}

/// The one JSON document that a command printed.
pub(crate) fn json(server: &Process, arguments: &[&str]) -> Value {
    let text = printed(server, &[arguments, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Checks that a command failed with `code` and one plain line that has all of `parts`.
pub(crate) fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(text(&output.stdout), "");
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}
