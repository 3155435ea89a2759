//! The Node addon: bytes and options in, an outcome out, and threads to get there.
//!
//! Nothing here knows Wasm, and nothing throws: a failed run resolves an outcome that carries the
//! failure, which `index.js` turns into an error. The guest never runs on Node's main thread, nor
//! on one of libuv's.

mod inspect;
mod javascript;
mod messages;
mod options;
mod outcome;
mod report;
mod session;
mod threads;
mod view;

use inspect::{ExternsInspection, Inspection};
use napi::JsValue;
use napi::bindgen_prelude::{Env, Function, PromiseRaw};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use options::BindingOptions;
use outcome::{Job, Outcome};
use session::Session;
use std::sync::Arc;
use wasm_preinit::{Cancel, Reason, StageObserver};

/// Compilers allocate and free a lot, on all cores.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version of this package.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Stops the run that it is handed to, also when it goes away: Node drops it when its worker is
/// terminated.
#[napi]
pub struct Canceller(Arc<Cancel>);

#[napi]
impl Canceller {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    #[napi(catch_unwind)]
    pub fn cancel(&self) {
        self.0.cancel(Reason::Aborted);
    }
}

impl Default for Canceller {
    fn default() -> Self {
        Self(Cancel::new())
    }
}

impl Drop for Canceller {
    fn drop(&mut self) {
        self.0.cancel(Reason::Aborted);
    }
}

impl Canceller {
    fn cancel_handle(&self) -> Arc<Cancel> {
        Arc::clone(&self.0)
    }
}

/// Runs in the background; the promise never rejects.
#[napi(catch_unwind)]
pub fn initialize<'env>(
    env: &'env Env,
    wasm: &[u8],
    options: BindingOptions,
    canceller: &Canceller,
    session: Option<&Session>,
    on_stage: Option<Function<'env, String, ()>>,
) -> napi::Result<PromiseRaw<'env, Outcome>> {
    let (deferred, promise) = env.create_deferred()?;
    let settle = move |run: outcome::Run| {
        let outcome = move |_: Env| Ok(Outcome::from(run));
        let outcome: outcome::Resolver = Box::new(outcome);
        deferred.resolve(outcome);
    };
    let on_stage = on_stage.map(stage_observer).transpose()?;
    let cancel = canceller.cancel_handle();
    Job::new(wasm, options, cancel, session, on_stage).queue(settle);
    Ok(PromiseRaw::new(env.raw(), promise.raw()))
}

/// Calls a function with the names of stages on the JavaScript thread, which it does not keep alive.
fn stage_observer(on_stage: Function<'_, String, ()>) -> napi::Result<StageObserver> {
    let on_stage = on_stage
        .build_threadsafe_function::<String>()
        .weak::<true>()
        .build()?;
    Ok(StageObserver(Arc::new(move |stage| {
        let name = stage.name().to_owned();
        on_stage.call(name, ThreadsafeFunctionCallMode::NonBlocking);
    })))
}

/// Runs while the calling thread waits, and calls the session's functions on it.
#[napi(catch_unwind)]
pub fn initialize_sync(
    env: &Env,
    wasm: &[u8],
    options: BindingOptions,
    canceller: &Canceller,
    session: Option<&Session>,
) -> Outcome {
    let job = Job::new(wasm, options, canceller.cancel_handle(), session, None);
    job.wait(env, session).into()
}

/// Looks at a module without running or compiling it.
#[napi(catch_unwind)]
pub fn inspect(wasm: &[u8]) -> Inspection {
    Inspection::perform(wasm)
}

/// Imports and exports with their types.
#[napi(catch_unwind)]
pub fn externs(wasm: &[u8]) -> ExternsInspection {
    ExternsInspection::perform(wasm)
}

/// Waits until compiled code is written to its folder, but no longer than `timeout` milliseconds.
#[napi(catch_unwind)]
pub fn finish_cache_writes(timeout: f64) {
    wasm_preinit::finish_writes(options::milliseconds(timeout));
}
