//! Tests that every documented route requires a token unless the document declares it open, and that one of the two
//! listeners serves each route.

use std::fs;

use deed_test_support::shared::scim;
use deed_tests::client::{Answer, Client};
use deed_tests::services::workspace;
use deed_tests::world::World;
use serde_json::{Value, json};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// Whoever has a token.
    Token,
    /// Everybody.
    Open,
    /// People with a browser, who are led to the page for signing in.
    Console,
}

/// A documented route: method, path, and who may use it.
type Route = (String, String, Access);

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
        let access = if operation["tags"] == json!(["console"]) {
            Access::Console
        } else if operation["security"] == json!([]) {
            Access::Open
        } else {
            Access::Token
        };
        (method.to_uppercase(), filled(path), access)
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
    let (mut closed, mut open, mut pages) = (0, 0, 0);
    for (method, path, access) in routes() {
        let (here, there) = (ask(&main, &method, &path), ask(&operations, &method, &path));
        let found = (here.status, there.status);
        if path.starts_with("/.well-known/") {
            assert_eq!(
                (access, found),
                (Access::Open, (404, 404)),
                "{path} is there only with an issuer"
            );
            continue;
        }
        match access {
            Access::Open => {
                assert_eq!(found, (404, 200), "{method} {path} asks for no token");
                open += 1;
            }
            Access::Token => {
                assert_eq!(found, (401, 404), "{method} {path} asks for a token");
                closed += 1;
            }
            Access::Console => {
                let is_form = String::from_utf8_lossy(&here.bytes).contains("<h1>Sign in</h1>");
                // These pages are shown to everybody, and show nothing of the host.
                let leads = !["/passkeys/new", "/verify"].contains(&path.as_str());
                let expected = match method.as_str() {
                    // A script reads it, which cannot follow to a form.
                    "GET" if path.ends_with("/state") => (401, 404, false),
                    "GET" => (200, 404, leads),
                    _ => (403, 404, false),
                };
                assert_eq!((found.0, found.1, is_form), expected, "{method} {path}");
                pages += 1;
            }
        }
    }
    assert_eq!(pages, 22, "the pages and forms of the console");
    assert!(closed > 10, "only {closed} routes ask for a token");
    assert_eq!(open, 3, "health, readiness and metrics are open");
}
