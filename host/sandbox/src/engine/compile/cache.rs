//! A cache of machine code by the digest of its component, in a directory that only the owner can access.
//!
//! Every file begins with the digest of its code, so that an incomplete or damaged file counts as absent.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use deed_spec::digest::Digest;
use wasmtime::Engine;

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

    /// The cached code of a component; `None` if it is absent or damaged.
    pub(super) fn get(&self, component: Digest) -> Option<Vec<u8>> {
        let mut bytes = fs::read(self.path(component)).ok()?;
        let code = bytes.split_off(SEAL.min(bytes.len()));
        (Digest::of(&code).as_bytes() == bytes.as_slice()).then_some(code)
    }

    /// Stores the code of a component. A reader of the cache sees either the complete file or no file.
    pub(super) fn put(&self, component: Digest, code: &[u8]) -> std::io::Result<()> {
        let path = self.path(component);
        let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = Self::write(&unfinished, code).and_then(|()| fs::rename(&unfinished, &path));
        written.inspect_err(|_| drop(fs::remove_file(&unfinished)))
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
