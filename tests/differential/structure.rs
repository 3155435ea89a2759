//! An original and its output go in, and nothing comes out where all that refers to something in the
//! module by its index still means the same.
//!
//! - Types, functions, tags, code and custom sections are the same bytes.
//! - Imports stand in the same order, but for those of a kind that has become the module's own: these
//!   are its first definitions, in the same order.
//! - All index spaces have the same types in them; memories and tables may have a larger minimum.
//! - Segments keep their index as long as an instruction can name them: each holds what it has held,
//!   or nothing. New ones stand behind them.
//! - Exports are the same, without the init function; nothing runs on instantiation.

use crate::append::sections::{CODE, FUNCTION, TYPE};
use crate::shape::{ElementSegment, SegmentKind, Shape};
use std::fmt::Debug;
use wasm_preinit::Internalize;
use wasmparser::{
    BinaryReader, CodeSectionReader, MemoryType, Operator, Parser, TableType, TypeRef, Validator,
    WasmFeatures,
};

/// Sections that are copied: custom ones, types, functions, tags and code.
const COPIED: [u8; 5] = [0, TYPE, FUNCTION, 13, CODE];

/// Checks an output.
///
/// # Errors
///
/// The first thing that has changed and must not.
pub fn check(original: &[u8], output: &[u8], internalize: Internalize) -> Result<(), String> {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(output)
        .map_err(|error| format!("the output is not valid: {error}"))?;
    for id in COPIED {
        let what = format!("section {id}");
        let all = |wasm| sections(wasm, id).collect::<Vec<_>>();
        same(&what, all(original), all(output))?;
    }
    let (before, after) = (Shape::read(original), Shape::read(output));
    check_imports(&before, &after, internalize)?;
    same("types", &before.types, &after.types)?;
    same("functions", &before.functions, &after.functions)?;
    same("tags", &before.tags, &after.tags)?;
    same("globals", &before.globals, &after.globals)?;
    same("memories", before.memories.len(), after.memories.len())?;
    for (before, after) in before.memories.iter().zip(&after.memories) {
        check_memory(*before, *after)?;
    }
    same("tables", before.tables.len(), after.tables.len())?;
    for (before, after) in before.tables.iter().zip(&after.tables) {
        check_table(*before, *after)?;
    }
    let exports = before.exports.iter();
    let exports: Vec<_> = exports
        .filter(|(name, ..)| name != "wizer-initialize")
        .collect();
    same("exports", exports, after.exports.iter().collect())?;
    same("a start function", false, after.has_start)?;
    check_elements(&before, &after)?;
    let named = named_data(original).map_err(|error| error.to_string())?;
    check_data((original, &before), (output, &after), named)
}

fn check_imports(before: &Shape, after: &Shape, internalize: Internalize) -> Result<(), String> {
    let kept = before.imports.iter().filter(|import| match import.ty {
        TypeRef::Memory(_) => !internalize.memories,
        TypeRef::Table(_) => !internalize.tables,
        TypeRef::Global(_) => !internalize.globals,
        _ => true,
    });
    let kept: Vec<_> = kept.collect();
    same("imports", kept.len(), after.imports.len())?;
    for (before, after) in kept.into_iter().zip(&after.imports) {
        let names = [before, after].map(|import| (&import.module, &import.name));
        same("an import", names[0], names[1])?;
        match (before.ty, after.ty) {
            (TypeRef::Memory(before), TypeRef::Memory(after)) => check_memory(before, after)?,
            (TypeRef::Table(before), TypeRef::Table(after)) => check_table(before, after)?,
            (before, after) => same("an import", before, after)?,
        }
    }
    Ok(())
}

fn check_memory(before: MemoryType, after: MemoryType) -> Result<(), String> {
    let initial = before.initial.max(after.initial);
    same("a memory", MemoryType { initial, ..before }, after)
}

fn check_table(before: TableType, after: TableType) -> Result<(), String> {
    let initial = before.initial.max(after.initial);
    same("a table", TableType { initial, ..before }, after)
}

fn check_elements(before: &Shape, after: &Shape) -> Result<(), String> {
    let added = after.elements.iter().skip(before.elements.len());
    if let Some(position) = added
        .map(|segment| segment.kind)
        .position(|kind| !matches!(kind, SegmentKind::Active(_)))
    {
        return Err(format!("added element segment {position} is not active"));
    }
    for (index, segment) in before.elements.iter().enumerate() {
        let what = format!("element segment {index}");
        let Some(now) = after.elements.get(index) else {
            return Err(format!("{what} is gone"));
        };
        same(&what, segment.ty, now.ty)?;
        let contents = |segment: &ElementSegment| {
            (segment.len, segment.lists_functions, segment.items.clone())
        };
        let has_changed = contents(segment) != contents(now);
        let is_right = match (segment.kind, now.kind) {
            // Dropped ones are empty.
            (SegmentKind::Passive, SegmentKind::Passive) => !has_changed || now.len == 0,
            // Of a table that is made again.
            (SegmentKind::Active(_), SegmentKind::Declared) => !has_changed,
            (kind, now) => kind == now && !has_changed,
        };
        if !is_right {
            return Err(format!(
                "{what}: {:?} has become {:?}",
                segment.kind, now.kind
            ));
        }
    }
    Ok(())
}

/// Active segments are as dropped, so nothing can tell what has become of them. `named` are those up
/// to the last that an instruction names.
fn check_data(
    (original, before): (&[u8], &Shape),
    (output, after): (&[u8], &Shape),
    named: usize,
) -> Result<(), String> {
    for (index, segment) in before.data.iter().enumerate().take(named) {
        let what = format!("data segment {index}");
        let Some(now) = after.data.get(index) else {
            return Err(format!("{what} is gone"));
        };
        if segment.passive {
            let bytes = &original[segment.start..][..segment.len];
            let bytes_now = &output[now.start..][..now.len];
            let is_dropped = now.len == 0 || !now.passive;
            if !is_dropped {
                same(&what, bytes, bytes_now)?;
            }
        } else if now.passive {
            same(&what, 0, now.len)?;
        }
    }
    Ok(())
}

/// The contents of all sections of an id, in order.
pub fn sections(wasm: &[u8], id: u8) -> impl Iterator<Item = &[u8]> {
    let payloads = Parser::new(0).parse_all(wasm);
    let sections =
        payloads.filter_map(|payload| payload.expect("the module is valid").as_section());
    sections.filter_map(move |(other, range)| (other == id).then(|| &wasm[range]))
}

/// How many data segments there must be for the instructions that name them.
fn named_data(wasm: &[u8]) -> wasmparser::Result<usize> {
    let mut named = 0;
    let Some(code) = sections(wasm, CODE).next() else {
        return Ok(0);
    };
    for body in CodeSectionReader::new(BinaryReader::new(code, 0))? {
        for operator in body?.get_operators_reader()? {
            if let Operator::MemoryInit { data_index, .. }
            | Operator::DataDrop { data_index }
            | Operator::ArrayNewData {
                array_data_index: data_index,
                ..
            }
            | Operator::ArrayInitData {
                array_data_index: data_index,
                ..
            } = operator?
            {
                named = named.max(data_index as usize + 1);
            }
        }
    }
    Ok(named)
}

fn same<T: PartialEq + Debug>(what: &str, before: T, after: T) -> Result<(), String> {
    if before == after {
        return Ok(());
    }
    Err(format!("{what}: the output has {after:?}, not {before:?}"))
}

#[cfg(test)]
mod tests {
    use super::check;
    use wasm_preinit::{Internalize, text::to_binary};

    fn problem(before: &str, after: &str) -> Option<String> {
        let [before, after] = [before, after].map(|fields| {
            let text = format!("(module {fields})");
            let wasm = to_binary(text.as_bytes());
            wasm.expect("the text is sound").into_owned()
        });
        check(&before, &after, Internalize::default()).err()
    }

    #[test]
    fn what_init_may_change_is_no_change_of_structure() {
        let pairs = [
            ("(memory 1)", "(memory 2)"),
            ("(table 1 funcref)", "(table 2 funcref)"),
            ("(global i32 (i32.const 1))", "(global i32 (i32.const 2))"),
            (
                "(memory 1) (data (i32.const 0) \"a\")",
                "(memory 1) (data (i32.const 1) \"b\")",
            ),
            (
                "(table 1 funcref) (func) (elem (i32.const 0) func 0) (elem func 0)",
                "(table 1 funcref) (func) (elem declare func 0) (elem func) (elem (i32.const 0) func 0)",
            ),
            ("(func (export \"wizer-initialize\"))", "(func)"),
        ];
        for (before, after) in pairs {
            assert_eq!(problem(before, after), None, "{before}");
        }
    }

    #[test]
    fn all_other_changes_are_found() {
        let pairs = [
            ("(func)", "(func) (func)"),
            ("(func)", "(func nop)"),
            ("(func) (type (func (param i32)))", "(func)"),
            ("(memory 2)", "(memory 1)"),
            ("(memory 1 2)", "(memory 1)"),
            ("(table 1 funcref)", "(table 1 externref)"),
            ("(tag)", ""),
            (
                "(global i32 (i32.const 1))",
                "(global (mut i32) (i32.const 1))",
            ),
            (
                "(import \"a\" \"b\" (func)) (import \"c\" \"d\" (func))",
                "(import \"c\" \"d\" (func)) (import \"a\" \"b\" (func))",
            ),
            ("(import \"a\" \"b\" (memory 1))", "(memory 1)"),
            ("(func) (export \"a\" (func 0))", "(func)"),
            ("(func) (start 0)", "(func) (start 0)"),
            ("(func) (elem func 0)", "(func) (elem declare func 0)"),
            ("(func) (elem func 0)", "(func)"),
            (
                "(func (data.drop 0)) (data \"a\")",
                "(func (data.drop 0)) (data \"b\")",
            ),
            ("(@custom \"a\" \"b\")", "(@custom \"a\" \"c\")"),
        ];
        for (before, after) in pairs {
            assert!(problem(before, after).is_some(), "{before}");
        }
    }
}
