//! Tests of form-encoded requests and XML answers, from the proposal to the offline verifier.

mod iam;

use std::fs;

use deed_test_support::shared::{ended, look, scim};
use deed_tests::world::{self, World};
use serde_json::{Value, json};

use self::iam::Iam;

/// A name that would add a second parameter if it were not encoded.
const USER: &str = "zoe &Action=DeleteUser";
const UPSTREAM: &str = r#"
[tenant.acme.upstream.iam]
base_url = "http://@address@"
addresses = ["loopback"]
read = { secret = "idp_read", slot = "bearer" }
write = { secret = "idp_write", slot = "bearer" }

[tenant.acme.grant."iam.move_user"]
upstreams = ["iam"]
"#;
const POLICY: &str = r#"
@id("helpdesk-moves")
permit (principal, action == Deed::Action::"iam.move_user", resource)
when { principal.roles.contains("helpdesk") };
"#;

fn world(iam: &Iam) -> World {
    World::with(scim(), "speaks-forms", |dir| {
        fs::write(dir.join("contracts/move_user.toml"), include_str!("codecs/move_user.toml"))?;
        fs::write(dir.join("policies/iam.cedar"), POLICY)?;
        let own = "[tenant.acme]\npolicies = [\"policies/starter.cedar\"";
        world::edit(dir, "deed.toml", own, &format!("{own}, \"policies/iam.cedar\""))?;
        let text = fs::read_to_string(dir.join("deed.toml"))?;
        let more = UPSTREAM.replace("@address@", &iam.address.to_string());
        Ok(fs::write(dir.join("deed.toml"), text + &more)?)
    })
    .unwrap()
}

fn proposal() -> Value {
    let mut proposal = World::proposal("iam.move_user", "");
    proposal["params"] = json!({"user": USER, "path": "/locked/"});
    proposal
}

#[test]
fn a_form_leaves_and_xml_comes_back_as_state() {
    let iam = Iam::start(USER);
    let world = world(&iam);
    let view = world.run(&proposal()).unwrap();
    ended(&world, &view, "verified", "every expectation holds");
    let account = iam.account.lock().unwrap();
    assert_eq!(account.kinds, ["application/x-www-form-urlencoded"]);
    assert_eq!(
        account.writes,
        [
            "Action=UpdateUser&NewPath=%2Flocked%2F&UserName=zoe+%26Action%3DDeleteUser&Version=2010-05-08"
        ]
    );
    let post = look(&world, &view, "post");
    let one = json!([{"UserName": USER, "Path": "/locked/"}]);
    assert_eq!(post["state"]["users"]["member"], one, "{post:#}");
}

#[test]
fn an_answer_that_could_mean_two_things_is_no_state() {
    for prologue in ["<!DOCTYPE x [<!ENTITY a \"b\">]>", "<!-- -->", "<?x y?>", "<a/>", "text"] {
        let iam = Iam::start(USER);
        iam.account.lock().unwrap().prologue = prologue;
        let world = world(&iam);
        let view = world.run(&proposal()).unwrap();
        ended(&world, &view, "failed", "could not be observed");
        assert!(
            iam.account.lock().unwrap().writes.is_empty(),
            "{prologue}: it was written all the same"
        );
    }
}

#[test]
fn a_proposal_that_no_record_could_carry_is_refused() {
    let iam = Iam::start(USER);
    let world = world(&iam);
    for (levels, status) in [(48, 202), (49, 422), (60, 422)] {
        let mut proposal = proposal();
        let nested = (0..levels).fold(json!(1), |inner, _| json!([inner]));
        proposal["expect"] = json!({"/users/member": nested});
        let answer = world.propose(&proposal).unwrap();
        assert_eq!(answer.status == 422, status == 422, "{levels}: {}", answer.json());
        if answer.status != 422 {
            // The action ends, and its bundle verifies offline.
            let view = world.settled(&answer.text("/id")).unwrap();
            ended(&world, &view, "mismatch", "");
        }
    }
}
