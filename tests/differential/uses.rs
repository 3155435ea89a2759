//! A module, its output and the report go in, names of what the module has used come out: proposals by
//! what only they have, and state by what init has done to it.

use crate::append::sections::CODE;
use crate::shape::{DataSegment, Shape};
use crate::structure::sections;
use std::collections::BTreeSet;
use wasm_preinit::{Internalize, Report, Tier};
use wasmparser::{
    AbstractHeapType, BinaryReader, CodeSectionReader, CompositeInnerType, GlobalSectionReader,
    HeapType, MemoryType, Operator, SubType, TypeRef, ValType,
};

const GLOBAL: u8 = 6;

/// An instruction (core specification, section 5.4.4).
const GLOBAL_GET: u8 = 0x23;

pub fn uses(
    original: &[u8],
    output: &[u8],
    report: &Report,
    internalize: Internalize,
) -> BTreeSet<&'static str> {
    let (before, after) = (Shape::read(original), Shape::read(output));
    let code = sections(original, CODE).next().unwrap_or(&[0]);
    let mut uses = instructions(code).expect("the module is valid");
    let imports = before.imports.iter();
    uses.extend(imports.filter_map(|import| imported(import.ty, internalize)));
    let declared = declared(&before)
        .into_iter()
        .chain(changed(&before, &after));
    let ran = [
        (report.tier == Tier::Baseline, "baseline compiler"),
        (report.tier == Tier::Optimizing, "optimizing compiler"),
        (
            report.tables.iter().any(|table| table.changed),
            "changed table",
        ),
    ];
    let used = declared.chain(ran).filter(|(is_used, _)| *is_used);
    uses.extend(used.map(|(_, name)| name));
    let values = |wasm| global_values(wasm).expect("the module is valid");
    let (values, values_after) = (values(original), values(output));
    // Those that were imported come first.
    let pairs = values.iter().rev().zip(values_after.iter().rev());
    let changed = pairs.filter(|(before, after)| before != after);
    uses.extend(
        changed.map(|((ty, _), (_, now))| match ty.is_reference_type() {
            true if now.first() == Some(&GLOBAL_GET) => "kept value of an import",
            true => "changed reference global",
            false => "changed numeric global",
        }),
    );
    uses
}

fn imported(ty: TypeRef, internalize: Internalize) -> Option<&'static str> {
    Some(match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => return None,
        TypeRef::Memory(_) if internalize.memories => "internalized memory",
        TypeRef::Memory(_) => "imported memory",
        TypeRef::Table(_) if internalize.tables => "internalized table",
        TypeRef::Table(_) => "imported table",
        TypeRef::Global(ty) if ty.content_type.is_reference_type() => "imported reference",
        TypeRef::Global(_) if internalize.globals => "internalized global",
        TypeRef::Global(_) => "imported global",
        TypeRef::Tag(_) => "imported tag",
    })
}

fn declared(shape: &Shape) -> [(bool, &'static str); 8] {
    let (memories, tables) = (&shape.memories, &shape.tables);
    let has_own_page_size = |memory: &MemoryType| memory.page_size_log2.is_some();
    let is_object = |ty: &SubType| !matches!(ty.composite_type.inner, CompositeInnerType::Func(_));
    let mut globals = shape.globals.iter().map(|global| global.content_type);
    let mut elements = tables.iter().map(|table| table.element_type.into());
    [
        (memories.len() > 1, "several memories"),
        (memories.iter().any(|memory| memory.memory64), "memory64"),
        (memories.iter().any(has_own_page_size), "custom page sizes"),
        (tables.iter().any(|table| table.table64), "table64"),
        (elements.any(is_typed), "table of typed references"),
        (globals.any(is_typed), "global of a typed reference"),
        (shape.types.iter().any(is_object), "object type"),
        (!shape.tags.is_empty(), "tag"),
    ]
}

fn changed(before: &Shape, after: &Shape) -> [(bool, &'static str); 6] {
    let mut memories = before.memories.iter().zip(&after.memories);
    let mut tables = before.tables.iter().zip(&after.tables);
    let mut elements = before.elements.iter().zip(&after.elements);
    let mut data = before.data.iter().zip(&after.data);
    let mut added = after.elements.iter().skip(before.elements.len());
    let has_grown = memories.any(|(before, after)| before.initial < after.initial);
    // What is dropped and can't be named leaves its place to an active segment.
    let is_dropped = |segment: &DataSegment| segment.len == 0 || !segment.passive;
    let emptied = data.any(|(a, b)| a.passive && a.len > 0 && is_dropped(b));
    [
        (has_grown, "grown memory"),
        (tables.any(|(a, b)| a.initial < b.initial), "grown table"),
        (
            elements.any(|(a, b)| a.passive && a.len > b.len),
            "dropped element segment",
        ),
        (emptied, "dropped data segment"),
        (
            before.elements.len() < after.elements.len(),
            "added element segment",
        ),
        (
            added.any(|segment| segment.reads_globals),
            "kept value of an import",
        ),
    ]
}

/// Whether references are neither to any function nor to any value of the host.
fn is_typed(ty: ValType) -> bool {
    let ValType::Ref(ty) = ty else { return false };
    match ty.heap_type() {
        HeapType::Abstract { ty, .. } => {
            !matches!(ty, AbstractHeapType::Func | AbstractHeapType::Extern)
        }
        HeapType::Concrete(_) | HeapType::Exact(_) => true,
    }
}

/// Type and initializer of each own global.
fn global_values(wasm: &[u8]) -> wasmparser::Result<Vec<(ValType, Vec<u8>)>> {
    let contents = sections(wasm, GLOBAL).next().unwrap_or(&[0]);
    let globals = GlobalSectionReader::new(BinaryReader::new(contents, 0))?;
    let globals = globals.into_iter().map(|global| {
        let global = global?;
        let value = global.init_expr.get_binary_reader().range();
        Ok((global.ty.content_type, contents[value].to_vec()))
    });
    globals.collect()
}

fn instructions(code: &[u8]) -> wasmparser::Result<BTreeSet<&'static str>> {
    let mut uses = BTreeSet::new();
    for body in CodeSectionReader::new(BinaryReader::new(code, 0))? {
        for operator in body?.get_operators_reader()? {
            uses.extend(proposal(&operator?));
        }
    }
    Ok(uses)
}

fn proposal(operator: &Operator<'_>) -> Option<&'static str> {
    use Operator as O;
    Some(match operator {
        O::ReturnCall { .. } | O::ReturnCallIndirect { .. } | O::ReturnCallRef { .. } => {
            "tail call"
        }
        O::Throw { .. } => "throw",
        O::ThrowRef => "throw_ref",
        O::TryTable { .. } => "try_table",
        O::CallRef { .. } => "call_ref",
        O::TableSet { .. } => "table.set",
        O::TableGrow { .. } => "table.grow",
        O::TableFill { .. } => "table.fill",
        O::TableCopy { .. } => "table.copy",
        O::TableInit { .. } => "table.init",
        O::ElemDrop { .. } => "elem.drop",
        O::MemoryInit { .. } => "memory.init",
        O::MemoryCopy { .. } => "memory.copy",
        O::MemoryFill { .. } => "memory.fill",
        O::DataDrop { .. } => "data.drop",
        O::RefFunc { .. } => "ref.func",
        O::StructNew { .. } | O::StructNewDefault { .. } => "struct.new",
        O::ArrayNew { .. } | O::ArrayNewDefault { .. } | O::ArrayNewFixed { .. } => "array.new",
        O::I64Add128 | O::I64Sub128 | O::I64MulWideS | O::I64MulWideU => "wide arithmetic",
        other => {
            let name = format!("{other:?}");
            if name.contains("Atomic") {
                "atomic"
            } else if name.contains("Relaxed") {
                "relaxed simd"
            } else {
                return None;
            }
        }
    })
}
