//! A generated module goes in, the same module with functions behind its own comes out.
//!
//! - `wizer-initialize` changes state of every kind and calls some functions of the module.
//! - `observe:call0`, … call one function each, with fixed arguments and full fuel.
//! - `observe:global0`, … read globals, `observe:data0` and `observe:element0`, … copy segments.
//! - `observe:memory0` and `observe:table0`, … are the memories and tables themselves.
//!
//! All these functions take nothing and return integers alone: the bits of numbers and vectors, and
//! whether a reference is null. So JavaScript sees every NaN and every lane as it is.

use crate::canonical::{CanonicalNans, lanes};
use crate::generate::{FUEL, Generated};
use crate::rng::Rng;
use crate::shape::Shape;
use crate::values::{argument, encoded, observe};
use wasm_encoder::{Encode, ExportKind, Function, Instruction, MemArg, ValType};
use wasmparser::{BinaryReader, Parser, RefType};

/// The logarithm of the size that pages have unless a memory says otherwise.
const PAGE_SIZE_LOG2: u32 = 16;

const TYPE: u8 = 1;
const FUNCTION: u8 = 3;
const EXPORT: u8 = 7;
const CODE: u8 = 10;

/// Section ids in the order in which sections must stand.
const ORDER: [u8; 13] = [TYPE, 2, FUNCTION, 4, 5, 13, 6, EXPORT, 8, 9, 12, CODE, 11];

pub fn append(generated: &Generated, canonical_nans: bool, rng: &mut Rng) -> Vec<u8> {
    let shape = Shape::read(&generated.wasm);
    let mut appended = Appended::new(&shape, generated.fuel_global);
    for index in 0..shape.memories.len() {
        appended.export(&format!("observe:memory{index}"), ExportKind::Memory, index);
    }
    for index in 0..shape.tables.len() {
        appended.export(&format!("observe:table{index}"), ExportKind::Table, index);
    }
    for index in 0..shape.functions.len() {
        appended.observe_function(index, rng);
    }
    for index in 0..shape.globals.len() {
        appended.observe_global(index);
    }
    for index in 0..shape.data.len() {
        appended.observe_data(index);
    }
    for index in 0..shape.elements.len() {
        appended.observe_element(index);
    }
    appended.init(rng);
    let canonical = canonical_nans.then(|| appended.canonical_nans());
    appended.finish(&generated.wasm, canonical.as_ref())
}

/// Items for the end of four sections.
struct Appended<'s> {
    shape: &'s Shape,
    fuel_global: u32,
    types: Items,
    functions: Items,
    exports: Items,
    code: Items,
}

#[derive(Default)]
struct Items {
    count: usize,
    bytes: Vec<u8>,
}

impl Items {
    fn push(&mut self, item: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(item);
    }
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
        }
    }

    fn export(&mut self, name: &str, kind: ExportKind, index: usize) {
        let mut item = Vec::new();
        name.encode(&mut item);
        kind.encode(&mut item);
        index.encode(&mut item);
        self.exports.push(&item);
    }

    /// Adds an exported function without parameters.
    fn function(
        &mut self,
        name: &str,
        results: &[ValType],
        locals: &[ValType],
        body: &[Instruction<'_>],
    ) {
        let index = self.function_of(&[], results, locals, body);
        self.export(name, ExportKind::Func, index);
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

    fn observe_function(&mut self, index: usize, rng: &mut Rng) {
        let mut body = Vec::new();
        self.refuel(&mut body);
        let ty = self.shape.type_of(index);
        body.extend(ty.params().iter().map(|&param| argument(param, rng)));
        body.push(Instruction::Call(u32_index(index)));
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

    fn observe_global(&mut self, index: usize) {
        let ty = self.shape.globals[index].content_type;
        let (mut body, mut results) = (Vec::new(), Vec::new());
        let get = Instruction::GlobalGet(u32_index(index));
        observe(&get, ty, &mut body, &mut results);
        self.function(&format!("observe:global{index}"), &results, &[], &body);
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
            zero(memory.memory64),
            Instruction::I32Const(0),
            Instruction::I32Const(i32_len(self.shape.data[index].len)),
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
            zero(tables[table].table64),
            Instruction::I32Const(0),
            Instruction::I32Const(segment.len.cast_signed()),
            Instruction::TableInit {
                elem_index: u32_index(index),
                table: u32_index(table),
            },
        ];
        self.function(&format!("observe:element{index}"), &[], &[], &body);
    }

    fn init(&mut self, rng: &mut Rng) {
        let mut body = Vec::new();
        self.set_globals(&mut body, rng);
        self.write_memories(&mut body, rng);
        self.drop_segments(&mut body, rng);
        if rng.one_in(10) {
            self.set_references(&mut body, rng);
        }
        self.refuel(&mut body);
        let own = self.shape.imported_functions..self.shape.functions.len();
        let calls = if own.is_empty() { 0 } else { rng.below(3) };
        for _ in 0..calls {
            let function = own.start + rng.below(own.len());
            let ty = self.shape.type_of(function);
            body.extend(ty.params().iter().map(|&param| argument(param, rng)));
            body.push(Instruction::Call(u32_index(function)));
            body.extend(ty.results().iter().map(|_| Instruction::Drop));
        }
        self.function("wizer-initialize", &[], &[], &body);
    }

    fn set_globals(&self, body: &mut Vec<Instruction<'_>>, rng: &mut Rng) {
        for (index, global) in self.shape.globals.iter().enumerate() {
            let settable = global.mutable && !global.content_type.is_reference_type();
            if settable && rng.one_in(2) {
                body.push(argument(global.content_type, rng));
                body.push(Instruction::GlobalSet(u32_index(index)));
            }
        }
    }

    fn write_memories(&self, body: &mut Vec<Instruction<'_>>, rng: &mut Rng) {
        for (index, memory) in self.shape.memories.iter().enumerate() {
            let bytes = memory.initial << memory.page_size_log2.unwrap_or(PAGE_SIZE_LOG2);
            let bytes = usize::try_from(bytes).expect("memories are small");
            let writes = if bytes <= 8 { 0 } else { rng.below(8) };
            for _ in 0..writes {
                // Now and then the last bytes of all.
                let address = if rng.one_in(6) {
                    bytes - 8
                } else {
                    rng.below(bytes - 8)
                };
                body.push(if memory.memory64 {
                    Instruction::I64Const(i64::try_from(address).expect("memories are small"))
                } else {
                    Instruction::I32Const(i32_len(address))
                });
                body.push(Instruction::I64Const(
                    rng.next().cast_signed() >> rng.below(64),
                ));
                body.push(Instruction::I64Store(MemArg {
                    offset: 0,
                    align: 0,
                    memory_index: u32_index(index),
                }));
            }
            if rng.one_in(4) {
                body.push(if memory.memory64 {
                    Instruction::I64Const(1)
                } else {
                    Instruction::I32Const(1)
                });
                body.push(Instruction::MemoryGrow(u32_index(index)));
                body.push(Instruction::Drop);
            }
        }
    }

    fn drop_segments(&self, body: &mut Vec<Instruction<'_>>, rng: &mut Rng) {
        for (index, segment) in self.shape.data.iter().enumerate() {
            if self.shape.has_data_count && segment.passive && rng.one_in(3) {
                body.push(Instruction::DataDrop(u32_index(index)));
            }
        }
        for (index, segment) in self.shape.elements.iter().enumerate() {
            if segment.passive && rng.one_in(3) {
                body.push(Instruction::ElemDrop(u32_index(index)));
            }
        }
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

    /// Writes a function or null to a slot of each table and to each global of references.
    fn set_references(&self, body: &mut Vec<Instruction<'_>>, rng: &mut Rng) {
        for (index, table) in self.shape.tables.iter().enumerate() {
            let table_index = u32_index(index);
            let slots = usize::try_from(table.initial).expect("tables are small");
            if slots > 0 && !table.table64 {
                body.push(Instruction::I32Const(i32_len(rng.below(slots))));
                body.push(self.reference(table.element_type, rng));
                body.push(Instruction::TableSet(table_index));
            }
            if rng.one_in(4) && !table.table64 {
                body.push(self.reference(table.element_type, rng));
                body.push(Instruction::I32Const(1));
                body.push(Instruction::TableGrow(table_index));
                body.push(Instruction::Drop);
            }
        }
        for (index, global) in self.shape.globals.iter().enumerate() {
            if let (true, wasmparser::ValType::Ref(ty)) = (global.mutable, global.content_type) {
                body.push(self.reference(ty, rng));
                body.push(Instruction::GlobalSet(u32_index(index)));
            }
        }
    }

    /// A function, which is exported and so declared, or null.
    fn reference(&self, ty: RefType, rng: &mut Rng) -> Instruction<'static> {
        let functions = self.shape.functions.len();
        if ty == RefType::FUNCREF && functions > 0 && !rng.one_in(3) {
            let function = rng.below(functions);
            Instruction::RefFunc(u32_index(function))
        } else {
            argument(wasmparser::ValType::Ref(ty), rng)
        }
    }

    fn finish(self, wasm: &[u8], canonical: Option<&CanonicalNans>) -> Vec<u8> {
        let mut sections: Vec<(u8, Vec<u8>)> = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            if let Some((id, range)) = payload.expect("the module is valid").as_section() {
                sections.push((id, wasm[range].to_vec()));
            }
        }
        if let Some(canonical) = canonical
            && let Some((_, code)) = sections.iter_mut().find(|(id, _)| *id == CODE)
        {
            *code = canonical.rewrite(code).expect("the module is valid");
        }
        for (id, items) in [
            (TYPE, self.types),
            (FUNCTION, self.functions),
            (EXPORT, self.exports),
            (CODE, self.code),
        ] {
            append_items(&mut sections, id, &items);
        }
        let mut extended = wasm[..8].to_vec();
        for (id, contents) in sections {
            extended.push(id);
            contents.encode(&mut extended);
        }
        extended
    }
}

fn append_items(sections: &mut Vec<(u8, Vec<u8>)>, id: u8, items: &Items) {
    let rank = |id: u8| ORDER.iter().position(|&known| known == id);
    let (count, old) = match sections.iter().position(|(known, _)| *known == id) {
        Some(position) => {
            let contents = &sections[position].1;
            let mut reader = BinaryReader::new(contents, 0);
            let count = reader.read_var_u32().expect("the module is valid");
            let old = contents[reader.current_position()..].to_vec();
            (count as usize, old)
        }
        None => {
            let next = sections
                .iter()
                .position(|(other, _)| rank(*other) > rank(id));
            sections.insert(next.unwrap_or(sections.len()), (id, Vec::new()));
            (0, Vec::new())
        }
    };
    let mut contents = Vec::new();
    (count + items.count).encode(&mut contents);
    contents.extend_from_slice(&old);
    contents.extend_from_slice(&items.bytes);
    let section = sections.iter_mut().find(|(known, _)| *known == id);
    section.expect("it is there or was inserted").1 = contents;
}

/// The first address of a memory or table.
fn zero(index64: bool) -> Instruction<'static> {
    if index64 {
        Instruction::I64Const(0)
    } else {
        Instruction::I32Const(0)
    }
}

pub fn u32_index(index: usize) -> u32 {
    u32::try_from(index).expect("generated index spaces are small")
}

fn i32_len(len: usize) -> i32 {
    i32::try_from(len).expect("generated memories and segments are small")
}
