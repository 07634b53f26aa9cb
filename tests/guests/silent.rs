//! Attack: claims success without sending anything. No write was sent, so the outcome must be failed, regardless of the
//! claim.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, path, state};

struct Silent;

impl Adapter for Silent {
    fn observe(action: &Action) -> Result<(), Failure> {
        let user = path::segment(action.text("user_id")?);
        let response = http::get("idp", &format!("/Users/{user}"))?.accepted()?;
        state::read("user", response.exchange, "").map(drop)
    }

    fn perform(_: &Action) -> Result<(), Failure> {
        Ok(())
    }
}

export_adapter!(Silent);
