//! Tests that `deed secret set` writes a secret only if `deed.toml` names it, and only to the file named there. The
//! command refuses a name that `deed.toml` does not have before it reads the value.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::world::{World, edit};

use super::faults;

const VALUE: &str = "a-credential-of-the-operator";

/// Exit code and stderr of a `set` command whose stdin is never closed: if the command read stdin, it would never exit.
fn set_without_a_value(args: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(host::binary().unwrap())
        .args(["secret", "set"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take();
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().unwrap().is_none() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().ok();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn set(args: &[&str]) -> (Option<i32>, String) {
    let output = host::run(&[&["secret", "set"], args].concat(), VALUE).unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Adds a second tenant with a secret of the same name, and a webhook.
fn more_secrets(world: &World) {
    let globex = "[tenant.globex.secret.idp_read]\nfile = \"secrets/globex/idp\"\n\n";
    let env = "[tenant.globex.secret.token]\nenv = \"IDP_TOKEN\"\n\n[tenant.globex.upstream.idp]";
    edit(&world.dir, "deed.toml", "[tenant.globex.upstream.idp]", &format!("{globex}{env}"))
        .unwrap();
    let notify =
        "[notify]\nurl = \"https://hooks.example.org/x\"\nsecret = { file = \"secrets/hook\" }\n\n";
    edit(&world.dir, "deed.toml", "[tenant.acme]\n", &format!("{notify}[tenant.acme]\n")).unwrap();
}

#[test]
fn a_secret_that_is_not_configured_is_refused_before_it_is_read() {
    let world = World::lay_out(scim(), "scim").unwrap();
    more_secrets(&world);
    let empty = world.dir.join("nothing-here");
    fs::create_dir(&empty).unwrap();
    let (dir, empty) = (world.path(), empty.to_str().unwrap());
    let names = "`notify` ([notify]), `idp_read` (acme), `idp_write` (acme), `idp_read` (globex)";
    for (args, words) in [
        (&[dir, "idp_reed"][..], names),
        (&[dir, "idp"], names),
        (&[dir, "idp_write", "--tenant", "globex"], "no secret `idp_write` of tenant `globex`"),
        (&[dir, "idp_read", "--tenant", "nowhere"], "no secret `idp_read` of tenant `nowhere`"),
        (&[dir, "token"], "the environment variable that its `env` names"),
        (&[dir, "idp_read"], "several tenants have a secret `idp_read`"),
        (&[empty, "idp_read"], "`deed init` creates a directory"),
        (&["/nowhere/at/all", "idp_read"], "`deed init` creates a directory"),
    ] {
        let (code, said) = set_without_a_value(args);
        assert!(matches!(code, Some(1 | 2)), "{args:?}: {code:?} {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert!(fs::read_dir(empty).unwrap().next().is_none(), "nothing was made there");
}

#[test]
fn a_secret_that_an_upstream_created_is_not_replaced() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let file = "vault/idp/act_0123456789abcdefghijklmnop-key";
    let table = format!("[tenant.globex.secret.made]\nfile = \"{file}\"\n\n");
    let upstream = "[tenant.globex.upstream.idp]";
    edit(&world.dir, "deed.toml", upstream, &format!("{table}{upstream}")).unwrap();
    let path = world.dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "the-only-copy-of-a-secret").unwrap();
    let (code, said) = set_without_a_value(&[world.path(), "made"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("has a secret that an upstream created"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "the-only-copy-of-a-secret");
    // After the file was moved, for example to a backup, there is nothing to lose.
    fs::rename(&path, world.dir.join("moved")).unwrap();
    let (code, said) = set(&[world.path(), "made"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), VALUE);
}

#[test]
fn a_secret_goes_into_the_file_that_the_configuration_names() {
    let world = World::lay_out(scim(), "scim").unwrap();
    more_secrets(&world);
    let dir = world.path();
    for (args, file) in [
        (&[dir, "idp_read", "--tenant", "acme"][..], "secrets/idp_read"),
        (&[dir, "idp_read", "--tenant", "globex"], "secrets/globex/idp"),
        (&[dir, "notify"], "secrets/hook"),
    ] {
        let (code, said) = set(args);
        assert_eq!(code, Some(0), "{args:?}: {said}");
        let path = world.dir.join(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), VALUE, "{file}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    edit(&world.dir, "deed.toml", "secrets/globex/idp", "../outside").unwrap();
    let (code, said) = set_without_a_value(&[dir, "idp_read", "--tenant", "globex"]);
    assert!(code == Some(1) && said.contains("leaves the served directory"), "{said}");
}

/// The secrets of webhooks have no names in `deed.toml`; commands name them by the path of their tables.
#[test]
fn secrets_of_webhooks_are_stored_under_the_names_of_their_tables() {
    let mut world = World::start(scim()).unwrap();
    assert!(world.stop().unwrap());
    let person = "[tenant.acme.person.alice]\n";
    let table = "[tenant.acme.agent.helpdesk.notify]\nurl = \"https://hooks.example.org/x\"\n\
                 secret = { file = \"hooks/now\" }\nprevious = { file = \"hooks/before\" }\n\n";
    edit(&world.dir, "deed.toml", person, &format!("{table}{person}")).unwrap();
    let dir = world.path();
    for (name, file) in
        [("agent.helpdesk.notify", "hooks/now"), ("agent.helpdesk.notify.previous", "hooks/before")]
    {
        let (code, said) = set(&[dir, name]);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert_eq!(fs::read_to_string(world.dir.join(file)).unwrap(), VALUE, "{name}");
    }
    let fault = "is the same secret as `secret`";
    assert!(faults(&world.dir).iter().any(|said| said.contains(fault)));
    for (name, words) in [
        ("agent.desk.notify", "it names `idp_read` (acme)"),
        ("agent..notify", "invalid name `agent..notify`"),
    ] {
        let (code, said) = set_without_a_value(&[dir, name]);
        assert!(matches!(code, Some(1 | 2)) && said.contains(words), "{name}: {said}");
    }
    for (copy, option, kept) in [("plain", None, false), ("whole", Some("--with-keys"), true)] {
        let copy = world.dir.join(copy);
        let mut args = vec!["backup", dir, copy.to_str().unwrap()];
        args.extend(option);
        host::expect(&args).unwrap();
        for file in ["hooks/now", "hooks/before"] {
            assert_eq!(copy.join(file).exists(), kept, "{file} in {}", copy.display());
        }
        fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn an_empty_stdin_is_told_as_that() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let stored = fs::read(world.dir.join("secrets/idp_read")).unwrap();
    for (input, words) in [
        ("", "nothing was read from stdin"),
        ("\n", "nothing was read from stdin"),
        ("\r\n", "nothing was read from stdin"),
        ("short\n", "shorter than 16 bytes"),
    ] {
        let output = host::run(&["secret", "set", world.path(), "idp_read"], input).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.contains(words), "{input:?}: {said}");
        assert_eq!(fs::read(world.dir.join("secrets/idp_read")).unwrap(), stored, "{input:?}");
    }
}

/// `secret set`, `check` and `serve` all refuse a secret whose path is the path of another host file.
#[test]
fn a_secret_does_not_replace_what_the_host_is_made_of() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    for file in [
        "keys/receipt.key",
        "./keys/log.key",
        "keys//receipt.key",
        "secrets/../keys/receipt.key",
        "deed.toml",
        "policies/idp",
        "contracts/read_user.toml",
        "adapters/scim.wasm",
        "approvers/bob.pub",
        "accepted/idp",
        "tokens/idp",
        "state/VERSION",
    ] {
        let text = good.replace("\"secrets/idp_read\"", &format!("\"{file}\""));
        fs::write(world.dir.join("deed.toml"), &text).unwrap();
        let before = fs::read(world.dir.join(file)).ok();
        let (code, said) = set_without_a_value(&[world.path(), "idp_read"]);
        let words = format!("`{file}` is reserved for other files");
        assert!(code == Some(1) && said.contains(&words), "{file}: {said}");
        assert_eq!(fs::read(world.dir.join(file)).ok(), before, "{file}");
        let [fault] = &faults(&world.dir)[..] else { panic!("{file}: one fault") };
        assert!(fault.starts_with("deed.toml:") && fault.contains(&words), "{fault}");
        fs::write(world.dir.join("serve.log"), "").unwrap();
        let refused = world.serve().unwrap_err().to_string();
        assert!(refused.contains(&words), "{file}: {refused}");
    }
}

/// A directory of an older version may contain secrets in its folder of policies.
#[test]
fn a_backup_without_keys_has_no_secret_wherever_it_is() {
    let mut world = World::start(scim()).unwrap();
    assert!(world.host.take().unwrap().stop().unwrap());
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    fs::write(world.dir.join("policies/plain"), "no secret").unwrap();
    for (n, (file, place)) in [
        ("policies/idp", "policies/idp"),
        ("contracts/idp.txt", "contracts/idp.txt"),
        ("approvers/idp.pub", "approvers/idp.pub"),
        ("secrets/link", "adapters/idp"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::rename(world.dir.join("secrets/idp_read"), world.dir.join(place)).unwrap();
        if file == "secrets/link" {
            symlink(format!("../{place}"), world.dir.join(file)).unwrap();
        }
        let text = good.replace("\"secrets/idp_read\"", &format!("\"{file}\""));
        fs::write(world.dir.join("deed.toml"), text).unwrap();
        let copy = world.dir.join(format!("copy-{n}"));
        host::expect(&["backup", world.path(), copy.to_str().unwrap()]).unwrap();
        assert!(!copy.join(place).exists(), "{file}");
        assert!(copy.join("policies/plain").exists() && copy.join("approvers/bob.pub").exists());
        let whole = world.dir.join(format!("whole-{n}"));
        host::expect(&["backup", world.path(), whole.to_str().unwrap(), "--with-keys"]).unwrap();
        assert!(whole.join(place).exists(), "{file}");
        fs::remove_dir_all(whole).unwrap();
        fs::rename(world.dir.join(place), world.dir.join("secrets/idp_read")).unwrap();
    }
}

/// A secret that was written in place of its path, or of its name, is neither used nor shown.
#[test]
fn a_secret_in_the_place_of_a_path_is_refused_and_not_shown() {
    const PLANTED: &str = "sk_live_51HqLyjWDarjtT1zdp7dcXYZ";
    let world = World::lay_out(scim(), "scim").unwrap();
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let file = "\"secrets/idp_read\"";
    let key = "-----BEGIN PRIVATE KEY-----sk_live_51HqLyjWDarjtT1zdp7dcXYZ";
    for path in [PLANTED, &format!("keys/{PLANTED}"), &format!("../{PLANTED}"), key] {
        let text = good.replace(file, &format!("\"{path}\""));
        assert_ne!(text, good);
        fs::write(world.dir.join("deed.toml"), text).unwrap();
        let (code, said) = set_without_a_value(&[world.path(), "idp_read"]);
        assert_eq!(code, Some(1), "{path}: {said}");
        assert!(said.contains("does not look like the path of a file"), "{path}: {said}");
        let all = [vec![said], faults(&world.dir)].concat().join("\n");
        assert!(!all.contains("HqLyjW") && !world.dir.join(path).exists(), "{path}: {all}");
    }
    let table = "[tenant.acme.secret.idp_read]";
    let text = good.replace(table, &format!("[tenant.acme.secret.{PLANTED}]"));
    assert_ne!(text, good);
    fs::write(world.dir.join("deed.toml"), text).unwrap();
    let (code, said) = set_without_a_value(&[world.path(), "idp_reed"]);
    let all = [vec![said], faults(&world.dir)].concat().join("\n");
    assert!(code == Some(1) && all.contains('…') && !all.contains("HqLyjW"), "{all}");
}
