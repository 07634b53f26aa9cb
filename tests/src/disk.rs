//! A FUSE disk for the files of a host. A test can cut the power of this disk.
//!
//! After a power cut, the module provides an image that a real disk could have: all data that an fsync covered, and any
//! part of the data that no fsync covered. The module uses no real disk, and unmounts the FUSE disk on drop. The next
//! mount removes mounts that an earlier run left.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fuser::{BackgroundSession, Config, MountOption, SessionACL};

pub use self::cut::Manner;
pub use self::faults::Lie;
pub use self::image::Image;
use self::power::Power;
use self::serve::Served;
use crate::rng::Rng;

mod contents;
mod cut;
mod entries;
mod faults;
mod image;
mod power;
mod serve;

#[cfg(test)]
mod tests;

/// The prefix of the mount names in `/proc/mounts`. The process id follows the prefix.
const NAME: &str = "deed-disk-";

/// A mounted disk.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    power: Arc<Power>,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts an empty disk at a folder. Fails when this machine does not permit mounting.
    pub fn mount(at: &Path) -> io::Result<Self> {
        detach_stale();
        let meta = fs::metadata(at)?;
        let power = Arc::new(Power::default());
        let served = Served { power: Arc::clone(&power), owner: (meta.uid(), meta.gid()) };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(format!("{NAME}{}", std::process::id())),
            MountOption::NoAtime,
            MountOption::NoDev,
            MountOption::NoSuid,
        ];
        config.acl = SessionACL::Owner;
        let session = fuser::spawn_mount(served, at, &config)?;
        Ok(Self { at: at.to_owned(), power, session: Some(session) })
    }

    /// Replaces the content with this image, switches the power on and clears all faults. No file of the disk may be
    /// open during the replacement.
    pub fn load(&self, image: Image) {
        self.power.load(image);
    }

    /// The present content of the disk, durable or not.
    pub fn image(&self) -> Image {
        self.power.lock().image.clone()
    }

    /// Cuts the power after this many more changes, in place of the next change. A change is a write, a changed name,
    /// or an fsync.
    pub fn cut_after(&self, changes: u64) {
        self.power.cut_after(changes);
    }

    /// Cuts the power now. Requests get no answer until the disk is switched off.
    pub fn cut(&self) {
        self.power.cut();
    }

    /// Waits until the power is cut. Returns whether the power was cut in time.
    pub fn wait(&self, patience: Duration) -> bool {
        self.power.wait(patience)
    }

    /// Answers waiting requests and all later requests with an error, until an image is loaded. The caller must kill
    /// the programs before, because they lost power too.
    pub fn off(&self) {
        self.power.off();
    }

    /// The number of changes that were made or started since the image was loaded.
    pub fn changes(&self) -> u64 {
        self.power.changes()
    }

    /// The content of the disk when the power returns.
    pub fn after(&self, manner: Manner, rng: &mut Rng) -> Image {
        self.power.lock().image.cut(manner, rng)
    }

    /// Limits the free space to this many bytes; `None` removes the limit.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut state = self.power.lock();
        state.faults.room = bytes.map(|bytes| state.image.used().saturating_add(bytes));
    }

    /// Makes the next fsync of a file fail if its path contains `part`. The data that the fsync had to write is lost.
    pub fn fail_sync(&self, part: &str) {
        self.power.lock().faults.sync = Some(part.to_owned());
    }

    /// Makes the next write to a file fail if its path contains `part`.
    pub fn fail_write(&self, part: &str) {
        self.power.lock().faults.write = Some(part.to_owned());
    }

    /// From now on, an fsync that `lie` selects does nothing, as if the host had forgotten the fsync.
    pub fn lie(&self, lie: Option<Lie>) {
        self.power.lock().faults.lie = lie;
    }

    /// Whether a fault that was set has not occurred yet.
    pub fn has_fault(&self) -> bool {
        let state = self.power.lock();
        state.faults.sync.is_some() || state.faults.write.is_some()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Every waiting request gets an error, because neither the kernel nor a process may wait for an answer that
        // never arrives.
        self.power.off();
        let ended = self.session.take().map_or(Ok(()), BackgroundSession::umount_and_join);
        if ended.is_err() {
            detach(&self.at);
        }
    }
}

/// Unmounts disks of processes that have ended.
fn detach_stale() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(source), Some(at)) = (words.next(), words.next()) else { continue };
        let Some(process) = source.strip_prefix(NAME) else { continue };
        if !Path::new("/proc").join(process).exists() {
            detach(Path::new(at));
        }
    }
}

fn detach(at: &Path) {
    // A mount that cannot be detached stays visible in `/proc/mounts`.
    Command::new("umount").arg("--lazy").arg(at).status().ok();
}
