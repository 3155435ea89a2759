//! A binary module as a list of sections, which need not make sense, and back.

/// The magic number and the version.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

#[derive(Clone)]
pub struct Section {
    pub id: u8,
    pub contents: Vec<u8>,
    /// The size that the header tells, where it is not that of the contents.
    pub size: Option<u64>,
}

/// As many sections as can be read; what follows them is lost.
pub fn split(wasm: &[u8]) -> Vec<Section> {
    let mut sections = Vec::new();
    let mut rest = wasm.get(HEADER.len()..).unwrap_or_default();
    while let Some((&id, after)) = rest.split_first() {
        let Some((size, len)) = read_leb(after) else {
            break;
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let Some(contents) = after[len..].get(..size) else {
            break;
        };
        sections.push(Section {
            id,
            contents: contents.to_vec(),
            size: None,
        });
        rest = &after[len + size..];
    }
    sections
}

pub fn join(sections: &[Section]) -> Vec<u8> {
    let mut wasm = HEADER.to_vec();
    for section in sections {
        wasm.push(section.id);
        wasm.extend(leb(section.size.unwrap_or(section.contents.len() as u64)));
        wasm.extend_from_slice(&section.contents);
    }
    wasm
}

/// An unsigned number and its length.
pub fn read_leb(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (position, byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(position).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, position + 1));
        }
    }
    None
}

pub fn leb(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

/// The number in `len` bytes at least.
pub fn padded_leb(value: u64, len: usize) -> Vec<u8> {
    let mut bytes = leb(value);
    while bytes.len() < len {
        if let Some(last) = bytes.last_mut() {
            *last |= 0x80;
        }
        bytes.push(0);
    }
    bytes
}
