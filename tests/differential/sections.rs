//! A module goes in, the same module with items behind those of some sections comes out.

use std::ops::Range;
use wasm_encoder::Encode;
use wasmparser::{BinaryReader, Parser};

pub const TYPE: u8 = 1;
pub const FUNCTION: u8 = 3;
pub const EXPORT: u8 = 7;
pub const ELEMENT: u8 = 9;
pub const CODE: u8 = 10;

/// Section ids in the order in which sections must stand.
const ORDER: [u8; 13] = [
    TYPE, 2, FUNCTION, 4, 5, 13, 6, EXPORT, 8, ELEMENT, 12, CODE, 11,
];

/// Items for the end of a section.
#[derive(Default)]
pub struct Items {
    pub count: usize,
    bytes: Vec<u8>,
}

impl Items {
    pub fn push(&mut self, item: &[u8]) {
        self.count += 1;
        self.bytes.extend_from_slice(item);
    }
}

/// The sections of a module, in order, as (id, contents).
pub struct Sections {
    header: Vec<u8>,
    sections: Vec<(u8, Vec<u8>)>,
}

impl Sections {
    pub fn read(wasm: &[u8]) -> Self {
        let mut sections = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            let section: Option<(u8, Range<usize>)> =
                payload.expect("the module is valid").as_section();
            sections.extend(section.map(|(id, range)| (id, wasm[range].to_vec())));
        }
        Self {
            header: wasm[..8].to_vec(),
            sections,
        }
    }

    pub fn contents(&mut self, id: u8) -> Option<&mut Vec<u8>> {
        let mut sections = self.sections.iter_mut();
        let section = sections.find(|(known, _)| *known == id);
        section.map(|(_, contents)| contents)
    }

    pub fn append(&mut self, id: u8, items: &Items) {
        if items.count == 0 {
            return;
        }
        if self.contents(id).is_none() {
            let rank = |id: u8| ORDER.iter().position(|&known| known == id);
            let is_later = |(other, _): &(u8, Vec<u8>)| rank(*other) > rank(id);
            let next = self.sections.iter().position(is_later);
            let next = next.unwrap_or(self.sections.len());
            self.sections.insert(next, (id, vec![0]));
        }
        let contents = self.contents(id).expect("it is there or was inserted");
        let mut reader = BinaryReader::new(contents, 0);
        let count = reader.read_var_u32().expect("the module is valid") as usize;
        let mut longer = Vec::new();
        (count + items.count).encode(&mut longer);
        longer.extend_from_slice(&contents[reader.current_position()..]);
        longer.extend_from_slice(&items.bytes);
        *contents = longer;
    }

    pub fn finish(self) -> Vec<u8> {
        let mut wasm = self.header;
        for (id, contents) in self.sections {
            wasm.push(id);
            contents.encode(&mut wasm);
        }
        wasm
    }
}
