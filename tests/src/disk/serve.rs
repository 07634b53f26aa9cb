//! The FUSE side of the disk: answers the kernel's requests from the image. The kernel caches only the pages of open
//! files, so that the image can be replaced.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow, WriteFlags,
};

use super::contents::Contents;
use super::entries::Entries;
use super::image::{Body, Image, Refusal};
use super::power::Power;

const NOW: Duration = Duration::ZERO;
const BLOCK: u32 = 4096;
/// Total blocks of a disk without a limit.
const BLOCKS: u64 = 1 << 20;

/// The state of fuser's thread.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) power: Arc<Power>,
    /// All files belong to the user who mounted the disk.
    pub(super) owner: (u32, u32),
}

type Answer<T> = Result<T, Errno>;

impl From<Refusal> for Errno {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoEntry => Self::ENOENT,
            Refusal::NoFolder => Self::ENOTDIR,
            Refusal::IsFolder => Self::EISDIR,
            Refusal::Exists => Self::EEXIST,
            Refusal::NotEmpty => Self::ENOTEMPTY,
        }
    }
}

impl Served {
    fn attributes(&self, image: &Image, number: u64) -> Answer<FileAttr> {
        let node = image.node(number)?;
        let (kind, size) = match &node.body {
            Body::File(contents) => (FileType::RegularFile, contents.now().len() as u64),
            Body::Folder(_) => (FileType::Directory, 0),
        };
        let at = SystemTime::UNIX_EPOCH;
        Ok(FileAttr {
            ino: INodeNo(number),
            size,
            blocks: size.div_ceil(512),
            atime: at,
            mtime: at,
            ctime: at,
            crtime: at,
            kind,
            perm: node.mode,
            nlink: 1,
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        })
    }

    fn make(&self, parent: INodeNo, name: &OsStr, mode: u32, body: Body) -> Answer<FileAttr> {
        let mut state = self.power.change()?;
        let state = &mut *state;
        state.faults.name(&state.image)?;
        let number = state.image.make(parent.0, name, bits(mode), body)?;
        self.attributes(&state.image, number)
    }

    fn remove(&self, parent: INodeNo, name: &OsStr, is_folder: bool) -> Answer<()> {
        Ok(self.power.change()?.image.remove(parent.0, name, is_folder)?)
    }

    fn sync(&self, number: INodeNo) -> Answer<()> {
        let mut state = self.power.change()?;
        let state = &mut *state;
        if state.faults.lies_of(&state.image, number.0) {
            return Ok(());
        }
        if state.faults.fails_sync(&state.image, number.0) {
            state.image.sync_in_vain(number.0)?;
            return Err(Errno::EIO);
        }
        Ok(state.image.sync(number.0)?)
    }

    fn put(&self, number: INodeNo, at: u64, bytes: &[u8]) -> Answer<u32> {
        let mut state = self.power.change()?;
        let state = &mut *state;
        if state.faults.fails_write(&state.image, number.0) {
            return Err(Errno::EIO);
        }
        let fits = state.faults.fitting(&state.image, bytes.len())?;
        state.image.write(number.0, at, bytes.get(..fits).unwrap_or_default())?;
        u32::try_from(fits).map_err(|_| Errno::EINVAL)
    }

    fn set(&self, number: INodeNo, mode: Option<u32>, size: Option<u64>) -> Answer<FileAttr> {
        let mut state = self.power.change()?;
        let image = &mut state.image;
        if let Some(mode) = mode {
            image.set_mode(number.0, bits(mode))?;
        }
        if let Some(size) = size {
            image.set_length(number.0, size)?;
        }
        self.attributes(image, number.0)
    }

    fn bytes(&self, number: INodeNo, at: u64, size: u32) -> Answer<Vec<u8>> {
        let state = self.power.look()?;
        let bytes = state.image.file(number.0)?.now();
        let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let end = at.saturating_add(usize::try_from(size).unwrap_or(usize::MAX)).min(bytes.len());
        Ok(bytes.get(at..end).unwrap_or_default().to_vec())
    }

    fn names(&self, number: INodeNo) -> Answer<Vec<(u64, FileType, std::ffi::OsString)>> {
        let state = self.power.look()?;
        let one = |(name, child): (&std::ffi::OsString, &u64)| {
            let is_file = state.image.file(*child).is_ok();
            let kind = if is_file { FileType::RegularFile } else { FileType::Directory };
            (*child, kind, name.clone())
        };
        Ok(state.image.folder(number.0)?.now().iter().map(one).collect())
    }
}

/// Keeps only the permission bits of a mode.
fn bits(mode: u32) -> u16 {
    u16::try_from(mode & 0o7777).unwrap_or_default()
}

fn say(done: Answer<()>, reply: ReplyEmpty) {
    match done {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

fn show(found: Answer<FileAttr>, reply: ReplyEntry) {
    match found {
        Ok(attributes) => reply.entry(&NOW, &attributes, Generation(0)),
        Err(errno) => reply.error(errno),
    }
}

fn tell(found: Answer<FileAttr>, reply: ReplyAttr) {
    match found {
        Ok(attributes) => reply.attr(&NOW, &attributes),
        Err(errno) => reply.error(errno),
    }
}

impl Filesystem for Served {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.power.look().and_then(|state| {
            let number = state.image.find(parent.0, name)?;
            self.attributes(&state.image, number)
        });
        show(found, reply);
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        tell(self.power.look().and_then(|state| self.attributes(&state.image, ino.0)), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _: Option<u32>,
        _: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        _: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<fuser::BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        tell(self.set(ino, mode, size), reply);
    }

    fn mkdir(&self, _: &Request, at: INodeNo, name: &OsStr, mode: u32, _: u32, to: ReplyEntry) {
        show(self.make(at, name, mode, Body::Folder(Entries::default())), to);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        match self.make(parent, name, mode, Body::File(Contents::default())) {
            Ok(attributes) => {
                reply.created(&NOW, &attributes, Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        say(self.remove(parent, name, false), reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        say(self.remove(parent, name, true), reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        newparent: INodeNo,
        newname: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(Errno::EINVAL);
        }
        let renamed = self.power.change().and_then(|mut state| {
            Ok(state.image.rename((parent.0, name), (newparent.0, newname))?)
        });
        say(renamed, reply);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        match self.power.look() {
            Ok(_) => reply.opened(FileHandle(0), FopenFlags::empty()),
            Err(errno) => reply.error(errno),
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.bytes(ino, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        }
    }

    fn write(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.put(ino, offset, data) {
            Ok(size) => reply.written(size),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    /// This function also serves fdatasync, which covers the length of a file. No other attribute of a file needs to be
    /// durable.
    fn fsync(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        say(self.sync(ino), reply);
    }

    fn fsyncdir(&self, _: &Request, ino: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        say(self.sync(ino), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let names = match self.names(ino) {
            Ok(names) => names,
            Err(errno) => return reply.error(errno),
        };
        for ((number, kind, name), next) in names.iter().zip(1_u64..) {
            if next > offset && reply.add(INodeNo(*number), next, *kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        let free = self.power.look().map_or(0, |state| {
            state
                .faults
                .room
                .map_or(BLOCKS, |room| room.saturating_sub(state.image.used()) / u64::from(BLOCK))
        });
        reply.statfs(BLOCKS, free, free, BLOCKS, BLOCKS, BLOCK, 255, BLOCK);
    }
}
