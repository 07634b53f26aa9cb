//! Attack: reads the state twice, shows people the first state, and tries to have its write sent with the entity tag of
//! the second state.

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
