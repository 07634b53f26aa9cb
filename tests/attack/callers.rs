//! Attacks by callers: requests to the public listener, with and without a token.

mod approvals;
mod bodies;
mod confirmations;
mod console;
mod crowd;
mod deferrals;
mod delegations;
mod doors;
mod drafts;
mod edits;
mod enrolment;
mod exchange;
mod forged;
mod heads;
mod mcp;
mod mcp_edge;
mod mcp_state;
mod notifications;
mod oauth;
mod overload;
mod passkeys;
mod places;
mod planted;
mod races;
mod reach;
mod refusals;
mod rehearsal;
mod resolutions;
mod searches;
mod tenants;
mod tokens;
mod waiting;
mod webhooks;
mod wire;

use deed_tests::services::ScimServer;
use deed_tests::world::{BOB, CAROL, HELPDESK, STRANGER, World};

use crate::case::{self, Case};

pub(crate) fn cases() -> Vec<Case> {
    [
        tokens::cases(),
        planted::cases(),
        heads::cases(),
        crowd::cases(),
        refusals::cases(),
        overload::cases(),
        waiting::cases(),
        places::cases(),
        bodies::cases(),
        approvals::cases(),
        passkeys::cases(),
        confirmations::cases(),
        deferrals::cases(),
        delegations::cases(),
        edits::cases(),
        drafts::cases(),
        enrolment::cases(),
        rehearsal::cases(),
        resolutions::cases(),
        races::cases(),
        tenants::cases(),
        searches::cases(),
        mcp::cases(),
        mcp_state::cases(),
        webhooks::cases(),
        notifications::cases(),
        console::cases(),
        reach::cases(),
        mcp_edge::cases(),
        doors::cases(),
        oauth::cases(),
        exchange::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The secrets of callers and upstreams, which must not be readable anywhere.
const SECRETS: [&str; 6] =
    [HELPDESK, BOB, CAROL, STRANGER, ScimServer::READ_TOKEN, ScimServer::WRITE_TOKEN];

/// Checks after an attack that the host carries out the next action, is idle afterwards, and wrote no secret to its
/// log.
fn unharmed(world: &World) {
    case::unharmed(world);
    silent(&world.host.as_ref().unwrap().log());
}

/// Checks that the text contains no secret.
fn silent(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "`{secret}` stands in: {text}");
    }
}

/// Returns the value of a counter or gauge of the host.
fn counted(world: &World, name: &str) -> u64 {
    metric(world, name).unwrap()
}

/// Like `counted`; `None` when no series has these labels.
fn metric(world: &World, name: &str) -> Option<u64> {
    world.metric(name).unwrap()
}
