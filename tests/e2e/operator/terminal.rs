//! Tests of output to a terminal: control characters in names from files are escaped, and the suggested command can be
//! pasted.

use std::fs;
use std::process::Command;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::{World, edit};

use super::deed;

/// Pairs of a name as spelled in TOML, and the same name as shown on the terminal.
const HOSTILE: [[&str; 2]; 3] = [
    ["x\\u001b[2K\\u001b[1A", "x\\u{1b}[2K\\u{1b}[1A"],
    ["x\\u009b31m", "x\\u{9b}31m"],
    ["x\\u202efile", "x\\u{202e}file"],
];

#[test]
fn names_from_the_configuration_control_no_terminal() {
    for [toml, shown] in HOSTILE {
        let world = World::lay_out(scim(), "scim").unwrap();
        let table = format!("[tenant.acme.secret.\"{toml}\"]\nfile = \"secrets/{toml}\"\n\n");
        let before = "[tenant.acme.upstream.idp]";
        edit(&world.dir, "deed.toml", before, &format!("{table}{before}")).unwrap();
        let text = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
        let tenant = format!("{text}\n[tenant.\"{toml}\"]\npolicies = []\n");
        // What is no name could be a secret in the wrong place, so `secret set` may leave it out.
        for (text, args, instead) in [
            (&text, &["secret", "set", world.path(), "idp_read"][..], "next: "),
            (&text, &["secret", "set", world.path(), "idp_reed"], "`…` (acme)"),
            (&tenant, &["policy", "schema", world.path()], shown),
            (&tenant, &["policy", "schema", world.path(), "--tenant", "other"], shown),
        ] {
            fs::write(world.dir.join("deed.toml"), text).unwrap();
            let output = host::run(args, "a-credential-of-the-operator").unwrap();
            let errors = String::from_utf8(output.stderr).unwrap();
            let raw = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
            assert!(!errors.contains(raw), "{args:?}: {errors:?}");
            let is_told = errors.contains(shown) || errors.contains(instead);
            assert!(is_told, "{args:?}: {errors}");
        }
    }
    let (code, _, errors) = deed(&["policy", "schema", "/nowhere/\u{1b}[2K"]);
    assert!(code == 1 && !errors.contains('\u{1b}'), "{errors:?}");
}

/// The command after `next: `, split into arguments by a shell.
fn next(args: &[&str], input: &str) -> Vec<String> {
    let output = host::run(args, input).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {errors}");
    let line = errors.lines().last().and_then(|line| line.strip_prefix("next: ")).unwrap();
    split(line)
}

fn split(line: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {line}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(output.stdout).unwrap();
    words.lines().map(str::to_owned).collect()
}

#[test]
fn a_path_in_a_next_command_is_one_word() {
    let adapter = workspace().join("target/adapters/scim.wasm").to_str().unwrap().to_owned();
    let value = "a-credential-of-sixteen-bytes-or-more";
    for name in ["my dir", "it's", "a;b$(c)&d"] {
        let scratch = std::env::temp_dir().join(format!("deed-{name}-{}", std::process::id()));
        fs::create_dir_all(&scratch).unwrap();
        let path = |name: &str| scratch.join(name).to_str().unwrap().to_owned();
        let (dir, trust) = (path("ops"), path("trust"));
        let set = |name: &str| ["deed", "secret", "set", &dir, name].map(str::to_owned).to_vec();
        let check = ["deed", "check", &dir].map(str::to_owned);
        let (_, _, errors) = deed(&["init", &dir, "--adapter", &adapter]);
        let said = errors.lines().last().unwrap().strip_prefix("next: edit ").unwrap();
        let (file, command) = said.split_once(" (base_url and origin), then `").unwrap();
        assert_eq!(split(file), [path("ops/deed.toml")]);
        assert_eq!(split(command.trim_end_matches('`')), set("idp-read"));
        assert_eq!(next(&["secret", "set", &dir, "idp-read"], value), set("idp-write"));
        assert_eq!(next(&["secret", "set", &dir, "idp-write"], &format!("{value}-2")), check);
        assert_eq!(next(&["pin", &dir], ""), check);
        assert_eq!(next(&["check", &dir], ""), ["deed", "serve", &dir]);
        assert_eq!(next(&["trust", &dir, &trust], "").last(), Some(&trust));
        assert_eq!(next(&["key", "new", &path("ops/keys/next.key")], ""), check);
        let (_, _, errors) = deed(&["key", "new", &path("dora.key")]);
        let copy = errors.lines().last().unwrap().strip_prefix("next: ").unwrap();
        let (copy, _) = copy.split_once(", write").unwrap();
        assert_eq!(split(copy), ["cp", &path("dora.pub"), "DIR/approvers/"]);
        let other = path("other");
        let (_, said, _) = deed(&["init", &other]);
        let step = said.lines().find_map(|line| line.trim().strip_prefix("5. deed check "));
        let (word, _) = step.unwrap().split_once(" && ").unwrap();
        assert_eq!(split(word), [other]);
        fs::remove_dir_all(scratch).unwrap();
    }
}

#[test]
fn the_next_secret_is_told_with_its_tenant_where_two_have_its_name() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let more = "[tenant.globex.secret.idp_read]\nfile = \"secrets/globex\"\n\n\
                [tenant.globex.secret.token]\nfile = \"secrets/token\"\n\n";
    let before = "[tenant.globex.upstream.idp]";
    edit(&world.dir, "deed.toml", before, &format!("{more}{before}")).unwrap();
    let value = "a-credential-of-the-operator";
    let set = |words: &[&str]| -> Vec<String> {
        let words = [&["deed", "secret", "set", world.path()], words].concat();
        words.into_iter().map(str::to_owned).collect()
    };
    let said = next(&["secret", "set", world.path(), "idp_write"], value);
    assert_eq!(said, set(&["idp_read", "--tenant", "globex"]));
    let args = ["secret", "set", world.path(), "idp_read", "--tenant", "globex"];
    assert_eq!(next(&args, value), set(&["token"]));
    fs::remove_file(world.dir.join("secrets/idp_read")).unwrap();
    let said = next(&["secret", "set", world.path(), "token"], value);
    assert_eq!(said, set(&["idp_read", "--tenant", "acme"]));
}
