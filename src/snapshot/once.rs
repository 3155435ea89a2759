//! [`Module`] in, the word out by which the threads of its program see that the memory they share has
//! been filled.
//!
//! Each thread makes an instance of its own with the same imported memory, so segments that are
//! written on instantiation would write over what other threads have done since. wasm-ld's programs
//! therefore have passive segments and a start function that goes by a word in the memory: the first
//! instance changes it from 0 to 1, fills the memory, sets it to 2 and wakes those that wait for that;
//! all others find 1 or 2 there.
//! <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md>
//!
//! The output goes by the same word, which nothing else in the program uses.

use crate::error::Result;
use crate::module::{Module, section_id};
use crate::snapshot::private::Private;
use wasmparser::{BinaryReader, CodeSectionReader, Operator};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// An imported, shared memory.
    pub memory: usize,
    /// Of 4 bytes, of which init has left [`FILLED`].
    pub address: u64,
}

/// What the word holds while an instance fills the memory.
pub const FILLING: u8 = 1;

/// What it holds from then on.
pub const FILLED: u8 = 2;

/// Finds the word.
///
/// # Errors
///
/// `ERR_INTERNAL` where the instrumented module lacks an export it must have.
pub fn find(private: &mut Private<'_, '_>) -> Result<Option<Once>> {
    let Some(once) = named_by_start(private.module) else {
        return Ok(None);
    };
    let memory = private.memory(once.memory)?.data(&*private.store);
    let address = usize::try_from(once.address).unwrap_or(usize::MAX);
    let word = memory.get(address..).and_then(<[u8]>::first_chunk);
    Ok((word == Some(&u32::from(FILLED).to_le_bytes())).then_some(once))
}

/// The word that the start function compares with 0 and sets to 1, at an address that is a constant.
fn named_by_start(module: &Module<'_>) -> Option<Once> {
    let start = usize::try_from(module.start?).ok()?;
    let imported = module.imported_functions();
    let section = module.section(section_id::CODE)?;
    let contents = &module.bytes[section.contents.clone()];
    let bodies = CodeSectionReader::new(BinaryReader::new(contents, section.contents.start));
    let body = bodies.ok()?.into_iter().nth(start.checked_sub(imported)?)?;
    // The last three operands, where they are constants.
    let mut operands: [Option<u64>; 3] = [None; 3];
    for operator in body.ok()?.get_operators_reader().ok()? {
        let operand = match operator.ok()? {
            Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
            Operator::I64Const { value } => Some(value.cast_unsigned()),
            Operator::I32AtomicRmwCmpxchg { memarg } => {
                let memory = usize::try_from(memarg.memory).ok()?;
                if let [Some(address), Some(0), Some(1)] = operands
                    && memory < module.imported_memories()
                    && module.memories[memory].shared
                {
                    let address = address.checked_add(memarg.offset)?;
                    return Some(Once { memory, address });
                }
                None
            }
            _ => None,
        };
        operands = [operands[1], operands[2], operand];
    }
    None
}
