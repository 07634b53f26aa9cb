//! `history DIR ACTIONS` writes a history of this many actions into a served directory that no host has open. The new
//! actions are copies of actions that have ended in this directory. The result is for measurements only: its bundles
//! cannot be verified.

use std::io::Write as _;
use std::path::PathBuf;

use deed_benches::history;
use deed_tests::services::Result;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(dir), Some(actions), None) = (args.next(), args.next(), args.next()) else {
        return Err("the directory or the number is missing: history DIR ACTIONS".into());
    };
    let written = history::write(&PathBuf::from(dir), actions.parse()?)?;
    writeln!(std::io::stdout(), "{written}")?;
    Ok(())
}
