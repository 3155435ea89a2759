//! The output's bytes and the stopped guest in, and nothing out where they hold the same state.
//!
//! The output is validated as a whole, and instantiated with function bodies that do nothing: no code
//! of the program runs on instantiation, and the bodies themselves are compared with the input's, byte for byte. So
//! this takes no second compilation of the program. Memories are compared without the scan, the
//! segments and the rewriting that have made the output.

use crate::compile::{self, Compiled};
use crate::data_uses::names_data_segments;
use crate::error::{Error, Result, Stage};
use crate::execute::Finished;
use crate::host::{Host, stand_in};
use crate::instrument::{Instrumented, instrument, probed_data, probed_elements};
use crate::limits::Limits;
use crate::module::{Module, section_id};
use crate::options::{EngineChoice, Options};
use crate::snapshot::globals::Numbers;
use crate::snapshot::private::Private;
use crate::snapshot::references::References;
use wasm_encoder::Encode;
use wasmparser::{Validator, WasmFeatures};
use wasmtime::{Extern, ExternType, Func, Global, Instance, Memory, Ref, Store, Table, Tag, Val};

/// Compares the state that the output starts with and the state that init has left.
///
/// # Errors
///
/// `ERR_INTERNAL` that names the first difference.
pub fn verify(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
    finished: &mut Finished,
    output: &[u8],
) -> Result<()> {
    let rewritten = Module::parse(output)?;
    let (valid, compared) = rayon::join(
        || {
            let mut validator = Validator::new_with_features(WasmFeatures::all());
            validator.validate_all(output).map(drop)
        },
        || {
            let (before, after) = (module.code()?, rewritten.code()?);
            // A start function may stand behind.
            if !after.starts_with(before) {
                return Err(differs("its code"));
            }
            compare(module, instrumented, finished, &rewritten)
        },
    );
    valid.map_err(|error| {
        Error::internal(Stage::Verify, format!("the output is invalid: {error}"))
    })?;
    compared
}

fn compare(
    module: &Module<'_>,
    instrumented: &Instrumented<'_>,
    finished: &mut Finished,
    rewritten: &Module<'_>,
) -> Result<()> {
    let hollow = hollow(rewritten, module)?;
    let hollow = Module::parse(&hollow)?;
    let probes = instrument(&hollow)?;
    let options = Options {
        engine: EngineChoice::Auto,
        ..Options::default()
    };
    let compiled = compile::compile(&hollow, &probes, &options)?;
    let host = Host {
        wasi: None,
        limits: Limits::new(None, None),
        memories: Vec::new(),
        max_stack: options.max_stack,
        ended: None,
    };
    let mut store = Store::new(compiled.module.engine(), host);
    // Other runs' cancellations are none of its business.
    store.set_epoch_deadline(u64::MAX / 2);
    let imports = imports(&mut store, &compiled, finished)?;
    let instance = Instance::new(&mut store, &compiled.module, &imports).map_err(|error| {
        let cause = error.root_cause();
        Error::internal(
            Stage::Verify,
            format!("the output can't be instantiated: {cause}"),
        )
    })?;
    if hollow.start.is_some() {
        let start = instance.get_typed_func::<(), ()>(&mut store, &probes.names.start());
        let started = start.and_then(|start| start.call(&mut store, ()));
        started.map_err(|error| failed("what the output starts with", &error))?;
    }
    let mut expected = Private {
        module,
        instrumented,
        store: &mut finished.store,
        instance: finished.instance,
    };
    let mut actual = Private {
        module: &hollow,
        instrumented: &probes,
        store: &mut store,
        instance,
    };
    let numbers = (Numbers::read(&mut expected)?, Numbers::read(&mut actual)?);
    if let Some(changed) = numbers.1.changed(&numbers.0).first() {
        return Err(differs(&format!("global {}", changed.index)));
    }
    let now = References::read(&mut expected)?.all(&finished.initial.references, &mut expected)?;
    let starts = References::read(&mut actual)?;
    let starts = starts.all(&starts, &mut actual)?;
    for (now, start) in now.tables.iter().zip(&starts.tables) {
        let slots = now.slots.iter().zip(&start.slots);
        let same = slots.take_while(|(now, start)| now == start).count();
        if same < now.slots.len().max(start.slots.len()) {
            return Err(differs(&format!("table {}, slot {same}", now.index)));
        }
    }
    for (now, start) in now.globals.iter().zip(&starts.globals) {
        if now.value != start.value {
            return Err(differs(&format!("global {}", now.index)));
        }
    }
    for index in 0..module.memories.len() {
        let (expected_memory, memory) = (expected.memory(index)?, actual.memory(index)?);
        let bytes = memory.data(&*actual.store);
        let expected_bytes = expected_memory.data(&*expected.store);
        if let Some(place) = first_difference(bytes, expected_bytes) {
            return Err(differs(&format!("memory {index} at {place:#x}")));
        }
    }
    compare_segments(&mut expected, &mut actual)
}

/// Passive segments that instructions can name: what init has dropped must be empty or dropped, what
/// it has not must be there.
fn compare_segments(expected: &mut Private<'_, '_>, actual: &mut Private<'_, '_>) -> Result<()> {
    let (module, names) = (expected.module, &expected.instrumented.names);
    let (rewritten, probes) = (actual.module, &actual.instrumented.names);
    for segment in probed_elements(module) {
        let start = rewritten.elements.get(segment);
        let is_there = start.is_some_and(|start| start.passive && start.len > 0)
            && !actual.is_dropped(&probes.element_probe(segment))?;
        if is_there == expected.is_dropped(&names.element_probe(segment))? {
            return Err(differs(&format!("element segment {segment}")));
        }
    }
    let mut data = probed_data(module).peekable();
    if data.peek().is_none() || !names_data_segments(module) {
        return Ok(());
    }
    for segment in data {
        let start = rewritten.data.get(segment);
        let is_there = start.is_some_and(|start| start.passive && start.len > 0)
            && !actual.is_dropped(&probes.data_probe(segment))?;
        if is_there == expected.is_dropped(&names.data_probe(segment))? {
            return Err(differs(&format!("data segment {segment}")));
        }
    }
    Ok(())
}

/// The output with bodies that do nothing, as far as they are the original's.
fn hollow(rewritten: &Module<'_>, original: &Module<'_>) -> Result<Vec<u8>> {
    /// Its length, no locals, `unreachable`, `end`.
    const BODY: [u8; 4] = [3, 0, 0x00, 0x0b];
    let mut hollow = rewritten.bytes[..HEADER_BYTES].to_vec();
    for section in &rewritten.sections {
        match section.id {
            section_id::CUSTOM => {}
            section_id::CODE => {
                let (count, bodies) = rewritten.items(section)?;
                let added = &bodies[original.code()?.len()..];
                let originals = original.functions.len() - original.imported_functions();
                let mut contents = Vec::new();
                count.encode(&mut contents);
                contents.extend(BODY.repeat(originals));
                contents.extend_from_slice(added);
                hollow.push(section_id::CODE);
                contents.encode(&mut hollow);
            }
            _ => hollow.extend_from_slice(&rewritten.bytes[section.range.clone()]),
        }
    }
    Ok(hollow)
}

/// Magic and version.
const HEADER_BYTES: usize = 8;

/// Functions that nothing calls, and globals with the values that init has seen.
fn imports(
    store: &mut Store<Host>,
    compiled: &Compiled,
    finished: &mut Finished,
) -> Result<Vec<Extern>> {
    let mut seen = finished.imports.iter();
    let imports = compiled.module.imports().map(|import| {
        let ty = import.ty();
        // All imports of a kind may have become the output's own; of the other kinds, none has.
        let seen = seen.find(|seen| is_of_kind(seen, &ty));
        (import, ty, seen)
    });
    let imports = imports.map(|(import, ty, seen)| match (ty, seen) {
        (ExternType::Func(ty), _) => {
            let trap = |_: wasmtime::Caller<'_, Host>, _: &[Val], _: &mut [Val]| {
                Err(wasmtime::Error::msg("no code runs on instantiation"))
            };
            Ok(Func::new(&mut *store, ty, trap).into())
        }
        (ExternType::Global(ty), Some(Extern::Global(global))) => {
            let value = match global.get(&mut finished.store) {
                // References belong to their store.
                Val::ExternRef(Some(value)) => {
                    let index = stand_in::global_of(&value, &finished.store).unwrap_or_default();
                    let value = stand_in::new(&mut *store, index);
                    value
                        .map_err(|error| failed("an imported global", &error))?
                        .into()
                }
                value => value,
            };
            let global = Global::new(&mut *store, ty, value);
            global
                .map(Extern::from)
                .map_err(|error| failed("an imported global", &error))
        }
        (ExternType::Tag(ty), _) => Tag::new(&mut *store, &ty)
            .map(Extern::from)
            .map_err(|error| failed("an imported tag", &error)),
        (ExternType::Memory(ty), _) => Memory::new(&mut *store, ty)
            .map(Extern::from)
            .map_err(|error| failed("an imported memory", &error)),
        (ExternType::Table(ty), Some(Extern::Table(seen))) => {
            // It may have been larger from the beginning.
            let null = || Ref::null(ty.element().heap_type());
            let size = seen.size(&finished.store);
            let table = Table::new(&mut *store, ty.clone(), null()).and_then(|table| {
                let missing = size.saturating_sub(table.size(&*store));
                table.grow(&mut *store, missing, null())?;
                Ok(table)
            });
            table
                .map(Extern::from)
                .map_err(|error| failed("an imported table", &error))
        }
        _ => Err(Error::internal(
            Stage::Verify,
            format!("the import `{}`.`{}`", import.module(), import.name()),
        )),
    });
    imports.collect()
}

fn is_of_kind(value: &Extern, ty: &ExternType) -> bool {
    matches!(
        (value, ty),
        (Extern::Func(_), ExternType::Func(_))
            | (Extern::Global(_), ExternType::Global(_))
            | (
                Extern::Memory(_) | Extern::SharedMemory(_),
                ExternType::Memory(_)
            )
            | (Extern::Table(_), ExternType::Table(_))
            | (Extern::Tag(_), ExternType::Tag(_))
    )
}

fn failed(what: &str, error: &wasmtime::Error) -> Error {
    Error::internal(Stage::Verify, format!("{what} can't be made: {error:#}"))
}

/// Where two memories first differ, if they do; behind the end of the shorter one at the latest.
fn first_difference(one: &[u8], other: &[u8]) -> Option<usize> {
    if one == other {
        return None;
    }
    let pairs = one.iter().zip(other);
    let common = pairs.take_while(|(one, other)| one == other);
    Some(common.count())
}

fn differs(what: &str) -> Error {
    Error::internal(
        Stage::Verify,
        format!("the output does not start where init left off: {what} differs"),
    )
}
