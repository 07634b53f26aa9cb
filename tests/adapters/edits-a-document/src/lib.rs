//! Reads a document, adds a tag, and puts the document back (`office.tag_document`); or reads a document and stores
//! copies of it (`office.copy_document`).
//!
//! If the contract lets the adapter compute only the tags, the adapter computes only these.

use deed_adapter_sdk::{Action, Adapter, Failure, Request, export_adapter, http, requests};
use serde_json::{Value, json};

struct EditsADocument;

impl Adapter for EditsADocument {
    fn observe(action: &Action) -> Result<(), Failure> {
        requests::send_all(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let read = requests::only(action, "GET", "/documents")?;
        let document = http::send_request(read)?.accepted()?.body;
        match action.contract.as_str() {
            "office.tag_document" => tag(action, &document),
            "office.copy_document" => copy(action, &document),
            _ => Err(action.not_served()),
        }
    }
}

fn tag(action: &Action, document: &Value) -> Result<(), Failure> {
    let rendered = requests::only(action, "PUT", "/documents")?;
    let tags = tagged(document, action.text("tag")?);
    let write = if rendered.body.is_none() {
        let body =
            json!({ "title": document.get("title"), "text": document.get("text"), "tags": tags });
        requests::with_body(rendered, &body)
    } else {
        requests::with_part(rendered, "/tags", tags)?
    };
    http::send_request(&write)?.accepted().map(drop)
}

/// The tags of the document with another one, which is added once.
fn tagged(document: &Value, tag: &str) -> Value {
    let tags = document.get("tags").and_then(Value::as_array);
    let mut tags = tags.cloned().unwrap_or_default();
    if !tags.iter().any(|known| known == tag) {
        tags.push(tag.into());
    }
    tags.into()
}

fn copy(action: &Action, document: &Value) -> Result<(), Failure> {
    let rendered = requests::only(action, "POST", "/copies")?;
    let copies = action.params.get("copies").and_then(Value::as_u64).unwrap_or_default();
    for number in 1..=copies {
        http::send_request(&one_copy(rendered, number, document))?.accepted()?;
    }
    Ok(())
}

fn one_copy(rendered: &Request, number: u64, document: &Value) -> Request {
    requests::with_body(rendered, &json!({ "number": number, "text": document.get("text") }))
}

export_adapter!(EditsADocument);
