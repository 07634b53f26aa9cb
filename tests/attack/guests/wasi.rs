//! Guests that import WASI, under a grant with `wasi = true`.

use std::path::Path;

use deed_test_support::shared::is_active;
use deed_tests::guests::Guest;
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::siege::{CONTRACT, RESTORE, Siege};

/// Allows WASI in the grants of the contract, which both tenants have.
fn allow(dir: &Path) -> Result<()> {
    let table = ".grant.\"idp.restore_access\"]\n";
    edit(dir, "deed.toml", table, &format!("{table}wasi = true\n"))
}

/// Every interface that could reach something refuses, and the guest then does its work with an ordinary client.
pub(super) fn reaches_out() {
    let siege = Siege::with(Guest::ReachesOutByWasi, allow);
    let view = siege.run();
    let receipt = siege.ended(&view, "verified", "every expectation holds");
    assert!(siege.log().contains("it tried all of it"), "{}", siege.log());
    assert_eq!(siege.world.proxy.count("PATCH"), 1);
    let refused = receipt["attempts"][0]["refused"].as_array().unwrap();
    assert!(refused.len() >= 8, "{refused:?}");
    for host in ["169.254.169.254", "idp:80"] {
        assert!(siege.log().contains(host), "the log names {host}");
    }
}

/// The host keeps little for a guest, and never answers in the place of another answer.
pub(super) fn floods() {
    let siege = Siege::with(Guest::FloodsByWasi, allow);
    let view = siege.run();
    siege.ended(&view, "verified", "every expectation holds");
    assert!(siege.log().contains("it flooded the host"), "{}", siege.log());
    assert_eq!(siege.world.proxy.count("PATCH"), 1);
}

/// Runs the guest in one of its ways, with a limit of two seconds.
fn waits(how: &str) -> (Siege, Value) {
    let siege = Siege::with(Guest::WaitsByWasi, |dir| {
        allow(dir)?;
        edit(dir, CONTRACT, "timeout = \"30s\"", "timeout = \"2s\"")?;
        let required = "required = [\"user_id\"]\n";
        let with_how = "required = [\"user_id\", \"how\"]\n\
                        properties.how = { type = \"string\", maxLength = 20 }\n";
        edit(dir, CONTRACT, required, with_how)
    });
    let mut proposal = World::proposal(RESTORE, &siege.user);
    proposal["params"]["how"] = json!(how);
    let view = siege.world.run(&proposal).unwrap();
    (siege, view)
}

/// No way to wait or to end changes anything, and the operator learns how the run ended.
pub(super) fn waits_or_ends() {
    for (how, claim) in [
        ("exits", "exit"),
        ("fails", "exit"),
        ("deadlocks", "never becomes ready"),
        ("draws", "random bytes"),
        ("sleeps", "timed_out"),
        ("spins", "timed_out"),
    ] {
        let (siege, view) = waits(how);
        let receipt = siege.ended(&view, "failed", "no write was sent");
        let claimed = receipt["attempts"][0]["claim"].to_string();
        assert!(claimed.contains(claim), "{how}: {claimed}");
        assert_eq!(siege.world.proxy.count("PATCH"), 0, "{how}");
        assert!(!is_active(&siege.user), "{how}");
    }
    let (siege, view) = waits("prints");
    siege.ended(&view, "verified", "every expectation holds");
    assert!(siege.log().contains("lines were dropped"), "{}", siege.log());
}
