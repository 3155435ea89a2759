//! A module with shared memories in; what makes them memories of one thread out.
//!
//! ```wat
//! ;; before
//! (import "env" "memory" (memory 1 8 shared))
//! (func (param i32) (result i32)
//!   (memory.atomic.wait32 (local.get 0) (i32.const 0) (i64.const -1)))
//! ;; after
//! (import "env" "memory" (memory 1 8))
//! (func (param i32) (result i32)
//!   (call $wait (local.get 0) (i32.const 0) (i64.const -1)))
//! (func $wait …)
//! ```
//!
//! During init there is one thread, so atomic instructions do the same on a memory that is not
//! shared, and the memory can be read, grown and limited as any other. Waiting alone is different: it
//! traps there. A function takes its place, which finds the answer that one thread gets: the value is
//! another one, or time is up. Waiting without end for nobody traps, which a real wait would not do,
//! and nothing could stop.
//!
//! A call takes no more bytes than the instruction, and the rest is filled, so no byte moves.

use crate::error::{Error, Result, Stage};
use crate::module::{Module, section_id};
use rayon::prelude::*;
use std::ops::Range;
use wasm_encoder::{BlockType, Encode, Function, Instruction, MemArg, ValType};
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, MemoryType, Operator, TypeRef};

/// The kind of an import that is a memory.
const MEMORY: u8 = 2;

/// Whether there is anything to do.
pub fn has_shared(module: &Module<'_>) -> bool {
    module.memories.iter().any(|memory| memory.shared)
}

/// The items of the import section.
pub fn imports(module: &Module<'_>) -> Vec<u8> {
    let mut items = Vec::new();
    for (import, entry) in module.imports_of(|_| true) {
        match import.ty {
            TypeRef::Memory(ty) if ty.shared => {
                items.extend_from_slice(&module.bytes[entry.range.start..entry.ty.start]);
                items.push(MEMORY);
                unshared(&ty).encode(&mut items);
            }
            _ => items.extend_from_slice(&module.bytes[entry.range.clone()]),
        }
    }
    items
}

/// The items of the memory section.
pub fn memories(module: &Module<'_>) -> Vec<u8> {
    let mut items = Vec::new();
    for memory in &module.memories[module.imported_memories()..] {
        unshared(memory).encode(&mut items);
    }
    items
}

fn unshared(ty: &MemoryType) -> wasm_encoder::MemoryType {
    wasm_encoder::MemoryType {
        minimum: ty.initial,
        maximum: ty.maximum,
        memory64: ty.memory64,
        shared: false,
        page_size_log2: ty.page_size_log2,
    }
}

/// All instructions of a module that wait at a shared memory.
pub struct Waits {
    /// Where each stands in the file, and which of `kinds` it is.
    places: Vec<(Range<usize>, usize)>,
    kinds: Vec<Wait>,
}

/// One instruction that waits, with its immediates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    is_64: bool,
    memory64: bool,
    memory: u32,
    offset: u64,
}

impl Waits {
    /// Searches the code. Functions that can't be read are left to the compiler, which refuses them.
    pub fn find(module: &Module<'_>) -> Self {
        let mut waits = Self {
            places: Vec::new(),
            kinds: Vec::new(),
        };
        let section = module.section(section_id::CODE);
        let Some(section) = section.filter(|_| has_shared(module)) else {
            return waits;
        };
        let contents = &module.bytes[section.contents.clone()];
        let bodies = CodeSectionReader::new(BinaryReader::new(contents, section.contents.start));
        let bodies = bodies.and_then(|bodies| bodies.into_iter().collect::<Result<Vec<_>, _>>());
        let found = bodies.unwrap_or_default().into_par_iter().map(|body| {
            match may_wait(body.as_bytes()) {
                true => read(module, &body).unwrap_or_default(),
                false => Vec::new(),
            }
        });
        for (place, wait) in found.collect::<Vec<_>>().into_iter().flatten() {
            let known = waits.kinds.iter().position(|kind| *kind == wait);
            let kind = known.unwrap_or(waits.kinds.len());
            if known.is_none() {
                waits.kinds.push(wait);
            }
            waits.places.push((place, kind));
        }
        waits
    }

    /// What the functions have to do that take the place of the instructions.
    pub fn kinds(&self) -> &[Wait] {
        &self.kinds
    }

    /// `bytes`, which stand at `start` in the file, with calls of functions `first`, `first + 1`, …
    /// instead of the instructions; nothing where there are none.
    ///
    /// # Errors
    ///
    /// `ERR_UNSUPPORTED` where a call would take more bytes.
    pub fn replaced(&self, bytes: &[u8], start: usize, first: usize) -> Result<Option<Vec<u8>>> {
        /// Longest encoding of an index.
        const INDEX_BYTES: usize = 5;
        const CALL: u8 = 0x10;
        const NOP: u8 = 0x01;
        if self.places.is_empty() {
            return Ok(None);
        }
        let mut bytes = bytes.to_vec();
        for (place, kind) in &self.places {
            let instruction = &mut bytes[place.start - start..place.end - start];
            instruction.fill(NOP);
            instruction[0] = CALL;
            let len = (instruction.len() - 1).min(INDEX_BYTES);
            let mut index = first + kind;
            for (position, byte) in instruction[1..=len].iter_mut().enumerate() {
                let more = if position + 1 < len { 0x80 } else { 0 };
                *byte = (index & 0x7f) as u8 | more;
                index >>= 7;
            }
            if index != 0 {
                return Err(Error::unsupported(
                    Stage::Instrument,
                    "a module with shared memories has more than 2,000,000 functions",
                ));
            }
        }
        Ok(Some(bytes))
    }
}

/// Whether bytes hold what such an instruction begins with: the prefix of atomic instructions, its
/// number, and the one alignment that is valid for it, beside the mark of a memory index (binary
/// format, sections 5.4.7 and 5.4.9).
fn may_wait(body: &[u8]) -> bool {
    const ATOMIC: u8 = 0xfe;
    const HAS_MEMORY_INDEX: u32 = 0x40;
    memchr::memchr_iter(ATOMIC, body).any(|at| {
        let mut reader = BinaryReader::new(&body[at + 1..], 0);
        let mut number = || reader.read_var_u32().ok();
        matches!(
            (number(), number().map(|align| align & !HAS_MEMORY_INDEX)),
            (Some(1), Some(2)) | (Some(2), Some(3))
        )
    })
}

/// The instructions of one function that wait at a shared memory, and where they stand.
fn read(
    module: &Module<'_>,
    body: &FunctionBody<'_>,
) -> wasmparser::Result<Vec<(Range<usize>, Wait)>> {
    let mut waits = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let start = operators.original_position();
        let (is_64, memarg) = match operators.read()? {
            Operator::MemoryAtomicWait32 { memarg } => (false, memarg),
            Operator::MemoryAtomicWait64 { memarg } => (true, memarg),
            _ => continue,
        };
        let memory = usize::try_from(memarg.memory).unwrap_or(usize::MAX);
        if let Some(ty) = module.memories.get(memory).filter(|ty| ty.shared) {
            let wait = Wait {
                is_64,
                memory64: ty.memory64,
                memory: memarg.memory,
                offset: memarg.offset,
            };
            waits.push((start..operators.original_position(), wait));
        }
    }
    Ok(waits)
}

impl Wait {
    fn value_type(self) -> ValType {
        if self.is_64 {
            ValType::I64
        } else {
            ValType::I32
        }
    }

    /// The type of the instruction, as an item of the type section.
    pub fn encode_type(self, items: &mut Vec<u8>) {
        const FUNCTION: u8 = 0x60;
        let address = if self.memory64 {
            ValType::I64
        } else {
            ValType::I32
        };
        items.push(FUNCTION);
        [address, self.value_type(), ValType::I64]
            .as_slice()
            .encode(items);
        [ValType::I32].as_slice().encode(items);
    }

    /// What it does for one thread, as an item of the code section.
    pub fn encode_body(self, items: &mut Vec<u8>) {
        /// What the instruction answers.
        const NOT_EQUAL: i32 = 1;
        const TIMED_OUT: i32 = 2;
        let memarg = MemArg {
            offset: self.offset,
            align: if self.is_64 { 3 } else { 2 },
            memory_index: self.memory,
        };
        let (load, differs, wait) = match self.is_64 {
            false => (
                Instruction::I32AtomicLoad(memarg),
                Instruction::I32Ne,
                Instruction::MemoryAtomicWait32(memarg),
            ),
            true => (
                Instruction::I64AtomicLoad(memarg),
                Instruction::I64Ne,
                Instruction::MemoryAtomicWait64(memarg),
            ),
        };
        let (address, value, timeout) = (0, 1, 2);
        let mut body = Function::new([]);
        for instruction in [
            Instruction::LocalGet(address),
            load,
            Instruction::LocalGet(value),
            differs,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(NOT_EQUAL),
            Instruction::Return,
            Instruction::End,
            Instruction::LocalGet(timeout),
            Instruction::I64Const(0),
            Instruction::I64GeS,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(TIMED_OUT),
            Instruction::Return,
            Instruction::End,
            // Traps, as the memory is not shared.
            Instruction::LocalGet(address),
            Instruction::LocalGet(value),
            Instruction::LocalGet(timeout),
            wait,
            Instruction::End,
        ] {
            body.instruction(&instruction);
        }
        body.encode(items);
    }
}
