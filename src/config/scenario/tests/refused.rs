//! What could not be, or would have no effect, is refused by its line with what is allowed.

use super::{faults, read};

/// Ten events to two endpoints, in six lines.
const BASE: &str = "[traffic]\nsteps = [{ rate = \"1/s\", for = \"10s\" }]\n[[endpoint]]\nname = \"a\"\n\
                    count = 2\nlatency = \"20ms\"\n";

/// Asserts that each of these, behind [`BASE`], is refused at a line with these words.
fn are_refused(wrong: &[(&str, usize, &str)]) {
    for (behind, line, told) in wrong {
        is_refused(&format!("{BASE}{behind}\n"), *line, told);
    }
}

fn is_refused(text: &str, line: usize, told: &str) {
    let found = faults(text);
    let is_told = |(at, reason): &(usize, String)| *at == line && reason.contains(told);
    assert!(found.iter().any(is_told), "{told}\n{text}\n{found:#?}");
}

#[test]
fn what_the_layer_full_does_not_have_is_refused_there() {
    for key in ["application_rate = 5", "endpoints_per_host = 2"] {
        read(&format!("{key}\n{BASE}"));
        is_refused(
            &format!("layer = \"full\"\n{key}\n{BASE}"),
            2,
            "set `layer`",
        );
    }
    for trouble in ["shard_lost = true", "inspection = true"] {
        let trouble = format!("[[trouble]]\nat = \"1s\"\n{trouble}\n");
        read(&format!("layer = \"store\"\n{BASE}{trouble}"));
        is_refused(
            &format!("layer = \"full\"\n{BASE}{trouble}"),
            8,
            "set `layer`",
        );
    }
    let inspection = "[[trouble]]\nat = \"1s\"\ninspection = true";
    are_refused(&[(inspection, 7, "the layer `store` only")]);
}
