//! Folders in which the host stores secrets that upstreams create. The host creates a file for each secret, and never
//! replaces a file. Only the host's user may access the folder.
//!
//! Each call walks the path to the folder again and follows no link, so it notices a folder that was replaced.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Write as _};

use cap_std::fs::{Dir, DirEntry, MetadataExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{FileError, Files, OTHERS, OTHERS_WRITE, inside, is_ours};

/// Maximum number of files of a folder that are compared to find the newest ones. Further files are ignored.
const COMPARED_MAX: usize = 100_000;

/// How a folder is opened.
const READ: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Files {
    /// Checks a folder for secrets. A folder that does not exist is valid, because the host creates it.
    ///
    /// # Errors
    ///
    /// Fails when a part of the path is a link or no folder, belongs to another user, or can be changed by others, and
    /// when others can access the folder.
    pub fn check_vault(&self, folder: &str) -> Result<(), FileError> {
        self.vault(folder, false).map(drop)
    }

    /// Checks that a new file with `room` bytes can be written to a folder for secrets. A missing folder is created.
    ///
    /// # Errors
    ///
    /// Fails when the folder is not valid, the file exists, or the file system does not accept the bytes or has no hard
    /// links.
    pub fn prepare_in_vault(&self, folder: &str, name: &str, room: usize) -> Result<(), FileError> {
        let (place, path) = (self.made_vault(folder)?, format!("{folder}/{name}"));
        match place.symlink_metadata(name) {
            Ok(_) => return Err(FileError::Exists(path)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(FileError::of(&path, e)),
        }
        let failed = |e| FileError::Make(path.clone(), e);
        let draft = draft(name);
        remove(&place, &draft).map_err(failed)?;
        let trial = format!("{draft}.link");
        remove(&place, &trial).map_err(failed)?;
        let written = write_new(&place, &draft, &vec![0; room]);
        let linked = written.and_then(|()| place.hard_link(&draft, &place, &trial));
        let removed = remove(&place, &trial).and_then(|()| remove(&place, &draft));
        linked.and(removed).map_err(failed)
    }

    /// Stores a secret durably in a new file that only its owner can read. After a crash, the file is complete or absent.
    ///
    /// # Errors
    ///
    /// Fails when the folder is not valid, the file exists, or the file cannot be written.
    pub fn store_in_vault(&self, folder: &str, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        let (place, path) = (self.made_vault(folder)?, format!("{folder}/{name}"));
        let failed = |e| FileError::Make(path.clone(), e);
        let draft = draft(name);
        remove(&place, &draft).map_err(failed)?;
        let written = write_new(&place, &draft, bytes);
        // Unlike a rename, a link never replaces a file.
        let linked = written.and_then(|()| place.hard_link(&draft, &place, name));
        let removed = remove(&place, &draft);
        match linked {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FileError::Exists(path));
            }
            linked => linked.map_err(failed)?,
        }
        removed.map_err(failed)?;
        rustix::fs::fsync(&place).map_err(|e| failed(e.into()))
    }

    /// Reads a stored secret of at most `max` bytes; `None` if there is no such file.
    ///
    /// # Errors
    ///
    /// Fails when the folder is not valid, or the file is no regular file, is too long, or cannot be read.
    pub fn stored_in_vault(
        &self,
        folder: &str,
        name: &str,
        max: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let Some(place) = self.vault(folder, false)? else { return Ok(None) };
        let path = format!("{folder}/{name}");
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&place, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(FileError::of(&path, e.into())),
        };
        let meta = file.metadata().map_err(|e| FileError::of(&path, e))?;
        if !meta.is_file() {
            return Err(FileError::Irregular(path));
        }
        if meta.len() > max {
            return Err(FileError::Long(path, max));
        }
        // The whole buffer is allocated at once, because a growing buffer would leave copies of a secret in memory.
        let room = usize::try_from(meta.len()).unwrap_or_default().saturating_add(1);
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(max).read_to_end(&mut bytes).map_err(|e| FileError::of(&path, e))?;
        Ok(Some(bytes))
    }

    /// The names of the newest files in a folder for secrets, at most `count`.
    ///
    /// # Errors
    ///
    /// Fails when the folder is not valid or cannot be read.
    pub fn newest_in_vault(&self, folder: &str, count: usize) -> Result<Vec<String>, FileError> {
        let Some(place) = self.vault(folder, false)? else { return Ok(Vec::new()) };
        let entries = place.entries().map_err(|e| FileError::of(folder, e))?;
        let dated = |entry: DirEntry| {
            let meta = entry.metadata().ok().filter(cap_std::fs::Metadata::is_file)?;
            let name = entry.file_name().into_string().ok()?;
            (!name.starts_with('.')).then_some(((meta.mtime(), meta.mtime_nsec()), name))
        };
        let entries = entries.take(COMPARED_MAX).filter_map(Result::ok);
        let mut found: Vec<((i64, i64), String)> = entries.filter_map(dated).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        Ok(found.into_iter().take(count).map(|(_, name)| name).collect())
    }

    fn made_vault(&self, folder: &str) -> Result<Dir, FileError> {
        let missing = || FileError::Make(folder.to_owned(), io::ErrorKind::NotFound.into());
        self.vault(folder, true)?.ok_or_else(missing)
    }

    /// Opens a folder for secrets; `None` if it does not exist and is not created.
    fn vault(&self, folder: &str, create: bool) -> Result<Option<Dir>, FileError> {
        let own = self.dir.try_clone().map_err(|e| FileError::Read(".".to_owned(), e))?;
        let (mut place, mut path) = (own, String::new());
        for step in inside(folder)?.components() {
            let step = step.as_os_str();
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&step.to_string_lossy());
            if create {
                make(&place, step).map_err(|e| FileError::Make(path.clone(), e))?;
            }
            let Some(next) = open(&place, step, &path)? else { return Ok(None) };
            check(&next, &path)?;
            place = next;
        }
        let mode = check(&place, &path)?;
        if mode & OTHERS != 0 {
            return Err(FileError::Entered(path, mode));
        }
        Ok(Some(place))
    }
}

/// Creates a folder that only its owner can access, unless there is something with its name.
pub(super) fn make(place: &Dir, step: &OsStr) -> io::Result<()> {
    match rustix::fs::mkdirat(place, step, Mode::RWXU) {
        // A folder that was opened as a mere place cannot be synced, so it is opened for reading.
        Ok(()) => Ok(rustix::fs::fsync(rustix::fs::openat(place, ".", READ, Mode::empty())?)?),
        Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// Opens one step of a path, which must be a folder and no link; `None` if it does not exist.
pub(super) fn open(place: &Dir, step: &OsStr, path: &str) -> Result<Option<Dir>, FileError> {
    match rustix::fs::openat(place, step, READ, Mode::empty()) {
        Ok(opened) => Ok(Some(Dir::from_std_file(File::from(opened)))),
        Err(Errno::NOENT) => Ok(None),
        // The error for a link differs between systems.
        Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => {
            let is_link = place.symlink_metadata(step).is_ok_and(|meta| meta.is_symlink());
            let path = path.to_owned();
            Err(if is_link { FileError::Link(path) } else { FileError::NoFolder(path) })
        }
        Err(e) => Err(FileError::of(path, e.into())),
    }
}

/// Checks that no other user can put files into a folder, and returns its mode.
fn check(place: &Dir, path: &str) -> Result<u32, FileError> {
    let meta = place.dir_metadata().map_err(|e| FileError::of(path, e))?;
    let mode = meta.mode() & 0o7777;
    if !is_ours(meta.uid()) {
        return Err(FileError::Owner(path.to_owned(), meta.uid()));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(FileError::Folder(path.to_owned(), mode));
    }
    Ok(mode)
}

/// The name of the file that is written before it gets its name.
fn draft(name: &str) -> String {
    format!(".{name}")
}

fn write_new(place: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = place.open_with(name, &options)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes a file that an interrupted call may have left.
fn remove(place: &Dir, name: &str) -> io::Result<()> {
    match place.remove_file(name) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn served() -> (PathBuf, Files) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-slots-{}-{count}", std::process::id()));
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).unwrap();
        let files = Files::open(&dir).unwrap();
        (dir, files)
    }

    fn mode(dir: &std::path::Path, path: &str) -> u32 {
        std::fs::metadata(dir.join(path)).unwrap().permissions().mode() & 0o777
    }

    fn set(dir: &std::path::Path, path: &str, mode: u32) {
        std::fs::set_permissions(dir.join(path), PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_stored_once_and_only_its_owner_reads_it() {
        let (dir, files) = served();
        files.check_vault("vault/aws").unwrap();
        files.prepare_in_vault("vault/aws", "key", 64).unwrap();
        files.store_in_vault("vault/aws", "key", b"first").unwrap();
        assert_eq!((mode(&dir, "vault/aws"), mode(&dir, "vault/aws/key")), (0o700, 0o600));
        let again = files.store_in_vault("vault/aws", "key", b"second");
        assert!(matches!(again, Err(FileError::Exists(_))), "{again:?}");
        let again = files.prepare_in_vault("vault/aws", "key", 64);
        assert!(matches!(again, Err(FileError::Exists(_))), "{again:?}");
        let read = |name: &str| files.stored_in_vault("vault/aws", name, 64).unwrap();
        assert_eq!(read("key").unwrap().as_slice(), b"first");
        assert!(read("other").is_none());
        assert_eq!(
            std::fs::read_dir(dir.join("vault/aws")).unwrap().count(),
            1,
            "no draft is left"
        );
        assert_eq!(files.newest_in_vault("vault/aws", 9).unwrap(), ["key"]);
        assert_eq!(files.newest_in_vault("vault/none", 9).unwrap(), [""; 0]);
    }

    #[test]
    fn a_folder_that_others_reach_is_refused() {
        let (dir, files) = served();
        files.prepare_in_vault("vault/aws", "key", 1).unwrap();
        for (folder, wrong) in [("vault/aws", 0o750), ("vault", 0o770), ("vault", 0o702)] {
            set(&dir, folder, wrong);
            files.check_vault("vault/aws").unwrap_err();
            files.prepare_in_vault("vault/aws", "key", 1).unwrap_err();
            files.store_in_vault("vault/aws", "key", b"x").unwrap_err();
            set(&dir, folder, 0o700);
        }
        files.check_vault("vault/aws").unwrap();
    }

    #[test]
    fn links_lead_nowhere() {
        let (dir, files) = served();
        std::fs::create_dir_all(dir.join("other/aws")).unwrap();
        set(&dir, "other/aws", 0o700);
        symlink("other", dir.join("vault")).unwrap();
        let seen = files.store_in_vault("vault/aws", "key", b"x");
        assert!(matches!(seen, Err(FileError::Link(_))), "{seen:?}");
        symlink("nowhere", dir.join("other/aws/key")).unwrap();
        let seen = files.prepare_in_vault("other/aws", "key", 1);
        assert!(matches!(seen, Err(FileError::Exists(_))), "{seen:?}");
        let seen = files.store_in_vault("other/aws", "key", b"x");
        assert!(matches!(seen, Err(FileError::Exists(_))), "{seen:?}");
        files.stored_in_vault("other/aws", "key", 9).unwrap_err();
        for outside in ["../vault", "/tmp", "", "a/../../b"] {
            let seen = files.check_vault(outside);
            assert!(matches!(seen, Err(FileError::Outside(_))), "{outside}: {seen:?}");
        }
    }
}
