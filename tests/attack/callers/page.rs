//! Attacks on the page of an action: texts that would become markup, credentials that a browser sends by itself, and
//! requests that another site causes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::text::deceives;
use deed_test_support::shared::{locked_out, scim};
use deed_tests::hostile::{Hostile, answer, says};
use deed_tests::world::{BOB, CAROL, HELPDESK, World, edit};
use serde_json::json;

use super::forged::{asked, key};
use super::tenants::{DORA, with_dora};
use super::unharmed;
use super::wire::{Said, address, bearer, exchange};
use crate::case::{Case, cases};
use crate::upstreams::stage::{READ, RESTORE, Stage, fresh};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "page-with-markup-from-the-agent" => markup,
        "page-with-markup-from-an-upstream" => upstream,
        "page-without-end" => endless,
        "page-for-an-agent-or-a-wrong-name" => readers,
        "page-credentials-on-other-routes" => other_routes,
        "page-from-another-site" => another_site,
        "page-of-another-tenant" => foreign,
    ]
}

/// Texts that end an element, an attribute or a comment, or deceive a reader.
const POISON: [&str; 6] = [
    "<script>alert(1)</script>",
    "</pre></section><img src=x onerror=alert(1)>",
    "\" onload=\"alert(1)\" '--><svg/onload=alert(1)>",
    "</title></style><style>*{display:none}</style>",
    "&lt;b&gt; &#60;script&#62; \u{202e}ecalevol\u{2066}\u{200b}",
    "fine\u{1b}[2J\u{0}\u{8}\n<h1>approved by bob</h1>",
];

/// Every tag that a page has, as the host writes it.
const TAGS: [&str; 50] = [
    "!doctype html",
    "html lang=\"en\"",
    "/html",
    "head",
    "/head",
    "meta charset=\"utf-8\"",
    "meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"",
    "title",
    "/title",
    "style",
    "/style",
    "body",
    "/body",
    "main",
    "/main",
    "h1",
    "/h1",
    "h2",
    "/h2",
    "h3",
    "/h3",
    "p",
    "p class=\"note\"",
    "/p",
    "code",
    "/code",
    "strong",
    "/strong",
    "em",
    "/em",
    "table",
    "/table",
    "caption",
    "/caption",
    "tbody",
    "/tbody",
    "tr",
    "/tr",
    "th scope=\"row\"",
    "/th",
    "td",
    "/td",
    "section",
    "/section",
    "ul",
    "/ul",
    "li",
    "/li",
    "pre",
    "/pre",
];

/// The header line with the credentials that a browser sends.
fn basic(user: &str, token: &str) -> String {
    format!("Authorization: Basic {}", STANDARD.encode(format!("{user}:{token}")))
}

/// A request as a browser or a page sends it.
fn send(world: &World, [method, target, host]: [&str; 3], lines: &[&str], body: &str) -> Said {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for line in lines {
        head.extend([*line, "\r\n"]);
    }
    let length =
        if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    exchange(address(world), format!("{head}{length}\r\n{body}").as_bytes())
}

fn own(world: &World) -> String {
    address(world).to_string()
}

fn fetch(world: &World, target: &str, lines: &[&str]) -> Said {
    send(world, ["GET", target, &own(world)], lines, "")
}

/// The page of an action for bob.
fn page(world: &World, id: &str) -> Said {
    let page = fetch(world, &format!("/actions/{id}"), &[&basic("bob", BOB)]);
    assert_eq!(page.status(), 200, "{page:?}");
    page
}

/// Checks that the page has only the host's own markup, no character that deceives, and headers that would stop
/// everything else.
fn harmless(page: &Said) {
    let body = page.body();
    for part in body.split('<').skip(1) {
        let tag = part.split_once('>').map(|(tag, _)| tag);
        assert!(tag.is_some_and(|tag| TAGS.contains(&tag)), "`<{part}` is not markup of the host");
    }
    let style = body.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let text = body.replace(style.unwrap(), "");
    let bad = |c: char| (c != '\n' && deceives(c)) || "\"'>".contains(c);
    let between = text.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    let found = between.flat_map(str::chars).find(|c| bad(*c));
    assert_eq!(found, None, "{}", text.escape_debug());
    framed(page);
}

fn framed(page: &Said) {
    let policy = page.header("content-security-policy").unwrap();
    let (start, rest) = policy.split_once("'sha256-").unwrap();
    assert_eq!(start, "default-src 'none'; style-src ");
    let end = "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    assert!(rest.ends_with(end) && rest.len() == 44 + end.len(), "{policy}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    for name in ["set-cookie", "access-control-allow-origin", "location"] {
        assert_eq!(page.header(name), None, "{name}");
    }
}

/// Everything that an agent writes reaches the page: intent, reasoning, sources, the person it acts for, parameters.
fn markup() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        edit(dir, "contracts/restore_access.toml", ", pattern = \"^[0-9a-f]{32}$\"", "")
    });
    let world = &stage.world;
    for poison in POISON {
        for user in [fresh(), poison.to_owned()] {
            let mut proposal = World::proposal(RESTORE, &user);
            proposal["intent"] = json!(poison);
            proposal["reasoning"] = json!(poison);
            proposal["on_behalf_of"] = json!(poison);
            proposal["sources"] = json!([{"uri": poison}, {"uri": format!("javascript:{poison}")}]);
            let answer = world.propose(&proposal).unwrap();
            let id = answer.text("/id");
            if id.is_empty() {
                // The parameter does not fit into a path.
                assert!([400, 422].contains(&answer.status), "{}", answer.json());
                continue;
            }
            let page = page(world, &id);
            harmless(&page);
            assert!(page.body().contains("From the agent, unchecked"), "{page:?}");
        }
    }
    unharmed(world);
}

/// What an upstream sends reaches the page as the state, as a change, and as the reason of a failure.
fn upstream() {
    let stage = Stage::with(Hostile::start().unwrap(), |dir| {
        edit(dir, "deed.toml", "environment = \"staging\"", "environment = \"production\"")?;
        let places = "may_change = [\"/user/active\"";
        let more = format!("{places}, \"/user/displayName\"");
        edit(dir, "contracts/restore_access.toml", places, &more)
    });
    let world = &stage.world;
    for poison in POISON {
        let user = fresh();
        stage.hostile.set(&user, "displayName", poison.into());
        let id = world.propose(&World::proposal(RESTORE, &user)).unwrap().text("/id");
        let waiting = page(world, &id);
        harmless(&waiting);
        assert!(waiting.body().contains("/user/displayName: "), "{waiting:?}");
        assert!(world.approve(&id, "bob", BOB).unwrap().0);
        world.settled(&id).unwrap();
        harmless(&page(world, &id));
        let read = world.propose(&World::proposal(READ, &user)).unwrap().text("/id");
        harmless(&page(world, &read));
        let twice = serde_json::to_string(poison).unwrap();
        let body = format!("{{{twice}:1,{twice}:2}}");
        let lie = says(answer("200 OK\r\ncontent-type: application/json", body));
        harmless(&page(world, stage.read(lie)["id"].as_str().unwrap()));
    }
    unharmed(world);
}

fn endless() {
    let stage = Stage::new();
    let (world, user) = (&stage.world, fresh());
    stage.hostile.set(&user, "displayName", "<".repeat(400_000).into());
    let mut proposal = World::proposal(READ, &user);
    proposal["intent"] = json!("&".repeat(4096));
    proposal["sources"] = (0..32).map(|_| json!({"uri": "'".repeat(4096)})).collect();
    let read = world.propose(&proposal).unwrap();
    assert_eq!(read.text("/status"), "verified", "{}", read.json());
    let page = page(world, &read.text("/id"));
    harmless(&page);
    assert!(page.body().len() < 2_000_000, "{} bytes", page.body().len());
    assert!(page.body().contains("the rest is not shown here"));
    unharmed(world);
}

/// Checks that a request gets a page with this status, and not the action.
fn refused(page: &Said, status: u16) {
    assert_eq!(page.status(), status, "{page:?}");
    harmless(page);
    assert!(!page.body().contains("idp.restore_access"), "{page:?}");
    let challenge = (status == 401).then_some("Basic realm=\"deed\", charset=\"UTF-8\"");
    assert_eq!(page.header("www-authenticate"), challenge);
}

fn readers() {
    let world = World::start(scim()).unwrap();
    let id = asked(&world, &locked_out()).id;
    let target = format!("/actions/{id}");
    let good = basic("bob", BOB);
    for lines in [
        vec![],
        vec![basic("bob", CAROL)],
        vec![basic("carol", BOB)],
        vec![basic("", BOB)],
        vec![basic("bob", "")],
        vec![basic(BOB, "bob")],
        vec![basic("bob", &format!("{BOB}\r\nX: 1"))],
        vec![format!("Authorization: Basic {BOB}")],
        vec![format!("Authorization: Basic {}", STANDARD.encode(BOB))],
        vec![format!("Authorization: Digest {BOB}")],
        vec![good.clone(), good.clone()],
        vec![good.clone(), bearer(BOB)],
        vec![basic("helpdesk2", HELPDESK)],
        vec![format!("Cookie: token={BOB}")],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        refused(&fetch(&world, &target, &lines), 401);
    }
    refused(&fetch(&world, &format!("{target}?token={BOB}&access_token={BOB}"), &[]), 401);
    for line in [bearer(HELPDESK), basic("helpdesk", HELPDESK)] {
        refused(&fetch(&world, &target, &[&line]), 403);
    }
    for line in [good, basic("bob", BOB).replace("Basic", "basic"), bearer(BOB)] {
        assert_eq!(fetch(&world, &target, &[&line]).status(), 200, "{line}");
    }
    unharmed(&world);
}

/// A browser sends the credentials with every request to the host, also with those that another site causes. Nothing but
/// the page accepts them.
fn other_routes() {
    let world = World::start(scim()).unwrap();
    let asked = asked(&world, &locked_out());
    let id = &asked.id;
    let envelope = json!(asked.signed(&key(&world, "bob"), |_| ())).to_string();
    let host = own(&world);
    let kind = "Content-Type: application/json";
    for (method, target, body) in [
        ("POST", format!("/v1/actions/{id}/approvals"), envelope.as_str()),
        ("POST", format!("/v1/actions/{id}/resolution"), envelope.as_str()),
        ("POST", format!("/v1/actions/{id}/cancel"), ""),
        ("POST", "/v1/actions".to_owned(), "{}"),
        ("POST", "/mcp".to_owned(), "{}"),
        ("GET", format!("/v1/actions/{id}"), ""),
        ("GET", format!("/v1/actions/{id}/approval_request"), ""),
        ("GET", format!("/v1/actions/{id}/bundle"), ""),
        ("GET", "/v1/contracts".to_owned(), ""),
        ("GET", "/log/acme/checkpoint".to_owned(), ""),
    ] {
        for line in [basic("bob", BOB), basic("helpdesk", HELPDESK)] {
            let said = send(&world, [method, &target, &host], &[&line, kind], body);
            said.refuses(401, &target);
            let challenge = said.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer"), "{target}: {challenge}");
        }
    }
    // The page itself can only be read.
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let target = format!("/actions/{id}");
        let said = send(&world, [method, &target, &host], &[&basic("bob", BOB), kind], &envelope);
        said.refuses(405, method);
    }
    let shown = world.show(id).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
    assert_eq!(world.proxy.count("PATCH"), 0);
    unharmed(&world);
}

/// A site that resolves its own name to the host makes a browser ask for the credentials of that name.
fn another_site() {
    let world = World::start(scim()).unwrap();
    let id = asked(&world, &locked_out()).id;
    let target = format!("/actions/{id}");
    for host in ["evil.example", "127.0.0.1.evil.example:7117", "localhost.evil.example"] {
        for lines in [vec![], vec![basic("bob", BOB)], vec![bearer(BOB)]] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            refused(&send(&world, ["GET", &target, host], &lines, ""), 403);
        }
    }
    for origin in ["Origin: http://evil.example", "Origin: null"] {
        refused(&fetch(&world, &target, &[&basic("bob", BOB), origin]), 403);
    }
    unharmed(&world);
}

/// The action of another tenant has the same page as an unknown one.
fn foreign() {
    let world = World::with(scim(), "scim", with_dora).unwrap();
    let id = asked(&world, &locked_out()).id;
    let ask = |id: &str| fetch(&world, &format!("/actions/{id}"), &[&basic("dora", DORA)]);
    let unknown = ask("act_00000000000000000000000000");
    refused(&unknown, 404);
    for other in [id.as_str(), "act_x", "%ff", "act_%3Cscript%3E"] {
        assert_eq!(ask(other).timeless(), unknown.timeless(), "{other}");
    }
    unharmed(&world);
}
