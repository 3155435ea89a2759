//! [`Module`] in, [`Instrumented`] out: the same program with its private state readable.
//!
//! ```wat
//! ;; before
//! (module
//!   (memory 1)
//!   (global (mut i32) (i32.const 0))
//!   (table 2 funcref)
//!   (data "passive")
//!   (start 0)
//!   …)
//! ;; after
//! (module
//!   (memory 1)
//!   (global (mut i32) (i32.const 0))
//!   (table 2 funcref)
//!   (data "passive")
//!   (func $probe (memory.init 0 (i32.const 0) (i32.const 1) (i32.const 0)))
//!   (export "__wasm_preinit_memory0" (memory 0))
//!   (export "__wasm_preinit_global0" (global 0))
//!   (export "__wasm_preinit_table0" (table 0))
//!   (export "__wasm_preinit_start" (func 0))
//!   (export "__wasm_preinit_data0" (func $probe))
//!   …)
//! ```
//!
//! - Functions that references can refer to, and that nothing else shows, are exported: after init,
//!   a reference is recognized by the function it refers to.
//! - The start function is exported instead of started, so that state can be read before any code
//!   has run and compared with what there is afterwards.
//! - A probe answers whether a passive segment was dropped: reading nothing from offset 1 is in
//!   bounds of a live segment and traps on a dropped one, and changes nothing. So `data.drop` and
//!   `elem.drop` are known exactly without reading a single instruction of the program.
//! - Shared memories become memories of one thread, see [`unshared`].
//! - No index moves, and no byte of the original code moves: the added functions stand last.
//! - Custom sections other than `name` are left out. They are not lost: the output is made from
//!   the original bytes.
//! - What stays the same is borrowed, not copied: where the compiled code is already known, the
//!   instrumented bytes are only hashed.

mod unshared;

use crate::error::{Error, Result, Stage};
use crate::module::{Module, Section, Table, section_head, section_id, section_rank};
use crate::referable::{Place, Referable, referable};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use unshared::Waits;
use wasm_encoder::{Encode, ExportKind, Function, HeapType, Instruction, RefType};
use wasmparser::{AbstractHeapType, HeapType as ParsedHeapType, RefType as ParsedRefType};

/// What private export names start with, lengthened until no export of the module starts so.
const PREFIX: &str = "__wasm_preinit_";

pub struct Instrumented<'m> {
    bytes: Pieces<'m>,
    pub names: Names,
    code: Option<CodeShift>,
    /// Whether the compiler may accept this where the user's bytes are invalid: an index that is out
    /// of range there may be in range here where an index space has grown, and `ref.func` may name a
    /// function that is exported here, as the start function is.
    pub accepts_more: bool,
    /// Functions of the user's module; those behind them were added.
    functions: usize,
    hash: OnceLock<blake3::Hash>,
}

/// Bytes made of some that are borrowed and some that are new.
#[derive(Default)]
struct Pieces<'m> {
    pieces: Vec<Cow<'m, [u8]>>,
    len: usize,
}

impl<'m> Pieces<'m> {
    fn push(&mut self, piece: impl Into<Cow<'m, [u8]>>) {
        let piece = piece.into();
        self.len += piece.len();
        self.pieces.push(piece);
    }
}

/// Where the original function bodies end in the user's file and in the instrumented bytes:
/// every instruction stands at the same distance from there in both.
struct CodeShift {
    original_end: usize,
    instrumented_end: usize,
}

/// The names under which the instrumented module exports what was private.
pub struct Names {
    prefix: String,
}

impl Names {
    fn new(module: &Module<'_>) -> Self {
        let mut prefix = PREFIX.to_owned();
        while module
            .exports
            .iter()
            .any(|export| export.name.starts_with(&prefix))
        {
            prefix.push('_');
        }
        Self { prefix }
    }

    pub fn global(&self, index: usize) -> String {
        format!("{}global{index}", self.prefix)
    }

    pub fn memory(&self, index: usize) -> String {
        format!("{}memory{index}", self.prefix)
    }

    pub fn table(&self, index: usize) -> String {
        format!("{}table{index}", self.prefix)
    }

    pub fn function(&self, index: u32) -> String {
        format!("{}function{index}", self.prefix)
    }

    pub fn start(&self) -> String {
        format!("{}start", self.prefix)
    }

    pub fn data_probe(&self, segment: usize) -> String {
        format!("{}data{segment}", self.prefix)
    }

    pub fn element_probe(&self, segment: usize) -> String {
        format!("{}element{segment}", self.prefix)
    }
}

impl Instrumented<'_> {
    /// The bytes in one piece.
    pub fn to_wasm(&self) -> Vec<u8> {
        let mut wasm = Vec::with_capacity(self.bytes.len);
        for piece in &self.bytes.pieces {
            wasm.extend_from_slice(piece);
        }
        wasm
    }

    /// Names the bytes; computed when it is first wanted.
    pub fn hash(&self) -> &blake3::Hash {
        self.hash.get_or_init(|| {
            let mut hasher = blake3::Hasher::new();
            for piece in &self.bytes.pieces {
                hasher.update_rayon(piece);
            }
            hasher.finalize()
        })
    }

    /// Whether the user's module has a function of this index.
    pub fn is_original(&self, function: u32) -> bool {
        usize::try_from(function).is_ok_and(|function| function < self.functions)
    }

    /// The place in the user's file of an instruction at `offset` in the instrumented bytes.
    pub fn original_offset(&self, offset: usize) -> Option<usize> {
        let code = self.code.as_ref()?;
        let distance = code.instrumented_end.checked_sub(offset)?;
        code.original_end.checked_sub(distance)
    }
}

/// Passive data segments whose state can be told: a dropped empty segment is like a live one.
pub fn probed_data(module: &Module<'_>) -> impl Iterator<Item = usize> {
    let named = module.data_count.is_some();
    let segments = module.data.iter().enumerate();
    segments
        .filter(move |(_, segment)| named && segment.passive && segment.len > 0)
        .map(|(index, _)| index)
}

/// Passive element segments whose state can be told.
pub fn probed_elements(module: &Module<'_>) -> impl Iterator<Item = usize> {
    let segments = module.elements.iter().enumerate();
    segments
        .filter(|(_, segment)| segment.passive && segment.len > 0)
        .map(|(index, _)| index)
}

/// Makes private state readable.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` for segments of a type that no probe can be written for.
pub fn instrument<'m>(module: &Module<'m>) -> Result<Instrumented<'m>> {
    let names = Names::new(module);
    let waits = Waits::find(module);
    let added = Additions::new(module, &names, &waits)?;
    let has_shared = unshared::has_shared(module);
    let mut wasm = Pieces::default();
    wasm.push(&module.bytes[..module.bytes.len().min(HEADER_BYTES)]);
    let mut code = None;

    let mut pending = added.sections;
    let grown = [section_id::FUNCTION, section_id::TABLE, section_id::MEMORY];
    let has_grown = grown.iter().any(|&id| pending.contains_key(&order(id)));
    let accepts_more = has_grown || has_shared || module.start.is_some();
    for section in &module.sections {
        if section.id == section_id::CUSTOM {
            if section.custom_name == "name" {
                wasm.push(&module.bytes[section.range.clone()]);
            }
            continue;
        }
        emit_before(&mut pending, section.id, &mut wasm);
        if section.id == section_id::START {
            continue;
        }
        let addition = pending.remove(&order(section.id));
        let added = addition.as_ref().map_or(0, |addition| addition.items.len());
        if addition.is_none() && !has_shared {
            wasm.push(&module.bytes[section.range.clone()]);
        } else {
            let (count, items) = module.items(section)?;
            let items = match replaced_items(module, section, items, &waits)? {
                Some(replaced) => Cow::Owned(replaced),
                None => Cow::Borrowed(items),
            };
            extend(section.id, count, items, addition, &mut wasm);
        }
        if section.id == section_id::CODE {
            code = Some(CodeShift {
                original_end: section.range.end,
                instrumented_end: wasm.len - added,
            });
        }
    }
    for addition in pending.into_values() {
        addition.emit_alone(&mut wasm);
    }
    Ok(Instrumented {
        bytes: wasm,
        names,
        code,
        accepts_more,
        functions: module.functions.len(),
        hash: OnceLock::new(),
    })
}

/// Items of a section that shared memories make others of.
fn replaced_items(
    module: &Module<'_>,
    section: &Section<'_>,
    items: &[u8],
    waits: &Waits,
) -> Result<Option<Vec<u8>>> {
    let has_shared = unshared::has_shared(module);
    match section.id {
        section_id::IMPORT if has_shared => Ok(Some(unshared::imports(module))),
        section_id::MEMORY if has_shared => Ok(Some(unshared::memories(module))),
        section_id::CODE => {
            let start = section.range.end - items.len();
            waits.replaced(items, start, module.functions.len())
        }
        _ => Ok(None),
    }
}

/// Magic and version.
const HEADER_BYTES: usize = 8;

/// Items to append to one section.
struct Addition {
    id: u8,
    count: usize,
    items: Vec<u8>,
}

impl Addition {
    fn emit_alone(self, wasm: &mut Pieces<'_>) {
        wasm.push(section_head(self.id, self.count, self.items.len()));
        wasm.push(self.items);
    }
}

/// All additions, by the rank of their section.
struct Additions {
    sections: BTreeMap<usize, Addition>,
}

impl Additions {
    fn new(module: &Module<'_>, names: &Names, waits: &Waits) -> Result<Self> {
        let mut this = Self {
            sections: BTreeMap::new(),
        };
        // They come first, where calls look for them.
        for (number, wait) in waits.kinds().iter().enumerate() {
            wait.encode_type(this.item(section_id::TYPE));
            let ty = index_u32(module.types.len() + number)?;
            ty.encode(this.item(section_id::FUNCTION));
            wait.encode_body(this.item(section_id::CODE));
        }
        for index in 0..module.memories.len() {
            this.export(&names.memory(index), ExportKind::Memory, index)?;
        }
        for (index, _) in module.read_globals() {
            this.export(&names.global(index), ExportKind::Global, index)?;
        }
        for index in 0..module.tables.len() {
            this.export(&names.table(index), ExportKind::Table, index)?;
        }
        for Referable { function, place } in referable(module)? {
            if place == Place::Hidden {
                let index = usize::try_from(function).unwrap_or(usize::MAX);
                this.export(&names.function(function), ExportKind::Func, index)?;
            }
        }
        if let Some(start) = module.start {
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            this.export(&names.start(), ExportKind::Func, start)?;
        }
        this.probe_data(module, names)?;
        this.probe_elements(module, names)?;
        Ok(this)
    }

    fn item(&mut self, id: u8) -> &mut Vec<u8> {
        let addition = self.sections.entry(order(id)).or_insert_with(|| Addition {
            id,
            count: 0,
            items: Vec::new(),
        });
        addition.count += 1;
        &mut addition.items
    }

    fn export(&mut self, name: &str, kind: ExportKind, index: usize) -> Result<()> {
        let index = index_u32(index)?;
        let item = self.item(section_id::EXPORT);
        name.encode(item);
        kind.encode(item);
        index.encode(item);
        Ok(())
    }

    fn probe_data(&mut self, module: &Module<'_>, names: &Names) -> Result<()> {
        let mut probed = probed_data(module).peekable();
        if probed.peek().is_none() {
            return Ok(());
        }
        if module.memories.is_empty() {
            // A segment that only `array.new_data` reads: the probe needs some memory to name.
            let empty = wasm_encoder::MemoryType {
                minimum: 0,
                maximum: Some(0),
                memory64: false,
                shared: false,
                page_size_log2: None,
            };
            empty.encode(self.item(section_id::MEMORY));
        }
        let memory64 = module.memories.first().is_some_and(|ty| ty.memory64);
        for segment in probed {
            let probe = [
                address(memory64),
                Instruction::I32Const(1),
                Instruction::I32Const(0),
                Instruction::MemoryInit {
                    mem: 0,
                    data_index: index_u32(segment)?,
                },
            ];
            self.function(module, &names.data_probe(segment), &probe)?;
        }
        Ok(())
    }

    fn probe_elements(&mut self, module: &Module<'_>, names: &Names) -> Result<()> {
        let mut table_of_type = BTreeMap::new();
        for segment in probed_elements(module) {
            let ty = element_type(module.elements[segment].ty).ok_or_else(|| {
                Error::unsupported(
                    Stage::Instrument,
                    format!("element segment {segment} has a shared or exact reference type, which can't be pre-initialized"),
                )
            })?;
            let mut bytes = Vec::new();
            ty.encode(&mut bytes);
            let table = if let Some(table) = table_for(module, module.elements[segment].ty) {
                table
            } else if let Some(&table) = table_of_type.get(&bytes) {
                table
            } else {
                let table = index_u32(module.tables.len() + table_of_type.len())?;
                let private = wasm_encoder::TableType {
                    element_type: ty,
                    table64: false,
                    minimum: 0,
                    maximum: Some(0),
                    shared: false,
                };
                private.encode(self.item(section_id::TABLE));
                table_of_type.insert(bytes, table);
                table
            };
            let probe = [
                Instruction::I32Const(0),
                Instruction::I32Const(1),
                Instruction::I32Const(0),
                Instruction::TableInit {
                    elem_index: index_u32(segment)?,
                    table,
                },
            ];
            self.function(module, &names.element_probe(segment), &probe)?;
        }
        Ok(())
    }

    /// Adds an exported `[] -> []` function.
    fn function(
        &mut self,
        module: &Module<'_>,
        name: &str,
        body: &[Instruction<'_>],
    ) -> Result<()> {
        // The init function, checked before, has this type.
        let ty = module
            .nullary_type()
            .ok_or_else(|| Error::internal(Stage::Instrument, "no [] -> [] type"))?;
        let functions = self.sections.get(&order(section_id::FUNCTION));
        let index = module.functions.len() + functions.map_or(0, |added| added.count);
        ty.encode(self.item(section_id::FUNCTION));
        let mut function = Function::new([]);
        for instruction in body {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        function.encode(self.item(section_id::CODE));
        self.export(name, ExportKind::Func, index)
    }
}

/// A table of the module that can hold the items of a segment. Nothing is ever written to it.
fn table_for(module: &Module<'_>, ty: ParsedRefType) -> Option<u32> {
    let fits = |table: &Table| {
        let own = table.ty.element_type;
        !table.ty.table64
            && own.heap_type() == ty.heap_type()
            && own.is_nullable() >= ty.is_nullable()
    };
    u32::try_from(module.tables.iter().position(fits)?).ok()
}

fn address<'i>(memory64: bool) -> Instruction<'i> {
    if memory64 {
        Instruction::I64Const(0)
    } else {
        Instruction::I32Const(0)
    }
}

/// The type of a table that can hold the items of a segment.
fn element_type(ty: ParsedRefType) -> Option<RefType> {
    let heap_type = match ty.heap_type() {
        ParsedHeapType::Concrete(index) => HeapType::Concrete(index.as_module_index()?),
        ParsedHeapType::Abstract { shared: false, ty } => HeapType::Abstract {
            shared: false,
            ty: abstract_heap_type(ty)?,
        },
        ParsedHeapType::Abstract { .. } | ParsedHeapType::Exact(_) => return None,
    };
    Some(RefType {
        nullable: true,
        heap_type,
    })
}

fn abstract_heap_type(ty: AbstractHeapType) -> Option<wasm_encoder::AbstractHeapType> {
    use wasm_encoder::AbstractHeapType as Encoded;
    Some(match ty {
        AbstractHeapType::Func => Encoded::Func,
        AbstractHeapType::Extern => Encoded::Extern,
        AbstractHeapType::Any => Encoded::Any,
        AbstractHeapType::None => Encoded::None,
        AbstractHeapType::NoExtern => Encoded::NoExtern,
        AbstractHeapType::NoFunc => Encoded::NoFunc,
        AbstractHeapType::Eq => Encoded::Eq,
        AbstractHeapType::Struct => Encoded::Struct,
        AbstractHeapType::Array => Encoded::Array,
        AbstractHeapType::I31 => Encoded::I31,
        AbstractHeapType::Exn => Encoded::Exn,
        AbstractHeapType::NoExn => Encoded::NoExn,
        AbstractHeapType::Cont | AbstractHeapType::NoCont => return None,
    })
}

/// The key by which additions are sorted; unknown ids stand last and the compiler refuses them.
fn order(id: u8) -> usize {
    section_rank(id).unwrap_or(usize::MAX)
}

fn emit_before(pending: &mut BTreeMap<usize, Addition>, id: u8, wasm: &mut Pieces<'_>) {
    while let Some(first) = pending.first_entry() {
        if *first.key() >= order(id) {
            break;
        }
        first.remove().emit_alone(wasm);
    }
}

/// Writes a section with these items, and more behind them.
fn extend<'m>(
    id: u8,
    count: usize,
    items: Cow<'m, [u8]>,
    addition: Option<Addition>,
    wasm: &mut Pieces<'m>,
) {
    let (added, more) = addition.map_or((0, Vec::new()), |it| (it.count, it.items));
    wasm.push(section_head(id, count + added, items.len() + more.len()));
    wasm.push(items);
    wasm.push(more);
}

fn index_u32(index: usize) -> Result<u32> {
    u32::try_from(index)
        .map_err(|_| Error::unsupported(Stage::Instrument, "an index space is larger than 2^32"))
}
