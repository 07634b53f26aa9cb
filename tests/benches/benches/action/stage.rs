//! The processes of the bench: the upstream, the floor (a server that does the minimum work of an action), a host
//! without approvals and a host with approvals.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use deed_benches::serving::Peer;
use deed_spec::digest::Digest;
use deed_tests::host::{self, Host};
use deed_tests::services::Result;
use deed_tests::world::{SCIM, edit, lay_out};

/// The number of agents that propose in turn. One agent is not enough, because it may have at most 128 actions under
/// way.
pub(super) const AGENTS: u64 = 8;

pub(super) fn token(agent: u64) -> String {
    format!("deed_token-of-agent-{agent}-of-the-bench")
}

pub(super) struct Stage {
    /// The two hosts, which serve directories below `dir`.
    pub(super) plain: Host,
    pub(super) asking: Host,
    pub(super) floor: Peer,
    pub(super) asking_dir: PathBuf,
    /// The time until the host was ready: once when it had to compile its adapter, and once with the compiled adapter
    /// in its cache.
    pub(super) starts: Vec<(&'static str, Duration)>,
    _upstream: Peer,
    dir: PathBuf,
}

impl Stage {
    pub(super) fn set() -> Result<Self> {
        // The directory is on the disk of the build and never in memory, because the measurement includes the disk.
        let dir =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("action-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        let upstream = Peer::start(Path::new(env!("CARGO_BIN_EXE_bench-upstream")), &[])?;
        let url = format!("http://{}/v2", upstream.address);
        let file = dir.join("floor");
        let args = [upstream.address.to_string(), file.to_string_lossy().into_owned()];
        let floor =
            Peer::start(Path::new(env!("CARGO_BIN_EXE_bench-floor")), &[&args[0], &args[1]])?;
        let (plain_dir, asking_dir) = (dir.join("plain"), dir.join("asking"));
        prepare(&plain_dir, &url, "staging")?;
        prepare(&asking_dir, &url, "production")?;
        let asking = Host::serve(&asking_dir)?;
        let cache = plain_dir.join("state/cache");
        if cache.exists() {
            fs::remove_dir_all(cache)?;
        }
        let (first, compiled_s) = timed(&plain_dir)?;
        first.stop()?;
        let (plain, cached_s) = timed(&plain_dir)?;
        let starts = vec![("compiling_s", compiled_s), ("cached_s", cached_s)];
        Ok(Self { plain, asking, floor, asking_dir, starts, _upstream: upstream, dir })
    }

    pub(super) fn plain_address(&self) -> Result<SocketAddr> {
        address(&self.plain)
    }

    pub(super) fn asking_address(&self) -> Result<SocketAddr> {
        address(&self.asking)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).ok();
    }
}

fn address(host: &Host) -> Result<SocketAddr> {
    Ok(host.url.trim_start_matches("http://").parse()?)
}

fn timed(dir: &Path) -> Result<(Host, Duration)> {
    let start = Instant::now();
    Ok((Host::serve(dir)?, start.elapsed()))
}

/// Two contracts for the same write without adapter code, by the names of their measurements. The one differs from the
/// other only in `optional = true`, which makes it open.
pub(super) const PAIR: [(&str, &str); 2] = [("closed", "bench.closed"), ("open", "bench.open")];

const CONTRACT: &str = r#"format = 2
[action]
name     = "@name@"
version  = "1.0.0"
title    = "Let a user in"
verb     = "update"
mode     = "write"
effect   = "observable"
resource = "idp/users/{user_id}"
adapter  = "declared"
[params]
required = ["user_id"]
properties.user_id = { type = "string", pattern = "^[0-9a-f]{32}$" }
[state.user]
from     = "GET /Users/{user_id}"
required = ["id", "userName", "active"]
properties.id       = { type = "string" }
properties.userName = { type = "string" }
properties.active   = { type = "boolean" }
[[observe.http]]
upstream = "idp"
request  = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request  = "PATCH /Users/{user_id}"
@optional@
[perform.http.body]
schemas    = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"]
Operations = [{ op = "replace", path = "active", value = true }]
[verify]
before     = ["!pre.user.active"]
after      = ["post.user.active"]
may_change = ["/user/active"]
"#;

const POLICY: &str = r#"
@id("bench-by-helpdesk")
permit (principal, action in [Deed::Action::"bench.closed", Deed::Action::"bench.open"], resource)
when { principal.roles.contains("helpdesk") };
"#;

/// Adds the contracts of [`PAIR`] with their grants and a policy.
fn add_pair(dir: &Path) -> Result<()> {
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    for (kind, name) in PAIR {
        let optional = if kind == "open" { "optional = true" } else { "" };
        let contract = CONTRACT.replace("@name@", name).replace("@optional@", optional);
        fs::write(dir.join(format!("contracts/bench_{kind}.toml")), contract)?;
        write!(text, "\n[tenant.acme.grant.\"{name}\"]\nupstreams = [\"idp\"]\n")?;
    }
    fs::write(dir.join("deed.toml"), text)?;
    fs::write(dir.join("policies/bench.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/bench.cedar\""))
}

fn prepare(dir: &Path, upstream: &str, environment: &str) -> Result<()> {
    lay_out(dir, upstream, SCIM)?;
    edit(
        dir,
        "deed.toml",
        "environment = \"production\"",
        &format!("environment = \"{environment}\""),
    )?;
    // The limits are so high that none of them refuses an action during the measurements.
    let room = "[limits]\nunder_way = { host = 2_000, tenant = 1_000, agent = 500 }\n\n[http]";
    edit(dir, "deed.toml", "[http]", room)?;
    edit(dir, "deed.toml", "timeout = \"2s\"\n", "timeout = \"10s\"\nconcurrency = 64\n")?;
    let mut agents = String::new();
    for n in 0..AGENTS {
        let hash = Digest::of(token(n).as_bytes());
        writeln!(
            agents,
            "[tenant.acme.agent.bench{n}]\nperson = \"alice\"\nroles = [\"helpdesk\"]\ntoken = \"{hash}\"\n"
        )?;
    }
    let before = "[tenant.acme.person.alice]";
    edit(dir, "deed.toml", before, &format!("{agents}{before}"))?;
    add_pair(dir)?;
    host::expect(&["pin", &dir.to_string_lossy()])?;
    Ok(())
}
