//! Bytes in, [`Module`] out: section ranges and index spaces, borrowed from the input.
//!
//! One walk over section headers and the small sections; the code section is stepped over, not
//! read. Nothing here validates: the compiler does that, in parallel, while it compiles. So every
//! index in a `Module` may still be out of range, and the accessors answer `None` for those.

use crate::error::{Error, ErrorKind, Result, Stage};
use std::ops::Range;
use wasm_encoder::Encode;
use wasmparser::{
    AbstractHeapType, BinaryReader, Chunk, CompositeInnerType, ConstExpr, DataKind, ElementItems,
    ElementKind, Encoding, Export, ExternalKind, FromReader, FuncType, GlobalType, HeapType,
    Import, MemoryType, Operator, Parser, Payload, RefType, SectionLimited, SubType, TableInit,
    TableType, TypeRef, ValType,
};

/// Init exports that are tried when the caller names none, in this order.
pub const DEFAULT_INIT_FUNCS: [&str; 2] = ["wizer-initialize", "wizer.initialize"];

/// The export by which a WASI reactor is initialized; it must run once, before any other export.
/// <https://github.com/WebAssembly/WASI/blob/main/legacy/application-abi.md>
pub const REACTOR_INIT: &str = "_initialize";

/// Section ids of the core specification, section 5.5.2.
pub mod section_id {
    pub const CUSTOM: u8 = 0;
    pub const TYPE: u8 = 1;
    pub const IMPORT: u8 = 2;
    pub const FUNCTION: u8 = 3;
    pub const TABLE: u8 = 4;
    pub const MEMORY: u8 = 5;
    pub const GLOBAL: u8 = 6;
    pub const EXPORT: u8 = 7;
    pub const START: u8 = 8;
    pub const ELEMENT: u8 = 9;
    pub const CODE: u8 = 10;
    pub const DATA: u8 = 11;
    pub const DATA_COUNT: u8 = 12;
    pub const TAG: u8 = 13;
}

/// The order in which non-custom sections must stand in a module.
const SECTION_ORDER: [u8; 13] = [
    section_id::TYPE,
    section_id::IMPORT,
    section_id::FUNCTION,
    section_id::TABLE,
    section_id::MEMORY,
    section_id::TAG,
    section_id::GLOBAL,
    section_id::EXPORT,
    section_id::START,
    section_id::ELEMENT,
    section_id::DATA_COUNT,
    section_id::CODE,
    section_id::DATA,
];

/// The place of a non-custom section in the order the specification demands; `None` for custom
/// sections, which may stand anywhere.
pub fn section_rank(id: u8) -> Option<usize> {
    SECTION_ORDER.iter().position(|&known| known == id)
}

/// What stands before the items of a section: its id, its length and their count.
pub fn section_head(id: u8, count: usize, items_len: usize) -> Vec<u8> {
    let mut encoded_count = Vec::new();
    count.encode(&mut encoded_count);
    let mut head = vec![id];
    (encoded_count.len() + items_len).encode(&mut head);
    head.extend_from_slice(&encoded_count);
    head
}

/// A core module, as far as its section headers and small sections tell.
///
/// Index spaces hold imports first, then definitions; `*_entries` hold the byte ranges of the
/// definitions alone.
pub struct Module<'a> {
    pub bytes: &'a [u8],
    /// Every section, custom ones included, in file order.
    pub sections: Vec<Section<'a>>,
    pub types: Vec<SubType>,
    pub imports: Vec<Import<'a>>,
    pub import_entries: Vec<ImportEntry>,
    /// Type index of every function.
    pub functions: Vec<u32>,
    pub tables: Vec<Table>,
    pub table_entries: Vec<TableEntry>,
    pub memories: Vec<MemoryType>,
    pub memory_entries: Vec<Range<usize>>,
    pub globals: Vec<GlobalType>,
    pub global_entries: Vec<GlobalEntry>,
    pub tag_count: usize,
    pub exports: Vec<Export<'a>>,
    pub start: Option<u32>,
    pub elements: Vec<ElementSegment>,
    pub data_count: Option<u32>,
    pub data: Vec<DataSegment>,
}

/// One section of the file.
#[derive(Clone, Debug)]
pub struct Section<'a> {
    pub id: u8,
    /// The name of a custom section, empty for all others.
    pub custom_name: &'a str,
    /// Header and contents.
    pub range: Range<usize>,
    /// Contents alone.
    pub contents: Range<usize>,
}

pub struct Table {
    pub ty: TableType,
    pub imported: bool,
}

/// The bytes of one import.
pub struct ImportEntry {
    pub range: Range<usize>,
    /// The kind and the type, behind both names.
    pub ty: Range<usize>,
}

/// The bytes of one table definition: a prefix where there is an initializer, the type of the elements,
/// then the limits and the initializer expression.
pub struct TableEntry {
    pub range: Range<usize>,
    pub element_type: Range<usize>,
    /// The value that slots begin with, and those that the table grows by do not.
    pub init: Option<Range<usize>>,
}

/// The bytes of one global definition: its type, then its initializer expression.
pub struct GlobalEntry {
    pub ty: Range<usize>,
    pub init: Range<usize>,
}

pub struct ElementSegment {
    pub passive: bool,
    /// The table that an active segment is written to.
    pub table: Option<u32>,
    pub ty: RefType,
    pub len: u32,
    pub range: Range<usize>,
    /// Whether an item allocates a garbage-collected object.
    pub allocates: bool,
}

pub struct DataSegment {
    pub passive: bool,
    pub len: usize,
    pub range: Range<usize>,
}

impl<'a> Module<'a> {
    /// Reads section headers and index spaces of a binary core module.
    ///
    /// # Errors
    ///
    /// `ERR_INVALID_WASM` where the bytes can't be read, `ERR_UNSUPPORTED` for components.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut module = Self::empty(bytes);
        let mut parser = Parser::new(0);
        let mut offset = 0;
        loop {
            let chunk = parser.parse(&bytes[offset..], true);
            let Chunk::Parsed { consumed, payload } = chunk.map_err(|e| Error::invalid(&e))? else {
                return Err(Error::internal(
                    Stage::Parse,
                    "the parser asks for more than all bytes",
                ));
            };
            let start = offset;
            offset += consumed;
            if let Some((id, contents)) = payload.as_section() {
                if matches!(payload, Payload::CodeSectionStart { .. }) {
                    parser.skip_section();
                    offset = contents.end;
                }
                if offset > bytes.len() {
                    return Err(unexpected_end(start, bytes.len()));
                }
                let custom_name = match &payload {
                    Payload::CustomSection(custom) => custom.name(),
                    _ => "",
                };
                module.sections.push(Section {
                    id,
                    custom_name,
                    range: start..contents.end,
                    contents,
                });
            }
            if matches!(payload, Payload::End(_)) {
                module.check_start()?;
                return Ok(module);
            }
            module.read(payload)?;
        }
    }

    fn empty(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            sections: Vec::new(),
            types: Vec::new(),
            imports: Vec::new(),
            import_entries: Vec::new(),
            functions: Vec::new(),
            tables: Vec::new(),
            table_entries: Vec::new(),
            memories: Vec::new(),
            memory_entries: Vec::new(),
            globals: Vec::new(),
            global_entries: Vec::new(),
            tag_count: 0,
            exports: Vec::new(),
            start: None,
            elements: Vec::new(),
            data_count: None,
            data: Vec::new(),
        }
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::Version {
                encoding: Encoding::Component,
                ..
            } => {
                return Err(Error::unsupported(
                    Stage::Parse,
                    "this is a component; only core modules can be pre-initialized: \
                     pass the core module that the component is made from",
                ));
            }
            Payload::TypeSection(reader) => {
                for group in reader {
                    let group = group.map_err(|e| Error::invalid(&e))?;
                    self.types.extend(group.into_types());
                }
            }
            Payload::ImportSection(reader) => {
                let range = reader.range();
                let contents = BinaryReader::new(&self.bytes[range.clone()], range.start);
                self.import_entries = import_entries(contents).unwrap_or_default();
                for import in reader.into_imports() {
                    self.read_import(import.map_err(|e| Error::invalid(&e))?);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.functions.push(ty.map_err(|e| Error::invalid(&e))?);
                }
            }
            Payload::TableSection(reader) => {
                for (range, table) in entries(reader)? {
                    self.table_entries.push(self.table_entry(range, &table)?);
                    self.tables.push(Table {
                        ty: table.ty,
                        imported: false,
                    });
                }
            }
            Payload::MemorySection(reader) => {
                for (range, memory) in entries(reader)? {
                    self.memories.push(memory);
                    self.memory_entries.push(range);
                }
            }
            Payload::TagSection(reader) => {
                self.tag_count += usize::try_from(reader.count()).unwrap_or(usize::MAX);
            }
            Payload::GlobalSection(reader) => {
                for (range, global) in entries(reader)? {
                    let init = global.init_expr.get_binary_reader().range();
                    self.globals.push(global.ty);
                    self.global_entries.push(GlobalEntry {
                        ty: range.start..init.start,
                        init,
                    });
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    self.exports.push(export.map_err(|e| Error::invalid(&e))?);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::ElementSection(reader) => {
                for (range, element) in entries(reader)? {
                    let (ty, len, allocates) = element_items(element.items)?;
                    self.elements.push(ElementSegment {
                        passive: matches!(element.kind, ElementKind::Passive),
                        table: match element.kind {
                            ElementKind::Active { table_index, .. } => {
                                Some(table_index.unwrap_or(0))
                            }
                            _ => None,
                        },
                        ty,
                        len,
                        range,
                        allocates,
                    });
                }
            }
            Payload::DataCountSection { count, .. } => self.data_count = Some(count),
            Payload::DataSection(reader) => {
                for (range, data) in entries(reader)? {
                    self.data.push(DataSegment {
                        passive: matches!(data.kind, DataKind::Passive),
                        len: data.data.len(),
                        range,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn table_entry(
        &self,
        range: Range<usize>,
        table: &wasmparser::Table<'_>,
    ) -> Result<TableEntry> {
        /// Stands before the type of a table with an initializer, and a zero behind it.
        const INITIALIZED: u8 = 0x40;
        let bytes = &self.bytes[range.clone()];
        let prefix = match bytes.first() {
            Some(&INITIALIZED) => 2,
            _ => 0,
        };
        let start = range.start + prefix;
        let mut reader = BinaryReader::new(&self.bytes[start..range.end], start);
        let ty: wasmparser::Result<RefType> = reader.read();
        ty.map_err(|e| Error::invalid(&e))?;
        Ok(TableEntry {
            element_type: start..reader.original_position(),
            init: match &table.init {
                TableInit::Expr(init) => Some(init.get_binary_reader().range()),
                TableInit::RefNull => None,
            },
            range,
        })
    }

    /// The start function is called like any other, so nobody else checks its type.
    fn check_start(&self) -> Result<()> {
        match self.start {
            Some(start) if !self.is_nullary(start) => Err(Error::new(
                Stage::Parse,
                ErrorKind::InvalidWasm {
                    message: format!("the start function {start} is not of type [] -> []"),
                    offset: self
                        .section(section_id::START)
                        .map_or(0, |section| section.contents.start),
                },
            )),
            _ => Ok(()),
        }
    }

    fn read_import(&mut self, import: Import<'a>) {
        match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => self.functions.push(ty),
            TypeRef::Table(ty) => self.tables.push(Table { ty, imported: true }),
            TypeRef::Memory(ty) => self.memories.push(ty),
            TypeRef::Global(ty) => self.globals.push(ty),
            TypeRef::Tag(_) => self.tag_count += 1,
        }
        self.imports.push(import);
    }

    pub fn imported_globals(&self) -> usize {
        self.globals.len() - self.global_entries.len()
    }

    /// The globals whose value can differ after init, by index: those that are mutable, or refer to
    /// an object whose fields may be.
    pub fn read_globals(&self) -> impl Iterator<Item = (usize, &GlobalType)> {
        let globals = self.globals.iter().enumerate();
        globals.filter(|(_, global)| global.mutable || may_hold_object(global.content_type))
    }

    /// The imports that `is_wanted`, with their bytes; none where they can't be told apart.
    pub fn imports_of(
        &self,
        is_wanted: impl Fn(&TypeRef) -> bool,
    ) -> impl Iterator<Item = (&Import<'a>, &ImportEntry)> {
        let imports = self.imports.iter().zip(&self.import_entries);
        imports.filter(move |(import, _)| is_wanted(&import.ty))
    }

    /// The encoded type of the elements of a table.
    pub fn element_type(&self, table: usize) -> &'a [u8] {
        let range = match table.checked_sub(self.imported_tables()) {
            Some(own) => self
                .table_entries
                .get(own)
                .map(|entry| entry.element_type.clone()),
            None => {
                let is_table = |ty: &TypeRef| matches!(ty, TypeRef::Table(_));
                self.imports_of(is_table).nth(table).map(|(_, entry)| {
                    let start = entry.ty.start + 1;
                    let bytes = &self.bytes[start..entry.ty.end];
                    let mut reader = BinaryReader::new(bytes, start);
                    let _: wasmparser::Result<RefType> = reader.read();
                    start..reader.original_position()
                })
            }
        };
        &self.bytes[range.unwrap_or_default()]
    }

    pub fn imported_tables(&self) -> usize {
        self.tables.len() - self.table_entries.len()
    }

    pub fn imported_functions(&self) -> usize {
        let imports = self.imports.iter();
        let functions =
            imports.filter(|it| matches!(it.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
        functions.count()
    }

    pub fn imported_memories(&self) -> usize {
        self.memories.len() - self.memory_entries.len()
    }

    /// The section with this id; the last one where an invalid module has several.
    pub fn section(&self, id: u8) -> Option<&Section<'a>> {
        self.sections.iter().rev().find(|section| section.id == id)
    }

    /// The bodies of all functions, as they stand in the code section.
    ///
    /// # Errors
    ///
    /// `ERR_INVALID_WASM` where their count can't be read.
    pub fn code(&self) -> Result<&'a [u8]> {
        match self.section(section_id::CODE) {
            Some(section) => Ok(self.items(section)?.1),
            None => Ok(&[]),
        }
    }

    /// How many items a section holds, and their bytes.
    ///
    /// # Errors
    ///
    /// `ERR_INVALID_WASM` where the count can't be read.
    pub fn items(&self, section: &Section<'_>) -> Result<(usize, &'a [u8])> {
        let contents = &self.bytes[section.contents.clone()];
        let mut reader = BinaryReader::new(contents, section.contents.start);
        let count = reader.read_var_u32().map_err(|e| Error::invalid(&e))?;
        let items = &contents[reader.current_position()..];
        Ok((usize::try_from(count).unwrap_or(usize::MAX), items))
    }

    /// The type of a function by its index, `None` where an index is out of range.
    pub fn func_type(&self, function: u32) -> Option<&FuncType> {
        let ty = *self.functions.get(usize::try_from(function).ok()?)?;
        let ty = self.types.get(usize::try_from(ty).ok()?)?;
        match &ty.composite_type.inner {
            CompositeInnerType::Func(func) => Some(func),
            _ => None,
        }
    }

    /// Whether a function takes nothing and returns nothing.
    pub fn is_nullary(&self, function: u32) -> bool {
        self.func_type(function)
            .is_some_and(|ty| ty.params().is_empty() && ty.results().is_empty())
    }

    /// The index of the first `[] -> []` type.
    pub fn nullary_type(&self) -> Option<u32> {
        let position = self.types.iter().position(|ty| {
            matches!(&ty.composite_type.inner, CompositeInnerType::Func(func)
                if func.params().is_empty() && func.results().is_empty())
        })?;
        u32::try_from(position).ok()
    }

    pub fn export(&self, name: &str) -> Option<&Export<'a>> {
        self.exports.iter().find(|export| export.name == name)
    }

    /// Whether the module is a WASI reactor: its `_initialize` has to run before anything else.
    /// An export of that name with another type is an ordinary export.
    pub fn has_reactor_init(&self) -> bool {
        self.export(REACTOR_INIT)
            .is_some_and(|export| is_function(export.kind) && self.is_nullary(export.index))
    }

    /// Exported functions that could be the init function, the default first.
    pub fn init_candidates(&self) -> Vec<&'a str> {
        let mut names: Vec<&'a str> = self
            .exports
            .iter()
            .filter(|export| is_function(export.kind) && self.is_nullary(export.index))
            .map(|export| export.name)
            .collect();
        names.sort_by_key(|name| {
            DEFAULT_INIT_FUNCS
                .iter()
                .position(|default| default == name)
                .unwrap_or(DEFAULT_INIT_FUNCS.len())
        });
        names
    }

    /// The export that will be called, by the caller's wish or by default.
    ///
    /// # Errors
    ///
    /// `ERR_INIT_FUNC_MISSING` and `ERR_INIT_FUNC_TYPE`, both with the exports that would fit.
    pub fn init_func(&self, wanted: Option<&str>) -> Result<&'a str> {
        let candidates = || {
            self.init_candidates()
                .into_iter()
                .map(String::from)
                .collect()
        };
        let export = match wanted {
            Some(name) => self.export(name),
            None => DEFAULT_INIT_FUNCS
                .iter()
                .find_map(|default| self.export(default)),
        };
        let Some(export) = export else {
            let wanted = match wanted {
                Some(name) => vec![name.to_owned()],
                None => DEFAULT_INIT_FUNCS.map(String::from).to_vec(),
            };
            return Err(Error::new(
                Stage::Parse,
                ErrorKind::InitFuncMissing {
                    wanted,
                    candidates: candidates(),
                },
            ));
        };
        let reason = if !is_function(export.kind) {
            format!("it is a {}, not a function", kind_name(export.kind))
        } else if let Some(ty) = self.func_type(export.index) {
            if self.is_nullary(export.index) {
                return Ok(export.name);
            }
            format!("it has the type {}, and must be [] -> []", signature(ty))
        } else {
            "its type is not to be found in the module".to_owned()
        };
        Err(Error::new(
            Stage::Parse,
            ErrorKind::InitFuncType {
                name: export.name.to_owned(),
                reason,
                candidates: candidates(),
            },
        ))
    }
}

pub fn is_function(kind: ExternalKind) -> bool {
    matches!(kind, ExternalKind::Func | ExternalKind::FuncExact)
}

/// Whether a value of this type can be a reference to something other than a function.
fn may_hold_object(ty: ValType) -> bool {
    match ty {
        ValType::Ref(ty) => match ty.heap_type() {
            HeapType::Abstract { ty, .. } => {
                !matches!(ty, AbstractHeapType::Func | AbstractHeapType::NoFunc)
            }
            HeapType::Concrete(_) | HeapType::Exact(_) => true,
        },
        _ => false,
    }
}

/// The name of an external kind, as the JavaScript API spells it.
pub fn kind_name(kind: ExternalKind) -> &'static str {
    match kind {
        ExternalKind::Func | ExternalKind::FuncExact => "function",
        ExternalKind::Table => "table",
        ExternalKind::Memory => "memory",
        ExternalKind::Global => "global",
        ExternalKind::Tag => "tag",
    }
}

fn signature(ty: &FuncType) -> String {
    let list = |types: &[ValType]| {
        let names: Vec<String> = types.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    format!("[{}] -> [{}]", list(ty.params()), list(ty.results()))
}

/// The places of imports in their section; an error where imports of one module share its name, as the
/// compact form of a later proposal has it.
fn import_entries(mut reader: BinaryReader<'_>) -> wasmparser::Result<Vec<ImportEntry>> {
    let mut entries = Vec::new();
    for _ in 0..reader.read_var_u32()? {
        let start = reader.original_position();
        reader.read_string()?;
        reader.read_string()?;
        let ty = reader.original_position();
        reader.read::<TypeRef>()?;
        let end = reader.original_position();
        entries.push(ImportEntry {
            range: start..end,
            ty: ty..end,
        });
    }
    Ok(entries)
}

/// The items of a section, each with the bytes it stands in.
fn entries<'a, T: FromReader<'a>>(reader: SectionLimited<'a, T>) -> Result<Vec<(Range<usize>, T)>> {
    let end = reader.range().end;
    let mut entries: Vec<(Range<usize>, T)> = Vec::new();
    for item in reader.into_iter_with_offsets() {
        let (start, item) = item.map_err(|e| Error::invalid(&e))?;
        if let Some((last, _)) = entries.last_mut() {
            last.end = start;
        }
        entries.push((start..end, item));
    }
    Ok(entries)
}

fn element_items(items: ElementItems<'_>) -> Result<(RefType, u32, bool)> {
    match items {
        ElementItems::Functions(functions) => Ok((RefType::FUNCREF, functions.count(), false)),
        ElementItems::Expressions(ty, expressions) => {
            let len = expressions.count();
            let mut allocates = false;
            for expression in expressions {
                let expression = expression.map_err(|e| Error::invalid(&e))?;
                allocates = allocates || allocates_object(&expression)?;
            }
            Ok((ty, len, allocates))
        }
    }
}

/// Whether a constant expression makes a struct or an array.
fn allocates_object(expression: &ConstExpr<'_>) -> Result<bool> {
    for operator in expression.get_operators_reader() {
        if matches!(
            operator.map_err(|e| Error::invalid(&e))?,
            Operator::StructNew { .. }
                | Operator::StructNewDefault { .. }
                | Operator::ArrayNew { .. }
                | Operator::ArrayNewDefault { .. }
                | Operator::ArrayNewFixed { .. }
        ) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn unexpected_end(start: usize, len: usize) -> Error {
    Error::new(
        Stage::Parse,
        ErrorKind::InvalidWasm {
            message: format!("the section at {start:#x} is longer than the file, which ends early"),
            offset: len,
        },
    )
}
