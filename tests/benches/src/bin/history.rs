//! `history DIR ACTIONS`: writes a history of this many actions into a served directory that no host has
//! open, modelled on the actions that ended there. For measurements only; its bundles cannot be verified.

use std::io::Write as _;
use std::path::PathBuf;

use deed_benches::history;
use deed_tests::services::Result;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let (Some(dir), Some(actions), None) = (args.next(), args.next(), args.next()) else {
        return Err("say which directory and how many actions: history DIR ACTIONS".into());
    };
    let written = history::write(&PathBuf::from(dir), actions.parse()?)?;
    writeln!(std::io::stdout(), "{written}")?;
    Ok(())
}
