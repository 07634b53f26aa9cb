//! Tests of secrets that a write returns, when the host is killed around the moment at which it stores one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deed_test_support::shared::{declared, ended, look, scim};
use deed_test_support::stories::prove;
use deed_test_support::upstream::{Reply, Request, Upstream};
use deed_tests::canary::Canary;
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

const SECRET: &str = "Zk/7+Bq-a-s3cr3t-that-an-upstr3am-made";
const CREATE: &str = "keys.create";

const CONTRACT: &str = r#"format = 2
[action]
name = "keys.create"
version = "1.0.0"
title = "Create a key"
verb = "update"
mode = "write"
effect = "observable"
resource = "keys/{owner}"
adapter = "declared"
[params]
required = ["owner"]
properties.owner = { type = "string", pattern = "^[a-z]+$" }
[state.keys]
from = "GET /keys/{owner}"
required = ["count"]
properties = { count = { type = "integer" }, note = { type = "string" } }
[[observe.http]]
upstream = "keys"
request = "GET /keys/{owner}"
[[perform.http]]
upstream = "keys"
request = "POST /keys/{owner}"
body = { by = "{action.id}" }
secrets = { api_key = "/secret" }
[verify]
after = ["post.keys.count == pre.keys.count + 1"]
may_change = ["/keys/count"]
"#;

const POLICY: &str =
    "@id(\"keys\")\npermit (principal, action == Deed::Action::\"keys.create\", resource);\n";

/// How many keys there are, and a text that the upstream says about them.
#[derive(Debug, Default)]
struct Data {
    count: u32,
    note: String,
    /// Whether the state does not show a write yet.
    lags: bool,
}

struct Bench {
    world: World,
    upstream: Upstream,
    data: Arc<Mutex<Data>>,
}

impl Bench {
    /// A host that kills itself at this failpoint.
    fn start(failpoint: &str) -> Self {
        Self::with(failpoint, CONTRACT)
    }

    fn with(failpoint: &str, contract: &str) -> Self {
        let data = Arc::<Mutex<Data>>::default();
        let served = Arc::clone(&data);
        let upstream = Upstream::start(move |request| reply(&mut served.lock().unwrap(), request));
        let mut world = World::lay_out(scim(), "scim").unwrap();
        lay_out(&world.dir, &upstream, contract).unwrap();
        host::expect(&["pin", world.path()]).unwrap();
        world.canaries.push(Canary::new("a secret of an upstream", SECRET.as_bytes()));
        world.serve_with(&[("DEED_FAILPOINT", failpoint)]).unwrap();
        Self { world, upstream, data }
    }

    /// Proposes the action, waits until the host is dead, and starts it again. Returns the ended action.
    fn dies(&mut self) -> Value {
        // The connection may end before the host answers.
        drop(self.world.propose(&proposal()));
        let mut dying = self.world.host.take().unwrap();
        assert!(dying.ends_within(Duration::from_mins(1)).unwrap(), "the host did not die");
        self.world.serve().unwrap();
        let listed = self.world.client(BOB).get("/v1/actions").unwrap().json();
        self.world.settled(listed["actions"][0]["id"].as_str().unwrap()).unwrap()
    }

    fn file(&self, view: &Value) -> PathBuf {
        let id = view["id"].as_str().unwrap();
        self.world.dir.join(format!("vault/keys/{id}-api_key"))
    }
}

fn proposal() -> Value {
    declared(CREATE, json!({"owner": "alice"}))
}

fn reply(data: &mut Data, request: &Request) -> Reply {
    if request.method == "GET" {
        let count = if data.lags { 0 } else { data.count };
        return Reply::json(200, json!({"count": count, "note": data.note}));
    }
    data.count += 1;
    Reply::json(201, json!({"id": data.count, "secret": SECRET}))
}

fn lay_out(dir: &Path, upstream: &Upstream, contract: &str) -> Result<()> {
    fs::write(dir.join("contracts/keys_create.toml"), contract)?;
    fs::write(dir.join("policies/keys.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/keys.cedar\""))?;
    let table = format!(
        "\n[tenant.acme.upstream.keys]\nbase_url = \"http://{}\"\naddresses = [\"loopback\"]\ntimeout = \"2s\"\n\
         read = {{ secret = \"idp_read\", slot = \"bearer\" }}\nwrite = {{ secret = \"idp_write\", slot = \"bearer\" }}\n\
         \n[tenant.acme.grant.\"{CREATE}\"]\nupstreams = [\"keys\"]\nvault = {{ api_key = \"vault/keys\" }}\n",
        upstream.address
    );
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &table)?)
}

#[test]
fn a_secret_that_was_stored_before_a_crash_is_found_again() {
    let mut bench = Bench::start("vault.store.after:1");
    let view = bench.dies();
    ended(&bench.world, &view, "verified", "every expectation holds");
    assert_eq!(bench.upstream.writes().len(), 1);
    assert_eq!(fs::read_to_string(bench.file(&view)).unwrap(), SECRET);
    let write = look(&bench.world, &view, "exchanges")[0]["exchanges"][0].clone();
    assert_eq!(write["fate"], "no_answer", "{write:#}");
    assert_eq!(write["secrets"][0]["file"], view["secrets"][0]["file"], "{write:#}");
    assert!(write["secrets"][0]["commitment"].is_string(), "{write:#}");
    prove(&bench.world, view["id"].as_str().unwrap());

    // The host that started again redacts the value.
    bench.data.lock().unwrap().note = format!("the last key was {SECRET}");
    let echo = bench.world.propose(&proposal()).unwrap().json();
    ended(&bench.world, &echo, "failed", "held a secret");
    assert_eq!(bench.world.leaks(), []);
}

#[test]
fn a_stored_secret_keeps_a_write_from_being_sent_again_while_the_state_lags() {
    let contract = format!("{CONTRACT}[limits]\nattempts = 3\n");
    let mut bench = Bench::with("vault.store.after:1", &contract);
    bench.data.lock().unwrap().lags = true;
    let view = bench.dies();
    ended(&bench.world, &view, "mismatch", "a stored secret shows that the write was carried out");
    assert_eq!(bench.upstream.writes().len(), 1);
    assert_eq!(fs::read_to_string(bench.file(&view)).unwrap(), SECRET);
    prove(&bench.world, view["id"].as_str().unwrap());
}

#[test]
fn a_secret_that_was_not_stored_before_a_crash_is_lost() {
    let mut bench = Bench::start("vault.store.before:1");
    let view = bench.dies();
    ended(&bench.world, &view, "mismatch", "the answer with secret `api_key` did not arrive");
    assert_eq!(bench.upstream.writes().len(), 1);
    assert!(!bench.file(&view).exists());
    prove(&bench.world, view["id"].as_str().unwrap());
    assert_eq!(bench.world.leaks(), []);
}

#[test]
fn a_dry_run_stores_nothing() {
    let bench = Bench::start("none:1");
    let mut proposal = proposal();
    proposal["dry_run"] = true.into();
    let view = bench.world.propose(&proposal).unwrap().json();
    ended(&bench.world, &view, "rehearsed", "");
    assert!(!bench.world.dir.join("vault").exists());
    assert_eq!(bench.upstream.writes().len(), 0);
}
