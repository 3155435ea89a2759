//! [`Instrumented`] in, [`Compiled`] out: machine code by one of two compilers.
//!
//! The baseline compiler (Winch) takes a fifth of the optimizing one's (Cranelift) time, and init
//! functions are too short for better code to pay for itself. Both give the same bits: NaNs are
//! canonical and relaxed SIMD is deterministic in either.

use crate::error::{Error, Result, Stage};
use crate::host::preload;
use crate::instrument::Instrumented;
use crate::module::Module;
use crate::options::{DEFAULT_MAX_STACK_BYTES, EngineChoice, Options};
use crate::text;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use wasmtime::{Config, Engine, Strategy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    Baseline,
    Optimizing,
}

impl Tier {
    pub fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Optimizing => "optimizing",
        }
    }
}

pub struct Compiled {
    pub module: wasmtime::Module,
    /// Preloaded modules by name, for the same engine.
    pub preloads: Vec<(String, wasmtime::Module)>,
    pub tier: Tier,
}

/// Compiles, and validates while doing so.
///
/// # Errors
///
/// `ERR_INVALID_WASM` with the offset in the user's own bytes, `ERR_UNSUPPORTED` where the module
/// is valid and no compiler takes it, `ERR_IO` for a preloaded module.
pub fn compile(
    module: &Module<'_>,
    instrumented: &Instrumented,
    options: &Options,
) -> Result<Compiled> {
    let first = match options.engine {
        EngineChoice::Auto | EngineChoice::Baseline => Tier::Baseline,
        EngineChoice::Optimizing => Tier::Optimizing,
    };
    let pool = Pool::new();
    let (compiled, valid) = rayon::join(
        || pool.install(|| compile_with(first, instrumented, options)),
        || match instrumented.adds_indices {
            true => validate(module),
            false => Ok(()),
        },
    );
    valid?;
    let failure = match compiled {
        Ok(compiled) => return Ok(compiled),
        Err(failure) => failure,
    };
    if !instrumented.adds_indices {
        validate(module)?;
    }
    let (failure, by) = match options.engine {
        EngineChoice::Auto => {
            match pool.install(|| compile_with(Tier::Optimizing, instrumented, options)) {
                Ok(compiled) => return Ok(compiled),
                Err(failure) => (failure, "this package's engine"),
            }
        }
        EngineChoice::Baseline => (
            failure,
            "the baseline compiler (`engine: 'auto'` tries the optimizing one as well)",
        ),
        EngineChoice::Optimizing => (failure, "this package's engine"),
    };
    Err(match failure.preload {
        Some(name) => preload::failed(&name, failure.message),
        None => Error::unsupported(
            Stage::Compile,
            format!(
                "the module is valid, but {by} can't compile it: {}",
                failure.message
            ),
        ),
    })
}

/// Threads for one compilation. Not those of other runs: a compilation that nobody waits for any
/// more would keep them.
struct Pool(Option<ThreadPool>);

impl Pool {
    fn new() -> Self {
        Self(ThreadPoolBuilder::new().build().ok())
    }

    fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            Some(pool) => pool.install(work),
            None => work(),
        }
    }
}

/// Why a compiler refuses, and whose bytes.
struct Failure {
    message: String,
    preload: Option<String>,
}

fn compile_with(
    tier: Tier,
    instrumented: &Instrumented,
    options: &Options,
) -> Result<Compiled, Failure> {
    let own = |message| Failure {
        message,
        preload: None,
    };
    let engine = engine(tier, options.max_stack).map_err(own)?;
    let module = compile_module(&engine, tier, &instrumented.wasm).map_err(own)?;
    let mut preloads = Vec::new();
    for (name, wasm) in &options.preloads {
        let compiled = text::to_binary(wasm)
            .map_err(|error| error.to_string())
            .and_then(|wasm| compile_module(&engine, tier, &wasm));
        let compiled = compiled.map_err(|message| Failure {
            message,
            preload: Some(name.clone()),
        })?;
        preloads.push((name.clone(), compiled));
    }
    Ok(Compiled {
        module,
        preloads,
        tier,
    })
}

/// Compiles one module; a panic of the compiler is a refusal like any other.
fn compile_module(engine: &Engine, tier: Tier, wasm: &[u8]) -> Result<wasmtime::Module, String> {
    match catch_unwind(AssertUnwindSafe(|| {
        wasmtime::Module::from_binary(engine, wasm)
    })) {
        Ok(Ok(module)) => Ok(module),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("the {} compiler panicked", tier.name())),
    }
}

/// The engine of a tier; the one with the default stack is made once for the process. The error
/// says why there is none here.
fn engine(tier: Tier, max_stack: usize) -> Result<Engine, String> {
    static BASELINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    static OPTIMIZING: OnceLock<Result<Engine, String>> = OnceLock::new();
    let make = || Engine::new(&config(tier, max_stack)).map_err(|error| format!("{error:#}"));
    if max_stack != DEFAULT_MAX_STACK_BYTES {
        return make();
    }
    let cell = match tier {
        Tier::Baseline => &BASELINE,
        Tier::Optimizing => &OPTIMIZING,
    };
    cell.get_or_init(make).clone()
}

fn config(tier: Tier, max_stack: usize) -> Config {
    let mut config = Config::new();
    config
        .parallel_compilation(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(max_stack)
        // Not used, but never smaller than the guest's.
        .async_stack_size(max_stack.saturating_mul(2))
        .epoch_interruption(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_extended_const(true);
    match tier {
        Tier::Baseline => {
            config.strategy(Strategy::Winch);
        }
        Tier::Optimizing => {
            config
                .strategy(Strategy::Cranelift)
                .relaxed_simd_deterministic(true)
                .wasm_relaxed_simd(true)
                .wasm_tail_call(true)
                .wasm_function_references(true)
                .wasm_gc(true)
                .wasm_exceptions(true);
        }
    }
    config
}

/// Reads the user's own bytes again, with all of validation, to say what is wrong with them.
fn validate(module: &Module<'_>) -> Result<()> {
    let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
    match validator.validate_all(module.bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid(&error)),
    }
}
