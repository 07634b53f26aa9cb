//! What a component says about itself in the registered custom sections. Nothing here is proven: the author of the
//! component wrote it.

use serde::Serialize;

use self::lists::Lists;
pub use self::lists::{Dependency, Producer};
use self::reader::sections;
use super::short::{self, TEXT_MAX};

mod lists;
mod reader;

/// The texts and lists of the custom sections. Those of the component itself precede those of the modules in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sections {
    pub version: Option<String>,
    pub description: Option<String>,
    pub authors: Option<String>,
    pub licenses: Option<String>,
    pub source: Option<String>,
    pub homepage: Option<String>,
    pub revision: Option<String>,
    /// The tools and languages with which the component was made.
    pub producers: Vec<Producer>,
    /// The list of dependencies that `cargo auditable` writes; null if the component has none.
    pub dependencies: Option<Vec<Dependency>>,
    /// What could not be read.
    pub problems: Vec<String>,
}

impl Sections {
    /// Reads the custom sections of a component.
    pub fn of(bytes: &[u8]) -> Self {
        let mut lists = Lists::default();
        let mut found = Self::read(bytes, |name, data| match name {
            "producers" => lists.add_producers(data),
            ".dep-v0" => lists.add_dependencies(data),
            _ => {}
        });
        let Lists { producers, dependencies, problems, .. } = lists;
        found.problems.extend(problems);
        Self { producers, dependencies, ..found }
    }

    /// Reads only the texts of a component, and none of the lists.
    pub fn texts_of(bytes: &[u8]) -> Self {
        Self::read(bytes, |_, _| {})
    }

    /// Reads the texts; `list` is called for each other section.
    fn read(bytes: &[u8], mut list: impl FnMut(&str, &[u8])) -> Self {
        let mut found = Self::default();
        let is_whole = sections(bytes, &mut |name, data, is_outer| {
            if !found.add(name, data, is_outer) {
                list(name, data);
            }
        });
        if !is_whole {
            found.problems.push("a section is cut off, or is nested too deep".to_owned());
        }
        found
    }

    /// The texts that are there, by the name of their section.
    pub fn texts(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("version", &self.version),
            ("description", &self.description),
            ("authors", &self.authors),
            ("licenses", &self.licenses),
            ("source", &self.source),
            ("homepage", &self.homepage),
            ("revision", &self.revision),
        ];
        all.into_iter().filter_map(|(name, text)| Some((name, text.as_deref()?))).collect()
    }

    /// Adds a text. Returns whether this is the name of a section with a text.
    fn add(&mut self, name: &str, data: &[u8], is_outer: bool) -> bool {
        let place = match name {
            "version" => &mut self.version,
            "description" => &mut self.description,
            "authors" => &mut self.authors,
            "licenses" => &mut self.licenses,
            "source" => &mut self.source,
            "homepage" => &mut self.homepage,
            "revision" => &mut self.revision,
            _ => return false,
        };
        if is_outer || place.is_none() {
            // A character has at most 4 bytes, so a text that is too long remains too long.
            let data = data.get(..4 * (TEXT_MAX + 1)).unwrap_or(data);
            *place = Some(short::text(&String::from_utf8_lossy(data)));
        }
        true
    }
}

#[cfg(test)]
mod tests;
