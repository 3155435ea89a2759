//! A tier and a size of stack in, the engine that compiles for them out.
//!
//! Code belongs to the engine that it was made for. Those with the default stack live as long as the
//! process; making one takes a millisecond, so none is made before it is asked for.

use crate::options::DEFAULT_MAX_STACK_BYTES;
use std::sync::OnceLock;
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Strategy};

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

/// The engines for one size of stack.
pub struct Engines {
    max_stack: usize,
    baseline: OnceLock<Result<Engine, String>>,
    optimizing: OnceLock<Result<Engine, String>>,
}

/// Those with the default stack.
pub static DEFAULT: Engines = Engines::new(DEFAULT_MAX_STACK_BYTES);

impl Engines {
    pub const fn new(max_stack: usize) -> Self {
        Self {
            max_stack,
            baseline: OnceLock::new(),
            optimizing: OnceLock::new(),
        }
    }

    /// The engine of a tier. The error says why there is none here.
    pub fn get(&self, tier: Tier) -> Result<&Engine, String> {
        let cell = match tier {
            Tier::Baseline => &self.baseline,
            Tier::Optimizing => &self.optimizing,
        };
        let make =
            || Engine::new(&config(tier, self.max_stack)).map_err(|error| format!("{error:#}"));
        cell.get_or_init(make).as_ref().map_err(Clone::clone)
    }
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
        // Backtraces need none: wasmtime walks frame pointers.
        .native_unwind_info(false)
        // Anonymous memory alone tells which of its pages have been touched.
        .memory_init_cow(false)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_extended_const(true);
    match tier {
        Tier::Baseline => {
            config
                .strategy(Strategy::Winch)
                // Cranelift makes the functions through which host and guest call each other.
                .cranelift_opt_level(OptLevel::None)
                .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
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
