//! A seed goes in, a module and what the package has made of it comes out.

use crate::append::append;
use crate::generate::{Features, generate};
use crate::rng::Rng;
use crate::shape::Shape;
use crate::structure;
use crate::supply::Supply;
use crate::uses::uses;
use std::collections::BTreeSet;
use std::fmt;
use wasm_preinit::{EngineChoice, Error, ErrorKind, Initialized, Options, Stage};

/// What a test runs its modules with.
pub struct Setting {
    /// Proposals that the oracle runs.
    pub features: Features,
    /// Whether the oracle is another engine.
    pub other_engine: bool,
}

pub struct Case {
    pub seed: u64,
    pub supply: Supply,
    pub original: Vec<u8>,
    pub expected: Expected,
    /// What the module has used.
    pub uses: BTreeSet<&'static str>,
}

/// What the oracle must find when it runs the original's init function.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// The same state as in this output.
    Initialized(Vec<u8>),
    /// It ends well, and that is all.
    Returns,
    /// It traps; the kind is that of our error.
    Trap(&'static str),
    /// It calls the host function at this position of the imported functions.
    Import(usize),
    /// It exhausts the stack.
    Stack,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialized(_) => f.write_str("pre-initialized"),
            Self::Returns => f.write_str("refused after init"),
            Self::Trap(kind) => write!(f, "trap {kind}"),
            Self::Import(_) => f.write_str("import called"),
            Self::Stack => f.write_str("stack exhausted"),
        }
    }
}

pub enum Verdict {
    /// Also, how calls have ended.
    Same(BTreeSet<&'static str>),
    /// The oracle's stack is smaller, so nothing can be said.
    StackExhausted,
    Different(String),
}

/// The module of a seed, and what is supplied for its imports.
pub fn original(seed: u64, setting: &Setting) -> (Vec<u8>, Supply) {
    let mut rng = Rng::new(seed);
    let generated = generate(&mut rng, &setting.features, setting.other_engine);
    let original = append(&generated, setting.other_engine, &mut rng);
    let supply = Supply::choose(&Shape::read(&original), &mut rng);
    (original, supply)
}

pub fn run(original: &[u8], supply: &Supply, engine: EngineChoice) -> Result<Initialized, Error> {
    let options = Options {
        engine,
        imports: Some(supply.imports(&Shape::read(original))),
        internalize: supply.internalize,
        verify: true,
        report: true,
        ..Options::default()
    };
    wasm_preinit::initialize(original, &options)
}

impl Case {
    /// Runs one module and says what the oracle must find.
    ///
    /// # Errors
    ///
    /// What is wrong with the output, or with the error.
    pub fn new(seed: u64, original: &[u8], supply: Supply) -> Result<Self, String> {
        let engine = if seed.is_multiple_of(2) {
            EngineChoice::Auto
        } else {
            EngineChoice::Optimizing
        };
        let mut used = BTreeSet::new();
        let expected = match run(original, &supply, engine) {
            Ok(Initialized { wasm, report, .. }) => {
                structure::check(original, &wasm, supply.internalize)?;
                let report = report.expect("it was asked for");
                used = uses(original, &wasm, &report, supply.internalize);
                Expected::Initialized(wasm)
            }
            Err(error) => expected_end(original, &error)?,
        };
        Ok(Self {
            seed,
            supply,
            original: original.to_vec(),
            expected,
            uses: used,
        })
    }
}

/// How init must end with the oracle, given how it ended here.
fn expected_end(original: &[u8], error: &Error) -> Result<Expected, String> {
    match error.kind() {
        ErrorKind::Trap { kind, .. } => Ok(Expected::Trap(kind.name())),
        ErrorKind::StackLimit { .. } => Ok(Expected::Stack),
        ErrorKind::ImportCalled { module, name, .. } => {
            let shape = Shape::read(original);
            let mut imports = shape.imports.iter().filter(|import| import.is_function());
            let position = imports.position(|known| known.module == *module && known.name == *name);
            let position = position.ok_or_else(|| format!("there is no import {module}.{name}"))?;
            Ok(Expected::Import(position))
        }
        // Init has run to its end, and left something that the output can't hold.
        ErrorKind::Unsupported(_) if error.stage() == Stage::Snapshot => Ok(Expected::Returns),
        _ => Err(format!("{} {error}", error.code())),
    }
}
