//! A C program that leaves words behind on its stack goes in; the output does not have them, and
//! has everything else.
//!
//! The fixtures are one program in each layout that a linker knows, built by
//! `tests/fixtures/dead_stack/build.sh`.

use wasm_preinit::module::Module as Parsed;
use wasm_preinit::snapshot::dead_stack::find;
use wasm_preinit::{Options, initialize};
use wasmtime::{Engine, Instance, Module, Store};

const STACK_FIRST: &[u8] = include_bytes!("fixtures/dead_stack/stack-first.wasm");
const STACK_FIRST_STRIPPED: &[u8] = include_bytes!("fixtures/dead_stack/stack-first-stripped.wasm");
const STACK_LAST: &[u8] = include_bytes!("fixtures/dead_stack/stack-last.wasm");
const STACK_LAST_DATA_END: &[u8] = include_bytes!("fixtures/dead_stack/stack-last-data-end.wasm");
const STACK_LAST_STACK_LOW: &[u8] = include_bytes!("fixtures/dead_stack/stack-last-stack-low.wasm");

/// How many words init leaves behind.
const LEFTOVERS: usize = 2000;

fn options(zero_dead_stack: bool) -> Options {
    Options {
        zero_dead_stack,
        ..Options::default()
    }
}

/// A module's memory as it starts, and what its `result` then says.
fn start(wasm: &[u8]) -> (Vec<u8>, i32) {
    let engine = Engine::default();
    let module = Module::new(&engine, wasm).expect("the output is valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("the program imports nothing");
    let memory = instance.get_memory(&mut store, "memory");
    let bytes = memory
        .expect("the program has a memory")
        .data(&store)
        .to_vec();
    let result = instance
        .get_typed_func::<(), i32>(&mut store, "result")
        .and_then(|result| result.call(&mut store, ()));
    (bytes, result.expect("the program runs"))
}

fn is_leftover(word: &[u8]) -> bool {
    word[1..] == [0xe7, 0xc2, 0x5e]
}

#[test]
fn leftovers_on_the_stack_are_gone_and_static_data_is_not() {
    for (name, wasm) in [
        ("stack-first", STACK_FIRST),
        ("stack-first-stripped", STACK_FIRST_STRIPPED),
        ("stack-last-data-end", STACK_LAST_DATA_END),
        ("stack-last-stack-low", STACK_LAST_STACK_LOW),
    ] {
        let whole = initialize(wasm, &options(false))
            .expect("the program runs")
            .wasm;
        let cleared = initialize(wasm, &options(true))
            .expect("the program runs")
            .wasm;
        let (before, expected) = start(&whole);
        let (after, actual) = start(&cleared);
        assert_eq!(actual, expected, "{name}");
        assert_eq!(before.len(), after.len(), "{name}");
        let leftovers = before.chunks(4).filter(|word| is_leftover(word)).count();
        assert!(leftovers >= LEFTOVERS, "{name}: {leftovers}");
        // All that differs are the words between the first and the last leftover, and what the
        // compiler keeps beside them.
        let differ: Vec<usize> = (0..before.len())
            .filter(|&at| before[at] != after[at])
            .collect();
        let (Some(first), Some(last)) = (differ.first(), differ.last()) else {
            panic!("{name}: nothing was cleared");
        };
        assert!(last - first < LEFTOVERS * 4 + 64, "{name}: {first}..{last}");
        assert!(
            after[*first..=*last].iter().all(|&byte| byte == 0),
            "{name}"
        );
        assert!(!after.chunks(4).any(is_leftover), "{name}");
        assert!(cleared.len() + LEFTOVERS * 4 - 64 < whole.len(), "{name}");
    }
}

#[test]
fn a_stack_behind_static_data_that_ends_somewhere_is_left_alone() {
    let error = initialize(STACK_LAST, &options(true)).expect_err("the stack's end is not known");
    assert_eq!(error.code(), "ERR_UNSUPPORTED");
    let message = error.to_string();
    assert!(
        message.contains("__stack_low") && message.contains("zeroDeadStack"),
        "{message}"
    );
    initialize(STACK_LAST, &options(false)).expect("without the option it runs");
}

#[test]
fn an_output_is_cleared_like_its_input_when_it_is_initialized_again() {
    let keep = Options {
        keep_init_func: true,
        ..options(false)
    };
    for wasm in [
        STACK_FIRST_STRIPPED,
        STACK_LAST_DATA_END,
        STACK_LAST_STACK_LOW,
    ] {
        let once = initialize(wasm, &keep).expect("the program runs").wasm;
        let (_, expected) = start(&initialize(&once, &options(false)).expect("it runs").wasm);
        let twice = initialize(&once, &options(true))
            .expect("it runs again")
            .wasm;
        let (memory, actual) = start(&twice);
        assert_eq!(actual, expected);
        assert!(!memory.chunks(4).any(is_leftover));
    }
    // Leftovers of the first run stand where the stack is: there is no telling them from data.
    let once = initialize(STACK_FIRST, &keep)
        .expect("the program runs")
        .wasm;
    let error = initialize(&once, &options(true)).expect_err("data is below the stack's top");
    assert_eq!(error.code(), "ERR_UNSUPPORTED");
}

#[test]
fn a_broken_name_section_is_no_proof_and_no_harm() {
    let sound = Parsed::parse(STACK_FIRST).expect("the fixture is valid");
    let stack = find(&sound).expect("the stack comes first");
    let mut names = sound.sections.iter();
    let names = names.find(|section| section.custom_name == "name");
    let names = names.expect("the fixture has names").contents.clone();
    // Behind the name of the section itself.
    for position in names.start + 5..names.end {
        for value in [0, 1, 7, 0x7f, 0x80, 0xff] {
            let mut wasm = STACK_FIRST.to_vec();
            wasm[position] = value;
            let module = Parsed::parse(&wasm).expect("custom sections may hold anything");
            match find(&module) {
                // A name of another global, or of none, is all that can have changed.
                Ok(found) => assert_eq!(found.stack_pointer, stack.stack_pointer),
                Err(error) => assert_eq!(error.code(), "ERR_UNSUPPORTED"),
            }
        }
    }
}
