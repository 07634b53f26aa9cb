//! A project of each language is built, its component is granted, and an action runs against a server.

use std::fs;
use std::path::Path;
use std::process::Command;

use deed_test_support::shared::scim;
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::authored::Built;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::{Project, has_toolchains, parsed, text};

const POLICY: &str = r#"
@id("desk-by-helpdesk")
permit (principal, action == Deed::Action::"desk.close_ticket", resource)
when { principal.roles.contains("helpdesk") };
"#;

/// The API of the template's contract: an open ticket 7, and a ticket 8 that cannot be closed.
pub(in super::super) fn desk() -> Upstream {
    let mut status = json!("open");
    Upstream::start(move |request| {
        let id = match request.target.as_str() {
            "/tickets/7" => 7,
            "/tickets/8" => 8,
            _ => return Reply::json(404, json!({"detail": "there is no such ticket"})),
        };
        if request.method == "PATCH" && id == 8 {
            return Reply::json(422, json!({"detail": "the ticket is locked"}));
        }
        if request.method == "PATCH" {
            status = request.json()["status"].clone();
        }
        let shown = if id == 7 { status.clone() } else { json!("open") };
        Reply::json(200, json!({"id": id, "subject": "Printer", "status": shown}))
    })
}

/// Adds the upstream, a policy and a grant for the contract of the template. `more` are lines of the grant.
pub(in super::super) fn grant(dir: &Path, desk: &Upstream, more: &str) -> Result<()> {
    fs::write(dir.join("policies/desk.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/desk.cedar\""))?;
    let toml = fs::read_to_string(dir.join("deed.toml"))?;
    let address = desk.address;
    let tables = format!(
        r#"
[tenant.acme.upstream.desk]
base_url  = "http://{address}"
addresses = ["loopback"]
timeout   = "2s"
read  = {{ secret = "idp_read", slot = "bearer" }}
write = {{ secret = "idp_write", slot = "bearer" }}

[tenant.acme.grant."desk.close_ticket"]
upstreams = ["desk"]
{more}
"#
    );
    Ok(fs::write(dir.join("deed.toml"), toml + &tables)?)
}

/// A host with the component of a project, whose grant has these lines.
pub(in super::super) fn served(
    contract: &Path,
    built: &Built,
    desk: &Upstream,
    more: &str,
) -> World {
    World::with(scim(), "scim", |dir| {
        built.install(dir, "tickets")?;
        fs::copy(contract, dir.join("contracts/tickets.toml"))?;
        grant(dir, desk, more)
    })
    .unwrap()
}

pub(in super::super) fn close(world: &World, ticket: u32) -> Value {
    let mut proposal = World::proposal("desk.close_ticket", "");
    proposal["params"] = json!({"ticket": ticket});
    world.run(&proposal).unwrap()
}

/// An action is verified, an answer of the upstream is reported, and a ticket that is not there ends the action.
fn acts(project: &Project, built: &Built, more: &str) {
    let desk = desk();
    let world = served(&project.file("tickets.toml"), built, &desk, more);
    let view = close(&world, 7);
    assert_eq!(view["status"], "verified", "{view:#}");
    let writes = desk.writes();
    let sent: Vec<(&str, &str)> =
        writes.iter().map(|one| (one.target.as_str(), one.body.as_str())).collect();
    assert_eq!(sent, [("/tickets/7", "{\"status\":\"closed\"}")]);
    let view = close(&world, 8);
    assert_eq!(view["status"], "failed", "{view:#}");
    assert!(view["ledger"].to_string().contains("the upstream answered 422"), "{view:#}");
    let view = close(&world, 9);
    assert_eq!(view["status"], "failed", "{view:#}");
    assert_eq!(desk.writes().len(), 2);
}

/// `make test` builds a project in Rust as docs/first-action.md says.
#[test]
#[ignore = "compiles the SDK and its packages; run `make authoring`"]
fn a_project_in_rust_is_built_and_acts() {
    let project = Project::new("rust");
    // The versions of this repository, which are there without a network. Cargo removes what the project does not need.
    fs::copy(workspace().join("Cargo.lock"), project.file("Cargo.lock")).unwrap();
    let variables = of_rust();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let built = project.build(&variables);
    let report = parsed(&built);
    assert!(built.status.success(), "{}", text(&built));
    assert_eq!((&report["origins"], &report["grant"]), (&json!([]), &Value::Null), "{report:#}");
    acts(&project, &Built { wasm: project.file("tickets.wasm"), report }, "");
}

/// The variables with which cargo compiles for WebAssembly on this machine: offline if the target is installed, or with
/// Debian's toolchain, which compiles the standard library from its sources, and rustup's linker.
pub(in crate::authoring) fn of_rust() -> Vec<(&'static str, String)> {
    if Path::new(&rustc(&["target-libdir", "--target", "wasm32-unknown-unknown"])).is_dir() {
        return vec![("CARGO_NET_OFFLINE", "true".to_owned())];
    }
    let hosts = Path::new(&rustc(&["sysroot"])).join("lib/rustlib");
    let linkers =
        fs::read_dir(hosts).unwrap().map(|host| host.unwrap().path().join("bin/rust-lld"));
    let linker = linkers.into_iter().find(|path| path.exists()).unwrap();
    let linker = linker.to_str().unwrap().to_owned();
    vec![
        ("CARGO", "/usr/bin/cargo".to_owned()),
        ("RUSTC", "/usr/bin/rustc".to_owned()),
        ("RUSTC_BOOTSTRAP", "1".to_owned()),
        ("CARGO_UNSTABLE_BUILD_STD", "std,panic_abort".to_owned()),
        ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker),
    ]
}

fn rustc(print: &[&str]) -> String {
    let output = Command::new("rustc").arg("--print").args(print).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The component is smaller than `most` bytes.
fn javascript_acts(engine: &str, most: u64) {
    let project = Project::new("js").with_toolchains();
    let built = project.built(&[("ADAPTER_ENGINE", engine)]);
    let report = &built.report;
    assert_eq!((&report["origins"], &report["grant"]), (&json!([]), &Value::Null));
    assert!(report["bytes"].as_u64().unwrap() < most, "{report:#}");
    acts(&project, &built, "");
}

#[test]
fn a_project_in_javascript_is_built_with_quickjs_and_acts() {
    if has_toolchains("adapters in JavaScript with QuickJS") {
        javascript_acts("quickjs", 4 << 20);
    }
}

#[test]
#[ignore = "compiles SpiderMonkey; run `make authoring`"]
fn a_project_in_javascript_is_built_with_spidermonkey_and_acts() {
    if has_toolchains("adapters in JavaScript with SpiderMonkey") {
        javascript_acts("spidermonkey", 16 << 20);
    }
}

#[test]
#[ignore = "compiles CPython; run `make authoring`"]
fn a_project_in_python_is_built_and_acts_with_a_grant_of_wasi() {
    if !has_toolchains("adapters in Python") {
        return;
    }
    let project = Project::new("python").with_toolchains();
    let built = project.built(&[]);
    let report = &built.report;
    assert_eq!(report["grant"], "wasi = true", "{report:#}");
    assert_eq!(report["origins"], json!([]), "it imports nothing of WASI");
    acts(&project, &built, "wasi = true");
}

#[test]
fn an_exception_in_javascript_is_told_with_its_place() {
    if !has_toolchains("exceptions in JavaScript") {
        return;
    }
    let project = Project::new("js").with_toolchains();
    let perform = "perform = guarded((action) => {";
    project.edit("src/adapter.js", perform, &format!("{perform}\n  null.status;"));
    let built = project.built(&[("ADAPTER_ENGINE", "quickjs")]);
    let desk = desk();
    let world = served(&project.file("tickets.toml"), &built, &desk, "");
    let view = close(&world, 7);
    let log = world.host.as_ref().unwrap().log();
    for told in [view["ledger"].to_string(), log] {
        assert!(told.contains("panicked at /adapter.js:"), "{told}");
        assert!(told.contains("TypeError: "), "{told}");
    }
    assert!(desk.writes().is_empty());
}

#[test]
#[ignore = "compiles CPython; run `make authoring`"]
fn an_exception_in_python_is_told_with_its_place() {
    if !has_toolchains("exceptions in Python") {
        return;
    }
    let project = Project::new("python").with_toolchains();
    project.edit("app.py", "            send(request)", "            send(request.nothing)");
    let (built, desk) = (project.built(&[]), desk());
    let world = served(&project.file("tickets.toml"), &built, &desk, "wasi = true");
    let told = close(&world, 7)["ledger"].to_string();
    assert!(told.contains("panicked at ") && told.contains("app.py:"), "{told}");
    assert!(told.contains("AttributeError: "), "{told}");
    assert!(desk.writes().is_empty());
}
