//! Runs the commands of the pages in `docs/` that need a running host, exactly as they are written.

use std::fs;
use std::process::Command;

use deed_test_support::shared::{locked_out, scim};
use deed_tests::host::binary;
use deed_tests::services::workspace;
use deed_tests::world::{HELPDESK, World};

/// Returns all shell code blocks of a page as one script.
fn script(page: &str) -> String {
    let page = fs::read_to_string(workspace().join(page)).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

/// Runs the commands of a page with an agent's token. Returns whether every command succeeded, and the output.
fn run(world: &World, page: &str, token: &str) -> (bool, String) {
    let script = format!("deed() {{ \"$DEED\" \"$@\"; }}\n{}", script(page));
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(&world.dir)
        .env("DEED", fs::canonicalize(binary().unwrap()).unwrap())
        .env("DEED_URL", world.url())
        .env("DEED_TOKEN", token)
        .env("USER_ID", locked_out())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Whether `curl` is installed. If it is not, the test says so.
pub(crate) fn has_curl(page: &str) -> bool {
    let is_there = Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        #[expect(clippy::print_stderr, reason = "what was not tested must be seen")]
        {
            eprintln!("NOT CHECKED: {page} needs curl (Debian: apt-get install curl)");
        }
    }
    is_there
}

#[test]
fn the_page_for_agents_proposes_and_cancels() {
    if !has_curl("docs/agents.md") {
        return;
    }
    let world = World::start(scim()).unwrap();
    let (done, said) = run(&world, "docs/agents.md", HELPDESK);
    assert!(done, "{said}");
    let ended = said.contains("\"status\":\"cancelled\"");
    assert!(ended && said.contains("approve:1:support-lead"), "{said}");
    let (done, said) = run(&world, "docs/agents.md", "deed_wrong");
    assert!(!done && said.contains("no valid token"), "{said}");
}

#[test]
fn the_page_for_mcp_lists_explains_and_proposes() {
    if !has_curl("docs/mcp.md") {
        return;
    }
    let world = World::start(scim()).unwrap();
    let (done, said) = run(&world, "docs/mcp.md", HELPDESK);
    assert!(done && !said.contains("\"error\""), "{said}");
    for of_each_command in [
        "\"resultType\":\"complete\"",
        "\"name\":\"deed_status\"",
        "\"protocolVersion\":\"2025-11-25\"",
        "\"contract\":\"idp.restore_access\"",
        "\"would_send\":",
        "\"status\":\"waiting\"",
    ] {
        assert!(said.contains(of_each_command), "{of_each_command}: {said}");
    }
    let (done, said) = run(&world, "docs/mcp.md", "deed_wrong");
    assert!(!done, "{said}");
}
