//! What is wrong with the disk: takes a request, gives the error that it meets. Nothing is, at first.

use fuser::Errno;

use super::image::Image;

/// Faults that are set, and stay or are met once.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// Bytes that the files may take together.
    pub(super) room: Option<u64>,
    /// The next fsync of a file whose path has this in it fails, and what it had to write is lost.
    pub(super) sync: Option<String>,
    /// The same for a write, of which nothing is done.
    pub(super) write: Option<String>,
    /// Says that it is done, and does nothing.
    pub(super) lie: Option<Lie>,
}

/// Which fsync a disk only pretends to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// Of every file whose path has this in it.
    File(&'static str),
    /// Of the folder with this path, or of every one below where it ends with `/`.
    Folder(&'static str),
}

impl Faults {
    /// How many of these bytes fit; an error where none does. Overwriting counts as growing.
    pub(super) fn fitting(&self, image: &Image, size: usize) -> Result<usize, Errno> {
        let Some(room) = self.room else { return Ok(size) };
        let free = room.saturating_sub(image.used());
        let fits = size.min(usize::try_from(free).unwrap_or(usize::MAX));
        if fits == 0 && size > 0 { Err(Errno::ENOSPC) } else { Ok(fits) }
    }

    /// Whether a new name fits.
    pub(super) fn name(&self, image: &Image) -> Result<(), Errno> {
        self.fitting(image, 1).map(drop)
    }

    /// Whether this file or folder only seems to be synced.
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
