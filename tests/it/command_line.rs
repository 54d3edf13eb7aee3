//! The command line as its users meet it: help, exit codes, error lines, the trial receiver.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Output, Stdio},
};

use crate::support::process::{Lines, Process, empty_folder, fanfare};

/// Runs to the end.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = empty_folder();
    let mut command = fanfare(&folder, arguments);
    command.envs(variables.iter().copied());
    command.output().expect("the binary starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Checks that a command failed with `code` and one plain line that has all of `parts`.
fn assert_fails(output: &Output, code: i32, parts: &[&str]) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{error}");
    assert_eq!(text(&output.stdout), "");
    let line = error.lines().last().expect("a line");
    assert!(line.starts_with("error: "), "{error}");
    for part in parts {
        assert!(line.contains(part), "{part} is not in: {line}");
    }
    assert!(
        !error.contains("panicked") && !error.contains("RUST_BACKTRACE"),
        "{error}"
    );
}

#[test]
fn many_simulations_are_summed_up_the_same_each_time() {
    let arguments = ["simulate", "--layer", "store", "--seeds", "4", "--json"];
    let first = run(&arguments, &[]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let document: serde_json::Value = serde_json::from_slice(&first.stdout).expect("JSON");
    assert_eq!(document.get("seeds"), Some(&4.into()));
    assert_eq!(document["layer"], "store");
    assert_eq!(document["violations"], serde_json::json!([]));
    let deaths = |kind: &str| document["faults"][kind].as_u64().unwrap_or(0);
    let crashes = deaths("process_killed") + deaths("power_lost");
    assert!(crashes > 0, "{document}");
    assert_eq!(document["crashes"], crashes);
    assert!(text(&first.stderr).contains("seeds a minute"));
    assert_eq!(text(&first.stdout), text(&run(&arguments, &[]).stdout));
}

#[test]
fn seeds_beyond_the_largest_number_end_with_2() {
    let last = "18446744073709551615";
    let scenario = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/scenarios/customer-down.toml"
    );
    for command in [
        &["simulate"][..],
        &["simulate", "meta"],
        &["simulate", "run", scenario],
        &["simulate", "compare", scenario, scenario],
    ] {
        let arguments = [command, &["--seed", last, "--seeds", "3"]].concat();
        assert_fails(&run(&arguments, &[]), 2, &["--seeds", last]);
    }
    let one = [
        "simulate",
        "--events",
        "1",
        "--endpoints",
        "1",
        "--seed",
        last,
    ];
    assert_eq!(run(&one, &[]).status.code(), Some(0));
}

#[test]
fn a_drawn_simulation_takes_no_sizes() {
    let arguments = ["simulate", "--layer", "store", "--events", "5"];
    assert_fails(&run(&arguments, &[]), 2, &["--events", "leave"]);
    let arguments = ["simulate", "--swarm", "--endpoints", "5"];
    assert_fails(&run(&arguments, &[]), 2, &["--endpoints", "leave"]);
    let arguments = ["simulate", "meta", "--swarm", "--endpoints", "5"];
    assert_fails(&run(&arguments, &[]), 2, &["--endpoints", "leave"]);
}

#[test]
fn each_seed_does_the_same_in_two_processes_and_that_is_told() {
    for layer in [&["--layer", "store"][..], &["--swarm"]] {
        let mut arguments = vec!["simulate", "meta", "--seeds", "3"];
        arguments.extend(layer);
        let output = run(&arguments, &[]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = text(&output.stdout);
        assert!(told.starts_with("3 seeds did the same"), "{told}");
        arguments.push("--json");
        let output = run(&arguments, &[]);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(document["seeds"], 3);
        assert!(document["records"].as_u64() > Some(100), "{document}");
        assert!(document["difference"].is_null(), "{document}");
    }
}

#[cfg(not(feature = "mutants"))]
#[test]
fn a_build_without_mistakes_says_how_to_get_one_with_them() {
    let output = run(&["simulate", "mutants", "--quick"], &[]);
    assert_fails(&output, 2, &["--features mutants"]);
}

#[cfg(feature = "mutants")]
#[test]
fn mistakes_are_looked_for_by_name_and_told_as_a_document() {
    let arguments = [
        "simulate",
        "mutants",
        "--quick",
        "--json",
        "--only",
        "NeverGivesUp",
    ];
    let output = run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = &document["mutants"][0];
    assert_eq!(found["name"], "NeverGivesUp");
    assert_eq!(found["found"], true);
    assert_eq!(found["invariant"], "I9");
    assert!(found["seeds_to_find"].as_u64() > Some(0), "{found}");
    assert!(found["shrunk"]["events"].as_u64() > Some(0), "{found}");
    let nobody = ["simulate", "mutants", "--only", "Nobody"];
    assert_fails(&run(&nobody, &[]), 2, &["Nobody", "--only"]);
}

/// With a mistake in it, so that there is something to show.
#[cfg(feature = "mutants")]
#[test]
fn what_does_not_hold_is_made_small_shown_and_saved_for_one_command() {
    let folder = empty_folder();
    let failures = folder.path().join("kept");
    let failures = failures.to_str().expect("UTF-8");
    let mut arguments = "simulate --layer store --seeds 50 --mutant CountsAttemptsAnew --json"
        .split(' ')
        .collect::<Vec<&str>>();
    arguments.extend(["--failures", failures]);
    let output = run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(10));
    let shown = text(&output.stderr);
    for part in [
        "I6 does not hold with 1 event, 2 endpoints and 0 faults either",
        "and small with `fanfare simulate run",
        "producers   engine      store       receivers",
        "attempt 1 of event 0 to endpoint 0",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let failing = &document["failures"][0];
    assert_eq!(failing["invariant"], "I6");
    assert_eq!(failing["seed"], document["violations"][0]["seed"]);
    assert_eq!(
        (&failing["events"], &failing["endpoints"]),
        (&1.into(), &2.into())
    );
    let file = failing["file"].as_str().expect("a file");
    assert!(file.starts_with(failures), "{file}");
    // The command that is printed.
    let command = failing["command"].as_str().expect("a command");
    let command: Vec<&str> = command.split(' ').skip(1).collect();
    let output = run(&command, &[]);
    assert_eq!(output.status.code(), Some(10));
    let shown = text(&output.stderr);
    assert!(
        shown.contains("as the file says, a property did not hold"),
        "{shown}"
    );
    assert!(shown.contains("producers   engine"), "{shown}");
    // Without the mistake it is clean, and says so.
    let output = run(&["simulate", "run", file], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("does not fail with I6 any more"));
    // As large as it is, and nowhere to save it.
    arguments.extend(["--no-shrink"]);
    let file = arguments.iter_mut().find(|word| **word == failures);
    *file.expect("an argument") = "/dev/null/nowhere";
    let output = run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stderr).contains("choose another folder with --failures"));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(document["failures"][0]["file"].is_null(), "{document}");
    assert!(
        document["failures"][0]["events"].as_u64() > Some(1),
        "{document}"
    );
}

#[test]
fn the_trace_of_a_seed_is_written_a_record_a_line() {
    let folder = empty_folder();
    let path = folder.path().join("trace.txt");
    let file = path.to_str().expect("UTF-8");
    let arguments = [
        "simulate",
        "--events",
        "5",
        "--endpoints",
        "2",
        "--trace",
        file,
    ];
    let output = run(&arguments, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let trace = fs::read_to_string(&path).expect("the trace");
    let sends = trace.lines().filter(|line| line.contains("  send "));
    let sends: Vec<&str> = sends.collect();
    assert!(sends.len() >= 10, "{trace}");
    for line in sends {
        assert!(line.contains("msg_") && line.contains("/ep_"), "{line}");
    }
    for (number, line) in trace.lines().enumerate() {
        assert!(line.starts_with(&format!("#{number} ")), "{line}");
    }
    assert!(!trace.contains("unnamed"), "{trace}");
    let several = ["simulate", "--seeds", "2", "--trace", file];
    assert_fails(&run(&several, &[]), 2, &["--trace", "one seed"]);
    let nowhere = ["simulate", "--events", "1", "--trace", "/nowhere/trace.txt"];
    assert_fails(&run(&nowhere, &[]), 1, &["/nowhere/trace.txt"]);
}

#[test]
fn help_gives_examples_and_ends_with_0() {
    for arguments in [
        &["--help"][..],
        &["serve", "--help"],
        &["dev", "--help"],
        &["receive", "--help"],
        &["simulate", "--help"],
        &["simulate", "meta", "--help"],
        &["simulate", "mutants", "--help"],
    ] {
        let output = run(arguments, &[]);
        let help = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{help}");
        assert!(
            help.contains("Examples:") && help.contains("fanfare "),
            "{help}"
        );
        assert_eq!(text(&output.stderr), "");
    }
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"], &[]);
    assert_eq!(output.status.code(), Some(0));
    let expected = concat!("fanfare ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(text(&output.stdout), expected);
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["serve", "--no-such-flag"][..],
        &["serve", "--seed", "abc"],
        &["serve", "--listen", "nowhere"],
        &["explode"],
        &[],
    ] {
        let output = run(arguments, &[]);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_generator_frequency_that_is_no_positive_integer_ends_with_2_and_is_named() {
    for command in ["serve", "dev"] {
        for value in ["abc", "0", "-5", "1.5", ""] {
            let output = run(&[command], &[("GENERATORFREQUENCY", value)]);
            assert_fails(&output, 2, &["GENERATORFREQUENCY", &format!("{value:?}")]);
            assert_eq!(text(&output.stderr).lines().count(), 1);
        }
    }
}

#[test]
fn an_embedded_store_without_a_folder_ends_with_2() {
    let folder = empty_folder();
    let mut command = fanfare(&folder, &["serve"]);
    let output = command.env_remove("HOME").output().expect("it starts");
    assert_fails(&output, 2, &["--data-dir", "--store memory"]);
}

#[test]
fn what_would_leave_a_door_open_ends_with_2() {
    let output = run(&["dev", "--listen", "0.0.0.0:0"], &[]);
    assert_fails(&output, 2, &["loopback only", "fanfare serve"]);
    let output = run(&["serve", "--insecure-skip-verify"], &[]);
    assert_fails(&output, 2, &["fanfare dev only"]);
    let public = ["serve", "--open-original-api", "--listen", "0.0.0.0:0"];
    assert_fails(&run(&public, &[]), 2, &["--open-original-api", "loopback"]);
    let output = run(&["serve"], &[("FANFARE_ADMIN_KEY", "too-short-canary")]);
    assert_fails(&output, 2, &["FANFARE_ADMIN_KEY", "32 characters"]);
    assert!(!text(&output.stderr).contains("canary"));
}

#[test]
fn an_unknown_key_in_the_file_ends_with_2_and_names_key_and_file() {
    let folder = empty_folder();
    fs::write(folder.path().join("fanfare.toml"), "seed = 1\nlisen = 2\n").expect("written");
    let output = fanfare(&folder, &["serve"]).output().expect("it starts");
    assert_fails(&output, 2, &["fanfare.toml", "line 2", "`lisen`"]);
    let output = run(&["serve", "--config", "none.toml"], &[]);
    assert_fails(&output, 2, &["none.toml", "can't be read"]);
}

#[test]
fn a_port_in_use_ends_with_1_and_one_plain_line() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let port = address.rsplit(':').next().expect("a port");
    for command in ["serve", "dev", "receive"] {
        let output = run(&[command, "--listen", &address], &[]);
        let parts = [port, "127.0.0.1 is in use", "--listen"];
        assert_fails(&output, 1, &parts);
        assert_eq!(text(&output.stderr).lines().count(), 1);
    }
    let output = run(&["serve"], &[("PORT", port)]);
    assert_fails(&output, 1, &[port, "is in use"]);
}

#[test]
fn a_data_folder_that_cannot_be_made_ends_with_1() {
    let folder = empty_folder();
    fs::write(folder.path().join("file"), "").expect("written");
    let arguments = ["serve", "--listen", ":0", "--data-dir", "file/data"];
    let output = fanfare(&folder, &arguments).output().expect("it starts");
    assert_fails(&output, 1, &["file/data", "--data-dir"]);
}

/// Starts `fanfare receive`.
fn receiver(arguments: &[&str]) -> Process {
    Process::start(&[&["receive"], arguments].concat(), &[])
}

/// Posts a delivery to it; what comes back as it came, which may be nothing.
fn deliver(trial: &Process, body: &str) -> String {
    trial.exchange(format!(
        "POST /hook HTTP/1.1\r\nhost: x\r\nconnection: close\r\nwebhook-id: msg_1\r\n\
         webhook-timestamp: 1700000000\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// What it prints up to the next empty line.
fn shown(trial: &Process) -> Vec<String> {
    let lines = std::iter::repeat_with(|| trial.output.next());
    lines.take_while(|line| !line.is_empty()).collect()
}

#[test]
fn receive_shows_a_delivery_and_answers_200() {
    let trial = receiver(&[]);
    let reply = deliver(&trial, "{\"token\":\"t\",\"forged\":\"\u{9b}31m\"}");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    let shown = shown(&trial);
    let first = shown.first().expect("a line");
    assert!(
        first.ends_with("POST /hook - 30 bytes, answers 200"),
        "{shown:?}"
    );
    let expected = [
        "  webhook-id: msg_1",
        "  webhook-timestamp: 1700000000",
        "  {",
        "    \"token\": \"t\",",
        "    \"forged\": \"\\u009b31m\"",
        "  }",
    ];
    assert_eq!(shown.get(1..), Some(&expected.map(String::from)[..]));
}

#[test]
fn receive_answers_as_it_is_told() {
    let trial = receiver(&["--status", "503", "--delay", "1ms", "--json"]);
    let reply = deliver(&trial, "no json");
    assert!(reply.starts_with("HTTP/1.1 503 "), "{reply}");
    let line = trial.output.next();
    let line: serde_json::Value = serde_json::from_str(&line).expect("one JSON object");
    assert_eq!(line["webhook_id"], "msg_1");
    assert_eq!(line["body"], "no json");
    assert_eq!(line["answer"], 503);
}

#[test]
fn receive_closes_without_an_answer_if_told() {
    let trial = receiver(&["--close"]);
    assert_eq!(deliver(&trial, "{}"), "");
    let first = shown(&trial).first().cloned();
    let first = first.expect("it is shown all the same");
    assert!(
        first.ends_with("2 bytes, closes without an answer"),
        "{first}"
    );
}

#[test]
fn receive_refuses_what_is_too_large_or_broken_and_goes_on() {
    let trial = receiver(&[]);
    let reply = deliver(&trial, &"a".repeat(1024 * 1024 + 1));
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    let first = shown(&trial).first().cloned().expect("a line");
    assert!(
        first.ends_with("the body is over 1 MiB, answers 413"),
        "{first}"
    );
    let reply = trial.exchange("NONSENSE\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
    assert!(deliver(&trial, "").starts_with("HTTP/1.1 200 "));
}

#[cfg(unix)]
#[test]
fn receive_ends_with_0_when_a_signal_asks_for_it() {
    for signal in ["TERM", "INT"] {
        let mut trial = receiver(&[]);
        trial.signal(signal);
        assert_eq!(trial.end().0, Some(0), "{signal}");
    }
}

#[test]
fn receive_ends_when_nobody_reads_what_it_prints() {
    let folder = empty_folder();
    let mut command = fanfare(&folder, &["receive", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    drop(child.stdout.take());
    let banner = Lines::of(child.stderr.take().expect("piped")).next();
    let port = banner
        .split(':')
        .nth(2)
        .and_then(|rest| rest.split(' ').next());
    let address = format!("127.0.0.1:{}", port.expect(&banner));
    // Another test that forks at the wrong moment holds the pipe for an instant, in which a line is
    // still written: then the next one ends it. Each round waits for its answer.
    for _ in 0..1_000 {
        let Ok(mut stream) = TcpStream::connect(&address) else {
            break;
        };
        let request = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let mut answer = Vec::new();
        let told = stream.write_all(request.as_bytes());
        if told.and_then(|()| stream.read_to_end(&mut answer)).is_err() {
            break;
        }
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// A vector of `fixtures/signing`, with what `fanfare verify` is told of it.
fn signed(name: &str) -> (String, Vec<String>, Vec<u8>) {
    let vectors = match name {
        "v1" => include_str!("../../fixtures/signing/v1.json"),
        _ => include_str!("../../fixtures/signing/v1a.json"),
    };
    let vectors: serde_json::Value = serde_json::from_str(vectors).expect("JSON");
    let vector = vectors.get(0).expect("a vector");
    let text = |field: &str| Some(vector.get(field)?.as_str()?.to_owned());
    let key = text("public_key")
        .or_else(|| text("secret"))
        .expect("a key");
    let arguments = [
        "verify",
        "--id",
        &text("id").expect("an id"),
        "--timestamp",
        &vector.get("timestamp").expect("a time").to_string(),
        "--signature",
        &text("signature").expect("a signature"),
    ];
    let arguments = arguments.map(str::to_owned).to_vec();
    (key, arguments, br#"{"order":1}"#.to_vec())
}

#[test]
fn a_delivery_is_verified_with_a_shared_and_with_a_public_key() {
    for name in ["v1", "v1a"] {
        let (key, arguments, body) = signed(name);
        let folder = empty_folder();
        let path = folder.path().join("body.json");
        let path = path.to_str().expect("UTF-8");
        let with = |more: &[&str], body: &[u8]| {
            fs::write(path, body).expect("written");
            let mut all: Vec<&str> = arguments.iter().map(String::as_str).collect();
            all.extend(more);
            all.push(path);
            run(&all, &[("FANFARE_VERIFY_KEY", &key)])
        };
        let output = with(&["--any-time"], &body);
        let said = (output.status.code(), text(&output.stdout));
        assert_eq!(
            said,
            (Some(0), "genuine\n".into()),
            "{}",
            text(&output.stderr)
        );
        let other = with(&["--any-time"], b"{\"order\":2}");
        assert_fails(&other, 10, &["not genuine", "no signature fits"]);
        let old = with(&["--tolerance", "1m"], &body);
        assert_fails(&old, 10, &["not genuine", "tolerance"]);
        let output = with(&["--any-time", "--json"], b"{}");
        assert_eq!(output.status.code(), Some(10));
        let said: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(said.get("genuine"), Some(&false.into()));
        assert!(!text(&output.stderr).contains(&key), "a key is never shown");
    }
}

#[test]
fn verify_says_which_key_is_none_and_that_there_is_none() {
    let (_, arguments, _) = signed("v1");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let without = run(&arguments, &[]);
    assert_fails(&without, 2, &["no key", "--key-file", "FANFARE_VERIFY_KEY"]);
    let canary = "whsec_canary whpk_AAAA";
    let wrong = run(&arguments, &[("FANFARE_VERIFY_KEY", canary)]);
    assert_fails(&wrong, 2, &["key 1", "base64"]);
    assert!(!text(&wrong.stderr).contains("canary"));
    let missing = [&arguments[..], &["--key-file", "/nowhere/key"]].concat();
    assert_fails(&run(&missing, &[]), 1, &["/nowhere/key"]);
}

#[test]
fn a_target_is_judged_without_connecting_and_the_exit_code_tells() {
    for (arguments, code, parts) in [
        (&["https://8.8.8.8/"][..], 0, &["a public address"][..]),
        (&["http://127.0.0.1:3000/", "--dev"], 0, &["127.0.0.0/8"]),
        (
            &["http://10.1.2.3/", "--allow-target", "10.0.0.0/8"],
            0,
            &["the operator allowed 10.0.0.0/8"],
        ),
        (&["http://10.1.2.3/"], 1, &["10.0.0.0/8", "private"]),
        (&["http://169.254.169.254/latest"], 1, &["metadata"]),
        (
            &[
                "http://169.254.169.254/",
                "--allow-target",
                "169.254.0.0/16",
            ],
            1,
            &["metadata"],
        ),
        (&["http://[::ffff:808:808]/"], 1, &["mapped"]),
        (&["https://8.8.8.8:6379/"], 1, &["port 6379"]),
        (
            &["https://8.8.8.8/", "--allow-port", "8443"],
            1,
            &["port 443"],
        ),
        (
            &["https://8.8.8.8/", "--deny-target", "8.0.0.0/8"],
            1,
            &["denied"],
        ),
        (&["http://8.8.8.8/", "--https-only"], 1, &["https"]),
        (&["http://0x7f.1/"], 1, &["spelled oddly", "127.0.0.1"]),
        (&["http://localhost/"], 1, &["this machine"]),
        (&["http://backend/"], 1, &["single label"]),
        (&["ftp://8.8.8.8/"], 2, &["http://"]),
        (&["nonsense"], 2, &["URL"]),
        (
            &["https://8.8.8.8/", "--outbound-proxy-resolves"],
            2,
            &["outbound_proxy"],
        ),
    ] {
        let output = run(&[&["target", "check"], arguments].concat(), &[]);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        for part in parts {
            assert!(told.contains(part), "{part} is not in: {told}");
        }
    }
    let output = run(&["target", "check", "http://10.0.0.1/", "--json"], &[]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["allowed"], false);
    assert_eq!(document["addresses"], serde_json::json!([]));
    let reason = document["reason"].as_str().expect("told");
    assert!(reason.contains("private"), "{reason}");
    let variables = [("FANFARE_OUTBOUND_PROXY", "ftp://user:secret@proxy")];
    let output = run(&["target", "check", "https://8.8.8.8/"], &variables);
    assert_fails(&output, 2, &["FANFARE_OUTBOUND_PROXY", "http://host:port"]);
    assert!(!text(&output.stderr).contains("secret"));
}

#[test]
fn a_receiver_misbehaves_as_it_is_told_and_shows_what_came() {
    let arguments = ["receive", "--misbehave", "short-body"];
    let receiver = Process::start(&arguments, &[]);
    assert!(
        receiver.banner.contains("misbehaves (short-body)"),
        "{}",
        receiver.banner
    );
    let mut stream = receiver.connect();
    let request = "POST /hook HTTP/1.1\r\nhost: h\r\ncontent-length: 4\r\n\r\nbody";
    stream.write_all(request.as_bytes()).expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc");
    let shown = receiver.output.next();
    assert_eq!(shown, "POST /hook HTTP/1.1: short-body");
    let refused = run(&["receive", "--misbehave", "politely"], &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains("endless-body"));
}
