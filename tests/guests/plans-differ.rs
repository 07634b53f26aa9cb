//! Attack: computes its writes from a value that the upstream changes, so that every run could give another plan.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::yard::{NOTE, TITLE, create, finish, look, number};
use serde_json::json;

struct PlansDiffer;

impl Adapter for PlansDiffer {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let text = format!("text {}", number()?);
        let (id, _) = create(action, &json!(TITLE))?;
        finish(action, &id, &json!(text), &json!(NOTE))
    }
}

export_adapter!(PlansDiffer);
