//! What the core knows of a module as a JavaScript object.

use crate::outcome::{Failure, number};
use crate::report::count;
use crate::threads::catch_panic;
use napi_derive::napi;
use wasm_preinit::{Error, Extern, ModuleInfo, Stage};

/// Either `info` or `failure` is there.
#[napi(object, object_from_js = false)]
pub struct Inspection {
    pub info: Option<BindingModuleInfo>,
    pub failure: Option<Failure>,
}

impl Inspection {
    pub fn perform(wasm: &[u8]) -> Self {
        let inspected = catch_panic(|| wasm_preinit::inspect(wasm))
            .unwrap_or_else(|message| Err(Error::internal(Stage::Parse, message)));
        match inspected {
            Ok(info) => Self {
                info: Some(info.into()),
                failure: None,
            },
            Err(error) => Self {
                info: None,
                failure: Some(error.into()),
            },
        }
    }
}

#[napi(object, object_from_js = false)]
pub struct BindingModuleInfo {
    #[napi(ts_type = "'module' | 'component'")]
    pub kind: &'static str,
    pub init_funcs: Vec<String>,
    pub imports: Vec<BindingImport>,
    pub exports: Vec<BindingExport>,
    pub memories: Vec<BindingMemoryInfo>,
    pub tables: Vec<BindingTableInfo>,
    pub features: Vec<String>,
    pub sections: Vec<BindingSectionInfo>,
    pub problems: Vec<BindingProblem>,
}

#[napi(object, object_from_js = false)]
pub struct BindingImport {
    pub module: String,
    pub name: String,
    pub kind: &'static str,
}

#[napi(object, object_from_js = false)]
pub struct BindingExport {
    pub name: String,
    pub kind: &'static str,
}

#[napi(object, object_from_js = false)]
pub struct BindingMemoryInfo {
    pub index: f64,
    pub imported: bool,
    pub min_pages: f64,
    pub max_pages: Option<f64>,
    pub page_size: f64,
    pub memory64: bool,
    pub shared: bool,
}

#[napi(object, object_from_js = false)]
pub struct BindingTableInfo {
    pub index: f64,
    pub imported: bool,
    #[napi(js_name = "type")]
    pub ty: String,
    pub min: f64,
    pub max: Option<f64>,
}

#[napi(object, object_from_js = false)]
pub struct BindingSectionInfo {
    pub name: String,
    pub bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct BindingProblem {
    pub code: &'static str,
    pub message: String,
}

impl From<ModuleInfo> for BindingModuleInfo {
    fn from(info: ModuleInfo) -> Self {
        Self {
            kind: if info.component {
                "component"
            } else {
                "module"
            },
            init_funcs: info.init_funcs,
            imports: info
                .imports
                .into_iter()
                .map(|import| BindingImport {
                    module: import.module,
                    name: import.name,
                    kind: import.kind,
                })
                .collect(),
            exports: info
                .exports
                .into_iter()
                .map(|export| BindingExport {
                    name: export.name,
                    kind: export.kind,
                })
                .collect(),
            memories: info
                .memories
                .into_iter()
                .map(|memory| BindingMemoryInfo {
                    index: number(memory.index),
                    imported: memory.imported,
                    min_pages: count(memory.min_pages),
                    max_pages: memory.max_pages.map(count),
                    page_size: count(memory.page_size),
                    memory64: memory.memory64,
                    shared: memory.shared,
                })
                .collect(),
            tables: info
                .tables
                .into_iter()
                .map(|table| BindingTableInfo {
                    index: number(table.index),
                    imported: table.imported,
                    ty: table.ty,
                    min: count(table.min),
                    max: table.max.map(count),
                })
                .collect(),
            features: info.features,
            sections: info
                .sections
                .into_iter()
                .map(|(name, bytes)| BindingSectionInfo {
                    name,
                    bytes: number(bytes),
                })
                .collect(),
            problems: info
                .problems
                .into_iter()
                .map(|problem| BindingProblem {
                    code: problem.code,
                    message: problem.message,
                })
                .collect(),
        }
    }
}

/// What the glue around imports needs to know; either `externs` or `failure` is there.
#[napi(object, object_from_js = false)]
pub struct ExternsInspection {
    pub externs: Option<Externs>,
    pub failure: Option<Failure>,
}

#[napi(object, object_from_js = false)]
pub struct Externs {
    pub imports: Vec<ImportExtern>,
    pub exports: Vec<ExportExtern>,
}

/// `types` are a function's parameters, or a global's own type.
#[napi(object, object_from_js = false)]
pub struct ImportExtern {
    pub module: String,
    pub name: String,
    pub kind: &'static str,
    pub types: Vec<String>,
    /// Whether it is a global that can change.
    pub mutable: bool,
}

#[napi(object, object_from_js = false)]
pub struct ExportExtern {
    pub name: String,
    pub kind: &'static str,
    pub index: u32,
    pub types: Vec<String>,
}

impl ExternsInspection {
    pub fn perform(wasm: &[u8]) -> Self {
        let inspected = catch_panic(|| wasm_preinit::externs(wasm))
            .unwrap_or_else(|message| Err(Error::internal(Stage::Parse, message)));
        match inspected {
            Ok((imports, exports)) => Self {
                externs: Some(Externs {
                    imports: imports
                        .into_iter()
                        .map(
                            |(
                                module,
                                Extern {
                                    name,
                                    kind,
                                    types,
                                    mutable,
                                    ..
                                },
                            )| ImportExtern {
                                module,
                                name,
                                kind,
                                types,
                                mutable,
                            },
                        )
                        .collect(),
                    exports: exports
                        .into_iter()
                        .map(
                            |Extern {
                                 name,
                                 kind,
                                 index,
                                 types,
                                 ..
                             }| ExportExtern {
                                name,
                                kind,
                                index,
                                types,
                            },
                        )
                        .collect(),
                }),
                failure: None,
            },
            Err(error) => Self {
                externs: None,
                failure: Some(error.into()),
            },
        }
    }
}
