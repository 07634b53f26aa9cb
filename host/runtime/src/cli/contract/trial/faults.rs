//! Checks the directory of a trial with the code of `deed pin` and `deed check`, and reports each fault at the author's own
//! file. The files in the directory are copies, and the author has never seen its `deed.toml`.

use std::path::Path;

use super::directory::{CONTRACT, adapter, policy};
use super::inputs::Inputs;
use crate::cli::check::faults;
use crate::cli::out::Failure;
use crate::config::{Fault, PinError, Plan, place};

/// Pins the contract and the adapter, and checks the directory.
pub(in crate::cli) fn check(served: &Path, inputs: &Inputs) -> Result<(), Failure> {
    // The check compiles the adapter for the host's cache, so it is not compiled here as well.
    let pinned = Plan::make(served).and_then(Plan::carry_out);
    pinned.map_err(|error| match &error {
        PinError::Faults(faults) => told(faults.list(), inputs),
        error => Failure::Failed(local(&error.to_string(), inputs)),
    })?;
    let (_, faults) = faults(served);
    if faults.is_empty() { Ok(()) } else { Err(told(&faults, inputs)) }
}

fn told(faults: &[Fault], inputs: &Inputs) -> Failure {
    let line = |fault: &Fault| {
        let what = local(&fault.what, inputs);
        if fault.file == "deed.toml" {
            return what;
        }
        format!("{}: {what}", place(&local(&fault.file, inputs), fault.line))
    };
    let lines: Vec<String> = faults.iter().map(line).collect();
    Failure::Failed(lines.join("\n"))
}

/// The text with the author's names of the files in place of the copies.
pub(in crate::cli) fn local(text: &str, inputs: &Inputs) -> String {
    let policies = inputs.policies.iter().enumerate().map(|(n, own)| (policy(n), &own.name));
    let wasm = inputs.adapter.iter().map(|own| (adapter(&inputs.contract), &own.name));
    let names = policies.chain(wasm).chain([(CONTRACT.to_owned(), &inputs.file.name)]);
    names.fold(text.trim_end().to_owned(), |text, (copy, own)| text.replace(&copy, own))
}
