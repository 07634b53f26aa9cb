//! Adapters that send requests with the HTTP client of their language, over WASI: `fetch` in JavaScript, and
//! `urllib.request` in Python. The adapters are those in `adapters/`, on their real servers, and the templates with code
//! that does what an adapter must not do.

mod kept;
mod strays;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::authored::{self, Built};
use deed_tests::home::Home;
use deed_tests::host;
use deed_tests::services::kinto::Kinto;
use deed_tests::services::{Result, workspace};
use deed_tests::world::{self, World, edit};
use serde_json::{Value, json};

use super::adapters::has_toolchains;

/// A project of `deed adapter new --wasi`, with the installed packages.
fn project(name: &str, lang: &str) -> Home {
    let home = Home::new("project");
    let args = ["adapter", "new", name, "--lang", lang, "--wasi", "--dir", home.path()];
    host::expect(&args).unwrap();
    authored::link(&home.dir).unwrap();
    home
}

/// The folder of an adapter that the repository has for this language.
fn own(name: &str) -> PathBuf {
    workspace().join("adapters").join(name)
}

/// A project with the files of `adapters/NAME`.
fn overlaid(name: &str, lang: &str) -> Home {
    let project = project(name, lang);
    copy(&own(name), &project.dir).unwrap();
    project
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&place)?;
            copy(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}

/// A host with an adapter of the repository. `tables` are its grant and upstream, and `action` is what agents may do.
fn served(name: &str, lang: &str, action: &str, tables: &str) -> World {
    let built: Built = authored::build(&overlaid(name, lang).dir, &[]).unwrap();
    assert_eq!(built.report["grant"], "wasi = true", "{:#}", built.report);
    World::with(scim(), "scim", |dir| {
        built.install(dir, name)?;
        let contract = format!("{name}.toml");
        fs::copy(own(name).join(&contract), dir.join("contracts").join(&contract))?;
        let policy = format!(
            "@id(\"own\")\npermit (principal, action == Deed::Action::\"{action}\", resource);\n"
        );
        fs::write(dir.join("policies/own.cedar"), policy)?;
        let policies = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
        edit(dir, "deed.toml", policies, &format!("{policies}, \"policies/own.cedar\""))?;
        let toml = fs::read_to_string(dir.join("deed.toml"))?;
        fs::write(dir.join("deed.toml"), toml + tables)?;
        for (secret, value) in
            [("kinto_read", Kinto::READ_PASSWORD), ("kinto_write", Kinto::WRITE_PASSWORD)]
        {
            if tables.contains(secret) {
                world::store(dir, secret, value)?;
            }
        }
        Ok(())
    })
    .unwrap()
}

fn run(world: &World, action: &str, params: Value) -> Value {
    let mut proposal = World::proposal(action, "");
    proposal["params"] = params;
    world.run(&proposal).unwrap()
}

/// The text of a member of the element with this value in another member.
fn text(list: &Value, key: &str, value: &str, member: &str) -> String {
    let element = list.as_array().unwrap().iter().find(|one| one[key] == value).unwrap();
    element[member].as_str().unwrap().to_owned()
}

/// `ended` replays each action, so the clock and the random numbers of the computed part are the same there.
#[test]
fn an_adapter_in_javascript_computes_with_fetch_on_a_real_server() {
    if !has_toolchains("adapters in JavaScript with `fetch`") {
        return;
    }
    let (action, user) = ("people.set_email", locked_out());
    let grant = "\n[tenant.acme.grant.\"people.set_email\"]\nupstreams = [\"idp\"]\nwasi = true\n";
    let world = served("people", "js", action, grant);
    let first = json!([{ "value": "a@example.com", "type": "home", "primary": true }]);
    scim().patch(&user, &json!([{ "op": "add", "path": "emails", "value": first }])).unwrap();
    let set = |email: &str| run(&world, action, json!({ "user_id": user, "email": email }));
    for email in ["b@example.com", "c@example.com"] {
        ended(&world, &set(email), "verified", "every expectation holds");
    }
    let emails = scim().get_user(&user).unwrap()["emails"].clone();
    let all = emails.as_array().unwrap();
    let primary: Vec<&Value> =
        all.iter().filter(|one| one["primary"] == true).map(|one| &one["value"]).collect();
    assert_eq!((all.len(), primary), (3, vec![&json!("c@example.com")]), "{emails:#}");
    assert_eq!(text(&emails, "value", "a@example.com", "type"), "home", "it was kept");
    let added =
        ["b@example.com", "c@example.com"].map(|one| text(&emails, "value", one, "display"));
    assert!(
        added.iter().all(|one| one.starts_with("added 20")) && added[0] != added[1],
        "{added:?}"
    );
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("adapter: 2 addresses before, 3 after"), "{log}");
    ended(&world, &set("c@example.com"), "denied", "does not hold");
}

#[test]
fn an_adapter_in_python_computes_with_urllib_on_a_real_server() {
    if !has_toolchains("adapters in Python with `urllib.request`") {
        return;
    }
    let (action, kinto) = ("kinto.label_record", Kinto::start().unwrap());
    let tables = format!(
        r#"
[tenant.acme.upstream.kinto]
base_url  = "{}"
addresses = ["loopback"]
read  = {{ secret = "kinto_read", slot = {{ basic = {{ user = "reader" }} }} }}
write = {{ secret = "kinto_write", slot = {{ basic = {{ user = "deed" }} }} }}

[tenant.acme.secret.kinto_read]
file = "secrets/kinto_read"

[tenant.acme.secret.kinto_write]
file = "secrets/kinto_write"

[tenant.acme.grant."kinto.label_record"]
upstreams = ["kinto"]
wasi = true
"#,
        kinto.base_url()
    );
    let world = served("labels", "python", action, &tables);
    kinto.put("a1", &json!({ "title": "one" })).unwrap();
    let label = |label: &str| {
        let params = json!({ "bucket": "deed", "collection": "notes", "id": "a1", "label": label });
        run(&world, action, params)
    };
    for name in ["new", "seen"] {
        ended(&world, &label(name), "verified", "every expectation holds");
    }
    let record = kinto.record("a1").unwrap().unwrap();
    assert_eq!(record["title"], "one", "{record:#}");
    let labels = &record["labels"];
    assert_eq!(labels.as_array().unwrap().len(), 2, "{record:#}");
    for member in ["id", "added"] {
        let [first, second] = ["new", "seen"].map(|name| text(labels, "name", name, member));
        assert_ne!(first, second, "{member}: {record:#}");
    }
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("adapter: 1 labels before, 2 after"), "{log}");
    ended(&world, &label("new"), "denied", "does not hold");
}

/// The tests that an author runs: those of the templates, and those of the adapters in the repository.
#[test]
fn projects_pass_their_own_unit_tests() {
    if !has_toolchains("the unit tests of adapter projects") {
        return;
    }
    for (lang, program, args, name) in
        [("js", "node", "--test", "people"), ("python", "python3", "-m unittest", "labels")]
    {
        let strict = Home::new("project");
        let new = ["adapter", "new", "tickets", "--lang", lang, "--dir", strict.path()];
        host::expect(&new).unwrap();
        for project in [strict, project("tickets", lang), overlaid(name, lang)] {
            let mut command = Command::new(program);
            command
                .args(args.split(' '))
                .current_dir(&project.dir)
                .env("PYTHONDONTWRITEBYTECODE", "1");
            let output = command.output().unwrap();
            let said =
                String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{lang}, {name}: {said}");
            let ran = ["pass ", "Ran "].iter().any(|what| said.contains(what));
            let none = ["pass 0", "Ran 0 "].iter().any(|what| said.contains(what));
            assert!(ran && !none, "{lang}, {name}: {said}");
        }
    }
}
