//! The lists of the custom sections: producers and dependencies. A component can have many sections with such lists, so
//! every limit is for all of them together.

use std::io::Read as _;

use deed_spec::json;
use flate2::read::ZlibDecoder;
use serde::Serialize;
use serde_json::Value;

use super::reader::Reader;
use crate::package::short;

/// How many sections with lists are read.
const SECTIONS_MAX: usize = 100;
/// How many entries of `producers` are read, and how many different ones are kept. The modules of a component often
/// repeat the same entries.
const ENTRIES_MAX: usize = 2_000;
const PRODUCERS_MAX: usize = 200;
const DEPENDENCIES_MAX: usize = 5_000;
/// How many bytes the lists of dependencies may have after decompression.
pub(super) const BYTES_MAX: usize = 2 << 20;
/// How many problems are kept.
pub(super) const PROBLEMS_MAX: usize = 20;

/// An entry of the section `producers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Producer {
    /// `language`, `processed-by` or `sdk`.
    pub field: String,
    pub name: String,
    pub version: String,
}

/// A dependency of the component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependency {
    pub name: String,
    pub version: String,
    pub source: Option<String>,
}

/// The lists that were read so far, and how much was read for them.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) producers: Vec<Producer>,
    pub(super) dependencies: Option<Vec<Dependency>>,
    pub(super) problems: Vec<String>,
    sections: usize,
    entries: usize,
    bytes: usize,
}

impl Lists {
    pub(super) fn add_producers(&mut self, data: &[u8]) {
        if self.admit() && self.read_producers(data).is_none() {
            self.problem("a section `producers` is not well-formed, or is too long");
        }
    }

    pub(super) fn add_dependencies(&mut self, data: &[u8]) {
        if !self.admit() {
            return;
        }
        if let Err(why) = self.read_dependencies(data) {
            self.problem(&format!("the section `.dep-v0`: {why}"));
        }
    }

    /// Whether one more section is read.
    fn admit(&mut self) -> bool {
        self.sections = self.sections.saturating_add(1);
        if self.sections == SECTIONS_MAX + 1 {
            self.problem(&format!("only {SECTIONS_MAX} sections with lists were read"));
        }
        self.sections <= SECTIONS_MAX
    }

    fn problem(&mut self, why: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(short::text(why));
        }
    }

    /// Adds the producers that are not there yet; `None` if the section is not well-formed, or has too many entries.
    fn read_producers(&mut self, data: &[u8]) -> Option<()> {
        let mut reader = Reader::new(data);
        for _ in 0..reader.number()? {
            let field = reader.text()?;
            self.count_entry()?;
            for _ in 0..reader.number()? {
                self.count_entry()?;
                let (name, version) = (reader.text()?, reader.text()?);
                let [field, name, version] = [field, name, version].map(short::text);
                let one = Producer { field, name, version };
                if self.producers.len() < PRODUCERS_MAX && !self.producers.contains(&one) {
                    self.producers.push(one);
                }
            }
        }
        Some(())
    }

    fn count_entry(&mut self) -> Option<()> {
        self.entries += 1;
        (self.entries <= ENTRIES_MAX).then_some(())
    }

    fn read_dependencies(&mut self, data: &[u8]) -> Result<(), String> {
        let text = self.decompress(data)?;
        let value = json::parse(&text).map_err(|error| error.to_string())?;
        let packages = value.get("packages").and_then(Value::as_array);
        let packages = packages.ok_or("there is no list `packages`")?;
        let found = self.dependencies.get_or_insert_default();
        let room = DEPENDENCIES_MAX.saturating_sub(found.len());
        found.extend(packages.iter().take(room).filter_map(dependency));
        if packages.len() > room {
            return Err(format!("only {DEPENDENCIES_MAX} dependencies were read"));
        }
        Ok(())
    }

    fn decompress(&mut self, data: &[u8]) -> Result<Vec<u8>, String> {
        let room = BYTES_MAX.saturating_sub(self.bytes);
        let mut text = Vec::new();
        let read = ZlibDecoder::new(data).take(room as u64 + 1).read_to_end(&mut text);
        // What a damaged section gave before the error counts as well.
        self.bytes = self.bytes.saturating_add(text.len());
        read.map_err(|error| error.to_string())?;
        if text.len() > room {
            return Err(format!("the lists of all sections have more than {BYTES_MAX} bytes"));
        }
        Ok(text)
    }
}

fn dependency(value: &Value) -> Option<Dependency> {
    let member = |name: &str| value.get(name).and_then(Value::as_str).map(short::text);
    Some(Dependency {
        name: member("name")?,
        version: member("version")?,
        source: member("source"),
    })
}
