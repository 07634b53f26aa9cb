//! A served directory with a thousand contracts and a hundred adapters. The contracts and adapters are renamed copies
//! of one contract and one adapter. Each adapter gets a different custom section, so that no two adapters have the same
//! bytes.

use std::fs;
use std::path::{Path, PathBuf};

use deed_tests::host;
use deed_tests::record::{Record, contracts};
use deed_tests::services::Result;

/// The number of contracts, including those that already exist. This is the maximum number of files in a folder.
const CONTRACTS: usize = 1_000;
const ADAPTERS: usize = 100;
const MODEL: &str = "crash.set";
const ADAPTER: &str = "writes-in-order";

pub(crate) fn full(dir: &Path, record: &Record) -> Result<PathBuf> {
    contracts::lay_out(dir, &record.base_url())?;
    let contract = fs::read_to_string(dir.join(format!("contracts/{MODEL}.toml")))?;
    let wasm = fs::read(dir.join(format!("adapters/{ADAPTER}.wasm")))?;
    for number in 0..ADAPTERS {
        let name = format!("adapters/{}.wasm", adapter(number));
        fs::write(dir.join(name), [&wasm, section(number).as_slice()].concat())?;
    }
    let mut grants = Vec::new();
    for number in fs::read_dir(dir.join("contracts"))?.count()..CONTRACTS {
        let name = format!("{MODEL}_{number}");
        let text = contract
            .replace(&format!("\"{MODEL}\""), &format!("\"{name}\""))
            .replace(&format!("\"{ADAPTER}\""), &format!("\"{}\"", adapter(number % ADAPTERS)));
        fs::write(dir.join(format!("contracts/{name}.toml")), text)?;
        grants.push(format!("[tenant.acme.grant.\"{name}\"]\nupstreams = [\"record\"]\n\n"));
    }
    let deed = dir.join("deed.toml");
    fs::write(&deed, fs::read_to_string(&deed)? + "\n" + &grants.concat())?;
    host::expect(&["pin", &dir.to_string_lossy()])?;
    Ok(dir.to_owned())
}

fn adapter(number: usize) -> String {
    format!("{ADAPTER}-{number}")
}

/// A custom section: its kind, its length, the length of its name, its name.
fn section(number: usize) -> Vec<u8> {
    let name = format!("copy-{number:03}");
    let length = u8::try_from(name.len()).unwrap_or_default();
    [&[0, length + 1, length], name.as_bytes()].concat()
}
