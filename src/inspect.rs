//! Bytes in, [`ModuleInfo`] out: what a module offers, without compiling or running it.
//!
//! Only section headers and small sections are read, never the code section. So `features` holds
//! the proposals that types, imports and segments show, and those the toolchain names in the
//! `target_features` section; an instruction that neither tells of is not found.

use crate::error::{Error, Result, Stage};
use crate::host::imports;
use crate::module::{Module, kind_name, section_id};
use crate::options::Options;
use crate::report::section_name;
use crate::text;
use std::collections::BTreeSet;
use wasmparser::{
    AbstractHeapType, BinaryReader, ComponentExternalKind, CompositeInnerType, Encoding,
    ExternalKind, FuncType, HeapType, MemoryType, Parser, Payload, RefType, TypeRef, ValType,
};

#[derive(Clone, Debug, Default)]
pub struct ModuleInfo {
    pub component: bool,
    /// Exports that could be the init function, the default first.
    pub init_funcs: Vec<String>,
    pub imports: Vec<ImportInfo>,
    pub exports: Vec<ExportInfo>,
    pub memories: Vec<MemoryInfo>,
    pub tables: Vec<TableInfo>,
    /// Names of proposals, sorted.
    pub features: Vec<String>,
    pub sections: Vec<(String, usize)>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug)]
pub struct ImportInfo {
    pub module: String,
    pub name: String,
    pub kind: &'static str,
}

#[derive(Clone, Debug)]
pub struct ExportInfo {
    pub name: String,
    pub kind: &'static str,
}

#[derive(Clone, Debug)]
pub struct MemoryInfo {
    pub index: usize,
    pub imported: bool,
    pub min_pages: u64,
    pub max_pages: Option<u64>,
    pub page_size: u64,
    pub memory64: bool,
    pub shared: bool,
}

#[derive(Clone, Debug)]
pub struct TableInfo {
    pub index: usize,
    pub imported: bool,
    pub ty: String,
    pub min: u64,
    pub max: Option<u64>,
}

/// Why `initialize` would refuse the module, and what to do.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
        }
    }
}

/// Looks at a binary module, a binary component or WAT text.
///
/// # Errors
///
/// `ERR_INVALID_WASM` where the bytes can't be read.
pub fn inspect(wasm: &[u8]) -> Result<ModuleInfo> {
    let wasm = text::to_binary(wasm)?;
    if Parser::is_component(&wasm) {
        return inspect_component(&wasm);
    }
    let module = Module::parse(&wasm)?;
    let mut problems: Vec<Problem> = Vec::new();
    problems.extend(
        imports::check_kinds(&module, &Options::default())
            .err()
            .map(Into::into),
    );
    let init_funcs: Vec<String> = module
        .init_candidates()
        .into_iter()
        .map(String::from)
        .collect();
    if init_funcs.is_empty() {
        problems.extend(module.init_func(None).err().map(Into::into));
    }
    Ok(ModuleInfo {
        component: false,
        init_funcs,
        imports: module
            .imports
            .iter()
            .map(|import| ImportInfo {
                module: import.module.to_owned(),
                name: import.name.to_owned(),
                kind: import_kind(import.ty),
            })
            .collect(),
        exports: module
            .exports
            .iter()
            .map(|export| ExportInfo {
                name: export.name.to_owned(),
                kind: kind_name(export.kind),
            })
            .collect(),
        memories: memory_infos(&module),
        tables: table_infos(&module),
        features: features(&module)?.into_iter().collect(),
        sections: module
            .sections
            .iter()
            .map(|section| (section_name(section).to_owned(), section.range.len()))
            .collect(),
        problems,
    })
}

fn import_kind(ty: TypeRef) -> &'static str {
    match ty {
        TypeRef::Func(_) | TypeRef::FuncExact(_) => "function",
        TypeRef::Table(_) => "table",
        TypeRef::Memory(_) => "memory",
        TypeRef::Global(_) => "global",
        TypeRef::Tag(_) => "tag",
    }
}

fn memory_infos(module: &Module<'_>) -> Vec<MemoryInfo> {
    let info = |(index, memory): (usize, &MemoryType)| MemoryInfo {
        index,
        imported: index < module.imported_memories(),
        min_pages: memory.initial,
        max_pages: memory.maximum,
        page_size: 1
            << memory
                .page_size_log2
                .unwrap_or(DEFAULT_PAGE_LOG2)
                .min(DEFAULT_PAGE_LOG2),
        memory64: memory.memory64,
        shared: memory.shared,
    };
    module.memories.iter().enumerate().map(info).collect()
}

/// 64 KiB, the default and the largest size of a page.
const DEFAULT_PAGE_LOG2: u32 = 16;

fn table_infos(module: &Module<'_>) -> Vec<TableInfo> {
    let tables = module.tables.iter().enumerate();
    let infos = tables.map(|(index, table)| TableInfo {
        index,
        imported: table.imported,
        ty: table.ty.element_type.to_string(),
        min: table.ty.initial,
        max: table.ty.maximum,
    });
    infos.collect()
}

/// What garbage collection has brought.
const OBJECTS: [AbstractHeapType; 6] = [
    AbstractHeapType::Any,
    AbstractHeapType::Eq,
    AbstractHeapType::I31,
    AbstractHeapType::Struct,
    AbstractHeapType::Array,
    AbstractHeapType::None,
];

/// The proposals that a module shows without its code.
fn features(module: &Module<'_>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut add = |name: &str, used: bool| {
        if used {
            found.insert(name.to_owned());
        }
    };
    let types = || module.types.iter().map(|ty| &ty.composite_type.inner);
    let functions = || {
        types().filter_map(|ty| match ty {
            CompositeInnerType::Func(func) => Some(func),
            _ => None,
        })
    };
    let values = |func: &FuncType| [func.params(), func.results()].concat();
    let used: Vec<ValType> = functions()
        .flat_map(values)
        .chain(module.globals.iter().map(|global| global.content_type))
        .chain(
            module
                .tables
                .iter()
                .map(|table| ValType::Ref(table.ty.element_type)),
        )
        .chain(
            module
                .elements
                .iter()
                .map(|segment| ValType::Ref(segment.ty)),
        )
        .collect();
    let is_reference = |ty: &ValType| matches!(ty, ValType::Ref(ty) if *ty != RefType::FUNCREF);
    let is_typed = |ty: &ValType| matches!(ty, ValType::Ref(ty) if ty.is_concrete_type_ref() || !ty.is_nullable());
    let is_object = |ty: &CompositeInnerType| {
        matches!(
            ty,
            CompositeInnerType::Struct(_) | CompositeInnerType::Array(_)
        )
    };
    let refers_to = |wanted: &[AbstractHeapType]| {
        used.iter().any(|ty| match ty {
            ValType::Ref(ty) => match ty.heap_type() {
                HeapType::Abstract { ty, .. } => wanted.contains(&ty),
                _ => false,
            },
            _ => false,
        })
    };
    let gc = types().any(is_object) || refers_to(&OBJECTS);
    add("simd", used.contains(&ValType::V128));
    add(
        "multi-value",
        functions().any(|func| func.results().len() > 1),
    );
    add("gc", gc);
    add("typed-function-references", used.iter().any(is_typed));
    add(
        "reference-types",
        module.tables.len() > 1 || used.iter().any(is_reference),
    );
    let passive = module.data.iter().any(|segment| segment.passive)
        || module.elements.iter().any(|segment| segment.passive);
    add("bulk-memory", module.data_count.is_some() || passive);
    add("multi-memory", module.memories.len() > 1);
    let table64 = module.tables.iter().any(|table| table.ty.table64);
    add(
        "memory64",
        table64 || module.memories.iter().any(|memory| memory.memory64),
    );
    add(
        "threads",
        module.memories.iter().any(|memory| memory.shared),
    );
    add(
        "custom-page-sizes",
        module
            .memories
            .iter()
            .any(|memory| memory.page_size_log2.is_some()),
    );
    add(
        "exceptions",
        module.tag_count > 0 || refers_to(&[AbstractHeapType::Exn, AbstractHeapType::NoExn]),
    );
    add("mutable-globals", shares_mutable_global(module));
    for name in target_features(module)? {
        found.insert(name);
    }
    Ok(found)
}

/// Whether a mutable global is imported or exported.
fn shares_mutable_global(module: &Module<'_>) -> bool {
    let exported = module
        .exports
        .iter()
        .filter(|export| export.kind == ExternalKind::Global);
    let exported = exported.filter_map(|export| usize::try_from(export.index).ok());
    (0..module.imported_globals()).chain(exported).any(|index| {
        module
            .globals
            .get(index)
            .is_some_and(|global| global.mutable)
    })
}

/// What the toolchain says it has used.
/// <https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md#target-features-section>
fn target_features(module: &Module<'_>) -> Result<Vec<String>> {
    const USED: u8 = b'+';
    let section = module.sections.iter().find(|section| {
        section.id == section_id::CUSTOM && section.custom_name == "target_features"
    });
    let Some(section) = section else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let mut reader = BinaryReader::new(
        &module.bytes[section.contents.clone()],
        section.contents.start,
    );
    // A custom section that can't be read says nothing; it does not make the module invalid.
    let mut read = || -> wasmparser::Result<()> {
        reader.read_string()?;
        for _ in 0..reader.read_var_u32()? {
            let prefix = reader.read_u8()?;
            let name = reader.read_string()?;
            if prefix == USED {
                names.push(proposal(name).to_owned());
            }
        }
        Ok(())
    };
    let _ = read();
    Ok(names)
}

/// The proposal behind a name of LLVM's.
fn proposal(llvm: &str) -> &str {
    match llvm {
        "atomics" => "threads",
        "bulk-memory-opt" => "bulk-memory",
        "call-indirect-overlong" => "reference-types",
        "exception-handling" => "exceptions",
        "multimemory" => "multi-memory",
        "multivalue" => "multi-value",
        "nontrapping-fptoint" => "saturating-float-to-int",
        "sign-ext" => "sign-extensions",
        "simd128" => "simd",
        same => same,
    }
}

fn inspect_component(wasm: &[u8]) -> Result<ModuleInfo> {
    let mut info = ModuleInfo {
        component: true,
        ..ModuleInfo::default()
    };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|e| Error::invalid(&e))?;
        match &payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                debug_assert!(depth > 1 || *encoding == Encoding::Component);
                continue;
            }
            Payload::End(_) => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ if depth > 1 => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            info.sections
                .push((component_section_name(id).to_owned(), range.len()));
        }
        match payload {
            Payload::ComponentImportSection(reader) => {
                for import in reader {
                    let import = import.map_err(|e| Error::invalid(&e))?;
                    info.imports.push(ImportInfo {
                        module: String::new(),
                        name: import.name.name.to_owned(),
                        kind: component_kind(import.ty.kind()),
                    });
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader {
                    let export = export.map_err(|e| Error::invalid(&e))?;
                    info.exports.push(ExportInfo {
                        name: export.name.name.to_owned(),
                        kind: component_kind(export.kind),
                    });
                }
            }
            _ => {}
        }
    }
    info.problems
        .extend(Module::parse(wasm).err().map(Problem::from));
    if info.problems.is_empty() {
        return Err(Error::internal(
            Stage::Parse,
            "a component was read as a module",
        ));
    }
    Ok(info)
}

fn component_kind(kind: ComponentExternalKind) -> &'static str {
    match kind {
        ComponentExternalKind::Module => "module",
        ComponentExternalKind::Func => "function",
        ComponentExternalKind::Value => "value",
        ComponentExternalKind::Type => "type",
        ComponentExternalKind::Instance => "instance",
        ComponentExternalKind::Component => "component",
    }
}

/// Section ids of the component model's binary format.
fn component_section_name(id: u8) -> &'static str {
    match id {
        0 => "custom",
        1 => "core module",
        2 => "core instance",
        3 => "core type",
        4 => "component",
        5 => "instance",
        6 => "alias",
        7 => "type",
        8 => "canonical function",
        9 => "start",
        10 => "import",
        11 => "export",
        12 => "value",
        _ => "unknown",
    }
}

/// An import or export with what it takes to give or use it from JavaScript.
#[derive(Clone, Debug)]
pub struct Extern {
    pub name: String,
    pub kind: &'static str,
    /// In the index space of its kind; 0 for imports.
    pub index: u32,
    /// Parameters of a function, or the type of a global.
    pub types: Vec<String>,
    /// Whether it is a global that can change.
    pub mutable: bool,
}

/// Imports, each with the name of its module, and exports.
pub type Externs = (Vec<(String, Extern)>, Vec<Extern>);

/// Imports and exports, in the module's order.
///
/// # Errors
///
/// `ERR_INVALID_WASM` where the bytes can't be read, `ERR_UNSUPPORTED` for components.
pub fn externs(wasm: &[u8]) -> Result<Externs> {
    let wasm = text::to_binary(wasm)?;
    let module = Module::parse(&wasm)?;
    let params = |func: Option<&FuncType>| -> Vec<String> {
        let types = func.map_or(&[][..], FuncType::params);
        types.iter().map(ToString::to_string).collect()
    };
    let imports = module.imports.iter().map(|import| {
        let types = match import.ty {
            TypeRef::Global(ty) => vec![ty.content_type.to_string()],
            _ => Vec::new(),
        };
        let extern_ = Extern {
            name: import.name.to_owned(),
            kind: import_kind(import.ty),
            index: 0,
            types,
            mutable: matches!(import.ty, TypeRef::Global(ty) if ty.mutable),
        };
        (import.module.to_owned(), extern_)
    });
    let exports = module.exports.iter().map(|export| {
        let global = match export.kind {
            ExternalKind::Global => usize::try_from(export.index).ok(),
            _ => None,
        };
        let global = global.and_then(|index| module.globals.get(index));
        Extern {
            name: export.name.to_owned(),
            kind: kind_name(export.kind),
            index: export.index,
            types: match global {
                Some(ty) => vec![ty.content_type.to_string()],
                None => params(module.func_type(export.index)),
            },
            mutable: global.is_some_and(|ty| ty.mutable),
        }
    });
    Ok((imports.collect(), exports.collect()))
}
