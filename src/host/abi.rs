//! Reading and writing the guest's memory by the layouts of WASI preview 1. Every access is
//! checked; what lies outside is [`errno::FAULT`].
//! <https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md>

/// Errors by their numbers.
pub mod errno {
    pub const SUCCESS: i32 = 0;
    pub const BADF: i32 = 8;
    pub const EXIST: i32 = 20;
    pub const FAULT: i32 = 21;
    pub const ILSEQ: i32 = 25;
    pub const INVAL: i32 = 28;
    pub const ISDIR: i32 = 31;
    pub const NAMETOOLONG: i32 = 37;
    pub const NOENT: i32 = 44;
    pub const NOTDIR: i32 = 54;
    pub const NOTSUP: i32 = 58;
    pub const ROFS: i32 = 69;
    pub const NOTCAPABLE: i32 = 76;
}

/// File types by their numbers.
pub mod filetype {
    pub const UNKNOWN: u8 = 0;
    pub const DIRECTORY: u8 = 3;
    pub const REGULAR_FILE: u8 = 4;
}

/// A number of [`errno`] that is not success.
pub type Errno = i32;

pub fn slice(memory: &[u8], at: usize, len: usize) -> Result<&[u8], Errno> {
    let end = at.checked_add(len).ok_or(errno::FAULT)?;
    memory.get(at..end).ok_or(errno::FAULT)
}

pub fn slice_mut(memory: &mut [u8], at: usize, len: usize) -> Result<&mut [u8], Errno> {
    let end = at.checked_add(len).ok_or(errno::FAULT)?;
    memory.get_mut(at..end).ok_or(errno::FAULT)
}

fn array<const N: usize>(memory: &[u8], at: usize) -> Result<[u8; N], Errno> {
    slice(memory, at, N)?.try_into().map_err(|_| errno::FAULT)
}

pub fn read_u8(memory: &[u8], at: usize) -> Result<u8, Errno> {
    Ok(u8::from_le_bytes(array(memory, at)?))
}

pub fn read_u16(memory: &[u8], at: usize) -> Result<u16, Errno> {
    Ok(u16::from_le_bytes(array(memory, at)?))
}

pub fn read_u32(memory: &[u8], at: usize) -> Result<u32, Errno> {
    Ok(u32::from_le_bytes(array(memory, at)?))
}

pub fn read_u64(memory: &[u8], at: usize) -> Result<u64, Errno> {
    Ok(u64::from_le_bytes(array(memory, at)?))
}

pub fn write(memory: &mut [u8], at: usize, bytes: &[u8]) -> Result<(), Errno> {
    slice_mut(memory, at, bytes.len())?.copy_from_slice(bytes);
    Ok(())
}

/// A path or name that the guest passes.
pub fn read_str(memory: &[u8], at: usize, len: usize) -> Result<&str, Errno> {
    std::str::from_utf8(slice(memory, at, len)?).map_err(|_| errno::INVAL)
}

/// The address in an argument of a call: an unsigned 32-bit integer.
pub fn address(argument: i64) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "arguments of preview 1 are 32 bits wide; the upper half repeats the sign"
    )]
    let address = argument as u32;
    address as usize
}

/// What `fd_filestat_get` and `path_filestat_get` write.
pub struct FileStat {
    pub inode: u64,
    pub filetype: u8,
    pub size: u64,
    /// Nanoseconds since 1970, for all three times; `None` leaves those that are there.
    pub time: Option<u64>,
}

impl FileStat {
    /// Every standard stream.
    pub const STREAM: Self = Self {
        inode: 0,
        filetype: filetype::UNKNOWN,
        size: 0,
        time: Some(0),
    };

    const INODE: usize = 8;
    const FILETYPE: usize = 16;
    const LINKS: usize = 24;
    const SIZE: usize = 32;
    const TIMES: [usize; 3] = [40, 48, 56];

    pub fn read(memory: &[u8], at: usize) -> Result<Self, Errno> {
        Ok(Self {
            inode: read_u64(memory, at + Self::INODE)?,
            filetype: read_u8(memory, at + Self::FILETYPE)?,
            size: read_u64(memory, at + Self::SIZE)?,
            time: None,
        })
    }

    /// Device 0 and one link, as hosts differ in both.
    pub fn write(&self, memory: &mut [u8], at: usize) -> Result<(), Errno> {
        write(memory, at, &0_u64.to_le_bytes())?;
        write(memory, at + Self::INODE, &self.inode.to_le_bytes())?;
        write(
            memory,
            at + Self::FILETYPE,
            &u64::from(self.filetype).to_le_bytes(),
        )?;
        write(memory, at + Self::LINKS, &1_u64.to_le_bytes())?;
        write(memory, at + Self::SIZE, &self.size.to_le_bytes())?;
        if let Some(time) = self.time {
            for offset in Self::TIMES {
                write(memory, at + offset, &time.to_le_bytes())?;
            }
        }
        Ok(())
    }
}

/// One entry of a directory listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    pub name: Vec<u8>,
    pub inode: u64,
    pub filetype: u8,
}

impl DirectoryEntry {
    /// Bytes in front of a name.
    const HEADER_BYTES: usize = 24;

    /// The entries of a whole listing.
    pub fn parse_all(listing: &[u8]) -> Result<Vec<Self>, Errno> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < listing.len() {
            let len = read_u32(listing, at + 16)? as usize;
            entries.push(Self {
                inode: read_u64(listing, at + 8)?,
                filetype: read_u8(listing, at + 20)?,
                name: slice(listing, at + Self::HEADER_BYTES, len)?.to_vec(),
            });
            at += Self::HEADER_BYTES + len;
        }
        Ok(entries)
    }

    /// Writes entries from number `cookie` on, as many as fit; the last one may be cut off, which
    /// tells the guest that there are more. Returns the bytes written.
    pub fn write_all(entries: &[Self], cookie: u64, buffer: &mut [u8]) -> usize {
        let mut written = 0;
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        for (number, entry) in entries.iter().enumerate().skip(first) {
            let mut bytes = [0; Self::HEADER_BYTES];
            bytes[0..8].copy_from_slice(&(number as u64 + 1).to_le_bytes());
            bytes[8..16].copy_from_slice(&entry.inode.to_le_bytes());
            let len = u32::try_from(entry.name.len()).unwrap_or(u32::MAX);
            bytes[16..20].copy_from_slice(&len.to_le_bytes());
            bytes[20] = entry.filetype;
            for part in [&bytes[..], &entry.name] {
                let room = &mut buffer[written..];
                let fits = part.len().min(room.len());
                room[..fits].copy_from_slice(&part[..fits]);
                written += fits;
            }
            if written == buffer.len() {
                break;
            }
        }
        written
    }
}
