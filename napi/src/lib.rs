//! The Node addon: bytes and options in, an outcome out, and threads to get there.
//!
//! Nothing here knows Wasm, and nothing throws: a failed run resolves an outcome that carries the
//! failure, which `index.js` turns into an `InitializeError`. The guest never runs on Node's main
//! thread, nor on one of libuv's.

mod inspect;
mod options;
mod outcome;
mod report;
mod threads;

use inspect::Inspection;
use napi::JsValue;
use napi::bindgen_prelude::{Env, PromiseRaw};
use napi_derive::napi;
use options::BindingOptions;
use outcome::{Outcome, Run};

/// The version of this package.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs in the background; the promise never rejects.
#[napi(catch_unwind)]
pub fn initialize<'env>(
    env: &'env Env,
    wasm: &[u8],
    options: BindingOptions,
) -> napi::Result<PromiseRaw<'env, Outcome>> {
    let (deferred, promise) = env.create_deferred::<Outcome, _>()?;
    let wasm = wasm.to_vec();
    threads::queue(move || {
        let run = Run::perform(&wasm, options);
        drop(wasm);
        deferred.resolve(move |_| Ok(run.into()));
    });
    Ok(PromiseRaw::new(env.raw(), promise.raw()))
}

/// Runs while the calling thread waits.
#[napi(catch_unwind)]
pub fn initialize_sync(wasm: &[u8], options: BindingOptions) -> Outcome {
    // The guest needs more stack than the calling thread is sure to have. It does not queue behind
    // others: the caller, which waits here, may be what they wait for.
    threads::run_now(|| Run::perform(wasm, options)).into()
}

/// Looks at a module without running or compiling it.
#[napi(catch_unwind)]
pub fn inspect(wasm: &[u8]) -> Inspection {
    Inspection::perform(wasm)
}
