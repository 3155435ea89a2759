//! Broken modules go into a whole run; an error or a valid output comes out, never a panic.
//!
//! The modules are the golden ones with bytes changed, inserted, removed or cut off. Bytes of code
//! stay as they are, so that no guest runs without end.

#[expect(dead_code, reason = "the differential test uses all of it")]
#[path = "differential/rng.rs"]
mod rng;

use rng::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use wasm_preinit::module::{Module, section_id};
use wasm_preinit::{Options, initialize, inspect, text};

const CHANGED_MODULES_PER_CASE: usize = 300;

/// What a guest may use of the stack, and as much again for the engine.
const STACK_BYTES: usize = 2 * wasm_preinit::DEFAULT_MAX_STACK_BYTES;

#[test]
fn no_change_to_a_module_makes_a_panic_an_internal_error_or_an_invalid_output() {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let finished = thread.spawn(|| {
        let mut failures = Vec::new();
        for (name, wasm) in golden_modules() {
            let mut rng = Rng::new(0);
            for round in 0..CHANGED_MODULES_PER_CASE {
                let changed = change(&wasm, &mut rng);
                if let Err(problem) = check(&changed) {
                    let place = keep(&name, round, &changed);
                    failures.push(format!("{name}: {problem} ({})", place.display()));
                }
            }
        }
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    });
    let finished = finished.expect("threads can be started").join();
    finished.expect("no module fails");
}

/// An invalid module must be called that, whatever has been added to it in order to run it.
fn assert_invalid(what: &str, wasm: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
    assert!(
        validator.validate_all(wasm).is_err(),
        "{what}: the test's own module is valid"
    );
    match initialize(wasm, &Options::default()) {
        Ok(_) => panic!("{what}: an invalid module was pre-initialized"),
        Err(error) => assert_eq!(error.code(), "ERR_INVALID_WASM", "{what}: {error}"),
    }
}

fn assemble(text: &str) -> Vec<u8> {
    text::to_binary(text.as_bytes())
        .expect("it is valid text")
        .into_owned()
}

#[test]
fn indices_beyond_the_end_are_invalid_though_a_probe_of_a_data_segment_stands_there() {
    let export = r#"(module
        (memory 1)
        (data "passive")
        (func (export "wizer-initialize"))
        (func data.drop 0)
        (export "beyond" (func 2)))"#;
    assert_invalid("an export", &assemble(export));
    for (what, instruction) in [
        ("a call", "(call 2)"),
        ("the size of a memory", "(drop (memory.size))"),
    ] {
        let module = format!(
            r#"(module
                (data "passive")
                (func (export "wizer-initialize") (data.drop 0))
                (func (export "unused") (if (i32.const 0) (then {instruction}))))"#
        );
        assert_invalid(what, &assemble(&module));
    }
    let start = r#"(module
        (data "passive")
        (func (export "wizer-initialize") (data.drop 0))
        (start 1))"#;
    assert_invalid("the start function", &assemble(start));
}

#[test]
fn indices_beyond_the_end_are_invalid_though_a_probe_of_an_element_segment_stands_there() {
    for (what, instruction) in [
        ("a call", "(call 2)"),
        ("the size of a table", "(drop (table.size 0))"),
    ] {
        let module = format!(
            r#"(module
                (func (export "wizer-initialize") (elem.drop 0))
                (func (export "unused") (if (i32.const 0) (then {instruction})))
                (elem func 0))"#
        );
        assert_invalid(what, &assemble(&module));
    }
    let element = r#"(module
        (func (export "wizer-initialize") (elem.drop 0))
        (elem func 0 1))"#;
    assert_invalid("an element", &assemble(element));
}

#[test]
fn a_start_function_with_a_parameter_is_invalid() {
    let module = r#"(module
        (func (export "wizer-initialize"))
        (func $start (param i32))
        (start $start))"#;
    assert_invalid("a start function with a parameter", &assemble(module));
}

#[test]
fn a_start_section_in_the_wrong_place_is_invalid() {
    let mut module = assemble(r#"(module (func (export "wizer-initialize")))"#);
    let start = [8, 1, 0];
    module.extend(start);
    assert_invalid("a start section behind the code", &module);
}

#[test]
fn two_start_sections_are_invalid() {
    let module = assemble(r#"(module (func (export "wizer-initialize")) (start 0))"#);
    let start = [8, 1, 0];
    let at = module.windows(3).position(|window| window == start);
    let at = at.expect("there is a start section");
    let mut twice = module[..at].to_vec();
    twice.extend(start);
    twice.extend_from_slice(&module[at..]);
    assert_invalid("two start sections", &twice);
}

#[test]
fn a_module_with_as_many_tables_as_engines_take_runs_though_a_probe_needs_one() {
    let tables = "(table 1 funcref)".repeat(100);
    let module = format!(
        r#"(module {tables}
            (func (export "wizer-initialize") (elem.drop 0))
            (elem func 0))"#
    );
    if let Err(error) = initialize(&assemble(&module), &Options::default()) {
        panic!("{}: {error}", error.code());
    }
}

fn golden_modules() -> Vec<(String, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_dir(directory).expect("the directory is there");
    let mut modules = Vec::new();
    for entry in entries {
        let path = entry.expect("it can be read").path();
        let name = path
            .file_name()
            .expect("it is a file")
            .to_string_lossy()
            .into_owned();
        let text = std::fs::read(&path).expect("it can be read");
        if name.matches('.').count() == 1 {
            let wasm = text::to_binary(&text).expect("it is valid").into_owned();
            modules.push((name, wasm));
        }
    }
    modules.sort();
    modules
}

/// Changes one to four places outside of the code section.
fn change(wasm: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut changed = wasm.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(changed.len());
        let code = code_range(&changed);
        if code.contains(&at) {
            continue;
        }
        let byte = match rng.below(4) {
            0 => 0,
            1 => 0xff,
            2 => u8::try_from(rng.below(16)).expect("it is less than 16"),
            _ => u8::try_from(rng.below(256)).expect("it is less than 256"),
        };
        match rng.below(8) {
            0 => changed.insert(at, byte),
            1 => {
                changed.remove(at);
            }
            2 if at > 8 => changed.truncate(at),
            3 => changed[at] = changed[at].wrapping_add(1),
            4 => changed[at] = changed[at].wrapping_sub(1),
            _ => changed[at] = byte,
        }
    }
    changed
}

fn code_range(wasm: &[u8]) -> std::ops::Range<usize> {
    let Ok(module) = Module::parse(wasm) else {
        return 0..0;
    };
    let code = module.section(section_id::CODE);
    code.map_or(0..0, |code| code.contents.clone())
}

fn check(wasm: &[u8]) -> Result<(), String> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _ = inspect::inspect(wasm);
        initialize(wasm, &Options::default())
    }));
    let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
    match result {
        Err(_) => Err("it panicked".to_owned()),
        Ok(Err(error)) if error.code() == "ERR_INTERNAL" => Err(error.to_string()),
        Ok(Err(_)) => Ok(()),
        Ok(Ok(initialized)) => validator
            .validate_all(&initialized.wasm)
            .map(drop)
            .map_err(|error| format!("the output is not valid: {error}")),
    }
}

/// Writes bytes where a person can look at them.
fn keep(name: &str, round: usize, wasm: &[u8]) -> PathBuf {
    let name = format!("robustness-{name}-{round}.wasm");
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&place, wasm).expect("the target directory can be written to");
    place
}
