//! Attack: refers to exchanges that were never made, places that an answer does not have, names that its contract does
//! not declare, and a state that was already read.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};
use deed_guests::{restore, through, user};

struct PointsAstray;

impl Adapter for PointsAstray {
    fn observe(action: &Action) -> Result<(), Failure> {
        astray("user", 0, "");
        let exchange = http::get("idp", &user(action)?)?.accepted()?.exchange;
        for other in [exchange + 1, 63, u32::MAX] {
            astray("user", other, "");
        }
        for pointer in ["/nothing", "/userName", "/active", "/meta/~2", "user", "/schemas/-", "//"]
        {
            astray("user", exchange, pointer);
        }
        astray("user", exchange, &"/x".repeat(1 << 20));
        for name in ["", "admin", "User", "user\0", "pre.user"] {
            astray(name, exchange, "");
        }
        state::read("user", exchange, "")?;
        astray("user", exchange, "");
        Ok(())
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(PointsAstray);

fn astray(name: &str, exchange: u32, pointer: &str) {
    if let Ok(value) = state::read(name, exchange, pointer) {
        through(&format!("state {name} out of exchange {exchange}: {value}"));
    }
}
