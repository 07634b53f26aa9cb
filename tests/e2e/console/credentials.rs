//! What `/health` shows of credentials that do not work or have expired.

use std::fs;

use deed_test_support::shared::{ended, scim, user};
use deed_test_support::upstream::{Reply, Upstream};
use deed_tests::browser::Page;
use deed_tests::world::{BOB, World, edit};
use serde_json::json;

use super::{browser, page, section};

const READ: &str = "idp.read_user";
/// What the token endpoint and the upstream write, which no page may show.
const HOSTILE: &str = "<script>alert('hostile')</script>";

/// The page `/health` after an action failed because of its credential.
fn health(world: &World, reason: &str) -> Page {
    let view = world.run(&World::proposal(READ, &user("refused", Some(true)))).unwrap();
    ended(world, &view, "failed", reason);
    let shown = page(&mut browser(world, "bob", BOB), "/health");
    assert!(!shown.html.contains("hostile"), "a text of the other side is shown: {shown:?}");
    let secret = fs::read_to_string(world.dir.join("secrets/idp_read")).unwrap();
    assert!(!shown.html.contains(secret.trim()), "the secret is shown");
    shown
}

/// The row of a credential.
fn row<'a>(shown: &'a Page, name: &str) -> &'a str {
    let mark = format!("data-label=\"Credential\"><div><bdi>{name}</bdi>");
    section(shown, "credentials").split("<tr>").find(|row| row.contains(&mark)).unwrap()
}

#[test]
fn health_says_which_token_was_refused_and_when() {
    let body = json!({"error": "invalid_client", "error_description": HOSTILE});
    let login = Upstream::start(move |_| Reply::json(400, body.clone()));
    let world = World::with(scim(), "scim", |dir| {
        let stored = "{ secret = \"idp_read\", slot = \"bearer\" }";
        edit(dir, "deed.toml", stored, "{ token = \"reader\" }")?;
        let tables = format!(
            "\n[tenant.acme.upstream.login]\nbase_url = \"http://{}\"\naddresses = [\"loopback\"]\n\
             [tenant.acme.token.reader]\nkind = \"client_credentials\"\nclient = \"deed\"\n\
             endpoint = {{ upstream = \"login\", path = \"/token\" }}\nsecret = \"idp_read\"\nscopes = [\"users:read\"]\n",
            login.address
        );
        let text = fs::read_to_string(dir.join("deed.toml"))?;
        Ok(fs::write(dir.join("deed.toml"), text + &tables)?)
    });
    let world = world.unwrap();
    let unused = page(&mut browser(&world, "bob", BOB), "/health");
    assert!(!row(&unused, "reader").contains("<time"), "nothing was asked for yet: {unused:?}");
    let shown = health(&world, "no token `reader`");
    let reader = row(&shown, "reader");
    assert!(reader.contains("its endpoint answered `invalid_client`"), "{reader}");
    assert!(reader.contains("<time datetime=") && reader.contains(">reads<"), "{reader}");
    let writer = row(&shown, "idp_write");
    assert!(!writer.contains("<time") && writer.contains(">writes<"), "{writer}");
}

#[test]
fn health_says_which_secret_an_upstream_refused_and_when_it_was_accepted() {
    let world = World::start(scim()).unwrap();
    let read = World::proposal(READ, &user("accepted", Some(true)));
    ended(&world, &world.run(&read).unwrap(), "verified", "");
    let shown = page(&mut browser(&world, "bob", BOB), "/health");
    let accepted = row(&shown, "idp_read");
    assert_eq!(accepted.matches("<time").count(), 1, "it was accepted: {accepted}");
    let refuses = Upstream::start(|_| Reply::json(401, json!({ "detail": HOSTILE })));
    let world = World::with(scim(), "scim", |dir| {
        let toml = fs::read_to_string(dir.join("deed.toml"))?;
        let old = toml.split("base_url = \"").nth(1).and_then(|rest| rest.split('"').next());
        edit(dir, "deed.toml", old.unwrap(), &format!("http://{}", refuses.address))
    });
    let world = world.unwrap();
    let shown = health(&world, "401");
    let refused = row(&shown, "idp_read");
    assert!(refused.contains("answered 401 to a request with `idp_read`"), "{refused}");
    assert_eq!(refused.matches("<time").count(), 1, "it was never accepted: {refused}");
}

#[test]
fn health_says_what_has_expired() {
    let world = World::with(scim(), "scim", |dir| {
        let table = "[tenant.acme.secret.idp_read]\n";
        edit(dir, "deed.toml", table, &format!("{table}expires = \"2020-01-01\"\n"))
    });
    let shown = page(&mut browser(&world.unwrap(), "bob", BOB), "/health");
    let shown = section(&shown, "credentials");
    assert!(shown.contains("What has expired or expires soon"), "{shown}");
    assert!(shown.contains("2020-01-01") && shown.contains("✕ has expired"), "{shown}");
}
