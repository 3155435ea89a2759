//! What is wanted in, compiled code out: what was compiled before, kept on disk and in this process.
//!
//! A file's name is the hash of all that determines the code: the bytes that are compiled, the compiler and
//! its settings, the processor's features and the engine's version. So nothing is ever stale; what is
//! no longer asked for goes when the cache is full.
//!
//! Two runs in this process that want the same code at once compile it once.

mod directory;
mod file;
mod writer;

pub use directory::Directory;
pub use writer::finish_writes;

use crate::compile::Tier;
use crate::options::EngineChoice;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::LazyLock;
use wasmtime::Engine;

/// Bytes of compiled code that this process keeps.
const MAX_MEMORY_BYTES: u64 = 256 << 20;

/// A hash of all that determines a piece of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name([u8; blake3::OUT_LEN]);

impl Name {
    /// Names the code that `engine` makes of the bytes that `wasm` is the hash of. Code that was made
    /// for different `purpose`s is never mixed up.
    pub fn new(engine: &Engine, wasm: &blake3::Hash, purpose: &str) -> Self {
        let mut hasher = NameHasher(blake3::Hasher::new_derive_key(
            "wasm-preinit compiled code, version 1",
        ));
        wasm.as_bytes().hash(&mut hasher);
        purpose.hash(&mut hasher);
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self(*hasher.0.finalize().as_bytes())
    }

    fn to_hex(self) -> String {
        blake3::Hash::from_bytes(self.0).to_hex().to_string()
    }
}

/// What the standard hashing traits feed, collected in full length.
struct NameHasher(blake3::Hasher);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Nothing asks for it.
    fn finish(&self) -> u64 {
        0
    }
}

/// Which code a run asks for. The engines of a process are the same ones throughout, so they need no
/// part in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Of the bytes to compile.
    pub wasm: blake3::Hash,
    pub choice: EngineChoice,
    /// The folder: what one holds, another one is to hold as well when it is named.
    pub directory: Option<PathBuf>,
}

/// Compiled code, and by which compiler.
#[derive(Clone)]
pub struct Code {
    pub module: wasmtime::Module,
    pub tier: Tier,
    /// What the folder calls it, where there is one.
    pub name: Option<Name>,
}

impl Code {
    /// Bytes of the image in memory.
    fn len(&self) -> usize {
        let image = self.module.image_range();
        image.end.addr() - image.start.addr()
    }
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Wanted, Code> for ByLength {
    fn weight(&self, _: &Wanted, code: &Code) -> u64 {
        code.len() as u64
    }
}

/// Code that was used in this process, the least used thrown out first.
static MEMORY: LazyLock<Cache<Wanted, Code, ByLength>> = LazyLock::new(|| {
    const ESTIMATED_ITEMS: usize = 16;
    let mut options = OptionsBuilder::new();
    options
        .estimated_items_capacity(ESTIMATED_ITEMS)
        .weight_capacity(MAX_MEMORY_BYTES)
        // Each shard has a share of the capacity, and few pieces of code would fit it.
        .shards(1);
    Cache::with_options(
        options.build().expect("all that is required is set"),
        ByLength,
        DefaultHashBuilder::default(),
        DefaultLifecycle::default(),
    )
});

/// The code that is wanted: what this process has, else what `make` gives.
///
/// # Errors
///
/// Those of `make`; nothing is kept then.
pub fn in_memory<E>(wanted: &Wanted, make: impl FnOnce() -> Result<Code, E>) -> Result<Code, E> {
    MEMORY.get_or_insert_with(wanted, make)
}
