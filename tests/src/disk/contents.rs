//! The bytes of one file: what a program reads, what is durable, and the changes in between.

/// A file's bytes.
#[derive(Debug, Clone, Default)]
pub(in crate::disk) struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
    open: Vec<Change>,
}

/// A change that no fsync covers yet.
#[derive(Debug, Clone)]
pub(in crate::disk) struct Change {
    pub(in crate::disk) order: u64,
    what: What,
    /// Whether an fsync that had to write this change failed. No later fsync will write this change.
    doomed: bool,
}

#[derive(Debug, Clone)]
enum What {
    Write { at: usize, bytes: Vec<u8> },
    Length(usize),
}

/// The part of one change that remains after a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::disk) enum Kept {
    Nothing,
    Whole,
    /// If the change is a write, this range of its bytes is kept; any other change is lost.
    Part(usize, usize),
}

impl Contents {
    /// Creates a file with these bytes, all of them durable.
    pub(in crate::disk) fn with(bytes: Vec<u8>) -> Self {
        Self { now: bytes.clone(), durable: bytes, open: Vec::new() }
    }

    pub(in crate::disk) fn now(&self) -> &[u8] {
        &self.now
    }

    pub(in crate::disk) fn write(&mut self, order: u64, at: u64, bytes: &[u8]) {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.take(order, What::Write { at, bytes: bytes.to_vec() });
    }

    pub(in crate::disk) fn set_length(&mut self, order: u64, length: u64) {
        self.take(order, What::Length(usize::try_from(length).unwrap_or(usize::MAX)));
    }

    fn take(&mut self, order: u64, what: What) {
        what.apply(&mut self.now, Kept::Whole);
        self.open.push(Change { order, what, doomed: false });
    }

    pub(in crate::disk) fn sync(&mut self) {
        for change in self.open.iter().filter(|change| !change.doomed) {
            change.what.apply(&mut self.durable, Kept::Whole);
        }
        self.open.retain(|change| change.doomed);
    }

    pub(in crate::disk) fn doom(&mut self) {
        self.open.iter_mut().for_each(|change| change.doomed = true);
    }

    /// The bytes that remain after a power cut.
    pub(in crate::disk) fn after(&self, mut keep: impl FnMut(&Change) -> Kept) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.open {
            change.what.apply(&mut bytes, keep(change));
        }
        bytes
    }
}

impl Change {
    /// How many bytes the change writes.
    pub(in crate::disk) fn size(&self) -> usize {
        match &self.what {
            What::Write { bytes, .. } => bytes.len(),
            What::Length(_) => 0,
        }
    }
}

impl What {
    fn apply(&self, to: &mut Vec<u8>, kept: Kept) {
        match (self, kept) {
            (_, Kept::Nothing) | (Self::Length(_), Kept::Part(..)) => {}
            (Self::Length(length), Kept::Whole) => to.resize(*length, 0),
            (Self::Write { at, bytes }, Kept::Whole) => put(to, *at, bytes),
            (Self::Write { at, bytes }, Kept::Part(from, until)) => {
                put(to, at + from, bytes.get(from..until).unwrap_or_default());
            }
        }
    }
}

/// Bytes that were never written are zeros, as in a file with a hole.
fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let end = at + bytes.len();
    if to.len() < end {
        to.resize(end, 0);
    }
    if let Some(place) = to.get_mut(at..end) {
        place.copy_from_slice(bytes);
    }
}
