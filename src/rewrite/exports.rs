//! The export section: without what must not run again, and renamed as asked.

use super::{Rewritten, vector};
use crate::error::{Error, Result};
use crate::module::{Module, REACTOR_INIT};
use crate::options::{Options, Rename};
use std::collections::{HashMap, HashSet};
use wasm_encoder::Encode;

/// Exports without those that must not run again, renamed as asked.
///
/// A rename takes effect on the input's names all at once: `{ a: 'b', b: 'c' }` shifts, and a
/// destination that is not itself renamed is overwritten.
pub fn rewrite(module: &Module<'_>, init_func: &str, options: &Options) -> Result<Rewritten> {
    let removed: HashSet<&str> = removed_exports(module, init_func, options).collect();
    if removed.is_empty() && options.rename_funcs.is_empty() {
        return Ok(Rewritten::Unchanged);
    }
    let destination_of: HashMap<&str, &str> = options
        .rename_funcs
        .iter()
        .map(|rename| (rename.source.as_str(), rename.destination.as_str()))
        .collect();
    let overwritten: HashSet<&str> = destination_of.values().copied().collect();
    let mut entries = Vec::new();
    for export in &module.exports {
        let name = match destination_of.get(export.name) {
            _ if removed.contains(export.name) => continue,
            Some(destination) => destination,
            None if overwritten.contains(export.name) => continue,
            None => export.name,
        };
        let mut entry = Vec::new();
        name.encode(&mut entry);
        entry.push(export_kind_byte(export.kind));
        export.index.encode(&mut entry);
        entries.push(entry);
    }
    Ok(Rewritten::Contents(vector(entries.iter())))
}

/// The names that the output does not export.
fn removed_exports<'m>(
    module: &'m Module<'_>,
    init_func: &'m str,
    options: &Options,
) -> impl Iterator<Item = &'m str> {
    let reactor = module.has_reactor_init().then_some(REACTOR_INIT);
    let init = (!options.keep_init_func).then_some(init_func);
    reactor.into_iter().chain(init)
}

/// Refuses renames that the module does not fit, before anything is compiled.
///
/// # Errors
///
/// `ERR_INVALID_OPTION`, naming the export.
pub fn check_renames(module: &Module<'_>, init_func: &str, options: &Options) -> Result<()> {
    let mut sources = HashSet::new();
    let mut destinations = HashSet::new();
    for Rename {
        destination,
        source,
    } in &options.rename_funcs
    {
        let problem = if module.export(source).is_none() {
            format!("the module exports no `{source}` that could become `{destination}`")
        } else if removed_exports(module, init_func, options).any(|removed| removed == source) {
            format!(
                "`{source}` can't become `{destination}`, as it is removed after it has run; \
                 `keepInitFunc` keeps the init function"
            )
        } else if !sources.insert(source) {
            format!("`{source}` is renamed twice")
        } else if !destinations.insert(destination) {
            format!("two exports are renamed to `{destination}`")
        } else {
            continue;
        };
        return Err(Error::option("renameFuncs", problem));
    }
    Ok(())
}

/// Section 5.5.10 of the core specification; an exact function is exported as a function.
fn export_kind_byte(kind: wasmparser::ExternalKind) -> u8 {
    use wasmparser::ExternalKind as Kind;
    match kind {
        Kind::Func => 0,
        Kind::Table => 1,
        Kind::Memory => 2,
        Kind::Global => 3,
        Kind::Tag => 4,
        Kind::FuncExact => 0x20,
    }
}
