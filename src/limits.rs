//! What the guest may take: bytes over all memories and tables, counted as they grow.

use crate::host::functions::HostFunctions;
use std::fmt;
use std::sync::Arc;
use wasmtime::ResourceLimiter;

/// The most elements of a table, by the implementation limits of the JavaScript API.
/// <https://webassembly.github.io/spec/js-api/#limits>
const TABLE_ELEMENTS_LIMIT: usize = 10_000_000;

/// The most bytes of one memory that engines give: 2^18 pages of 64 KiB, by the same limits.
const MEMORY_BYTES_LIMIT: usize = 16 << 30;

/// A memory that grows beyond what the engine reserves for it may move.
const RESERVED_BYTES: usize = 4 << 30;

/// What a table element takes in the engine.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// The guest wants more than it may have. Where the limit is the caller's, the run ends; where it
/// is an engine's, growing fails as the specification allows.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimitHit {
    pub limit: usize,
}

impl fmt::Display for MemoryLimitHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the limit of {} bytes is hit", self.limit)
    }
}

impl std::error::Error for MemoryLimitHit {}

pub struct Limits {
    max_bytes: Option<usize>,
    used_bytes: usize,
    /// What the growth that is under way adds, to take back when it fails.
    growing_bytes: usize,
    /// Who looks at the memory from outside.
    host: Option<Arc<dyn HostFunctions>>,
}

impl Limits {
    pub fn new(max_bytes: Option<usize>, host: Option<Arc<dyn HostFunctions>>) -> Self {
        Self {
            max_bytes,
            used_bytes: 0,
            growing_bytes: 0,
            host,
        }
    }

    fn grow(&mut self, bytes: usize) -> wasmtime::Result<bool> {
        let wanted = self.used_bytes.saturating_add(bytes);
        if let Some(limit) = self.max_bytes.filter(|&limit| wanted > limit) {
            return Err(MemoryLimitHit { limit }.into());
        }
        self.used_bytes = wanted;
        self.growing_bytes = bytes;
        Ok(true)
    }

    fn take_back(&mut self) {
        self.used_bytes -= std::mem::take(&mut self.growing_bytes);
    }
}

impl ResourceLimiter for Limits {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > maximum.map_or(MEMORY_BYTES_LIMIT, |m| m.min(MEMORY_BYTES_LIMIT)) {
            return Ok(false);
        }
        let moves = desired > RESERVED_BYTES && current <= desired;
        if moves && self.host.as_ref().is_some_and(|host| host.release_memory()) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let most = maximum.map_or(TABLE_ELEMENTS_LIMIT, |m| m.min(TABLE_ELEMENTS_LIMIT));
        if desired > most {
            return Ok(false);
        }
        let added = desired.saturating_sub(current);
        self.grow(added.saturating_mul(TABLE_ELEMENT_BYTES))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }
}
