//! Tests of `deed approve` and `deed deny`. If the host does not count an answer, the command fails and prints the
//! reason and the next command.

use std::path::Path;

use deed_record::timeline::utc;
use deed_test_support::shared::{is_active, locked_out, scim};
use deed_tests::services::Result;
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::{Value, json};

use super::{RESTORE, Said, to, waiting};

fn answer(world: &World, verb: &str, id: &str, person: &str, token: &str) -> Said {
    let key = world.dir.join(format!("approvers/{person}.key"));
    let who = ["--key", key.to_str().unwrap(), "--person", person, "--role", "support-lead"];
    to(world, token, &[&[verb, id, "--yes"], &who[..]].concat())
}

fn rename(user: &str, name: &str) {
    let rename = json!([{ "op": "replace", "path": "displayName", "value": name }]);
    scim().patch(user, &rename).unwrap();
}

#[test]
fn an_approval_that_went_stale_fails_and_can_be_given_anew() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    rename(&user, "Renamed meanwhile");
    let said = answer(&world, "approve", &id, "bob", BOB);
    assert_eq!(said.code, 1, "{said:?}");
    let why = "error: the approval does not count: the state changed after it was shown to the approver; \
        approval is requested again";
    assert!(said.err.contains(why), "{}", said.err);
    let key = world.dir.join("approvers/bob.key");
    let again = format!(
        "deed approve {id} --key {} --person bob --role support-lead --url {}",
        key.display(),
        world.url()
    );
    assert_eq!(said.next(), [again.as_str()], "{said:?}");
    assert!(!is_active(&user));
    let said = answer(&world, "approve", &id, "bob", BOB);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.next(),
        [format!("deed bundle {id} -o {id}.deed --url {}", world.url())],
        "{said:?}"
    );
    assert_eq!(world.settled(&id).unwrap()["status"], "verified");
}

#[test]
fn an_approval_of_what_policy_denies_by_then_fails() {
    let no_vip = |dir: &Path| -> Result<()> {
        let file = dir.join("policies/starter.cedar");
        let text = std::fs::read_to_string(&file)?;
        let forbid = "@id(\"no-vip\")\nforbid (principal, action == Deed::Action::\"idp.restore_access\", resource)\n\
            when { context has pre.user.displayName && context.pre.user.displayName like \"VIP*\" };\n";
        Ok(std::fs::write(file, text + forbid)?)
    };
    let (world, user) = (World::with(scim(), "scim", no_vip).unwrap(), locked_out());
    let id = waiting(&world, &user);
    rename(&user, "VIP meanwhile");
    let said = answer(&world, "approve", &id, "bob", BOB);
    assert_eq!(said.code, 1, "{said:?}");
    let why = "the approval does not count: the action ended as `denied`: ";
    assert!(said.err.contains(why) && said.err.contains("no-vip"), "{}", said.err);
    assert_eq!(said.next(), [format!("deed show {id} --url {}", world.url())], "{said:?}");
}

#[test]
fn an_answer_after_the_end_fails_and_names_the_way_to_look() {
    let soon = |dir: &Path| edit(dir, "deed.toml", "expires = \"1h\"", "expires = \"1s\"");
    let expiring = World::with(scim(), "scim", soon).unwrap();
    let expired = waiting(&expiring, &locked_out());
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while expiring.show(&expired).unwrap()["status"] == "waiting" {
        assert!(std::time::Instant::now() < end, "it does not expire");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let world = World::start(scim()).unwrap();
    let cancelled = waiting(&world, &locked_out());
    let path = format!("/v1/actions/{cancelled}/cancel");
    assert!(world.client(HELPDESK).post(&path, &Value::Null).unwrap().status < 300);
    let denied = waiting(&world, &locked_out());
    assert_eq!(answer(&world, "deny", &denied, "carol", CAROL).code, 0);
    for (world, id) in [(&expiring, &expired), (&world, &cancelled), (&world, &denied)] {
        for verb in ["approve", "deny"] {
            let said = answer(world, verb, id, "bob", BOB);
            assert_eq!(said.code, 1, "{verb}: {said:?}");
            assert!(said.err.contains("no approval is requested"), "{verb}: {}", said.err);
            assert_eq!(said.next(), [format!("deed show {id} --url {}", world.url())]);
        }
    }
}

#[test]
fn one_of_two_approvals_counts_and_waits_for_the_other() {
    let two = |dir: &Path| edit(dir, "policies/starter.cedar", "approve:1:", "approve:2:");
    let (world, user) = (World::with(scim(), "scim", two).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let first = answer(&world, "approve", &id, "bob", BOB);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("  waiting\n"), "{first:?}");
    rename(&user, "Renamed between them");
    let second = answer(&world, "approve", &id, "carol", CAROL);
    assert!(second.code == 1 && second.err.contains("the state changed"), "{second:?}");
}

#[test]
fn the_page_says_when_the_host_looked() {
    let (world, user) = (World::start(scim()).unwrap(), locked_out());
    let id = waiting(&world, &user);
    let path = format!("/v1/actions/{id}/approval_request");
    let looked_ms = world.client(BOB).get(&path).unwrap().json()["looked_ms"].as_i64().unwrap();
    let view = world.show(&id).unwrap();
    let between = view["proposed_ms"].as_i64().unwrap()..=view["at_ms"].as_i64().unwrap();
    assert!(between.contains(&looked_ms), "{looked_ms}: {between:?}");
    let said = answer(&world, "approve", &id, "bob", BOB);
    let line = said.err.lines().find(|line| line.starts_with("may change; ")).unwrap();
    assert!(
        line.contains(&utc(looked_ms)) && line.contains(" ago by this machine's clock"),
        "{line}"
    );
    assert!(said.err.contains("  /user/active: false"), "{}", said.err);
    assert_eq!(world.settled(&id).unwrap()["contract"], RESTORE);
}
