//! Attack: during an observation, sends the contract's write, which is a GET request that deletes the user. The method
//! alone does not show what a request does.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter};
use deed_guests::{denied, look, request, user};

struct DeletesByGet;

impl Adapter for DeletesByGet {
    fn observe(action: &Action) -> Result<(), Failure> {
        let path = format!("{}?action=delete", user(action)?);
        denied("a GET that deletes", &request("GET", &path, None));
        look(action).map(drop)
    }

    fn perform(_: &Action) -> Result<(), Failure> {
        Ok(())
    }
}

export_adapter!(DeletesByGet);
