//! [`Module`] in, the functions that references can refer to out, each with a place where a reference
//! to it can be read before any code runs.
//!
//! Those are the functions that an export, an element segment or an initializer names: `ref.func` may
//! name no others (core specification, section 3.4.10, C.refs). Most of them stand in a table from the
//! beginning or are exported; the instrumented module has to export only what is left.

use crate::error::{Error, Result};
use crate::module::{Module, is_function, section_id};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use wasmparser::{
    BinaryReader, ConstExpr, Element, ElementItems, ElementKind, FromReader, Operator, TableInit,
    TableSectionReader,
};

/// A function, and where a reference to it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Referable {
    pub function: u32,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An export of the module, by its position.
    Export(usize),
    /// A slot of a table, as instantiation leaves it.
    Slot { table: usize, slot: u64 },
    /// Nowhere, unless the function is exported for the purpose.
    Hidden,
}

/// All functions that references can refer to, by index; each once.
///
/// # Errors
///
/// `ERR_INVALID_WASM` where a section can't be read.
pub fn referable(module: &Module<'_>) -> Result<Vec<Referable>> {
    if !holds_references(module) {
        return Ok(Vec::new());
    }
    let mut found = Found::new(module);
    for (position, export) in module.exports.iter().enumerate() {
        if is_function(export.kind) {
            found.add(export.index, Place::Export(position));
        }
    }
    for segment in segments(module)? {
        for (number, &function) in (0..).zip(&segment.functions) {
            let Some(function) = function else { continue };
            let place = match segment.kept {
                Some((table, offset)) => Place::Slot {
                    table,
                    slot: offset.saturating_add(number),
                },
                None => Place::Hidden,
            };
            found.add(function, place);
        }
    }
    for function in initializers(module)? {
        found.add(function, Place::Hidden);
    }
    Ok(found.all())
}

/// Whether a table or a mutable global of the module can hold a reference after init.
fn holds_references(module: &Module<'_>) -> bool {
    !module.tables.is_empty()
        || module
            .read_globals()
            .any(|(_, global)| global.content_type.is_reference_type())
}

/// The best place that is known for each function.
struct Found(Vec<Option<Place>>);

impl Found {
    fn new(module: &Module<'_>) -> Self {
        Self(vec![None; module.functions.len()])
    }

    /// Indices out of range are left to the compiler, which refuses them.
    fn add(&mut self, function: u32, place: Place) {
        let index = usize::try_from(function).unwrap_or(usize::MAX);
        if let Some(known) = self.0.get_mut(index)
            && matches!(known, None | Some(Place::Hidden))
        {
            *known = Some(place);
        }
    }

    fn all(self) -> Vec<Referable> {
        let known = (0..).zip(self.0);
        known
            .filter_map(|(function, place)| place.map(|place| Referable { function, place }))
            .collect()
    }
}

/// The functions of one element segment, by item; `None` for items that are something else.
struct Segment {
    functions: Vec<Option<u32>>,
    /// The table and the first slot where instantiation writes them, if that is known and nothing is
    /// written there afterwards.
    kept: Option<(usize, u64)>,
}

/// All segments, in any order.
fn segments(module: &Module<'_>) -> Result<Vec<Segment>> {
    // What later segments write, by table: from the first to the last slot.
    let mut written: HashMap<usize, Range<u64>> = HashMap::new();
    let segments = module.elements.iter().rev().map(|segment| {
        let bytes = &module.bytes[segment.range.clone()];
        let element = Element::from_reader(&mut BinaryReader::new(bytes, segment.range.start))
            .map_err(|error| Error::invalid(&error))?;
        let functions = functions(element.items)?;
        let ElementKind::Active {
            table_index,
            offset_expr,
        } = element.kind
        else {
            return Ok(Segment {
                functions,
                kept: None,
            });
        };
        let table = usize::try_from(table_index.unwrap_or(0)).unwrap_or(usize::MAX);
        let offset = constant(&offset_expr);
        let own = match offset {
            Some(offset) => offset..offset.saturating_add(functions.len() as u64),
            None => 0..u64::MAX,
        };
        let later = written.entry(table).or_insert(own.end..own.end);
        let is_kept = own.end <= later.start || later.end <= own.start;
        *later = own.start.min(later.start)..own.end.max(later.end);
        Ok(Segment {
            functions,
            kept: offset.filter(|_| is_kept).map(|offset| (table, offset)),
        })
    });
    segments.collect()
}

fn functions(items: ElementItems<'_>) -> Result<Vec<Option<u32>>> {
    match items {
        ElementItems::Functions(functions) => functions
            .into_iter()
            .map(|function| function.map(Some).map_err(|error| Error::invalid(&error)))
            .collect(),
        ElementItems::Expressions(_, expressions) => expressions
            .into_iter()
            .map(|expression| {
                Ok(function(
                    &expression.map_err(|error| Error::invalid(&error))?,
                ))
            })
            .collect(),
    }
}

/// Functions that initializers of globals and tables name.
fn initializers(module: &Module<'_>) -> Result<BTreeSet<u32>> {
    let mut named = BTreeSet::new();
    for entry in &module.global_entries {
        let bytes = &module.bytes[entry.init.clone()];
        let expression = ConstExpr::new(BinaryReader::new(bytes, entry.init.start));
        named.extend(function(&expression));
    }
    if let Some(section) = module.section(section_id::TABLE) {
        let bytes = &module.bytes[section.contents.clone()];
        let tables = TableSectionReader::new(BinaryReader::new(bytes, section.contents.start));
        for table in tables.map_err(|error| Error::invalid(&error))? {
            let table = table.map_err(|error| Error::invalid(&error))?;
            if let TableInit::Expr(expression) = table.init {
                named.extend(function(&expression));
            }
        }
    }
    Ok(named)
}

/// The function that a constant expression refers to, if it begins with `ref.func`.
fn function(expression: &ConstExpr<'_>) -> Option<u32> {
    match expression.get_operators_reader().read() {
        Ok(Operator::RefFunc { function_index }) => Some(function_index),
        _ => None,
    }
}

/// The value of an expression that is a single constant.
fn constant(expression: &ConstExpr<'_>) -> Option<u64> {
    let mut operators = expression.get_operators_reader();
    let value = match operators.read().ok()? {
        Operator::I32Const { value } => u64::from(value.cast_unsigned()),
        Operator::I64Const { value } => value.cast_unsigned(),
        _ => return None,
    };
    matches!(operators.read(), Ok(Operator::End)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{Place, Referable, referable};
    use crate::module::Module;

    fn places(fields: &str) -> Vec<Referable> {
        let wasm = crate::text::to_binary(format!("(module {fields})").as_bytes())
            .expect("the text is sound")
            .into_owned();
        let module = Module::parse(&wasm).expect("it can be read");
        referable(&module).expect("it can be read")
    }

    fn at(function: u32, place: Place) -> Referable {
        Referable { function, place }
    }

    const fn slot(table: usize, slot: u64) -> Place {
        Place::Slot { table, slot }
    }

    #[test]
    fn functions_are_found_where_they_can_be_read() {
        let found = places(
            r#"(import "a" "b" (func $imported))
            (table 10 funcref) (table 10 funcref)
            (func $exported (export "e")) (func $slot) (func $declared) (func $passive)
            (func $global) (func $never) (func $second)
            (elem (i32.const 4) func $slot $exported $imported)
            (elem (table 1) (i32.const 9) funcref (ref.func $second))
            (elem declare func $declared) (elem func $passive)
            (global funcref (ref.func $global))"#,
        );
        let expected = [
            at(0, slot(0, 6)),
            at(1, Place::Export(0)),
            at(2, slot(0, 4)),
            at(3, Place::Hidden),
            at(4, Place::Hidden),
            at(5, Place::Hidden),
            at(7, slot(1, 9)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_slot_that_may_be_overwritten_tells_nothing() {
        let found = places(
            r#"(import "a" "b" (global $base i32)) (table 10 funcref) (table 3 funcref)
            (func $one) (func $two) (func $three)
            (elem (i32.const 1) func $one $one) (elem (i32.const 2) func $two)
            (elem (table 1) (i32.const 0) func $three) (elem (table 1) (global.get $base) func $two)"#,
        );
        let expected = [
            at(0, Place::Hidden),
            at(1, slot(0, 2)),
            at(2, Place::Hidden),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_is_looked_for_where_no_reference_can_stay() {
        assert_eq!(places(r#"(func (export "a")) (elem declare func 0)"#), []);
    }

    #[test]
    fn initializers_of_tables_count() {
        let found = places("(type $f (func)) (func $f (type $f)) (table 2 (ref $f) (ref.func $f))");
        assert_eq!(found, [at(0, Place::Hidden)]);
    }
}
