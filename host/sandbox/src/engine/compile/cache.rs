//! A cache of machine code by the digest of its component, in a directory that only the owner can access.
//!
//! Every file begins with the digest of its code, so that an incomplete or damaged file counts as absent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use deed_spec::digest::Digest;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use wasmtime::Engine;

use crate::limits;

/// Permission bits of the group and of others.
const OTHERS: u32 = 0o077;

/// Length in bytes of the digest at the beginning of a file.
const SEAL: usize = 32;

/// A directory of machine code for one engine.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    dir: PathBuf,
    /// Hash of the engine's release, settings and processor features. Code runs only on the engine that it was compiled
    /// for.
    engine: u64,
}

/// Why the compile cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error("cannot create the compile cache `{path}`; its parent must exist and be writable")]
    Make { path: PathBuf, source: std::io::Error },
    #[error(
        "other users can write or read the compile cache `{0}`; run `chmod 700` on it, because it contains machine \
         code"
    )]
    Open(PathBuf),
}

impl Cache {
    /// Opens the cache directory, and creates it if it does not exist. Fails when the directory cannot be created or
    /// other users can access it.
    pub(super) fn open(path: &Path, engine: &Engine) -> Result<Self, CacheError> {
        let failed = |source| CacheError::Make { path: path.into(), source };
        if !path.exists() {
            DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
        }
        // A user who can write to this directory can make the host run arbitrary code.
        let meta = fs::symlink_metadata(path).map_err(failed)?;
        if !meta.is_dir() || meta.mode() & OTHERS != 0 {
            return Err(CacheError::Open(path.into()));
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { dir: path.into(), engine: hasher.finish() })
    }

    /// Whether there is a file for a component. It may be damaged.
    pub(super) fn has(&self, component: Digest) -> bool {
        self.path(component).is_file()
    }

    /// The cached code of a component; `None` if it is absent or damaged.
    pub(super) fn get(&self, component: Digest) -> Option<Vec<u8>> {
        let path = self.path(component);
        let mut bytes = fs::read(&path).ok()?;
        mark_used(&path);
        let code = bytes.split_off(SEAL.min(bytes.len()));
        (Digest::of(&code).as_bytes() == bytes.as_slice()).then_some(code)
    }

    /// Stores the code of a component. A reader of the cache sees either the complete file or no file.
    pub(super) fn put(&self, component: Digest, code: &[u8]) -> std::io::Result<()> {
        let path = self.path(component);
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = Self::write(&unfinished, code).and_then(|()| fs::rename(&unfinished, &path));
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))?;
        self.evict(&path, limits::CODE_CACHE);
        Ok(())
    }

    /// Removes the files that were not used for the longest time, until the rest has at most this many bytes. The file
    /// that was just written stays. Another process may remove the same files, so errors are ignored.
    fn evict(&self, written: &Path, most: u64) {
        let mut files = self.files();
        files.sort_unstable();
        let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, path) in files.into_iter().filter(|(.., path)| path != written) {
            if total <= most {
                return;
            }
            fs::remove_file(&path).ok();
            total = total.saturating_sub(bytes);
        }
    }

    /// All files of code, of any engine, each with the time of its last use, its size and its path.
    fn files(&self) -> Vec<(SystemTime, u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let is_code = |path: &PathBuf| path.extension().is_some_and(|end| end == "cwasm");
        let files = entries.flatten().map(|entry| entry.path()).filter(is_code);
        let known = files.filter_map(|path| {
            let meta = fs::metadata(&path).ok()?;
            Some((meta.modified().ok()?, meta.len(), path))
        });
        known.collect()
    }

    fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
        let mut file: File =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(Digest::of(code).as_bytes())?;
        file.write_all(code)
    }

    fn path(&self, component: Digest) -> PathBuf {
        self.dir.join(format!("{}-{:016x}.cwasm", component.hex(), self.engine))
    }
}

/// Notes that a file was used now. A cache that cannot be written to is used as it is.
fn mark_used(path: &Path) {
    if let Ok(file) = OpenOptions::new().append(true).open(path) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        rustix::fs::futimens(&file, &times).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::tests::support::Dir;

    #[test]
    fn the_code_that_was_not_used_for_the_longest_time_is_removed() {
        let dir = Dir::new();
        fs::create_dir(&dir.0).unwrap();
        let cache = Cache { dir: dir.0.clone(), engine: 1 };
        let digests = [b"a", b"b", b"c"].map(|name| Digest::of(name));
        for (n, digest) in (1..).zip(digests) {
            cache.put(digest, &[0; 1_000]).unwrap();
            let file = OpenOptions::new().append(true).open(cache.path(digest)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(n)).unwrap();
        }
        // The first one is used, so the second one is the oldest.
        assert!(cache.get(digests[0]).is_some());
        cache.evict(&cache.path(digests[2]), 2_500);
        let left = digests.map(|digest| cache.get(digest).is_some());
        assert_eq!(left, [true, false, true]);
        cache.evict(&cache.path(digests[2]), 0);
        let left = digests.map(|digest| cache.get(digest).is_some());
        assert_eq!(left, [false, false, true], "the file that was just written stays");
    }
}
