//! The checks of the fuzz targets, in every run of the tests: on the examples in `fixtures/fuzz`, on
//! examples that are cut, doubled and spoiled, and on arbitrary bytes.

use std::{fs, path::Path};

use proptest::prelude::*;

#[expect(
    clippy::indexing_slicing,
    reason = "a check that goes out of bounds fails, as it should"
)]
#[path = "../../fuzz/checks.rs"]
mod checks;

use checks::CHECKS;

/// The examples of a target.
fn examples(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/fuzz")
        .join(target);
    let files = fs::read_dir(folder).expect("it has examples");
    let mut paths: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    paths.sort();
    let read = paths.iter().map(|path| fs::read(path).expect("readable"));
    read.collect()
}

/// An example with one part taken out, put in twice or replaced.
fn spoiled() -> impl Strategy<Value = (usize, usize, (usize, usize), Vec<u8>)> {
    let place = (any::<usize>(), 0..40_usize);
    let new = proptest::collection::vec(any::<u8>(), 0..12);
    (0..CHECKS.len(), any::<usize>(), place, new)
}

#[test]
fn every_example_is_read_as_it_should_be() {
    for (target, check) in CHECKS {
        let examples = examples(target);
        assert!(examples.len() >= 3, "{target} has few examples");
        for example in examples {
            check(&example);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_bytes_come_each_parser_keeps_its_word(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        target in 0..CHECKS.len(),
    ) {
        let (_, check) = CHECKS[target];
        check(&bytes);
    }

    #[test]
    fn whatever_is_spoiled_in_an_example_each_parser_keeps_its_word(
        (target, example, (at, length), new) in spoiled(),
    ) {
        let (name, check) = CHECKS[target];
        let examples = examples(name);
        let mut bytes = examples[example % examples.len()].clone();
        let at = at % (bytes.len() + 1);
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, new);
        check(&bytes);
    }
}
