//! Tests with the command line of the MCP Inspector.

use std::thread;

use deed_tests::world::HELPDESK;
use deed_verify::{Verdict, verify};
use serde_json::{Value, json};

use super::programs::{installed, npm, told};
use super::{Desk, TOOL, bytes};

const SCRIPT: &str = "@modelcontextprotocol/inspector/clients/launcher/build/index.js";

/// The result of one method. The Inspector prints one JSON object.
fn inspect(url: &str, era: &str, args: &[&str]) -> Value {
    let header = format!("Authorization: Bearer {HELPDESK}");
    let to = ["--cli", url, "--transport", "http", "--header", &header, "--protocol-era", era];
    let output = ["--format", "json", "--quiet", "--stored-auth-only"];
    let output = npm(SCRIPT, &[&to, args, &output].concat()).output().unwrap();
    assert!(output.status.success(), "{}", told(&output));
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    printed["result"].clone()
}

#[test]
fn the_inspector_lists_and_calls_tools_and_reads_a_receipt() {
    if !installed("the MCP Inspector") {
        return;
    }
    let desk = Desk::open(2);
    let trust = desk.world.trusted().unwrap();
    for (era, user) in ["modern", "legacy"].into_iter().zip(&desk.users) {
        let url = desk.mcp();
        let listed = inspect(&url, era, &["--method", "tools/list"]);
        let tools = listed["tools"].as_array().unwrap();
        assert!(tools.iter().any(|tool| tool["name"] == TOOL), "{listed}");
        let call = |tool: &str, arguments: &Value| {
            let arguments = arguments.to_string();
            let call = ["--method", "tools/call", "--tool-name", tool, "--tool-args-json"];
            inspect(&url, era, &[&call[..], &[&arguments]].concat())
        };
        // In the new revision, the Inspector takes a task in place of the result, and waits until it has ended.
        let (called, first) = thread::scope(|scope| {
            let calling = scope.spawn(|| call(TOOL, &Desk::arguments(user)));
            desk.approve(1);
            (calling.join().unwrap(), if era == "modern" { "verified" } else { "waiting" })
        });
        assert_eq!(called["structuredContent"]["status"], first, "{called}");
        let ask = json!({"action": called["structuredContent"]["action"], "wait_s": 20});
        let ended = call("deed_status", &ask);
        assert_eq!(ended["structuredContent"]["status"], "verified", "{ended}");
        let links = ended["content"].as_array().unwrap();
        let link = links.iter().find(|block| block["type"] == "resource_link").unwrap();
        let uri = link["uri"].as_str().unwrap();
        let read = |uri: &str| {
            let read = inspect(&url, era, &["--method", "resources/read", "--uri", uri]);
            read["contents"][0].clone()
        };
        // The link shows the receipt. The bundle beside it contains what a verifier needs.
        let receipt = read(uri);
        assert!(receipt["text"].as_str().unwrap().contains("payload"), "{receipt}");
        let bundle = read(&uri.replace("/receipt", "/bundle"));
        let report = verify(&bytes(&bundle), Some(&trust));
        assert_eq!(report.verdict, Verdict::SignaturesOnly, "{report:#?}");
    }
}
