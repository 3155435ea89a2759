//! Names of proposals in, whether the module does without them out.
//!
//! Nothing is looked at unless proposals are refused: telling takes a validation of all code.

use crate::error::{Error, Result, Stage};
use wasmparser::{Validator, WasmFeatures};

/// Proposals by the names that [`crate::inspect()`] lists, with what can't be had without them.
const PROPOSALS: [(&str, WasmFeatures); 17] = [
    (
        "bulk-memory",
        WasmFeatures::BULK_MEMORY.union(WasmFeatures::BULK_MEMORY_OPT),
    ),
    ("custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES),
    (
        "exceptions",
        WasmFeatures::EXCEPTIONS.union(WasmFeatures::LEGACY_EXCEPTIONS),
    ),
    ("extended-const", WasmFeatures::EXTENDED_CONST),
    ("gc", WasmFeatures::GC),
    ("memory64", WasmFeatures::MEMORY64),
    ("multi-memory", WasmFeatures::MULTI_MEMORY),
    ("multi-value", WasmFeatures::MULTI_VALUE),
    ("mutable-globals", WasmFeatures::MUTABLE_GLOBAL),
    (
        "saturating-float-to-int",
        WasmFeatures::SATURATING_FLOAT_TO_INT,
    ),
    (
        "reference-types",
        WasmFeatures::REFERENCE_TYPES
            .union(WasmFeatures::CALL_INDIRECT_OVERLONG)
            .union(WasmFeatures::FUNCTION_REFERENCES)
            .union(WasmFeatures::GC)
            .union(WasmFeatures::EXCEPTIONS),
    ),
    ("relaxed-simd", WasmFeatures::RELAXED_SIMD),
    ("sign-extensions", WasmFeatures::SIGN_EXTENSION),
    ("simd", WasmFeatures::SIMD.union(WasmFeatures::RELAXED_SIMD)),
    ("tail-call", WasmFeatures::TAIL_CALL),
    ("threads", WasmFeatures::THREADS),
    (
        "typed-function-references",
        WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC),
    ),
];

/// Proposals that no compiler here takes, each with what to do instead.
const UNKNOWN: [(&str, WasmFeatures, &str); 5] = [
    (
        "legacy-exceptions",
        WasmFeatures::LEGACY_EXCEPTIONS,
        "compile it with `-mllvm -wasm-use-legacy-eh=false` (clang) or \
         `-sWASM_LEGACY_EXCEPTIONS=0` (Emscripten), or translate it with Binaryen: \
         `wasm-opt -all --translate-to-exnref`",
    ),
    (
        "stack-switching",
        WasmFeatures::STACK_SWITCHING,
        "compile it without",
    ),
    (
        "custom-descriptors",
        WasmFeatures::CUSTOM_DESCRIPTORS,
        "compile it without",
    ),
    (
        "shared-everything-threads",
        WasmFeatures::SHARED_EVERYTHING_THREADS,
        "compile it without",
    ),
    (
        "memory-control",
        WasmFeatures::MEMORY_CONTROL,
        "compile it without",
    ),
];

/// Why a valid module can't be compiled, where a proposal is the reason.
pub fn unknown_to_compilers(wasm: &[u8]) -> Option<Error> {
    UNKNOWN.iter().find_map(|&(name, features, remedy)| {
        let features = WasmFeatures::all().difference(features);
        let error = Validator::new_with_features(features)
            .validate_all(wasm)
            .err()?;
        Some(Error::unsupported(
            Stage::Compile,
            format!(
                "the module uses the proposal `{name}`, which this package's engine does not know: \
                 {} (at byte offset {:#x}); {remedy}",
                error.message(),
                error.offset(),
            ),
        ))
    })
}

/// Checks that the module uses none of the proposals. What is wrong with it otherwise is left to
/// compilation.
///
/// # Errors
///
/// `ERR_UNSUPPORTED` that names the first proposal that the module needs, `ERR_INVALID_OPTION` for a
/// name that is none.
pub fn check_refused(wasm: &[u8], refused: &[String]) -> Result<()> {
    let refused = refused.iter().map(|name| {
        let proposal = PROPOSALS.iter().find(|(known, _)| known == name);
        proposal.copied().ok_or_else(|| unknown(name))
    });
    let refused: Vec<(&str, WasmFeatures)> = refused.collect::<Result<_>>()?;
    if refused.is_empty() {
        return Ok(());
    }
    let without = |features: WasmFeatures| {
        let features = WasmFeatures::all().difference(features);
        Validator::new_with_features(features).validate_all(wasm)
    };
    let all = refused
        .iter()
        .fold(WasmFeatures::empty(), |all, (_, own)| all | *own);
    if without(all).is_ok() || without(WasmFeatures::empty()).is_err() {
        return Ok(());
    }
    for (name, features) in refused {
        if let Err(error) = without(features) {
            return Err(Error::unsupported(
                Stage::Parse,
                format!(
                    "the module uses the proposal `{name}`, which is refused: {} (at byte offset {:#x}); \
                     compile it without, or allow it",
                    error.message(),
                    error.offset(),
                ),
            ));
        }
    }
    Ok(())
}

fn unknown(name: &str) -> Error {
    let known = PROPOSALS.map(|(name, _)| format!("`{name}`")).join(", ");
    Error::option(
        "refuseFeatures",
        format!("there is no proposal `{name}`; there are {known}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{PROPOSALS, check_refused};

    /// For each proposal, a module that needs it.
    const USERS: [(&str, &str); 17] = [
        (
            "bulk-memory",
            "(memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0)))",
        ),
        ("custom-page-sizes", "(memory 1 (pagesize 1))"),
        ("exceptions", "(tag)"),
        (
            "extended-const",
            "(global i32 (i32.add (i32.const 1) (i32.const 2)))",
        ),
        ("gc", "(type (struct))"),
        ("memory64", "(memory i64 1)"),
        ("multi-memory", "(memory 1) (memory 1)"),
        (
            "multi-value",
            "(func (result i32 i32) (i32.const 1) (i32.const 2))",
        ),
        (
            "mutable-globals",
            "(global (export \"g\") (mut i32) (i32.const 1))",
        ),
        (
            "saturating-float-to-int",
            "(func (drop (i32.trunc_sat_f32_s (f32.const 1))))",
        ),
        ("reference-types", "(table 1 externref)"),
        (
            "relaxed-simd",
            "(func (param v128) (drop (i32x4.relaxed_trunc_f32x4_s (local.get 0))))",
        ),
        (
            "sign-extensions",
            "(func (drop (i32.extend8_s (i32.const 1))))",
        ),
        ("simd", "(func (param v128))"),
        ("tail-call", "(func $f (return_call $f))"),
        ("threads", "(memory 1 1 shared)"),
        (
            "typed-function-references",
            "(type $t (func)) (func (param (ref $t)))",
        ),
    ];

    #[test]
    fn each_proposal_is_refused_by_its_name_and_no_module_without_it() {
        assert_eq!(PROPOSALS.map(|(name, _)| name), USERS.map(|(name, _)| name));
        for (name, fields) in USERS {
            let wasm = crate::text::to_binary(format!("(module {fields})").as_bytes())
                .expect("the text is sound")
                .into_owned();
            let error = check_refused(&wasm, &[name.to_owned()]).expect_err(name);
            assert_eq!(error.code(), "ERR_UNSUPPORTED");
            assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
            assert!(check_refused(&wasm, &[]).is_ok());
            let plain = b"\0asm\x01\0\0\0";
            assert!(check_refused(plain, &[name.to_owned()]).is_ok());
        }
    }

    #[test]
    fn an_unknown_name_is_an_invalid_option() {
        let error = check_refused(b"", &["sims".to_owned()]).expect_err("there is none");
        assert_eq!(error.code(), "ERR_INVALID_OPTION");
        assert!(error.to_string().contains("`simd`"), "{error}");
    }
}
