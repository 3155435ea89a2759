//! Functions as entries of a unit in, their names out, with the namespaces and types around them.
//!
//! The linker's names are taken from Rust and from languages that do not mangle. C++ names come from
//! DWARF alone: the parser that demangles them can be led astray for minutes by 300 bytes.

use crate::symbolize::budget::{Budget, Reader, count};
use crate::symbolize::demangle::{MAX_NAME_BYTES, demangle};
use crate::symbolize::lookup::{Unit, open};
use crate::symbolize::path::{MAX_TEXT_BYTES, text};
use gimli::{AttributeValue, DebugInfoOffset, Dwarf, Result, UnitOffset};
use std::collections::HashMap;

/// More references from entry to entry on the way to a name are not real.
const MAX_REFERENCES: usize = 16;

/// More namespaces and types inside each other are not real.
const MAX_SCOPES: usize = 64;

/// The names of functions, where they have one.
pub fn names(
    unit: Unit<'_, '_>,
    budget: &Budget,
    functions: impl Iterator<Item = UnitOffset>,
) -> HashMap<UnitOffset, String> {
    let mut names = HashMap::new();
    // Where the name of a function was found that still lacks the scopes around that place.
    let mut unqualified: Vec<(DebugInfoOffset, UnitOffset)> = Vec::new();
    for function in functions {
        if names.contains_key(&function) {
            continue;
        }
        let Ok(named) = named(unit, budget, function, MAX_REFERENCES) else {
            continue;
        };
        let linkage = named.linkage.and_then(text);
        let readable = linkage
            .as_deref()
            .and_then(|linkage| readable(budget, linkage));
        if let Some(name) = readable {
            names.insert(function, name);
        } else if let Some((place, name)) = named.name {
            names.extend(text(name).map(|name| (function, name)));
            unqualified.extend(place.map(|place| (place, function)));
        } else if let Some(name) = linkage {
            names.insert(function, name);
        }
    }
    unqualified.sort_unstable();
    let mut unqualified = &unqualified[..];
    let mut headers = unit.dwarf.units();
    while let (Some((place, _)), Ok(Some(header))) = (unqualified.first(), headers.next()) {
        if place.to_unit_offset(&header).is_none() {
            continue;
        }
        let here = unqualified.partition_point(|(at, _)| at.to_unit_offset(&header).is_some());
        let (here, later) = unqualified.split_at(here);
        if let Some(other) = open(unit.dwarf, budget, header) {
            // A broken part of the unit leaves the names behind it as short as they are.
            let _ = qualify(other.unit_ref(unit.dwarf), budget, here, &mut names);
        }
        unqualified = later;
    }
    names
}

/// A linker's name as its language spells it. Those of Zig are paths already; what begins with a
/// sign is mangled, or an alias.
fn readable(budget: &Budget, linkage: &str) -> Option<String> {
    if linkage.starts_with(|first: char| first.is_alphabetic()) {
        return Some(linkage.to_owned());
    }
    // Names of Rust's newer scheme can refer back: at worst, each byte of the result takes a walk
    // over the name.
    let is_v0 = linkage.trim_start_matches('_').starts_with('R');
    let walks = if is_v0 { MAX_NAME_BYTES } else { 1 };
    budget.take((linkage.len().min(MAX_NAME_BYTES) * walks) as u64);
    demangle(linkage)
}

/// What an entry says about its name, or the entries that it is an instance of.
#[derive(Default)]
struct Named<'a> {
    /// The name within its scope, and the place of the entry that says it.
    name: Option<(Option<DebugInfoOffset>, Reader<'a>)>,
    linkage: Option<Reader<'a>>,
}

fn named<'a>(
    unit: Unit<'_, 'a>,
    budget: &Budget,
    entry: UnitOffset,
    references: usize,
) -> Result<Named<'a>> {
    let mut named = Named::default();
    let mut entries = unit.entries_raw(Some(entry))?;
    let Some(abbreviation) = entries.read_abbreviation()? else {
        return Ok(named);
    };
    count(budget, abbreviation)?;
    let mut origin = None;
    for specification in abbreviation.attributes() {
        let attribute = entries.read_attribute(*specification)?;
        let value = attribute.value();
        match attribute.name() {
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                named.linkage = unit.attr_string(value).ok();
            }
            gimli::DW_AT_name => {
                let place = entry.to_debug_info_offset(&unit.header);
                named.name = unit.attr_string(value).ok().map(|name| (place, name));
            }
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => origin = Some(value),
            _ => {}
        }
    }
    let Some(references) = references.checked_sub(1).filter(|_| named.name.is_none()) else {
        return Ok(named);
    };
    let original = match origin {
        Some(AttributeValue::UnitRef(origin)) => self::named(unit, budget, origin, references)?,
        Some(AttributeValue::DebugInfoRef(origin)) => match unit_of(unit.dwarf, budget, origin) {
            Some((other, origin)) => {
                self::named(other.unit_ref(unit.dwarf), budget, origin, references)?
            }
            None => return Ok(named),
        },
        _ => return Ok(named),
    };
    Ok(Named {
        name: original.name,
        linkage: named.linkage.or(original.linkage),
    })
}

/// The unit that an offset lies in, and the offset there.
fn unit_of<'a>(
    dwarf: &Dwarf<Reader<'a>>,
    budget: &Budget,
    offset: DebugInfoOffset,
) -> Option<(gimli::Unit<Reader<'a>>, UnitOffset)> {
    let mut headers = dwarf.units();
    while let Ok(Some(header)) = headers.next() {
        if let Some(offset) = offset.to_unit_offset(&header) {
            return Some((open(dwarf, budget, header)?, offset));
        }
    }
    None
}

/// Puts the scopes around a place of the unit before the name of its function. One walk meets all
/// the places, as they are sorted.
fn qualify(
    unit: Unit<'_, '_>,
    budget: &Budget,
    unqualified: &[(DebugInfoOffset, UnitOffset)],
    names: &mut HashMap<UnitOffset, String>,
) -> Result<()> {
    let mut unqualified = unqualified.iter().peekable();
    let mut scopes: Vec<(isize, String)> = Vec::new();
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() && unqualified.peek().is_some() {
        let entry = entries.next_offset();
        let depth = entries.next_depth();
        let Some(abbreviation) = entries.read_abbreviation()? else {
            continue;
        };
        while scopes.pop_if(|(scope, _)| *scope >= depth).is_some() {}
        let place = entry.to_debug_info_offset(&unit.header);
        while let Some((_, function)) = unqualified.next_if(|(at, _)| Some(*at) <= place) {
            if let Some(name) = names.get_mut(function) {
                for (_, scope) in scopes.iter().rev() {
                    if name.len() + scope.len() <= MAX_TEXT_BYTES {
                        name.insert_str(0, "::");
                        name.insert_str(0, scope);
                    }
                }
            }
        }
        count(budget, abbreviation)?;
        let unnamed = match abbreviation.tag() {
            gimli::DW_TAG_namespace => Some("(anonymous namespace)"),
            gimli::DW_TAG_class_type
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type => Some("(anonymous type)"),
            _ => None,
        };
        let Some(unnamed) = unnamed.filter(|_| abbreviation.has_children()) else {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        };
        let mut name = None;
        for specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(*specification)?;
            if attribute.name() == gimli::DW_AT_name {
                name = unit.attr_string(attribute.value()).ok().and_then(text);
            }
        }
        if scopes.len() < MAX_SCOPES {
            scopes.push((depth, name.unwrap_or_else(|| unnamed.to_owned())));
        }
    }
    Ok(())
}
