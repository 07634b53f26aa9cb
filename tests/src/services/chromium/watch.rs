//! What the browser reports: messages of its log, and requests of pages.

use serde_json::{Value, json};

use super::Session;
use crate::services::Result;

/// The schemes of what the browser loads by itself.
const OWN: [&str; 4] = ["about:", "chrome:", "chrome-untrusted:", "data:"];

/// A message of the browser's log, such as a violation of the policy of a page.
#[derive(Debug, Clone)]
pub struct Entry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    pub message: String,
}

impl Session {
    /// The messages since the last call.
    pub fn log(&self) -> Result<Vec<Entry>> {
        let word = |one: &Value, name: &str| one.get(name)?.as_str().map(str::to_owned);
        let entry = |one: &Value| {
            Some(Entry { level: word(one, "level")?, message: word(one, "message")? })
        };
        Ok(self.entries("browser")?.iter().filter_map(entry).collect())
    }

    /// The addresses that pages have requested since the last call, in their order. A request that the policy of the page
    /// stopped is one of them. The browser's own pages and pictures, such as its new tab, are left out.
    pub fn requests(&self) -> Result<Vec<String>> {
        let address = |one: &Value| {
            let event: Value = serde_json::from_str(one.get("message")?.as_str()?).ok()?;
            let event = event.get("message")?;
            let sent = event.get("method")? == "Network.requestWillBeSent";
            let url = event.pointer("/params/request/url")?.as_str().filter(|_| sent)?;
            let is_own = OWN.iter().any(|scheme| url.starts_with(scheme));
            (!is_own).then(|| url.to_owned())
        };
        Ok(self.entries("performance")?.iter().filter_map(address).collect())
    }

    fn entries(&self, kind: &str) -> Result<Vec<Value>> {
        let all = self.call("POST", "/se/log", &json!({ "type": kind }))?;
        Ok(all.as_array().cloned().unwrap_or_default())
    }
}
