//! One SCIM server for the whole test binary, with a separate user for each test, and checks of ended actions.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_tests::proxy::Fault;
use deed_tests::services::ScimServer;
use deed_tests::wait::until;
use deed_tests::world::{BOB, World};
use serde_json::Value;

/// The first test that needs the SCIM server starts it. Statics are never dropped, so the server's child guard
/// (`ChildGuard`) ends the server when the test binary exits.
pub fn scim() -> &'static ScimServer {
    static SERVER: OnceLock<ScimServer> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    SERVER.get_or_init(|| ScimServer::start().unwrap())
}

/// The id of a new user for one test, with `active` false.
pub fn locked_out() -> String {
    user("locked-out", Some(false))
}

/// The id of a new user with a unique name.
pub fn user(prefix: &str, active: Option<bool>) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    scim().create_user(&format!("{prefix}-{count}@example.com"), active).unwrap()
}

/// The value of `active` on the SCIM server itself.
pub fn is_active(user: &str) -> bool {
    scim().get_user(user).unwrap()["active"].as_bool().unwrap_or_default()
}

/// Approves this action as bob. As soon as the action's write is under way, observations get the fault `look`.
pub fn approve_then(world: &World, id: &str, look: Fault) {
    let writes = world.proxy.count("PATCH");
    thread::scope(|scope| {
        let approving = scope.spawn(|| world.approve(id, "bob", BOB).unwrap());
        until("it writes", || world.proxy.count("PATCH") > writes || approving.is_finished());
        world.proxy.set("GET", look);
        let (done, said) = approving.join().unwrap();
        assert!(done, "{said}");
    });
}

/// Checks that an action ended with this outcome and with a reason that contains this text, that the receipt is in the
/// log and has the same outcome and reason, and that the offline verifier accepts the bundle with public keys only.
/// Returns the receipt's predicate.
pub fn ended(world: &World, view: &Value, outcome: &str, reason: &str) -> Value {
    assert_eq!(view["status"], outcome, "{view:#}");
    assert_eq!(view["outcome"], outcome, "{view:#}");
    let said = view["reason"].as_str().unwrap();
    assert!(said.contains(reason), "`{said}` does not say `{reason}`");
    assert!(view["receipt"]["index"].is_u64(), "no receipt in the log: {view:#}");
    let is_receipt = |one: &Value| one["predicateType"] == "urn:deed:receipt:v1";
    let receipt = statements(world, view).into_iter().find(is_receipt).unwrap();
    assert_eq!(receipt["predicate"]["outcome"], outcome, "{receipt:#}");
    assert_eq!(receipt["predicate"]["reason"], said, "{receipt:#}");
    let report = report(world, view["id"].as_str().unwrap());
    assert_eq!(report.verdict, deed_verify::Verdict::Verified, "{report:#?}");
    replays(world, view["id"].as_str().unwrap());
    receipt["predicate"].clone()
}

/// Checks with `deed replay` that the adapter behaves on the data of the bundle as it did in the recorded runs. A run
/// that was cut off by a timeout or by the end of the host may differ, and an attempt under an earlier plan is not
/// replayed, because the bundle has only the last plan.
fn replays(world: &World, id: &str) {
    let file = world.dir.join(format!("{id}.deed"));
    let bundle = world.bundle(id).unwrap();
    fs::write(&file, &bundle).unwrap();
    let action = &deed_record::bundle::read(&bundle).unwrap()[deed_record::bundle::ACTION];
    let action: Value = serde_json::from_slice(action).unwrap();
    let adapters = fs::read_dir(world.dir.join("adapters")).unwrap();
    let is_it = |path: &PathBuf| {
        let digest = deed_spec::digest::Digest::of(&fs::read(path).unwrap());
        action["adapter"] == digest.to_string()
    };
    // The adapter `declared` ships with the host and has no file.
    let adapter = adapters.map(|entry| entry.unwrap().path()).find(is_it);
    let adapter = adapter.as_ref().map(|path| path.to_str().unwrap());
    let args: Vec<&str> =
        ["replay", file.to_str().unwrap(), "--json"].into_iter().chain(adapter).collect();
    let output = deed_tests::host::run(&args, "").unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let cut = [
        "stopped during the run",
        "the run was cut off",
        "time limit stopped the run",
        "the attempt followed an earlier plan",
    ];
    let code = output.status.code();
    let fine = code == Some(0) || code == Some(2) && cut.iter().any(|why| said.contains(why));
    assert!(fine, "{code:?}: {said}");
}

/// The envelopes of an ended action in chain order.
pub fn envelopes(world: &World, view: &Value) -> Vec<Value> {
    let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
    let files = deed_record::bundle::read(&bundle).unwrap();
    let chain = std::str::from_utf8(&files[deed_record::bundle::CHAIN]).unwrap();
    chain.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The signed statements of an ended action in chain order.
pub fn statements(world: &World, view: &Value) -> Vec<Value> {
    let payload =
        |envelope: &Value| STANDARD.decode(envelope["payload"].as_str().unwrap()).unwrap();
    let all = envelopes(world, view);
    all.iter().map(|envelope| serde_json::from_slice(&payload(envelope)).unwrap()).collect()
}

/// A complete observation, `pre` or `post`, from the bundle that people may read.
pub fn look(world: &World, view: &Value, name: &str) -> Value {
    let bundle = world.bundle(view["id"].as_str().unwrap()).unwrap();
    serde_json::from_slice(
        &deed_record::bundle::read(&bundle).unwrap()[&format!("evidence/{name}.json")],
    )
    .unwrap()
}

/// The offline verifier's report on an ended action, with the trust directory of the test's host.
pub fn report(world: &World, id: &str) -> deed_verify::Report {
    deed_verify::verify(&world.bundle(id).unwrap(), Some(&world.trusted().unwrap()))
}

/// The contracts of `contracts/scim/` and two for tests. These contracts have no adapter code.
const SCIM_CONTRACTS: [(&str, &str); 7] = [
    ("add_group_member", include_str!("../../../contracts/scim/add_group_member.toml")),
    ("create_user", include_str!("../../../contracts/scim/create_user.toml")),
    ("delete_user", include_str!("../../../contracts/scim/delete_user.toml")),
    ("enroll_user", include_str!("enroll_user.toml")),
    ("find_user", include_str!("../../../contracts/scim/find_user.toml")),
    ("remove_group_member", include_str!("../../../contracts/scim/remove_group_member.toml")),
    ("replace_user", include_str!("replace_user.toml")),
];

const SCIM_POLICY: &str = r#"
@id("helpdesk-users")
permit (principal, action in [Deed::Action::"scim.create_user", Deed::Action::"scim.delete_user",
    Deed::Action::"scim.find_user", Deed::Action::"scim.add_group_member",
    Deed::Action::"scim.remove_group_member", Deed::Action::"scim.replace_user",
    Deed::Action::"scim.enroll_user"], resource)
when { principal.roles.contains("helpdesk") };

@id("users-need-a-lead")
@obligation("approve:1:support-lead")
forbid (principal, action in [Deed::Action::"scim.create_user", Deed::Action::"scim.delete_user",
    Deed::Action::"scim.add_group_member", Deed::Action::"scim.remove_group_member",
    Deed::Action::"scim.replace_user", Deed::Action::"scim.enroll_user"], resource);
"#;

/// Adds the contracts of `contracts/scim/` to a directory, with grants and a policy that lets the helpdesk use them.
pub fn declare(dir: &std::path::Path) -> deed_tests::services::Result<()> {
    for (name, text) in SCIM_CONTRACTS {
        fs::write(dir.join(format!("contracts/scim_{name}.toml")), text)?;
    }
    fs::write(dir.join("policies/scim.cedar"), SCIM_POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    let more = format!("{own}, \"policies/scim.cedar\"");
    deed_tests::world::edit(dir, "deed.toml", own, &more)?;
    let mut text = fs::read_to_string(dir.join("deed.toml"))?;
    for (name, _) in SCIM_CONTRACTS {
        text += "\n[tenant.acme.grant.\"scim.";
        text += name;
        text += "\"]\nupstreams = [\"idp\"]\n";
    }
    Ok(fs::write(dir.join("deed.toml"), text)?)
}

/// A proposal of the helpdesk agent with these parameters.
pub fn declared(contract: &str, params: Value) -> Value {
    let mut proposal = World::proposal(contract, "");
    proposal["params"] = params;
    proposal
}

/// A sign-in name that no user has yet.
pub fn fresh_name() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("new.{}.{}@example.com", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
