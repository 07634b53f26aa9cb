//! Removes the members of a group whose mail addresses are outside of a domain, each with a write of its own. The
//! members are read over several pages, so only code can find them.

use deed_adapter_sdk::{Action, Adapter, Failure, export_adapter, http, paging, requests};
use serde_json::Value;

/// The number of members on a full page.
const PAGE: usize = 500;

struct PrunesMembers;

impl Adapter for PrunesMembers {
    fn observe(action: &Action) -> Result<(), Failure> {
        requests::send_all(action)
    }

    fn perform(action: &Action) -> Result<(), Failure> {
        let domain = format!("@{}", action.text("domain")?);
        let members =
            paging::numbered(&requests::matching(action, "GET", "/groups"), "/items", PAGE)?;
        let remove = requests::only(action, "POST", "/groups")?;
        for member in members.iter().filter(|member| is_outside(member, &domain)) {
            let id = member.get("id").cloned().unwrap_or_default();
            let write = requests::with_part(remove, "/member", id)?;
            http::send_request(&write)?.accepted()?;
        }
        Ok(())
    }
}

/// Whether the member has a mail address that does not end with `domain`. A member without an address is kept.
fn is_outside(member: &Value, domain: &str) -> bool {
    let mail = member.get("mail").and_then(Value::as_str);
    mail.is_some_and(|mail| !mail.ends_with(domain))
}

export_adapter!(PrunesMembers);
