//! Modules with debug information go in, frames with source places come out.
//!
//! The fixtures are compiled from C++ by `tests/fixtures/symbolize/build.sh`; what can't be had
//! from a compiler, because it is broken or made to do harm, is written here byte by byte.

use proptest::prelude::*;
use std::cell::Cell;
use wasm_preinit::module::Module;
use wasm_preinit::symbolize::symbolize;
use wasm_preinit::{EngineChoice, Frame, Options, initialize};
use wasmtime::{Config, Engine, Instance, Store, Strategy as Compiler, WasmBacktrace};

const DWARF_4: &[u8] = include_bytes!("fixtures/symbolize/trap-dwarf4.wasm");
const DWARF_5: &[u8] = include_bytes!("fixtures/symbolize/trap-dwarf5.wasm");

fn frame(func: &str, offset: usize) -> Frame {
    Frame {
        func: func.to_owned(),
        offset: Some(offset),
        file: None,
        line: None,
    }
}

/// The frames of the trap in the fixture's init function, as an engine tells them.
fn trap(wasm: &[u8], compiler: Compiler) -> Vec<Frame> {
    let mut config = Config::new();
    config.strategy(compiler);
    let engine = Engine::new(&config).expect("the engine starts");
    let module = wasmtime::Module::new(&engine, wasm).expect("the fixture is valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("the fixture imports nothing");
    let error = instance
        .get_typed_func::<(), ()>(&mut store, "wizer-initialize")
        .and_then(|init| init.call(&mut store, ()))
        .expect_err("init traps");
    let backtrace: &WasmBacktrace = error.downcast_ref().expect("a trap has a backtrace");
    let frames = backtrace.frames().iter().map(|at| Frame {
        func: at.func_name().map_or_else(
            || format!("wasm-function[{}]", at.func_index()),
            str::to_owned,
        ),
        offset: at.module_offset(),
        file: None,
        line: None,
    });
    frames.collect()
}

/// Frames as text, without offsets.
fn shown(frames: &[Frame]) -> Vec<String> {
    let shown = frames.iter().map(|frame| {
        let file = frame.file.as_deref().unwrap_or("?");
        let line = frame.line.map_or("?".to_owned(), |line| line.to_string());
        format!("{} {file}:{line}", frame.func)
    });
    shown.collect()
}

/// The module, each custom section given to `change` as its name and its data.
fn with_custom_sections(
    wasm: &[u8],
    mut change: impl FnMut(&str, &[u8]) -> Option<Vec<u8>>,
) -> Vec<u8> {
    let module = Module::parse(wasm).expect("the fixture is valid");
    let mut changed = wasm[..8].to_vec();
    for section in &module.sections {
        if section.id != 0 {
            changed.extend_from_slice(&wasm[section.range.clone()]);
            continue;
        }
        let name = section.custom_name;
        // The names of these sections are shorter than 128 bytes.
        let data = &wasm[section.contents.clone()][1 + name.len()..];
        if let Some(data) = change(name, data) {
            custom_section(name, &data, &mut changed);
        }
    }
    changed
}

fn custom_section(name: &str, data: &[u8], wasm: &mut Vec<u8>) {
    use wasm_encoder::{CustomSection, Encode};
    wasm.push(0);
    CustomSection {
        name: name.into(),
        data: data.into(),
    }
    .encode(wasm);
}

#[test]
fn a_trap_in_inlined_functions_names_each_of_them_with_file_and_line() {
    for wasm in [DWARF_4, DWARF_5] {
        for compiler in [Compiler::Winch, Compiler::Cranelift] {
            let frames = trap(wasm, compiler);
            assert_eq!(frames.len(), 3);
            let module = Module::parse(wasm).expect("the fixture is valid");
            let symbolized = symbolize(&module, frames.clone());
            assert_eq!(
                shown(&symbolized),
                [
                    "checked::Number::operator/ /project/./checked.h:10",
                    "checked::ratio<checked::Number> /project/./checked.h:17",
                    "share(int) /project/trap.cpp:7",
                    "shares(int) /project/trap.cpp:12",
                    "initialize /project/trap.cpp:17",
                ]
            );
            let offsets: Vec<Option<usize>> = symbolized.iter().map(|frame| frame.offset).collect();
            let [inner, middle, outer] = [0, 1, 2].map(|index| frames[index].offset);
            assert_eq!(offsets, [inner, inner, inner, middle, outer]);
        }
    }
}

#[test]
fn a_run_that_traps_says_so_in_its_error() {
    for engine in [EngineChoice::Baseline, EngineChoice::Optimizing] {
        let options = Options {
            engine,
            ..Options::default()
        };
        let error = initialize(DWARF_5, &options).expect_err("init traps");
        let compiler = match engine {
            EngineChoice::Baseline => Compiler::Winch,
            _ => Compiler::Cranelift,
        };
        let module = Module::parse(DWARF_5).expect("the fixture is valid");
        assert_eq!(error.frames(), symbolize(&module, trap(DWARF_5, compiler)));
        assert_eq!(error.frames().len(), 5);
    }
}

#[test]
fn without_a_name_section_functions_have_the_names_of_the_debug_information() {
    let wasm = with_custom_sections(DWARF_5, |name, data| {
        (name != "name").then(|| data.to_vec())
    });
    let frames = trap(&wasm, Compiler::Winch);
    assert_eq!(frames[0].func, "wasm-function[2]");
    let module = Module::parse(&wasm).expect("the module is valid");
    assert_eq!(
        shown(&symbolize(&module, frames))[2..],
        [
            "share /project/trap.cpp:7",
            "shares /project/trap.cpp:12",
            "initialize /project/trap.cpp:17",
        ]
    );
}

#[test]
fn frames_that_nothing_is_known_about_stay_as_they_are() {
    let unknown = |wasm: &[u8], offset: Option<usize>| {
        let frames = vec![Frame {
            offset,
            ..frame("f", 0)
        }];
        let module = Module::parse(wasm).expect("the module is valid");
        assert_eq!(symbolize(&module, frames.clone()), frames);
    };
    for offset in [0, 8, DWARF_5.len(), DWARF_5.len() + 1, usize::MAX] {
        unknown(DWARF_5, Some(offset));
    }
    unknown(DWARF_5, None);
    let trapped = trap(DWARF_5, Compiler::Winch)[0].offset;
    let bare = with_custom_sections(DWARF_5, |_, _| None);
    unknown(&bare, trapped);
    let no_info = with_custom_sections(DWARF_5, |name, data| {
        (name != ".debug_info").then(|| data.to_vec())
    });
    unknown(&no_info, trapped);
    unknown(b"\0asm\x01\0\0\0", Some(8));
}

#[test]
fn without_strings_there_are_lines_and_without_lines_there_is_nothing() {
    let frames = trap(DWARF_5, Compiler::Winch);
    let symbolized = |wasm: &[u8]| {
        let module = Module::parse(wasm).expect("the module is valid");
        shown(&symbolize(&module, frames.clone()))
    };
    let no_strings = with_custom_sections(DWARF_5, |name, data| {
        (name != ".debug_str").then(|| data.to_vec())
    });
    assert_eq!(
        symbolized(&no_strings)[0],
        "(inlined function) ./checked.h:10"
    );
}

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Symbolizes, and fails where a panic was caught inside.
fn symbolize_without_panic(wasm: &[u8], frames: Vec<Frame>) -> Vec<Frame> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
    let panics = PANICS.get();
    let module = Module::parse(wasm).expect("only custom sections are broken");
    let symbolized = symbolize(&module, frames);
    assert_eq!(PANICS.get(), panics, "a panic was caught");
    symbolized
}

#[test]
fn debug_information_that_ends_early_leaves_the_frames_of_the_engine() {
    let frames = trap(DWARF_5, Compiler::Winch);
    for section in [
        ".debug_info",
        ".debug_line",
        ".debug_abbrev",
        ".debug_str",
        ".debug_rnglists",
    ] {
        let mut longest = 0;
        with_custom_sections(DWARF_5, |name, data| {
            if name == section {
                longest = data.len();
            }
            None
        });
        assert!(longest > 0, "{section}");
        for len in 0..longest {
            let wasm = with_custom_sections(DWARF_5, |name, data| {
                let len = if name == section { len } else { data.len() };
                Some(data[..len].to_vec())
            });
            let symbolized = symbolize_without_panic(&wasm, frames.clone());
            for frame in &frames {
                let is_there =
                    |other: &Frame| (&other.func, other.offset) == (&frame.func, frame.offset);
                assert!(symbolized.iter().any(is_there), "{section} of {len} bytes");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn garbled_debug_information_leaves_the_frames_of_the_engine(
        version_5: bool,
        garbage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let wasm = if version_5 { DWARF_5 } else { DWARF_4 };
        let module = Module::parse(wasm).expect("the fixture is valid");
        let debug: Vec<usize> = module
            .sections
            .iter()
            .filter(|section| section.custom_name.starts_with(".debug_"))
            .flat_map(|section| {
                section.contents.start + 1 + section.custom_name.len()..section.contents.end
            })
            .collect();
        let mut garbled = wasm.to_vec();
        for (position, value) in garbage {
            garbled[debug[position.index(debug.len())]] = value;
        }
        let code = module.section(10).expect("the fixture has code").contents.start;
        let frames: Vec<Frame> = (0..0x60).map(|at| frame("f", code + at)).collect();
        let symbolized = symbolize_without_panic(&garbled, frames.clone());
        let own: Vec<Option<usize>> = symbolized
            .iter()
            .filter(|frame| frame.func == "f")
            .map(|frame| frame.offset)
            .collect();
        prop_assert_eq!(own, frames.iter().map(|frame| frame.offset).collect::<Vec<_>>());
    }
}

/// Debug information of version 4 by hand, with these abbreviations:
const ABBREVIATIONS: &[u8] = &[
    // 1: a unit without attributes
    1, 0x11, 1, 0, 0, //
    // 2: a function with a name as text, its address and its length
    2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0, //
    // 3: an inlined function with its address and its length
    3, 0x1d, 1, 0x11, 0x01, 0x12, 0x06, 0, 0, //
    // 4: a function with a list of ranges, without parts
    4, 0x2e, 0, 0x55, 0x17, 0, 0, //
    // 5: a function whose name is that of the entry at an offset
    5, 0x2e, 0, 0x31, 0x13, 0x11, 0x01, 0x12, 0x06, 0, 0, //
    // 6: a namespace
    6, 0x39, 1, 0x03, 0x08, 0, 0, //
    // 7: a function with its linker's name, a name, its address and its length
    7, 0x2e, 0, 0x6e, 0x08, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0, //
    0,
];

fn unit(entries: &[u8]) -> Vec<u8> {
    let mut unit = u32::try_from(entries.len() + 7)
        .expect("short")
        .to_le_bytes()
        .to_vec();
    unit.extend([4, 0, 0, 0, 0, 0, 4]);
    unit.extend_from_slice(entries);
    unit
}

fn function(name: &str, start: u32, len: u32) -> Vec<u8> {
    let mut entry = vec![2];
    entry.extend_from_slice(name.as_bytes());
    entry.push(0);
    entry.extend(start.to_le_bytes());
    entry.extend(len.to_le_bytes());
    entry
}

fn inlined(start: u32, len: u32) -> Vec<u8> {
    let mut entry = vec![3];
    entry.extend(start.to_le_bytes());
    entry.extend(len.to_le_bytes());
    entry
}

/// A module of one function with 64 instructions, and debug sections.
fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let mut wasm =
        wast::parser::ParseBuffer::new(&format!("(module (func {}))", "nop ".repeat(64)))
            .and_then(|buffer| wast::parser::parse::<wast::Wat<'_>>(&buffer)?.encode())
            .expect("the module is valid");
    for (name, data) in sections {
        custom_section(name, data, &mut wasm);
    }
    wasm
}

/// What becomes of a frame `f` at a code address.
fn at(sections: &[(&str, &[u8])], address: usize) -> Vec<String> {
    let wasm = module(sections);
    let code = {
        let module = Module::parse(&wasm).expect("the module is valid");
        module.section(10).expect("there is code").contents.start
    };
    let frames = vec![frame("wasm-function[0]", code + address)];
    shown(&symbolize_without_panic(&wasm, frames))
}

#[test]
fn code_that_a_linker_dropped_is_not_taken_for_code_at_the_start() {
    let mut entries = vec![1];
    entries.extend(function("dropped", 0, 50));
    entries.push(0);
    entries.extend(function("kept", 2, 40));
    entries.push(0);
    entries.extend(function("dropped too", u32::MAX, 50));
    entries.extend([0, 0]);
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    assert_eq!(at(&sections, 10), ["kept ?:?"]);
    assert_eq!(at(&sections, 45), ["wasm-function[0] ?:?"]);
}

#[test]
fn functions_inlined_into_each_other_a_million_times_do_not_exhaust_the_stack() {
    let mut entries = vec![1];
    entries.extend(function("outer", 2, 60));
    for _ in 0..1_000_000 {
        entries.extend(inlined(2, 60));
    }
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    let frames = at(&sections, 10);
    assert_eq!(frames.last().map(String::as_str), Some("outer ?:?"));
    assert!(frames.len() < 1000);
}

#[test]
fn units_that_share_a_long_table_are_given_up_in_the_end() {
    let mut abbreviations = Vec::new();
    for code in 0..200_000_u32 {
        let code = 2 + code;
        abbreviations
            .extend([code & 0x7f | 0x80, code >> 7 & 0x7f | 0x80, code >> 14].map(|b| b as u8));
        abbreviations.extend([0x34, 0, 0, 0]);
    }
    let info = unit(&[1]).repeat(200_000);
    let sections = [
        (".debug_info", &info[..]),
        (".debug_abbrev", &abbreviations[..]),
    ];
    assert_eq!(at(&sections, 10), ["wasm-function[0] ?:?"]);
}

#[test]
fn functions_that_share_a_long_list_of_ranges_are_given_up_in_the_end() {
    let mut entries = vec![1];
    entries.extend([4, 0, 0, 0, 0].repeat(500_000));
    let info = unit(&entries);
    let ranges = [2, 0, 0, 0, 60, 0, 0, 0].repeat(500_000);
    let sections = [
        (".debug_info", &info[..]),
        (".debug_abbrev", ABBREVIATIONS),
        (".debug_ranges", &ranges[..]),
    ];
    assert_eq!(at(&sections, 10), ["wasm-function[0] ?:?"]);
}

#[test]
fn attributes_without_bytes_are_work_as_well() {
    // Each entry is one byte and has 60,000 flags.
    let mut abbreviations = vec![1, 0x11, 1, 0, 0, 2, 0x34, 0];
    abbreviations.extend([0x3f, 0x19].repeat(60_000));
    abbreviations.extend([0, 0, 0]);
    let mut entries = vec![1];
    entries.resize(4 << 20, 2);
    let info = unit(&entries);
    let sections = [
        (".debug_info", &info[..]),
        (".debug_abbrev", &abbreviations[..]),
    ];
    assert_eq!(at(&sections, 10), ["wasm-function[0] ?:?"]);
}

#[test]
fn a_name_that_refers_to_itself_is_no_name() {
    // The header has 11 bytes, the unit's entry one.
    let mut entries = vec![1, 5, 12, 0, 0, 0];
    entries.extend([2, 0, 0, 0, 60, 0, 0, 0]);
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    assert_eq!(at(&sections, 10), ["wasm-function[0] ?:?"]);
}

#[test]
fn names_and_scopes_without_end_are_cut() {
    let mut entries = vec![1];
    for _ in 0..100_000 {
        entries.extend(b"\x06namespace\0");
    }
    entries.extend(function("inner", 2, 60));
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    let frames = at(&sections, 10);
    assert!(
        frames[0].starts_with("namespace::namespace::"),
        "{frames:?}"
    );
    assert!(frames[0].len() < 10_000);

    let mut entries = vec![1];
    entries.extend(function(&"long".repeat(1 << 20), 2, 60));
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    assert_eq!(at(&sections, 10), ["wasm-function[0] ?:?"]);
}

#[test]
fn names_are_those_of_the_language() {
    let named = |linkage: &str, name: &str| {
        let mut entries = b"\x01\x06scope\0\x07".to_vec();
        entries.extend(format!("{linkage}\0{name}\0").bytes());
        entries.extend([2, 0, 0, 0, 60, 0, 0, 0]);
        let info = unit(&entries);
        let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
        at(&sections, 10).remove(0)
    };
    let legacy = "_ZN4core9panicking5panic17h0123456789abcdefE";
    assert_eq!(named(legacy, "panic"), "core::panicking::panic ?:?");
    let v0 = "_RNvNtCs1234_7mycrate3foo3bar";
    assert_eq!(named(v0, "bar"), "mycrate::foo::bar ?:?");
    let zig = "array_list.Managed(u32).append";
    assert_eq!(named(zig, "append"), "array_list.Managed(u32).append ?:?");
    let cpp = "_ZN7checked5ratioEv";
    assert_eq!(named(cpp, "ratio<int>"), "scope::ratio<int> ?:?");
}

#[test]
fn inlined_functions_whose_end_was_lost_are_left_out() {
    let mut entries = vec![1];
    entries.extend(function("outer", 2, 60));
    // What Binaryen leaves of a function whose end it can't find: it ends at 0, so after 4 GiB.
    entries.extend(inlined(5, 5_u32.wrapping_neg()));
    entries.extend(inlined(5, 2));
    entries.extend([0, 0]);
    entries.extend(inlined(20, 10));
    entries.extend([0, 0, 0]);
    let info = unit(&entries);
    let sections = [(".debug_info", &info[..]), (".debug_abbrev", ABBREVIATIONS)];
    assert_eq!(at(&sections, 5), ["outer ?:?"]);
    assert_eq!(at(&sections, 25), ["(inlined function) ?:?", "outer ?:?"]);
    assert_eq!(at(&sections, 40), ["outer ?:?"]);
}
