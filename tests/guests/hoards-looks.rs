//! Attack: looks as often as its contract says at answers as large as an answer may be, and makes as much state of
//! them as a run may keep: what the host writes down of a look, and of what changed since, is megabytes each.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{look, restore, user};

/// What fits into a run.
const LOOKS: usize = 6;

struct HoardsLooks;

impl Adapter for HoardsLooks {
    fn observe(action: &Action) -> Result<(), Failure> {
        let first = look(action)?.exchange;
        for _ in 1..LOOKS {
            http::get("idp", &user(action)?)?.accepted()?;
        }
        state::read("again", first, "").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(HoardsLooks);
