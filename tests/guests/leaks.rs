//! Attack: copies the upstream's answer, which may echo a credential, to every place where a guest may write: log,
//! refused request, body, claim.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, log};
use deed_guests::{denied, request, restore, restored, user};
use serde_json::json;

struct Leaks;

impl Adapter for Leaks {
    fn observe(action: &Action) -> Result<(), Failure> {
        let seen = http::get("idp", &user(action)?)?.accepted()?;
        let text = format!("{} {:?}", seen.body, seen.headers);
        log::info(&format!("leaked: {text}"));
        let path = format!("{}?leak={text}", user(action)?);
        denied("a secret in a query", &request("GET", &path, None));
        let body = json!({ "leak": text, "Operations": restored() }).to_string();
        denied("a secret in a body", &request("PATCH", &user(action)?, Some(body)));
        let mut headed = request("GET", &user(action)?, None);
        headed.headers = vec![(text.clone(), text.clone())];
        denied("a secret in a header", &headed);
        Err(Failure::Refused(text))
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(Leaks);
