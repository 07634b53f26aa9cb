//! `deed secret set`: only a secret that `deed.toml` names, in the file that it names, refused before
//! the value is read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use deed_tests::host;
use deed_tests::world::{World, edit};

use crate::shared::scim;

const VALUE: &str = "a-credential-of-the-operator";

/// Exit code and stderr of a `set` whose stdin is never closed: one that reads it would never end.
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

/// A second tenant with a secret of the same name, and a webhook.
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
        (&[empty, "idp_read"], "`deed init` makes a directory"),
        (&["/nowhere/at/all", "idp_read"], "`deed init` makes a directory"),
    ] {
        let (code, said) = set_without_a_value(args);
        assert!(matches!(code, Some(1 | 2)), "{args:?}: {code:?} {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
    assert!(fs::read_dir(empty).unwrap().next().is_none(), "nothing was made there");
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
