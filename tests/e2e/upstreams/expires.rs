//! What expires when: `deed check` shows it and warns, and `/metrics` has it, also after a reload.

use std::path::Path;

use deed_record::timeline::{from_utc, utc};
use deed_test_support::shared::{ended, locked_out, scim};
use deed_test_support::witness;
use deed_tests::host;
use deed_tests::services::Result;
use deed_tests::world::{HELPDESK, World, edit};
use serde_json::{Value, json};

const METRIC: &str = "deed_credential_expires_timestamp_seconds";
const FILE: &str = "file = \"secrets/idp_read\"";

/// A time in this many days and an hour.
fn at(days: i64) -> String {
    let now_ms = i64::try_from(witness::now()).unwrap() * 1000;
    utc(now_ms + days * 24 * 3_600_000 + 3_600_000)
}

/// Declares when the secret `idp_read` expires.
fn declare(dir: &Path, at: &str) -> Result<()> {
    edit(dir, "deed.toml", FILE, &format!("{FILE}\nexpires = \"{at}\""))
}

fn change(world: &World, from: &str, to: &str) {
    edit(&world.dir, "deed.toml", &format!("expires = \"{from}\""), &format!("expires = \"{to}\""))
        .unwrap();
}

fn check(world: &World) -> String {
    host::expect(&["check", world.path()]).unwrap()
}

/// The samples of the metric, each with its labels.
fn samples(world: &World) -> Vec<String> {
    let bytes = world.operations().get("/metrics").unwrap().bytes;
    let text = String::from_utf8(bytes).unwrap();
    text.lines().filter(|line| line.starts_with(METRIC)).map(str::to_owned).collect()
}

fn sample(labels: &str, at: &str) -> String {
    format!("{METRIC}{{{labels}}} {}.0", from_utc(at).unwrap() / 1000)
}

#[test]
fn a_declared_end_is_shown_and_warned_about_and_the_metric_follows_a_reload() {
    let (late, soon, past) = (at(40), at(10), at(-2));
    let world = World::with(scim(), "scim", |dir| declare(dir, &late)).unwrap();
    let labels = "tenant=\"acme\",kind=\"secret\",name=\"idp_read\"";
    let said = check(&world);
    assert!(said.contains(&format!("expires    secret idp_read at {late}, in 40 days")), "{said}");
    assert!(!said.contains("secret `idp_read` expire"), "{said}");
    assert_eq!(samples(&world), [sample(labels, &late)]);

    change(&world, &late, &soon);
    assert_eq!(world.reload().unwrap()["result"], "applied");
    assert_eq!(samples(&world), [sample(labels, &soon)]);
    let said = check(&world);
    for words in [
        format!("secret `idp_read` expires at {soon}; upstream `idp` uses it; "),
        "store it with `deed secret set DIR idp_read`, and correct `expires`".to_owned(),
    ] {
        assert!(said.contains(&words), "no `{words}` in\n{said}");
    }

    change(&world, &soon, &past);
    assert_eq!(world.reload().unwrap()["result"], "applied");
    let said = check(&world);
    assert!(said.contains(&format!("expires    secret idp_read expired at {past}")), "{said}");
    assert!(said.contains(&format!("secret `idp_read` expired at {past}; upstream")), "{said}");
    let log = world.host.as_ref().unwrap().log();
    assert!(log.contains("secret `idp_read` expired at"), "{log}");
    // Only the upstream decides whether the value is still good.
    let view = world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap().json();
    ended(&world, &view, "verified", "");
}

#[test]
fn a_date_is_the_beginning_of_its_day() {
    let world = World::lay_out(scim(), "scim").unwrap();
    declare(&world.dir, "2999-03-01").unwrap();
    let json = host::expect(&["check", world.path(), "--json"]).unwrap();
    let json: Value = serde_json::from_str(&json).unwrap();
    let known = &json["tenants"][0]["expires"];
    assert_eq!(known[0]["at"], "2999-03-01 00:00:00Z", "{known:#}");
    assert_eq!((&known[0]["kind"], &known[0]["name"]), (&json!("secret"), &json!("idp_read")));
    assert!(known[0]["days"].as_i64().unwrap() > 300_000, "{known:#}");
    assert!(json["tenants"][1].get("expires").is_none(), "another tenant has its own secrets");
}

#[test]
fn the_token_of_an_agent_is_shown_with_its_end() {
    let world = World::lay_out(scim(), "scim").unwrap();
    let more = ["--tenant", "acme", "--expires", "30d"];
    host::expect(&[&["token", "add", world.path(), "helpdesk"][..], &more].concat()).unwrap();
    let said = check(&world);
    let line = said.lines().find(|line| line.contains(" of agent helpdesk at ")).unwrap();
    assert!(line.starts_with("  expires    token t_"), "{said}");
    assert!(line.ends_with(" days"), "{said}");
    assert!(!said.contains("the last token of agent"), "{said}");
    assert!(!said.contains(HELPDESK), "{said}");
}

#[test]
fn without_anything_that_expires_there_is_no_metric() {
    let world = World::start(scim()).unwrap();
    assert_eq!(samples(&world), Vec::<String>::new());
    assert!(!check(&world).contains("expires    "));
}
