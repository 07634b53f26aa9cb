//! The passkeys of the person who reads the page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::statement::approver::ApproverKey;
use deed_spec::webauthn::RelyingParty;
use maud::{Markup, html};

use super::desk::Desk;
use super::html::page;
use super::parts::{Cells, code, paragraph, table};
use super::place::PASSKEYS;
use super::refusal::Refused;
use super::text::{Shown as _, Text};
use super::visitor::Visitor;
use crate::api::problem::Problem;
use crate::shown::text::grouped;

const HEADS: [&str; 4] = ["Fingerprint", "RP ID", "Origins", "Counter"];

pub(super) async fn show(State(desk): State<Desk>, visitor: Visitor) -> Result<Response, Refused> {
    let tenant = &visitor.caller.tenant;
    let person = tenant.persons.get(visitor.caller.name());
    let keys = person.map(|person| person.keys.as_slice()).unwrap_or_default();
    let mut rows: Vec<Cells> = Vec::new();
    for key in keys {
        rows.extend(cells(&desk, &tenant.name, key)?);
    }
    Ok(page(StatusCode::OK, &visitor.frame("Passkeys", PASSKEYS), &content(&rows)))
}

/// The row of a passkey; `None` for a key file.
fn cells(desk: &Desk, tenant: &str, key: &ApproverKey) -> Result<Option<Cells>, Problem> {
    let Some(passkey) = key.passkey() else { return Ok(None) };
    let id = key.id().map_err(|error| {
        tracing::error!(%error, "a configured passkey has no ID");
        Problem::unavailable()
    })?;
    let RelyingParty { rp_id, origins } = &passkey.relying_party;
    let counter = if desk.app.engine.has_counted(tenant, &id)? {
        "counts its signatures"
    } else {
        "has not counted"
    };
    Ok(Some(vec![
        code(&Text::new(&grouped(&id))),
        Text::new(rp_id).shown(),
        Text::list(origins).shown(),
        counter.shown(),
    ]))
}

fn content(rows: &[Cells]) -> Markup {
    html! {
        h1 { "Your passkeys" }
        @if rows.is_empty() { (paragraph(&"You have no passkey.")) }
        @else { (table("Configured passkeys", &HEADS, rows)) }
        p {
            "For a new passkey, or if you have lost all of them, ask an operator for an invitation: "
            code { "deed passkey invite DIR PERSON" } " prints a link. To remove a passkey, tell an operator its \
            fingerprint."
        }
    }
}
