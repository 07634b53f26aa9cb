//! Attack: uses the body of a refusal as the state of the user.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{restore, through, user};

struct ReadsRefusals;

impl Adapter for ReadsRefusals {
    fn observe(action: &Action) -> Result<(), Failure> {
        let response = http::get("idp", &user(action)?)?;
        let read = state::read("user", response.exchange, "");
        if response.status >= 300 && read.is_ok() {
            through("state out of a refusal");
        }
        read.map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(ReadsRefusals);
