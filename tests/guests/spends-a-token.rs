//! Attack: puts the id of an answer in a place where the contract has no value of an answer. In a rehearsal, the id is
//! a random value that stands for the real id.

use deed_adapter_sdk::bindings::deed::adapter::http::{self as host, Request};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::yard::{
    NOTE, TEXT, TITLE, create, describing, finish, linking, look, number, with_part,
};
use serde_json::{Value, json};

struct SpendsAToken;

impl Adapter for SpendsAToken {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        // The guest goes on after a refusal: an accepted write would be in the plan.
        drop(host::send(&spent(action, &id)?));
        finish(action, &id, &json!(TEXT), &json!(NOTE))
    }
}

export_adapter!(SpendsAToken);

fn spent(action: &Action, id: &str) -> Result<Request, Failure> {
    let text = json!(TEXT);
    let whole = || describing(action, id, &text);
    Ok(match action.text("how")? {
        "in-a-part" => describing(action, id, &json!(id))?,
        "inside-a-part" => describing(action, id, &json!(format!("see {id}!")))?,
        "in-the-last-write" => {
            http::send_request(&whole()?)?.accepted()?;
            linking(action, id, &json!(id))?
        }
        "in-a-fixed-place" => with_part(whole()?, "/kind", &json!(id))?,
        "as-a-name" => {
            let write = whole()?;
            let body = json!({ "kind": "thing", "text": TEXT, id: 1 });
            Request { body: Some(body.to_string()), ..write }
        }
        "in-the-query" => {
            let write = whole()?;
            Request { path: format!("{}?of={id}", write.path), ..write }
        }
        "in-another-path" => {
            let write = whole()?;
            Request { path: format!("/links/{id}"), ..write }
        }
        "in-a-read" => {
            let read = describing(action, id, &Value::Null)?;
            Request { method: "GET".to_owned(), body: None, ..read }
        }
        _ => return Err(action.not_served()),
    })
}
