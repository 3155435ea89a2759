//! The self-check passes what the pipeline makes, and finds every fault that is planted in it.

use wasm_preinit::cancel::Cancel;
use wasm_preinit::module::{Module, section_id};
use wasm_preinit::{
    Error, Internalize, Options, Timings, compile, execute, initialize, instrument, rewrite,
    segments, snapshot, text, verify,
};

const PROGRAM: &str = r#"(module
  (import "env" "print" (func $print (param i32)))
  (memory (export "memory") 1) (memory $second 1)
  (global $count (mut i32) (i32.const 0))
  (global $ratio (mut f64) (f64.const 0))
  (table 4 funcref) (elem (i32.const 1) func $print)
  (elem $kept func $print $print) (data $kept "kept") (data $dropped "dropped")
  (func (export "more")
    (memory.init $kept (i32.const 0) (i32.const 0) (i32.const 4))
    (table.init $kept (i32.const 0) (i32.const 0) (i32.const 2)))
  (func (export "wizer-initialize")
    (i32.store (i32.const 1000) (i32.const 0x01020304))
    (i32.store $second (i32.const 70) (i32.const 0x05060708))
    (drop (memory.grow $second (i32.const 1)))
    (data.drop $dropped)
    (global.set $count (i32.const 77))
    (global.set $ratio (f64.const 0.5)))
  (func (export "run") (result i32) (i32.load (i32.const 1000))))"#;

fn assemble() -> Vec<u8> {
    let wasm = text::to_binary(PROGRAM.as_bytes());
    wasm.expect("the text is sound").into_owned()
}

/// What the check says of the output after `tamper` has been at it.
fn check(tamper: impl FnOnce(&mut Vec<u8>)) -> Result<(), Error> {
    let wasm = assemble();
    let options = Options::default();
    let module = Module::parse(&wasm)?;
    let init_func = module.init_func(None)?;
    let instrumented = instrument::instrument(&module)?;
    let compiled = compile::compile(&module, &instrumented, &options)?;
    let cancel = Cancel::new();
    let mut finished = execute::execute(
        &module,
        &instrumented,
        &compiled,
        init_func,
        &options,
        &cancel,
    )?;
    let mut output = {
        let snapshot = snapshot::snapshot(
            &module,
            &instrumented,
            &mut finished,
            None,
            Internalize::default(),
        )?;
        let layout = segments::layout(&module, &snapshot, None)?;
        rewrite::rewrite(&module, &snapshot, &layout, init_func, &options)?
    };
    tamper(&mut output);
    verify::verify(&module, &instrumented, &mut finished, &output)
}

/// Writes `new` over the only place where `old` stands in a section.
fn replace(output: &mut [u8], section: u8, old: &[u8], new: &[u8]) {
    let range = {
        let module = Module::parse(output).expect("the output is sound");
        let section = module.section(section).expect("there is one");
        section.contents.clone()
    };
    let bytes = &mut output[range];
    let places = bytes.windows(old.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, window)| *window == old)
        .map(|(place, _)| place)
        .collect();
    let [place] = places[..] else {
        panic!("{old:?} stands {} times in the section", places.len());
    };
    bytes[place..place + new.len()].copy_from_slice(new);
}

#[test]
fn an_output_passes_and_its_report_tells_the_time() {
    check(|_| {}).expect("nothing differs");
    let options = Options {
        verify: true,
        report: true,
        ..Options::default()
    };
    let verified = initialize(&assemble(), &options).expect("nothing differs");
    let timings: Timings = verified.report.expect("it was asked for").timings;
    assert!(timings.verify.is_some_and(|time| time <= timings.total));
    let plain = initialize(&assemble(), &Options::default()).expect("it runs");
    assert_eq!(verified.wasm, plain.wasm);
}

#[test]
fn every_kind_of_difference_is_found_and_named() {
    type Fault = (&'static str, u8, &'static [u8], &'static [u8]);
    let faults: [Fault; 8] = [
        (
            "element segment 1",
            section_id::ELEMENT,
            &[1, 0, 2, 0, 0],
            &[3, 0, 2, 0, 0],
        ),
        (
            "memory 0 at 0x3ea",
            section_id::DATA,
            &[4, 3, 2, 1],
            &[4, 3, 9, 1],
        ),
        (
            "memory 1 at 0x46",
            section_id::DATA,
            &[8, 7, 6, 5],
            &[9, 7, 6, 5],
        ),
        ("memory 1 at 0x20000", section_id::MEMORY, &[0, 2], &[0, 3]),
        (
            "global 0 differs",
            section_id::GLOBAL,
            &[0x41, 0xcd, 0],
            &[0x41, 0xce, 0],
        ),
        (
            "global 1 differs",
            section_id::GLOBAL,
            &[0xe0, 0x3f],
            &[0xe1, 0x3f],
        ),
        ("table 0, slot 4", section_id::TABLE, &[0, 4], &[0, 5]),
        (
            "its code",
            section_id::CODE,
            &[0x41, 0xe8, 7, 0x28],
            &[0x41, 0xe9, 7, 0x28],
        ),
    ];
    for (what, section, old, new) in faults {
        let error = check(|output| replace(output, section, old, new)).expect_err(what);
        assert_eq!(error.code(), "ERR_INTERNAL", "{error}");
        assert!(error.to_string().contains(what), "{what}: {error}");
    }
}

#[test]
fn an_output_that_is_invalid_or_does_not_instantiate_is_found() {
    let error = check(|output| {
        replace(
            output,
            section_id::GLOBAL,
            &[0x41, 0xcd, 0],
            &[0x42, 0xcd, 0],
        );
    });
    assert!(
        error
            .expect_err("it is invalid")
            .to_string()
            .contains("invalid")
    );
    let error = check(|output| {
        // The offset of a segment, 1000 before.
        replace(
            output,
            section_id::DATA,
            &[0xe8, 7, 0x0b],
            &[0xff, 0x7f, 0x0b],
        );
    });
    assert!(
        error
            .expect_err("it is out of bounds")
            .to_string()
            .contains("can't be instantiated")
    );
}
