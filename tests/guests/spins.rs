//! Attack: runs forever once it may write. The host must stop the guest in time, without help from the guest, and the
//! CPU must become idle.

use std::hint::black_box;

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, path, state};

struct Spins;

impl Adapter for Spins {
    fn observe(action: &Action) -> Result<(), Failure> {
        let user = path::segment(action.text("user_id")?);
        let response = http::get("idp", &format!("/Users/{user}"))?.accepted()?;
        state::read("user", response.exchange, "").map(drop)
    }

    fn perform(_: &Action) -> Result<(), Failure> {
        let mut turns = 0_u64;
        while black_box(true) {
            turns = black_box(turns.wrapping_add(1));
        }
        Ok(())
    }
}

export_adapter!(Spins);
