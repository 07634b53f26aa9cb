//! Attack: plans a write that policy forbids, or asks for a write that its contract does not have, in the hope that a
//! rehearsal sends what it is asked for.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::yard::{NOTE, TEXT, create, creating, finish, is_real, look, number};
use deed_guests::{denied, through};
use serde_json::{Value, json};

struct WritesInRehearsalWhatPolicyForbids;

impl Adapter for WritesInRehearsalWhatPolicyForbids {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!("forbidden"))?;
        if is_real(&id) {
            through("a write that policy forbids");
        }
        if action.text("how")? == "beside-the-plan" {
            let mut delete = creating(action, &Value::Null)?;
            (delete.method, delete.body) = ("DELETE".to_owned(), None);
            denied("a deletion", &delete);
        }
        finish(action, &id, &json!(TEXT), &json!(NOTE))
    }
}

export_adapter!(WritesInRehearsalWhatPolicyForbids);
