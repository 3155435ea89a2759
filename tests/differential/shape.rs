//! A module goes in, what it declares comes out: every index space, imports first.

use wasmparser::{
    CompositeInnerType, DataKind, Element, ElementItems, ElementKind, Export, ExternalKind,
    FuncType, GlobalType, MemoryType, Operator, Parser, Payload, RefType, SubType, TableType,
    TypeRef,
};

/// What the module declares.
#[derive(Default)]
pub struct Shape {
    /// All types, by index.
    pub types: Vec<SubType>,
    pub imports: Vec<Import>,
    /// Whether an import is no function.
    pub imports_state: bool,
    /// The type of each function.
    pub functions: Vec<u32>,
    pub imported_functions: usize,
    pub tables: Vec<TableType>,
    pub memories: Vec<MemoryType>,
    /// The type of each tag.
    pub tags: Vec<u32>,
    pub globals: Vec<GlobalType>,
    pub imported_globals: usize,
    pub exports: Vec<(String, ExternalKind, u32)>,
    pub has_start: bool,
    pub has_data_count: bool,
    pub data: Vec<DataSegment>,
    pub elements: Vec<ElementSegment>,
}

pub struct Import {
    pub module: String,
    pub name: String,
    pub ty: TypeRef,
}

impl Import {
    pub fn is_function(&self) -> bool {
        matches!(self.ty, TypeRef::Func(_) | TypeRef::FuncExact(_))
    }
}

pub struct DataSegment {
    pub passive: bool,
    pub len: usize,
    /// The place of its contents in the module.
    pub start: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentKind {
    Active(u32),
    Passive,
    Declared,
}

pub struct ElementSegment {
    pub passive: bool,
    pub kind: SegmentKind,
    pub ty: RefType,
    pub len: u32,
    /// The encoded items, each a function's index or an expression.
    pub items: Vec<u8>,
    pub lists_functions: bool,
    /// Whether an item is what a global holds.
    pub reads_globals: bool,
}

impl Shape {
    pub fn read(wasm: &[u8]) -> Self {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.expect("the module is valid");
            shape.add(payload, wasm).expect("the module is valid");
        }
        shape
    }

    fn add(&mut self, payload: Payload<'_>, wasm: &[u8]) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    self.types.extend(group?.into_types());
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    self.add_import(&import?);
                }
            }
            Payload::FunctionSection(reader) => {
                for ty in reader {
                    self.functions.push(ty?);
                }
            }
            Payload::TableSection(reader) => {
                for table in reader {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader {
                    self.memories.push(memory?);
                }
            }
            Payload::TagSection(reader) => {
                for tag in reader {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader {
                    self.globals.push(global?.ty);
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let Export { name, kind, index } = export?;
                    self.exports.push((name.to_owned(), kind, index));
                }
            }
            Payload::StartSection { .. } => self.has_start = true,
            Payload::DataCountSection { .. } => self.has_data_count = true,
            Payload::DataSection(reader) => {
                for segment in reader {
                    let segment = segment?;
                    self.data.push(DataSegment {
                        passive: matches!(segment.kind, DataKind::Passive),
                        len: segment.data.len(),
                        start: segment.range.end - segment.data.len(),
                    });
                }
            }
            Payload::ElementSection(reader) => {
                for segment in reader {
                    self.elements.push(element(segment?, wasm));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn add_import(&mut self, import: &wasmparser::Import<'_>) {
        match import.ty {
            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => {
                self.functions.push(ty);
                self.imported_functions += 1;
            }
            TypeRef::Table(ty) => self.tables.push(ty),
            TypeRef::Memory(ty) => self.memories.push(ty),
            TypeRef::Global(ty) => {
                self.globals.push(ty);
                self.imported_globals += 1;
            }
            TypeRef::Tag(ty) => self.tags.push(ty.func_type_idx),
        }
        let import = Import {
            module: import.module.to_owned(),
            name: import.name.to_owned(),
            ty: import.ty,
        };
        self.imports_state |= !import.is_function();
        self.imports.push(import);
    }

    pub fn type_of(&self, function: usize) -> &FuncType {
        self.function_type(self.functions[function])
    }

    pub fn function_type(&self, index: u32) -> &FuncType {
        match &self.types[index as usize].composite_type.inner {
            CompositeInnerType::Func(ty) => ty,
            _ => panic!("functions and tags have function types"),
        }
    }
}

fn element(segment: Element<'_>, wasm: &[u8]) -> ElementSegment {
    let reads_globals = match &segment.items {
        ElementItems::Functions(_) => false,
        ElementItems::Expressions(_, items) => {
            let mut items = items.clone().into_iter();
            items.any(|item| {
                let first = item.and_then(|item| item.get_operators_reader().read());
                matches!(first, Ok(Operator::GlobalGet { .. }))
            })
        }
    };
    let (ty, len, items, lists_functions) = match segment.items {
        ElementItems::Functions(items) => (RefType::FUNCREF, items.count(), items.range(), true),
        ElementItems::Expressions(ty, items) => (ty, items.count(), items.range(), false),
    };
    let kind = match segment.kind {
        ElementKind::Passive => SegmentKind::Passive,
        ElementKind::Declared => SegmentKind::Declared,
        ElementKind::Active { table_index, .. } => SegmentKind::Active(table_index.unwrap_or(0)),
    };
    ElementSegment {
        passive: kind == SegmentKind::Passive,
        kind,
        ty,
        len,
        items: wasm[items].to_vec(),
        lists_functions,
        reads_globals,
    }
}
