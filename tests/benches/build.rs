//! Passes the compiler version, target and optimization level to the benches, because instruction counts of two
//! compilers are not comparable.

use std::env;
use std::error::Error;
use std::io;
use std::io::Write as _;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let said = Command::new(variable("RUSTC")?).arg("--version").output()?.stdout;
    let rustc = String::from_utf8(said)?;
    let (rustc, target) = (rustc.trim(), variable("TARGET")?);
    let level = variable("OPT_LEVEL")?;
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_RUSTC={rustc}")?;
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_TARGET={target}")?;
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_LEVEL={level}")?;
    writeln!(cargo, "cargo::rerun-if-changed=build.rs")?;
    Ok(())
}

/// Reads a variable that Cargo sets. Fails when the variable is missing or is not UTF-8.
fn variable(name: &str) -> Result<String, String> {
    let set = env::var_os(name).and_then(|value| value.into_string().ok());
    set.ok_or_else(|| format!("cargo does not set {name}"))
}
