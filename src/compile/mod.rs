//! [`Instrumented`] in, [`Compiled`] out: machine code by one of two compilers.
//!
//! The baseline compiler (Winch) takes a fifth of the optimizing one's (Cranelift) time, and init
//! functions are too short for better code to pay for itself. Both give the same bits: NaNs are
//! canonical and relaxed SIMD is deterministic in either.

mod engines;

pub use engines::Tier;

use crate::cache::{self, Code, Directory, Name, Wanted};
use crate::error::{Error, Result, Stage};
use crate::features;
use crate::host::preload;
use crate::instrument::Instrumented;
use crate::module::Module;
use crate::options::{DEFAULT_MAX_STACK_BYTES, EngineChoice, Options};
use crate::text;
use engines::Engines;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::BinaryReaderError;
use wasmtime::Engine;

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
    let (directory, unusable) = match &options.cache {
        Some(cache) => Directory::open(&cache.directory, cache.named, cache.max_bytes)?,
        None => (None, None),
    };
    let is_default = options.max_stack == DEFAULT_MAX_STACK_BYTES;
    let of_this_run = Engines::new(options.max_stack);
    let compiler = Compiler {
        engines: match is_default {
            true => &engines::DEFAULT,
            false => &of_this_run,
        },
        in_memory: options.cache.is_some() && is_default,
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
                let Obtained {
                    code,
                    compiled,
                    warning,
                } = obtained;
                return Ok(Compiled {
                    module: code.module,
                    preloads,
                    tier: code.tier,
                    cache: match options.cache {
                        None => CacheUse::Off,
                        Some(_) if compiled => CacheUse::Miss,
                        Some(_) => CacheUse::Hit,
                    },
                    warning: unusable.or(warning),
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
        features::unknown_to_compilers(self.module.bytes).unwrap_or_else(|| {
            Error::unsupported(
                Stage::Compile,
                format!("the module is valid, but {by} can't compile it: {message}"),
            )
        })
    }
}

/// A module that satisfies imports of another one.
struct Preload<'a> {
    name: &'a str,
    hash: blake3::Hash,
    wasm: Cow<'a, [u8]>,
}

impl Source for Preload<'_> {
    fn hash(&self) -> blake3::Hash {
        self.hash
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

struct Compiler<'a> {
    engines: &'a Engines,
    /// Whether this process keeps the code: that of engines that stay.
    in_memory: bool,
    directory: Option<Directory>,
}

impl Compiler<'_> {
    fn preloads(&self, options: &Options, tier: Tier) -> Result<Vec<(String, wasmtime::Module)>> {
        let choice = match tier {
            Tier::Baseline => EngineChoice::Baseline,
            Tier::Optimizing => EngineChoice::Optimizing,
        };
        let preloads = options.preloads.iter().map(|(name, bytes)| {
            let wasm =
                text::to_binary(bytes).map_err(|error| preload::failed(name, error.to_string()))?;
            let is_shared = |module: Module<'_>| module.memories.iter().any(|it| it.shared);
            if Module::parse(&wasm).is_ok_and(is_shared) {
                let message = "its memory is shared, which only the module's own can be: \
                               build it without threads";
                return Err(preload::failed(name, message.to_owned()));
            }
            let hash = blake3::hash(&wasm);
            let obtained = self.obtain(&Preload { name, hash, wasm }, choice)?;
            Ok((name.clone(), obtained.code.module))
        });
        preloads.collect()
    }

    /// What this process has, else what the folder has, else what the compilers make.
    fn obtain(&self, source: &dyn Source, choice: EngineChoice) -> Result<Obtained> {
        if !self.in_memory {
            return self.load_or_make(source, choice);
        }
        let wanted = Wanted {
            wasm: source.hash(),
            choice,
            directory: self.directory.as_ref().map(|it| it.path().to_owned()),
        };
        let mut compiled = false;
        let mut was_here = true;
        let mut warning = None;
        let code = cache::in_memory(&wanted, || {
            let obtained = self.load_or_make(source, choice)?;
            was_here = false;
            (compiled, warning) = (obtained.compiled, obtained.warning);
            Ok::<_, Error>(obtained.code)
        })?;
        if was_here && let (Some(directory), Some(name)) = (&self.directory, &code.name) {
            directory.touch(name);
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
                let Ok(engine) = self.engines.get(tier) else {
                    continue;
                };
                let name = name(engine, source, purpose);
                if let Some(module) = directory.load(&name, engine) {
                    return Ok(Obtained {
                        code: Code {
                            module,
                            tier,
                            name: Some(name),
                        },
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
                    let name = name(module.engine(), source, purpose);
                    let directory = self.directory.as_ref();
                    let warning = directory.and_then(|it| it.store(&name, &module));
                    return Ok(Obtained {
                        code: Code {
                            module,
                            tier,
                            name: directory.map(|_| name),
                        },
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
        compile_module(self.engines.get(tier)?, tier, &source.to_wasm())
    }
}

/// What the folder calls the code that an engine makes of these bytes.
fn name(engine: &Engine, source: &dyn Source, purpose: Purpose) -> Name {
    Name::new(engine, &source.hash(), purpose.name())
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
        Ok(Err(error)) => {
            // An offset would be one in the instrumented bytes.
            if let Some(invalid) = error.downcast_ref::<BinaryReaderError>() {
                return Err(invalid.message().to_owned());
            }
            // Where `RUST_BACKTRACE` is set, Winch's messages bring its own stack.
            let message = format!("{error:#}");
            let message = message.split("\nStack backtrace:").next();
            Err(message.unwrap_or_default().trim_end().to_owned())
        }
        Err(_) => Err(format!("the {} compiler panicked", tier.name())),
    }
}
