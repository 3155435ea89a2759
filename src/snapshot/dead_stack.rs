//! [`Module`] in, the place of the program's own stack out: which bytes of memory 0 are dead when
//! the guest has stopped.
//!
//! LLVM's programs keep address-taken variables on a stack in memory that grows down from the
//! initial value of a global called `__stack_pointer`. What lies below the pointer is dead, but where
//! the stack ends, and static data begins, stands nowhere. It is known in three cases, and any other
//! is refused, because clearing one byte too many would break the program:
//!
//! - the module exports `__stack_low`;
//! - it exports `__data_end`: below the stack's top, it is where the stack ends, as zeroed static
//!   data, which has no segment, ends there, too; above it, the stack comes first;
//! - all its data segments lie above the stack's top, and there is one: then the stack comes first
//!   (`wasm-ld --stack-first`, the default of Rust, Zig and new LLVM) and goes down to address 0.
//!
//! That the segments below the stack end somewhere says nothing: zeroed data may follow. Neither
//! does `__heap_base`, which is above the top of a stack that was in use in an earlier snapshot.

use crate::error::{Error, Result, Stage};
use crate::module::Module;
use crate::snapshot::private::Private;
use std::ops::Range;
use wasmparser::{
    BinaryReader, ConstExpr, DataKind, DataSectionReader, ExternalKind, Name, NameSectionReader,
    Operator, ValType,
};
use wasmtime::Val;

const STACK_POINTER: &str = "__stack_pointer";

/// The stack of a program, in memory 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadStack {
    /// The global that points to the last byte in use.
    pub stack_pointer: usize,
    low: u64,
    high: u64,
}

impl DeadStack {
    /// The bytes below the pointer. None where the pointer is not in the stack: then the program
    /// has switched stacks, and which bytes are dead is its own affair. A leaf function may use 128
    /// bytes below the pointer without moving it; they are dead as well once it has returned.
    pub fn range(&self, pointer: u64, memory_len: usize) -> Range<usize> {
        let low = usize::try_from(self.low).unwrap_or(usize::MAX);
        let end = usize::try_from(pointer).unwrap_or(usize::MAX);
        if pointer < self.low || pointer > self.high || end > memory_len {
            return 0..0;
        }
        low..end
    }
}

impl DeadStack {
    /// Sets the dead bytes to zero.
    ///
    /// # Errors
    ///
    /// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
    pub fn clear(&self, private: &mut Private<'_, '_>) -> Result<()> {
        let pointer = match private.global(self.stack_pointer)?.get(&mut *private.store) {
            Val::I32(pointer) => u64::from(pointer.cast_unsigned()),
            Val::I64(pointer) => pointer.cast_unsigned(),
            _ => {
                return Err(Error::internal(
                    Stage::Snapshot,
                    "the stack pointer is no integer",
                ));
            }
        };
        let memory = private.memory(0)?.data_mut(&mut *private.store);
        let range = self.range(pointer, memory.len());
        memory[range].fill(0);
        Ok(())
    }
}

/// Finds the stack.
///
/// Nothing shows whether a program that switches stacks has functions suspended whose variables are
/// below the pointer: with fibers or coroutines in use at the end of init, nothing is sure.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` where it is not sure where it is, with what to export.
pub fn find(module: &Module<'_>) -> Result<DeadStack> {
    let stack_pointer = stack_pointer(module)?;
    let high = constant(module, stack_pointer).ok_or_else(|| {
        refused(format!(
            "the initial value of `{STACK_POINTER}` is not a constant"
        ))
    })?;
    if module.memories.len() != 1 || module.imported_memories() > 0 {
        return Err(refused(
            "only in a module with one memory, its own, is it sure where the stack is",
        ));
    }
    if let Some(low) = exported(module, "__stack_low") {
        return Ok(DeadStack {
            stack_pointer,
            low: low.min(high),
            high,
        });
    }
    if let Some(data_end) = exported(module, "__data_end") {
        let low = if data_end <= high { data_end } else { 0 };
        return Ok(DeadStack {
            stack_pointer,
            low,
            high,
        });
    }
    match lowest_data(module)? {
        Some(lowest) if lowest >= high => Ok(DeadStack {
            stack_pointer,
            low: 0,
            high,
        }),
        _ => Err(refused(
            "where the stack ends is not known: link with `--stack-first`, \
             or export `__stack_low` or `__data_end`",
        )),
    }
}

fn refused(why: impl Into<String>) -> Error {
    let why = why.into();
    Error::unsupported(
        Stage::Parse,
        format!("the option `zeroDeadStack` can't be used with this module: {why}"),
    )
}

/// The index of the stack pointer, by its export and by the name section.
fn stack_pointer(module: &Module<'_>) -> Result<usize> {
    let exported = module
        .export(STACK_POINTER)
        .filter(|export| export.kind == ExternalKind::Global)
        .map(|export| export.index);
    let mut indices = named_globals(module).unwrap_or_default();
    indices.extend(exported);
    indices.sort_unstable();
    indices.dedup();
    let index = match indices[..] {
        [index] => usize::try_from(index).unwrap_or(usize::MAX),
        [] => {
            return Err(refused(format!(
                "neither its exports nor its name section has a global `{STACK_POINTER}`: \
                 link without `--strip-all`, or with `--export=__stack_pointer`"
            )));
        }
        [one, other, ..] => {
            return Err(refused(format!(
                "the globals {one} and {other} are both called `{STACK_POINTER}`"
            )));
        }
    };
    let is_pointer = module.globals.get(index).is_some_and(|global| {
        global.mutable && matches!(global.content_type, ValType::I32 | ValType::I64)
    });
    if is_pointer && index >= module.imported_globals() {
        Ok(index)
    } else {
        Err(refused(format!(
            "its `{STACK_POINTER}` is not a mutable integer of its own"
        )))
    }
}

/// The globals that the name section calls the stack pointer. A name section that can't be read
/// says nothing.
fn named_globals(module: &Module<'_>) -> Option<Vec<u32>> {
    let section = module
        .sections
        .iter()
        .find(|section| section.custom_name == "name")?;
    let bytes = &module.bytes[section.contents.clone()];
    let mut reader = BinaryReader::new(bytes, section.contents.start);
    reader.read_string().ok()?;
    let names = NameSectionReader::new(BinaryReader::new(
        &bytes[reader.current_position()..],
        reader.original_position(),
    ));
    let mut indices = Vec::new();
    for subsection in names {
        let Name::Global(globals) = subsection.ok()? else {
            continue;
        };
        for naming in globals {
            let naming = naming.ok()?;
            if naming.name == STACK_POINTER {
                indices.push(naming.index);
            }
        }
    }
    Some(indices)
}

/// The constant that an export of this name, an address, stands for.
fn exported(module: &Module<'_>, name: &str) -> Option<u64> {
    let export = module.export(name)?;
    if export.kind != ExternalKind::Global {
        return None;
    }
    let index = usize::try_from(export.index).ok()?;
    if module.globals.get(index)?.mutable {
        return None;
    }
    constant(module, index)
}

/// The initial value of a global of the module's own, where it is a constant address.
fn constant(module: &Module<'_>, global: usize) -> Option<u64> {
    let own = global.checked_sub(module.imported_globals())?;
    let init = module.global_entries.get(own)?.init.clone();
    address(&ConstExpr::new(BinaryReader::new(
        &module.bytes[init.clone()],
        init.start,
    )))
}

/// The address that a constant expression stands for.
fn address(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read().ok()? {
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _ => return None,
    };
    matches!(operators.read(), Ok(Operator::End)).then_some(value)
}

/// The lowest address that data is written to at the start; `None` where there is no data.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` where a segment's address is decided by the program.
fn lowest_data(module: &Module<'_>) -> Result<Option<u64>> {
    let Some(section) = module.section(crate::module::section_id::DATA) else {
        return Ok(None);
    };
    let contents = BinaryReader::new(
        &module.bytes[section.contents.clone()],
        section.contents.start,
    );
    let segments = DataSectionReader::new(contents).map_err(|e| Error::invalid(&e))?;
    let mut lowest = None;
    for segment in segments {
        let segment = segment.map_err(|e| Error::invalid(&e))?;
        if segment.data.is_empty() {
            continue;
        }
        let at = match segment.kind {
            DataKind::Active { offset_expr, .. } => address(&offset_expr),
            DataKind::Passive => None,
        };
        let at = at.ok_or_else(|| {
            refused(
                "the program itself decides where its data segments go: \
                 export `__stack_low` or `__data_end`",
            )
        })?;
        lowest = Some(lowest.map_or(at, |lowest: u64| lowest.min(at)));
    }
    Ok(lowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::to_binary;

    fn found(wat: &str) -> std::result::Result<DeadStack, String> {
        let wasm = to_binary(wat.as_bytes()).expect("the text is sound");
        let module = Module::parse(&wasm).expect("the module is sound");
        find(&module).map_err(|error| error.to_string())
    }

    fn stack(stack_pointer: usize, low: u64, high: u64) -> std::result::Result<DeadStack, String> {
        Ok(DeadStack {
            stack_pointer,
            low,
            high,
        })
    }

    const POINTER: &str = "(global $__stack_pointer (mut i32) (i32.const 65536))";

    #[test]
    fn a_stack_below_all_data_goes_down_to_zero() {
        let wat = format!(
            r#"(module (memory 2) (global i32 (i32.const 0)) {POINTER} (data (i32.const 65536) "a"))"#
        );
        assert_eq!(found(&wat), stack(1, 0, 65536));
    }

    #[test]
    fn an_exported_pointer_and_exported_bounds_are_taken() {
        let wat = r#"(module (memory 2)
            (global (export "__stack_pointer") (mut i64) (i64.const 8192))
            (global (export "__stack_low") i64 (i64.const 4096)))"#;
        assert_eq!(found(wat), stack(0, 4096, 8192));
        let wat = |data: u32, data_end: u32| {
            format!(
                r#"(module (memory 2)
                (global $__stack_pointer (export "__stack_pointer") (mut i32) (i32.const 8192))
                (global (export "__data_end") i32 (i32.const {data_end}))
                (data (i32.const {data}) "a"))"#
            )
        };
        assert_eq!(found(&wat(1024, 2048)), stack(0, 2048, 8192));
        assert_eq!(found(&wat(1024, 8192)), stack(0, 8192, 8192));
        assert_eq!(found(&wat(8192, 8193)), stack(0, 0, 8192));
    }

    #[test]
    fn a_stack_that_may_hold_data_is_refused() {
        for (wat, why) in [
            ("(module (memory 1))".to_owned(), "neither its exports"),
            (format!("(module (memory 2) {POINTER})"), "not known"),
            (
                format!(r#"(module (memory 2) {POINTER} (data (i32.const 1024) "a"))"#),
                "not known",
            ),
            (
                format!(
                    r#"(module (memory 2) {POINTER} (data "passive") (data (i32.const 65536) "a"))"#
                ),
                "decides",
            ),
            (
                format!(r#"(module (memory 2) {POINTER} (data (i32.const 65536) ""))"#),
                "not known",
            ),
            (
                format!(
                    r#"(module (memory 2) {POINTER} (global (export "__heap_base") i32 (i32.const 65600)))"#
                ),
                "not known",
            ),
            (format!("(module {POINTER})"), "one memory"),
            (
                format!(r#"(module (memory 2) (memory 1) {POINTER} (data (i32.const 65536) "a"))"#),
                "one memory",
            ),
            (
                format!(r#"(module (import "a" "b" (memory 2)) {POINTER})"#),
                "one memory",
            ),
            (
                r#"(module (global $__stack_pointer (import "a" "b") (mut i32)) (memory 2))"#
                    .to_owned(),
                "of its own",
            ),
            (
                format!(
                    r#"(module (memory 2) {POINTER}
                    (global (export "__stack_pointer") (mut i32) (i32.const 8)))"#
                ),
                "both called",
            ),
            (
                "(module (memory 1) (global $__stack_pointer i32 (i32.const 8)))".to_owned(),
                "mutable",
            ),
        ] {
            let error = found(&wat).expect_err("it is not sure where the stack is");
            assert!(
                error.contains(why) && error.contains("zeroDeadStack"),
                "{error}"
            );
        }
    }

    #[test]
    fn only_what_is_below_the_pointer_and_in_the_stack_is_dead() {
        let stack = DeadStack {
            stack_pointer: 0,
            low: 100,
            high: 200,
        };
        assert_eq!(stack.range(200, 1000), 100..200);
        assert_eq!(stack.range(150, 1000), 100..150);
        assert_eq!(stack.range(100, 1000), 100..100);
        assert_eq!(stack.range(99, 1000), 0..0);
        assert_eq!(stack.range(201, 1000), 0..0);
        assert_eq!(stack.range(200, 150), 0..0);
    }
}
