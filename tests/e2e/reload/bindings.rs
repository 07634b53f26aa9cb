//! An action that waits for an approval ends when the operator changes as whom the host would act, how it would get the
//! credential for that, or where its secrets are stored. People see all of this before they answer.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::host;
use deed_tests::world::{BOB, World, edit};

use super::reload;

/// The private key of RFC 8410 section 10.3.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
const SECRET: &str = "the-same-value-in-two-files";
const STORED: &str = "{ secret = \"idp_write\", slot = \"bearer\" }";
/// The endpoint is never asked, because no action is carried out.
const LOGIN: &str = "\n[tenant.acme.upstream.login]\nbase_url = \"http://127.0.0.1:9\"\naddresses = [\"loopback\"]\n";
const SIGV4: &str =
    "{ sigv4 = { key_id = \"AKIAIOSFODNN7EXAMPLE\", region = \"us-east-1\", service = \"iam\" } }";
const TOKEN: &str = "\n[tenant.acme.token.writer]\nkind = \"jwt_bearer\"\nclient = \"deed\"\nauth = \"key\"\n\
                     key = \"secrets/key.pem\"\nissuer = \"desk\"\nscopes = [\"write\"]\n\
                     endpoint = { upstream = \"login\", path = \"/token\" }\n";

/// A host whose write credential has this text, with these tables.
fn start(credential: &str, tables: &str) -> World {
    let mut world = World::lay_out(scim(), "scim").unwrap();
    for (name, text) in [("key.pem", KEY), ("other.pem", KEY), ("app", SECRET), ("other", SECRET)] {
        let path = world.dir.join("secrets").join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    edit(&world.dir, "deed.toml", STORED, credential).unwrap();
    let file = world.dir.join("deed.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(file, format!("{text}{tables}")).unwrap();
    world.serve().unwrap();
    world
}

/// The id of an action that waits for an approval.
fn waiting(world: &World) -> String {
    let proposal = World::proposal("idp.restore_access", &locked_out());
    let waiting = world.propose(&proposal).unwrap();
    assert_eq!(waiting.text("/status"), "waiting");
    waiting.text("/id")
}

#[test]
fn an_approval_covers_the_client_and_the_route_to_the_token_endpoint() {
    let world = start("{ token = \"writer\" }", &format!("{LOGIN}{TOKEN}"));
    let wider = LOGIN.replace("[\"loopback\"]", "[\"loopback\", \"private\"]");
    for (from, to) in [
        ("client = \"deed\"", "client = \"other\""),
        ("key = \"secrets/key.pem\"", "key = \"secrets/other.pem\""),
        ("issuer = \"desk\"", "issuer = \"other\""),
        (
            "issuer = \"desk\"",
            "issuer = \"desk\"\nassertion_audience = \"https://other.example.com\"",
        ),
        (LOGIN, wider.as_str()),
    ] {
        ends_if_changed(&world, from, to);
    }
}

/// Checks that an action that waits ends at once if this text of `deed.toml` is replaced, and puts the text back.
#[track_caller]
fn ends_if_changed(world: &World, from: &str, to: &str) {
    let id = waiting(world);
    let file = world.dir.join("deed.toml");
    let good = fs::read_to_string(&file).unwrap();
    assert!(good.contains(from), "{from}");
    fs::write(&file, good.replacen(from, to, 1)).unwrap();
    reload(world, "applied");
    is_stale(world, &id);
    fs::write(&file, &good).unwrap();
    reload(world, "applied");
}

#[track_caller]
fn is_stale(world: &World, id: &str) {
    world.until(id, |view| view["status"] != "waiting").unwrap();
    let view = world.settled(id).unwrap();
    ended(world, &view, "denied", "stale");
}

/// The host compares where secrets are stored and not their values, because another place may have another owner.
#[test]
fn an_approval_covers_where_each_secret_is_stored() {
    let app = "\n[tenant.acme.secret.app]\nfile = \"secrets/app\"\n";
    for slot in ["\"bearer\"", SIGV4] {
        let with =
            format!("{{ secret = \"idp_write\", slot = {slot}, headers = {{ X-App = \"app\" }} }}");
        let mut world = start(&with, app);
        for from in ["file = \"secrets/idp_write\"", "file = \"secrets/app\""] {
            ends_if_changed(&world, from, "file = \"secrets/other\"");
        }
        // A restart has the same effect as a reload.
        let id = waiting(&world);
        assert!(world.stop().unwrap());
        edit(&world.dir, "deed.toml", "\"secrets/idp_write\"", "\"secrets/other\"").unwrap();
        world.serve().unwrap();
        is_stale(&world, &id);
    }
}

#[test]
fn an_approval_covers_where_the_secret_of_a_client_is_stored() {
    let secret = "\n[tenant.acme.secret.app]\nfile = \"secrets/app\"\n";
    let token = "\n[tenant.acme.token.writer]\nkind = \"client_credentials\"\nclient = \"deed\"\nsecret = \"app\"\n\
                 endpoint = { upstream = \"login\", path = \"/token\" }\n";
    let world = start("{ token = \"writer\" }", &format!("{LOGIN}{secret}{token}"));
    ends_if_changed(&world, "file = \"secrets/app\"", "file = \"secrets/other\"");
}

/// What `deed show` prints about an action, and what a person sees who denies it: what the signature covers, and then the
/// action as `deed show` prints it. Each has the number of places that must say the same.
fn shown(world: &World) -> [(String, usize); 2] {
    let id = waiting(world);
    let page = host::expect(&["show", &id, "--url", world.url(), "--token", BOB]).unwrap();
    let (done, approval) = world.answer("deny", &id, "bob", BOB).unwrap();
    assert!(done, "{approval}");
    [(page, 1), (approval, 2)]
}

#[test]
fn a_person_sees_as_whom_the_host_would_act() {
    let token = "with token writer: jwt_bearer, from http://127.0.0.1:9/token, as deed, with the key secrets/key.pem, \
                 issuer desk, scopes write";
    let signed = "{ secret = \"idp_write\", slot = { sigv4 = { key_id = \"AKIAIOSFODNN7EXAMPLE\", region = \"us-east-1\", \
                  service = \"iam\" } }, headers = { X-Amz-Security-Token = \"idp_read\" } }";
    let plain = "with the secret idp_write from the file secrets/idp_write";
    for (credential, tables, lines) in [
        (STORED, String::new(), vec![plain]),
        ("{ token = \"writer\" }", format!("{LOGIN}{TOKEN}"), vec![token]),
        (
            "{ secret = \"idp_write\", slot = { basic = { user = \"root\" } } }",
            String::new(),
            vec!["as user root, with the secret idp_write from the file secrets/idp_write"],
        ),
        (
            signed,
            String::new(),
            vec![
                "signed for AWS with the key AKIAIOSFODNN7EXAMPLE, for the service iam in the region us-east-1, with \
                 the secret idp_write from the file secrets/idp_write",
                "with the secret idp_read from the file secrets/idp_read in the header x-amz-security-token",
            ],
        ),
    ] {
        let world = start(credential, &tables);
        for (said, places) in shown(&world) {
            for line in &lines {
                let found = said.lines().filter(|one| one.trim() == *line).count();
                assert_eq!(found, places, "`{line}` in\n{said}");
            }
        }
    }
}
