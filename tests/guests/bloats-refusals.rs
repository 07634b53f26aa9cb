//! Attack: sends a small body whose refusal is huge: one long name, and thousands of fields below it. If the text of
//! the refusal named every difference from the contract's body, the text would fill the host's memory.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, look, request, restore, user};

struct BloatsRefusals;

impl Adapter for BloatsRefusals {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let fields: Vec<String> = (0..12_000).map(|field| format!("\"{field}\":0")).collect();
        let body = format!("{{\"{}\":{{{}}}}}", "x".repeat(1 << 16), fields.join(","));
        denied("a body beyond the template", &request("PATCH", &user(action)?, Some(body)));
        log::info("it asked for all of it");
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(BloatsRefusals);
