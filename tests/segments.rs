//! Modules and a cap go into a whole run, data segments come out.
//!
//! However low the cap, the output has no more segments than that, counting those that code can
//! name, and its memories after instantiation hold what init has left, byte for byte. A cap below
//! what the module needs is refused.

use proptest::prelude::*;
use std::sync::LazyLock;
use wasm_preinit::module::Module;
use wasm_preinit::{DEFAULT_MAX_DATA_SEGMENTS, EngineChoice, Error, Options, initialize, text};
use wasmtime::{Engine, Instance, Store};

static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::default);

fn assemble(text: &str) -> Vec<u8> {
    let binary = text::to_binary(text.as_bytes());
    binary
        .unwrap_or_else(|error| panic!("{error}"))
        .into_owned()
}

fn with_cap(wasm: &[u8], max_data_segments: usize) -> Result<Vec<u8>, Error> {
    let options = Options {
        max_data_segments: Some(max_data_segments),
        ..Options::default()
    };
    initialize(wasm, &options).map(|initialized| initialized.wasm)
}

fn segment_count(wasm: &[u8]) -> usize {
    let module = Module::parse(wasm).unwrap_or_else(|error| panic!("{error}"));
    module.data.len()
}

fn instantiate(wasm: &[u8]) -> (Store<()>, Instance) {
    let module = wasmtime::Module::new(&ENGINE, wasm).expect("it is valid");
    let mut store = Store::new(&ENGINE, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
    (store, instance)
}

/// All exported memories right after instantiation.
fn memories(wasm: &[u8]) -> Vec<Vec<u8>> {
    let (mut store, instance) = instantiate(wasm);
    exported_memories(&mut store, instance)
}

/// All exported memories once init has run, without any help of this package.
fn memories_after_init(wasm: &[u8]) -> Vec<Vec<u8>> {
    let (mut store, instance) = instantiate(wasm);
    let init = instance.get_typed_func::<(), ()>(&mut store, "wizer-initialize");
    init.and_then(|init| init.call(&mut store, ()))
        .expect("it runs");
    exported_memories(&mut store, instance)
}

fn exported_memories(store: &mut Store<()>, instance: Instance) -> Vec<Vec<u8>> {
    let exports = instance.exports(&mut *store);
    let memories: Vec<_> = exports.filter_map(wasmtime::Export::into_memory).collect();
    memories
        .iter()
        .map(|memory| memory.data(&*store).to_vec())
        .collect()
}

fn assert_refused(result: Result<Vec<u8>, Error>, least: usize) {
    let error = result.expect_err("the cap is too low");
    assert_eq!(error.code(), "ERR_INVALID_OPTION");
    let message = error.to_string();
    assert!(message.contains("maxDataSegments"), "{message}");
    assert!(message.contains(&format!("at least {least}")), "{message}");
}

/// Sets every 100th byte, so that each is a segment of its own.
fn scattered(bytes: usize) -> Vec<u8> {
    assemble(&format!(
        r#"(module
            (memory (export "memory") {pages})
            (func (export "wizer-initialize")
                (local $at i32)
                (loop $next
                    (i32.store8 (local.get $at) (i32.const 1))
                    (local.set $at (i32.add (local.get $at) (i32.const 100)))
                    (br_if $next (i32.lt_u (local.get $at) (i32.const {end}))))))"#,
        pages = (bytes * 100).div_ceil(65_536),
        end = bytes * 100,
    ))
}

/// A memory that is set in one place.
const ONE_PLACE: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "wizer-initialize") (i32.store (i32.const 100) (i32.const -1))))"#;

#[test]
fn memory_without_a_set_byte_needs_no_segment_whatever_the_cap() {
    let wasm = assemble(r#"(module (memory 1) (func (export "wizer-initialize")))"#);
    for cap in [0, 1, 100] {
        assert_eq!(
            segment_count(&with_cap(&wasm, cap).expect("0 segments are enough")),
            0
        );
    }
}

#[test]
fn a_module_without_memory_needs_no_segment_whatever_the_cap() {
    let wasm = assemble(r#"(module (func (export "wizer-initialize")))"#);
    assert_eq!(
        segment_count(&with_cap(&wasm, 0).expect("0 segments are enough")),
        0
    );
}

#[test]
fn a_cap_of_zero_is_refused_where_memory_is_set() {
    assert_refused(with_cap(&assemble(ONE_PLACE), 0), 1);
}

#[test]
fn a_cap_of_one_is_one_segment() {
    for wasm in [assemble(ONE_PLACE), scattered(500)] {
        let output = with_cap(&wasm, 1).expect("1 segment is enough");
        assert_eq!(segment_count(&output), 1);
        assert_eq!(memories(&output), memories_after_init(&wasm));
    }
}

#[test]
fn exactly_as_many_segments_as_the_cap_are_left_alone() {
    let wasm = scattered(500);
    let uncapped = with_cap(&wasm, usize::MAX).expect("it runs");
    assert_eq!(segment_count(&uncapped), 500);
    assert!(with_cap(&wasm, 500).expect("it runs") == uncapped);
    assert!(with_cap(&wasm, 501).expect("it runs") == uncapped);
}

#[test]
fn more_segments_than_the_cap_become_as_many_as_the_cap() {
    let wasm = scattered(500);
    for cap in [2, 3, 250, 499] {
        let output = with_cap(&wasm, cap).expect("it runs");
        assert_eq!(segment_count(&output), cap);
        assert_eq!(memories(&output), memories_after_init(&wasm));
    }
}

#[test]
fn the_default_cap_holds_for_a_memory_with_more_places() {
    let wasm = scattered(DEFAULT_MAX_DATA_SEGMENTS + 1);
    let output = initialize(&wasm, &Options::default())
        .expect("it runs")
        .wasm;
    assert_eq!(segment_count(&output), DEFAULT_MAX_DATA_SEGMENTS);
    assert_eq!(memories(&output), memories_after_init(&wasm));
}

#[test]
fn passive_segments_that_stay_count_towards_the_cap() {
    let wasm = assemble(
        r#"(module
            (memory (export "memory") 1)
            (data $kept "kept")
            (data $dropped "dropped")
            (data $also_kept "also kept")
            (func (export "wizer-initialize")
                (data.drop $dropped)
                (i32.store8 (i32.const 0) (i32.const 1))
                (i32.store8 (i32.const 1000) (i32.const 2))
                (i32.store8 (i32.const 3000) (i32.const 3)))
            (func (export "use") (data.drop $kept) (data.drop $also_kept)))"#,
    );
    assert_refused(with_cap(&wasm, 2), 3);
    for (cap, segments) in [(3, 3), (4, 4), (5, 5), (6, 5)] {
        let output = with_cap(&wasm, cap).expect("it runs");
        assert_eq!(segment_count(&output), segments, "cap {cap}");
        assert_eq!(memories(&output), memories_after_init(&wasm));
    }
}

#[test]
fn active_segments_that_code_can_name_count_towards_the_cap_though_they_are_empty() {
    let wasm = assemble(
        r#"(module
            (memory (export "memory") 1)
            (data $first (i32.const 0) "first")
            (data $second (i32.const 10) "second")
            (data $third (i32.const 20) "third")
            (func (export "wizer-initialize") (memory.fill (i32.const 0) (i32.const 0) (i32.const 20)))
            (func (export "use") (data.drop $first) (data.drop $second) (data.drop $third)))"#,
    );
    assert_refused(with_cap(&wasm, 2), 3);
    let output = with_cap(&wasm, 3).expect("it runs");
    assert_eq!(segment_count(&output), 3);
    assert_eq!(memories(&output), memories_after_init(&wasm));
}

#[test]
fn active_segments_that_nothing_can_name_do_not_count() {
    let wasm = assemble(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 0) "first")
            (data (i32.const 1000) "second")
            (data (i32.const 2000) "third")
            (func (export "wizer-initialize")))"#,
    );
    let output = with_cap(&wasm, 1).expect("1 segment is enough");
    assert_eq!(segment_count(&output), 1);
    assert_eq!(memories(&output), memories_after_init(&wasm));
}

#[test]
fn every_memory_that_is_set_needs_a_segment() {
    let wasm = assemble(
        r#"(module
            (memory $zero (export "zero") 1)
            (memory $empty (export "empty") 1)
            (memory $two (export "two") 1)
            (func (export "wizer-initialize")
                (i32.store8 $zero (i32.const 65535) (i32.const 1))
                (i32.store8 $two (i32.const 0) (i32.const 2))
                (i32.store8 $two (i32.const 65535) (i32.const 3))))"#,
    );
    assert_refused(with_cap(&wasm, 1), 2);
    for cap in [2, 3, 4] {
        let output = with_cap(&wasm, cap).expect("it runs");
        assert_eq!(segment_count(&output), cap.min(3));
        assert_eq!(memories(&output), memories_after_init(&wasm));
    }
}

#[test]
fn bytes_in_the_upper_half_of_a_32_bit_memory_stay_where_they_are() {
    // The operand of `i32.const` is signed, so these addresses are negative numbers in it.
    let wasm = assemble(
        r#"(module
            (memory (export "memory") 32769)
            (func (export "wizer-initialize")
                (i32.store8 (i32.const 0x7fffffff) (i32.const 1))
                (i32.store8 (i32.const 0x80000010) (i32.const 2))
                (i32.store8 (i32.const 0x8000ffff) (i32.const 3))))"#,
    );
    for cap in [1, 3] {
        let output = with_cap(&wasm, cap).expect("it runs");
        assert_eq!(segment_count(&output), cap);
        let (mut store, instance) = instantiate(&output);
        let memory = instance
            .get_memory(&mut store, "memory")
            .expect("it is exported");
        let bytes = memory.data(&store);
        assert_eq!(bytes.len(), 0x8001_0000);
        assert_eq!(
            [bytes[0x7fff_ffff], bytes[0x8000_0010], bytes[0x8000_ffff]],
            [1, 2, 3]
        );
    }
}

/// A module with many active segments, and one that is passive where code names it.
fn with_segments(active: usize, code: &str, passive: &str) -> Vec<u8> {
    let active: String = (0..active)
        .map(|number| format!("(data (i32.const {}) \"\\01\")", number % 100))
        .collect();
    assemble(&format!(
        r#"(module
            (memory (export "memory") 1)
            {active} {passive}
            (func (export "wizer-initialize") (i32.store8 (i32.const 200) (i32.const 1)))
            (func (export "later") {code})
            ;; What memory.init and data.drop begin with, in a constant.
            (func (export "constants") (result i64) (i64.const 0x7c0908fc_0908fc00)))"#
    ))
}

fn with_data_count(wasm: &[u8]) -> Vec<u8> {
    let module = Module::parse(wasm).unwrap_or_else(|error| panic!("{error}"));
    assert!(module.data_count.is_none(), "the text needs none");
    let code = module.section(10).expect("it has code").range.start;
    let mut counted = wasm[..code].to_vec();
    let count = wasm_encoder::DataCountSection {
        count: u32::try_from(module.data.len()).expect("there are few"),
    };
    wasm_encoder::Section::append_to(&count, &mut counted);
    counted.extend_from_slice(&wasm[code..]);
    counted
}

#[test]
fn segments_that_no_code_names_leave_no_trace_although_they_are_counted() {
    // More than the default cap.
    let wasm = with_data_count(&with_segments(20_000, "", ""));
    let output = initialize(&wasm, &Options::default()).expect("none has to stay");
    assert_eq!(segment_count(&output.wasm), 2);
    assert!(memories(&output.wasm) == memories_after_init(&wasm));
}

#[test]
fn segments_that_code_names_all_keep_their_place() {
    let drop_last = "(data.drop 20000)";
    let wasm = with_segments(20_000, drop_last, "(data \"passive\")");
    let output = initialize(&wasm, &Options::default()).expect("the default rises");
    assert_eq!(segment_count(&output.wasm), 20_001);
    assert!(memories(&output.wasm) == memories_after_init(&wasm));
    assert_refused(with_cap(&wasm, 20_000), 20_001);
}

#[test]
fn every_instruction_that_names_a_segment_keeps_it() {
    for code in [
        "(memory.init 12 (i32.const 0) (i32.const 0) (i32.const 0))",
        "(data.drop 12)",
        "(drop (array.new_data $bytes 12 (i32.const 0) (i32.const 0)))",
        "(array.init_data $bytes 12 (array.new $bytes (i32.const 0) (i32.const 9)) \
            (i32.const 0) (i32.const 0) (i32.const 0))",
    ] {
        let wasm = with_segments(
            12,
            code,
            "(type $bytes (array (mut i8))) (data \"passive\")",
        );
        let output = initialize(&wasm, &Options::default())
            .expect("it runs")
            .wasm;
        let module = Module::parse(&output).unwrap_or_else(|error| panic!("{error}"));
        assert!(module.data[12].passive, "{code}");
        assert_eq!(module.data[12].len, 7, "{code}");
    }
}

/// Active segments of two memories; the second has 64-bit addresses.
fn written_memories() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 1..40);
    let address = prop_oneof![0_usize..300, 0_usize..65_000, 65_530_usize..65_600];
    let write = (any::<bool>(), address, bytes);
    prop::collection::vec(write, 0..60).prop_map(|writes| {
        let mut data = wasm_encoder::DataSection::new();
        for (second, address, bytes) in writes {
            if second {
                let address = i64::try_from(address).expect("it is small");
                data.active(1, &wasm_encoder::ConstExpr::i64_const(address), bytes);
            } else {
                let address = i32::try_from(address).expect("it is small");
                data.active(0, &wasm_encoder::ConstExpr::i32_const(address), bytes);
            }
        }
        let mut wasm = assemble(
            r#"(module
                (memory (export "small") 2)
                (memory (export "large") i64 2)
                (func (export "wizer-initialize")))"#,
        );
        wasm_encoder::Section::append_to(&data, &mut wasm);
        wasm
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn memories_hold_the_same_bytes_whatever_the_cap(wasm in written_memories()) {
        let expected = memories_after_init(&wasm);
        for cap in [2, 3, 5, 10, 30, 1000] {
            let options = Options {
                max_data_segments: Some(cap),
                engine: EngineChoice::Baseline,
                ..Options::default()
            };
            let output = initialize(&wasm, &options).expect("2 segments are enough").wasm;
            prop_assert!(segment_count(&output) <= cap);
            prop_assert!(memories(&output) == expected, "with a cap of {}", cap);
        }
    }
}
