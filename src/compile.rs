//! [`Instrumented`] in, [`Compiled`] out: machine code by one of two compilers.
//!
//! The baseline compiler (Winch) takes a fifth of the optimizing one's (Cranelift) time, and init
//! functions are too short for better code to pay for itself. Both give the same bits: NaNs are
//! canonical and relaxed SIMD is deterministic in either.

use crate::error::{Error, Result, Stage};
use crate::instrument::Instrumented;
use crate::module::Module;
use crate::options::EngineChoice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use wasmtime::{Config, Engine, Strategy};

/// Bytes of stack the guest may use; V8 gives a tenth of it, and deep parsers want more than that.
pub const MAX_STACK_BYTES: usize = 8 << 20;

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
    pub tier: Tier,
}

/// Compiles, and validates while doing so.
///
/// # Errors
///
/// `ERR_INVALID_WASM` with the offset in the user's own bytes, `ERR_UNSUPPORTED` where the module
/// is valid and no compiler takes it.
pub fn compile(
    module: &Module<'_>,
    instrumented: &Instrumented,
    choice: EngineChoice,
) -> Result<Compiled> {
    let first = match choice {
        EngineChoice::Auto | EngineChoice::Baseline => Tier::Baseline,
        EngineChoice::Optimizing => Tier::Optimizing,
    };
    let failure = match compile_with(first, instrumented) {
        Ok(compiled) => return Ok(compiled),
        Err(failure) => failure,
    };
    validate(module)?;
    match choice {
        EngineChoice::Auto => compile_with(Tier::Optimizing, instrumented)
            .map_err(|failure| refused("this package's engine", &failure)),
        EngineChoice::Baseline => Err(refused(
            "the baseline compiler (`engine: 'auto'` tries the optimizing one as well)",
            &failure,
        )),
        EngineChoice::Optimizing => Err(refused("this package's engine", &failure)),
    }
}

/// Compiles with one tier; a panic of the compiler is a refusal like any other.
fn compile_with(tier: Tier, instrumented: &Instrumented) -> Result<Compiled, String> {
    let engine = engine(tier)?;
    let compile = || wasmtime::Module::from_binary(engine, &instrumented.wasm);
    match catch_unwind(AssertUnwindSafe(compile)) {
        Ok(Ok(module)) => Ok(Compiled { module, tier }),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("the {} compiler panicked", tier.name())),
    }
}

/// The engine of a tier, made once for the process; the error says why there is none here.
fn engine(tier: Tier) -> Result<&'static Engine, String> {
    static BASELINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    static OPTIMIZING: OnceLock<Result<Engine, String>> = OnceLock::new();
    let cell = match tier {
        Tier::Baseline => &BASELINE,
        Tier::Optimizing => &OPTIMIZING,
    };
    let made = cell.get_or_init(|| Engine::new(&config(tier)).map_err(|e| format!("{e:#}")));
    made.as_ref().map_err(Clone::clone)
}

fn config(tier: Tier) -> Config {
    let mut config = Config::new();
    config
        .parallel_compilation(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(MAX_STACK_BYTES)
        .async_stack_size(2 * MAX_STACK_BYTES)
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

fn refused(by: &str, reason: &str) -> Error {
    Error::unsupported(
        Stage::Compile,
        format!("the module is valid, but {by} can't compile it: {reason}"),
    )
}
