//! A served directory of its own for each test: two tenants, agents, approvers, grants, a faulty road
//! to a real SCIM server. Everything is made with the real binary's commands.

mod leaks;

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use deed_spec::digest::Digest;
use serde_json::{Value, json};

use crate::canary::Canary;
use crate::client::{Answer, Client};
use crate::host::{self, Host};
use crate::proxy::Proxy;
use crate::services::{Result, ScimServer, workspace};

/// Tokens of the callers; `deed.toml` holds their hashes only.
pub const HELPDESK: &str = "deed_token-of-the-helpdesk-agent-of-acme";
pub const BOB: &str = "deed_token-of-bob-who-approves-for-acme";
pub const CAROL: &str = "deed_token-of-carol-who-also-approves";
pub const STRANGER: &str = "deed_token-of-an-agent-of-globex";

/// A place with everything that a host needs, served or not.
#[derive(Debug)]
pub struct World {
    pub dir: PathBuf,
    pub proxy: Proxy,
    pub host: Option<Host>,
    /// Values that must stand nowhere, besides those that every world has.
    pub canaries: Vec<Canary>,
}

/// Which adapter stands where the contracts name `scim`.
pub const SCIM: &str = "scim";

static COUNT: AtomicU32 = AtomicU32::new(0);

impl World {
    /// A served world with the real adapter.
    pub fn start(scim: &ScimServer) -> Result<Self> {
        Self::with(scim, SCIM, |_| Ok(()))
    }

    /// A served world with this adapter and with changes to its files, pinned after the changes.
    pub fn with(
        scim: &ScimServer,
        adapter: &str,
        change: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Self> {
        let mut world = Self::not_pinned(scim, adapter)?;
        change(&world.dir)?;
        host::expect(&["pin", world.path()])?;
        world.serve()?;
        Ok(world)
    }

    /// The files alone, pinned, not served.
    pub fn lay_out(scim: &ScimServer, adapter: &str) -> Result<Self> {
        let world = Self::not_pinned(scim, adapter)?;
        host::expect(&["pin", world.path()])?;
        Ok(world)
    }

    fn not_pinned(scim: &ScimServer, adapter: &str) -> Result<Self> {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("deed-world-{}-{count}", std::process::id()));
        let proxy = Proxy::start(&scim.base_url())?;
        write_files(&dir, proxy.base_url(), adapter)?;
        Ok(Self { dir, proxy, host: None, canaries: Vec::new() })
    }

    pub fn serve(&mut self) -> Result<()> {
        self.host = Some(Host::serve(&self.dir)?);
        Ok(())
    }

    /// Serves with more environment variables.
    pub fn serve_with(&mut self, variables: &[(&str, &str)]) -> Result<()> {
        self.host = Some(Host::serve_with(&self.dir, variables)?);
        Ok(())
    }

    /// Stops and starts again in the same directory.
    pub fn restart(&mut self) -> Result<()> {
        if let Some(host) = self.host.take() {
            host.stop()?;
        }
        self.serve()
    }

    pub fn path(&self) -> &str {
        self.dir.to_str().unwrap_or_default()
    }

    pub fn url(&self) -> &str {
        self.host.as_ref().map_or("", |host| host.url.as_str())
    }

    pub fn client(&self, token: &str) -> Client {
        Client::new(self.url(), token)
    }

    /// What the helpdesk agent proposes for a user.
    pub fn proposal(contract: &str, user_id: &str) -> Value {
        json!({
            "contract": contract,
            "params": {"user_id": user_id},
            "intent": "the user is locked out and has shown who they are",
            "on_behalf_of": "user@example.com",
            "sources": [{"uri": "ticket:4711"}],
        })
    }

    /// Proposes as the helpdesk agent and waits until the action rests.
    pub fn propose(&self, proposal: &Value) -> Result<Answer> {
        let wait = [("prefer", "wait=60")];
        self.client(HELPDESK).send("POST", "/v1/actions", &wait, proposal.to_string().into_bytes())
    }

    pub fn show(&self, id: &str) -> Result<Value> {
        Ok(self.client(BOB).get(&format!("/v1/actions/{id}"))?.json())
    }

    /// Waits until the action has ended or waits for people.
    pub fn settled(&self, id: &str) -> Result<Value> {
        let path = format!("/v1/actions/{id}");
        Ok(self.client(BOB).send("GET", &path, &[("prefer", "wait=60")], vec![])?.json())
    }

    /// Signs as this person with the real client; gives its exit status and everything it printed.
    pub fn approve(&self, id: &str, person: &str, token: &str) -> Result<(bool, String)> {
        self.answer("approve", id, person, token)
    }

    pub fn answer(
        &self,
        verb: &str,
        id: &str,
        person: &str,
        token: &str,
    ) -> Result<(bool, String)> {
        let key = self.dir.join(format!("approvers/{person}.key"));
        let key = key.to_str().unwrap_or_default();
        let args = [
            verb,
            id,
            "--url",
            self.url(),
            "--token",
            token,
            "--key",
            key,
            "--person",
            person,
            "--role",
            "support-lead",
            "--yes",
        ];
        let output = host::run(&args, "")?;
        let text = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
    }

    /// Says with the real client what happened, as carol; gives its exit status and everything it printed.
    pub fn resolve(&self, id: &str, verdict: &str, reason: &str) -> Result<(bool, String)> {
        self.resolve_as(id, verdict, reason, "carol", CAROL)
    }

    pub fn resolve_as(
        &self,
        id: &str,
        verdict: &str,
        reason: &str,
        person: &str,
        token: &str,
    ) -> Result<(bool, String)> {
        let key = self.dir.join(format!("approvers/{person}.key"));
        let key = key.to_str().unwrap_or_default();
        let to = ["--url", self.url(), "--token", token, "--key", key, "--yes"];
        loop {
            let said = ["resolve", id, verdict, "--reason", reason];
            let output = host::run(&[&said, &to[..]].concat(), "")?;
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8_lossy(&text).into_owned();
            // A host that has just started waits once more.
            if output.status.success() || !text.contains("may still land") {
                return Ok((output.status.success(), text));
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
    }

    /// Proposes and, when it waits, approves as bob: the ordinary story. Gives the settled view.
    pub fn run(&self, proposal: &Value) -> Result<Value> {
        let proposed = self.propose(proposal)?;
        let id = proposed.text("/id");
        if proposed.text("/status") == "waiting" {
            let (done, said) = self.approve(&id, "bob", BOB)?;
            // One that was taken and went stale is part of the story.
            if !done && !said.contains("the approval does not count") {
                return Err(format!("the approval was not taken: {said}").into());
            }
        }
        self.settled(&id)
    }

    /// The people's bundle of an ended action.
    pub fn bundle(&self, id: &str) -> Result<Vec<u8>> {
        let answer = self.client(BOB).get(&format!("/v1/actions/{id}/bundle"))?;
        if answer.status == 200 { Ok(answer.bytes) } else { Err(answer.text("/detail").into()) }
    }

    /// Writes the trust directory of the tenant `acme` and gives its path.
    pub fn trust(&self) -> Result<PathBuf> {
        let out = self.dir.join("trust");
        let path = out.to_str().unwrap_or_default();
        host::expect(&["trust", self.path(), path, "--tenant", "acme"])?;
        Ok(out)
    }
}

/// Replaces text in a file of the world; what is not there is an error, so that no test changes nothing.
pub fn edit(dir: &Path, file: &str, from: &str, to: &str) -> Result<()> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path)?;
    if !text.contains(from) {
        return Err(format!("`{file}` has no `{from}`").into());
    }
    Ok(fs::write(path, text.replace(from, to))?)
}

/// Makes carol an operator, who resolves what no look can settle.
pub fn with_operator(dir: &Path) -> Result<()> {
    let keys = "keys = [\"approvers/carol.pub\"]";
    let roles = |more: &str| format!("roles = [\"support-lead\"{more}]\n{keys}");
    edit(dir, "deed.toml", &roles(""), &roles(", \"operator\""))
}

/// Makes a served directory for this upstream at `dir`, pinned to the adapter.
pub fn lay_out(dir: &Path, upstream: &str, adapter: &str) -> Result<()> {
    write_files(dir, upstream, adapter)?;
    host::expect(&["pin", &dir.to_string_lossy()])?;
    Ok(())
}

/// The same with nothing pinned yet.
fn write_files(dir: &Path, upstream: &str, adapter: &str) -> Result<()> {
    for sub in ["contracts", "policies", "adapters", "secrets", "keys", "approvers"] {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.join(sub))?;
    }
    for name in ["read_user", "restore_access", "suspend_user"] {
        let file = format!("contracts/{name}.toml");
        fs::copy(workspace().join(format!("contracts/idp/{name}.toml")), dir.join(file))?;
    }
    fs::copy(
        workspace().join("contracts/policies/starter.cedar"),
        dir.join("policies/starter.cedar"),
    )?;
    let wasm = workspace().join(format!("target/adapters/{adapter}.wasm"));
    fs::copy(&wasm, dir.join("adapters/scim.wasm"))
        .map_err(|e| format!("`{}` is not there ({e}); run `make adapters`", wasm.display()))?;
    for key in ["keys/receipt.key", "keys/log.key", "approvers/bob.key", "approvers/carol.key"] {
        host::expect(&["key", "new", &dir.join(key).to_string_lossy()])?;
    }
    fs::write(dir.join("deed.toml"), configuration(upstream))?;
    for (name, value) in
        [("idp_read", ScimServer::READ_TOKEN), ("idp_write", ScimServer::WRITE_TOKEN)]
    {
        store(dir, name, value)?;
    }
    Ok(())
}

/// Stores a secret that `deed.toml` names already.
pub fn store(dir: &Path, name: &str, value: &str) -> Result<()> {
    let output = host::run(&["secret", "set", &dir.to_string_lossy(), name], value)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("secret `{name}`: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Grants whatever stands in `adapters/scim.wasm`, as an operator can who writes the digest by hand:
/// `deed pin` takes no adapter that a host refuses.
pub fn grant_as_it_is(dir: &Path) -> Result<()> {
    let digest = Digest::of(&fs::read(dir.join("adapters/scim.wasm"))?);
    let toml = dir.join("deed.toml");
    let text = fs::read_to_string(&toml)?;
    let granted = |line: &str| {
        let pinned = line.starts_with("adapter = ");
        if pinned { format!("adapter = \"{digest}\"\n") } else { format!("{line}\n") }
    };
    let text: String = text.lines().map(granted).collect();
    Ok(fs::write(toml, text)?)
}

fn hash(token: &str) -> String {
    Digest::of(token.as_bytes()).to_string()
}

/// The configuration of every world: `acme` with all three contracts, `globex` with a read.
fn configuration(upstream: &str) -> String {
    format!(
        r#"environment = "production"

[http]
listen = "127.0.0.1:0"
operations = "127.0.0.1:0"

[log]
origin = "deed.example/logs"

[approval]
expires = "1h"

[tenant.acme]
policies = ["policies/starter.cedar"]

[tenant.acme.upstream.idp]
base_url = "{upstream}"
addresses = ["loopback"]
timeout = "2s"
read = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}

[tenant.acme.secret.idp_read]
file = "secrets/idp_read"

[tenant.acme.secret.idp_write]
file = "secrets/idp_write"

[tenant.acme.agent.helpdesk]
person = "alice"
roles = ["helpdesk"]
token = "{helpdesk}"

[tenant.acme.person.alice]
roles = ["helpdesk"]

[tenant.acme.person.bob]
roles = ["support-lead"]
keys = ["approvers/bob.pub"]
token = "{bob}"

[tenant.acme.person.carol]
roles = ["support-lead"]
keys = ["approvers/carol.pub"]
token = "{carol}"

[tenant.acme.grant."idp.read_user"]
upstreams = ["idp"]

[tenant.acme.grant."idp.restore_access"]
upstreams = ["idp"]

[tenant.acme.grant."idp.suspend_user"]
upstreams = ["idp"]

[tenant.globex]
policies = ["policies/starter.cedar"]

[tenant.globex.upstream.idp]
base_url = "{upstream}"
addresses = ["loopback"]

[tenant.globex.agent.desk]
person = "dora"
roles = ["helpdesk"]
token = "{stranger}"

[tenant.globex.person.dora]
roles = ["support-lead"]

[tenant.globex.grant."idp.read_user"]
upstreams = ["idp"]

[tenant.globex.grant."idp.restore_access"]
upstreams = ["idp"]

[tenant.globex.grant."idp.suspend_user"]
upstreams = ["idp"]
"#,
        helpdesk = hash(HELPDESK),
        bob = hash(BOB),
        carol = hash(CAROL),
        stranger = hash(STRANGER),
    )
}
