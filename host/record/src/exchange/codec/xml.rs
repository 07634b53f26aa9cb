//! Decodes XML 1.0 responses to JSON by one fixed mapping (contracts/REFERENCE.md, "Codecs").
//!
//! DTDs, entities beyond the five predefined ones, processing instructions, comments and mixed content are refused. A
//! repeated element that is not a declared list is refused too, so that the shape of a value does not depend on the
//! number of occurrences.

mod text;

use quick_xml::Reader;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesDecl, BytesStart, Event};
use serde_json::{Map, Value};

pub use self::text::is_name;
use self::text::{is_char, is_space};

/// The maximum depth of elements. Each level of elements results in one JSON object and, for a list, also one array, so
/// the JSON value stays within its limit of 64 levels.
const DEPTH_MAX: usize = 30;

/// Decodes an XML document into a JSON object whose only member is the root element.
///
/// `lists` contains `parent/child` pairs of names. The caller limits the size of the document.
///
/// # Errors
///
/// Fails when the document is malformed or has a construct that is not supported.
pub fn decode(bytes: &[u8], lists: &[String]) -> Result<Value, XmlError> {
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Utf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // XML 1.0 section 2.11: line ends are normalised to a line feed before parsing.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if let Some(found) = text.chars().find(|letter| !is_char(*letter)) {
        return Err(XmlError::Character(found.escape_default().to_string()));
    }
    let mut builder = Builder { lists, open: Vec::new(), root: None };
    let mut reader = Reader::from_str(&text);
    loop {
        let first = reader.buffer_position() == 0;
        match reader.read_event().map_err(|error| XmlError::Syntax(error.to_string()))? {
            Event::Eof => return builder.finish(),
            Event::Decl(declaration) if first => check_declaration(&declaration)?,
            event => builder.take(&event)?,
        }
    }
}

/// Why a document cannot be decoded into a JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    #[error("the answer is not UTF-8")]
    Utf8,
    #[error("the answer contains the character `{0}`, which XML does not allow")]
    Character(String),
    #[error("the answer is not well-formed XML: {0}")]
    Syntax(String),
    #[error("the answer contains {0}, which is not supported")]
    Forbidden(&'static str),
    #[error("element `{0}` contains both text and child elements")]
    Mixed(String),
    #[error("element `{0}` occurs more than once; if it is a list, name it in `codec.lists`")]
    Repeated(String),
    #[error("the answer is nested deeper than {DEPTH_MAX} elements")]
    Deep,
}

/// An element whose end tag has not been read yet.
struct Element {
    name: String,
    attributes: Map<String, Value>,
    children: Map<String, Value>,
    text: String,
}

struct Builder<'a> {
    lists: &'a [String],
    open: Vec<Element>,
    root: Option<(String, Value)>,
}

impl Builder<'_> {
    fn take(&mut self, event: &Event<'_>) -> Result<(), XmlError> {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::Empty(tag) => self.start(tag).and_then(|()| self.end()),
            Event::End(_) => self.end(),
            Event::Text(text) if text.contains("]]>") => Err(syntax("`]]>` occurs in a text")),
            Event::Text(text) => self.text(text),
            Event::CData(_) if self.open.is_empty() => Err(syntax("CDATA is outside the root")),
            Event::CData(text) => self.text(text),
            Event::GeneralRef(name) if !self.open.is_empty() => {
                let letter = text::reference(name)?;
                self.text(letter.encode_utf8(&mut [0; 4]))
            }
            Event::GeneralRef(_) => Err(syntax("a reference is outside the root")),
            Event::Comment(_) => Err(XmlError::Forbidden("a comment")),
            Event::PI(_) => Err(XmlError::Forbidden("a processing instruction")),
            Event::DocType(_) => Err(XmlError::Forbidden("a document type declaration")),
            Event::Decl(_) => Err(syntax("the XML declaration is not the first thing")),
            Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.open.len() == DEPTH_MAX {
            return Err(XmlError::Deep);
        }
        if self.root.is_some() {
            return Err(syntax("there is a second root"));
        }
        let mut attributes = Map::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| XmlError::Syntax(error.to_string()))?;
            let (name, value) = read_attribute(&attribute)?;
            attributes.insert(name, Value::String(value));
        }
        let name = named(tag.name().into_inner())?;
        self.open.push(Element { name, attributes, children: Map::new(), text: String::new() });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.chars().all(is_space) => {}
            None => return Err(syntax("text is outside the root")),
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), XmlError> {
        let Some(element) = self.open.pop() else {
            return Err(syntax("an end tag has no start tag"));
        };
        let name = element.name.clone();
        let value = self.close(element)?;
        let Some(parent) = self.open.last_mut() else {
            self.root = Some((name, value));
            return Ok(());
        };
        if is_list(self.lists, &parent.name, &name) {
            let list = parent.children.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(items) = list {
                items.push(value);
            }
        } else if parent.children.contains_key(&name) {
            return Err(XmlError::Repeated(format!("{}/{name}", parent.name)));
        } else {
            parent.children.insert(name, value);
        }
        Ok(())
    }

    /// Converts an element to JSON: a string if the element contains only text, otherwise an object.
    fn close(&self, element: Element) -> Result<Value, XmlError> {
        let Element { name, attributes: mut object, mut children, text } = element;
        for list in self.lists {
            if let Some((_, child)) = list.split_once('/').filter(|(parent, _)| *parent == name) {
                children.entry(child).or_insert_with(|| Value::Array(Vec::new()));
            }
        }
        if !children.is_empty() {
            if !text.chars().all(is_space) {
                return Err(XmlError::Mixed(name));
            }
            object.extend(children);
        } else if object.is_empty() {
            return Ok(Value::String(text));
        } else if !text.is_empty() {
            object.insert("#text".into(), Value::String(text));
        }
        Ok(Value::Object(object))
    }

    fn finish(self) -> Result<Value, XmlError> {
        if let Some(element) = self.open.last() {
            return Err(XmlError::Syntax(format!("`{}` has no end tag", element.name)));
        }
        let (name, value) = self.root.ok_or_else(|| syntax("there is no root"))?;
        Ok(Value::Object(Map::from_iter([(name, value)])))
    }
}

fn is_list(lists: &[String], parent: &str, child: &str) -> bool {
    lists.iter().any(|list| list.split_once('/') == Some((parent, child)))
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), XmlError> {
    let version = declaration.version().map_err(|error| XmlError::Syntax(error.to_string()))?;
    let encoding = declaration.encoding().transpose();
    let encoding = encoding.map_err(|error| XmlError::Syntax(error.to_string()))?;
    if version != "1.0" {
        return Err(XmlError::Forbidden("a version other than 1.0"));
    }
    if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
        return Err(XmlError::Forbidden("an encoding other than UTF-8"));
    }
    Ok(())
}

/// The attribute's name as `@name`, and its normalised value (XML 1.0 section 3.3.3).
fn read_attribute(attribute: &Attribute<'_>) -> Result<(String, String), XmlError> {
    let name = named(attribute.key.into_inner())?;
    if attribute.value.contains('<') {
        return Err(syntax("`<` occurs in an attribute"));
    }
    Ok((format!("@{name}"), text::attribute(&attribute.value)?))
}

fn named(name: &str) -> Result<String, XmlError> {
    if is_name(name) {
        Ok(name.to_owned())
    } else {
        Err(syntax("an element or attribute has no name"))
    }
}

fn syntax(what: &str) -> XmlError {
    XmlError::Syntax(what.to_owned())
}
