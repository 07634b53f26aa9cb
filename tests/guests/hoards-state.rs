//! Attack: derives every state that it may name, each as large as possible.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log, state};
use deed_guests::{look, restore};
use serde_json::json;

struct HoardsState;

impl Adapter for HoardsState {
    fn observe(action: &Action) -> Result<(), Failure> {
        let exchange = look(action)?.exchange;
        let large = json!({ "text": "x".repeat(900_000) });
        for name in ["first", "second", "third"] {
            if let Err(failure) = state::derive(name, &large, &[exchange]) {
                log::info(&format!("{name}: {failure:?}"));
            }
        }
        Ok(())
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(HoardsState);
