//! Tests that the journal keeps the contract of [`Store`], however many of the unsynced bytes survive a crash.

use super::*;
use crate::conformance::{Place as StorePlace, broken};

/// A place for a journal. After a crash, `left` percent of the bytes that were not synced are still there.
struct Files {
    scratch: Scratch,
    left: u64,
    open: Option<Journal>,
}

impl Files {
    fn new(left: u64) -> Self {
        Self { scratch: Scratch::new(), left, open: None }
    }
}

impl StorePlace for Files {
    fn open(&mut self) -> Result<Arc<dyn Store>, String> {
        self.open = None;
        let journal = open(&self.scratch.0).map_err(|error| error.to_string())?;
        self.open = Some(journal.clone());
        Ok(Arc::new(journal))
    }

    /// Copies the files to another directory, with only `left` percent of the bytes that are not synced. The test
    /// cannot go on with the original files, because a journal syncs everything when it is dropped.
    fn crash(&mut self, store: Arc<dyn Store>) -> Result<(), String> {
        let journal = self.open.take().ok_or("it is not open")?;
        let after = Scratch::new();
        // The end of the synced part is read before the files are copied, because a sync between the two steps would
        // move this end.
        let synced = *hold(&journal.shared.synced);
        copied(&self.scratch.0, &after.0).map_err(|error| error.to_string())?;
        let last = file::path(&after.path("segments"), synced.segment);
        let written = fs::metadata(&last).map_err(|error| error.to_string())?.len();
        // A closed journal is completely on disk.
        let left = if hold(&journal.shared.sender).is_none() { 100 } else { self.left };
        let end = synced.offset + written.saturating_sub(synced.offset) * left / 100;
        let cut = fs::OpenOptions::new().write(true).open(&last);
        cut.and_then(|cut| cut.set_len(end)).map_err(|error| error.to_string())?;
        drop((store, journal));
        self.scratch = after;
        Ok(())
    }
}

fn copied(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copied(&path, &to)?;
        } else {
            match fs::copy(&path, to) {
                // The index may have removed the file since the directory was listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied?),
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_journal_keeps_the_contract_of_every_store() {
    for left in [0, 1, 37, 50, 99, 100] {
        let found = broken(|| Files::new(left)).await;
        assert_eq!(found, Vec::new(), "with {left} % of what was not on disk");
    }
}
