//! A case goes in, wasmtime's verdict on it comes out.

use crate::case::{Case, Expected, Verdict};
use crate::native::{Guest, compare_with, host::ImportCalled};
use crate::shape::Shape;
use std::collections::BTreeSet;
use wasmtime::{ThrownException, Trap};

pub fn judge(case: &Case) -> Verdict {
    let given = &case.supply.given;
    let different = match &case.expected {
        Expected::Initialized(output) => {
            match compare_with(&case.original, output, given, &case.supply.afterwards()) {
                Ok((None, ends)) => return Verdict::Same(ends),
                Ok((Some(different), _)) => different,
                Err(error) => format!("only the package can run it: {error:#}"),
            }
        }
        expected => {
            let end = match Guest::initialized(&case.original, given) {
                Ok(_) => Expected::Returns,
                Err(error) => match end(&case.original, &error) {
                    Some(end) => end,
                    None => return Verdict::Different(format!("init can't be run: {error:#}")),
                },
            };
            if end == *expected {
                return Verdict::Same(BTreeSet::new());
            }
            if end == Expected::Stack || *expected == Expected::Stack {
                return Verdict::StackExhausted;
            }
            format!("init of the original: the package says {expected:?}, the oracle {end:?}")
        }
    };
    Verdict::Different(different)
}

/// How init has ended.
fn end(original: &[u8], error: &wasmtime::Error) -> Option<Expected> {
    if let Some(ImportCalled(position)) = error.downcast_ref() {
        return Some(Expected::Import(first_of_name(original, *position)));
    }
    if error.is::<ThrownException>() {
        return Some(Expected::Trap("uncaught-exception"));
    }
    Some(Expected::Trap(match error.downcast_ref::<Trap>()? {
        Trap::StackOverflow => return Some(Expected::Stack),
        Trap::UnreachableCodeReached => "unreachable",
        Trap::MemoryOutOfBounds => "memory-out-of-bounds",
        Trap::TableOutOfBounds => "table-out-of-bounds",
        Trap::IndirectCallToNull | Trap::NullReference => "null-reference",
        Trap::BadSignature => "bad-signature",
        Trap::IntegerOverflow => "integer-overflow",
        Trap::IntegerDivisionByZero => "integer-divide-by-zero",
        Trap::BadConversionToInteger => "bad-conversion-to-integer",
        Trap::HeapMisaligned => "unaligned-atomic",
        _ => "other",
    }))
}

/// The first of the imported functions that have the name of one of them.
fn first_of_name(original: &[u8], position: usize) -> usize {
    let shape = Shape::read(original);
    let functions = shape.imports.iter().filter(|import| import.is_function());
    let mut names = functions.map(|import| (&import.module, &import.name));
    let name = names.clone().nth(position);
    let first = names.position(|other| Some(other) == name);
    first.expect("it is one of them")
}
