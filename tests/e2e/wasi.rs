//! Adapters that import WASI: what the operator must allow, and that their runs repeat exactly.

mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::host;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

const STAMP: &str = r#"
format = 2

[action]
name     = "idp.stamp"
version  = "1.0.0"
title    = "Stamp a user"
verb     = "update"
mode     = "write"
effect   = "observable"
resource = "idp/users/{user_id}"
adapter  = "stamps-by-wasi"

[params]
required = ["user_id"]
properties.user_id = { type = "string", pattern = "^[0-9a-f]{32}$" }

[state.user]
required = ["id"]
volatile = ["/meta"]
properties.id    = { type = "string" }
properties.title = { type = "string" }
properties.meta  = { type = "object", properties = { version = { type = "string" }, lastModified = { type = "string" } } }

[[observe.http]]
upstream = "idp"
request  = "GET /Users/{user_id}"

[[perform.http]]
upstream = "idp"
request  = "PATCH /Users/{user_id}"
body     = { schemas = ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations = [{ op = "replace", path = "title", value = { any = { type = "string", maxLength = 200 }, name = "stamp" } }] }

[verify]
after      = ["has(post.user.title)"]
may_change = ["/user/title"]
"#;

const POLICY: &str = r#"
@id("helpdesk-stamps")
permit (principal, action == Deed::Action::"idp.stamp", resource);
"#;

const GRANT: &str = "[tenant.acme.grant.\"idp.stamp\"]\nupstreams = [\"idp\"]\nwasi = true\n";

fn lay_out(dir: &Path) -> Result<()> {
    let wasm = "stamps-by-wasi.wasm";
    fs::copy(workspace().join("target/adapters").join(wasm), dir.join("adapters").join(wasm))?;
    fs::write(dir.join("contracts/stamp.toml"), STAMP)?;
    fs::write(dir.join("policies/stamp.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/stamp.cedar\""))?;
    let before = "[tenant.acme.grant.\"idp.restore_access\"]\n";
    edit(dir, "deed.toml", before, &format!("{GRANT}\n{before}"))
}

fn served() -> World {
    World::with(scim(), "scim", lay_out).unwrap()
}

fn stamped(world: &World, user: &str) -> Value {
    let view = world.run(&World::proposal("idp.stamp", user)).unwrap();
    assert_eq!(view["status"], "verified", "{view:#}");
    view
}

/// The title that the last action wrote.
fn title(world: &World) -> String {
    let requests = world.proxy.requests();
    let write = requests.iter().rev().find(|one| one.method == "PATCH").unwrap();
    let body: Value = serde_json::from_str(&write.body).unwrap();
    body["Operations"][0]["value"].as_str().unwrap().to_owned()
}

/// Replays a bundle offline; returns whether it succeeded, and what was printed.
fn replay(file: &Path) -> (bool, String) {
    let wasm = workspace().join("target/adapters/stamps-by-wasi.wasm");
    let output = host::run(&["replay", &file.to_string_lossy(), &wasm.to_string_lossy()], "");
    let output = output.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// How many fresh actions are recorded, and how often each is replayed. `FULL=1` takes the number that release checks
/// use.
fn size() -> (usize, usize) {
    if std::env::var_os("FULL").is_some() { (100, 10) } else { (4, 3) }
}

#[test]
fn runs_differ_between_actions_and_each_replays_exactly() {
    let (world, user) = (served(), locked_out());
    let (fresh, again) = size();
    let mut titles = BTreeSet::new();
    for n in 0..fresh {
        let view = stamped(&world, &user);
        titles.insert(title(&world));
        let id = view["id"].as_str().unwrap();
        let file = world.dir.join(format!("{n}.deed"));
        fs::write(&file, world.bundle(id).unwrap()).unwrap();
        for _ in 0..again {
            let (same, said) = replay(&file);
            assert!(same, "{said}");
            assert!(said.contains("rehearsal") && said.contains("attempt 1"), "{said}");
        }
    }
    assert_eq!(titles.len(), fresh, "{titles:?}");
    let parts = |at: usize| titles.iter().filter_map(move |title| title.split(' ').nth(at));
    for at in [0, 2, 3, 4] {
        assert_eq!(parts(at).collect::<BTreeSet<_>>().len(), fresh, "part {at}: {titles:?}");
    }
    assert_eq!(
        parts(1).collect::<BTreeSet<_>>().len(),
        1,
        "a pause takes the same time: {titles:?}"
    );
}

#[test]
fn output_of_the_guest_is_in_the_log() {
    let (world, user) = (served(), locked_out());
    stamped(&world, &user);
    let title = title(&world);
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains(&format!("adapter: {title}")), "{title}: {log}");
}

#[test]
fn a_component_that_imports_wasi_needs_the_operators_consent() {
    let world = World::lay_out(scim(), "scim").unwrap();
    lay_out(&world.dir).unwrap();
    edit(&world.dir, "deed.toml", "wasi = true\n", "").unwrap();
    let output = host::run(&["pin", world.path()], "").unwrap();
    let pinned = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let output = host::run(&["check", world.path()], "").unwrap();
    let checked = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(1), "{pinned}{checked}");
    for part in ["imports `wasi:", "wasi = true", "--stub-wasi", "--disable all"] {
        assert!(pinned.contains(part) || checked.contains(part), "`{part}`: {pinned}{checked}");
    }
}

#[test]
fn the_check_of_an_adapter_says_that_it_needs_wasi() {
    let wasm = workspace().join("target/adapters/stamps-by-wasi.wasm");
    let output = host::run(&["adapter", "check", wasm.to_str().unwrap(), "--json"], "").unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["wasi"], &report["refused"]), (&json!(true), &Value::Null), "{report:#}");
}
