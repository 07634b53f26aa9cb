//! Tells the benches which compiler made them and how: instruction counts of two compilers do not compare.

use std::error::Error;
use std::io::Write as _;
use std::process::Command;
use std::{env, io};

fn main() -> Result<(), Box<dyn Error>> {
    let said = Command::new(env::var("RUSTC")?).arg("--version").output()?.stdout;
    let rustc = String::from_utf8(said)?;
    let (rustc, target) = (rustc.trim(), env::var("TARGET")?);
    let level = env::var("OPT_LEVEL")?;
    let mut cargo = io::stdout();
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_RUSTC={rustc}")?;
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_TARGET={target}")?;
    writeln!(cargo, "cargo::rustc-env=DEED_BENCH_LEVEL={level}")?;
    writeln!(cargo, "cargo::rerun-if-changed=build.rs")?;
    Ok(())
}
