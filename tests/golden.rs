//! `golden/NAME.wat` goes in; `NAME.instrumented.wat` and `NAME.output.wat` say what must come out.
//!
//! `BLESS=1` writes what came out instead. A case begins with comments that set options or say
//! with which code it fails: `;; init_func: NAME`, `;; keep_init_func`, `;; rename: NEW=OLD`,
//! `;; max_data_segments: NUMBER`, `;; error: CODE`. Whatever the case, the output is valid, holds
//! code and custom sections byte for byte, and is the same on any number of threads.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, DataSection, ExportKind, ExportSection, Function,
    FunctionSection, MemorySection, MemoryType, NameMap, NameSection, TypeSection,
};
use wasm_preinit::module::{Module, section_id};
use wasm_preinit::{EngineChoice, Options, Rename, initialize, instrument, text};

/// What a guest may use of the stack, and as much again for the engine.
const STACK_BYTES: usize = 2 * wasm_preinit::DEFAULT_MAX_STACK_BYTES;

#[test]
fn every_golden_module_becomes_what_the_files_beside_it_say() {
    let mut failures = Vec::new();
    for case in cases() {
        if let Err(failure) = check(&case) {
            failures.push(format!("{case}: {failure}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn every_file_beside_the_golden_modules_belongs_to_one() {
    let cases = cases();
    for name in names() {
        let case = ["instrumented", "output"]
            .iter()
            .find_map(|stage| name.strip_suffix(&format!(".{stage}")));
        assert!(
            cases.contains(case.unwrap_or(&name)),
            "{name}.wat has no case"
        );
    }
}

#[test]
fn the_output_of_every_golden_module_is_the_same_on_any_number_of_threads() {
    for case in cases() {
        let (wasm, directives) = read(&case);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .stack_size(STACK_BYTES)
                .build();
            let initialized = pool
                .expect("threads can be started")
                .install(|| initialize(&wasm, &directives.options));
            initialized
                .map(|initialized| initialized.wasm)
                .map_err(|error| error.to_string())
        };
        let one = run(1);
        for threads in [2, 3, 8] {
            assert!(run(threads) == one, "{case} on {threads} threads");
        }
    }
}

#[test]
fn both_compilers_make_the_same_output_of_every_golden_module() {
    for case in cases() {
        let (wasm, directives) = read(&case);
        let run = |engine| {
            let options = Options {
                engine,
                ..directives.options.clone()
            };
            initialize(&wasm, &options)
                .map(|initialized| initialized.wasm)
                .map_err(|error| error.code())
        };
        assert!(
            run(EngineChoice::Auto) == run(EngineChoice::Optimizing),
            "{case}"
        );
    }
}

#[test]
fn a_name_section_before_the_data_section_stays_there() {
    let (mut types, mut functions, mut memories) = (
        TypeSection::new(),
        FunctionSection::new(),
        MemorySection::new(),
    );
    types.ty().function([], []);
    functions.function(0);
    memories.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("wizer-initialize", ExportKind::Func, 0);
    let mut code = CodeSection::new();
    let mut init = Function::new([]);
    init.instructions()
        .i32_const(9)
        .i32_const(1)
        .i32_store8(wasm_encoder::MemArg {
            offset: 0,
            align: 0,
            memory_index: 0,
        });
    init.instructions().end();
    code.function(&init);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), *b"before");
    let mut names = NameSection::new();
    let mut function_names = NameMap::new();
    function_names.append(0, "init");
    names.functions(&function_names);
    let custom = |name: &'static str, data: &'static [u8]| CustomSection {
        name: name.into(),
        data: data.into(),
    };
    let mut module = wasm_encoder::Module::new();
    module
        .section(&types)
        .section(&functions)
        .section(&memories);
    module.section(&exports).section(&code);
    module.section(&custom("before names", b"1"));
    module.section(&names).section(&custom("after names", b"2"));
    module.section(&data).section(&custom("last", b"3"));
    let input = module.finish();

    let output = initialize(&input, &Options::default())
        .expect("it runs")
        .wasm;
    assert_valid(&output);
    assert_eq!(
        section_names(&output),
        [
            "1",
            "3",
            "5",
            "7",
            "10",
            "before names",
            "name",
            "after names",
            "11",
            "last"
        ]
    );
    assert_eq!(kept_sections(&input), kept_sections(&output));
}

#[test]
fn a_data_section_that_init_makes_necessary_stands_behind_the_code() {
    let input = assemble(
        r#"(module
            (@custom "between" (after code) "1")
            (memory 1)
            (func $init (export "wizer-initialize") (i32.store8 (i32.const 9) (i32.const 1))))"#,
    );
    assert_eq!(
        section_names(&input),
        ["1", "3", "5", "7", "10", "between", "name"]
    );
    let output = initialize(&input, &Options::default())
        .expect("it runs")
        .wasm;
    assert_valid(&output);
    assert_eq!(
        section_names(&output),
        ["1", "3", "5", "7", "10", "11", "between", "name"]
    );
    assert_eq!(kept_sections(&input), kept_sections(&output));
}

#[test]
fn sections_that_init_leaves_alone_stay_byte_for_byte_however_they_are_encoded() {
    // Each size and count takes more bytes than it needs.
    let mut input = b"\0asm\x01\0\0\0".to_vec();
    input.extend(section(1, b"\x81\x80\0\x60\x80\0\x80\0"));
    input.extend(section(3, b"\x81\0\x80\0"));
    input.extend(section(5, b"\x81\0\0\x81\0"));
    input.extend(section(6, b"\x81\0\x7f\x01\x41\x85\0\x0b"));
    input.extend(section(7, b"\x81\0\x90\0wizer-initialize\0\x80\0"));
    input.extend(section(10, b"\x81\0\x84\0\0\x01\x01\x0b"));
    input.extend(section(0, b"\x83\0oddity"));
    assert_valid(&input);

    let options = Options {
        keep_init_func: true,
        ..Options::default()
    };
    let output = initialize(&input, &options).expect("it runs").wasm;
    assert_eq!(output, input, "nothing has changed");

    let output = initialize(&input, &Options::default())
        .expect("it runs")
        .wasm;
    assert_valid(&output);
    assert_eq!(kept_sections(&input), kept_sections(&output));
    let (before, after) = (parse(&input), parse(&output));
    for (before, after) in before.sections.iter().zip(&after.sections) {
        assert_eq!(before.id, after.id);
        if before.id != section_id::EXPORT {
            assert_eq!(input[before.range.clone()], output[after.range.clone()]);
        }
    }
}

#[test]
fn text_and_its_binary_become_the_same_output() {
    let wat = std::fs::read(directory().join("start-function.wat")).expect("it is there");
    let binary = text::to_binary(&wat).expect("it is valid");
    let from_text = initialize(&wat, &Options::default()).expect("it runs").wasm;
    let from_binary = initialize(&binary, &Options::default())
        .expect("it runs")
        .wasm;
    assert_eq!(from_text, from_binary);
}

/// A section whose size takes five bytes.
fn section(id: u8, contents: &[u8]) -> Vec<u8> {
    let len = u8::try_from(contents.len()).expect("contents are short");
    assert!(len < 0x80, "the size has 7 bits");
    let mut section = vec![id, len | 0x80, 0x80, 0x80, 0x80, 0];
    section.extend_from_slice(contents);
    section
}

/// What a case sets in its first comments.
#[derive(Default)]
struct Directives {
    options: Options,
    error: Option<String>,
}

impl Directives {
    fn read(text: &str) -> Self {
        let mut directives = Self::default();
        let comments = text.lines().map_while(|line| line.strip_prefix(";; "));
        for comment in comments {
            let (key, value) = comment.split_once(": ").unwrap_or((comment, ""));
            let options = &mut directives.options;
            match key {
                "init_func" => options.init_func = Some(value.to_owned()),
                "keep_init_func" => options.keep_init_func = true,
                "max_data_segments" => {
                    options.max_data_segments = Some(value.parse().expect("it is a number"));
                }
                "rename" => {
                    let (destination, source) = value.split_once('=').expect("it is NEW=OLD");
                    options.rename_funcs.push(Rename {
                        destination: destination.to_owned(),
                        source: source.to_owned(),
                    });
                }
                "error" => directives.error = Some(value.to_owned()),
                _ => {}
            }
        }
        directives
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// Names of all files, without `.wat`.
fn names() -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory()).expect("the directory is there");
    let names = entries.filter_map(|entry| {
        let name = entry.expect("it can be read").file_name();
        let name = name.into_string().expect("names are ASCII");
        name.strip_suffix(".wat").map(String::from)
    });
    names.collect()
}

fn cases() -> BTreeSet<String> {
    let mut names = names();
    names.retain(|name| !name.contains('.'));
    assert!(!names.is_empty(), "there are cases");
    names
}

fn read(case: &str) -> (Vec<u8>, Directives) {
    let text = std::fs::read_to_string(directory().join(format!("{case}.wat")));
    let text = text.expect("a case is text");
    (assemble(&text), Directives::read(&text))
}

fn assemble(text: &str) -> Vec<u8> {
    let binary = text::to_binary(text.as_bytes());
    binary
        .unwrap_or_else(|error| panic!("{error}"))
        .into_owned()
}

fn check(case: &str) -> Result<(), String> {
    let (wasm, directives) = read(case);
    let instrumented = instrument::instrument(&parse(&wasm)).map_err(|error| error.to_string())?;
    assert_valid(&instrumented.to_wasm());
    compare(case, "instrumented", &instrumented.to_wasm())?;

    let result = initialize(&wasm, &directives.options);
    match (result, directives.error) {
        (Ok(initialized), None) => {
            assert_valid(&initialized.wasm);
            if !keeps_sections(&wasm, &initialized.wasm) {
                return Err("code or custom sections have changed".to_owned());
            }
            compare(case, "output", &initialized.wasm)
        }
        (Ok(_), Some(code)) => Err(format!("it runs, and should end with {code}")),
        (Err(error), Some(code)) if error.code() == code => Ok(()),
        (Err(error), _) => Err(format!("{}: {error}", error.code())),
    }
}

/// Compares what came out with the file, or writes the file.
fn compare(case: &str, stage: &str, wasm: &[u8]) -> Result<(), String> {
    let path = directory().join(format!("{case}.{stage}.wat"));
    let mut printed = wasmprinter::print_bytes(wasm).map_err(|error| error.to_string())?;
    if !printed.ends_with('\n') {
        printed.push('\n');
    }
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        return std::fs::write(&path, printed).map_err(|error| error.to_string());
    }
    // A checkout may have changed the line endings.
    let expected = std::fs::read_to_string(&path)
        .unwrap_or_default()
        .replace("\r\n", "\n");
    if expected == printed {
        return Ok(());
    }
    Err(format!(
        "{} differs; BLESS=1 accepts this:\n{printed}",
        path.display()
    ))
}

fn parse(wasm: &[u8]) -> Module<'_> {
    Module::parse(wasm).unwrap_or_else(|error| panic!("{error}"))
}

fn assert_valid(wasm: &[u8]) {
    let mut validator = wasmparser::Validator::new_with_features(wasmparser::WasmFeatures::all());
    if let Err(error) = validator.validate_all(wasm) {
        panic!("{error}");
    }
}

/// Ids of the sections in order, and names of the custom ones.
fn section_names(wasm: &[u8]) -> Vec<String> {
    let module = parse(wasm);
    let names = module.sections.iter().map(|section| match section.id {
        section_id::CUSTOM => section.custom_name.to_owned(),
        id => id.to_string(),
    });
    names.collect()
}

/// Whether code and custom sections are the same, but for the start function of an output whose memory
/// other threads import: it stands behind all others.
fn keeps_sections(before: &[u8], after: &[u8]) -> bool {
    if parse(after).start.is_none() {
        return kept_sections(before) == kept_sections(after);
    }
    let customs = |wasm| {
        let mut sections = kept_sections(wasm);
        sections.retain(|section| section[0] == section_id::CUSTOM);
        sections
    };
    let (before_code, after_code) = (parse(before).code(), parse(after).code());
    let (before_code, after_code) = (before_code.expect("it is valid"), after_code.expect("too"));
    customs(before) == customs(after)
        && after_code.len() > before_code.len()
        && after_code.starts_with(before_code)
}

/// The bytes of the sections that no snapshot changes, headers included.
fn kept_sections(wasm: &[u8]) -> Vec<&[u8]> {
    let module = parse(wasm);
    let sections = module.sections.iter();
    let kept =
        sections.filter(|section| matches!(section.id, section_id::CUSTOM | section_id::CODE));
    kept.map(|section| &wasm[section.range.clone()]).collect()
}
