//! Attack: takes what the upstream answered, where an upstream may echo a credential, to every place
//! where a guest may write: log, refused request, body, claim.

use deed_adapter_sdk::bindings::deed::adapter::http as host;
use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, log};
use deed_guests::{denied, look, request, restored, user};

struct Leaks;

impl Adapter for Leaks {
    fn observe(action: &Action) -> Result<(), Failure> {
        let seen = look(action)?;
        log::info(&format!("leaked while it looked: {}", seen.body));
        Ok(())
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let seen = http::get("idp", &user(action)?)?.accepted()?;
        let text = format!("{} {:?}", seen.body, seen.headers);
        log::info(&format!("leaked while it performed: {text}"));
        let path = format!("{}?leak={text}", user(action)?);
        denied("a secret in a query", &request("PATCH", &path, Some(restored().to_string())));
        let mut body = restored();
        body["leak"] = text.clone().into();
        denied("a secret in a body", &request("PATCH", &user(action)?, Some(body.to_string())));
        let mut headed = request("PATCH", &user(action)?, Some(restored().to_string()));
        headed.headers = vec![("x-leak".to_owned(), text.clone())];
        if host::send(&headed).is_ok() {
            deed_guests::through("a secret in a header");
        }
        Err(Failure::Unknown(text))
    }
}

export_adapter!(Leaks);
