//! Fuzz targets: each is a function of bytes that panics when a property does not hold.
//!
//! The same function runs under libFuzzer (`make fuzz`) and over the committed corpus (`make test`).
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a target fails by panicking"
)]

mod answers;
mod codecs;
mod configuration;
mod contracts;
mod front;
mod mixed;
mod places;
mod plans;
mod proofs;
mod sealed;
mod served;
pub mod template;

use std::path::Path;
use std::sync::OnceLock;

pub use self::served::clean;

/// A fuzz target: a part of the system that receives bytes from outside.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of the target. The target's corpus is the file `corpus/NAME`, with one base64 input per line.
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Valid inputs from which the fuzzer starts.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

macro_rules! targets {
    ($($name:literal: $run:path, $seeds:path;)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: $name, run: $run, seeds: $seeds }),*];
    };
}

targets! {
    "template": template::run, template::seeds;
    "mixed": mixed::run, mixed::seeds;
    "contract": contracts::contract, contracts::contract_seeds;
    "plan": plans::run, plans::seeds;
    "proposal": contracts::proposal, contracts::proposal_seeds;
    "configuration": configuration::run, configuration::seeds;
    "approval": answers::run, answers::seeds;
    "front": front::run, front::seeds;
    "state": places::run, places::seeds;
    "json": codecs::json, codecs::json_seeds;
    "form": codecs::form, codecs::form_seeds;
    "xml": codecs::xml, codecs::xml_seeds;
    "note": proofs::note, proofs::note_seeds;
    "policy": proofs::policy, proofs::policy_seeds;
    "checkpoint": sealed::checkpoint, sealed::checkpoint_seeds;
    "proof": sealed::proof, sealed::proof_seeds;
    "tile": sealed::tile, sealed::tile_seeds;
    "envelope": sealed::envelope, sealed::envelope_seeds;
    "statement": sealed::statement, sealed::statement_seeds;
    "bundle": proofs::bundle, proofs::bundle_seeds;
}

/// The target that the variable `FUZZ_TARGET` names.
pub fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var_os("FUZZ_TARGET").unwrap_or_default();
        let found = TARGETS.iter().find(|target| name == target.name);
        found.unwrap_or_else(|| panic!("no fuzz target `{}`", name.display()))
    })
}

/// Writes the chosen target's seeds into the directory that `FUZZ_SEEDS` names, if it is set.
pub fn sow() {
    let Some(dir) = std::env::var_os("FUZZ_SEEDS") else { return };
    for (index, seed) in (chosen().seeds)().into_iter().enumerate() {
        std::fs::write(Path::new(&dir).join(format!("seed-{index}")), seed).unwrap();
    }
}
