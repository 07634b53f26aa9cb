//! The files of every test fixture: contracts, policies, keys, and a configuration with two tenants.

use std::fs;
use std::path::Path;

use deed_spec::digest::Digest;

use super::{BOB, CAROL, HELPDESK, STRANGER};
use crate::host;
use crate::layout::{self, HEAD, hash};
use crate::services::{Result, ScimServer, workspace};

/// Replaces text in a file of the served directory. Fails when the text is absent, so that a test cannot silently
/// change nothing.
pub fn edit(dir: &Path, file: &str, from: &str, to: &str) -> Result<()> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path)?;
    if !text.contains(from) {
        return Err(format!("`{file}` has no `{from}`").into());
    }
    Ok(fs::write(path, text.replace(from, to))?)
}

/// Makes carol an operator, who resolves open outcomes that no observation can settle.
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

/// Makes the directory without pinning the contracts.
pub(super) fn write_files(dir: &Path, upstream: &str, adapter: &str) -> Result<()> {
    layout::folders(dir, &["bob", "carol"])?;
    for name in ["read_user", "restore_access", "suspend_user"] {
        let file = format!("contracts/{name}.toml");
        fs::copy(workspace().join(format!("contracts/idp/{name}.toml")), dir.join(file))?;
    }
    fs::copy(
        workspace().join("contracts/policies/starter.cedar"),
        dir.join("policies/starter.cedar"),
    )?;
    layout::adapter(dir, adapter, "scim")?;
    fs::write(dir.join("deed.toml"), configuration(upstream))?;
    for (name, value) in
        [("idp_read", ScimServer::READ_TOKEN), ("idp_write", ScimServer::WRITE_TOKEN)]
    {
        store(dir, name, value)?;
    }
    Ok(())
}

/// Stores a secret that `deed.toml` already names.
pub fn store(dir: &Path, name: &str, value: &str) -> Result<()> {
    let output = host::run(&["secret", "set", &dir.to_string_lossy(), name], value)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("secret `{name}`: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Grants the present `adapters/scim.wasm`, as an operator can do by writing the digest by hand. `deed pin` would
/// refuse an adapter that a host refuses.
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

/// The configuration of every fixture: tenant `acme` has all three contracts, and `globex` has only a read.
fn configuration(upstream: &str) -> String {
    format!(
        r#"{HEAD}
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
