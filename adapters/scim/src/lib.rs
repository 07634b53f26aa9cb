//! Adapter of the `idp` contracts for a SCIM 2.0 user directory (RFC 7644). The adapter makes no decisions: the module
//! `map` defines the requests, and the host itself reads the result from the answers.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, state};

mod map;

const UPSTREAM: &str = "idp";

struct Scim;

impl Adapter for Scim {
    fn observe(action: &Action) -> Result<(), Failure> {
        let path = map::user_path(action)?;
        let response = http::get(UPSTREAM, &path)?.accepted()?;
        state::read("user", response.exchange, "").map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let (path, body) = map::change(action)?;
        http::send(UPSTREAM, "PATCH", &path, Some(body))?.accepted().map(drop)
    }
}

export_adapter!(Scim);
