//! Attack: looks twice, shows people what it saw first, and hopes that its write leaves with the entity
//! tag of what is there by then.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http};
use deed_guests::{look, restore, user};

struct MixesLooks;

impl Adapter for MixesLooks {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action)?;
        http::get("idp", &user(action)?).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(MixesLooks);
