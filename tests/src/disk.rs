//! A disk for the files of a host, mounted where they belong, whose power can be cut.
//!
//! Takes what any program does with files; gives, after a cut, an image that a real disk could have
//! then: whatever fsync covered, and any part of the rest. It never touches a real disk, and is
//! unmounted when dropped. What a former run left mounted is taken away at the next mount.

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
use crate::dice::Dice;

mod contents;
mod cut;
mod entries;
mod faults;
mod image;
mod power;
mod serve;

#[cfg(test)]
mod tests;

/// How the mounts are called in `/proc/mounts`, with the process behind it.
const NAME: &str = "deed-disk-";

/// A mounted disk.
#[derive(Debug)]
pub struct Disk {
    at: PathBuf,
    power: Arc<Power>,
    session: Option<BackgroundSession>,
}

impl Disk {
    /// Mounts an empty disk at a folder; an error where this machine does not let us.
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

    /// Puts an image in the place of what is there, switches the power on and takes all faults away.
    /// Nobody may have a file open.
    pub fn load(&self, image: Image) {
        self.power.load(image);
    }

    /// What is on the disk now, durable or not.
    pub fn image(&self) -> Image {
        self.power.lock().image.clone()
    }

    /// The power goes in place of the change after so many from now: a write, a name, an fsync.
    pub fn cut_after(&self, changes: u64) {
        self.power.cut_after(changes);
    }

    /// The power goes now. Who asks the disk for anything gets no answer until it is off.
    pub fn cut(&self) {
        self.power.cut();
    }

    /// Waits until the power goes; gives whether it did.
    pub fn wait(&self, patience: Duration) -> bool {
        self.power.wait(patience)
    }

    /// Whoever still waits gets an error, as do all after it, until an image is loaded. The programs must
    /// have been killed before: they were without power too.
    pub fn off(&self) {
        self.power.off();
    }

    /// How many changes were made or begun since the image was loaded.
    pub fn changes(&self) -> u64 {
        self.power.changes()
    }

    /// What the disk has when the power comes again.
    pub fn after(&self, manner: Manner, dice: &mut Dice) -> Image {
        self.power.lock().image.cut(manner, dice)
    }

    /// From now on so many more bytes fit; none: as many as anybody likes.
    pub fn leave_room(&self, bytes: Option<u64>) {
        let mut state = self.power.lock();
        state.faults.room = bytes.map(|bytes| state.image.used().saturating_add(bytes));
    }

    /// The next fsync of a file whose path has this in it fails, and the data that it had to write are lost.
    pub fn fail_sync(&self, part: &str) {
        self.power.lock().faults.sync = Some(part.to_owned());
    }

    /// The next write to a file whose path has this in it fails.
    pub fn fail_write(&self, part: &str) {
        self.power.lock().faults.write = Some(part.to_owned());
    }

    /// From now on such an fsync does nothing: what a host does that forgets it.
    pub fn lie(&self, lie: Option<Lie>) {
        self.power.lock().faults.lie = lie;
    }

    /// Whether a fault that was set is still to be met.
    pub fn has_fault(&self) -> bool {
        let state = self.power.lock();
        state.faults.sync.is_some() || state.faults.write.is_some()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Nobody may wait for an answer that never comes, the kernel least of all.
        self.power.off();
        let ended = self.session.take().map_or(Ok(()), BackgroundSession::umount_and_join);
        if ended.is_err() {
            detach(&self.at);
        }
    }
}

/// Takes away what runs mounted that are no more.
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
    // What cannot be detached stays, and says so in /proc/mounts.
    Command::new("umount").arg("--lazy").arg(at).status().ok();
}
