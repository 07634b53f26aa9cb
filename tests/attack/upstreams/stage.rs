//! A served fixture with a hostile upstream. Writes need no approval here, because the attack comes from the upstream
//! and a case runs dozens of actions.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use deed_test_support::shared::{ended, scim};
use deed_tests::host;
use deed_tests::hostile::{Hostile, Script};
use deed_tests::services::Result;
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::leak;

pub(crate) const READ: &str = "idp.read_user";
pub(crate) const RESTORE: &str = "idp.restore_access";

/// Credentials with every character that some encoding treats specially.
pub(crate) const READ_SECRET: &str = r#"rd/9+Kq"w\z~<7>&t=%2Bs.Xy:Vb4'Lm"#;
pub(crate) const WRITE_SECRET: &str = r#"Wr?8/Hn"e\u~<3>&p=%7Ek+Tj:Qc1'Gd"#;

/// The hostile upstream and the host that trusts it.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) hostile: Hostile,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Hostile::start().unwrap(), |_| Ok(()))
    }

    /// Starts the fixture with additional changes to its files.
    pub(crate) fn with(hostile: Hostile, change: impl FnOnce(&Path) -> Result<()>) -> Self {
        let base_url = hostile.base_url();
        Self::served(hostile, &base_url, &[], change)
    }

    /// Starts the fixture with another base URL, and with environment variables for the host.
    pub(crate) fn served(
        hostile: Hostile,
        base_url: &str,
        variables: &[(&str, &str)],
        change: impl FnOnce(&Path) -> Result<()>,
    ) -> Self {
        let mut world = World::lay_out(scim(), "scim").unwrap();
        lay_out(&world.dir, base_url).and_then(|()| change(&world.dir)).unwrap();
        host::expect(&["pin", world.path()]).unwrap();
        world.serve_with(variables).unwrap();
        Self { world, hostile }
    }

    /// Replaces the configuration by one that differs in a comment. This ends the pauses of its credentials.
    pub(crate) fn renew(&self) {
        let path = self.world.dir.join("deed.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}# replaced\n")).unwrap();
        let says = self.world.reload().unwrap();
        assert_eq!(says["result"], "applied", "{says:#}");
    }

    /// Runs one read whose next GET is answered by this script. Returns the view of the action.
    pub(crate) fn read(&self, script: Script) -> Value {
        self.hostile.lie("GET", 0, 1, script);
        let view = self.propose(READ, &fresh());
        self.hostile.be_honest();
        view
    }

    /// Checks that a read ends as failed with this reason.
    pub(crate) fn read_fails(&self, script: Script, reason: &str) -> Value {
        let view = self.read(script);
        ended(&self.world, &view, "failed", reason);
        view
    }

    /// Runs one write whose PATCH is answered by this script. Returns the view of the action.
    pub(crate) fn write(&self, script: Script) -> Value {
        self.hostile.lie("PATCH", 0, 1, script);
        let view = self.propose(RESTORE, &fresh());
        self.hostile.be_honest();
        view
    }

    /// Runs one action for each script, all at the same time, and answers the requests of each action with its script.
    /// Returns the views of the actions.
    pub(crate) fn all(
        &self,
        contract: &str,
        method: &str,
        scripts: &[(&str, Script)],
    ) -> Vec<Value> {
        for (_, script) in scripts {
            self.hostile.lie(method, 0, 1, Arc::clone(script));
        }
        thread::scope(|scope| {
            let runs: Vec<_> =
                scripts.iter().map(|_| scope.spawn(|| self.propose(contract, &fresh()))).collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        })
    }

    /// Proposes an action for a user and waits until the action has ended.
    pub(crate) fn propose(&self, contract: &str, user: &str) -> Value {
        self.world.propose(&World::proposal(contract, user)).unwrap().json()
    }

    /// Checks that nothing that the host returned or wrote contains a credential.
    pub(crate) fn tight(&self, views: &[Value]) {
        leak::none(&self.world, views);
    }
}

/// A new user id that no other action uses.
pub(crate) fn fresh() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{:032x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Configures the upstream at `base_url`, with the test's credentials and without approvals.
pub(crate) fn lay_out(dir: &Path, base_url: &str) -> Result<()> {
    let toml = fs::read_to_string(dir.join("deed.toml"))?;
    let old = toml.split("base_url = \"").nth(1).and_then(|rest| rest.split('"').next());
    edit(dir, "deed.toml", old.unwrap_or_default(), base_url)?;
    edit(dir, "deed.toml", "environment = \"production\"", "environment = \"staging\"")?;
    // The pause before a second observation would end after the time `queue`, so no observation is repeated and each
    // script is used once.
    let once = "timeout = \"30s\"\nbackoff = \"10m\"\nqueue = \"4m\"";
    for name in ["read_user", "restore_access", "suspend_user"] {
        edit(dir, &format!("contracts/{name}.toml"), "timeout = \"30s\"", once)?;
    }
    fs::write(dir.join("secrets/idp_read"), READ_SECRET)?;
    Ok(fs::write(dir.join("secrets/idp_write"), WRITE_SECRET)?)
}

/// The result of each call of a phase: `not_sent`, `no_answer` or a status.
pub(crate) fn fates(view: &Value, phase: &str) -> Vec<Value> {
    let calls = view["calls"].as_array().unwrap();
    calls.iter().filter(|call| call["phase"] == phase).map(|call| call["fate"].clone()).collect()
}
