//! An imported global that holds a value of the host in, a reference that stands for the value out.
//!
//! The guest can't look into an `externref`, so init needs no more than a reference of its own for each
//! such global. Where init leaves one behind, the output takes what the global holds there.

use wasmtime::{AsContextMut, ExternRef, Rooted, StoreContext};

/// By the index of the global.
struct StandIn(u32);

/// Makes the reference.
///
/// # Errors
///
/// Where the store has no memory for it.
pub fn new(store: impl AsContextMut, global: u32) -> wasmtime::Result<Rooted<ExternRef>> {
    ExternRef::new(store, StandIn(global))
}

/// The global whose value a reference stands for.
pub fn global_of<'a, T: 'static>(
    reference: &ExternRef,
    store: impl Into<StoreContext<'a, T>>,
) -> Option<u32> {
    let data = reference.data(store).ok()??;
    data.downcast_ref::<StandIn>().map(|stand_in| stand_in.0)
}
