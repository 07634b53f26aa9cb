//! Hostile adapters that request more than their contract allows. Each guest sends a table of requests and then
//! performs the action. The proxy's record shows which requests were sent, and the receipt shows which requests were
//! refused.

use std::path::Path;

use deed_test_support::shared::is_active;
use deed_tests::guests::Guest;
use deed_tests::services::Result;
use deed_tests::world::edit;
use serde_json::{Value, json};

use super::siege::{CONTRACT, Siege};

/// Checks that all extra requests were refused, that the receipt gives the reasons, and that the only write of the
/// contract was sent once.
fn all_refused(guest: Guest) -> (Siege, Value) {
    let siege = Siege::of(guest);
    let receipt = siege.ended(&siege.run(), "verified", "every expectation holds");
    assert!(siege.log().contains("it asked for all of it"), "{}", siege.log());
    let attempt = &receipt["attempts"][0];
    assert_eq!(attempt["exchanges"].as_array().unwrap().len(), 1, "{attempt:#}");
    let refused = attempt["refused"].as_array().unwrap();
    assert!(!refused.is_empty() && refused.len() <= 8, "{refused:#?}");
    assert!(refused.iter().all(|why| why.as_str().unwrap().starts_with("denied by ")));
    assert!(attempt.to_string().len() < 32 << 10, "{} bytes", attempt.to_string().len());
    assert_eq!(siege.world.proxy.count("PATCH"), 1);
    assert!(is_active(&siege.user));
    (siege, attempt.clone())
}

pub(super) fn elsewhere() {
    all_refused(Guest::AsksElsewhere);
}

pub(super) fn escapes_paths() {
    all_refused(Guest::EscapesPaths);
}

pub(super) fn forges_headers() {
    let (siege, attempt) = all_refused(Guest::ForgesHeaders);
    assert!(!siege.log().contains("Bearer forged"), "values of headers are nobody's business");
    assert!(!attempt.to_string().contains("Bearer forged"));
}

pub(super) fn forges_bodies() {
    all_refused(Guest::ForgesBodies);
}

pub(super) fn bloats_refusals() {
    all_refused(Guest::BloatsRefusals);
}

pub(super) fn writes_while_observing() {
    Siege::of(Guest::WritesWhileObserving)
        .stopped_while_observing("observe takes only GET, HEAD, and POST with `reads`");
}

/// The contract declares a GET as a write. The host recognises the write only by its phase, not by its method.
pub(super) fn deletes_by_get() {
    let deletes = |dir: &Path| -> Result<()> {
        let from = "request  = \"PATCH /Users/{user_id}\"\n";
        let to = "request  = \"GET /Users/{user_id}?action=delete\"\nwrites   = true\n";
        edit(dir, CONTRACT, from, to)?;
        edit(dir, CONTRACT, "body     = ", "# body = ")
    };
    let siege = Siege::with(Guest::DeletesByGet, deletes);
    siege.stopped_while_observing("is none of this run's requests");
    let queries = siege.world.proxy.requests().iter().filter(|r| r.path.contains('?')).count();
    assert_eq!(json!(queries), 0);
}
