//! What the guest can see while it runs.

pub mod imports;
pub mod wasi;

use wasmtime_wasi::p1::WasiP1Ctx;

/// The data of the guest's store.
pub struct Host {
    pub wasi: Option<WasiP1Ctx>,
}
