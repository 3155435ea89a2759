//! Appends the init function: it changes state of every kind, and calls functions of the module.

use super::{Appended, number, u32_index};
use crate::rng::Rng;
use crate::values::{argument, arguments};
use wasm_encoder::{Instruction, MemArg};
use wasmparser::{MemoryType, TableType, ValType};

/// The logarithm of the size that pages have unless a memory says otherwise.
const PAGE_SIZE_LOG2: u32 = 16;

type Body = Vec<Instruction<'static>>;

pub fn append(appended: &mut Appended<'_>, rng: &mut Rng) {
    let mut body = Vec::new();
    set_globals(appended, &mut body, rng);
    write_memories(appended, &mut body, rng);
    if rng.one_in(2) {
        change_tables(appended, &mut body, rng);
    }
    // After tables were written from them.
    drop_segments(appended, &mut body, rng);
    throw(appended, &mut body, rng);
    appended.refuel(&mut body);
    call(appended, &mut body, rng);
    appended.function("wizer-initialize", &[], &[], &body);
}

fn set_globals(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    for (index, global) in appended.shape.globals.iter().enumerate() {
        // Those that stay imports can't be kept where init has set them.
        let is_imported = index < appended.shape.imported_globals;
        let settable = global.mutable && rng.one_in(if is_imported { 6 } else { 2 });
        if settable && let Some(value) = argument(appended.shape, global.content_type, rng) {
            body.extend(value);
            body.push(Instruction::GlobalSet(u32_index(index)));
        }
    }
}

fn write_memories(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    let memories = &appended.shape.memories;
    for (index, memory) in memories.iter().enumerate() {
        let mem = u32_index(index);
        let bytes = size(memory);
        let writes = if bytes <= 8 { 0 } else { rng.below(8) };
        for _ in 0..writes {
            // Now and then the last bytes of all.
            let address = if rng.one_in(6) {
                bytes - 8
            } else {
                rng.below(bytes - 8)
            };
            body.push(number(memory.memory64, address));
            let value = rng.next().cast_signed() >> rng.below(64);
            body.push(Instruction::I64Const(value));
            body.push(Instruction::I64Store(MemArg {
                offset: 0,
                align: 0,
                memory_index: mem,
            }));
        }
        if bytes > 64 && rng.one_in(4) {
            let (address, len) = (rng.below(bytes - 64), rng.below(64));
            body.push(number(memory.memory64, address));
            body.push(Instruction::I32Const(i32::from(rng.one_in(2)) * 0x5a));
            body.push(number(memory.memory64, len));
            body.push(Instruction::MemoryFill(mem));
        }
        let other = rng.below(memories.len());
        if bytes > 64 && size(&memories[other]) > 64 && rng.one_in(4) {
            let both_64 = memory.memory64 && memories[other].memory64;
            body.push(number(memory.memory64, rng.below(bytes - 64)));
            let from = rng.below(size(&memories[other]) - 64);
            body.push(number(memories[other].memory64, from));
            body.push(number(both_64, rng.below(64)));
            body.push(Instruction::MemoryCopy {
                src_mem: u32_index(other),
                dst_mem: mem,
            });
        }
        if rng.one_in(4) {
            body.push(number(memory.memory64, 1));
            body.push(Instruction::MemoryGrow(mem));
            body.push(Instruction::Drop);
        }
    }
}

/// What a memory has at least.
fn size(memory: &MemoryType) -> usize {
    let bytes = memory.initial << memory.page_size_log2.unwrap_or(PAGE_SIZE_LOG2);
    usize::try_from(bytes).expect("memories are small")
}

/// Uses each instruction that writes to a table, within bounds.
fn change_tables(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    let shape = appended.shape;
    let slots = |table: &TableType| usize::try_from(table.initial).expect("tables are small");
    for (index, table) in shape.tables.iter().enumerate() {
        let table_index = u32_index(index);
        let value = |rng: &mut Rng| argument(shape, ValType::Ref(table.element_type), rng);
        // Neighbours, so that a segment holds more than one of them.
        let set = rng.below(slots(table).min(6) + 1);
        let first = rng.below(slots(table) - set + 1);
        for slot in first..first + set {
            if let Some(value) = value(rng) {
                body.push(number(table.table64, slot));
                body.extend(value);
                body.push(Instruction::TableSet(table_index));
            }
        }
        if slots(table) > 0
            && rng.one_in(4)
            && let Some(value) = value(rng)
        {
            let start = rng.below(slots(table));
            body.push(number(table.table64, start));
            body.extend(value);
            body.push(number(table.table64, rng.below(slots(table) - start + 1)));
            body.push(Instruction::TableFill(table_index));
        }
        for (segment_index, segment) in shape.elements.iter().enumerate() {
            let len = segment.len as usize;
            let fits = segment.passive && segment.ty == table.element_type && len <= slots(table);
            if fits && rng.one_in(2) {
                let from = rng.below(len + 1);
                body.push(number(table.table64, rng.below(slots(table) - len + 1)));
                body.push(number(false, from));
                body.push(number(false, len - from));
                body.push(Instruction::TableInit {
                    elem_index: u32_index(segment_index),
                    table: table_index,
                });
            }
        }
        let other = rng.below(shape.tables.len());
        let source = &shape.tables[other];
        if source.element_type == table.element_type && rng.one_in(3) {
            let len = rng.below(slots(table).min(slots(source)) + 1);
            let both_64 = table.table64 && source.table64;
            body.push(number(table.table64, rng.below(slots(table) - len + 1)));
            body.push(number(source.table64, rng.below(slots(source) - len + 1)));
            body.push(number(both_64, len));
            body.push(Instruction::TableCopy {
                src_table: u32_index(other),
                dst_table: table_index,
            });
        }
        if rng.one_in(4)
            && let Some(value) = value(rng)
        {
            body.extend(value);
            body.push(number(table.table64, 1 + rng.below(3)));
            body.push(Instruction::TableGrow(table_index));
            body.push(Instruction::Drop);
        }
    }
}

fn drop_segments(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    for (index, segment) in appended.shape.data.iter().enumerate() {
        if appended.shape.has_data_count && segment.passive && rng.one_in(3) {
            body.push(Instruction::DataDrop(u32_index(index)));
        }
    }
    for (index, segment) in appended.shape.elements.iter().enumerate() {
        if segment.passive && rng.one_in(3) {
            body.push(Instruction::ElemDrop(u32_index(index)));
        }
    }
}

/// Exceptions that are caught, and now and then one that is not.
fn throw(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    let shape = appended.shape;
    for &(function, values) in &appended.catching {
        if rng.one_in(2) {
            body.push(Instruction::Call(u32_index(function)));
            body.extend((0..values).map(|_| Instruction::Drop));
        }
    }
    if !shape.tags.is_empty() && rng.one_in(40) {
        let tag = rng.below(shape.tags.len());
        let params = shape.function_type(shape.tags[tag]).params();
        if let Some(arguments) = arguments(shape, params, rng) {
            body.extend(arguments);
            body.push(Instruction::Throw(u32_index(tag)));
        }
    }
}

fn call(appended: &Appended<'_>, body: &mut Body, rng: &mut Rng) {
    let shape = appended.shape;
    let own = shape.imported_functions..shape.functions.len();
    let calls = if own.is_empty() { 0 } else { rng.below(3) };
    for _ in 0..calls {
        let function = own.start + rng.below(own.len());
        let ty = shape.type_of(function);
        if let Some(arguments) = arguments(shape, ty.params(), rng) {
            body.extend(arguments);
            body.push(Instruction::Call(u32_index(function)));
            body.extend(ty.results().iter().map(|_| Instruction::Drop));
        }
    }
}
