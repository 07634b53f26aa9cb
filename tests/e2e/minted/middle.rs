//! Tests of tokens that expire or are revoked in the middle of an action, while it waits for people.

use std::thread;
use std::time::Duration;

use deed_test_support::shared::ended;
use deed_tests::world::{BOB, World};

use super::fixture::{Provider, Seen, Stage};
use super::{RESTORE, of, user};
use crate::mcp_clients::programs::installed;

/// Longer than the life of the tokens that expire here.
const EXPIRED: Duration = Duration::from_millis(6_200);

/// Proposes an action, lets `happens` happen while it waits, and approves it. Returns the requests before and after.
fn approved(stage: &mut Stage, happens: impl FnOnce(&Stage, &[Seen])) -> [Vec<Seen>; 2] {
    let proposed = stage.world.propose(&World::proposal(RESTORE, &user(1))).unwrap();
    assert_eq!(proposed.text("/status"), "waiting", "{}", proposed.json());
    let before = stage.seen();
    happens(stage, &before);
    let id = proposed.text("/id");
    let (done, said) = stage.world.approve(&id, "bob", BOB).unwrap();
    assert!(done, "{said}");
    ended(&stage.world, &stage.world.settled(&id).unwrap(), "verified", "every expectation holds");
    [before, stage.seen()]
}

#[test]
fn an_action_outlives_the_token_with_which_it_began() {
    if !installed("tokens of `oidc-provider` and Canaille that expire in an action") {
        return;
    }
    for provider in Provider::ALL {
        let mut stage = Stage::asking(provider, &provider.by_secret(), &["--ttl", "6"]);
        let [before, after] = approved(&mut stage, |_, _| thread::sleep(EXPIRED));
        assert!(after.iter().all(|one| one.claims["active"] == true), "{provider:?}: {after:?}");
        let is_new = |one: &&Seen| before.iter().all(|old| old.token != one.token);
        assert!(of(&after, "GET").iter().all(is_new), "{provider:?}: {before:?} {after:?}");
    }
}

#[test]
fn a_look_after_the_approval_is_sent_again_if_its_token_was_revoked() {
    if !installed("tokens of `oidc-provider` and Canaille that are revoked in an action") {
        return;
    }
    for provider in Provider::ALL {
        let mut stage = Stage::asking(provider, &provider.by_secret(), &[]);
        let [_, after] = approved(&mut stage, |stage, seen| {
            stage.login.revoke(&of(seen, "GET")[0].token, "deed-reader");
        });
        let active = |one: &Seen| one.claims["active"] == true;
        let reads = of(&after, "GET");
        assert!(!active(reads[0]) && reads[1..].iter().all(|one| active(one)), "{reads:?}");
        assert_eq!(of(&after, "PATCH").len(), 1, "{provider:?}: {after:?}");
    }
}
