//! What WASI shows the guest: calls are either answered here (randomness, time, directory order, the
//! read-only tree) or left to wasmtime's own implementation, which keeps the guest inside its preopens.
//!
//! What the guest learns of the host is recorded, because init freezes it into the output. Calls
//! that wait end when the run is cancelled.

use crate::cancel::{Cancel, Cancelled};
use crate::error::{Error, ErrorKind, Result, Stage};
use crate::host::abi::{self, DirectoryEntry, Errno, FileStat, address, errno, filetype};
use crate::host::descriptors::{TreeDescriptors, descriptor, join};
use crate::host::deterministic::{FixedClock, SeededRandom};
use crate::host::files::Files;
use crate::host::poll;
use crate::host::preview1::{answered, descriptor_positions, path_positions};
use crate::options::{self, Output, Random, Stdin};
use crate::report::HostPaths;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as preview1;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};
use wiggle::GuestMemory;

/// What one stream can capture: more than anybody reads, and less than fills a host.
const CAPTURE_BYTES: usize = 256 << 20;

/// What the guest sees, and what it has seen.
pub struct Wasi {
    pub(super) inner: WasiP1Ctx,
    pub(super) runtime: Runtime,
    pub(super) cancel: Arc<Cancel>,
    pub random: Option<SeededRandom>,
    pub clock: Option<FixedClock>,
    tree: Option<TreeDescriptors>,
    /// Where host files were found, by the guest's descriptor.
    opened: HashMap<i32, HostFile>,
    inodes: HashMap<u64, u64>,
    env_names: Vec<String>,
    has_args: bool,
    captured: Captured,
    pub(super) observed: Observed,
}

/// Facts about the run that the report tells.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// How often each function was called.
    pub calls: BTreeMap<&'static str, u64>,
    /// Host state that is now frozen into the output: `args`, `stdin`, `env:NAME`,
    /// `file:GUESTPATH`, `random`, `clock`.
    pub baked: BTreeSet<String>,
    /// Host paths of files that were read.
    pub files_read: BTreeSet<PathBuf>,
    /// Host paths that were looked for or at, and not read: they may be missing.
    pub paths_probed: BTreeSet<PathBuf>,
    /// Host paths of folders that were listed.
    pub directories_read: BTreeSet<PathBuf>,
}

#[derive(Clone)]
struct HostFile {
    guest_path: String,
    host_path: PathBuf,
}

/// What the guest writes to streams that are captured.
struct Captured {
    stdout: Option<MemoryOutputPipe>,
    stderr: Option<MemoryOutputPipe>,
}

impl Wasi {
    /// Builds what the guest sees. `module` is the hash of the guest's bytes, and seeds randomness.
    ///
    /// # Errors
    ///
    /// `ERR_IO` for a preopen that can't be opened, `ERR_INVALID_OPTION` for files that make no
    /// tree.
    pub fn new(
        options: &options::Wasi,
        module: &blake3::Hash,
        cancel: &Arc<Cancel>,
    ) -> Result<Self> {
        let mut builder = WasiCtxBuilder::new();
        // The guest has a thread of its own, which may wait.
        builder.allow_blocking_current_thread(true);
        builder.args(&options.args);
        for (name, value) in &options.env {
            builder.env(name, value);
        }
        match &options.stdin {
            Stdin::Bytes(bytes) => builder.stdin(MemoryInputPipe::new(bytes.clone())),
            Stdin::Inherit => builder.inherit_stdin(),
        };
        let capture =
            |output| (output == Output::Capture).then(|| MemoryOutputPipe::new(CAPTURE_BYTES));
        let captured = Captured {
            stdout: capture(options.stdout),
            stderr: capture(options.stderr),
        };
        match &captured.stdout {
            Some(pipe) => drop(builder.stdout(pipe.clone())),
            None if options.stdout == Output::Inherit => drop(builder.inherit_stdout()),
            None => {}
        }
        match &captured.stderr {
            Some(pipe) => drop(builder.stderr(pipe.clone())),
            None if options.stderr == Output::Inherit => drop(builder.inherit_stderr()),
            None => {}
        }
        let mut opened = HashMap::new();
        // After stdin, stdout and stderr.
        for (descriptor, preopen) in (3..).zip(&options.preopens) {
            builder
                .preopened_dir(&preopen.host_path, &preopen.guest_path, FsPerms::ReadWrite)
                .map_err(|error| {
                    let path = preopen.host_path.display().to_string();
                    let message = format!(
                        "it can't be opened as the guest's `{}`: {error:#}",
                        preopen.guest_path
                    );
                    Error::new(Stage::Instantiate, ErrorKind::Io { path, message })
                })?;
            let file = HostFile {
                guest_path: preopen.guest_path.clone(),
                host_path: preopen.host_path.clone(),
            };
            opened.insert(descriptor, file);
        }
        let clock = FixedClock::new(options.clock);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal(Stage::Instantiate, error.to_string()))?;
        Ok(Self {
            tree: tree(options, clock.as_ref())?,
            inner: builder.build_p1(),
            runtime,
            cancel: Arc::clone(cancel),
            random: match options.random {
                Random::Deterministic => Some(SeededRandom::new(module)),
                Random::Host => None,
            },
            clock,
            opened,
            inodes: HashMap::new(),
            env_names: options.env.iter().map(|(name, _)| name.clone()).collect(),
            has_args: !options.args.is_empty(),
            captured,
            observed: Observed::default(),
        })
    }

    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    pub fn host_paths(&self) -> HostPaths {
        let Observed {
            files_read,
            paths_probed,
            directories_read,
            ..
        } = &self.observed;
        HostPaths {
            files_read: files_read.iter().cloned().collect(),
            paths_probed: paths_probed.difference(files_read).cloned().collect(),
            directories_read: directories_read.iter().cloned().collect(),
        }
    }

    pub fn stdout(&self) -> Option<Vec<u8>> {
        let pipe = self.captured.stdout.as_ref();
        pipe.map(|pipe| pipe.contents().to_vec())
    }

    pub fn stderr(&self) -> Option<Vec<u8>> {
        let pipe = self.captured.stderr.as_ref();
        pipe.map(|pipe| pipe.contents().to_vec())
    }

    /// Waits for real, but no longer than until the run is cancelled.
    pub fn sleep(&self, nanoseconds: u64) {
        let time = Duration::from_nanos(nanoseconds);
        let waited = until_cancelled(&self.cancel, async {
            tokio::time::sleep(time).await;
            Ok(())
        });
        // A run that is cancelled stops at the guest's next instruction.
        let _ = self.runtime.block_on(waited);
    }

    /// Whether a descriptor is the tree's.
    pub fn is_in_tree(&self, descriptor: i32) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.has(descriptor))
    }

    /// Whether the guest has this descriptor, as far as is known here; standard streams count as
    /// open.
    pub fn is_open(&self, descriptor: i32) -> bool {
        match &self.tree {
            Some(tree) if tree.has(descriptor) => tree.is_open(descriptor),
            _ => is_stream(descriptor) || self.opened.contains_key(&descriptor),
        }
    }

    fn bake(&mut self, what: impl Into<String>) {
        self.observed.baked.insert(what.into());
    }

    /// Answers a call without wasmtime's implementation; `None` where that is to be asked.
    pub(super) fn answer(
        &mut self,
        function: &str,
        memory: &mut [u8],
        args: &[i64],
    ) -> Option<i32> {
        for &position in path_positions(function) {
            let (path, len) = (address(args[position]), address(args[position + 1]));
            if let Err(errno) = abi::slice(memory, path, len) {
                return Some(errno);
            }
        }
        match function {
            "args_get" if self.has_args => self.bake("args"),
            "environ_get" => {
                let names = self.env_names.iter().map(|name| format!("env:{name}"));
                self.observed.baked.extend(names);
            }
            "random_get" => {
                self.bake("random");
                let random = self.random.as_mut()?;
                let buffer = abi::slice_mut(memory, address(args[0]), address(args[1]));
                return Some(answered(buffer.map(|buffer| random.fill(buffer))));
            }
            "clock_time_get" => {
                self.bake("clock");
                let clock = self.clock.as_mut()?;
                return Some(answered(clock_time_get(clock, memory, args)));
            }
            "clock_res_get" => {
                self.clock.as_ref()?;
                let resolution = 1_u64.to_le_bytes();
                return Some(match args[0] {
                    0..=3 => answered(abi::write(memory, address(args[1]), &resolution)),
                    _ => errno::INVAL,
                });
            }
            "poll_oneoff" => return poll::poll_oneoff(self, memory, args),
            _ => {}
        }
        let tree = self.tree.as_mut()?;
        // A call that has one descriptor in the tree and another one outside is the tree's, too.
        let mut numbers = descriptor_positions(function)
            .iter()
            .map(|&position| descriptor(args[position]));
        let number = numbers.find(|&number| tree.has(number))?;
        let read = matches!(function, "fd_read" | "fd_pread");
        let path = tree.path(number).filter(|_| read).map(ToOwned::to_owned);
        let errno = tree.call(function, memory, args);
        if let Some(path) = path.filter(|_| errno == errno::SUCCESS) {
            self.bake(format!("file:{path}"));
        }
        Some(errno)
    }

    /// The arguments as wasmtime's implementation numbers descriptors.
    pub(super) fn to_inner<const N: usize>(&self, function: &str, mut args: [i64; N]) -> [i64; N] {
        if let Some(tree) = &self.tree {
            for &position in descriptor_positions(function) {
                args[position] = i64::from(tree.to_inner(descriptor(args[position])));
            }
        }
        args
    }

    /// Records and evens out what wasmtime's implementation has answered.
    pub(super) fn after(
        &mut self,
        function: &str,
        memory: &mut [u8],
        args: &[i64],
    ) -> Result<(), Errno> {
        match function {
            "path_open" => {
                self.probed(function, memory, args);
                let at = address(args[8]);
                let opened = abi::read_u32(memory, at)?.cast_signed();
                let number = match &self.tree {
                    Some(tree) => tree.to_guest(opened),
                    None => opened,
                };
                abi::write(memory, at, &number.to_le_bytes())?;
                let path = abi::read_str(memory, address(args[2]), address(args[3]))?;
                if let Some(folder) = self.opened.get(&descriptor(args[0])) {
                    let file = HostFile {
                        guest_path: join(&folder.guest_path, path),
                        host_path: folder.host_path.join(path),
                    };
                    self.opened.insert(number, file);
                }
            }
            "fd_close" => {
                self.opened.remove(&descriptor(args[0]));
            }
            "fd_renumber" => {
                let (from, to) = (descriptor(args[0]), descriptor(args[1]));
                match self.opened.remove(&from) {
                    Some(file) => self.opened.insert(to, file),
                    None => self.opened.remove(&to),
                };
            }
            "fd_read" | "fd_pread" => {
                let number = descriptor(args[0]);
                if let Some(HostFile {
                    guest_path,
                    host_path,
                }) = self.opened.get(&number).cloned()
                {
                    self.bake(format!("file:{guest_path}"));
                    self.observed.files_read.insert(host_path);
                } else if number == 0 && abi::read_u32(memory, address(args[3]))? > 0 {
                    self.bake("stdin");
                }
            }
            // What a stream is connected to differs from run to run.
            "fd_fdstat_get" if self.is_stream(descriptor(args[0])) => {
                abi::write(memory, address(args[1]), &[filetype::UNKNOWN])?;
            }
            "fd_filestat_get" => {
                let at = address(args[1]);
                self.even_out_stat(memory, at)?;
                if self.is_stream(descriptor(args[0])) {
                    FileStat::STREAM.write(memory, at)?;
                }
            }
            "fd_readdir" => {
                if let Some(folder) = self.opened.get(&descriptor(args[0])) {
                    let path = folder.host_path.clone();
                    self.observed.directories_read.insert(path);
                }
            }
            "path_filestat_get" => {
                self.probed(function, memory, args);
                self.even_out_stat(memory, address(args[4]))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Records the host path that a call was about, whether or not anything is there.
    pub(super) fn probed(&mut self, function: &str, memory: &[u8], args: &[i64]) {
        for &position in path_positions(function) {
            let (at, len) = (address(args[position]), address(args[position + 1]));
            if let Some(folder) = self.opened.get(&descriptor(args[0]))
                && let Ok(path) = abi::read_str(memory, at, len)
            {
                self.observed
                    .paths_probed
                    .insert(folder.host_path.join(path));
            }
        }
    }

    /// Takes out of a file's status what differs from host to host.
    fn even_out_stat(&mut self, memory: &mut [u8], at: usize) -> Result<(), Errno> {
        let mut stat = FileStat::read(memory, at)?;
        stat.inode = self.inode(stat.inode);
        if stat.filetype == filetype::DIRECTORY {
            stat.size = 0;
        }
        stat.time = self.clock.as_ref().map(FixedClock::start);
        stat.write(memory, at)
    }

    /// Whether a descriptor is a standard stream, and not a file that was renumbered to it.
    fn is_stream(&self, descriptor: i32) -> bool {
        is_stream(descriptor) && !self.opened.contains_key(&descriptor)
    }

    /// A number for a host's inode: they are counted as the guest meets them.
    fn inode(&mut self, inode: u64) -> u64 {
        let next = self.inodes.len() as u64 + 1;
        *self.inodes.entry(inode).or_insert(next)
    }

    /// Lists a host directory in the order of names.
    pub(super) fn fd_readdir(
        &mut self,
        memory: &mut [u8],
        args: [i64; 5],
    ) -> wasmtime::Result<i32> {
        let mut listing = match self.whole_listing(args[0])? {
            Ok(listing) => listing,
            Err(errno) => return Ok(errno),
        };
        let own = |entry: &DirectoryEntry| entry.name != b"." && entry.name != b"..";
        listing.sort_by(|a, b| (own(a), &a.name).cmp(&(own(b), &b.name)));
        for entry in &mut listing {
            entry.inode = self.inode(entry.inode);
        }
        Ok(answered(write_listing(&listing, memory, args)))
    }

    /// All entries of a host directory, as wasmtime's implementation lists them into a buffer of
    /// our own.
    fn whole_listing(
        &mut self,
        directory: i64,
    ) -> wasmtime::Result<Result<Vec<DirectoryEntry>, Errno>> {
        /// The count of bytes that were used stands before the entries.
        const ENTRIES_AT: usize = 8;
        let mut len = 64 << 10;
        loop {
            let mut buffer = vec![0; ENTRIES_AT + len];
            let size = i32::try_from(len).map_err(wasmtime::Error::new)?;
            let Self {
                inner,
                runtime,
                cancel,
                ..
            } = self;
            let listed = runtime.block_on(until_cancelled(cancel, async {
                let mut memory = GuestMemory::Unshared(&mut buffer);
                let at = ENTRIES_AT as i32;
                preview1::fd_readdir(inner, &mut memory, descriptor(directory), at, size, 0, 0)
                    .await
            }))?;
            if listed != errno::SUCCESS {
                return Ok(Err(listed));
            }
            let used = abi::read_u32(&buffer, 0).map_or(0, |used| used as usize);
            if used < len {
                return Ok(DirectoryEntry::parse_all(
                    &buffer[ENTRIES_AT..ENTRIES_AT + used],
                ));
            }
            len *= 2;
        }
    }
}

fn write_listing(
    listing: &[DirectoryEntry],
    memory: &mut [u8],
    args: [i64; 5],
) -> Result<(), Errno> {
    let buffer = abi::slice_mut(memory, address(args[1]), address(args[2]))?;
    let written = DirectoryEntry::write_all(listing, args[3].cast_unsigned(), buffer);
    let written = u32::try_from(written).map_err(|_| errno::INVAL)?;
    abi::write(memory, address(args[4]), &written.to_le_bytes())
}

fn tree(options: &options::Wasi, clock: Option<&FixedClock>) -> Result<Option<TreeDescriptors>> {
    if options.files.is_empty() {
        return Ok(None);
    }
    let preopens: Vec<String> = options
        .preopens
        .iter()
        .map(|preopen| preopen.guest_path.clone())
        .collect();
    if preopens.iter().any(|path| path == "/") {
        return Err(Error::option(
            "wasi.files",
            "its root is the guest's `/`, and so is one of `wasi.preopens`: give that another name",
        ));
    }
    let files = Files::new(&options.files).map_err(|text| Error::option("wasi.files", text))?;
    let time = clock.map_or(0, FixedClock::start);
    Ok(Some(TreeDescriptors::new(files, &preopens, time)))
}

fn clock_time_get(clock: &mut FixedClock, memory: &mut [u8], args: &[i64]) -> Result<(), Errno> {
    // Real time, monotonic time, and the processor time of the process and of the thread.
    let now = match args[0] {
        0 => clock.realtime(),
        1..=3 => clock.monotonic(),
        _ => return Err(errno::INVAL),
    };
    abi::write(memory, address(args[2]), &now.to_le_bytes())
}

/// Whether a descriptor has the number of a standard stream.
fn is_stream(descriptor: i32) -> bool {
    (0..=2).contains(&descriptor)
}

/// Waits for `future`, but no longer than until the run is cancelled.
pub(super) async fn until_cancelled<T>(
    cancel: &Cancel,
    future: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let mut future = pin!(future);
    let mut cancelled = pin!(cancel.cancelled());
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => cancelled
            .as_mut()
            .poll(context)
            .map(|()| Err(Cancelled.into())),
    })
    .await
}
