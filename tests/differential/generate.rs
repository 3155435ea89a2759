//! A seed goes in, a valid module comes out whose every function ends, and the index of the global
//! that counts its fuel.
//!
//! It uses no feature that the other engine lacks, and imports nothing that the package refuses.

use crate::rng::Rng;
use crate::shape::Shape;
use arbitrary::Unstructured;
use std::collections::HashSet;
use wasm_smith::Config;
use wasmparser::{CompositeInnerType, GlobalType, TableType, TypeRef, ValType};

/// Calls and loop rounds that are left to a function; few enough for the smallest stack.
pub const FUEL: u32 = 500;

/// Modules to try until one imports what can be supplied.
const TRIES: usize = 40;

pub struct Generated {
    pub wasm: Vec<u8>,
    pub fuel_global: u32,
}

/// Proposals that the other engine runs, by the names it gave.
pub type Features = HashSet<String>;

/// What both engines that are compared do, and the generator may use beside reference types, bulk
/// memory and SIMD. Of `gc` and of relaxed SIMD only the engine of the package itself is an oracle.
pub const ALL_FEATURES: [&str; 12] = [
    "custom_page_sizes",
    "exceptions",
    "extended_const",
    "externref",
    "gc",
    "memory64",
    "multi_memory",
    "relaxed_simd",
    "table64",
    "tail_call",
    "threads",
    "wide_arithmetic",
];

/// For another engine, NaNs are canonical, and JavaScript supplies the imports.
pub fn generate(rng: &mut Rng, features: &Features, for_another_engine: bool) -> Generated {
    let mut config = config(rng, features, for_another_engine);
    if rng.one_in(3) {
        config.min_imports = 1;
        config.max_imports = 4;
    }
    // The baseline compiler refuses all modules with them, and is to be tried as well.
    let externref = features.contains("externref") && !rng.one_in(4);
    let host_value = config.max_imports > 0 && externref && rng.one_in(4);
    let mut fitting = None;
    for _ in 0..TRIES {
        let Some(generated) = generate_with(config.clone(), rng) else {
            continue;
        };
        let shape = Shape::read(&generated.wasm);
        if fits(&shape, for_another_engine) && (externref || !has_externref(&shape)) {
            fitting = Some(generated);
            // It is rare, so the last that fits has to do otherwise.
            if !host_value || can_keep_host_value(&shape) {
                break;
            }
        }
    }
    fitting.unwrap_or_else(|| {
        let config = Config {
            min_imports: 0,
            max_imports: 0,
            threads_enabled: false,
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

/// Whether all imports can be supplied, and memories belong to one thread.
fn fits(shape: &Shape, for_another_engine: bool) -> bool {
    let mut names = HashSet::new();
    let imports_fit = shape.imports.iter().all(|import| {
        let is_new = names.insert((&import.module, &import.name));
        match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => is_new || !shape.imports_state,
            TypeRef::Memory(ty) => is_new && !(for_another_engine && ty.memory64),
            TypeRef::Table(ty) => {
                is_new && ty.element_type.is_nullable() && !(for_another_engine && ty.table64)
            }
            TypeRef::Global(ty) => {
                let can_be_given = match ty.content_type {
                    ValType::V128 => false,
                    ValType::Ref(ty) => ty.is_nullable(),
                    _ => true,
                };
                is_new && can_be_given
            }
            TypeRef::Tag(_) => is_new,
        }
    });
    imports_fit && !shape.memories.iter().any(|memory| memory.shared)
}

/// Whether functions, tables, globals or segments have references to values of the host.
fn has_externref(shape: &Shape) -> bool {
    let functions = shape
        .types
        .iter()
        .flat_map(|ty| match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => [ty.params(), ty.results()].concat(),
            _ => Vec::new(),
        });
    let globals = shape.globals.iter().map(|global| global.content_type);
    let tables = shape.tables.iter().map(|table| table.element_type.into());
    let segments = shape.elements.iter().map(|segment| segment.ty.into());
    let mut all = functions.chain(globals).chain(tables).chain(segments);
    all.any(|ty| ty == ValType::EXTERNREF)
}

/// Whether an import is a value of the host, and there is a place for it.
fn can_keep_host_value(shape: &Shape) -> bool {
    let (imported, own) = shape.globals.split_at(shape.imported_globals);
    let is_externref = |ty: &GlobalType| ty.content_type == ValType::EXTERNREF;
    let is_place = |table: &TableType| table.element_type.is_extern_ref();
    imported.iter().any(|ty| is_externref(ty) && !ty.mutable)
        && (own.iter().any(|ty| is_externref(ty) && ty.mutable)
            || shape.tables.iter().any(is_place))
}

fn config(rng: &mut Rng, features: &Features, for_another_engine: bool) -> Config {
    let supports = |name: &str| features.contains(name);
    let memory64 = supports("memory64") && rng.one_in(6);
    // Tables with 64-bit indices come with 64-bit memories, and not every engine has both.
    let max_tables = if memory64 && !supports("table64") {
        0
    } else {
        4
    };
    // Objects can't be kept, so most modules with them can't be compared.
    let gc = supports("gc") && rng.one_in(4);
    Config {
        max_imports: 0,
        canonicalize_nans: for_another_engine,
        disallow_traps: !rng.one_in(6),
        memory64_enabled: memory64,
        max_memories: if supports("multi_memory") { 3 } else { 1 },
        min_memories: u32::from(!rng.one_in(4)),
        max_tables,
        min_tables: u32::from(max_tables > 0 && rng.one_in(2)),
        min_globals: rng.below(8),
        max_tags: 3,
        min_tags: usize::from(rng.one_in(2)),
        max_instructions: 60 + rng.below(200),
        extended_const_enabled: supports("extended_const"),
        // The baseline compiler has neither, and is to be tried as well.
        tail_call_enabled: supports("tail_call") && (!for_another_engine || rng.one_in(4)),
        exceptions_enabled: supports("exceptions"),
        custom_page_sizes_enabled: supports("custom_page_sizes"),
        gc_enabled: gc,
        max_type_size: if gc { 150 } else { 60 },
        limit_arrays_in_const_exprs: true,
        relaxed_simd_enabled: supports("relaxed_simd"),
        threads_enabled: supports("threads") && rng.one_in(3),
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
