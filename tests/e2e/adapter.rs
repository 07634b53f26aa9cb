//! Tests of the reports that integration authors and operators read about adapters: which requests are sent, which
//! party is at fault, and where a guest stopped.

use std::fs;
use std::path::Path;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::host;
use deed_tests::hostile::{Hostile, Script};
use deed_tests::proxy::Recorded;
use deed_tests::world::{World, edit};
use serde_json::Value;

mod answers;
mod configuration;
mod guards;

const READ: &str = "idp.read_user";
const RESTORE: &str = "idp.restore_access";
const SUSPEND: &str = "idp.suspend_user";
/// The id of a user of the hostile upstream, which has a user for every id.
const USER: &str = "00000000000000000000000000000042";

/// A test environment with a running host, whose upstream follows a script.
struct Stage {
    world: World,
    upstream: Hostile,
}

impl Stage {
    /// Starts a host for this `environment`; in `production` a person must approve each write.
    fn new(environment: &str) -> Self {
        Self::with(environment, |_| {})
    }

    /// Like `new`, but changes files of the served directory first.
    fn with(environment: &str, change: impl FnOnce(&Path)) -> Self {
        let upstream = Hostile::start().unwrap();
        let mut world = World::lay_out(scim(), "scim").unwrap();
        let toml = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
        let old = toml.split("base_url = \"").nth(1).unwrap().split('"').next().unwrap();
        edit(&world.dir, "deed.toml", old, &upstream.base_url()).unwrap();
        let named = format!("environment = \"{environment}\"");
        edit(&world.dir, "deed.toml", "environment = \"production\"", &named).unwrap();
        change(&world.dir);
        host::expect(&["pin", world.path()]).unwrap();
        world.serve().unwrap();
        Self { world, upstream }
    }

    /// Runs one read action, in which the upstream answers the GET and its repetitions as scripted; returns the view of
    /// the action.
    fn read(&self, script: Script) -> Value {
        self.upstream.lie("GET", 0, 4, script);
        let view = self.world.run(&World::proposal(READ, USER)).unwrap();
        self.upstream.be_honest();
        view
    }
}

fn agent(request: &Recorded) -> Option<&str> {
    request.header("user-agent")
}

#[test]
fn every_request_says_who_sends_it() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    let requests = world.proxy.requests();
    let ours = concat!("deed/", env!("CARGO_PKG_VERSION"));
    for method in ["GET", "PATCH"] {
        assert!(requests.iter().any(|one| one.method == method), "{requests:?}");
    }
    assert!(requests.iter().all(|one| agent(one) == Some(ours)), "{requests:?}");
}

#[test]
fn a_panic_is_told_with_its_message_and_place() {
    let (world, user) = (World::with(scim(), "panics", |_| Ok(())).unwrap(), locked_out());
    let view = world.run(&World::proposal(RESTORE, &user)).unwrap();
    let log = world.host.as_ref().unwrap().log();
    for told in [view["ledger"].to_string(), log] {
        assert!(told.contains("panicked at ") && told.contains("panics.rs:"), "{told}");
        assert!(told.contains("the upstream said 204"), "{told}");
    }
    assert_eq!(view["status"], "verified", "judged by what was seen: {view:#}");
}
