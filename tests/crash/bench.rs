//! The fixture of a worker: a system of record that counts the writes it applied, and a served directory that is used
//! as a template. Every cell of the crash matrix gets a copy of the directory, so that no cell has to make keys or
//! compile adapters.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use deed_tests::home::Home;
use deed_tests::record::{Record, contracts};
use deed_tests::services::Result;

/// The fixture of one worker. Workers do not share fixtures.
pub(crate) struct Bench {
    pub(crate) record: Record,
    template: Home,
}

impl Bench {
    pub(crate) fn make() -> Result<Self> {
        let (record, mut template) = (Record::start()?, Home::new("crash-template"));
        contracts::lay_out(&template.dir, &record.base_url())?;
        // The first start compiles the adapters and logs the activation statement.
        template.serve()?;
        if !template.stop()? {
            return Err("the host did not stop by itself".into());
        }
        template.trust()?;
        Ok(Self { record, template })
    }

    /// Makes a new directory for a cell of the matrix: either a directory that was served before, or a directory whose
    /// `state/` has only the compiled adapters.
    pub(crate) fn fresh(&self, served: bool) -> Result<Home> {
        let home = Home::new("crash");
        copy(&self.template.dir, &home.dir)?;
        for entry in fs::read_dir(home.dir.join("state"))?.filter(|_| !served) {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            } else if entry.file_name() != "cache" {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(home)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
