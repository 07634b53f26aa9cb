//! Tests of what an operator sees between `deed init` and a running host. Each fault is reported once, with its place
//! and its remedy, and each command suggests the next one.

mod build;
mod help;
mod keys;
mod next;
mod origin;
mod paths;
mod pinned;
mod pins;
mod reach;
mod secrets;
mod slots;
mod terminal;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use deed_test_support::shared::scim;
use deed_tests::host;
use deed_tests::services::workspace;
use deed_tests::world::{World, edit};

/// Exit code, stdout, stderr.
fn deed(args: &[&str]) -> (i32, String, String) {
    let output = host::run(args, "").unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// The faults that `deed check` prints.
fn faults(dir: &Path) -> Vec<String> {
    let (code, said, errors) = deed(&["check", dir.to_str().unwrap()]);
    assert_eq!((code, errors.as_str()), (1, ""), "{said}");
    said.lines().filter(|line| !line.starts_with("warning: ")).map(str::to_owned).collect()
}

/// The number of warnings with this text, first from `deed check` and then from `deed serve`.
fn warnings(world: &mut World, words: &str) -> [usize; 2] {
    let (code, said, _) = deed(&["check", world.path()]);
    assert_eq!(code, 0, "{said}");
    let checked = said.lines().filter(|l| l.starts_with("warning: ") && l.contains(words)).count();
    fs::write(world.dir.join("serve.log"), "").unwrap();
    world.serve().unwrap();
    let log = world.host.take().unwrap().log();
    [checked, log.lines().filter(|line| line.contains("WARN") && line.contains(words)).count()]
}

#[test]
fn a_table_that_is_given_in_part_has_the_defaults_for_the_rest() {
    let contract = "contracts/restore_access.toml";
    for (file, from, to) in [
        (contract, "timeout = \"30s\"", "attempts = 3"),
        (contract, "timeout = \"30s\"", "total = \"2h\""),
        (contract, "timeout = \"30s\"", ""),
        ("deed.toml", "expires = \"1h\"", ""),
    ] {
        let world = World::lay_out(scim(), "scim").unwrap();
        edit(&world.dir, file, from, to).unwrap();
        host::expect(&["pin", world.path()]).unwrap();
        let (code, said, _) = deed(&["check", world.path()]);
        assert_eq!(code, 0, "{file}: {to}: {said}");
    }
}

#[test]
fn a_date_in_a_contract_is_refused_at_its_line() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let contract = "contracts/restore_access.toml";
    let good = fs::read_to_string(world.dir.join(contract)).unwrap();
    let line = good.lines().position(|line| line.contains("value = true }] }")).unwrap() + 1;
    for date in ["2025-01-31", "2025-01-31T07:30:00Z", "07:30:00"] {
        let body = good.replace("value = true }] }", &format!("value = true }}], due = {date} }}"));
        fs::write(world.dir.join(contract), body).unwrap();
        let [fault] = &faults(&world.dir)[..] else { panic!("one fault") };
        assert!(fault.starts_with(&format!("{contract}:{line}: `{date}`")), "{fault}");
        assert!(fault.contains(&format!("write it as text: `\"{date}\"`")), "{fault}");
    }
}

/// A function that makes a served directory faulty.
type Break = Box<dyn Fn(&Path)>;

/// `deed check` does not report the consequence of a fault as a second fault.
#[test]
fn one_fault_is_one_message() {
    let remove = |name: &'static str| move |dir: &Path| fs::remove_file(dir.join(name)).unwrap();
    let mode = |name: &'static str| {
        move |dir: &Path| {
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
    };
    let broken: [(&str, Break, &str); 6] = [
        ("no secret", Box::new(remove("secrets/idp_read")), "secret `idp_read`: cannot read"),
        ("an open secret", Box::new(mode("secrets/idp_write")), "chmod 600 secrets/idp_write"),
        ("a short secret", Box::new(short), "secret `idp_read` is shorter than 16 bytes"),
        ("no adapter", Box::new(remove("adapters/scim.wasm")), "copy the adapter there"),
        ("no configuration", Box::new(no_configuration), "`deed init` creates a directory"),
        ("no directory", Box::new(|dir| fs::remove_dir_all(dir).unwrap()), "does not exist"),
    ];
    for (name, breaks, words) in broken {
        let world = World::lay_out(scim(), "scim").unwrap();
        breaks(&world.dir);
        let found = faults(&world.dir);
        assert_eq!(found.len(), 1, "{name}: {found:#?}");
        assert!(found[0].contains(words), "{name}: {found:?}");
    }
}

fn short(dir: &Path) {
    fs::write(dir.join("secrets/idp_read"), "short").unwrap();
}

fn no_configuration(dir: &Path) {
    fs::remove_file(dir.join("deed.toml")).unwrap();
    fs::remove_dir_all(dir.join("keys")).unwrap();
}

#[test]
fn a_credential_that_would_travel_in_clear_text_is_warned_about() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let base = "base_url = \"http";
    let crm = |url: &str, addresses: &str, credential: &str| {
        format!(
            "[tenant.acme.upstream.crm]\nbase_url = \"{url}\"\naddresses = [\"{addresses}\"]\n{credential}\n"
        )
    };
    let read = "read = { secret = \"idp_read\", slot = \"bearer\" }";
    // The client's secret is sent to the token endpoint, and the token comes back.
    let token = "[tenant.acme.token.crm]\nkind = \"client_credentials\"\nclient = \"deed\"\nsecret = \"idp_read\"\n\
                 endpoint = { upstream = \"crm\", path = \"/token\" }";
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    assert!(good.contains(base));
    for (url, addresses, credential, warned) in [
        ("http://crm.example.com/v1", "public", read, 1),
        ("http://93.184.215.14", "public", read, 1),
        ("http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8080/v1", "public", read, 1),
        ("https://crm.example.com/v1", "public", read, 0),
        ("http://crm.example.com/v1", "public", "", 0),
        ("http://crm.internal/v1", "private", read, 0),
        ("http://10.1.2.3/v1", "private", read, 0),
        ("http://localhost:8080", "loopback", read, 0),
        ("http://crm.example.com/v1", "public", token, 1),
        ("https://crm.example.com/v1", "public", token, 0),
        ("http://crm.internal/v1", "private", token, 0),
    ] {
        let text = format!("{good}\n{}", crm(url, addresses, credential));
        fs::write(world.dir.join("deed.toml"), text).unwrap();
        let found = warnings(&mut world, "would be sent in clear text");
        assert_eq!(found, [warned; 2], "{url} {addresses} {credential}");
    }
}

#[test]
fn tenants_that_obtain_tokens_as_one_client_are_warned_about() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let good = fs::read_to_string(world.dir.join("deed.toml")).unwrap();
    let token = |tenant: &str, secret: &str| {
        format!(
            "[tenant.{tenant}.token.reader]\nkind = \"client_credentials\"\nclient = \"deed\"\nsecret = \"{secret}\"\n\
             scopes = [\"{tenant}\"]\nendpoint = {{ upstream = \"idp\", path = \"/token\" }}\n"
        )
    };
    let words = "tenants `acme` and `globex` obtain tokens with the same `secret`";
    for (file, warned) in [("idp_read", 1), ("idp_write", 0)] {
        let own = format!("[tenant.globex.secret.client]\nfile = \"secrets/{file}\"\n");
        let tokens = [token("acme", "idp_read"), own, token("globex", "client")].concat();
        fs::write(world.dir.join("deed.toml"), format!("{good}\n{tokens}")).unwrap();
        assert_eq!(warnings(&mut world, words), [warned; 2], "{file}");
    }
}

#[test]
fn computed_values_that_no_condition_compares_are_warned_about() {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    let example = workspace().join("contracts/examples/11_write_article.toml");
    let text = fs::read_to_string(example).unwrap();
    let id = "properties.id     = { type = \"string\", maxLength = 40 }\n";
    let shown = text.replacen(id, &format!("{id}properties.title = {{ type = \"string\" }}\n"), 1);
    assert_ne!(shown, text);
    for (text, warned) in [(text, 0), (shown, 1)] {
        fs::write(world.dir.join("contracts/article.toml"), text).unwrap();
        let words = "contracts/article.toml: no condition of `after` compares `/article/title`";
        assert_eq!(warnings(&mut world, words), [warned; 2]);
    }
}
