//! Enrolment of passkeys against the real host and the real commands: an invitation, a page, an operator, an approval.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use deed_record::statement::approval::Answer as Said;
use deed_spec::digest::Digest;
use deed_test_support::authenticator::{self, Key, ORIGIN, ed25519, es256};
use deed_test_support::enrolment::{OFFER, OPTIONS, browser, enrol, invite, offer, options, post};
use deed_test_support::passkey_page::at_origin;
use deed_test_support::shared::{ended, locked_out, scim};
use deed_tests::browser::Browser;
use deed_tests::host;
use deed_tests::world::{BOB, World, edit};
use serde_json::{Value, json};

fn world() -> World {
    World::with(scim(), "scim", at_origin).unwrap()
}

/// Runs `deed passkey`, and returns whether it succeeded and everything that it printed.
fn passkey(args: &[&str]) -> (bool, String) {
    let Output { status, stdout, stderr } =
        host::run(&[&["passkey"][..], args].concat(), "").unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

/// A fingerprint as the page shows it.
fn grouped(digits: &str) -> String {
    let chars: Vec<char> = digits.chars().collect();
    chars.chunks(4).map(|group| group.iter().collect()).collect::<Vec<String>>().join(" ")
}

/// The file of an accepted passkey of bob.
fn accepted(key: &Key) -> String {
    let digits: String = key.id().chars().take(8).collect();
    format!("passkeys/bob-{digits}.json")
}

/// Puts an accepted passkey of bob in force.
fn put_in_force(world: &World, line: &str) {
    let keys = "keys = [\"approvers/bob.pub\"]\n";
    edit(&world.dir, "deed.toml", keys, &format!("{keys}{line}\n")).unwrap();
    host::expect(&["apply", world.path(), "--yes"]).unwrap();
}

/// Approves an action as bob with this passkey, through the API.
fn approve(world: &World, key: &Key) -> Value {
    let proposal = World::proposal("idp.restore_access", &locked_out());
    let id = world.propose(&proposal).unwrap().text("/id");
    let request = authenticator::fetched(&world.client(BOB), &id);
    let terms = authenticator::terms(&request, Said::Approve, "bob");
    let envelope = key.sign(&authenticator::payload(&request, &terms), |_| ());
    let path = format!("/v1/actions/{id}/approvals");
    let answer = world.client(BOB).post(&path, &json!(envelope)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.json());
    world.settled(&id).unwrap()
}

/// Enrols a passkey of bob, from the invitation to the approval of an action.
fn enrolled(key: &Key) -> World {
    let world = world();
    let mut page = browser(world.url());
    let invitation = invite(&world.dir, "bob");
    let shown = page.get("/passkeys/new").unwrap();
    assert_eq!(shown.status, 200, "{shown:?}");
    assert!(shown.header("content-security-policy").unwrap().contains("script-src 'sha256-"));
    let (status, received) = enrol(&mut page, key, &invitation);
    assert_eq!((status, &received["fingerprint"]), (200, &json!(key.id())), "{received}");
    let (fine, said) = passkey(&["list", world.path()]);
    let fingerprint = grouped(&key.id());
    assert!(fine && said.contains("acme/bob  offered ") && said.contains(&fingerprint), "{said}");
    assert!(said.contains(ORIGIN), "{said}");
    let groups: Vec<&str> = fingerprint.split(' ').collect();
    let args = [&["passkey", "accept", world.path(), "bob", "--yes"][..], &groups[..]].concat();
    let line = host::expect(&args).unwrap();
    let file = accepted(key);
    assert_eq!(line.trim(), format!("passkeys = [\"{file}\"]"));
    put_in_force(&world, line.trim());
    let view = approve(&world, key);
    ended(&world, &view, "verified", "every expectation holds");
    assert_eq!(view["approvals"][0]["passkey"], key.id(), "{view:#}");
    world
}

#[test]
fn an_invited_person_makes_a_passkey_that_an_operator_accepts_and_that_approves() {
    let key = es256(71);
    let world = enrolled(&key);
    let (fine, said) = passkey(&["list", world.path()]);
    let fingerprint = grouped(&key.id());
    assert!(fine && !said.contains("offered") && said.contains(&fingerprint), "{said}");
    let mut bob = browser(world.url());
    assert_eq!(bob.sign_in("bob", BOB, "/passkeys").unwrap().status, 303);
    let page = bob.get("/passkeys").unwrap();
    assert!(page.text().contains(&fingerprint) && page.text().contains(ORIGIN), "{page:?}");
    let mut file: Value =
        serde_json::from_str(&fs::read_to_string(world.dir.join(accepted(&key))).unwrap()).unwrap();
    // The time is that of the host, and everything else is what the authenticator made.
    file["created_ms"] = key.file()["created_ms"].clone();
    assert_eq!(file, key.file());
}

#[test]
fn a_passkey_with_ed25519_is_enrolled_as_well() {
    enrolled(&ed25519(72));
}

#[test]
fn a_rejected_passkey_is_gone_and_its_person_needs_another_invitation() {
    let (world, key) = (world(), es256(73));
    let mut page = browser(world.url());
    let invitation = invite(&world.dir, "bob");
    assert_eq!(enrol(&mut page, &key, &invitation).0, 200);
    let (fine, said) = passkey(&["reject", world.path(), "bob", &key.id()]);
    assert!(fine, "{said}");
    let (fine, said) = passkey(&["accept", world.path(), "bob", "--yes", &key.id()]);
    assert!(!fine && said.contains("nobody offers a passkey"), "{said}");
    assert_eq!(post(&mut page, OPTIONS, &json!({"invitation": invitation})).0, 401);
    assert_eq!(enrol(&mut page, &key, &invite(&world.dir, "bob")).0, 200);
}

#[test]
fn an_offer_about_which_nobody_decided_in_a_week_is_not_accepted() {
    let (world, key) = (world(), es256(75));
    assert_eq!(enrol(&mut browser(world.url()), &key, &invite(&world.dir, "bob")).0, 200);
    let path = world.dir.join(format!("state/offers/{}.json", key.id()));
    let mut offer: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let week_ms = 7 * 24 * 60 * 60 * 1_000;
    let made_ms = offer["passkey"]["created_ms"].as_i64().unwrap();
    offer["passkey"]["created_ms"] = json!(made_ms - week_ms);
    fs::write(&path, offer.to_string()).unwrap();
    let (fine, said) = passkey(&["list", world.path()]);
    assert!(fine && said.contains("no passkeys"), "{said}");
    let (fine, said) = passkey(&["accept", world.path(), "bob", "--yes", &key.id()]);
    assert!(!fine && said.contains("nobody offers a passkey"), "{said}");
}

#[test]
fn a_new_invitation_replaces_the_earlier_one_of_the_person_only() {
    let world = world();
    let mut page = browser(world.url());
    let [first, carols, second] = ["bob", "carol", "bob"].map(|name| invite(&world.dir, name));
    let (status, _) = post(&mut page, OPTIONS, &json!({"invitation": first}));
    assert_eq!(status, 401);
    assert_eq!(options(&mut page, &carols)["user_name"], "carol");
    let said = options(&mut page, &second);
    let named = (&said["user_name"], &said["tenant"], &said["rp_id"]);
    assert_eq!(named, (&json!("bob"), &json!("acme"), &json!(authenticator::RP_ID)));
    // The secret is in no file, and only the owner reads the files.
    let folder = world.dir.join("state/invitations");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in files {
        assert!(!fs::read_to_string(&file).unwrap().contains(&second));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// The invitations that `deed passkey list` shows.
fn invited(world: &World) -> Vec<Value> {
    let list = host::expect(&["passkey", "list", world.path(), "--json"]).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    list["invited"].as_array().unwrap().clone()
}

#[test]
fn a_revoked_invitation_is_refused_and_those_of_others_stay_valid() {
    let (world, key) = (world(), es256(76));
    let mut page = browser(world.url());
    let [bobs, carols] = ["bob", "carol"].map(|name| invite(&world.dir, name));
    let named: Vec<Value> = invited(&world).iter().map(|one| one["person"].clone()).collect();
    assert_eq!(named, [json!("bob"), json!("carol")]);
    // Bob has opened the page and made a passkey.
    let sent = offer(&key, &bobs, &options(&mut page, &bobs), |_| ());
    let (fine, said) = passkey(&["revoke", world.path(), "bob"]);
    assert!(fine && said.contains("the invitation of acme/bob is revoked"), "{said}");
    assert_eq!(post(&mut page, OFFER, &sent).0, 401);
    let (status, said) = post(&mut page, OPTIONS, &json!({"invitation": bobs}));
    assert!(status == 401 && said.to_string().contains("was revoked"), "{said}");
    assert_eq!(options(&mut page, &carols)["user_name"], "carol");
    let (fine, said) = passkey(&["list", world.path()]);
    assert!(
        fine && said.contains("acme/carol  invited until ") && !said.contains("acme/bob"),
        "{said}"
    );
    for (person, words) in [
        ("bob", "`bob` of tenant `acme` has no valid invitation, so nothing was revoked"),
        ("nobody", "deed.toml has no person `nobody`"),
    ] {
        let (fine, said) = passkey(&["revoke", world.path(), person]);
        assert!(!fine && said.contains(words), "{said}");
    }
    let elsewhere = passkey(&["revoke", world.path(), "carol", "--tenant", "globex"]);
    assert!(!elsewhere.0 && elsewhere.1.contains("of tenant `globex`"), "{elsewhere:?}");
    assert_eq!(enrol(&mut page, &key, &invite(&world.dir, "bob")).0, 200, "a new one is valid");
    let json = host::expect(&["passkey", "revoke", world.path(), "carol", "--json"]).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!({"revoked": {"tenant": "acme", "person": "carol"}}));
    assert_eq!(post(&mut page, OPTIONS, &json!({"invitation": carols})).0, 401);
}

#[test]
fn at_most_900_invitations_are_valid_and_a_revoked_one_makes_room() {
    let world = world();
    let carols = invite(&world.dir, "carol");
    let folder = world.dir.join("state/invitations");
    // Persons who were removed from deed.toml meanwhile.
    for number in 1..900 {
        let file =
            folder.join(format!("{}.json", Digest::of(format!("{number}").as_bytes()).hex()));
        let person = format!("former-{number}");
        let one = json!({"tenant": "acme", "person": person, "expires_ms": 4_102_444_800_000_i64});
        fs::write(&file, one.to_string()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (fine, said) = passkey(&["invite", world.path(), "bob"]);
    assert!(!fine && said.contains("900 invitations are valid, and no more are kept"), "{said}");
    assert!(said.contains("`deed passkey revoke`"), "{said}");
    assert_eq!(invited(&world).len(), 900);
    let mut page = browser(world.url());
    assert_eq!(options(&mut page, &carols)["user_name"], "carol");
    let (fine, said) = passkey(&["revoke", world.path(), "former-7"]);
    assert!(fine, "{said}");
    assert_eq!(options(&mut page, &invite(&world.dir, "bob"))["user_name"], "bob");
}

#[test]
fn an_accepted_file_never_replaces_another_one() {
    let (world, key) = (world(), es256(74));
    let mut page = browser(world.url());
    assert_eq!(enrol(&mut page, &key, &invite(&world.dir, "bob")).0, 200);
    let path = world.dir.join(accepted(&key));
    fs::create_dir(path.parent().unwrap()).unwrap();
    fs::write(&path, "another file").unwrap();
    let accept = ["accept", world.path(), "bob", "--yes", &key.id()];
    let (fine, said) = passkey(&accept);
    assert!(!fine && said.contains("exists already"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "another file");
    fs::remove_file(&path).unwrap();
    let (fine, said) = passkey(&["accept", world.path(), "bob", &key.id()]);
    assert!(!fine && said.contains("use --yes in scripts") && !path.exists(), "{said}");
    let (fine, said) = passkey(&accept);
    assert!(fine && path.exists(), "{said}");
}

/// Without `public_url`, passkeys are made for `localhost`, because an IP address is no RP ID.
#[test]
fn on_one_machine_passkeys_belong_to_localhost() {
    let world = World::start(scim()).unwrap();
    let (fine, said) = passkey(&["invite", world.path(), "bob"]);
    assert!(fine && said.contains("put the address of the console in front of it"), "{said}");
    let (_, secret) = said.lines().next().unwrap().split_once('#').unwrap();
    let invitation = json!({"invitation": secret});
    let (status, said) = post(&mut Browser::new(world.url()), OPTIONS, &invitation);
    let detail = said["detail"].as_str().unwrap();
    assert!(status == 403 && detail.contains(&world.public_url()), "{said}");
    let mut page = Browser::new(&world.public_url());
    let (status, said) = post(&mut page, OPTIONS, &invitation);
    assert_eq!((status, &said["rp_id"]), (200, &json!("localhost")), "{said}");
}

#[test]
fn an_invitation_needs_an_address_at_which_passkeys_can_be_made() {
    let invite = |http: &str| {
        let home = World::lay_out(scim(), "scim").unwrap();
        edit(&home.dir, "deed.toml", "[http]\n", http).unwrap();
        let refused = passkey(&["invite", home.path(), "bob"]);
        fs::create_dir(home.dir.join("state")).unwrap_or_default();
        (refused, passkey(&["invite", home.path(), "bob"]))
    };
    let proxy = "[http]\nbehind_proxy = true\n";
    let (_, (fine, said)) = invite(proxy);
    assert!(!fine && said.contains("set `public_url`"), "{said}");
    let (_, (fine, said)) = invite(&format!("{proxy}public_url = \"https://192.0.2.1\"\n"));
    assert!(!fine && said.contains("no passkey can be made at https://192.0.2.1"), "{said}");
    let (_, (fine, said)) = invite(&format!("{proxy}public_url = \"https://a.example:443\"\n"));
    assert!(fine && said.starts_with("https://a.example/passkeys/new#"), "{said}");
}

#[test]
fn commands_name_the_people_of_deed_toml() {
    let world = world();
    let (fine, said) = passkey(&["invite", world.path(), "nobody"]);
    assert!(
        !fine && said.contains("has no person `nobody`") && said.contains("`bob` (acme)"),
        "{said}"
    );
    let (fine, said) = passkey(&["invite", world.path(), "bob", "--tenant", "globex"]);
    assert!(!fine && said.contains("of tenant `globex`"), "{said}");
    let json = host::expect(&["passkey", "list", world.path(), "--json"]).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json, json!({"invited": [], "offered": [], "in_deed_toml": [], "faults": []}));
    assert!(!world.dir.join("passkeys").exists());
}
