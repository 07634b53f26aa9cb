//! Where cells run: a counting record with a template of a served directory in front of it. Every cell
//! gets a copy, so that none of them makes keys or compiles adapters.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use deed_tests::host::Host;
use deed_tests::record::{Record, desk};
use deed_tests::services::Result;

/// One for each worker. Dropping it removes its directories.
pub(crate) struct Bench {
    pub(crate) record: Record,
    root: PathBuf,
}

impl Bench {
    pub(crate) fn make(worker: usize) -> Result<Self> {
        let root = std::env::temp_dir().join(format!("deed-crash-{}-{worker}", std::process::id()));
        let bench = Self { record: Record::start()?, root };
        let template = bench.root.join("template");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&template)?;
        desk::lay_out(&template, &bench.record.base_url())?;
        // The first start compiles, and puts into the log what is in force.
        if !Host::serve(&template)?.stop()? {
            return Err("the host did not stop by itself".into());
        }
        desk::trust(&template)?;
        Ok(bench)
    }

    /// A directory of its own for a cell: served before, or with nothing but compiled adapters.
    pub(crate) fn fresh(&self, name: &str, served: bool) -> Result<PathBuf> {
        let dir = self.root.join(name);
        copy(&self.root.join("template"), &dir)?;
        for entry in fs::read_dir(dir.join("state"))?.filter(|_| !served) {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
            } else if entry.file_name() != "cache" {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(dir)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // What is left behind lies in the system's directory for temporary files.
        fs::remove_dir_all(&self.root).ok();
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
