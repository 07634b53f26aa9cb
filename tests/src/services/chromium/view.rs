//! What a person sees: the size of the window, the colour scheme, and pictures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Session;
use super::session::text;
use crate::services::Result;

/// Width and height of a window on a desk, in CSS pixels.
pub const DESK: (u32, u32) = (1000, 760);
/// Width and height of the screen of a small phone, in CSS pixels.
pub const PHONE: (u32, u32) = (360, 720);

/// The colour scheme that the person prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    Light,
    Dark,
}

impl Session {
    /// Sets the size of the window. A narrow window is that of a phone.
    pub fn size(&self, (width, height): (u32, u32)) -> Result<()> {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.cdp("Emulation.setDeviceMetricsOverride", &size).map(drop)
    }

    pub fn prefers(&self, scheme: Scheme) -> Result<()> {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([{"name": "prefers-color-scheme", "value": value}]);
        self.cdp("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// Switches the scripts of pages that are loaded from now on. The driver can still ask the page.
    pub fn scripts(&self, run: bool) -> Result<()> {
        self.cdp("Emulation.setScriptExecutionDisabled", &json!({ "value": !run })).map(drop)
    }

    /// Opens every part of the page that a person can open.
    pub fn open_all(&self) -> Result<()> {
        let script = "for (const one of document.querySelectorAll('details')) one.open = true";
        self.execute(script, &json!([])).map(drop)
    }

    /// How many pixels the page is wider than its window.
    pub fn overflow(&self) -> Result<i64> {
        let script =
            "return document.scrollingElement.scrollWidth - document.documentElement.clientWidth";
        let wider = self.execute(script, &json!([]))?;
        Ok(wider.as_i64().ok_or("the page has no width")?)
    }

    /// The window as a PNG.
    pub fn picture(&self) -> Result<Vec<u8>> {
        let picture = self.call("GET", "/screenshot", &Value::Null)?;
        Ok(STANDARD.decode(text(&picture)?)?)
    }

    /// Runs an expression in a world of its own: it has the elements of the page, but not the variables, and neither the
    /// policy of the page nor its Trusted Types apply to it. Returns the value, for which it waits.
    pub fn evaluate_apart(&self, library: &str, expression: &str) -> Result<Value> {
        let tree = self.cdp("Page.getFrameTree", &json!({}))?;
        let frame = tree.pointer("/frameTree/frame/id").ok_or("the page has no frame")?;
        let world = json!({"frameId": frame, "worldName": "tests"});
        let world = self.cdp("Page.createIsolatedWorld", &world)?;
        let world = world.get("executionContextId").ok_or("the frame has no world")?;
        let evaluate = |text: &str| -> Result<Value> {
            let what = json!({
                "expression": text, "contextId": world, "awaitPromise": true, "returnByValue": true,
            });
            let done = self.cdp("Runtime.evaluate", &what)?;
            match done.get("exceptionDetails") {
                Some(thrown) => Err(format!("the expression fails: {thrown}").into()),
                None => Ok(done.pointer("/result/value").cloned().unwrap_or_default()),
            }
        };
        evaluate(&format!("{library}\n;true")).and_then(|_| evaluate(expression))
    }
}
