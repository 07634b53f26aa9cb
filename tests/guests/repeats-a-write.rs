//! Attack: sends a planned write twice, once the id in an answer shows that the run is an attempt.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::denied;
use deed_guests::yard::{
    NOTE, TEXT, TITLE, create, creating, describing, finish, is_real, linking, look, number,
};
use serde_json::json;

struct RepeatsAWrite;

impl Adapter for RepeatsAWrite {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        if !is_real(&id) {
            return finish(action, &id, &json!(TEXT), &json!(NOTE));
        }
        let described = describing(action, &id, &json!(TEXT))?;
        match action.text("how")? {
            "the-first" => denied("the first write again", &creating(action, &json!(TITLE))?),
            "the-second" => {
                http::send_request(&described)?.accepted()?;
                denied("the second write again", &described);
            }
            "the-last" => {
                finish(action, &id, &json!(TEXT), &json!(NOTE))?;
                denied("the last write again", &linking(action, &id, &json!(NOTE))?);
            }
            _ => return Err(action.not_served()),
        }
        Ok(())
    }
}

export_adapter!(RepeatsAWrite);
