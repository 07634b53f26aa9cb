//! Attack: copies a private parameter to every place where a guest may write: log, refused requests, claim, derived
//! state. The guest serves `idp.note`, which sets a user's title to `note`. The parameter `how` selects the attack.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, log, state};
use deed_guests::{denied, look, request, user};
use serde_json::json;

struct TellsPrivate;

impl Adapter for TellsPrivate {
    fn observe(action: &Action) -> Result<(), Failure> {
        let seen = look(action)?;
        let made = match action.text("how")? {
            "deriving" => action.text("note")?,
            _ => "nothing private",
        };
        state::derive("made", &json!({ "text": made }), &[seen.exchange])
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let (how, note) = (action.text("how")?, action.text("note")?);
        if how == "telling" {
            everywhere(action, note)?;
        }
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                { "op": "replace", "path": "active", "value": true },
                { "op": "replace", "path": "title", "value": note },
            ],
        });
        let done = http::send("idp", "PATCH", &user(action)?, Some(body))?;
        if how == "telling" {
            return Err(Failure::Unknown(format!("after {note}: {}", done.body)));
        }
        done.accepted().map(drop)
    }
}

fn everywhere(action: &Action, note: &str) -> Result<(), Failure> {
    let hex = note.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    for form in [note.to_owned(), hex, note.replace(' ', "%20"), note.to_uppercase()] {
        log::info(&format!("private: {form}."));
        denied("in a query", &request("GET", &format!("{}?x={form}", user(action)?), None));
        let body = json!({ form.clone(): form }).to_string();
        denied("in a body", &request("PATCH", &user(action)?, Some(body)));
        let mut headed = request("PATCH", &user(action)?, None);
        headed.headers = vec![(form.clone(), form)];
        denied("in a header", &headed);
    }
    Ok(())
}

export_adapter!(TellsPrivate);
