//! An original and an output go in; whether *init, then run* and *run the output* are the same in
//! wasmtime comes out.
//!
//! This engine has taken the snapshot as well, so it is the oracle only for what others lack.

use std::fmt::Write;
use std::sync::LazyLock;
use wasmtime::{
    Config, Engine, Extern, ExternType, Func, Instance, Module, Ref, Result, Store, Val,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config
        .cranelift_nan_canonicalization(true)
        .wasm_custom_page_sizes(true)
        .wasm_wide_arithmetic(true)
        .wasm_multi_memory(true)
        .wasm_memory64(true)
        .wasm_extended_const(true)
        .wasm_tail_call(true);
    Engine::new(&config).expect("this machine has the engine")
});

/// What differs, if anything does.
pub fn compare(original: &[u8], output: &[u8]) -> Result<Option<String>> {
    let mut original = Guest::new(original)?;
    let init = original
        .instance
        .get_typed_func::<(), ()>(&mut original.store, "wizer-initialize")?;
    init.call(&mut original.store, ())?;
    let mut output = Guest::new(output)?;
    // Reading segments changes memories and tables, so that comes last.
    for purpose in [
        "memory", "table", "global", "call", "memory", "table", "global", "data", "element",
        "memory", "table",
    ] {
        for name in original.observers(purpose) {
            if original.observe(&name) != output.observe(&name) {
                return Ok(Some(name));
            }
        }
    }
    let same_calls = original.store.data() == output.store.data();
    Ok((!same_calls).then(|| "the calls of imports".to_owned()))
}

/// An instance, and in its store the arguments of all calls of imports.
struct Guest {
    store: Store<String>,
    instance: Instance,
}

impl Guest {
    fn new(wasm: &[u8]) -> Result<Self> {
        let module = Module::new(&ENGINE, wasm)?;
        let mut store = Store::new(&ENGINE, String::new());
        let mut imports = Vec::new();
        for (position, import) in module.imports().enumerate() {
            let ExternType::Func(ty) = import.ty() else {
                continue;
            };
            let results: Vec<Option<Val>> = ty.results().map(|ty| ty.default_value()).collect();
            let host = move |mut caller: wasmtime::Caller<'_, String>,
                             arguments: &[Val],
                             returned: &mut [Val]| {
                let log = caller.data_mut();
                write!(log, "{position}")?;
                for argument in arguments {
                    write!(log, " {}", bits(argument))?;
                }
                for (returned, result) in returned.iter_mut().zip(&results) {
                    *returned = result.expect("generated references can be null");
                }
                Ok(())
            };
            imports.push(Func::new(&mut store, ty, host).into());
        }
        let instance = Instance::new(&mut store, &module, &imports)?;
        Ok(Self { store, instance })
    }

    fn observers(&mut self, purpose: &str) -> Vec<String> {
        let prefix = format!("observe:{purpose}");
        let exports = self.instance.exports(&mut self.store);
        let names = exports.map(|export| export.name().to_owned());
        names.filter(|name| name.starts_with(&prefix)).collect()
    }

    /// Everything there is to see of an export; `None` if there is no such export.
    fn observe(&mut self, name: &str) -> Option<Vec<u8>> {
        match self.instance.get_export(&mut self.store, name)? {
            Extern::Memory(memory) => Some(memory.data(&self.store).to_vec()),
            Extern::Table(table) => {
                let slots = 0..table.size(&self.store);
                let nulls = slots.map(|slot| {
                    let value = table.get(&mut self.store, slot);
                    value.as_ref().map(Ref::is_null).map_or(2, u8::from)
                });
                Some(nulls.collect())
            }
            Extern::Func(func) => {
                let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
                Some(match func.call(&mut self.store, &[], &mut results) {
                    Ok(()) => results.iter().map(bits).collect::<String>().into_bytes(),
                    Err(error) => error.root_cause().to_string().into_bytes(),
                })
            }
            _ => None,
        }
    }
}

fn bits(value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value} "),
        Val::I64(value) => format!("i64 {value} "),
        Val::F32(bits) => format!("f32 {bits:x} "),
        Val::F64(bits) => format!("f64 {bits:x} "),
        Val::V128(bits) => format!("v128 {:x} ", bits.as_u128()),
        reference => format!(
            "null {} ",
            reference.ref_().is_none_or(|value| value.is_null())
        ),
    }
}
