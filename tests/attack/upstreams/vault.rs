//! Attacks on secrets that an upstream creates: by the upstream, which repeats them or sends something else, and by what
//! happens to the folder in which the host stores them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use deed_test_support::shared::{declared, ended};
use deed_tests::canary::Canary;
use deed_tests::hostile::{Hostile, Script, Step, answer, json, says};
use deed_tests::proxy::Recorded;
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, edit};
use serde_json::{Value, json};

use super::stage::{Stage, fresh};
use crate::case::{Case, cases, unharmed};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "repeats-a-secret-that-it-created" => repeats,
        "creates-a-secret-that-is-none" => of_other_kinds,
        "creates-a-secret-of-words" => of_words,
        "secrets-and-a-folder-that-changes" => folders,
    ]
}

/// A secret with characters that some encodings treat specially.
const SECRET: &str = r#"Vt/6+Nw"k\x~<4>&t=%2Bk.Uy:Hb7'Op"#;
const FOLDER: &str = "vault/keys";

const CONTRACT: &str = r#"format = 2
[action]
name = "idp.create_key"
version = "1.0.0"
title = "Create a key"
verb = "update"
mode = "write"
effect = "observable"
resource = "idp/users/{user_id}"
adapter = "declared"
[params]
required = ["user_id"]
properties.user_id = { type = "string", pattern = "^[0-9a-f]{32}$" }
[state.user]
from = "GET /Users/{user_id}"
required = ["id", "active"]
properties = { id = { type = "string" }, active = { type = "boolean" }, userName = { type = "string" } }
[[observe.http]]
upstream = "idp"
request = "GET /Users/{user_id}"
[[perform.http]]
upstream = "idp"
request = "PATCH /Users/{user_id}"
body = { by = "{action.id}" }
secrets = { api_key = "/key/secret" }
[verify]
before = ["!pre.user.active"]
after = ["post.user.active"]
may_change = ["/user"]
[limits]
backoff = "10m"
queue = "4m"
"#;

const POLICY: &str =
    "@id(\"keys\")\npermit (principal, action == Deed::Action::\"idp.create_key\", resource);\n";

fn stage() -> Stage {
    let mut stage = Stage::with(Hostile::start().unwrap(), lay_out);
    stage.world.canaries.push(Canary::new("a secret that an upstream created", SECRET.as_bytes()));
    stage
}

fn lay_out(dir: &Path) -> Result<()> {
    fs::write(dir.join("contracts/create_key.toml"), CONTRACT)?;
    fs::write(dir.join("policies/keys.cedar"), POLICY)?;
    let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
    edit(dir, "deed.toml", own, &format!("{own}, \"policies/keys.cedar\""))?;
    let grant = format!(
        "\n[tenant.acme.grant.\"idp.create_key\"]\nupstreams = [\"idp\"]\nvault = {{ api_key = \"{FOLDER}\" }}\n"
    );
    let text = fs::read_to_string(dir.join("deed.toml"))?;
    Ok(fs::write(dir.join("deed.toml"), text + &grant)?)
}

/// Runs the action: before it, the user is not active; the PATCH gets this script; afterwards the user has this name and
/// is active.
fn create(stage: &Stage, script: Script, name: &str) -> Value {
    let user = json!({"id": "1", "userName": name, "active": true});
    stage.hostile.lie("PATCH", 0, 1, script);
    stage.hostile.lie("GET", 1, 1, says(json(&user)));
    let proposal = declared("idp.create_key", json!({"user_id": fresh()}));
    let view = stage.world.propose(&proposal).unwrap().json();
    stage.hostile.be_honest();
    view
}

/// An answer with this value in the place of the secret, and with another member.
fn created(value: &Value, note: &str) -> Vec<u8> {
    json(&json!({"key": {"id": "k1", "secret": value}, "note": note}))
}

fn file(stage: &Stage, view: &Value) -> std::path::PathBuf {
    stage.world.dir.join(FOLDER).join(format!("{}-api_key", view["id"].as_str().unwrap()))
}

fn repeats() {
    let stage = stage();
    let encoded = |text: &str| [STANDARD.encode(text), HEXLOWER.encode(text.as_bytes())];
    for note in [SECRET.to_owned()].into_iter().chain(encoded(SECRET)) {
        let view = create(&stage, says(created(&json!(SECRET), &note)), "honest@example.com");
        ended(&stage.world, &view, "verified", "every expectation holds");
        assert_eq!(fs::read_to_string(file(&stage, &view)).unwrap(), SECRET);
        let mode = fs::metadata(file(&stage, &view)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(view["secrets"], json!([{"name": "api_key", "stored": true}]), "{view:#}");
        let seen = stage.world.client(HELPDESK).get(&path(&view)).unwrap().json();
        assert!(!seen["secrets"].to_string().contains(FOLDER), "{seen:#}");
    }
    // A later observation of the same action, and of another one, repeats the secret. An open outcome is observed again.
    let header = format!("200 OK\r\ncontent-type: application/json\r\netag: \"{SECRET}\"");
    let body = json!({"key": {"secret": SECRET}}).to_string();
    let view = create(&stage, says(answer(&header, body)), SECRET);
    assert!(view["reason"].as_str().unwrap().contains("held a secret"), "{view:#}");
    assert!(view["reason"].as_str().unwrap().contains("stored secret `api_key`"), "{view:#}");
    let user = json!({"id": "1", "userName": SECRET, "active": false});
    stage.read_fails(says(json(&user)), "held a secret");
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}

fn path(view: &Value) -> String {
    format!("/v1/actions/{}", view["id"].as_str().unwrap())
}

/// A value that is no text is neither stored nor shown, and the action is not verified.
fn of_other_kinds() {
    let stage = stage();
    let long = format!("{SECRET}{}", "x".repeat(17_000));
    for value in [json!({"deep": [SECRET]}), json!(7), json!(null), json!(""), json!(long)] {
        let view = create(&stage, says(created(&value, "a note")), "honest@example.com");
        ended(&stage.world, &view, "mismatch", "the upstream created secret `api_key`, which");
        assert_eq!(view["secrets"], json!([{"name": "api_key", "stored": false}]), "{view:#}");
        assert!(!file(&stage, &view).exists());
    }
    for script in [
        says(json(&json!({"key": SECRET}))),
        says(json(&json!([SECRET]))),
        says(answer("204 No Content", "")),
        says(answer("200 OK\r\ncontent-type: text/html", SECRET)),
        says(answer("200 OK\r\ncontent-type: application/json", format!("{{\"key\":{SECRET:?}"))),
    ] {
        let view = create(&stage, script, "honest@example.com");
        ended(&stage.world, &view, "mismatch", "could not store");
    }
    unharmed(&stage.world);
}

/// Values that would affect other runs of the tenant if the host remembered them.
fn of_words() {
    let stage = stage();
    let words = "The Quarterly Report";
    let view = create(&stage, says(created(&json!(words), words)), "honest@example.com");
    ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(fs::read_to_string(file(&stage, &view)).unwrap(), words);
    // The fixture searches for the value of each stored file, but other runs may contain these words.
    fs::remove_file(file(&stage, &view)).unwrap();
    let parts: Vec<u32> = (0..9_000).map(|n| 1_000_000_000 + n).collect();
    let view = create(&stage, says(created(&json!(parts), "a note")), "honest@example.com");
    ended(&stage.world, &view, "mismatch", "the upstream created secret `api_key`, which");
    // Another run reads the same words.
    let view = create(&stage, says(created(&json!(SECRET), "")), words);
    ended(&stage.world, &view, "verified", "every expectation holds");
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}

/// What happens to the folder before the write, or while the upstream answers.
fn folders() {
    let stage = stage();
    let view = create(&stage, says(created(&json!(SECRET), "")), "honest@example.com");
    ended(&stage.world, &view, "verified", "");
    let (folder, aside) = (stage.world.dir.join(FOLDER), stage.world.dir.join("vault/aside"));
    let elsewhere = std::env::temp_dir().join(format!("deed-vault-{}", std::process::id()));
    fs::create_dir_all(&elsewhere).unwrap();

    // The folder cannot be used before the write, so nothing is sent.
    let sent = stage.hostile.count("PATCH");
    let refused = || {
        let view = create(&stage, says(created(&json!(SECRET), "")), "honest@example.com");
        ended(&stage.world, &view, "failed", "not sent: secret `api_key` could not be stored");
        assert!(!view.to_string().contains(FOLDER), "{view:#}");
    };
    fs::rename(&folder, &aside).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    refused();
    fs::remove_file(&folder).unwrap();
    symlink("aside", &folder).unwrap();
    refused();
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o750)).unwrap();
    refused();
    fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    assert_eq!(stage.hostile.count("PATCH"), sent);

    // The upstream, or someone with it, changes the folder before it answers.
    let dir = stage.world.dir.clone();
    let planted: Script = Arc::new(move |request: &Recorded| {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let name = format!("{}-api_key", body["by"].as_str().unwrap());
        fs::write(dir.join(FOLDER).join(name), "planted").unwrap();
        vec![Step::Send(created(&json!(SECRET), ""))]
    });
    let view = create(&stage, planted, "honest@example.com");
    ended(&stage.world, &view, "mismatch", "could not store");
    assert_eq!(fs::read_to_string(file(&stage, &view)).unwrap(), "planted");
    let (from, to, target) = (folder.clone(), aside.clone(), elsewhere.clone());
    let swapped: Script = Arc::new(move |_: &Recorded| {
        fs::rename(&from, &to).unwrap();
        symlink(&target, &from).unwrap();
        vec![Step::Send(created(&json!(SECRET), ""))]
    });
    let view = create(&stage, swapped, "honest@example.com");
    ended(&stage.world, &view, "mismatch", "could not store");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    fs::remove_dir(&elsewhere).unwrap();
    assert_eq!(stage.world.leaks(), []);
    unharmed(&stage.world);
}
