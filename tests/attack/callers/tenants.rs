//! Callers of one tenant that try to read another tenant's actions, contracts and logs, or the host's files.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use deed_spec::digest::Digest;
use deed_test_support::shared::{locked_out, scim, user};
use deed_tests::services::{Result, ScimServer};
use deed_tests::world::{BOB, HELPDESK, STRANGER, World, edit};
use serde_json::json;

use super::forged::{asked, key};
use super::unharmed;
use super::wire::call;
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "ids-of-another-tenant" => foreign_ids,
        "contracts-of-another-tenant" => foreign_contracts,
        "log-of-another-tenant" => foreign_log,
        "path-out-of-the-log" => traversal,
        "queries-that-nobody-asked-for" => queries,
        "secrets-of-the-webhook" => webhook,
    ]
}

pub(super) const DORA: &str = "deed_token-of-dora-who-leads-at-globex";

/// Adds a person of the other tenant who has a token and a key.
pub(super) fn with_dora(dir: &Path) -> Result<()> {
    deed_tests::host::expect(&["key", "new", &dir.join("approvers/dora.key").to_string_lossy()])?;
    let table = "[tenant.globex.person.dora]\n";
    let more = format!(
        "{table}token = \"{}\"\nkeys = [\"approvers/dora.pub\"]\n",
        Digest::of(DORA.as_bytes())
    );
    edit(dir, "deed.toml", table, &more)
}

/// For an action of another tenant, every route returns the same status, headers and bytes as for an id that does not
/// exist.
fn foreign_ids() {
    let world = World::with(scim(), "scim", with_dora).unwrap();
    let waiting = asked(&world, &locked_out());
    let ended = world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap();
    let unknown = "act_00000000000000000000000000";
    let envelope = json!(waiting.signed(&key(&world, "dora"), |_| ())).to_string();
    let routes = [
        ("GET", "", ""),
        ("GET", "/bundle", ""),
        ("GET", "/approval_request", ""),
        ("POST", "/cancel", ""),
        ("POST", "/approvals", envelope.as_str()),
        ("POST", "/approvals", "{}"),
        ("POST", "/draft", "{\"params\": {\"user_id\": \"1\"}, \"intent\": \"i\"}"),
        ("POST", "/deferral", "{\"reason\": \"later\", \"until_ms\": 1}"),
    ];
    for token in [STRANGER, DORA] {
        for (method, tail, body) in routes {
            let ask = |id: &str| {
                let target = format!("/v1/actions/{id}{tail}");
                call(&world, token, method, &target, body.as_bytes())
            };
            let nothing = ask(unknown);
            assert!([400, 403, 404].contains(&nothing.status()), "{method} {tail}: {nothing:?}");
            for id in [waiting.id.as_str(), &ended.text("/id")] {
                assert_eq!(ask(id).timeless(), nothing.timeless(), "{method} {tail}");
            }
            // A string that is not an id is answered like an unknown id.
            if body != "{}" {
                assert_eq!(ask("act_x").status(), nothing.status(), "{method} {tail}");
            }
        }
        let listed = world.client(token).get("/v1/actions?limit=500").unwrap().json();
        assert_eq!(listed["actions"], json!([]));
    }
    assert_eq!(world.show(&waiting.id).unwrap()["status"], "waiting");
    assert_eq!(world.proxy.count("PATCH"), 0);
    unharmed(&world);
}

fn foreign_contracts() {
    let world = World::with(scim(), "scim", |dir| {
        let permit = "@id(\"reads\")\npermit (principal, action, resource);\n";
        fs::write(dir.join("policies/globex.cedar"), permit)?;
        let own = |name: &str| format!("[tenant.globex]\npolicies = [\"policies/{name}.cedar\"]");
        edit(dir, "deed.toml", &own("starter"), &own("globex"))?;
        // The grants from this one to the end of the file are removed.
        let text = fs::read_to_string(dir.join("deed.toml"))?;
        let at = text.find("[tenant.globex.grant.\"idp.suspend_user\"]").ok_or("no such grant")?;
        Ok(fs::write(dir.join("deed.toml"), text.get(..at).unwrap())?)
    });
    let world = world.unwrap();
    let ask = |name: &str| call(&world, STRANGER, "GET", &format!("/v1/contracts/{name}"), b"");
    let foreign = ask("idp.suspend_user");
    foreign.refuses(404, "a contract of the other tenant");
    assert_eq!(foreign.timeless(), ask("idp.no_such").timeless());
    for target in ["/v1/actions", "/v1/explain"] {
        let propose = |name: &str| {
            let body = World::proposal(name, &"0".repeat(32)).to_string();
            call(&world, STRANGER, "POST", target, body.as_bytes())
        };
        propose("idp.suspend_user").refuses(404, target);
        assert_eq!(propose("idp.suspend_user").timeless(), propose("idp.no_such").timeless());
    }
    for target in ["/v1/contracts", "/v1/tools?format=mcp"] {
        let listed = world.client(STRANGER).get(target).unwrap().json().to_string();
        assert!(listed.contains("idp.read_user") && !listed.contains("suspend"), "{listed}");
    }
    unharmed(&world);
}

fn foreign_log() {
    let world = World::start(scim()).unwrap();
    world.propose(&World::proposal("idp.read_user", &user("logged", Some(true)))).unwrap();
    for path in ["checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1"] {
        let ask = |token: &str, tenant: &str| {
            call(&world, token, "GET", &format!("/log/{tenant}/{path}"), b"")
        };
        assert_eq!(ask(HELPDESK, "acme").status(), 200, "{path}");
        let alike: BTreeSet<String> = ["acme", "ACME", "%61cme", "nobody", "..", "acme%00"]
            .map(|tenant| ask(STRANGER, tenant).timeless())
            .into_iter()
            .collect();
        assert_eq!(alike.len(), 1, "{path}: {alike:#?}");
        ask(STRANGER, "acme").refuses(404, path);
    }
    unharmed(&world);
}

fn traversal() {
    let world = World::start(scim()).unwrap();
    world.propose(&World::proposal("idp.read_user", &user("logged", Some(true)))).unwrap();
    // The served directory is four levels above `state/log/acme/tile`.
    let up = [
        "../../../../",
        "%2e%2e/%2e%2e/%2e%2e/%2e%2e/",
        "..%2f..%2f..%2f..%2f",
        ".%2e/.%2e/.%2e/.%2e/",
    ];
    let odd = [
        "%252e%252e/%252e%252e/",
        "....//....//",
        "..\\..\\",
        "..%5c..%5c",
        "%c0%ae%c0%ae/",
        "..;/..;/",
        "0/../../../../../",
        "//",
        "/",
    ];
    // The number of requests stays within the refusal budget of one principal.
    for start in up.into_iter().chain(odd) {
        for file in ["keys/receipt.key", "deed.toml", "secrets/idp_write"] {
            for tenant in ["acme", "acme/tile/.."] {
                let target = format!("/log/{tenant}/tile/{start}{file}");
                let said = call(&world, HELPDESK, "GET", &target, b"");
                assert!([400, 404].contains(&said.status()), "{target}: {said:?}");
                assert!(!said.0.contains("PRIVATE KEY") && !said.0.contains("[tenant"), "{target}");
            }
        }
    }
    unharmed(&world);
}

fn queries() {
    let world = World::start(scim()).unwrap();
    for query in [
        "tenant=globex",
        "approver=bob",
        "status=waiting&status=denied",
        "limit=-1",
        "limit=1e9",
        "limit=18446744073709551616",
        "limit=",
        "status[]=waiting",
        "%ff=1",
        "status=%",
        "&&&",
    ] {
        let said = call(&world, BOB, "GET", &format!("/v1/actions?{query}"), b"");
        // The host may accept `&&&`, which contains no query parameter, and a literal percent sign.
        let harmless = ["&&&", "status=%"].contains(&query) && said.status() == 200;
        assert!(harmless || said.status() == 400, "{query}: {said:?}");
    }
    for target in
        ["/v1/actions/%ff", "/v1/contracts/%ff", "/v1/contracts/%00", "/log/acme/tile/%ff"]
    {
        let said = call(&world, BOB, "GET", target, b"");
        assert!([400, 404].contains(&said.status()), "{target}: {said:?}");
        said.refuses(said.status(), target);
    }
    unharmed(&world);
}

/// Makes the webhook fail in every possible way, and checks that neither its secret nor the content of its URL is ever
/// logged.
fn webhook() {
    let canary = "canary-in-the-url-of-the-webhook";
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook?token={canary}", listener.local_addr().unwrap());
    let seen = Arc::new(AtomicUsize::new(0));
    let (calls, elsewhere) = (Arc::clone(&seen), format!("http://127.0.0.1:1/{canary}"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (mut stream, n) = (stream, calls.fetch_add(1, Ordering::SeqCst));
            drop(stream.read(&mut [0; 8192]));
            let answer = match n {
                0 => format!("HTTP/1.1 500 {canary}\r\ncontent-length: 0\r\n\r\n"),
                1 => format!(
                    "HTTP/1.1 302 Found\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\n\r\n"
                ),
                2 => format!("{canary}\r\n\r\n"),
                _ => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            };
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    let world = World::with(scim(), "scim", |dir| {
        fs::copy(dir.join("secrets/idp_read"), dir.join("secrets/notify"))?;
        let tables = format!(
            "[notify]\nurl = \"{url}\"\nsecret = {{ file = \"secrets/notify\" }}\n\n[tenant.acme]\n"
        );
        edit(dir, "deed.toml", "[tenant.acme]\n", &tables)
    });
    let world = world.unwrap();
    world.propose(&World::proposal("idp.restore_access", &locked_out())).unwrap();
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while seen.load(Ordering::SeqCst) < 4 {
        assert!(
            std::time::Instant::now() < end,
            "a redirect or an odd answer counted as delivered"
        );
        thread::sleep(std::time::Duration::from_millis(50));
    }
    let log = world.host.as_ref().unwrap().log();
    assert!(!log.contains(canary) && !log.contains(ScimServer::READ_TOKEN), "{log}");
    assert!(world.client(BOB).get("/v1/actions").unwrap().status == 200);
    unharmed(&world);
}
