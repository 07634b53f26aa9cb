//! Attack: puts so many small values into computed parts that the host would use far more memory for them than the
//! bodies have bytes. The contract does not bound these parts. The parameter `how` selects the form of the values.

use deed_adapter_sdk::bindings::deed::adapter::http::{self as host, Request};
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::yard::{NOTE, TEXT, TITLE, create, describing, finish, look, number};
use serde_json::json;

struct PlansWithManyValues;

impl Adapter for PlansWithManyValues {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        number()?;
        let (id, _) = create(action, &json!(TITLE))?;
        let many = match action.text("how")? {
            "items" => "0,".repeat(1_900_000) + "0",
            "lists" => "[],".repeat(1_300_000) + "[]",
            "deep-lists" => format!("{}1{},", "[".repeat(40), "]".repeat(40)).repeat(40_000) + "1",
            "just-too-many" => "0,".repeat(20_000) + "0",
            "in-all-writes" => {
                let values = json!(vec!["1"; 11_000]);
                return finish(action, &id, &values, &values);
            }
            // What the honest guest plans is not too much, whatever policies get for each decimal.
            "decimals" => return finish(action, &id, &json!(vec!["1.5"; 9_000]), &json!(NOTE)),
            "long-text" => {
                let text = json!("x".repeat(1_100_000));
                return finish(action, &id, &text, &text);
            }
            _ => return Err(action.not_served()),
        };
        let write = describing(action, &id, &json!(TEXT))?;
        let body = format!("{{\"kind\":\"thing\",\"text\":[{many}]}}");
        drop(host::send(&Request { body: Some(body), ..write }));
        finish(action, &id, &json!(TEXT), &json!(NOTE))
    }
}

export_adapter!(PlansWithManyValues);
