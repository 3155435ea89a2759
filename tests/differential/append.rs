//! A generated module goes in, the same module with functions behind its own comes out.
//!
//! - `wizer-initialize` changes state of every kind and calls some functions of the module.
//! - `observe:call0`, … call one function each, with fixed arguments and full fuel.
//! - `observe:throw0`, … throw an exception of each tag; some catch it.
//! - `observe:data0` and `observe:element0`, … copy segments.
//! - `observe:global0`, … read globals, `observe:memory0` and `observe:table0`, … are the memories
//!   and tables themselves: always where another engine is to see them, else in half of all modules,
//!   so that there is private state, too.
//!
//! All these functions take nothing, and return the bits of numbers and vectors as integers: so
//! JavaScript sees every NaN and every lane as it is. References are returned as they are.

#[path = "init.rs"]
mod init;
#[path = "sections.rs"]
pub mod sections;

use crate::canonical::{CanonicalNans, lanes};
use crate::generate::{FUEL, Generated};
use crate::rng::Rng;
use crate::shape::Shape;
use crate::values::{arguments, encoded, observe};
use sections::{CODE, ELEMENT, EXPORT, FUNCTION, Items, Sections, TYPE};
use std::collections::BTreeSet;
use wasm_encoder::{BlockType, Catch, Encode, ExportKind, Function, Instruction, ValType};

/// For another engine, NaNs are canonical and all state is exported.
pub fn append(generated: &Generated, for_another_engine: bool, rng: &mut Rng) -> Vec<u8> {
    let shape = Shape::read(&generated.wasm);
    let mut appended = Appended::new(&shape, generated.fuel_global);
    if for_another_engine || rng.one_in(2) {
        appended.export_state();
    }
    // Only the optimizing compiler and this engine know them.
    let by_reference = !for_another_engine && rng.one_in(6);
    for index in 0..shape.functions.len() {
        appended.observe_function(index, by_reference, rng);
    }
    for index in 0..shape.tags.len() {
        appended.observe_tag(index, rng);
    }
    for index in 0..shape.data.len() {
        appended.observe_data(index);
    }
    for index in 0..shape.elements.len() {
        appended.observe_element(index);
    }
    init::append(&mut appended, rng);
    let canonical = for_another_engine.then(|| appended.canonical_nans());
    appended.finish(&generated.wasm, canonical.as_ref())
}

/// Items for the end of five sections.
struct Appended<'s> {
    shape: &'s Shape,
    fuel_global: u32,
    types: Items,
    functions: Items,
    exports: Items,
    code: Items,
    /// Functions that references are made to.
    referred: BTreeSet<u32>,
    /// Appended functions that throw and catch, as (index, number of results).
    catching: Vec<(usize, usize)>,
}

impl<'s> Appended<'s> {
    fn new(shape: &'s Shape, fuel_global: u32) -> Self {
        Self {
            shape,
            fuel_global,
            types: Items::default(),
            functions: Items::default(),
            exports: Items::default(),
            code: Items::default(),
            referred: BTreeSet::new(),
            catching: Vec::new(),
        }
    }

    fn export(&mut self, name: &str, kind: ExportKind, index: usize) {
        self.exports.push(&export(name, kind, index));
    }

    /// Adds an exported function without parameters, and returns its index.
    fn function(
        &mut self,
        name: &str,
        results: &[ValType],
        locals: &[ValType],
        body: &[Instruction<'_>],
    ) -> usize {
        let index = self.function_of(&[], results, locals, body);
        self.export(name, ExportKind::Func, index);
        index
    }

    /// Adds a function, and returns its index.
    fn function_of(
        &mut self,
        params: &[ValType],
        results: &[ValType],
        locals: &[ValType],
        body: &[Instruction<'_>],
    ) -> usize {
        let mut ty = vec![0x60];
        params.encode(&mut ty);
        results.encode(&mut ty);
        let type_index = self.shape.types.len() + self.types.count;
        self.types.push(&ty);

        let index = self.shape.functions.len() + self.functions.count;
        let mut item = Vec::new();
        type_index.encode(&mut item);
        self.functions.push(&item);

        let mut function = Function::new_with_locals_types(locals.iter().copied());
        for instruction in body {
            if let Instruction::RefFunc(function) = instruction {
                self.referred.insert(*function);
            }
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        let mut item = Vec::new();
        function.encode(&mut item);
        self.code.push(&item);
        index
    }

    fn refuel(&self, body: &mut Vec<Instruction<'_>>) {
        body.push(Instruction::I32Const(FUEL.cast_signed()));
        body.push(Instruction::GlobalSet(self.fuel_global));
    }

    fn export_state(&mut self) {
        for index in 0..self.shape.memories.len() {
            self.export(&format!("observe:memory{index}"), ExportKind::Memory, index);
        }
        for index in 0..self.shape.tables.len() {
            self.export(&format!("observe:table{index}"), ExportKind::Table, index);
        }
        for (index, global) in self.shape.globals.iter().enumerate() {
            let (mut body, mut results) = (Vec::new(), Vec::new());
            let get = Instruction::GlobalGet(u32_index(index));
            observe(&get, global.content_type, &mut body, &mut results);
            self.function(&format!("observe:global{index}"), &results, &[], &body);
        }
    }

    fn observe_function(&mut self, index: usize, by_reference: bool, rng: &mut Rng) {
        let mut body = Vec::new();
        self.refuel(&mut body);
        let ty = self.shape.type_of(index);
        let Some(arguments) = arguments(self.shape, ty.params(), rng) else {
            return;
        };
        body.extend(arguments);
        if by_reference {
            body.push(Instruction::RefFunc(u32_index(index)));
            body.push(Instruction::CallRef(self.shape.functions[index]));
        } else {
            body.push(Instruction::Call(u32_index(index)));
        }
        let locals: Vec<ValType> = ty.results().iter().map(|&ty| encoded(ty)).collect();
        let mut results = Vec::new();
        body.extend(
            (0..locals.len())
                .rev()
                .map(|local| Instruction::LocalSet(u32_index(local))),
        );
        for (local, &ty) in ty.results().iter().enumerate() {
            let get = Instruction::LocalGet(u32_index(local));
            observe(&get, ty, &mut body, &mut results);
        }
        self.function(&format!("observe:call{index}"), &results, &locals, &body);
    }

    /// Throws an exception, and catches it and returns the values that it carries, or catches and throws
    /// it again, or does not catch it.
    fn observe_tag(&mut self, index: usize, rng: &mut Rng) {
        let ty = self.shape.function_type(self.shape.tags[index]);
        let Some(arguments) = arguments(self.shape, ty.params(), rng) else {
            return;
        };
        let tag = u32_index(index);
        let (is_caught, is_thrown_again) = (!rng.one_in(4), rng.one_in(3));
        let mut body = Vec::new();
        if is_thrown_again {
            body.push(Instruction::Block(BlockType::Result(ValType::EXNREF)));
        }
        if is_caught {
            let catch = match is_thrown_again {
                true => [Catch::AllRef { label: 0 }],
                false => [Catch::One { tag, label: 0 }],
            };
            let catch = catch.to_vec().into();
            body.push(Instruction::TryTable(BlockType::Empty, catch));
        }
        body.extend(arguments);
        body.push(Instruction::Throw(tag));
        if is_caught {
            body.extend([Instruction::End, Instruction::Unreachable]);
        }
        if is_thrown_again {
            body.extend([Instruction::End, Instruction::ThrowRef]);
        }
        let results: Vec<ValType> = ty.params().iter().map(|&ty| encoded(ty)).collect();
        let function = self.function(&format!("observe:throw{index}"), &results, &[], &body);
        if is_caught && !is_thrown_again {
            self.catching.push((function, results.len()));
        }
    }

    /// Copies a data segment to memory 0; that traps if the segment was dropped.
    fn observe_data(&mut self, index: usize) {
        let Some(memory) = self.shape.memories.first() else {
            return;
        };
        if !self.shape.has_data_count {
            return;
        }
        let body = [
            number(memory.memory64, 0),
            Instruction::I32Const(0),
            number(false, self.shape.data[index].len),
            Instruction::MemoryInit {
                mem: 0,
                data_index: u32_index(index),
            },
        ];
        self.function(&format!("observe:data{index}"), &[], &[], &body);
    }

    /// Copies an element segment to a table of its type; that traps if the segment was dropped.
    fn observe_element(&mut self, index: usize) {
        let segment = &self.shape.elements[index];
        let tables = &self.shape.tables;
        let Some(table) = tables.iter().position(|ty| ty.element_type == segment.ty) else {
            return;
        };
        let body = [
            number(tables[table].table64, 0),
            Instruction::I32Const(0),
            Instruction::I32Const(segment.len.cast_signed()),
            Instruction::TableInit {
                elem_index: u32_index(index),
                table: u32_index(table),
            },
        ];
        self.function(&format!("observe:element{index}"), &[], &[], &body);
    }

    /// Adds functions that make a NaN canonical.
    fn canonical_nans(&mut self) -> CanonicalNans {
        let f32_nan: u128 = 0x7fc0_0000;
        let f64_nan: u128 = 0x7ff8_0000_0000_0000;
        let mut add = |ty: ValType, nan: Instruction<'_>, equal: Instruction<'_>, select| {
            let same = Instruction::LocalGet(0);
            let body = [same.clone(), nan, same.clone(), same, equal, select];
            self.function_of([ty].as_slice(), &[ty], &[], &body)
        };
        let bitselect = Instruction::V128Bitselect;
        CanonicalNans {
            f32: add(
                ValType::F32,
                Instruction::F32Const(f32::NAN.into()),
                Instruction::F32Eq,
                Instruction::Select,
            ),
            f64: add(
                ValType::F64,
                Instruction::F64Const(f64::NAN.into()),
                Instruction::F64Eq,
                Instruction::Select,
            ),
            f32x4: add(
                ValType::V128,
                Instruction::V128Const(lanes(f32_nan, 32)),
                Instruction::F32x4Eq,
                bitselect.clone(),
            ),
            f64x2: add(
                ValType::V128,
                Instruction::V128Const(lanes(f64_nan, 64)),
                Instruction::F64x2Eq,
                bitselect,
            ),
        }
    }

    fn finish(self, wasm: &[u8], canonical: Option<&CanonicalNans>) -> Vec<u8> {
        let mut sections = Sections::read(wasm);
        if let Some(canonical) = canonical
            && let Some(code) = sections.contents(CODE)
        {
            *code = canonical.rewrite(code).expect("the module is valid");
        }
        for (id, items) in [
            (TYPE, self.types),
            (FUNCTION, self.functions),
            (EXPORT, self.exports),
            (ELEMENT, declared(&self.referred)),
            (CODE, self.code),
        ] {
            sections.append(id, &items);
        }
        sections.finish()
    }
}

/// One entry of an export section.
pub fn export(name: &str, kind: ExportKind, index: usize) -> Vec<u8> {
    let mut item = Vec::new();
    name.encode(&mut item);
    kind.encode(&mut item);
    index.encode(&mut item);
    item
}

/// A segment that lets `ref.func` name the functions (core specification, section 5.5.12).
fn declared(functions: &BTreeSet<u32>) -> Items {
    const DECLARED_FUNCTIONS: [u8; 2] = [3, 0];
    let mut items = Items::default();
    if !functions.is_empty() {
        let mut segment = DECLARED_FUNCTIONS.to_vec();
        functions.len().encode(&mut segment);
        for function in functions {
            function.encode(&mut segment);
        }
        items.push(&segment);
    }
    items
}

/// A small address or length for a memory or table.
fn number(is_64: bool, value: usize) -> Instruction<'static> {
    if is_64 {
        Instruction::I64Const(i64::try_from(value).expect("generated memories are small"))
    } else {
        Instruction::I32Const(i32::try_from(value).expect("generated memories are small"))
    }
}

pub fn u32_index(index: usize) -> u32 {
    u32::try_from(index).expect("generated index spaces are small")
}
