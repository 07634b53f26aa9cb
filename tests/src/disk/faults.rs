//! The faults of the disk: which error a request gets. Initially no faults are set.

use fuser::Errno;

use super::image::Image;

/// The faults that are set. Some faults are permanent, and some occur once.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// The total number of bytes that the files may take.
    pub(super) room: Option<u64>,
    /// The next fsync of a file whose path contains this text fails, and the data that the fsync had to write is lost.
    pub(super) sync: Option<String>,
    /// The next write to a file whose path contains this text fails and writes nothing.
    pub(super) write: Option<String>,
    /// The kind of fsync that reports success and does nothing.
    pub(super) lie: Option<Lie>,
}

/// Which fsync the disk only pretends to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// The fsync of every file whose path contains this text.
    File(&'static str),
    /// The fsync of the folder with this path, or of every folder below the path if the path ends with `/`.
    Folder(&'static str),
}

impl Faults {
    /// Returns how many of these bytes fit on the disk. Fails when no byte fits. Overwritten bytes count like
    /// additional bytes.
    pub(super) fn fitting(&self, image: &Image, size: usize) -> Result<usize, Errno> {
        let Some(room) = self.room else { return Ok(size) };
        let free = room.saturating_sub(image.used());
        let fits = size.min(usize::try_from(free).unwrap_or(usize::MAX));
        if fits == 0 && size > 0 { Err(Errno::ENOSPC) } else { Ok(fits) }
    }

    /// Fails when the disk has no room for a new name.
    pub(super) fn name(&self, image: &Image) -> Result<(), Errno> {
        self.fitting(image, 1).map(drop)
    }

    /// Whether a sync of this file or folder only pretends to succeed.
    pub(super) fn lies_of(&self, image: &Image, number: u64) -> bool {
        let path = || image.path(number).unwrap_or_default();
        match (self.lie, image.file(number).is_ok()) {
            (Some(Lie::File(part)), true) => path().contains(part),
            (Some(Lie::Folder(known)), false) => {
                let path = path();
                path == known || known.ends_with('/') && path.starts_with(known)
            }
            _ => false,
        }
    }

    pub(super) fn fails_write(&mut self, image: &Image, number: u64) -> bool {
        meets(&mut self.write, image, number)
    }

    pub(super) fn fails_sync(&mut self, image: &Image, number: u64) -> bool {
        meets(&mut self.sync, image, number)
    }
}

fn meets(fault: &mut Option<String>, image: &Image, number: u64) -> bool {
    let met = fault
        .as_ref()
        .is_some_and(|part| image.path(number).is_some_and(|path| path.contains(part)));
    if met {
        *fault = None;
    }
    met
}
