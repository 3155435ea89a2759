//! Bytes in, a binary module out: WAT text is assembled, binaries pass through untouched.

use crate::error::{Error, ErrorKind, Result, Stage};
use std::borrow::Cow;
use wast::Wat;
use wast::parser::{self, ParseBuffer};

/// The four bytes that every binary begins with.
const MAGIC: &[u8] = b"\0asm";

/// More bytes than this are refused: engines with the JavaScript API's limits load no larger
/// module. <https://webassembly.github.io/spec/js-api/#limits>
const MODULE_BYTES_LIMIT: usize = 1 << 30;

/// Tells binary from text by the first bytes.
///
/// # Errors
///
/// `ERR_INVALID_WASM` for text that is no WAT and bytes that are neither, `ERR_UNSUPPORTED` for
/// more than 1 GiB.
pub fn to_binary(wasm: &[u8]) -> Result<Cow<'_, [u8]>> {
    if wasm.len() > MODULE_BYTES_LIMIT {
        return Err(Error::unsupported(
            Stage::Parse,
            format!(
                "the module has {} bytes; engines load 1 GiB at most",
                wasm.len()
            ),
        ));
    }
    if wasm.starts_with(MAGIC) {
        return Ok(Cow::Borrowed(wasm));
    }
    let first = wasm.iter().find(|byte| !byte.is_ascii_whitespace());
    let text = match first {
        Some(b'(' | b';') => std::str::from_utf8(wasm).ok(),
        _ => None,
    };
    let Some(text) = text else {
        let message = if wasm.is_empty() {
            "there are no bytes"
        } else {
            "the bytes are neither a binary module, which begins with `\\0asm`, nor WAT text, \
             which begins with `(`"
        };
        return Err(invalid(message.to_owned(), 0));
    };
    assemble(text).map_err(|mut error| {
        error.set_text(text);
        invalid(error.to_string(), error.span().offset())
    })
}

fn assemble(text: &str) -> Result<Cow<'static, [u8]>, wast::Error> {
    let buffer = ParseBuffer::new(text)?;
    let binary = parser::parse::<Wat<'_>>(&buffer)?.encode()?;
    Ok(Cow::Owned(binary))
}

fn invalid(message: String, offset: usize) -> Error {
    Error::new(Stage::Parse, ErrorKind::InvalidWasm { message, offset })
}
