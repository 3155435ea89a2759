//! Bytes make a module whose every function ends; *init, then run* and *run the output* must be the
//! same in the engine.
#![no_main]

#[path = "../../tests/differential/append.rs"]
mod append;
#[path = "../../tests/differential/canonical.rs"]
mod canonical;
#[expect(
    dead_code,
    reason = "modules are generated from the fuzzer's bytes instead"
)]
#[path = "../../tests/differential/generate.rs"]
mod generate;
#[path = "../../tests/corpus/generated.rs"]
mod generated;
#[path = "../../tests/differential/native.rs"]
mod native;
#[path = "../../tests/differential/rng.rs"]
mod rng;
#[expect(dead_code, reason = "the test with another engine uses all of it")]
#[path = "../../tests/differential/shape.rs"]
mod shape;
#[path = "../../tests/differential/values.rs"]
mod values;

use generated::{End, STACK_BYTES, check};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::thread::Builder;

fuzz_target!(|entropy: &[u8]| -> Corpus {
    // The fuzzer's own thread has less stack than a guest may use.
    let end = std::thread::scope(|scope| {
        let thread = Builder::new().stack_size(STACK_BYTES);
        let spawned = thread.spawn_scoped(scope, || check(entropy));
        spawned.expect("threads can be started").join()
    });
    match end {
        Ok(Ok(End::NoModule)) => Corpus::Reject,
        Ok(Ok(_)) => Corpus::Keep,
        Ok(Err(problem)) => panic!("{problem}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
});
