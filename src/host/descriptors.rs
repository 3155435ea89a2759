//! Descriptors of the read-only tree: WASI calls on them in, results in guest memory out, as on a
//! read-only file system.
//!
//! wasmtime's WASI numbers its own descriptors from 0. The tree's preopened folders follow its
//! preopens, so that a guest that counts up finds them; descriptors that wasmtime opens later are
//! shown that much higher. Files of the tree are opened from [`FIRST_OPENED`] on.

use crate::host::abi::{
    self, DirectoryEntry, Errno, FileStat, address, errno, filetype, read_str, read_u32,
};
use crate::host::files::{Entry, Files, Node, ROOT};
use std::collections::BTreeMap;

/// Where descriptors of opened files and folders of the tree begin: above what a guest opens.
const FIRST_OPENED: i32 = 1 << 16;

pub struct TreeDescriptors {
    files: Files,
    /// Guest paths of the tree's root, by descriptor from `first_preopen` on.
    preopens: Vec<String>,
    first_preopen: i32,
    open: BTreeMap<i32, Open>,
    next: i32,
    /// What files say of their times.
    time: u64,
}

struct Open {
    node: Node,
    offset: u64,
    path: String,
}

/// Rights of preview 1 that a descriptor of the tree can have.
mod rights {
    pub const FD_READ: u64 = 1 << 1;
    pub const FD_SEEK: u64 = 1 << 2;
    pub const FD_TELL: u64 = 1 << 5;
    pub const FD_WRITE: u64 = 1 << 6;
    pub const PATH_OPEN: u64 = 1 << 13;
    pub const FD_READDIR: u64 = 1 << 14;
    pub const PATH_READLINK: u64 = 1 << 15;
    pub const PATH_FILESTAT_GET: u64 = 1 << 18;
    pub const FD_FILESTAT_GET: u64 = 1 << 21;
    pub const FILE: u64 = FD_READ | FD_SEEK | FD_TELL | FD_FILESTAT_GET;
    pub const FOLDER: u64 =
        PATH_OPEN | FD_READDIR | PATH_READLINK | PATH_FILESTAT_GET | FD_FILESTAT_GET;
}

/// Flags of `path_open`.
mod open_flags {
    pub const CREATE: i64 = 1;
    pub const DIRECTORY: i64 = 2;
    pub const EXCLUSIVE: i64 = 4;
    pub const TRUNCATE: i64 = 8;
}

impl TreeDescriptors {
    /// `host_preopens` are the preopens that stand before the tree's.
    pub fn new(files: Files, host_preopens: &[String], time: u64) -> Self {
        let mut preopens = vec!["/".to_owned()];
        if !host_preopens.iter().any(|path| path == ".") {
            preopens.push(".".to_owned());
        }
        // After stdin, stdout and stderr.
        let first_preopen = i32::try_from(3 + host_preopens.len()).unwrap_or(FIRST_OPENED);
        let open = (first_preopen..).zip(&preopens).map(|(descriptor, path)| {
            let root = Open {
                node: ROOT,
                offset: 0,
                path: path.clone(),
            };
            (descriptor, root)
        });
        Self {
            open: open.collect(),
            files,
            first_preopen,
            preopens,
            next: FIRST_OPENED,
            time,
        }
    }

    fn preopen_count(&self) -> i32 {
        i32::try_from(self.preopens.len()).unwrap_or_default()
    }

    /// Whether a descriptor is the tree's, open or closed.
    pub fn has(&self, descriptor: i32) -> bool {
        let preopens = self.first_preopen..self.first_preopen + self.preopen_count();
        descriptor >= FIRST_OPENED || preopens.contains(&descriptor)
    }

    /// wasmtime's number for a descriptor that is not the tree's.
    pub fn to_inner(&self, descriptor: i32) -> i32 {
        if descriptor < self.first_preopen {
            descriptor
        } else {
            descriptor - self.preopen_count()
        }
    }

    /// The guest's number for a descriptor of wasmtime's.
    pub fn to_guest(&self, descriptor: i32) -> i32 {
        if descriptor < self.first_preopen {
            descriptor
        } else {
            descriptor + self.preopen_count()
        }
    }

    /// Where a file that is open was found.
    pub fn path(&self, descriptor: i32) -> Option<&str> {
        Some(&self.open.get(&descriptor)?.path)
    }

    /// Performs a call that has a descriptor of the tree's.
    pub fn call(&mut self, function: &str, memory: &mut [u8], args: &[i64]) -> i32 {
        match self.perform(function, memory, args) {
            Ok(()) => errno::SUCCESS,
            Err(errno) => errno,
        }
    }

    fn perform(&mut self, function: &str, memory: &mut [u8], args: &[i64]) -> Result<(), Errno> {
        let at = |index: usize| address(args[index]);
        match function {
            "path_rename" => return Err(errno::ROFS),
            "path_link" => return self.refuse_to_make(memory, args[4], (at(5), at(6))),
            "path_symlink" => return self.refuse_to_make(memory, args[2], (at(3), at(4))),
            "path_create_directory" => {
                return self.refuse_to_make(memory, args[0], (at(1), at(2)));
            }
            "fd_renumber" => return self.renumber(descriptor(args[0]), descriptor(args[1])),
            "fd_close" => {
                let closed = self.open.remove(&descriptor(args[0]));
                return closed.map(|_| ()).ok_or(errno::BADF);
            }
            "path_open" => return self.path_open(memory, args),
            _ => {}
        }
        let number = descriptor(args[0]);
        let open = self.open.get_mut(&number).ok_or(errno::BADF)?;
        match function {
            "fd_prestat_get" => {
                let path = self.preopen(number)?;
                let len = u32::try_from(path.len()).map_err(|_| errno::INVAL)?;
                abi::write(memory, at(1), &0_u32.to_le_bytes())?;
                abi::write(memory, at(1) + 4, &len.to_le_bytes())
            }
            "fd_prestat_dir_name" => {
                let path = self.preopen(number)?.as_bytes();
                if at(2) < path.len() {
                    return Err(errno::NAMETOOLONG);
                }
                abi::write(memory, at(1), path)
            }
            "fd_fdstat_get" => {
                let (filetype, rights, inheriting) = match self.files.entry(open.node) {
                    Entry::Directory(_) => {
                        // With the right to write, although nothing can be written: C libraries ask for
                        // what they may, and are to hear that the file system is read-only.
                        let inheriting = rights::FOLDER | rights::FILE | rights::FD_WRITE;
                        (filetype::DIRECTORY, rights::FOLDER, inheriting)
                    }
                    Entry::File(_) => (filetype::REGULAR_FILE, rights::FILE, 0),
                };
                abi::write(memory, at(1), &u64::from(filetype).to_le_bytes())?;
                abi::write(memory, at(1) + 8, &rights.to_le_bytes())?;
                abi::write(memory, at(1) + 16, &inheriting.to_le_bytes())
            }
            "fd_filestat_get" => {
                let node = open.node;
                self.stat(node).write(memory, at(1))
            }
            "path_filestat_get" => {
                let node = open.node;
                let node = self.files.resolve(node, read_str(memory, at(2), at(3))?)?;
                self.stat(node).write(memory, at(4))
            }
            "fd_read" => {
                let read = read(&self.files, open, open.offset, memory, (at(1), at(2)))?;
                open.offset += read;
                write_size(memory, at(3), read)
            }
            "fd_pread" => {
                let offset = args[3].cast_unsigned();
                let read = read(&self.files, open, offset, memory, (at(1), at(2)))?;
                write_size(memory, at(4), read)
            }
            "fd_seek" => {
                let Entry::File(contents) = self.files.entry(open.node) else {
                    return Err(errno::BADF);
                };
                let from = match args[2] {
                    0 => 0,
                    1 => open.offset,
                    2 => contents.len() as u64,
                    _ => return Err(errno::INVAL),
                };
                let offset = from.checked_add_signed(args[1]).ok_or(errno::INVAL)?;
                open.offset = offset;
                abi::write(memory, at(3), &offset.to_le_bytes())
            }
            "fd_tell" => abi::write(memory, at(1), &open.offset.to_le_bytes()),
            "fd_readdir" => {
                let node = open.node;
                let listing = self.listing(node)?;
                let buffer = abi::slice_mut(memory, at(1), at(2))?;
                let written = DirectoryEntry::write_all(&listing, args[3].cast_unsigned(), buffer);
                write_size(memory, at(4), written as u64)
            }
            "fd_advise" | "fd_datasync" | "fd_sync" | "fd_fdstat_set_flags" => Ok(()),
            "path_readlink" => {
                let node = open.node;
                self.files.resolve(node, read_str(memory, at(1), at(2))?)?;
                Err(errno::INVAL)
            }
            "fd_write" | "fd_pwrite" => Err(errno::BADF),
            "fd_allocate"
            | "fd_filestat_set_size"
            | "fd_filestat_set_times"
            | "path_filestat_set_times"
            | "path_remove_directory"
            | "path_unlink_file" => Err(errno::ROFS),
            _ => Err(errno::NOTSUP),
        }
    }

    fn preopen(&self, descriptor: i32) -> Result<&str, Errno> {
        let index = usize::try_from(descriptor - self.first_preopen).map_err(|_| errno::BADF)?;
        let path = self.preopens.get(index).ok_or(errno::BADF)?;
        Ok(path)
    }

    /// Nothing can be made in the tree; what is there already is told apart, as programs do.
    fn refuse_to_make(
        &self,
        memory: &[u8],
        folder: i64,
        (path, len): (usize, usize),
    ) -> Result<(), Errno> {
        let Some(folder) = self.open.get(&descriptor(folder)) else {
            return Err(errno::ROFS);
        };
        match self
            .files
            .resolve(folder.node, read_str(memory, path, len)?)
        {
            Ok(_) => Err(errno::EXIST),
            Err(errno::NOENT) => Err(errno::ROFS),
            Err(errno) => Err(errno),
        }
    }

    /// Moves a descriptor; not out of the tree and not into it.
    fn renumber(&mut self, from: i32, to: i32) -> Result<(), Errno> {
        if !self.open.contains_key(&from) {
            return Err(if self.has(from) {
                errno::BADF
            } else {
                errno::NOTSUP
            });
        }
        if !self.has(to) {
            return Err(errno::NOTSUP);
        }
        if !self.open.contains_key(&to) {
            return Err(errno::BADF);
        }
        if let Some(open) = self.open.remove(&from) {
            self.open.insert(to, open);
        }
        Ok(())
    }

    pub fn is_open(&self, descriptor: i32) -> bool {
        self.open.contains_key(&descriptor)
    }

    fn path_open(&mut self, memory: &mut [u8], args: &[i64]) -> Result<(), Errno> {
        let folder = self.open.get(&descriptor(args[0])).ok_or(errno::BADF)?;
        let path = read_str(memory, address(args[2]), address(args[3]))?;
        let (flags, wanted_rights) = (args[4], args[5].cast_unsigned());
        let node = match self.files.resolve(folder.node, path) {
            Err(errno::NOENT) if flags & open_flags::CREATE != 0 => return Err(errno::ROFS),
            resolved => resolved?,
        };
        if flags & open_flags::CREATE != 0 && flags & open_flags::EXCLUSIVE != 0 {
            return Err(errno::EXIST);
        }
        let writes = flags & open_flags::TRUNCATE != 0 || wanted_rights & rights::FD_WRITE != 0;
        match self.files.entry(node) {
            Entry::File(_) if flags & open_flags::DIRECTORY != 0 => return Err(errno::NOTDIR),
            Entry::File(_) if writes => return Err(errno::ROFS),
            Entry::Directory(_) if writes => return Err(errno::ISDIR),
            _ => {}
        }
        let opened = Open {
            node,
            offset: 0,
            path: join(&folder.path, path),
        };
        abi::write(memory, address(args[8]), &self.next.to_le_bytes())?;
        self.open.insert(self.next, opened);
        self.next = self.next.checked_add(1).ok_or(errno::NOTSUP)?;
        Ok(())
    }

    fn stat(&self, node: Node) -> FileStat {
        let (filetype, size) = match self.files.entry(node) {
            Entry::Directory(_) => (filetype::DIRECTORY, 0),
            Entry::File(contents) => (filetype::REGULAR_FILE, contents.len() as u64),
        };
        FileStat {
            inode: inode(node),
            filetype,
            size,
            time: Some(self.time),
        }
    }

    fn listing(&self, node: Node) -> Result<Vec<DirectoryEntry>, Errno> {
        let Entry::Directory(children) = self.files.entry(node) else {
            return Err(errno::NOTDIR);
        };
        let own = [".", ".."].map(|name| (name, node));
        let children = children.iter().map(|(name, &child)| (name.as_str(), child));
        let entries = own.into_iter().chain(children);
        Ok(entries
            .map(|(name, node)| DirectoryEntry {
                name: name.as_bytes().to_vec(),
                inode: inode(node),
                filetype: self.stat(node).filetype,
            })
            .collect())
    }
}

/// Inodes of the tree are far from those that host files are given.
fn inode(node: Node) -> u64 {
    (1 << 32) + node as u64
}

/// The descriptor in an argument of a call.
pub fn descriptor(argument: i64) -> i32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "descriptors are 32 bits wide"
    )]
    let descriptor = argument as i32;
    descriptor
}

/// A path below a folder, as it is written in reports.
pub fn join(folder: &str, path: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in folder.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    format!("{root}{}", names.join("/"))
}

fn write_size(memory: &mut [u8], at: usize, size: u64) -> Result<(), Errno> {
    let size = u32::try_from(size).map_err(|_| errno::INVAL)?;
    abi::write(memory, at, &size.to_le_bytes())
}

/// Reads into the buffers of an iovec array at (address, count); returns the bytes read.
fn read(
    files: &Files,
    open: &Open,
    mut offset: u64,
    memory: &mut [u8],
    (iovecs, count): (usize, usize),
) -> Result<u64, Errno> {
    /// Bytes of an address and a length.
    const IOVEC_BYTES: usize = 8;
    let Entry::File(contents) = files.entry(open.node) else {
        return Err(errno::ISDIR);
    };
    let mut total = 0;
    for index in 0..count {
        let iovec = iovecs.saturating_add(index.saturating_mul(IOVEC_BYTES));
        let buffer = read_u32(memory, iovec)? as usize;
        let len = read_u32(memory, iovec + 4)? as usize;
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = contents.get(start..).unwrap_or_default();
        let fits = rest.len().min(len);
        abi::write(memory, buffer, &rest[..fits])?;
        offset += fits as u64;
        total += fits as u64;
        if fits < len {
            break;
        }
    }
    Ok(total)
}
