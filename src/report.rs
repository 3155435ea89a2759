//! What happened in one run: facts for people and build tools, no part of the output.

use crate::compile::{CacheUse, Compiled, Tier};
use crate::error::Result;
use crate::host::wasi::Wasi;
use crate::module::{Module, Section, section_id};
use crate::segments::Layout;
use crate::snapshot::Snapshot;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use wasmparser::TypeRef;

#[derive(Clone, Debug)]
pub struct Report {
    pub init_func: String,
    pub tier: Tier,
    pub cache: CacheUse,
    pub timings: Timings,
    pub sizes: Sizes,
    pub memories: Vec<MemoryReport>,
    pub globals: GlobalsReport,
    pub tables: Vec<TableReport>,
    /// Immutable imported globals, as (module, name): the output is for the values that init has seen.
    pub assumed_globals: Vec<(String, String)>,
    /// Calls of each WASI function.
    pub wasi_calls: Vec<(String, u64)>,
    /// Host state that is frozen into the output.
    pub baked: Vec<String>,
    pub paths: HostPaths,
    pub stdout: Option<Vec<u8>>,
    pub stderr: Option<Vec<u8>>,
}

/// What of the host's files the outcome of a run may depend on.
#[derive(Clone, Debug, Default)]
pub struct HostPaths {
    /// Files that the guest has read.
    pub files_read: Vec<PathBuf>,
    /// What the guest has looked for or at without reading it.
    pub paths_probed: Vec<PathBuf>,
    /// Folders that the guest has listed.
    pub directories_read: Vec<PathBuf>,
}

/// The time each stage took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    pub parse: Duration,
    pub instrument: Duration,
    pub compile: Duration,
    pub instantiate: Duration,
    pub run: Duration,
    pub snapshot: Duration,
    pub rewrite: Duration,
    /// Where the output was verified.
    pub verify: Option<Duration>,
    pub total: Duration,
}

impl Timings {
    /// Adds a stage that comes after the others.
    pub fn add_verify(&mut self, time: Duration) {
        self.verify = Some(time);
        self.total += time;
    }
}

/// Bytes.
#[derive(Clone, Debug)]
pub struct Sizes {
    pub input: usize,
    pub output: usize,
    pub sections: Vec<SectionSize>,
}

/// Bytes of all sections of one name, headers included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionSize {
    pub name: String,
    pub before: usize,
    pub after: usize,
}

#[derive(Clone, Debug)]
pub struct MemoryReport {
    pub index: usize,
    pub pages_before: u64,
    pub pages_after: u64,
    pub non_zero_bytes: usize,
    pub segments: usize,
    pub segment_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
pub struct GlobalsReport {
    pub total: usize,
    pub changed: usize,
}

/// Elements before and after.
#[derive(Clone, Copy, Debug)]
pub struct TableReport {
    pub index: usize,
    pub before: u64,
    pub after: u64,
    pub changed: bool,
}

/// Measures stages as they end.
pub struct Stopwatch {
    started: Instant,
    lap_started: Instant,
    pub timings: Timings,
}

impl Stopwatch {
    pub fn start() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            lap_started: now,
            timings: Timings::default(),
        }
    }

    /// The time since the last lap ended.
    pub fn lap(&mut self) -> Duration {
        self.lap_until(Instant::now())
    }

    /// The time from the end of the last lap to `end`, where the next lap begins.
    pub fn lap_until(&mut self, end: Instant) -> Duration {
        let lap = end.saturating_duration_since(self.lap_started);
        self.lap_started = end;
        lap
    }

    pub fn stop(&mut self) -> Timings {
        self.timings.total = self.started.elapsed();
        self.timings
    }
}

impl Sizes {
    /// Sizes of all sections of both modules, by name, in the order in which they first stand.
    ///
    /// # Errors
    ///
    /// `ERR_INVALID_WASM` where the output can't be read.
    pub fn compare(module: &Module<'_>, output: &[u8]) -> Result<Self> {
        let rewritten = Module::parse(output)?;
        let mut sections: Vec<SectionSize> = Vec::new();
        let mut size = |section: &Section<'_>| {
            let name = section_name(section);
            let known = sections.iter().position(|known| known.name == name);
            let position = known.unwrap_or_else(|| {
                sections.push(SectionSize {
                    name: name.to_owned(),
                    before: 0,
                    after: 0,
                });
                sections.len() - 1
            });
            (position, section.range.len())
        };
        let before: Vec<(usize, usize)> = module.sections.iter().map(&mut size).collect();
        let after: Vec<(usize, usize)> = rewritten.sections.iter().map(&mut size).collect();
        for (position, bytes) in before {
            sections[position].before += bytes;
        }
        for (position, bytes) in after {
            sections[position].after += bytes;
        }
        Ok(Self {
            input: module.bytes.len(),
            output: output.len(),
            sections,
        })
    }
}

/// The name of a section: its own for a custom section, the specification's for all others.
pub fn section_name<'a>(section: &Section<'a>) -> &'a str {
    match section.id {
        section_id::CUSTOM => section.custom_name,
        section_id::TYPE => "type",
        section_id::IMPORT => "import",
        section_id::FUNCTION => "function",
        section_id::TABLE => "table",
        section_id::MEMORY => "memory",
        section_id::GLOBAL => "global",
        section_id::EXPORT => "export",
        section_id::START => "start",
        section_id::ELEMENT => "element",
        section_id::CODE => "code",
        section_id::DATA => "data",
        section_id::DATA_COUNT => "data count",
        section_id::TAG => "tag",
        _ => "unknown",
    }
}

impl Report {
    /// Puts together what the stages know.
    ///
    /// # Errors
    ///
    /// `ERR_INVALID_WASM` where the output can't be read.
    pub fn new(
        module: &Module<'_>,
        output: &[u8],
        init_func: &str,
        compiled: &Compiled,
        timings: Timings,
        snapshot: &Snapshot<'_>,
        layout: &Layout,
    ) -> Result<Self> {
        let memories = snapshot
            .memories
            .iter()
            .enumerate()
            .map(|(position, state)| {
                let own = layout
                    .segments
                    .iter()
                    .filter(|segment| segment.memory == position);
                let live = state.live.iter().map(|range| {
                    let bytes = &state.bytes[range.clone()];
                    bytes.iter().filter(|&&byte| byte != 0).count()
                });
                MemoryReport {
                    index: state.index,
                    pages_before: module.memories[state.index].initial,
                    pages_after: state.pages,
                    non_zero_bytes: live.sum(),
                    segments: own.clone().count(),
                    segment_bytes: own.map(|segment| segment.range.len()).sum(),
                }
            });
        let references = &snapshot.references;
        let changed: Vec<usize> = references.tables.iter().map(|table| table.index).collect();
        let tables = module
            .tables
            .iter()
            .enumerate()
            .zip(&snapshot.table_sizes)
            .map(|((index, table), &after)| TableReport {
                index,
                before: table.ty.initial,
                after,
                changed: changed.binary_search(&index).is_ok(),
            });
        let assumed =
            module.imports_of(|ty| matches!(ty, TypeRef::Global(global) if !global.mutable));
        let assumed = assumed.map(|(import, _)| (import.module.to_owned(), import.name.to_owned()));
        Ok(Self {
            init_func: init_func.to_owned(),
            tier: compiled.tier,
            cache: compiled.cache,
            timings,
            sizes: Sizes::compare(module, output)?,
            memories: memories.collect(),
            globals: GlobalsReport {
                total: module.globals.len(),
                changed: snapshot.globals.len() + references.globals.len(),
            },
            tables: tables.collect(),
            assumed_globals: assumed.collect(),
            wasi_calls: Vec::new(),
            baked: Vec::new(),
            paths: HostPaths::default(),
            stdout: None,
            stderr: None,
        })
    }

    /// Adds what the guest did through WASI.
    pub fn add_wasi(&mut self, wasi: &Wasi) {
        let observed = wasi.observed();
        let calls = observed.calls.iter();
        self.wasi_calls = calls
            .map(|(&name, &count)| (name.to_owned(), count))
            .collect();
        self.baked = observed.baked.iter().cloned().collect();
        self.paths = wasi.host_paths();
        self.stdout = wasi.stdout();
        self.stderr = wasi.stderr();
    }
}
