//! Attack: sends the planned writes in another order, once the id in an answer shows that the run is an attempt.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::denied;
use deed_guests::yard::{
    NOTE, TEXT, TITLE, create, describing, finish, is_real, linking, look, number,
};
use serde_json::json;

struct ReordersWrites;

impl Adapter for ReordersWrites {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        if is_real(&id) {
            denied("the last write first", &linking(action, &id, &json!(NOTE))?);
            denied("the second write last", &describing(action, &id, &json!(TEXT))?);
            return Ok(());
        }
        finish(action, &id, &json!(TEXT), &json!(NOTE))
    }
}

export_adapter!(ReordersWrites);
