//! Tests of checks that need no host: a bundle copy without evidence, a policy test that is always true, and the policy
//! schema.

use std::fs;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::world::{BOB, HELPDESK, World, edit};

use super::{RESTORE, deed};

#[test]
fn a_copy_without_evidence_is_not_told_like_a_whole_one() {
    let world = World::start(scim()).unwrap();
    let done = world.run(&World::proposal(RESTORE, &locked_out())).unwrap();
    let mut test = World::proposal(RESTORE, &locked_out());
    test["environment"] = "test".into();
    let denied = world.propose(&test).unwrap().json();
    let read = world.run(&World::proposal("idp.read_user", &locked_out())).unwrap();
    let trust = world.trust().unwrap();
    let verify = |id: &str, token: &str, more: &[&str]| {
        let file = world.dir.join("fetched.deed");
        let bundle = world.client(token).get(&format!("/v1/actions/{id}/bundle")).unwrap();
        fs::write(&file, bundle.bytes).unwrap();
        let args = ["verify", file.to_str().unwrap(), "--trust", trust.to_str().unwrap()];
        deed(&[&args, more].concat())
    };
    for (view, outcome) in [(&done, "verified"), (&denied, "denied"), (&read, "verified")] {
        assert_eq!(view["status"], outcome, "{view:#}");
        let id = view["id"].as_str().unwrap();
        let whole = verify(id, BOB, &[]);
        assert_eq!((whole.code, whole.out.lines().last()), (0, Some(&*format!("VERIFIED {id}"))));
        let copy = verify(id, HELPDESK, &[]);
        let last = format!("VERIFIED (signatures and inclusion only) {id}");
        assert_eq!((copy.code, copy.out.lines().last()), (3, Some(last.as_str())), "{copy:?}");
        let (whole, copy) = (verify(id, BOB, &["--json"]), verify(id, HELPDESK, &["--json"]));
        assert_eq!((whole.code, &whole.json()["verdict"]), (0, &"verified".into()));
        assert_eq!((copy.code, &copy.json()["verdict"]), (3, &"signatures_only".into()));
    }
    let help = deed(&["verify", "--help"]).out;
    assert!(help.contains("signatures and inclusion only") && help.contains(" 3"), "{help}");
}

#[test]
fn a_test_for_what_is_always_there_is_a_fault_with_its_place() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let file = "contracts/restore_access.toml";
    let good = fs::read_to_string(world.dir.join(file)).unwrap();
    assert_eq!(deed(&["check", world.path()]).code, 0);
    for (from, to, words) in [
        (
            "has(pre.user.active) && !pre.user.active",
            "has(pre.user.id)",
            "`has(pre.user.id)` is always true: `id` is required; compare the value, such as `pre.user.id == …`",
        ),
        (
            "has(post.user.active) && post.user.active",
            "has(post.user)",
            "`has(post.user)` is always true",
        ),
        (
            "has(pre.user.active) && !pre.user.active",
            "has(params.user_id)",
            "remove `user_id` from `required`",
        ),
    ] {
        edit(&world.dir, file, from, to).unwrap();
        let said = deed(&["check", world.path()]);
        assert_eq!(said.code, 1, "{to}: {said:?}");
        let line = good.lines().position(|line| line.contains(from)).unwrap() + 1;
        let told = format!("{file}:{line}: ");
        let all = said.out + &said.err;
        assert!(all.lines().any(|l| l.starts_with(&told) && l.contains(words)), "{to}: {all}");
        fs::write(world.dir.join(file), &good).unwrap();
    }
}

#[test]
fn the_schema_of_policies_is_printed_although_they_do_not_compile() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let said = deed(&["policy", "schema", world.path(), "--tenant", "acme"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    for words in [
        "entity Agent = {",
        "action \"idp.restore_access\" appliesTo {",
        "      params: {\n        user_id: String\n      },\n",
        "      \"on_behalf_of\"?: String",
        "active?: Bool",
        "\"support-lead\": Long",
    ] {
        let plain = words.replace('"', "");
        assert!(
            said.out.contains(words) || said.out.contains(&plain),
            "no `{words}`:\n{}",
            said.out
        );
    }
    // The printed schema equals the schema in the bundle that was used for the decision, except for white space.
    let policies = world.dir.join("policies/starter.cedar");
    let good = fs::read_to_string(&policies).unwrap();
    fs::write(&policies, good.replace("context.environment", "context.enviroment")).unwrap();
    assert_eq!(deed(&["check", world.path()]).code, 1);
    assert_eq!(deed(&["policy", "schema", world.path(), "--tenant", "acme"]).out, said.out);
    for (more, code, words) in [
        (&[][..], 2, "name one of the tenants `acme`, `globex` with --tenant"),
        (&["--tenant", "nobody"], 1, "deed.toml has no [tenant.nobody]"),
    ] {
        let said = deed(&[&["policy", "schema", world.path()], more].concat());
        assert_eq!((said.code, said.out.as_str()), (code, ""), "{said:?}");
        assert!(said.err.contains(words), "{}", said.err);
    }
    edit(&world.dir, "contracts/restore_access.toml", "verb     =", "vreb     =").unwrap();
    let said = deed(&["policy", "schema", world.path(), "--tenant", "acme"]);
    assert!(said.code == 1 && said.err.contains("contracts/restore_access.toml:"), "{said:?}");
}
