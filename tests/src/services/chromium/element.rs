//! Elements of a page.

use serde_json::{Value, json};

use super::Session;
use super::session::text;
use crate::services::Result;

/// The name of a reference to an element, from the standard.
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page that the window shows.
#[derive(Debug, Clone)]
pub struct Element<'a> {
    session: &'a Session,
    id: String,
}

impl<'a> Element<'a> {
    pub(super) fn of(session: &'a Session, reference: &Value) -> Option<Self> {
        let id = reference.get(REFERENCE)?.as_str()?.to_owned();
        Some(Self { session, id })
    }

    /// The element as an argument of [`Session::execute`].
    pub fn reference(&self) -> Value {
        json!({ REFERENCE: self.id })
    }

    /// Scrolls to the element and clicks it. Fails if another element covers it.
    pub fn click(&self) -> Result<()> {
        self.post("click", &json!({}))
    }

    /// Types text into the element, after what it has.
    pub fn write(&self, text: &str) -> Result<()> {
        self.post("value", &json!({ "text": text }))
    }

    /// Empties an input field.
    pub fn clear(&self) -> Result<()> {
        self.post("clear", &json!({}))
    }

    /// The text as it is displayed.
    pub fn text(&self) -> Result<String> {
        text(&self.get("text")?)
    }

    /// The value of an attribute or property; `None` if there is none.
    pub fn attribute(&self, name: &str) -> Result<Option<String>> {
        let value = self.get(&format!("attribute/{name}"))?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// The computed value of a CSS property.
    pub fn style(&self, property: &str) -> Result<String> {
        text(&self.get(&format!("css/{property}"))?)
    }

    pub fn is_displayed(&self) -> Result<bool> {
        Ok(self.get("displayed")? == Value::Bool(true))
    }

    pub fn is_enabled(&self) -> Result<bool> {
        Ok(self.get("enabled")? == Value::Bool(true))
    }

    fn get(&self, what: &str) -> Result<Value> {
        self.session.call("GET", &format!("/element/{}/{what}", self.id), &Value::Null)
    }

    fn post(&self, what: &str, body: &Value) -> Result<()> {
        self.session.call("POST", &format!("/element/{}/{what}", self.id), body).map(drop)
    }
}

/// The characters that stand for keys, from the standard.
pub mod keys {
    pub const TAB: char = '\u{e004}';
    pub const ENTER: char = '\u{e007}';
    pub const ESCAPE: char = '\u{e00c}';
}
