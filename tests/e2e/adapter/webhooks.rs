//! Tests that docs/webhooks.md describes the webhook correctly: its JSON members, its signature and its sender.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::services::workspace;
use deed_tests::world::{World, edit};
use serde_json::Value;

use super::RESTORE;
use crate::surface::receive;

fn page() -> String {
    fs::read_to_string(workspace().join("docs/webhooks.md")).unwrap()
}

/// The first code block of the page in this language.
fn block(language: &str) -> String {
    let page = page();
    let rest = page.split(&format!("```{language}\n")).nth(1).unwrap();
    rest.split("```").next().unwrap().to_owned()
}

/// The received head and body of a webhook delivery.
fn delivered(world: impl FnOnce(&str) -> World) -> (World, String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let hook = thread::spawn(move || receive(&listener, "204 No Content"));
    let world = world(&url);
    let proposed = world.propose(&World::proposal(RESTORE, &locked_out())).unwrap();
    assert_eq!(proposed.text("/status"), "waiting");
    let (head, body) = hook.join().unwrap();
    (world, head, body)
}

fn notifying(url: &str) -> World {
    let change = |dir: &Path| {
        fs::copy(dir.join("secrets/idp_read"), dir.join("secrets/notify"))?;
        let secret = "secret = { file = \"secrets/notify\" }";
        let tables = format!("[notify]\nurl = \"{url}\"\n{secret}\n\n[tenant.acme]\n");
        edit(dir, "deed.toml", "[tenant.acme]\n", &tables)
    };
    World::with(scim(), "scim", change).unwrap()
}

#[test]
fn the_page_checks_a_delivery_with_openssl() {
    let (world, head, body) = delivered(notifying);
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).unwrap().1.to_owned()
    };
    assert_eq!(header("user-agent"), concat!("deed/", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("content-type"), "application/json");
    let signature = header("x-deed-signature");
    let file = world.dir.join("body");
    let checks = |body: &str, signature: &str| {
        fs::write(&file, body).unwrap();
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block("sh")])
            .env("BODY", &file)
            .env("SECRET", world.dir.join("secrets/notify"))
            .env("SIGNATURE", signature)
            .output()
            .unwrap();
        output.status.success()
    };
    assert!(checks(&body, &signature));
    assert!(!checks(&body.replace("waiting", "escalated"), &signature), "another body");
    assert!(!checks(&body, &"0".repeat(64)), "another signature");
}

#[test]
fn the_page_names_every_member() {
    let (_world, _, body) = delivered(notifying);
    let members = |text: &str| -> Vec<String> {
        let value: Value = serde_json::from_str(text).unwrap();
        let mut names: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(members(&block("json")), members(&body));
    for name in members(&body) {
        assert!(page().contains(&format!("| `{name}` |")), "`{name}` has no row");
    }
}
