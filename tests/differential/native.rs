//! An original and an output go in; whether *init, then run* and *run the output* are the same in
//! wasmtime comes out.
//!
//! This engine has taken the snapshot as well, so it is the oracle only for what others lack. Here
//! it compiles in another way than for the snapshot. Both modules are given exports of all that they
//! have before they are compared: what the package has to find out about private state is plain here.

#[allow(dead_code, reason = "the corpus imports functions alone")]
#[path = "host.rs"]
pub mod host;
#[path = "show.rs"]
mod show;

use crate::append::export;
use crate::append::sections::{EXPORT, Items, Sections};
use crate::shape::Shape;
use host::{Given, Log, supply};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::LazyLock;
use wasm_encoder::ExportKind;
use wasmtime::{
    Config, Engine, Extern, Instance, Module, OptLevel, RegallocAlgorithm, Result, Store, Trap,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let stack = wasm_preinit::DEFAULT_MAX_STACK_BYTES;
    let mut config = Config::new();
    config
        .max_wasm_stack(stack)
        .async_stack_size(2 * stack)
        .cranelift_opt_level(OptLevel::None)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass)
        .cranelift_nan_canonicalization(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_extended_const(true)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_exceptions(true)
        .wasm_threads(true)
        .wasm_tail_call(true);
    Engine::new(&config).expect("this machine has the engine")
});

/// What exports are named that show what a module has.
const REVEALED: &str = "reveal:";

/// What differs, if anything does, and how calls have ended.
pub type Compared = (Option<String>, BTreeSet<&'static str>);

/// Compares modules that import functions alone.
pub fn compare(original: &[u8], output: &[u8]) -> Result<Option<String>> {
    compare_with(original, output, &[], &[]).map(|(different, _)| different)
}

/// Compares, given what the imports of both are.
pub fn compare_with(
    original: &[u8],
    output: &[u8],
    given: &[Given],
    given_afterwards: &[Given],
) -> Result<Compared> {
    let mut original = Guest::initialized(original, given)?;
    let mut output = Guest::new(output, given_afterwards)?;
    output.store.data_mut().started = true;
    let different = original.first_difference(&mut output);
    Ok((different, original.ends))
}

/// An instance, and the functions that references may refer to.
pub struct Guest {
    store: Store<Log>,
    instance: Instance,
    /// The address of each function's record.
    functions: Vec<usize>,
    shape: Shape,
    ends: BTreeSet<&'static str>,
}

impl Guest {
    fn new(wasm: &[u8], given: &[Given]) -> Result<Self> {
        let shape = Shape::read(wasm);
        let module = Module::new(&ENGINE, reveal(wasm, &shape))?;
        let mut store = Store::new(&ENGINE, Log::default());
        let imports = supply(&mut store, module.imports(), given)?;
        let instance = Instance::new(&mut store, &module, &imports)?;
        let mut functions = Vec::new();
        for index in 0..shape.functions.len() {
            let function = instance.get_func(&mut store, &format!("{REVEALED}function{index}"));
            let function = function.expect("it was revealed");
            functions.push(function.to_raw(&mut store).addr());
        }
        Ok(Self {
            store,
            instance,
            functions,
            shape,
            ends: BTreeSet::new(),
        })
    }

    /// A guest whose init function has run.
    pub fn initialized(wasm: &[u8], given: &[Given]) -> Result<Self> {
        let mut guest = Self::new(wasm, given)?;
        let init = guest
            .instance
            .get_typed_func::<(), ()>(&mut guest.store, "wizer-initialize")?;
        init.call(&mut guest.store, ())?;
        guest.store.data_mut().started = true;
        Ok(guest)
    }

    fn first_difference(&mut self, output: &mut Self) -> Option<String> {
        let after_init = self.different_state(output, "after init");
        after_init
            .or_else(|| self.different_outcome(output, &["call", "throw"]))
            .or_else(|| self.different_state(output, "after all calls"))
            // Reading segments changes memories and tables, so that comes last.
            .or_else(|| self.different_outcome(output, &["data", "element"]))
            .or_else(|| self.different_state(output, "after all segments were read"))
            .or_else(|| {
                let (own, other) = (&self.store.data().calls, &output.store.data().calls);
                (own != other).then(|| format!("the calls of imports: {own} and {other}"))
            })
    }

    fn different_state(&mut self, output: &mut Self, moment: &str) -> Option<String> {
        let (memories, tables) = (self.shape.memories.len(), self.shape.tables.len());
        for index in 0..memories {
            let (own, other) = (self.memory(index), output.memory(index));
            if own != other {
                let at = own.iter().zip(other).take_while(|(a, b)| a == b).count();
                let (own, other) = (own.get(at), other.get(at));
                return Some(difference(
                    format!("byte {at} of memory {index} {moment}"),
                    own,
                    other,
                ));
            }
        }
        let values = (0..tables).map(|index| ("table", index));
        let values = values.chain((0..self.shape.globals.len()).map(|index| ("global", index)));
        for (kind, index) in values {
            let name = format!("{REVEALED}{kind}{index}");
            let (own, other) = (self.values(&name), output.values(&name));
            if own != other {
                let at = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
                let (own, other) = (own.get(at), other.get(at));
                return Some(difference(
                    format!("{kind} {index}, {at} {moment}"),
                    own,
                    other,
                ));
            }
        }
        None
    }

    fn memory(&mut self, index: usize) -> &[u8] {
        let name = format!("{REVEALED}memory{index}");
        let memory = self.instance.get_memory(&mut self.store, &name);
        memory.expect("it was revealed").data(&self.store)
    }

    /// All slots of a table, or the value of a global.
    fn values(&mut self, name: &str) -> Vec<String> {
        match self.instance.get_export(&mut self.store, name) {
            Some(Extern::Table(table)) => {
                let slots = 0..table.size(&self.store);
                let values = slots.map(|slot| {
                    let value = table.get(&mut self.store, slot);
                    self.show(&value.expect("the slot is there").into())
                });
                values.collect()
            }
            Some(Extern::Global(global)) => {
                let value = global.get(&mut self.store);
                vec![self.show(&value)]
            }
            _ => panic!("`{name}` was revealed"),
        }
    }

    /// Calls the functions that the test has appended for the purposes.
    fn different_outcome(&mut self, output: &mut Self, purposes: &[&str]) -> Option<String> {
        let names: Vec<String> = self
            .instance
            .exports(&mut self.store)
            .map(|export| export.name().to_owned())
            .collect();
        for purpose in purposes {
            let prefix = format!("observe:{purpose}");
            for name in names.iter().filter(|name| name.starts_with(&prefix)) {
                let (own, other) = (self.outcome(name), output.outcome(name));
                if own != other {
                    return Some(difference(name.clone(), Some(&own), Some(&other)));
                }
            }
        }
        None
    }

    /// What a function returns, or how it ends otherwise.
    fn outcome(&mut self, name: &str) -> String {
        let Some(function) = self.instance.get_func(&mut self.store, name) else {
            return "no such function".to_owned();
        };
        let results = function.ty(&self.store).results().len();
        let mut results = vec![wasmtime::Val::I32(0); results];
        let error = match function.call(&mut self.store, &[], &mut results) {
            Ok(()) => {
                let results: Vec<String> = results.iter().map(|value| self.show(value)).collect();
                return results.join(" ");
            }
            Err(error) => error,
        };
        if let Some(exception) = self.store.take_pending_exception() {
            self.ends.insert("uncaught exception");
            return format!(
                "throws {}",
                self.show(&wasmtime::Val::ExnRef(Some(exception)))
            );
        }
        if error.is::<Trap>() {
            self.ends.insert("trap");
        }
        error.root_cause().to_string()
    }
}

fn difference<T: Debug>(what: String, own: Option<T>, other: Option<T>) -> String {
    format!("{what}: init then run gives {own:?}, the output gives {other:?}")
}

/// The module with exports of all it has.
fn reveal(wasm: &[u8], shape: &Shape) -> Vec<u8> {
    let spaces = [
        ("function", ExportKind::Func, shape.functions.len()),
        ("memory", ExportKind::Memory, shape.memories.len()),
        ("table", ExportKind::Table, shape.tables.len()),
        ("global", ExportKind::Global, shape.globals.len()),
        ("tag", ExportKind::Tag, shape.tags.len()),
    ];
    let mut exports = Items::default();
    for (name, kind, count) in spaces {
        for index in 0..count {
            exports.push(&export(&format!("{REVEALED}{name}{index}"), kind, index));
        }
    }
    let mut sections = Sections::read(wasm);
    sections.append(EXPORT, &exports);
    sections.finish()
}
