//! The parameters of a draft, and how parts of a request stand for them.

use std::collections::BTreeMap;

use deed_record::contract::narrow::Alphabet;
use deed_record::contract::schema::{Kind, Pattern, Schema};

use super::lost::Lost;
use super::names::snake;

/// The pattern of a text that stands next to other text in a path.
const NARROW: &str = "^[A-Za-z0-9._-]+$";

/// Where the document has a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Path(String),
    Query(String),
    Body(String),
}

impl Origin {
    fn name(&self) -> &str {
        match self {
            Self::Path(name) | Self::Query(name) | Self::Body(name) => name,
        }
    }
}

/// A parameter of the contract.
#[derive(Debug, Clone)]
pub(super) struct Param {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) schema: Schema,
    pub(super) required: bool,
    pub(super) lost: Lost,
}

/// All parameters, each with a name of its own.
#[derive(Debug, Default)]
pub(super) struct Params {
    list: Vec<Param>,
    /// The names that are taken, each with the highest number after it.
    taken: BTreeMap<String, usize>,
}

impl Params {
    pub(super) fn list(&self) -> &[Param] {
        &self.list
    }

    pub(super) fn of(&self, origin: &Origin) -> Option<&Param> {
        self.list.iter().find(|param| param.origin == *origin)
    }

    /// Adds a parameter unless it is there already, and returns its name.
    pub(super) fn add(&mut self, origin: Origin, schema: Schema, required: bool) -> String {
        if let Some(known) = self.of(&origin) {
            return known.name.clone();
        }
        let base = snake(origin.name(), "param");
        let mut name = base.clone();
        let mut number = self.taken.get(&base).copied().unwrap_or(1);
        while self.taken.contains_key(&name) {
            number += 1;
            name = format!("{base}_{number}");
        }
        self.taken.insert(base, number);
        self.taken.insert(name.clone(), 1);
        let lost = Lost::default();
        self.list.push(Param { name: name.clone(), origin, schema, required, lost });
        name
    }

    /// Records what the schema of a parameter leaves out.
    pub(super) fn lose(&mut self, name: &str, lost: Lost) {
        if let Some(param) = self.list.iter_mut().find(|param| param.name == name) {
            param.lost = lost;
        }
    }

    /// Makes a parameter required.
    pub(super) fn require(&mut self, origin: &Origin) {
        if let Some(param) = self.list.iter_mut().find(|param| param.origin == *origin) {
            param.required = true;
        }
    }

    pub(super) fn remove(&mut self, origin: &Origin) {
        for param in self.list.extract_if(.., |param| param.origin == *origin) {
            self.taken.remove(&param.name);
        }
    }

    /// Narrows a text that stands next to other text, so that no value can change the meaning of the text.
    pub(super) fn narrow(&mut self, name: &str) {
        let found = self.list.iter_mut().find(|param| param.name == name);
        let Some(schema) = found.map(|param| &mut param.schema) else { return };
        let is_narrow = Alphabet::of(schema).is_some_and(Alphabet::is_narrow);
        if schema.kind() == Some(Kind::String) && !is_narrow {
            schema.choices = None;
            schema.constant = None;
            schema.pattern = Pattern::new(NARROW).ok();
        }
    }
}

/// A part of a path: text, or the name of a parameter in the document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    Text(&'p str),
    Param(&'p str),
}

/// The pieces of one segment of a path. A brace that opens no parameter is text.
pub(super) fn pieces(segment: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = segment;
    while let Some((before, inner)) = rest.split_once('{') {
        match inner.split_once('}') {
            Some((name, behind)) if !name.is_empty() && !name.contains('{') => {
                if !before.is_empty() {
                    found.push(Piece::Text(before));
                }
                found.push(Piece::Param(name));
                rest = behind;
            }
            _ => break,
        }
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// Literal text of a document in a template of a contract.
pub(super) fn literal(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// The name of a pair in a query, percent-encoded where it could end the name.
pub(super) fn encoded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~$@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Schema {
        Schema { declared: Some(Kind::String), ..Schema::default() }
    }

    #[test]
    fn each_parameter_has_a_name_of_its_own() {
        let mut params = Params::default();
        assert_eq!(params.add(Origin::Path("id".into()), text(), true), "id");
        assert_eq!(params.add(Origin::Body("id".into()), text(), true), "id_2");
        assert_eq!(params.add(Origin::Path("id".into()), text(), true), "id");
        assert_eq!(params.list().len(), 2);
        assert_eq!(params.add(Origin::Body("Id".into()), text(), true), "id_3");
        assert_eq!(params.add(Origin::Body("id_2".into()), text(), true), "id_2_2");
        params.remove(&Origin::Body("id".into()));
        assert_eq!(params.add(Origin::Query("id".into()), text(), true), "id_4");
        assert_eq!(params.add(Origin::Query("id_2".into()), text(), true), "id_2");
    }

    #[test]
    fn a_text_next_to_text_is_narrowed() {
        let mut params = Params::default();
        params.add(Origin::Path("id".into()), text(), true);
        params.narrow("id");
        let pattern = params.list()[0].schema.pattern.as_ref().unwrap();
        assert_eq!(pattern.as_str(), NARROW);
    }

    #[test]
    fn a_segment_is_divided_into_text_and_parameters() {
        assert_eq!(pieces("{id}.json"), [Piece::Param("id"), Piece::Text(".json")]);
        assert_eq!(pieces("a{b"), [Piece::Text("a{b")]);
        assert_eq!(pieces("{}"), [Piece::Text("{}")]);
        assert_eq!(literal("a{b}"), "a{{b}}");
        assert_eq!(encoded("filter[a]&b"), "filter%5Ba%5D%26b");
    }
}
