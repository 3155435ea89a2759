//! A generated module goes in, what it declares comes out.

use wasmparser::{
    CompositeInnerType, DataKind, ElementItems, ElementKind, FuncType, GlobalType, MemoryType,
    Parser, Payload, RefType, TableType, TypeRef, ValType,
};

/// What the module declares, imports first in each index space.
#[derive(Default)]
pub struct Shape {
    pub types: Vec<FuncType>,
    /// Whether an import is no function.
    pub imports_state: bool,
    pub functions: Vec<u32>,
    pub imported_functions: usize,
    pub tables: Vec<TableType>,
    pub memories: Vec<MemoryType>,
    pub globals: Vec<GlobalType>,
    pub has_data_count: bool,
    pub data: Vec<DataSegment>,
    pub elements: Vec<ElementSegment>,
}

pub struct DataSegment {
    pub passive: bool,
    pub len: usize,
}

pub struct ElementSegment {
    pub passive: bool,
    pub ty: RefType,
    pub len: u32,
}

impl Shape {
    pub fn read(wasm: &[u8]) -> Self {
        let mut shape = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            shape
                .add(payload.expect("the module is valid"))
                .expect("the module is valid");
        }
        shape
    }

    fn add(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader {
                    for ty in group?.into_types() {
                        if let CompositeInnerType::Func(ty) = ty.composite_type.inner {
                            self.types.push(ty);
                        }
                    }
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    match import?.ty {
                        TypeRef::Func(ty) => {
                            self.functions.push(ty);
                            self.imported_functions += 1;
                        }
                        _ => self.imports_state = true,
                    }
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
            Payload::GlobalSection(reader) => {
                for global in reader {
                    self.globals.push(global?.ty);
                }
            }
            Payload::DataCountSection { .. } => self.has_data_count = true,
            Payload::DataSection(reader) => {
                for segment in reader {
                    let segment = segment?;
                    self.data.push(DataSegment {
                        passive: matches!(segment.kind, DataKind::Passive),
                        len: segment.data.len(),
                    });
                }
            }
            Payload::ElementSection(reader) => {
                for segment in reader {
                    let segment = segment?;
                    let (ty, len) = match segment.items {
                        ElementItems::Functions(items) => (RefType::FUNCREF, items.count()),
                        ElementItems::Expressions(ty, items) => (ty, items.count()),
                    };
                    self.elements.push(ElementSegment {
                        passive: matches!(segment.kind, ElementKind::Passive),
                        ty,
                        len,
                    });
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub fn type_of(&self, function: usize) -> &FuncType {
        &self.types[self.functions[function] as usize]
    }

    /// What each imported function returns, a letter a value: the host's side of the test makes
    /// its results from that.
    pub fn host_results(&self) -> Vec<String> {
        let imports = (0..self.imported_functions).map(|index| self.type_of(index));
        let letters = imports.map(|ty| ty.results().iter().map(|&ty| letter(ty)).collect());
        letters.collect()
    }
}

fn letter(ty: ValType) -> char {
    match ty {
        ValType::I32 => 'i',
        ValType::I64 => 'l',
        ValType::F32 | ValType::F64 => 'd',
        ValType::V128 => 'v',
        ValType::Ref(_) => 'r',
    }
}
