//! [`Once`] in, the start function out by which the first instance of the output fills a memory that
//! the instances of other threads import as well.
//!
//! ```wat
//! (func $start
//!   (block $filled
//!     (block $filling
//!       (block $empty
//!         (br_table $empty $filling $filled
//!           (i32.atomic.rmw.cmpxchg (i32.const address) (i32.const 0) (i32.const 1))))
//!       (memory.init $first …) (memory.init $second …) …
//!       (i32.atomic.store (i32.const address) (i32.const 2))
//!       (drop (memory.atomic.notify (i32.const address) (i32.const -1)))
//!       (br $filled))
//!     (drop (memory.atomic.wait32 (i32.const address) (i32.const 1) (i64.const -1))))
//!   (data.drop $first) (data.drop $second) …)
//! ```
//!
//! It stands behind all functions of the module, so no index moves and no body changes. The segments
//! themselves leave 1 in the word.

use super::Piece;
use crate::error::{Error, Result, Stage};
use crate::module::{Module, Section, section_head, section_id};
use crate::segments::wrap_i32;
use crate::snapshot::once::{FILLED, FILLING, Once};
use std::borrow::Cow;
use std::ops::Range;
use wasm_encoder::{BlockType, Encode, Function, Instruction, MemArg};

pub struct Start {
    ty: u32,
    function: usize,
    /// An item of the code section.
    body: Vec<u8>,
}

impl Start {
    /// `segments` are those of the memory, by their index in the data section.
    ///
    /// # Errors
    ///
    /// `ERR_UNSUPPORTED` where an index space is full.
    pub fn new(
        module: &Module<'_>,
        once: &Once,
        segments: impl Iterator<Item = (usize, Range<usize>)>,
    ) -> Result<Self> {
        // The init function, checked before, has this type.
        let ty = module
            .nullary_type()
            .ok_or_else(|| Error::internal(Stage::Rewrite, "no [] -> [] type"))?;
        let mut body = Vec::new();
        function(module, once, segments)?.encode(&mut body);
        Ok(Self {
            ty,
            function: module.functions.len(),
            body,
        })
    }

    /// What the start function makes of a section; none where it makes nothing of it.
    pub fn pieces<'a>(&self, module: &Module<'a>, section: &Section<'_>) -> Result<Vec<Piece<'a>>> {
        let mut item = Vec::new();
        match section.id {
            section_id::FUNCTION => self.ty.encode(&mut item),
            section_id::CODE => item.extend_from_slice(&self.body),
            section_id::START => {
                let mut index = Vec::new();
                self.function.encode(&mut index);
                let mut bytes = vec![section_id::START];
                index.encode(&mut bytes);
                return Ok(vec![Piece::Bytes(Cow::Owned(bytes))]);
            }
            _ => return Ok(Vec::new()),
        }
        let (count, items) = module.items(section)?;
        let head = section_head(section.id, count + 1, items.len() + item.len());
        let parts = [Cow::Owned(head), Cow::Borrowed(items), Cow::Owned(item)];
        Ok(parts.into_iter().map(Piece::Bytes).collect())
    }
}

fn function(
    module: &Module<'_>,
    once: &Once,
    segments: impl Iterator<Item = (usize, Range<usize>)>,
) -> Result<Function> {
    let mem = index_u32(once.memory)?;
    let memory64 = module.memories[once.memory].memory64;
    let address = |address: usize| match memory64 {
        true => Instruction::I64Const((address as u64).cast_signed()),
        false => Instruction::I32Const(wrap_i32(address)),
    };
    let word = address(usize::try_from(once.address).unwrap_or(usize::MAX));
    let memarg = MemArg {
        offset: 0,
        align: 2,
        memory_index: mem,
    };
    let mut code = vec![
        Instruction::Block(BlockType::Empty),
        Instruction::Block(BlockType::Empty),
        Instruction::Block(BlockType::Empty),
        word.clone(),
        Instruction::I32Const(0),
        Instruction::I32Const(i32::from(FILLING)),
        Instruction::I32AtomicRmwCmpxchg(memarg),
        Instruction::BrTable(Cow::Borrowed(&[0, 1]), 2),
        Instruction::End,
    ];
    let mut drops = Vec::new();
    for (index, range) in segments {
        let data_index = index_u32(index)?;
        code.extend([
            address(range.start),
            Instruction::I32Const(0),
            Instruction::I32Const(wrap_i32(range.len())),
            Instruction::MemoryInit { mem, data_index },
        ]);
        drops.push(Instruction::DataDrop(data_index));
    }
    code.extend([
        word.clone(),
        Instruction::I32Const(i32::from(FILLED)),
        Instruction::I32AtomicStore(memarg),
        word.clone(),
        Instruction::I32Const(-1),
        Instruction::MemoryAtomicNotify(memarg),
        Instruction::Drop,
        Instruction::Br(1),
        Instruction::End,
        word,
        Instruction::I32Const(i32::from(FILLING)),
        Instruction::I64Const(-1),
        Instruction::MemoryAtomicWait32(memarg),
        Instruction::Drop,
        Instruction::End,
    ]);
    code.extend(drops);
    code.push(Instruction::End);
    let mut function = Function::new([]);
    for instruction in &code {
        function.instruction(instruction);
    }
    Ok(function)
}

fn index_u32(index: usize) -> Result<u32> {
    u32::try_from(index)
        .map_err(|_| Error::unsupported(Stage::Rewrite, "an index space is larger than 2^32"))
}
