//! A seed and some modules go in, a module that nobody has written comes out.
//!
//! Half of the mutations keep the structure of a module and break its meaning, as a broken tool or
//! an attacker would; the others break its bytes.

use crate::binary::{Section, join, leb, padded_leb, read_leb, split};
use crate::rng::Rng;
use wasm_preinit::module::section_id;

/// Repeated items stay below this size, so that compiling them takes little.
const REPEATED_BYTES_LIMIT: usize = 256 << 10;

/// Numbers at the edges of what encodings, engines and the specification allow.
const NUMBERS: [u64; 26] = [
    0,
    1,
    2,
    3,
    0x7f,
    0x80,
    0xff,
    1000,
    1001,
    0x3fff,
    0x4000,
    50_000,
    0xffff,
    0x1_0000,
    0x1_0001,
    100_000,
    1_000_000,
    10_000_001,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    1 << 37,
    1 << 48,
    1 << 63,
    u64::MAX,
];

/// How deep nesting gets: shallow, at the limits of recursive programs, far beyond.
const DEPTHS: [usize; 5] = [10, 500, 1_000, 10_000, 50_000];

/// How deep nesting gets where one of the compilers takes time or memory that grows with the square
/// of it: loops and blocks with a result in the optimizing one, `if` with `else` in the baseline one.
const QUADRATIC_DEPTH: usize = 3_000;

/// How often items are repeated.
const REPETITIONS: [usize; 5] = [2, 10, 200, 2_000, 20_000];

/// Mutates the module at `at` once or a few times.
pub fn mutate(modules: &[Vec<u8>], at: usize, rng: &mut Rng) -> Vec<u8> {
    let mut wasm = modules[at].clone();
    let mut sections = split(&wasm);
    let rounds = 1 + rng.below(3);
    let mut structured = false;
    for _ in 0..rounds {
        if rng.one_in(2) && !sections.is_empty() {
            mutate_sections(&mut sections, modules, rng);
            structured = true;
        }
    }
    if structured {
        wasm = join(&sections);
    }
    if !structured || rng.one_in(8) {
        for _ in 0..rounds {
            mutate_bytes(&mut wasm, rng);
        }
    }
    wasm
}

/// Changes a byte or a bit somewhere, moves a piece, or cuts the module off.
fn mutate_bytes(wasm: &mut Vec<u8>, rng: &mut Rng) {
    if wasm.is_empty() {
        return;
    }
    let at = rng.below(wasm.len());
    match rng.below(10) {
        0 => wasm.truncate(at),
        1 => wasm.insert(at, byte(rng)),
        2 => drop(wasm.remove(at)),
        3 => wasm[at] = byte(rng),
        4 => overwrite_number(wasm, at, rng),
        5 => {
            let from = rng.below(wasm.len());
            let to = wasm.len().min(from + 1 + rng.below(16));
            let piece = wasm[from..to].to_vec();
            wasm.splice(at..at, piece);
        }
        _ => wasm[at] ^= 1 << rng.below(8),
    }
}

fn byte(rng: &mut Rng) -> u8 {
    u8::try_from(rng.below(256)).expect("it is less than 256")
}

fn number(rng: &mut Rng) -> u64 {
    match rng.below(4) {
        0 => rng.next() >> rng.below(64),
        _ => NUMBERS[rng.below(NUMBERS.len())],
    }
}

/// Writes a number at the edge of something in place of the one that begins there, if one does.
fn overwrite_number(bytes: &mut Vec<u8>, at: usize, rng: &mut Rng) {
    let Some((value, len)) = read_leb(&bytes[at..]) else {
        return;
    };
    let value = match rng.below(4) {
        0 => value.wrapping_add(1),
        1 => value.wrapping_sub(1),
        2 => value,
        _ => number(rng),
    };
    let new = padded_leb(value, rng.below(7));
    bytes.splice(at..at + len, new);
}

/// One mutation that leaves the other sections whole.
fn mutate_sections(sections: &mut Vec<Section>, modules: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.below(sections.len());
    match rng.below(16) {
        0 => truncate(&mut sections[at], rng),
        1 => stretch(&mut sections[at], rng),
        2 => overwrite_number_of_items(&mut sections[at], rng),
        3 => {
            let contents = &mut sections[at].contents;
            if !contents.is_empty() {
                let at = rng.below(contents.len());
                overwrite_number(contents, at, rng);
            }
        }
        4 => put(sections, giant_memories(rng)),
        5 => put(sections, giant_tables(rng)),
        6 => nest_blocks(sections, rng),
        7 => put(sections, deep_const_exprs(rng)),
        8 => splice(sections, modules, rng),
        9 => {
            let copy = sections[at].clone();
            sections.insert(rng.below(sections.len()), copy);
        }
        10 => {
            let other = rng.below(sections.len());
            sections.swap(at, other);
        }
        11 if sections.len() > 1 => drop(sections.remove(at)),
        12 => repeat_items(sections, rng),
        _ => {
            // Where there is code, its immediates are what reaches the engine and the host.
            let is_code = |section: &Section| section.id == section_id::CODE;
            let code = sections.iter().position(is_code);
            let at = code.filter(|_| rng.one_in(2)).unwrap_or(at);
            mutate_bytes(&mut sections[at].contents, rng);
        }
    }
}

/// Cuts contents off; the header tells the old size or the new one.
fn truncate(section: &mut Section, rng: &mut Rng) {
    let len = section.contents.len();
    section.contents.truncate(rng.below(len + 1));
    section.size = rng.one_in(4).then_some(len as u64);
}

/// Adds contents, or tells of some that are not there.
fn stretch(section: &mut Section, rng: &mut Rng) {
    match rng.below(3) {
        0 => section.size = Some(section.contents.len() as u64 + 1 + number(rng) % 4096),
        1 => section.size = Some(number(rng)),
        _ => {
            let len = 1 + rng.below(64);
            section.contents.extend(rng.bytes(len));
        }
    }
}

/// Every section that holds a list begins with its length.
fn overwrite_number_of_items(section: &mut Section, rng: &mut Rng) {
    if !section.contents.is_empty() {
        overwrite_number(&mut section.contents, 0, rng);
    }
}

/// Replaces the section of the same id, or puts it where it belongs by its number.
fn put(sections: &mut Vec<Section>, section: Section) {
    let rank = wasm_preinit::module::section_rank;
    match sections.iter().position(|known| known.id == section.id) {
        Some(at) => sections[at] = section,
        None => {
            let later = |known: &Section| rank(known.id) > rank(section.id);
            let at = sections.iter().position(later).unwrap_or(sections.len());
            sections.insert(at, section);
        }
    }
}

fn section(id: u8, contents: Vec<u8>) -> Section {
    Section {
        id,
        contents,
        size: None,
    }
}

/// A minimum, and where the flags say so, a maximum.
fn limits(flags: u64, rng: &mut Rng) -> Vec<u8> {
    let mut limits = leb(flags);
    let minimum = number(rng);
    limits.extend(leb(minimum));
    if flags & 1 != 0 {
        limits.extend(leb(if rng.one_in(2) { minimum } else { number(rng) }));
    }
    limits
}

fn giant_memories(rng: &mut Rng) -> Section {
    const PAGE_SIZE: u64 = 8;
    let count = 1 + rng.below(4);
    let mut contents = leb(count as u64);
    for _ in 0..count {
        let flags = [0, 0, 1, 1, 3, 4, 5, PAGE_SIZE, PAGE_SIZE | 5][rng.below(9)];
        contents.extend(limits(flags, rng));
        if flags & PAGE_SIZE != 0 {
            contents.extend(leb([0, 16, 1, 63, 64][rng.below(5)]));
        }
    }
    section(section_id::MEMORY, contents)
}

fn giant_tables(rng: &mut Rng) -> Section {
    const FUNCREF: u8 = 0x70;
    const EXTERNREF: u8 = 0x6f;
    let count = 1 + rng.below(4);
    let mut contents = leb(count as u64);
    for _ in 0..count {
        contents.push(if rng.one_in(4) { EXTERNREF } else { FUNCREF });
        let flags = [0, 0, 1, 4][rng.below(4)];
        contents.extend(limits(flags, rng));
    }
    section(section_id::TABLE, contents)
}

/// Gives the first function a body of blocks within blocks, or of operands upon operands.
fn nest_blocks(sections: &mut [Section], rng: &mut Rng) {
    const END: u8 = 0x0b;
    const DROP: u8 = 0x1a;
    let Some(code) = sections.iter_mut().find(|s| s.id == section_id::CODE) else {
        return;
    };
    let Some((_, count)) = read_leb(&code.contents) else {
        return;
    };
    let Some((size, len)) = read_leb(&code.contents[count..]) else {
        return;
    };
    let depth = DEPTHS[rng.below(DEPTHS.len())];
    let shape = rng.below(8);
    let depth = match shape {
        1 | 3 | 4 => depth.min(QUADRATIC_DEPTH),
        _ => depth,
    };
    // Opening and closing instructions: block, loop, `i32.const 1` `if`, `if` with `else`, blocks
    // with a result, `try_table`, operands, and blocks that nothing closes.
    let (open, close): (&[u8], &[u8]) = match shape {
        0 => (&[0x02, 0x40], &[END]),
        1 => (&[0x03, 0x40], &[END]),
        2 => (&[0x41, 1, 0x04, 0x40], &[END]),
        3 => (&[0x41, 0, 0x04, 0x40], &[0x05, END]),
        4 => (&[0x02, 0x7f], &[0x41, 1, 0x1a, END]),
        5 => (&[0x1f, 0x40, 0], &[END]),
        6 => (&[0x41, 1], &[0x6a]),
        _ => (&[0x02, 0x40], &[]),
    };
    let mut body = vec![0];
    body.extend(open.repeat(depth));
    let is_operand = close == [0x6a];
    let has_result = open == [0x02, 0x7f];
    match (is_operand, has_result) {
        (true, _) => body.extend(close.repeat(depth - 1)),
        (_, true) => {
            body.extend([0x41, 7]);
            body.extend([END].repeat(depth));
        }
        _ => body.extend(close.repeat(depth)),
    }
    if is_operand || has_result {
        body.push(DROP);
    }
    body.push(END);
    let old = count
        ..code
            .contents
            .len()
            .min(count + len + usize::try_from(size).unwrap_or(0));
    let mut new = leb(body.len() as u64);
    new.extend(body);
    code.contents.splice(old, new);
}

/// One global whose value is a long or deep constant expression.
fn deep_const_exprs(rng: &mut Rng) -> Section {
    const I32: u8 = 0x7f;
    let depth = DEPTHS[rng.below(DEPTHS.len())];
    let mut contents = leb(1);
    contents.extend([I32, u8::from(rng.one_in(2))]);
    if rng.one_in(2) {
        contents.extend([0x41, 1].repeat(depth + 1));
        contents.extend([0x6a].repeat(depth));
    } else {
        contents.extend([0x41, 1]);
        contents.extend([0x41, 1, 0x6c].repeat(depth));
    }
    contents.push(0x0b);
    section(section_id::GLOBAL, contents)
}

/// Brings a section of another module here.
fn splice(sections: &mut Vec<Section>, modules: &[Vec<u8>], rng: &mut Rng) {
    let others = split(&modules[rng.below(modules.len())]);
    if others.is_empty() {
        return;
    }
    let other = others[rng.below(others.len())].clone();
    if rng.one_in(4) {
        sections.insert(rng.below(sections.len() + 1), other);
    } else {
        put(sections, other);
    }
}

/// Makes lists long: all items of a section again and again, functions together with their bodies.
fn repeat_items(sections: &mut [Section], rng: &mut Rng) {
    let times = REPETITIONS[rng.below(REPETITIONS.len())];
    let id = sections[rng.below(sections.len())].id;
    let together: &[u8] = match id {
        section_id::FUNCTION | section_id::CODE => &[section_id::FUNCTION, section_id::CODE],
        section_id::DATA | section_id::DATA_COUNT => &[section_id::DATA, section_id::DATA_COUNT],
        section_id::START => return,
        _ => std::slice::from_ref(&id),
    };
    let total: usize = sections.iter().map(|section| section.contents.len()).sum();
    if total.saturating_mul(times) > REPEATED_BYTES_LIMIT {
        return;
    }
    for section in sections.iter_mut().filter(|s| together.contains(&s.id)) {
        let Some((count, len)) = read_leb(&section.contents) else {
            continue;
        };
        let mut contents = leb(count.wrapping_mul(times as u64));
        contents.extend(section.contents[len..].repeat(times));
        section.contents = contents;
    }
}
