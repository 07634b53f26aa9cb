//! A program that the operator pinned by its digest: opened once, checked, and started from the opened file.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use deed_spec::digest::{Digest, Hasher};
use deed_system::files;
use rustix::fs::{Mode, OFlags};

/// Maximum bytes of a program. The programs of vaults have up to about 200 MiB.
const PROGRAM_MAX: u64 = 512 << 20;
/// Maximum number of arguments, and maximum bytes of one.
const ARGS_MAX: usize = 64;
const ARG_MAX: usize = 4 << 10;

/// Permission bits: group or others may write; the program runs as its owner or its group.
const OTHERS_WRITE: u32 = 0o022;
const SET_ID: u32 = 0o6000;

/// A program with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    digest: Digest,
    args: Vec<String>,
}

/// A program whose bytes had the pinned digest.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    version: Version,
}

/// The size of a file and the time of its last change. The owner of a program can change it in place without a trace,
/// but only root and the user of the host may own it.
type Version = (u64, i64, i64);

impl Program {
    /// A program that was not looked at yet.
    ///
    /// # Errors
    ///
    /// Fails when the path is not absolute, or there are too many or too long arguments.
    pub fn new(path: &str, digest: Digest, args: Vec<String>) -> Result<Self, ProgramError> {
        let path = absolute(path)?;
        if args.len() > ARGS_MAX || args.iter().any(|arg| arg.len() > ARG_MAX || arg.contains('\0'))
        {
            return Err(ProgramError::Args);
        }
        Ok(Self { path, digest, args })
    }

    /// The digest that the program has now, for the operator to review.
    ///
    /// # Errors
    ///
    /// Fails when the file cannot be read or may be changed by other users.
    pub fn measure(path: &str) -> Result<Digest, ProgramError> {
        measured(&absolute(path)?).map(|(_, digest)| digest)
    }

    /// Checks that the file now is the pinned program. This function reads the whole file.
    ///
    /// # Errors
    ///
    /// Fails when the file is another, cannot be read or may be changed by other users.
    pub fn check(&self) -> Result<(), ProgramError> {
        self.open().map(drop)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(super) fn args(&self) -> &[String] {
        &self.args
    }

    /// Opens the program. Fails when its bytes do not have the pinned digest.
    pub(super) fn open(&self) -> Result<Opened, ProgramError> {
        let (opened, found) = measured(&self.path)?;
        if found == self.digest {
            return Ok(opened);
        }
        Err(ProgramError::Other { path: text(&self.path), found, pinned: self.digest })
    }
}

impl Opened {
    /// The file, positioned at its end.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether the opened file was written since it was opened.
    pub(super) fn has_changed(&self) -> bool {
        version(&self.file).ok() != Some(self.version)
    }
}

/// Why a program is not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error("`program` is `{0}`; write an absolute path without `..`")]
    NotAbsolute(String),
    #[error("`args` must be at most {ARGS_MAX} texts of at most 4 KiB without NUL")]
    Args,
    #[error("program `{path}` cannot be read: {source}")]
    Read { path: String, source: io::Error },
    #[error("program `{0}` is not a regular file of at most 512 MiB")]
    Irregular(String),
    #[error("other users can write program `{path}` (mode {mode:04o}); run `chmod go-w` on it")]
    Writable { path: String, mode: u32 },
    #[error(
        "program `{path}` belongs to user {user}, who can change it; change its owner to root or to the user of the \
         host"
    )]
    Owner { path: String, user: u32 },
    #[error(
        "program `{0}` runs as its owner or group (set-user-ID); use one that runs as the user of the host"
    )]
    SetId(String),
    #[error(
        "program `{path}` has the digest {found}, not {pinned}; if you have reviewed the program, write \
         `digest = \"{found}\"`"
    )]
    Other { path: String, found: Digest, pinned: Digest },
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Passes the bytes of a file on to the computation of its digest.
struct Sink(Hasher);

impl io::Write for Sink {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0.update(part);
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn absolute(path: &str) -> Result<PathBuf, ProgramError> {
    let plain = Path::new(path);
    let climbs = plain.components().any(|step| step == std::path::Component::ParentDir);
    if !plain.is_absolute() || climbs || path.contains('\0') {
        return Err(ProgramError::NotAbsolute(path.to_owned()));
    }
    Ok(plain.to_owned())
}

/// Opens a program and computes its digest. Links are followed: the digest says which program it is.
fn measured(path: &Path) -> Result<(Opened, Digest), ProgramError> {
    let unread = |source| ProgramError::Read { path: text(path), source };
    // Without NONBLOCK, opening a named pipe would block.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty());
    let mut file = File::from(file.map_err(|errno| unread(errno.into()))?);
    permitted(path, &file)?;
    let version = version(&file).map_err(unread)?;
    let mut sink = Sink(Hasher::default());
    io::copy(&mut file, &mut sink).map_err(unread)?;
    Ok((Opened { file, version }, sink.0.finish()))
}

fn permitted(path: &Path, file: &File) -> Result<(), ProgramError> {
    let meta = file.metadata();
    let meta = meta.map_err(|source| ProgramError::Read { path: text(path), source })?;
    let mode = meta.mode() & 0o7777;
    if !meta.is_file() || meta.len() > PROGRAM_MAX {
        return Err(ProgramError::Irregular(text(path)));
    }
    if mode & OTHERS_WRITE != 0 {
        return Err(ProgramError::Writable { path: text(path), mode });
    }
    if mode & SET_ID != 0 {
        return Err(ProgramError::SetId(text(path)));
    }
    let user = meta.uid();
    if user != 0 && user != files::user() {
        return Err(ProgramError::Owner { path: text(path), user });
    }
    Ok(())
}

fn version(file: &File) -> io::Result<Version> {
    let meta = file.metadata()?;
    Ok((meta.size(), meta.mtime(), meta.mtime_nsec()))
}
