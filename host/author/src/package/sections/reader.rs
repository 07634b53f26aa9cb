//! Finds the custom sections of a component and of the modules in it, without validating the rest.

/// How deep modules and components are read into each other. A component of a toolchain has two levels.
const DEPTH_MAX: usize = 4;

const MAGIC: &[u8] = b"\0asm";
const MODULE: &[u8] = &[1, 0, 0, 0];
const CUSTOM: u8 = 0;
/// The sections of a component that contain a module or a component.
const NESTED: [u8; 2] = [1, 4];

/// Reads a slice from its beginning; every function returns `None` when the bytes end too early.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// A number of at most 32 bits in LEB128.
    pub(super) fn number(&mut self) -> Option<u32> {
        let mut value = 0_u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return u32::try_from(value).ok();
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }
}

/// What is called for a custom section: its name, its content, and whether it is one of the component itself.
type Each<'f> = dyn FnMut(&str, &[u8], bool) + 'f;

/// Calls `each` for every custom section. Returns whether all sections could be read.
pub(super) fn sections(bytes: &[u8], each: &mut Each<'_>) -> bool {
    walk(bytes, 0, each).is_some()
}

fn walk(bytes: &[u8], depth: usize, each: &mut Each<'_>) -> Option<()> {
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len())? != MAGIC || depth == DEPTH_MAX {
        return None;
    }
    let is_module = reader.take(MODULE.len())? == MODULE;
    while !reader.0.is_empty() {
        let (kind, content) = (reader.byte()?, reader.bytes()?);
        if kind == CUSTOM {
            let mut custom = Reader::new(content);
            let name = custom.text()?;
            each(name, custom.0, depth == 0);
        } else if !is_module && NESTED.contains(&kind) {
            walk(content, depth + 1, each)?;
        }
    }
    Some(())
}
