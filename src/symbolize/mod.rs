//! Frames of a stopped guest in, the same frames with source places out.
//!
//! Places come from the DWARF sections of the user's own file, which are read only here, so only
//! when there are frames to explain. Functions that the guest's compiler inlined become frames of
//! their own. DWARF is a stranger's data: whatever it holds, the work is bounded (see
//! [`budget`]), and a frame that it does not explain stays as it was.

mod budget;
mod demangle;
mod lookup;
mod names;
mod path;

use crate::error::Frame;
use crate::module::{Module, section_id};
use budget::{Budget, Reader};
use gimli::{Dwarf, SectionId};
use lookup::Place;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use demangle::demangle;

/// What a frame without a name in the name section is called, followed by its index.
const UNNAMED_PREFIX: &str = "wasm-function[";

/// What an inlined function is called that has no name in the DWARF either.
const UNNAMED_INLINED: &str = "(inlined function)";

/// Adds source places, and frames for inlined functions, innermost first.
///
/// The frame of a function that was not inlined keeps its name from the name section, and all
/// frames of one place keep its offset.
pub fn symbolize(module: &Module<'_>, frames: Vec<Frame>) -> Vec<Frame> {
    let Some(code) = module.section(section_id::CODE) else {
        return frames;
    };
    if dwarf_section(module, SectionId::DebugInfo.name()).is_empty() {
        return frames;
    }
    // "DWARF for WebAssembly", section 4: code addresses are offsets from the start of the code
    // section's contents. <https://yurydelendik.github.io/webassembly-dwarf/>
    // An offset is that of the instruction itself in all frames, callers too: wasmtime looks up
    // the byte before a return address. So nothing has to be subtracted here.
    let address = |frame: &Frame| {
        let offset = frame.offset.filter(|offset| code.contents.contains(offset));
        offset.map(|offset| (offset - code.contents.start) as u64)
    };
    let mut addresses: Vec<u64> = frames.iter().filter_map(address).collect();
    addresses.sort_unstable();
    addresses.dedup();

    // The readers return errors for all they can't read; should one panic all the same, there is
    // still the trap to report.
    let places = catch_unwind(AssertUnwindSafe(|| {
        places(module, code.contents.len(), &addresses)
    }));
    let Ok(places) = places else {
        return frames;
    };
    let place_of = |frame: &Frame| {
        let position = addresses.binary_search(&address(frame)?).ok()?;
        places.get(position)
    };
    let mut symbolized = Vec::with_capacity(frames.len());
    for frame in frames {
        match place_of(&frame) {
            Some(places) => expand(frame, places, &mut symbolized),
            None => symbolized.push(frame),
        }
    }
    symbolized
}

/// The places of each address.
fn places(module: &Module<'_>, code_len: usize, addresses: &[u64]) -> Vec<Vec<Place>> {
    let budget = Budget::new();
    let section = |id: SectionId| {
        let bytes = dwarf_section(module, id.name());
        Ok::<_, Infallible>(Reader::new(bytes, &budget))
    };
    let Ok(dwarf) = Dwarf::load(section);
    lookup::places(&dwarf, &budget, code_len as u64, addresses)
}

/// A frame and the functions that are inlined there. The last place is that of the frame itself.
fn expand(mut frame: Frame, places: &[Place], symbolized: &mut Vec<Frame>) {
    let Some((own, inlined)) = places.split_last() else {
        symbolized.push(frame);
        return;
    };
    for place in inlined {
        symbolized.push(Frame {
            func: match &place.function {
                Some(name) => name.clone(),
                None => UNNAMED_INLINED.to_owned(),
            },
            offset: frame.offset,
            file: place.file.clone(),
            line: place.line,
        });
    }
    if let Some(name) = &own.function
        && frame.func.starts_with(UNNAMED_PREFIX)
    {
        frame.func.clone_from(name);
    }
    frame.file.clone_from(&own.file);
    frame.line = own.line;
    symbolized.push(frame);
}

/// The bytes of a DWARF section: a custom section's contents behind its name. Empty where there is
/// none.
fn dwarf_section<'a>(module: &Module<'a>, name: &str) -> &'a [u8] {
    let section = module
        .sections
        .iter()
        .find(|section| section.id == section_id::CUSTOM && section.custom_name == name);
    let contents = section.and_then(|section| module.bytes.get(section.contents.clone()));
    let Some(contents) = contents else {
        return &[];
    };
    // The length of the name, which may be padded, then the name.
    let length_bytes = contents.iter().position(|byte| byte & 0x80 == 0);
    let start = length_bytes.map_or(contents.len(), |last| last + 1 + name.len());
    contents.get(start..).unwrap_or_default()
}
