//! A file of a unit's line program in, its path out, joined from the parts that DWARF keeps apart.
//!
//! Paths are text from the machine that compiled the guest: they keep its separators and are never
//! opened.

use crate::symbolize::budget::Reader;
use gimli::UnitRef;

/// Longer than any name or path that is worth reading.
pub const MAX_TEXT_BYTES: usize = 4 << 10;

/// Text of a sensible length.
pub fn text(reader: Reader<'_>) -> Option<String> {
    let bytes = reader.bytes();
    (bytes.len() <= MAX_TEXT_BYTES).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// The compilation's directory, the file's directory and its name, each relative to the one before.
pub fn path(unit: UnitRef<'_, Reader<'_>>, file: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(file)?;
    let mut path = unit.comp_dir.and_then(text).unwrap_or_default();
    // Directory 0 is that of the compilation.
    if file.directory_index() != 0
        && let Some(directory) = file.directory(header)
    {
        join(&mut path, &text(unit.attr_string(directory).ok()?)?);
    }
    join(&mut path, &text(unit.attr_string(file.path_name()).ok()?)?);
    Some(path)
}

fn join(path: &mut String, part: &str) {
    if is_absolute(part) {
        path.clear();
    } else if !path.is_empty() && !path.ends_with(['/', '\\']) {
        let windows = is_absolute(path) && !path.contains('/');
        path.push(if windows { '\\' } else { '/' });
    }
    path.push_str(part);
}

/// Whether a path starts at a root, as Unix or Windows has them.
fn is_absolute(path: &str) -> bool {
    let drive = matches!(path.as_bytes(), [_, b':', b'/' | b'\\', ..]);
    drive || path.starts_with(['/', '\\'])
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn a_part_is_relative_to_the_path_before_unless_it_is_absolute() {
        let joined = |path: &str, part: &str| {
            let mut path = path.to_owned();
            join(&mut path, part);
            path
        };
        assert_eq!(joined("/project", "src/a.c"), "/project/src/a.c");
        assert_eq!(joined("/project/", "a.c"), "/project/a.c");
        assert_eq!(joined("", "a.c"), "a.c");
        assert_eq!(joined("/project", "/usr/include/a.h"), "/usr/include/a.h");
        assert_eq!(joined("/project", "C:/sdk/a.h"), "C:/sdk/a.h");
        assert_eq!(joined("C:\\project", "a.c"), "C:\\project\\a.c");
        assert_eq!(joined("C:/project", "a.c"), "C:/project/a.c");
    }
}
