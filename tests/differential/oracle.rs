//! Cases go in, V8's verdict on each comes out: `differential.mjs` in Node, one process a batch.

use crate::case::{Case, Expected, Verdict};
use crate::generate::Features;
use crate::shape::Shape;
use crate::supply::to_json;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Flags of Node that turn on what the generator can use, where this Node knows them.
const FLAGS: [&str; 3] = [
    "--experimental-wasm-extended-const",
    "--experimental-wasm-memory64",
    "--experimental-wasm-multi-memory",
];

pub struct Oracle {
    flags: Vec<&'static str>,
    pub features: Features,
}

impl Oracle {
    pub fn find() -> Self {
        let known = output(Command::new("node").arg("--v8-options"));
        let flags: Vec<&str> = FLAGS
            .into_iter()
            .filter(|flag| known.contains(flag))
            .collect();
        let features = output(
            Command::new("node")
                .args(&flags)
                .arg(script())
                .arg("features"),
        );
        Self {
            flags,
            features: features.split_whitespace().map(String::from).collect(),
        }
    }

    /// One verdict for each case, in order: all in one process, as each takes its time to start.
    pub fn judge(&self, cases: &[Case]) -> Vec<Verdict> {
        let mut node = Command::new("node")
            .args(&self.flags)
            .arg(script())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is on the path");
        // The script reads all of its input before it writes the first verdict. If it has died,
        // the verdicts that are missing tell.
        let input: Vec<u8> = cases.iter().flat_map(encode).collect();
        let _ = node.stdin.take().expect("it is piped").write_all(&input);
        let finished = node.wait_with_output().expect("node can be waited for");
        let lines = String::from_utf8_lossy(&finished.stdout);
        let mut lines = lines.lines();
        let verdicts = cases.iter().map(|case| match lines.next() {
            Some(line) => verdict(case, line),
            None => Verdict::Different(format!("no verdict; node ended with {}", finished.status)),
        });
        verdicts.collect()
    }
}

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/differential.mjs")
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("node is on the path");
    assert!(
        output.status.success(),
        "{command:?} ended with {}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The length of a JSON header, the header, the original, the output.
fn encode(case: &Case) -> Vec<u8> {
    let nothing = String::new;
    let (outcome, detail, output): (_, _, &[u8]) = match &case.expected {
        Expected::Initialized(output) => ("initialized", nothing(), output),
        Expected::Returns => ("returns", nothing(), &[]),
        Expected::Trap(kind) => ("trap", (*kind).to_owned(), &[]),
        Expected::Import(position) => ("import", position.to_string(), &[]),
        Expected::Stack => ("stack", nothing(), &[]),
    };
    let imports = to_json(&Shape::read(&case.original), &case.supply.given);
    let output_imports = match output {
        [] => "[]".to_owned(),
        output => to_json(&Shape::read(output), &case.supply.afterwards()),
    };
    let header = format!(
        r#"{{"seed":{},"outcome":"{outcome}","detail":"{detail}","imports":{imports},"outputImports":{output_imports},"originalBytes":{},"outputBytes":{}}}"#,
        case.seed,
        case.original.len(),
        output.len(),
    );
    let header_len = u32::try_from(header.len()).expect("a header is short");
    let mut encoded = header_len.to_le_bytes().to_vec();
    encoded.extend_from_slice(header.as_bytes());
    encoded.extend_from_slice(&case.original);
    encoded.extend_from_slice(output);
    encoded
}

/// A line is the seed, a word and a detail, with tabs between.
fn verdict(case: &Case, line: &str) -> Verdict {
    let mut fields = line.splitn(3, '\t');
    let seed = fields.next().and_then(|seed| seed.parse().ok());
    assert_eq!(seed, Some(case.seed), "the verdicts come in order: {line}");
    match fields.next() {
        Some("same") => Verdict::Same(BTreeSet::new()),
        Some("stack") => Verdict::StackExhausted,
        _ => Verdict::Different(fields.next().unwrap_or(line).to_owned()),
    }
}
