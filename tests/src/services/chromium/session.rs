//! A session of WebDriver (W3C): one window of one browser.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Element;
use crate::services::Result;

/// A browser starts slowly while the machine also compiles.
const CALL_PATIENCE: Duration = Duration::from_secs(90);
/// How long an element or a state of the page may take to appear.
const PAGE_PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(25);

/// A window of the browser. Dropping this value closes the browser.
#[derive(Debug)]
pub struct Session {
    /// The address of the session at its driver.
    address: String,
    agent: ureq::Agent,
}

impl Session {
    pub(super) fn begin(driver: SocketAddr, capabilities: &Value) -> Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(CALL_PATIENCE));
        let mut session =
            Self { address: format!("http://{driver}/session"), agent: config.build().into() };
        let begun = session.call("POST", "", capabilities)?;
        let id = begun.get("sessionId").and_then(Value::as_str).ok_or("the session has no id")?;
        session.address = format!("{}/{id}", session.address);
        Ok(session)
    }

    /// Sends a command to the driver. `path` follows the address of the session. A command without parameters has an
    /// empty object as its body, and GET has no body.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let text = if method == "POST" { body.to_string() } else { String::new() };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address))
            .header("content-type", "application/json")
            .body(text)?;
        let mut response = self.agent.run(request)?;
        // The log of requests and the evaluation of a page are longer than the default limit of the client.
        let text = response.body_mut().with_config().limit(256 << 20).read_to_string()?;
        let mut answer: Value = serde_json::from_str(&text)?;
        let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
        if response.status() == 200 {
            return Ok(value);
        }
        let said = value.get("message").and_then(Value::as_str).unwrap_or(&text);
        Err(format!("the browser refuses {method} {path}: {said}").into())
    }

    /// Sends a command of the Chrome DevTools protocol.
    pub fn cdp(&self, command: &str, parameters: &Value) -> Result<Value> {
        let body = json!({"cmd": command, "params": parameters});
        self.call("POST", "/goog/cdp/execute", &body)
    }

    /// Loads a page, and waits until it is loaded.
    pub fn goto(&self, url: &str) -> Result<()> {
        self.call("POST", "/url", &json!({"url": url})).map(drop)
    }

    /// The address of the page, with its fragment.
    pub fn address(&self) -> Result<String> {
        text(&self.call("GET", "/url", &Value::Null)?)
    }

    pub fn reload(&self) -> Result<()> {
        self.call("POST", "/refresh", &json!({})).map(drop)
    }

    /// The markup of the page as it is now.
    pub fn source(&self) -> Result<String> {
        text(&self.call("GET", "/source", &Value::Null)?)
    }

    /// The visible text of the page.
    pub fn text(&self) -> Result<String> {
        self.find("body")?.text()
    }

    /// The first element that this CSS selector selects.
    pub fn find(&self, css: &str) -> Result<Element<'_>> {
        let all = self.find_all(css)?.into_iter().next();
        Ok(all.ok_or_else(|| {
            format!("no element is `{css}`: {}", self.source().unwrap_or_default())
        })?)
    }

    /// All elements that this CSS selector selects, in the order of the document.
    pub fn find_all(&self, css: &str) -> Result<Vec<Element<'_>>> {
        let body = json!({"using": "css selector", "value": css});
        let found = self.call("POST", "/elements", &body)?;
        let all = found.as_array().into_iter().flatten();
        Ok(all.filter_map(|reference| Element::of(self, reference)).collect())
    }

    /// Waits until an element that is displayed has this CSS selector, and returns the element.
    pub fn wait_for(&self, css: &str) -> Result<Element<'_>> {
        let end = Instant::now() + PAGE_PATIENCE;
        loop {
            // An element of a page that is being replaced is not displayed.
            let displayed = |one: &Element<'_>| one.is_displayed().unwrap_or_default();
            if let Some(found) = self.find_all(css)?.into_iter().find(displayed) {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(format!("`{css}` does not appear: {}", self.source()?).into());
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits until this expression of JavaScript is true in the page.
    pub fn wait_until(&self, expression: &str) -> Result<()> {
        let end = Instant::now() + PAGE_PATIENCE;
        let script = format!("return Boolean({expression})");
        // A page that is being replaced cannot be asked.
        while self.execute(&script, &json!([])).ok() != Some(Value::Bool(true)) {
            if Instant::now() > end {
                return Err(format!("`{expression}` is not true: {}", self.source()?).into());
            }
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Runs the body of a function with these arguments in the page, and returns its value. The driver runs the
    /// function, so the policy of the page does not apply to it.
    pub fn execute(&self, script: &str, arguments: &Value) -> Result<Value> {
        self.call("POST", "/execute/sync", &json!({"script": script, "args": arguments}))
    }

    /// Presses and releases a key. Keys without a character are in [`super::keys`].
    pub fn press(&self, key: char) -> Result<()> {
        let one = |kind: &str| json!({"type": kind, "value": key});
        let actions = json!([one("keyDown"), one("keyUp")]);
        let body = json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]});
        self.call("POST", "/actions", &body).map(drop)
    }

    /// Removes the cookies of the page's site, as if the session of the person had been lost.
    pub fn forget_cookies(&self) -> Result<()> {
        self.call("DELETE", "/cookie", &Value::Null).map(drop)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The driver ends the browser in any case, so errors are ignored here.
        self.call("DELETE", "", &Value::Null).ok();
    }
}

pub(super) fn text(value: &Value) -> Result<String> {
    Ok(value.as_str().ok_or_else(|| format!("not a text: {value}"))?.to_owned())
}
