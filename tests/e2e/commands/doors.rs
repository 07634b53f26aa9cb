//! Tests that every documented route requires a token unless the document declares it open, and that one of the two
//! listeners serves each route.

use std::fs;

use deed_test_support::shared::scim;
use deed_tests::client::{Answer, Client};
use deed_tests::services::workspace;
use deed_tests::world::World;
use serde_json::{Value, json};

/// A documented route: method and path, and whether it works without a token.
type Route = (String, String, bool);

/// Every route of the OpenAPI document, which the host generates from the same table as the routes of its listeners.
fn routes() -> Vec<Route> {
    let text = fs::read_to_string(workspace().join("docs/openapi.json")).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["security"], json!([{"token": []}]), "a token is what is asked for");
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, item)| of_path(path, item)).collect()
}

fn of_path(path: &str, item: &Value) -> Vec<Route> {
    let operations = item.as_object().unwrap().iter().filter(|(method, _)| *method != "servers");
    let route = |(method, operation): (&String, &Value)| {
        let is_open = operation["security"] == json!([]);
        (method.to_uppercase(), filled(path), is_open)
    };
    operations.map(route).collect()
}

/// Fills the parameters of a route, because a request for an unknown path would not test the authorization.
fn filled(template: &str) -> String {
    let fill = [
        ("{id}", "act_00000000000000000000000000"),
        ("{name}", "idp.read_user"),
        ("{tenant}", "acme"),
        ("{path}", "0/000.p/1"),
    ];
    let path = fill.iter().fold(template.to_owned(), |path, (name, word)| path.replace(name, word));
    assert!(!path.contains('{'), "{path} has a parameter that has no value here");
    path
}

fn ask(client: &Client, method: &str, path: &str) -> Answer {
    client.send(method, path, &[], vec![]).unwrap()
}

#[test]
fn without_a_token_a_route_is_closed_unless_the_document_says_otherwise() {
    let world = World::start(scim()).unwrap();
    let main = world.client("");
    let operations = Client::new(&world.host.as_ref().unwrap().operations, "");
    let (mut closed, mut open) = (0, 0);
    for (method, path, is_open) in routes() {
        let (here, there) = (ask(&main, &method, &path), ask(&operations, &method, &path));
        let found = (here.status, there.status);
        if path.starts_with("/.well-known/") {
            assert_eq!((is_open, found), (true, (404, 404)), "{path} is there only with an issuer");
        } else if is_open {
            assert_eq!(found, (404, 200), "{method} {path} asks for no token");
            open += 1;
        } else {
            assert_eq!(found, (401, 404), "{method} {path} asks for a token");
            closed += 1;
        }
    }
    assert!(closed > 10, "only {closed} routes ask for a token");
    assert_eq!(open, 3, "health, readiness and metrics are open");
}
