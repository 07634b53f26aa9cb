//! Tests that `deed pin` refuses every directory that a host would refuse, and that it shows the changes.

use std::fs;
use std::path::Path;

use deed_spec::digest::Digest;
use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::{World, edit};
use serde_json::{Value, json};

use super::deed;

const CONTRACT: &str = "contracts/restore_access.toml";

fn pin(dir: &Path) -> Vec<Value> {
    let said = host::expect(&["pin", dir.to_str().unwrap(), "--json"]).unwrap();
    serde_json::from_str(&said).unwrap()
}

fn of<'a>(reports: &'a [Value], tenant: &str, grant: &str) -> &'a Value {
    reports.iter().find(|one| one["tenant"] == tenant && one["grant"] == grant).unwrap()
}

#[test]
fn what_a_host_would_refuse_is_not_pinned() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let before = fs::read(world.dir.join("deed.toml")).unwrap();
    let foreign = r#"(component (import "acme:cli/environment@0.2.0" (instance (export "get-arguments" (func)))))"#;
    for bytes in [
        b"not a component".to_vec(),
        wat::parse_str("(module)").unwrap(),
        wat::parse_str(foreign).unwrap(),
    ] {
        let file = world.dir.join("adapters/scim.wasm");
        fs::write(&file, bytes).unwrap();
        let (_, said, _) = deed(&["adapter", "check", file.to_str().unwrap(), "--json"]);
        let report: Value = serde_json::from_str(&said).unwrap();
        let why = report["refused"].as_str().unwrap();
        let (code, said, errors) = deed(&["pin", world.path()]);
        assert_eq!((code, said.as_str()), (1, ""), "{errors}");
        assert!(errors.contains(&format!("adapters/scim.wasm: {why}")), "{why}\n{errors}");
        assert!(errors.contains("nothing was pinned"), "{errors}");
        assert_eq!(fs::read(world.dir.join("deed.toml")).unwrap(), before, "it was written to");
        let made = world.dir.join("made");
        let made = made.to_str().unwrap();
        let (code, _, errors) = deed(&["init", made, "--adapter", file.to_str().unwrap()]);
        assert!(code == 1 && errors.contains(why), "{errors}");
        assert!(!Path::new(made).exists(), "half a directory stays behind");
    }
}

#[test]
fn a_pin_tells_what_is_new_changed_and_unchanged() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let reports = pin(&world.dir);
    assert_eq!(reports.len(), 6);
    for one in &reports {
        assert_eq!(
            (&one["contract_change"], &one["adapter_change"]),
            (&json!("unchanged"), &json!("unchanged"))
        );
        assert_eq!((&one["contract_was"], &one["differs"]), (&one["contract"], &json!([])));
    }
    edit(&world.dir, CONTRACT, "version  = \"1.0.0\"", "version  = \"1.0.1\"").unwrap();
    edit(&world.dir, CONTRACT, "timeout = \"30s\"", "attempts = 2").unwrap();
    edit(&world.dir, CONTRACT, "value = true }] }", "value = false }] }").unwrap();
    fs::copy(workspace().join("target/adapters/silent.wasm"), world.dir.join("adapters/scim.wasm"))
        .unwrap();
    let (code, said, errors) = deed(&["pin", world.path()]);
    assert_eq!(code, 0, "{errors}");
    let silent = Digest::of(&fs::read(world.dir.join("adapters/scim.wasm")).unwrap());
    let (was, now) = (&reports[1], &pin(&world.dir)[1]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for line in [
        "acme/idp.restore_access".to_owned(),
        format!("  contract  {} → {}", text(&was["contract"]), text(&now["contract"])),
        "    /action/version: \"1.0.0\" → \"1.0.1\"".to_owned(),
        "    /limits/attempts: (absent) → 2".to_owned(),
        "    /perform/http/0/body/Operations/0/value: true → false".to_owned(),
        format!("  adapter   {} → {silent}", text(&was["adapter"])),
    ] {
        assert!(said.lines().any(|one| one == line), "no `{line}` in\n{said}");
    }
    assert!(said.contains("  unchanged\n"), "the contract of the read is as it was: {said}");
}

#[test]
fn a_pin_as_json_gives_the_same_facts() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let contract = |report: &Value| report["contract"].as_str().unwrap().to_owned();
    let before = contract(of(&pin(&world.dir), "acme", "idp.restore_access"));
    // The cases are a new grant, a changed contract, and a contract whose earlier text was not kept.
    let read = contract(of(&pin(&world.dir), "acme", "idp.read_user"));
    let unpinned: Vec<&str> = text.lines().collect();
    let at =
        unpinned.iter().position(|l| *l == "[tenant.globex.grant.\"idp.suspend_user\"]").unwrap();
    let unpinned = [&unpinned[..=at], &unpinned[at + 3..]].concat().join("\n");
    fs::write(world.dir.join("deed.toml"), unpinned).unwrap();
    edit(&world.dir, CONTRACT, "version  = \"1.0.0\"", "version  = \"1.0.1\"").unwrap();
    edit(&world.dir, "contracts/read_user.toml", "version  = \"1.0.0\"", "version  = \"2.0.0\"")
        .unwrap();
    let hex = read.strip_prefix("sha256:").unwrap();
    fs::remove_file(world.dir.join(format!("accepted/{hex}.json"))).unwrap();
    let reports = pin(&world.dir);
    let new = of(&reports, "globex", "idp.suspend_user");
    assert_eq!((&new["contract_change"], &new["contract_was"]), (&json!("new"), &Value::Null));
    let changed = of(&reports, "acme", "idp.restore_access");
    assert_eq!(
        (&changed["contract_change"], &changed["contract_was"]),
        (&json!("changed"), &json!(before))
    );
    let differs = json!([{"pointer": "/action/version", "old": "1.0.0", "new": "1.0.1"}]);
    assert_eq!(changed["differs"], differs);
    let unknown = of(&reports, "acme", "idp.read_user");
    assert_eq!(
        (&unknown["contract_change"], &unknown["differs"]),
        (&json!("changed"), &Value::Null)
    );
}

#[test]
fn an_accepted_contract_that_is_not_kept_is_said_to_be_missing() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let spoil = |path: &Path| fs::write(path, "{}").unwrap();
    let lose = |path: &Path| fs::remove_file(path).unwrap();
    for (version, harm) in [("1.0.1", &spoil as &dyn Fn(&Path)), ("1.0.2", &lose)] {
        for entry in fs::read_dir(world.dir.join("accepted")).unwrap() {
            harm(&entry.unwrap().path());
        }
        let text = fs::read_to_string(world.dir.join(CONTRACT)).unwrap();
        let line = text.lines().find(|line| line.starts_with("version")).unwrap();
        edit(&world.dir, CONTRACT, line, &format!("version  = \"{version}\"")).unwrap();
        let (code, said, _) = deed(&["pin", world.path()]);
        assert!(code == 0 && said.contains("the differences are not known"), "{said}");
    }
    let (_, said, errors) = deed(&["pin", world.path()]);
    assert!(!said.contains("the differences are not known"), "it is kept now: {said}");
    edit(&world.dir, "deed.toml", "grant.\"idp.read_user\"", "grant.\"idp.no_such\"").unwrap();
    let (_, _, more) = deed(&["pin", world.path()]);
    assert!(more.contains("acme/idp.no_such: no file under contracts/"), "{errors}\n{more}");
}

#[test]
fn accepted_contracts_are_in_a_backup_and_come_back() {
    let mut world = World::start(scim()).unwrap();
    let kept = |dir: &Path| {
        let names = fs::read_dir(dir.join("accepted")).unwrap();
        let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let (copy, back) = (world.dir.join("copy"), world.dir.join("back"));
    let (copy_text, back_text) = (copy.to_str().unwrap(), back.to_str().unwrap());
    host::expect(&["backup", world.path(), copy_text]).unwrap();
    assert_eq!(kept(&copy), kept(&world.dir));
    assert_eq!(kept(&copy).len(), 3);
    host::expect(&["restore", copy_text, back_text]).unwrap();
    assert_eq!(kept(&back), kept(&world.dir));
    edit(&back, CONTRACT, "version  = \"1.0.0\"", "version  = \"1.0.1\"").unwrap();
    let reports = pin(&back);
    assert_eq!(
        of(&reports, "acme", "idp.restore_access")["differs"][0]["pointer"],
        "/action/version"
    );
    world.restart().unwrap();
}

/// A secret may stand where `deed pin` writes a digest.
#[test]
fn a_text_that_is_no_digest_is_replaced_and_not_shown() {
    const PLANTED: &str = "sk_live_51HqLyjWDarjtT1zdp7dcXYZ";
    let world = World::lay_out(scim(), "scim").unwrap();
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    for field in ["contract", "adapter"] {
        for options in [&["--json"][..], &[]] {
            let is_pin = |line: &&str| line.starts_with(field) && line.contains("sha256:");
            let line = good.lines().find(is_pin).unwrap();
            let digest = line.split('"').nth(1).unwrap();
            let text = good.replacen(line, &line.replace(digest, PLANTED), 1);
            fs::write(world.dir.join("deed.toml"), text).unwrap();
            let (code, said, errors) = deed(&[&["pin", world.path()], options].concat());
            assert_eq!(code, 0, "{field}: {errors}");
            assert!(!format!("{said}{errors}").contains("HqLyjW"), "{field}: {said}{errors}");
            let changed = if options.is_empty() { "… → sha256:" } else { "\"changed\"" };
            assert!(said.contains(changed), "{field}: {said}");
            assert_eq!(fs::read_to_string(world.dir.join("deed.toml")).unwrap(), good);
        }
    }
}
