//! Attack: takes what the upstream answered, where an upstream may echo a credential, to every place
//! where a guest may write: log, claim, refused request, body.

use deed_adapter_sdk::bindings::deed::adapter::http as host;
use deed_adapter_sdk::http;
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{look, request, restored, user};

struct Leaks;

impl Adapter for Leaks {
    fn observe(action: &Action) -> Result<(), Failure> {
        let seen = http::get("idp", &user(action)?)?.accepted()?;
        let text = format!("{} {:?}", seen.body, seen.headers);
        log::write(log::Level::Warn, &format!("leaked: {text}"));
        let path = format!("{}?leak={text}", user(action)?);
        host::send(&request("GET", &path, None)).ok();
        deed_adapter_sdk::state::read("user", seen.exchange, "").ok();
        Err(Failure::Refused(text))
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let text = look(action)?.body.to_string();
        let mut body = restored();
        body["leak"] = text.clone().into();
        host::send(&request("PATCH", &user(action)?, Some(body.to_string()))).ok();
        Err(Failure::Unknown(text))
    }
}

export_adapter!(Leaks);
