//! What the guest can see while it runs: WASI, functions of the embedder, preloaded modules.

pub mod abi;
pub mod descriptors;
pub mod deterministic;
pub mod files;
pub mod functions;
pub mod guest;
pub mod imports;
pub mod poll;
pub mod preload;
pub mod preview1;
pub mod stand_in;
pub mod wasi;

use crate::limits::Limits;
use wasi::Wasi;

/// The data of the guest's store.
pub struct Host {
    pub wasi: Option<Wasi>,
    pub limits: Limits,
    /// Bytes of stack that the guest may use.
    pub max_stack: usize,
    /// The exports by which host functions see the memories, by index.
    pub memories: Vec<String>,
    /// Why the run is over, while host functions that were on the stack at that moment return.
    pub ended: Option<wasmtime::Error>,
}
