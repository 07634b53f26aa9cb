//! Attack: requests other upstreams, other users, other methods and a query. After these requests, the guest performs
//! its action as usual, so that only the host's refusals stop the attack.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, log};
use deed_guests::{denied, look, request, restore, restored, user};

const OTHER: &str = "/Users/00000000000000000000000000000000";

struct AsksElsewhere;

impl Adapter for AsksElsewhere {
    fn observe(action: &Action) -> Result<(), Failure> {
        look(action).map(drop)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let user = user(action)?;
        let body = || Some(restored().to_string());
        for upstream in ["", "crm", "IDP", "idp ", "127.0.0.1", "http://169.254.169.254", "idp\0"] {
            let mut elsewhere = request("PATCH", &user, body());
            upstream.clone_into(&mut elsewhere.upstream);
            denied(upstream, &elsewhere);
        }
        for path in ["", "/", "/Users", OTHER, "/Groups", "/ServiceProviderConfig", "*"] {
            denied(path, &request("PATCH", path, body()));
            denied(path, &request("GET", path, None));
        }
        for more in ["?", "?active=true", "#", "#x", "/", "/..", "/meta", " ", "%00"] {
            denied(more, &request("PATCH", &format!("{user}{more}"), body()));
        }
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
            denied(method, &request(method, &user, None));
            denied(method, &request(method, &user, body()));
        }
        log::info("it asked for all of it");
        restore(action)?.accepted().map(drop)
    }
}

export_adapter!(AsksElsewhere);
