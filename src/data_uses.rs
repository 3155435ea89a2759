//! [`Module`] in, whether its code can name a data segment out.
//!
//! `memory.init`, `data.drop`, `array.new_data` and `array.init_data` name segments by index. Where
//! none of them occurs, no segment has to keep its place, although compilers write the DataCount
//! section that these instructions need into every module that may use bulk memory.
//!
//! Decoding all of a large program would take longer than everything else that is done to it. So its
//! functions are searched for the bytes that such an instruction begins with, and only those that
//! hold them are decoded.

use crate::module::{Module, section_id};
use rayon::prelude::*;
use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, Operator};

/// Whether an instruction of the module names a data segment. Code that can't be read counts as one
/// that does.
pub fn names_data_segments(module: &Module<'_>) -> bool {
    let Some(section) = module.section(section_id::CODE) else {
        return false;
    };
    let contents = &module.bytes[section.contents.clone()];
    let bodies = CodeSectionReader::new(BinaryReader::new(contents, section.contents.start));
    let bodies = bodies.and_then(|bodies| bodies.into_iter().collect::<Result<Vec<_>, _>>());
    match bodies {
        Ok(bodies) => bodies
            .par_iter()
            .any(|body| may_name(body.as_bytes(), module) && names(body).unwrap_or(true)),
        Err(_) => true,
    }
}

/// Whether bytes hold what such an instruction begins with: its prefix, its number, and an index of a
/// data segment that there is (binary format, sections 5.4.5 and 5.4.8).
fn may_name(body: &[u8], module: &Module<'_>) -> bool {
    const GARBAGE_COLLECTION: u8 = 0xfb;
    const BULK_MEMORY: u8 = 0xfc;
    memchr::memchr2_iter(GARBAGE_COLLECTION, BULK_MEMORY, body).any(|at| {
        let mut reader = BinaryReader::new(&body[at + 1..], 0);
        let mut number = || reader.read_var_u32().ok();
        let segment = match (body[at], number()) {
            // memory.init, data.drop
            (BULK_MEMORY, Some(8 | 9)) => number(),
            // array.new_data, array.init_data: a type goes first
            (GARBAGE_COLLECTION, Some(9 | 18)) => number().and_then(|_| number()),
            _ => None,
        };
        segment.is_some_and(|segment| module.data_count.is_some_and(|count| segment < count))
    })
}

fn names(body: &FunctionBody<'_>) -> wasmparser::Result<bool> {
    for operator in body.get_operators_reader()? {
        if matches!(
            operator?,
            Operator::MemoryInit { .. }
                | Operator::DataDrop { .. }
                | Operator::ArrayNewData { .. }
                | Operator::ArrayInitData { .. }
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}
