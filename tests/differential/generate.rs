//! A seed goes in, a valid module comes out whose every function ends, and the index of the global
//! that counts its fuel.
//!
//! It imports functions or nothing, and uses no feature that the other engine lacks.

use crate::rng::Rng;
use crate::shape::Shape;
use arbitrary::Unstructured;
use std::collections::HashSet;
use wasm_smith::Config;

/// Calls and loop rounds that are left to a function; few enough for the smallest stack.
pub const FUEL: u32 = 500;

/// Modules to try until one imports functions alone.
const TRIES: usize = 40;

pub struct Generated {
    pub wasm: Vec<u8>,
    pub fuel_global: u32,
}

/// Proposals that the other engine runs, by the names it gave.
pub type Features = HashSet<String>;

pub fn generate(rng: &mut Rng, features: &Features, canonical_nans: bool) -> Generated {
    let mut config = config(rng, features, canonical_nans);
    if rng.one_in(4) {
        config.min_imports = 1;
        config.max_imports = 3;
    }
    let mut tries = (0..TRIES).filter_map(|_| generate_with(config.clone(), rng));
    let fitting = tries.find(|generated| !Shape::read(&generated.wasm).imports_state);
    fitting.unwrap_or_else(|| {
        let config = Config {
            min_imports: 0,
            max_imports: 0,
            ..config
        };
        let mut tries = std::iter::repeat_with(|| generate_with(config.clone(), rng));
        tries
            .find_map(|generated| generated)
            .expect("the iterator has no end")
    })
}

/// `None` where the entropy leads to a module beyond the limits.
fn generate_with(config: Config, rng: &mut Rng) -> Option<Generated> {
    let len = 1000 + rng.below(8000);
    let entropy = rng.bytes(len);
    let mut module = wasm_smith::Module::new(config, &mut Unstructured::new(&entropy)).ok()?;
    let fuel_global = module.ensure_termination(FUEL).ok()?;
    Some(Generated {
        wasm: module.to_bytes(),
        fuel_global,
    })
}

fn config(rng: &mut Rng, features: &Features, canonical_nans: bool) -> Config {
    let supports = |name: &str| features.contains(name);
    let memory64 = supports("memory64") && rng.one_in(6);
    // Tables with 64-bit indices come with 64-bit memories, and not every engine has both.
    let max_tables = if memory64 && !supports("table64") {
        0
    } else {
        4
    };
    let max_memories = if supports("multi_memory") { 3 } else { 1 };
    Config {
        max_imports: 0,
        canonicalize_nans: canonical_nans,
        disallow_traps: !rng.one_in(6),
        memory64_enabled: memory64,
        max_memories,
        min_memories: u32::from(!rng.one_in(4)),
        max_tables,
        max_instructions: 60 + rng.below(200),
        extended_const_enabled: supports("extended_const"),
        tail_call_enabled: supports("tail_call") && rng.one_in(4),
        custom_page_sizes_enabled: supports("custom_page_sizes"),
        wide_arithmetic_enabled: supports("wide_arithmetic"),
        ..base_config()
    }
}

/// Modules that are small, show all of their state, and use what every engine has; which of the
/// other proposals they use is up to the caller.
pub fn base_config() -> Config {
    Config {
        export_everything: true,
        generate_custom_sections: true,
        max_memory32_bytes: 10 << 16,
        max_memory64_bytes: 10 << 16,
        memory_max_size_required: true,
        max_tables: 4,
        max_table_elements: 60,
        table_max_size_required: true,
        min_funcs: 1,
        max_funcs: 10,
        max_globals: 12,
        max_types: 12,
        max_type_size: 60,
        max_data_segments: 8,
        max_element_segments: 8,
        max_elements: 12,
        max_instructions: 200,
        bulk_memory_enabled: true,
        multi_value_enabled: true,
        reference_types_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: true,
        // Their results differ between engines, one of the engines lacks them, or the package
        // refuses modules with them.
        custom_descriptors_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        relaxed_simd_enabled: false,
        shared_everything_threads_enabled: false,
        threads_enabled: false,
        ..Config::default()
    }
}
