//! Bundles of version 2 from the scripted upstream: parts of format 2 that no real server of the tests shows.

use std::sync::atomic::{AtomicU32, Ordering};

use deed_test_support::scripted::desk;
use deed_test_support::shared::declared;
use deed_tests::world::{BOB, World};
use serde_json::json;

use super::{ends, id, keep_copies};

/// A number that no action has used yet, because each action needs an object or a value of its own.
fn fresh() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(20);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The first request for the refund is throttled, and the second is carried out.
pub(super) fn refunded(world: &World) -> String {
    let params = json!({"charge": format!("c-{}", fresh()), "amount": "1.50"});
    ends(world, &declared("desk.refund_charge", params), "verified")
}

/// The states are read by a search and from two pages.
pub(super) fn queried(world: &World) -> String {
    let params = json!({"account": "a-1", "limit": format!("{}.5", fresh())});
    ends(world, &declared("desk.set_limit", params), "verified")
}

/// The write is carried out only if nothing exists, and its answer is a text.
pub(super) fn guarded(world: &World) -> String {
    let params = json!({"name": format!("n-{}", fresh())});
    ends(world, &declared("desk.reserve_name", params), "verified")
}

/// The answer to the write has status 200 and a text that says that the write was refused.
pub(super) fn declined(world: &World) -> String {
    let params = json!({"name": format!("locked-{}", fresh())});
    ends(world, &declared("desk.reserve_name", params), "failed")
}

/// The approval stays valid although a value changes on which it does not depend. The write is carried out as a job,
/// which is still running at the first observation. Copies of the bundle from that time are kept.
pub(super) fn followed(world: &World) -> String {
    let user = format!("u-{}", fresh());
    let proposal = declared("desk.suspend_user", json!({"user": user}));
    let view = world.propose(&proposal).unwrap().json();
    assert_eq!(view["status"], "waiting", "{view:#}");
    let id = id(&view);
    desk().log_in(&user);
    let (done, said) = world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    let view = world.settled(&id).unwrap();
    assert_eq!(view["status"], "indeterminate", "{view:#}");
    keep_copies(world, &id);
    desk().finish_jobs();
    id
}
