//! Tests of webhooks: which events are reported to which receivers, how they are signed, and when they are sent.

mod agents;
mod delivery;
mod ends;
mod expiring;
mod page;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::receiver::{Receiver, for_operators};
use deed_tests::world::{HELPDESK, World};
use serde_json::json;

const READ: &str = "idp.read_user";
const RESTORE: &str = "idp.restore_access";

/// The line of `[notify]` for every event.
pub(crate) const EVERY: &str = "events = [\"action.waiting\", \"action.expiring\", \"action.ended\", \
                                \"action.indeterminate\", \"action.escalated\"]\n";

/// Starts a host that reports to this receiver. `more` has further lines of `[notify]`.
fn reporting(receiver: &Receiver, more: &str) -> World {
    World::with(scim(), "scim", |dir| for_operators(dir, &receiver.url(), more)).unwrap()
}

/// Proposes an action that waits for approval, and returns its id.
fn waiting(world: &World) -> String {
    let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{proposed:?}");
    proposed.text("/id")
}

/// Carries out a read, which needs no approval, and returns its id.
fn read(world: &World) -> String {
    let proposed = world.propose(&World::proposal(READ, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "verified", "{proposed:?}");
    proposed.text("/id")
}

fn cancel(world: &World, id: &str) {
    let path = format!("/v1/actions/{id}/cancel");
    let answer = world.client(HELPDESK).post(&path, &json!({})).unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
}
