//! Tests of `deed contracts`: for each contract, it lists the parameters and a command that proposes an action.

use std::path::Path;

use deed_test_support::shared::{scim, user};
use deed_tests::services::Result;
use deed_tests::world::{BOB, HELPDESK, World, edit};
use serde_json::json;

use super::{RESTORE, Said, deed, to};

/// Besides the id, the contract has parameters of several types, one of them required.
fn more_parameters(dir: &Path) -> Result<()> {
    let contract = "contracts/restore_access.toml";
    edit(dir, contract, "required = [\"user_id\"]", "required = [\"user_id\", \"level\"]")?;
    let more = "properties.level = { type = \"string\", enum = [\"low\", \"high\"] }\n\
        properties.days = { type = \"integer\", maximum = 30, description = \"How long\" }\n\n[state.user]";
    edit(dir, contract, "[state.user]", more)?;
    edit(dir, contract, "body     = { ", "body     = { level = \"{level}\", days = \"{days}\", ")
}

/// The part of the contract list that describes one contract.
fn page<'a>(said: &'a Said, name: &str) -> &'a str {
    let start = format!("{name} 1.0.0: ");
    said.out.split("\n\n").find(|page| page.starts_with(&start)).unwrap()
}

#[test]
fn contracts_are_listed_with_all_that_a_proposal_needs() {
    let world = World::with(scim(), "scim", more_parameters).unwrap();
    for token in [HELPDESK, BOB] {
        let said = to(&world, token, &["contracts"]);
        assert_eq!(said.code, 0, "{said:?}");
        for words in [
            "Restore a locked-out user's access\n",
            "  verb       update\n  resource   idp/users/{user_id}\n  sources    at least 1\n",
            "user_id (Id of the user in the directory): string, required, pattern ^[0-9a-f]{32}$\n",
            "level: string, required, enum [\"low\",\"high\"]\n",
            "days (How long): integer, optional, maximum 30\n",
        ] {
            assert!(
                page(&said, RESTORE).contains(words.trim_end()),
                "no `{words}` in\n{}",
                said.out
            );
        }
        let read = page(&said, "idp.read_user");
        assert!(read.contains("  verb       read\n") && read.contains("none needed"), "{read}");
        let next = format!(
            "deed act idp.read_user --param user_id=VALUE --intent TEXT --url {}",
            world.url()
        );
        assert_eq!(said.next(), [next.as_str()]);
    }
}

#[test]
fn one_contract_is_shown_and_its_command_works() {
    let world = World::start(scim()).unwrap();
    let listed = to(&world, HELPDESK, &["contracts"]);
    for name in [RESTORE, "idp.suspend_user", "idp.read_user"] {
        let said = to(&world, HELPDESK, &["contracts", name]);
        assert_eq!(
            (said.code, said.out.trim_end()),
            (0, page(&listed, name).trim_end()),
            "{said:?}"
        );
    }
    let said = to(&world, HELPDESK, &["contracts", RESTORE]);
    let next = format!(
        "deed act {RESTORE} --param user_id=VALUE --source URI --intent TEXT --url {}",
        world.url()
    );
    assert_eq!(said.next(), [next.as_str()]);
    let user = user("asked-by-the-line", Some(true));
    let words = next.replace("VALUE", &user);
    let words: Vec<&str> = words.split(' ').skip(1).collect();
    let acted = deed(&[&words[..], &["--token", HELPDESK, "--explain"]].concat());
    assert!(acted.code == 0 && acted.out.contains("missing      "), "{acted:?}");
}

#[test]
fn programs_get_the_hosts_answer_and_no_command() {
    let world = World::start(scim()).unwrap();
    let said = to(&world, HELPDESK, &["contracts", "--json"]);
    let answer = world.client(HELPDESK).get("/v1/contracts").unwrap();
    assert_eq!((said.json(), said.err.as_str()), (answer.json(), ""));
    let said = to(&world, HELPDESK, &["contracts", RESTORE, "--json"]);
    assert_eq!(
        (&said.json()["contract"]["action"]["name"], said.err.as_str()),
        (&json!(RESTORE), "")
    );
}

#[test]
fn a_contract_that_is_not_granted_is_refused_with_the_way_to_those_that_are() {
    let world = World::start(scim()).unwrap();
    for name in ["idp.no_such", "Ünlesbar/..", ""] {
        let said = to(&world, HELPDESK, &["contracts", name]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{name}: {said:?}");
    }
    let said = to(&world, HELPDESK, &["contracts", "idp.no_such"]);
    assert!(said.err.contains("`deed contracts` lists the granted contracts"), "{}", said.err);
}
