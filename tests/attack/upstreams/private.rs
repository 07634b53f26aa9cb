//! An upstream that sends back the private parameter that it received: in its body, in headers, in its reason phrase,
//! in a body that is not JSON. When a fixture is dropped, all of its output is searched for the value of the private
//! parameter.

use std::sync::Arc;

use deed_test_support::shared::{ended, scim};
use deed_tests::hostile::{Hostile, Script, Step, answer};
use deed_tests::private::{proposal, world};
use deed_tests::world::edit;
use serde_json::{Value, json};

use super::stage::fresh;
use crate::case::{Case, cases, unharmed};

const NOTE: &str = "allowed to be known upstream";
const KIND: &str = "content-type: application/json";

pub(super) fn cases() -> Vec<Case> {
    cases!["echoes-a-private-parameter" => echoes]
}

/// Scripts that return the value in different places, each with a name for the test.
fn scripts() -> Vec<(&'static str, Script)> {
    let telling = |tell: fn(&str) -> Vec<u8>| -> Script {
        Arc::new(move |request| {
            let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
            vec![Step::Send(tell(body["Operations"][1]["value"].as_str().unwrap_or_default()))]
        })
    };
    vec![
        (
            "body",
            telling(|note| {
                answer(&format!("200 OK\r\n{KIND}"), json!({"title": note}).to_string())
            }),
        ),
        ("key", telling(|note| answer(&format!("200 OK\r\n{KIND}"), json!({note: 1}).to_string()))),
        (
            "error",
            telling(|note| {
                answer(
                    &format!("400 no {note}\r\n{KIND}"),
                    json!({"detail": format!("not `{note}`")}).to_string(),
                )
            }),
        ),
        (
            "no JSON",
            telling(|note| answer(&format!("500 {note}\r\n{KIND}"), format!("{note}, and more"))),
        ),
        (
            "headers",
            telling(|note| {
                let tag = note.replace(' ', "%20");
                answer(
                    &format!(
                        "200 OK\r\ncontent-type: application/json; x=\"{note}\"\r\netag: \"{tag}\""
                    ),
                    "{}",
                )
            }),
        ),
        (
            "cut",
            telling(|note| {
                format!("HTTP/1.1 200 {note}\r\n{KIND}\r\ncontent-length: 999\r\n\r\n\"{note}")
                    .into_bytes()
            }),
        ),
        ("no HTTP", telling(|note| format!("{note}\r\n\r\n").into_bytes())),
    ]
}

fn echoes() {
    for exposes in [true, false] {
        let hostile = Hostile::start().unwrap();
        let world = world(scim(), &[NOTE], |dir| {
            let toml = std::fs::read_to_string(dir.join("deed.toml"))?;
            let old = toml.split("base_url = \"").nth(1).and_then(|rest| rest.split('"').next());
            edit(dir, "deed.toml", old.unwrap_or_default(), &hostile.base_url())?;
            if exposes { Ok(()) } else { edit(dir, "contracts/note.toml", "expose   = []\n", "") }
        });
        let world = world.unwrap();
        for (name, script) in scripts() {
            hostile.lie("PATCH", 0, 1, script);
            let view = world.run(&proposal(&fresh(), NOTE, "honestly")).unwrap();
            hostile.be_honest();
            let outcome = view["outcome"].as_str().unwrap_or_else(|| panic!("{name}: {view:#}"));
            let receipt = ended(&world, &view, outcome, "");
            let attempt = &receipt["attempts"][0]["exchanges"];
            assert_eq!(attempt.as_array().map(Vec::len), Some(1), "{name}: {attempt:#}");
        }
        let sent = hostile.requests();
        assert!(sent.iter().any(|request| request.body.contains(NOTE)), "nothing to echo");
        unharmed(&world);
    }
}
