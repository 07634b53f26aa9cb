//! The content of a disk: the files and folders as a program sees them, and separately what is durable. A change that
//! no fsync covers is open: a power cut may keep or lose it. A change becomes durable only when a caller syncs it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::contents::Contents;
use super::entries::Entries;

/// The number of the root folder, as FUSE defines it.
pub(super) const ROOT: u64 = 1;

/// A file system at one moment.
#[derive(Debug, Clone)]
pub struct Image {
    nodes: BTreeMap<u64, Node>,
    /// The number of the next file. Numbers are never reused, so that a new file is never mistaken for an older file.
    next: u64,
    /// How many changes were made. The count gives each change a number, which defines the order of the changes.
    order: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Permission bits. The simulated disk makes changed permission bits durable at once. This cannot hide a fault of
    /// the host, because the host does not rely on the durability of these bits.
    pub(super) mode: u16,
    pub(super) body: Body,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    File(Contents),
    Folder(Entries),
}

/// Why a change cannot be made. The names of the variants follow those of errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    NoEntry,
    NoFolder,
    IsFolder,
    Exists,
    NotEmpty,
}

type Done<T> = Result<T, Refusal>;

impl Default for Image {
    fn default() -> Self {
        let root = Node { mode: 0o700, body: Body::Folder(Entries::default()) };
        Self { nodes: BTreeMap::from([(ROOT, root)]), next: ROOT + 1, order: 0 }
    }
}

impl Image {
    pub(super) fn node(&self, number: u64) -> Done<&Node> {
        self.nodes.get(&number).ok_or(Refusal::NoEntry)
    }

    pub(super) fn find(&self, folder: u64, name: &OsStr) -> Done<u64> {
        self.folder(folder)?.now().get(name).copied().ok_or(Refusal::NoEntry)
    }

    pub(super) fn folder(&self, number: u64) -> Done<&Entries> {
        match &self.node(number)?.body {
            Body::Folder(entries) => Ok(entries),
            Body::File(_) => Err(Refusal::NoFolder),
        }
    }

    pub(super) fn file(&self, number: u64) -> Done<&Contents> {
        match &self.node(number)?.body {
            Body::File(contents) => Ok(contents),
            Body::Folder(_) => Err(Refusal::IsFolder),
        }
    }

    /// Makes an empty file or folder and returns its number.
    pub(super) fn make(&mut self, folder: u64, name: &OsStr, mode: u16, body: Body) -> Done<u64> {
        if self.find(folder, name).is_ok() {
            return Err(Refusal::Exists);
        }
        let (number, order) = (self.next, self.tick());
        self.entries(folder)?.set(order, name, number);
        self.next += 1;
        self.nodes.insert(number, Node { mode, body });
        Ok(number)
    }

    pub(super) fn set_mode(&mut self, number: u64, mode: u16) -> Done<()> {
        self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?.mode = mode;
        Ok(())
    }

    pub(super) fn write(&mut self, number: u64, at: u64, bytes: &[u8]) -> Done<()> {
        let order = self.tick();
        self.contents(number)?.write(order, at, bytes);
        Ok(())
    }

    pub(super) fn set_length(&mut self, number: u64, length: u64) -> Done<()> {
        let order = self.tick();
        self.contents(number)?.set_length(order, length);
        Ok(())
    }

    /// Removes a name; open handles keep the bytes of the file.
    pub(super) fn remove(&mut self, folder: u64, name: &OsStr, is_folder: bool) -> Done<()> {
        match &self.node(self.find(folder, name)?)?.body {
            Body::Folder(_) if !is_folder => return Err(Refusal::IsFolder),
            Body::Folder(entries) if !entries.now().is_empty() => return Err(Refusal::NotEmpty),
            Body::File(_) if is_folder => return Err(Refusal::NoFolder),
            _ => {}
        }
        let order = self.tick();
        self.entries(folder)?.remove(order, name);
        Ok(())
    }

    /// Renames a file and replaces any file with the new name. A rename within one folder is one change.
    pub(super) fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Done<()> {
        let number = self.find(from.0, from.1)?;
        if let Ok(old) = self.find(to.0, to.1) {
            match &self.node(old)?.body {
                Body::Folder(entries) if !entries.now().is_empty() => {
                    return Err(Refusal::NotEmpty);
                }
                _ => {}
            }
        }
        let order = self.tick();
        if from.0 == to.0 {
            self.entries(from.0)?.rename(order, from.1, to.1, number);
        } else {
            self.entries(to.0)?.set(order, to.1, number);
            self.entries(from.0)?.remove(order, from.1);
        }
        Ok(())
    }

    /// Makes the bytes and the length of a file, or the names in a folder, durable.
    pub(super) fn sync(&mut self, number: u64) -> Done<()> {
        match &mut self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?.body {
            Body::File(contents) => contents.sync(),
            Body::Folder(entries) => entries.sync(),
        }
        Ok(())
    }

    /// Fails an fsync as Linux does after a failed write: the pages count as clean, and no later fsync writes them.
    pub(super) fn sync_in_vain(&mut self, number: u64) -> Done<()> {
        if let Body::File(contents) = &mut self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?.body
        {
            contents.doom();
        }
        Ok(())
    }

    /// Makes everything below this path durable, as an operating system does eventually.
    pub fn settle(&mut self, path: &str) {
        let Some(top) = self.walk(path) else { return };
        let mut open = vec![top];
        while let Some(number) = open.pop() {
            if let Ok(folder) = self.folder(number) {
                open.extend(folder.now().values());
            }
            // The file number was found just before, so the sync cannot fail.
            self.sync(number).ok();
        }
    }

    /// Removes everything except one folder of the root. Afterwards, the content of the remaining folder is durable.
    pub fn keep_only(&mut self, name: &str) {
        let names = self.folder(ROOT).map(|entries| entries.now().clone()).unwrap_or_default();
        let order = self.tick();
        if let Ok(entries) = self.entries(ROOT) {
            let others = names.keys().filter(|known| known.as_os_str() != name);
            others.for_each(|other| entries.remove(order, other));
        }
        self.settle("");
    }

    /// The number of bytes that the files take.
    pub(super) fn used(&self) -> u64 {
        let bytes = |node: &Node| match &node.body {
            Body::File(contents) => contents.now().len() as u64,
            Body::Folder(_) => 0,
        };
        self.nodes.values().map(bytes).sum()
    }

    /// The path of a file below the root folder; `None` when the file no longer has a name.
    pub(super) fn path(&self, number: u64) -> Option<String> {
        self.paths().into_iter().find(|(_, found)| *found == number).map(|(path, _)| path)
    }

    /// Every file that a program sees, by path.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let file = |(path, number)| Some((path, self.file(number).ok()?.now().to_vec()));
        self.paths().into_iter().filter_map(file).collect()
    }

    /// Creates an image of these files without open changes.
    pub(super) fn of(nodes: BTreeMap<u64, Node>) -> Self {
        let next = nodes.keys().max().map_or(ROOT + 1, |last| last + 1);
        Self { nodes, next, order: 0 }
    }

    pub(super) fn order(&self) -> u64 {
        self.order
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Renumbers all files, starting with the number `first`, so that no file is mistaken for a file of an older image.
    pub(super) fn renumber(&mut self, first: u64) {
        let others = self.nodes.keys().copied().filter(|number| *number != ROOT);
        let mut names: BTreeMap<u64, u64> = others.zip(first..).collect();
        names.insert(ROOT, ROOT);
        let renamed = |number: u64| names.get(&number).copied().unwrap_or(number);
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes = nodes.into_iter().map(|(number, node)| (renamed(number), node)).collect();
        for node in self.nodes.values_mut() {
            if let Body::Folder(entries) = &mut node.body {
                entries.renumber(renamed);
            }
        }
        self.next = first + self.nodes.len() as u64;
    }

    fn paths(&self) -> Vec<(String, u64)> {
        let (mut found, mut open) = (Vec::new(), vec![(String::new(), ROOT)]);
        while let Some((path, number)) = open.pop() {
            let Ok(folder) = self.folder(number) else { continue };
            for (name, child) in folder.now() {
                let below = format!("{path}{}", name.to_string_lossy());
                open.push((format!("{below}/"), *child));
                found.push((below, *child));
            }
        }
        found
    }

    fn walk(&self, path: &str) -> Option<u64> {
        let names = path.split('/').filter(|name| !name.is_empty()).map(OsString::from);
        names.into_iter().try_fold(ROOT, |at, name| self.find(at, &name).ok())
    }

    fn entries(&mut self, number: u64) -> Done<&mut Entries> {
        match &mut self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?.body {
            Body::Folder(entries) => Ok(entries),
            Body::File(_) => Err(Refusal::NoFolder),
        }
    }

    fn contents(&mut self, number: u64) -> Done<&mut Contents> {
        match &mut self.nodes.get_mut(&number).ok_or(Refusal::NoEntry)?.body {
            Body::File(contents) => Ok(contents),
            Body::Folder(_) => Err(Refusal::IsFolder),
        }
    }

    fn tick(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}
