//! Replays what the fuzzers start from, `fuzz/corpus/TARGET/*`, without a fuzzer.
//!
//! An input that a fuzzer has found is put there, so that it is never forgotten.

#[path = "differential/append.rs"]
mod append;
#[path = "differential/canonical.rs"]
mod canonical;
#[expect(dead_code, reason = "modules are generated from the corpus instead")]
#[path = "differential/generate.rs"]
mod generate;
#[path = "corpus/generated.rs"]
mod generated;
#[path = "differential/native.rs"]
mod native;
#[path = "mutation/property.rs"]
mod property;
#[path = "differential/rng.rs"]
mod rng;
#[expect(dead_code, reason = "the differential test uses all of it")]
#[path = "differential/shape.rs"]
mod shape;
#[path = "differential/values.rs"]
mod values;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::thread::Builder;

/// Inputs of a target, so that no mistake leaves a test with nothing to do.
const LEAST_INPUTS: usize = 20;

#[test]
fn the_corpus_of_initialize_ends_in_valid_modules_and_coded_errors() {
    let ends = replay("initialize", property::STACK_BYTES, |wasm| {
        property::check(wasm, &property::Setting::default())
    });
    assert!(
        ends.contains_key(&property::End::Initialized) && ends.len() > 5,
        "the corpus is not various: {ends:?}"
    );
}

#[test]
fn the_corpus_of_differential_goes_on_as_if_nothing_had_been_snapshot() {
    let ends = replay("differential", generated::STACK_BYTES, generated::check);
    assert!(
        ends.contains_key(&generated::End::Same),
        "nothing was compared: {ends:?}"
    );
}

/// Checks every input and counts how they end.
fn replay<E: Ord + Debug + Send>(
    target: &str,
    stack_bytes: usize,
    check: impl Fn(&[u8]) -> Result<E, String> + Sync,
) -> BTreeMap<E, usize> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let work = || {
        let mut ends = BTreeMap::new();
        let mut failures = Vec::new();
        for file in std::fs::read_dir(&folder).expect("the corpus can be listed") {
            let path = file.expect("the corpus can be listed").path();
            let input = std::fs::read(&path).expect("the corpus can be read");
            match check(&input) {
                Ok(end) => *ends.entry(end).or_default() += 1,
                Err(problem) => failures.push(format!("{}: {problem}", path.display())),
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
        ends
    };
    let ends = std::thread::scope(|scope| {
        let thread = Builder::new().stack_size(stack_bytes);
        let spawned = thread.spawn_scoped(scope, work);
        spawned.expect("threads can be started").join()
    });
    let ends = ends.expect("no input fails");
    println!("{ends:?}");
    assert!(
        ends.values().sum::<usize>() >= LEAST_INPUTS,
        "{target} has few inputs"
    );
    ends
}
