//! `deed key rotate`: replaces one of a stopped host's keys, and prints what it did.
//!
//! It does not ask for confirmation: a user that can run it already has the keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use deed_record::statement::rotation::Purpose;
use deed_system::clock::Clock;

use super::out::{self, Failure, Format};
use crate::config;
use crate::maintenance::rotate::{self, Rotation};

/// Put a new key into the place of the host's receipt or log key, and say so in every log
///
/// The host must be stopped. When it was killed in the middle, run it again: it goes on where it was.
/// Afterwards write the trust directories anew (`deed trust`) and hand them out.
#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// The served directory
    dir: PathBuf,
    /// Which key: that of receipts, or that of checkpoints
    #[arg(value_enum, default_value = "receipt", value_name = "receipt|log")]
    key: Which,
    #[command(flatten)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Receipt,
    Log,
}

pub(super) fn run(args: &RotateArgs) -> Result<ExitCode, Failure> {
    let config = config::load(&args.dir).map_err(Failure::failed)?;
    let purpose = match args.key {
        Which::Receipt => Purpose::Receipt,
        Which::Log => Purpose::Log,
    };
    let done = rotate::rotate(&config, &Clock::default(), purpose).map_err(Failure::failed)?;
    args.format.print(&done, lines)?;
    out::progress("write the trust directories anew (`deed trust`), and hand them out");
    Ok(ExitCode::SUCCESS)
}

fn lines(done: &Rotation) -> String {
    let name = done.purpose.as_str();
    let mut lines = vec![
        format!("{name} key {} is retired", done.retired),
        format!("{name} key {} counts from now on", done.added),
    ];
    for log in &done.logs {
        let (tenant, until, from) = (&log.tenant, log.until_index, log.from_index);
        lines.push(format!("log of {tenant}: the old key until {until}, the new one from {from}"));
    }
    lines.join("\n")
}
