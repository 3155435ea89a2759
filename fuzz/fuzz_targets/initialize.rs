//! Any bytes end in a valid module or a coded error.
#![no_main]

#[path = "../../tests/mutation/property.rs"]
mod property;

use libfuzzer_sys::fuzz_target;
use property::{STACK_BYTES, Setting, check};
use std::thread::Builder;

fuzz_target!(|wasm: &[u8]| {
    let setting = Setting::default();
    // The fuzzer's own thread has less stack than a guest may use.
    let end = std::thread::scope(|scope| {
        let thread = Builder::new().stack_size(STACK_BYTES);
        let spawned = thread.spawn_scoped(scope, || check(wasm, &setting));
        spawned.expect("threads can be started").join()
    });
    match end {
        Ok(Ok(_)) => {}
        Ok(Err(problem)) => panic!("{problem}"),
        Err(panic) => std::panic::resume_unwind(panic),
    }
});
