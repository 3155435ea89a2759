//! Entropy goes in, and makes a module whose every function ends; whether *init, then run* and *run
//! the output* are the same comes out.

use crate::append::append;
use crate::generate::{FUEL, Generated, base_config};
use crate::native;
use crate::rng::Rng;
use crate::shape::Shape;
use arbitrary::Unstructured;
use wasm_preinit::{DEFAULT_MAX_STACK_BYTES, EngineChoice, ErrorKind, Options, Stage, initialize};
use wasm_smith::Config;
use wasmparser::{Validator, WasmFeatures};

/// What the addon gives to a guest and to all else on the thread that runs it.
pub const STACK_BYTES: usize = DEFAULT_MAX_STACK_BYTES + (8 << 20);

/// What became of the entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// It makes no module that can be compared.
    NoModule,
    /// Init does not end well, as the module says.
    Stopped,
    /// The output is the original after init.
    Same,
}

/// Generates, runs and compares.
///
/// # Errors
///
/// What is wrong with the package, as a text for people.
pub fn check(entropy: &[u8]) -> Result<End, String> {
    let Some(original) = generate(entropy) else {
        return Ok(End::NoModule);
    };
    let options = Options {
        engine: match entropy.len() % 2 {
            0 => EngineChoice::Auto,
            _ => EngineChoice::Optimizing,
        },
        ..Options::default()
    };
    let error = match initialize(&original, &options) {
        Ok(initialized) => {
            let mut validator = Validator::new_with_features(WasmFeatures::all());
            let valid = validator.validate_all(&initialized.wasm);
            valid.map_err(|error| format!("the output is not valid: {error}"))?;
            let compared = native::compare(&original, &initialized.wasm);
            return match compared {
                Ok(None) => Ok(End::Same),
                Ok(Some(what)) => Err(format!("{what} differs")),
                Err(error) => Err(format!("only the snapshot could be taken: {error:#}")),
            };
        }
        Err(error) => error,
    };
    let by_the_module = match error.kind() {
        ErrorKind::Trap { .. } | ErrorKind::StackLimit { .. } | ErrorKind::ImportCalled { .. } => {
            true
        }
        // Init has run to its end, and left something that the output can't hold.
        ErrorKind::Unsupported(_) => error.stage() == Stage::Snapshot,
        _ => false,
    };
    if by_the_module {
        Ok(End::Stopped)
    } else {
        Err(format!("{} {error}", error.code()))
    }
}

/// A module that imports functions or nothing, exports its state, and changes it in its init
/// function.
fn generate(entropy: &[u8]) -> Option<Vec<u8>> {
    let mut unstructured = Unstructured::new(entropy);
    let config = config(&mut unstructured)?;
    let mut module = wasm_smith::Module::new(config, &mut unstructured).ok()?;
    let fuel_global = module.ensure_termination(FUEL).ok()?;
    let generated = Generated {
        wasm: module.to_bytes(),
        fuel_global,
    };
    if Shape::read(&generated.wasm).imports_state {
        return None;
    }
    let seed = entropy.iter().fold(0_u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    Some(append(&generated, false, &mut Rng::new(seed)))
}

fn config(unstructured: &mut Unstructured<'_>) -> Option<Config> {
    let mut flag = || unstructured.arbitrary::<bool>().ok();
    Some(Config {
        memory64_enabled: flag()?,
        custom_page_sizes_enabled: flag()?,
        tail_call_enabled: flag()?,
        wide_arithmetic_enabled: flag()?,
        disallow_traps: flag()?,
        max_imports: if flag()? { 2 } else { 0 },
        max_memories: if flag()? { 3 } else { 1 },
        extended_const_enabled: true,
        ..base_config()
    })
}
