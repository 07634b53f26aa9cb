//! Attack: repeats every request of its contract, far beyond what a run may send.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::{look, restore, user};

const FLOOD: usize = 500;

struct FloodsExchanges;

impl Adapter for FloodsExchanges {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        for _ in 0..FLOOD {
            http::get("idp", &user(action)?).ok();
            restore(action).ok();
        }
        Ok(())
    }
}

export_adapter!(FloodsExchanges);
