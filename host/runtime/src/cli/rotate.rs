//! `deed key rotate`: replaces a signing key of a stopped host, and prints the result.
//!
//! The command does not ask for confirmation, because a user who can run it already has the keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use deed_record::statement::rotation::Purpose;
use deed_system::clock::Clock;

use super::out::{self, Failure, Format};
use crate::config;
use crate::maintenance::rotate::{self, Rotation};

/// Replace the receipt or log key of the host, and record the change in every log
///
/// The host must be stopped. If the command is interrupted, run it again to finish the rotation. After the
/// rotation, write new trust directories with `deed trust` and distribute them.
#[derive(Debug, clap::Args)]
pub(super) struct RotateArgs {
    /// The directory that the host serves
    dir: PathBuf,
    /// The key to replace: `receipt` signs receipts, `log` signs checkpoints
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
    out::progress("write new trust directories (`deed trust`), and distribute them");
    Ok(ExitCode::SUCCESS)
}

fn lines(done: &Rotation) -> String {
    let name = done.purpose.as_str();
    let mut lines = vec![
        format!("{name} key {} is retired", done.retired),
        format!("{name} key {} is valid from now on", done.added),
    ];
    for log in &done.logs {
        let (tenant, until, from) = (&log.tenant, log.until_index, log.from_index);
        lines.push(format!("log of {tenant}: the old key until {until}, the new one from {from}"));
    }
    lines.join("\n")
}
