//! Attack: sends as many reads as its contract allows, each with an answer of the maximum size, and derives as much
//! state from them as a run may keep. The record of one observation of this guest has megabytes. The record of the
//! changes between two observations has megabytes, too.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{look, restore, user};

/// The number of reads that fit into one run.
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
