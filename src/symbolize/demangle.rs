//! A linker's name in, the path that a Rust programmer wrote out.
//!
//! Mangled names can repeat parts of themselves, so a short one can stand for an endless one, and
//! each byte of the result can cost a walk over the whole name: both sides are limited in length.

use std::fmt::{self, Write};

/// Longer names are not demangled: neither those of linkers nor those of programmers.
pub const MAX_NAME_BYTES: usize = 1 << 10;

/// The path of a Rust function, without its hash; `None` for names in any other scheme.
pub fn demangle(name: &str) -> Option<String> {
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    let symbol = rustc_demangle::try_demangle(name).ok()?;
    let mut path = Limited(String::new());
    // The alternate form leaves out the hash.
    write!(path, "{symbol:#}").ok()?;
    Some(path.0)
}

/// Text that refuses to grow beyond [`MAX_NAME_BYTES`].
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_NAME_BYTES {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_names_become_paths_and_others_are_left_alone() {
        let legacy = "_ZN4core9panicking5panic17h0123456789abcdefE";
        assert_eq!(demangle(legacy).as_deref(), Some("core::panicking::panic"));
        let v0 = "_RNvNtCs1234_7mycrate3foo3bar";
        assert_eq!(demangle(v0).as_deref(), Some("mycrate::foo::bar"));
        assert_eq!(demangle("_ZN7checked5ratioEv"), None);
        assert_eq!(demangle("main"), None);
    }

    #[test]
    fn a_name_that_unfolds_without_end_is_given_up() {
        // Tuples of tuples, each of which holds the last one twice.
        let mut name = String::from("_RINvC1a1bTuuE");
        let mut start = 7;
        for _ in 0..30 {
            let reference = base_62(start);
            start = name.len() - 2;
            name.push_str(&format!("TB{reference}_B{reference}_E"));
        }
        name.push('E');
        assert!(rustc_demangle::try_demangle(&name).is_ok());
        assert_eq!(demangle(&name), None);
    }

    /// Numbers of the v0 scheme: 0 is empty, all others are one less than they say.
    fn base_62(mut value: usize) -> String {
        const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut digits = Vec::new();
        if value > 0 {
            value -= 1;
            loop {
                digits.push(char::from(DIGITS[value % 62]));
                value /= 62;
                if value == 0 {
                    break;
                }
            }
        }
        digits.iter().rev().collect()
    }
}
