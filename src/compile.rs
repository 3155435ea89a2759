//! [`Instrumented`] in, [`Compiled`] out: machine code by one of two compilers.
//!
//! The baseline compiler (Winch) takes a fifth of the optimizing one's (Cranelift) time, and init
//! functions are too short for better code to pay for itself. Both give the same bits: NaNs are
//! canonical and relaxed SIMD is deterministic in either.

use crate::cache::{self, Code, Directory, Name};
use crate::error::{Error, Result, Stage};
use crate::host::preload;
use crate::instrument::Instrumented;
use crate::module::Module;
use crate::options::{DEFAULT_MAX_STACK_BYTES, EngineChoice, Options};
use crate::text;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

/// Where the code of a run came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    Hit,
    Miss,
    Off,
}

impl CacheUse {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Off => "off",
        }
    }
}

pub struct Compiled {
    pub module: wasmtime::Module,
    /// Preloaded modules by name, for the same engine.
    pub preloads: Vec<(String, wasmtime::Module)>,
    pub tier: Tier,
    /// Of the module itself.
    pub cache: CacheUse,
    /// What keeps the cache from being used.
    pub warning: Option<String>,
}

/// Compiles, and validates while doing so, what is not in the cache.
///
/// # Errors
///
/// `ERR_INVALID_WASM` with the offset in the user's own bytes, `ERR_UNSUPPORTED` where the module
/// is valid and no compiler takes it, `ERR_IO` for a preloaded module or the cache's folder.
pub fn compile(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
    options: &Options,
) -> Result<Compiled> {
    let (directory, mut warning) = match &options.cache {
        Some(cache) => Directory::open(&cache.directory, cache.named, cache.max_bytes)?,
        None => (None, None),
    };
    let compiler = Compiler {
        max_stack: options.max_stack,
        in_memory: options.cache.is_some() && options.max_stack == DEFAULT_MAX_STACK_BYTES,
        directory,
    };
    let own = Own {
        module,
        instrumented,
    };
    let mut choice = options.engine;
    loop {
        let obtained = compiler.obtain(&own, choice)?;
        match compiler.preloads(options, obtained.code.tier) {
            Ok(preloads) => {
                let Obtained { code, compiled, .. } = obtained;
                return Ok(Compiled {
                    module: code.module,
                    preloads,
                    tier: code.tier,
                    cache: match options.cache {
                        None => CacheUse::Off,
                        Some(_) if compiled => CacheUse::Miss,
                        Some(_) => CacheUse::Hit,
                    },
                    warning: warning.take().or(obtained.warning),
                });
            }
            // All modules of a run are for one compiler.
            Err(_) if choice == EngineChoice::Auto && obtained.code.tier == Tier::Baseline => {
                choice = EngineChoice::Optimizing;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Bytes to compile.
trait Source: Sync {
    fn hash(&self) -> blake3::Hash;
    fn to_wasm(&self) -> Cow<'_, [u8]>;
    /// Whether the user's own bytes are valid where the compiled ones are.
    fn is_valid_if_compiled(&self) -> bool;
    /// Reads the user's own bytes again, with all of validation, to say what is wrong with them.
    fn validate(&self) -> Result<()>;
    /// What to say of valid bytes that a compiler refuses.
    fn refused(&self, by: &str, message: &str) -> Error;
}

/// The module itself.
struct Own<'a> {
    module: &'a Module<'a>,
    instrumented: &'a Instrumented<'a>,
}

impl Source for Own<'_> {
    fn hash(&self) -> blake3::Hash {
        *self.instrumented.hash()
    }

    fn to_wasm(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.instrumented.to_wasm())
    }

    fn is_valid_if_compiled(&self) -> bool {
        !self.instrumented.accepts_more
    }

    fn validate(&self) -> Result<()> {
        let features = wasmparser::WasmFeatures::all();
        let mut validator = wasmparser::Validator::new_with_features(features);
        match validator.validate_all(self.module.bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::invalid(&error)),
        }
    }

    fn refused(&self, by: &str, message: &str) -> Error {
        Error::unsupported(
            Stage::Compile,
            format!("the module is valid, but {by} can't compile it: {message}"),
        )
    }
}

/// A module that satisfies imports of another one.
struct Preload<'a> {
    name: &'a str,
    wasm: Cow<'a, [u8]>,
}

impl Source for Preload<'_> {
    fn hash(&self) -> blake3::Hash {
        blake3::hash(&self.wasm)
    }

    fn to_wasm(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.wasm)
    }

    fn is_valid_if_compiled(&self) -> bool {
        true
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn refused(&self, _: &str, message: &str) -> Error {
        preload::failed(self.name, message.to_owned())
    }
}

/// Code, and how it was had.
struct Obtained {
    code: Code,
    compiled: bool,
    warning: Option<String>,
}

/// Why code is made: what one purpose has tried says nothing to another.
#[derive(Clone, Copy)]
enum Purpose {
    /// The compiler that is tried first, or the only one that is wanted.
    First,
    /// The baseline compiler has refused.
    Fallback,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Fallback => "fallback",
        }
    }
}

/// Which compilers are tried, in this order.
fn attempts(choice: EngineChoice) -> &'static [(Tier, Purpose)] {
    match choice {
        EngineChoice::Auto => &[
            (Tier::Baseline, Purpose::First),
            (Tier::Optimizing, Purpose::Fallback),
        ],
        EngineChoice::Baseline => &[(Tier::Baseline, Purpose::First)],
        EngineChoice::Optimizing => &[(Tier::Optimizing, Purpose::First)],
    }
}

struct Compiler {
    max_stack: usize,
    /// Whether this process keeps the code. Code belongs to an engine, and there is one for each
    /// size of stack.
    in_memory: bool,
    directory: Option<Directory>,
}

impl Compiler {
    fn preloads(&self, options: &Options, tier: Tier) -> Result<Vec<(String, wasmtime::Module)>> {
        let choice = match tier {
            Tier::Baseline => EngineChoice::Baseline,
            Tier::Optimizing => EngineChoice::Optimizing,
        };
        let preloads = options.preloads.iter().map(|(name, bytes)| {
            let wasm =
                text::to_binary(bytes).map_err(|error| preload::failed(name, error.to_string()))?;
            let obtained = self.obtain(&Preload { name, wasm }, choice)?;
            Ok((name.clone(), obtained.code.module))
        });
        preloads.collect()
    }

    /// What this process has, else what the folder has, else what the compilers make.
    fn obtain(&self, source: &dyn Source, choice: EngineChoice) -> Result<Obtained> {
        if !self.in_memory {
            return self.load_or_make(source, choice);
        }
        let purpose = match choice {
            EngineChoice::Auto => "auto",
            EngineChoice::Baseline => "baseline",
            EngineChoice::Optimizing => "optimizing",
        };
        // Of any engine: there is one for each compiler.
        let engine = self
            .engine(Tier::Optimizing)
            .map_err(|message| source.refused(ANY, &message))?;
        // What one folder holds, another one is to hold as well when it is named.
        let folder = self.directory.as_ref().map(Directory::path);
        let purpose = format!("{purpose} {folder:?}");
        let name = Name::new(&engine, &source.hash(), &purpose);
        let mut compiled = false;
        let mut was_here = true;
        let mut warning = None;
        let code = cache::in_memory(&name, || {
            let obtained = self.load_or_make(source, choice)?;
            was_here = false;
            (compiled, warning) = (obtained.compiled, obtained.warning);
            Ok::<_, Error>(obtained.code)
        })?;
        if was_here && let Some(directory) = &self.directory {
            for (tier, purpose) in attempts(choice) {
                if *tier == code.tier
                    && let Ok(engine) = self.engine(*tier)
                {
                    directory.touch(&Name::new(&engine, &source.hash(), purpose.name()));
                }
            }
        }
        Ok(Obtained {
            code,
            compiled,
            warning,
        })
    }

    fn load_or_make(&self, source: &dyn Source, choice: EngineChoice) -> Result<Obtained> {
        let attempts = attempts(choice);
        if let Some(directory) = &self.directory {
            for &(tier, purpose) in attempts {
                let Ok(engine) = self.engine(tier) else {
                    continue;
                };
                let name = Name::new(&engine, &source.hash(), purpose.name());
                if let Some(module) = directory.load(&name, &engine) {
                    return Ok(Obtained {
                        code: Code { module, tier },
                        compiled: false,
                        warning: None,
                    });
                }
            }
        }
        let pool = Pool::new();
        let mut valid = false;
        let mut refusal = String::new();
        for &(tier, purpose) in attempts {
            let (module, validated) = rayon::join(
                || pool.install(|| self.make(tier, source)),
                || match valid || source.is_valid_if_compiled() {
                    true => Ok(()),
                    false => source.validate(),
                },
            );
            validated?;
            match module {
                Ok(module) => {
                    let warning = self.keep(&module, tier, source, purpose);
                    return Ok(Obtained {
                        code: Code { module, tier },
                        compiled: true,
                        warning,
                    });
                }
                Err(message) => {
                    if !valid && source.is_valid_if_compiled() {
                        source.validate()?;
                    }
                    valid = true;
                    refusal = message;
                }
            }
        }
        let by = match choice {
            EngineChoice::Baseline => {
                "the baseline compiler (`engine: 'auto'` tries the optimizing one as well)"
            }
            _ => ANY,
        };
        Err(source.refused(by, &refusal))
    }

    fn make(&self, tier: Tier, source: &dyn Source) -> Result<wasmtime::Module, String> {
        compile_module(&self.engine(tier)?, tier, &source.to_wasm())
    }

    /// Writes code to the folder. Says what keeps it from being written.
    fn keep(
        &self,
        module: &wasmtime::Module,
        tier: Tier,
        source: &dyn Source,
        purpose: Purpose,
    ) -> Option<String> {
        let directory = self.directory.as_ref()?;
        let engine = self.engine(tier).ok()?;
        let name = Name::new(&engine, &source.hash(), purpose.name());
        directory.store(&name, module)
    }

    fn engine(&self, tier: Tier) -> Result<Engine, String> {
        engine(tier, self.max_stack)
    }
}

/// What refuses a module that no compiler takes.
const ANY: &str = "this package's engine";

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
