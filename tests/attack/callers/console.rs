//! Attacks on the console: readers that may not read, cookies that are planted or of others, and the routes that a
//! session does not reach. `markup` has texts that would become markup, `forms` has forms of other sites, and `answers`
//! has answers by passkey that must not count.

mod answers;
mod forms;
mod markup;

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_spec::text::deceives;
use deed_test_support::shared::{locked_out, scim};
use deed_tests::browser::{Browser, Page};
use deed_tests::services::workspace;
use deed_tests::world::{BOB, CAROL, HELPDESK, World};
use serde_json::json;

use super::forged::{asked, key};
use super::tenants::{DORA, with_dora};
use super::wire::{address, bearer, exchange};
use super::{silent, unharmed};
use crate::case::{Case, cases};

pub(super) fn cases() -> Vec<Case> {
    cases![
        "console-with-markup-from-the-agent" => markup::agent,
        "console-with-markup-from-an-upstream" => markup::upstream,
        "console-with-markup-in-a-search" => markup::search,
        "console-with-markup-in-a-form" => markup::form,
        "console-without-end" => markup::endless,
        "console-for-an-agent-or-without-a-session" => readers,
        "console-session-on-other-routes" => other_routes,
        "console-from-another-site" => another_site,
        "console-of-another-tenant" => foreign,
        "console-cookies-that-are-planted" => planted,
        "console-forms-of-another-site" => forms::forged,
        "console-session-that-is-fixed" => forms::fixed,
        "console-redirects-to-another-site" => forms::redirects,
        "console-sessions-without-end" => forms::flood,
        "console-answers-that-are-forged" => answers::forged,
        "console-answers-that-are-replayed" => answers::replayed,
        "console-answers-of-another-person" => answers::of_another_person,
        "console-answers-from-elsewhere" => answers::from_elsewhere,
        "console-answers-to-a-page-out-of-date" => answers::out_of_date,
    ]
}

/// Every page that shows something of the tenant; `ID` stands for an action.
const PAGES: [&str; 7] =
    ["/", "/actions", "/actions/ID", "/agents", "/policies", "/health", "/passkeys"];

/// Every element of a page.
const ELEMENTS: [&str; 47] = [
    "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "a", "header", "nav", "ul", "ol",
    "li", "main", "h1", "h2", "h3", "p", "div", "span", "section", "form", "input", "select",
    "textarea", "option", "button", "label", "code", "strong", "em", "bdi", "br", "time", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "dl", "dt", "dd", "pre", "details", "summary",
];

/// Every attribute of a page.
const ATTRIBUTES: [&str; 40] = [
    "lang",
    "charset",
    "name",
    "content",
    "class",
    "href",
    "id",
    "aria-label",
    "aria-current",
    "aria-labelledby",
    "aria-hidden",
    "role",
    "method",
    "action",
    "type",
    "value",
    "for",
    "autocomplete",
    "required",
    "autocapitalize",
    "spellcheck",
    "selected",
    "scope",
    "datetime",
    "data-label",
    "data-status",
    "data-shown",
    "data-left",
    "data-state",
    "data-action",
    "data-sign-in",
    "data-origin",
    "rows",
    "maxlength",
    "disabled",
    "aria-describedby",
    "aria-invalid",
    "inputmode",
    "checked",
    "tabindex",
];

/// The attributes whose values browsers or scripts request.
const LEADING: [&str; 5] = ["href", "action", "data-state", "data-action", "data-sign-in"];

fn browser(world: &World, name: &str, token: &str) -> Browser {
    Browser::signed_in(world.url(), name, token).unwrap()
}

/// The pages for bob, each of which must be harmless.
fn harmless_pages(world: &World, id: &str) -> Vec<Page> {
    let mut bob = browser(world, "bob", BOB);
    let paths = PAGES.into_iter().chain(["/actions/ID/edit"]);
    let pages = paths.map(|path| {
        let page = bob.get(&path.replace("ID", id)).unwrap();
        assert_eq!(page.status, 200, "{path}: {page:?}");
        harmless(&page);
        page
    });
    pages.collect()
}

/// Checks that the page has only the host's own markup, no character that deceives, and headers that would stop
/// everything else.
fn harmless(page: &Page) {
    let html = &page.html;
    silent(html);
    let style = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next());
    let (html, script) = without_script(&html.replace(style.unwrap(), ""));
    for part in html.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("`<{part}` has no end"));
        known(tag);
        let bad = |c: char| (c != '\n' && deceives(c)) || "\">".contains(c);
        assert_eq!(text.chars().find(|c| bad(*c)), None, "{}", text.escape_debug());
    }
    framed(page, script.as_deref());
}

/// A page without its script, and the script, which must be one of the host's own.
fn without_script(html: &str) -> (String, Option<String>) {
    let Some((before, rest)) = html.split_once("<script>") else { return (html.to_owned(), None) };
    let (script, after) = rest.split_once("</script>").unwrap();
    let folder = fs::read_dir(workspace().join("host/runtime/src/console/script")).unwrap();
    let mut own = folder.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    assert!(own.any(|text| text == script), "{script}");
    (format!("{before}{after}"), Some(script.to_owned()))
}

/// Checks that the host wrote this tag.
fn known(tag: &str) {
    let tag = tag.strip_prefix('/').unwrap_or(tag);
    let (element, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(ELEMENTS.contains(&element), "<{tag}>");
    if element == "!DOCTYPE" {
        return;
    }
    while !rest.is_empty() {
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        assert!(ATTRIBUTES.contains(&name), "`{name}` in <{tag}>");
        let Some(value) = after.strip_prefix("=\"") else {
            rest = after.trim_start();
            continue;
        };
        let (value, after) = value.split_once('"').unwrap();
        assert!(!value.chars().any(|c| c != '\n' && deceives(c)), "{}", tag.escape_debug());
        let is_local = value.starts_with('#') || value.starts_with('/') && !value.starts_with("//");
        assert!(is_local || !LEADING.contains(&name), "<{tag}> leads elsewhere");
        rest = after.trim_start();
    }
}

/// Checks the headers of a page. Its policy permits one style, and the script if there is one.
fn framed(page: &Page, script: Option<&str>) {
    let policy = page.header("content-security-policy").unwrap();
    let (start, rest) = policy.split_once("'sha256-").unwrap();
    assert_eq!(start, "default-src 'none'; style-src ");
    let script = script.map_or_else(String::new, |script| {
        let digest = STANDARD.encode(Digest::of(script.as_bytes()).as_bytes());
        format!("script-src 'sha256-{digest}'; connect-src 'self'; trusted-types 'none'; ")
    });
    let end = format!(
        "'; {script}base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'"
    );
    assert!(rest.ends_with(&end) && rest.len() == 44 + end.len(), "{policy}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    for name in ["access-control-allow-origin", "access-control-allow-credentials"] {
        assert_eq!(page.header(name), None, "{name}");
    }
}

/// Checks that a request gets a page with this status, and nothing of the tenant.
fn refused(page: &Page, status: u16) {
    assert_eq!(page.status, status, "{page:?}");
    harmless(page);
    for word in ["idp.restore_access", "helpdesk", "support-lead"] {
        assert!(!page.html.contains(word), "{page:?}");
    }
    let challenge = (status == 401).then_some("Bearer");
    assert_eq!(page.header("www-authenticate"), challenge);
}

fn readers() {
    let world = World::start(scim()).unwrap();
    let id = asked(&world, &locked_out()).id;
    let paths = PAGES.map(|path| path.replace("ID", &id));
    for path in &paths {
        let ask = |lines: &[&str]| Browser::new(world.url()).send("GET", path, lines, "").unwrap();
        for lines in [
            vec![],
            vec![format!("Cookie: deed-session={BOB}")],
            vec![format!("Cookie: deed-session={}", "a".repeat(43))],
            vec![format!("Cookie: token={BOB}")],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let page = ask(&lines);
            refused(&page, 303);
            assert!(page.header("location").unwrap().starts_with("/sign-in"), "{page:?}");
        }
        for lines in [
            vec![bearer("deed_wrong")],
            vec![format!("Authorization: Basic {BOB}")],
            vec![format!("Authorization: Digest {BOB}")],
            vec![bearer(BOB), bearer(BOB)],
            vec![bearer(BOB), bearer(HELPDESK)],
        ] {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            refused(&ask(&lines), 401);
        }
        refused(&ask(&[&bearer(HELPDESK)]), 403);
        // The token of a request counts, and not the cookie that a browser adds.
        let mut bob = browser(&world, "bob", BOB);
        refused(&bob.send("GET", path, &[&bearer(HELPDESK)], "").unwrap(), 403);
    }
    let query = format!("/actions?token={BOB}&access_token={BOB}");
    assert_eq!(Browser::new(world.url()).get(&query).unwrap().status, 303);
    unharmed(&world);
}

/// A browser sends the cookie with every request to the host. Nothing but the pages accepts it.
fn other_routes() {
    let world = World::start(scim()).unwrap();
    let asked = asked(&world, &locked_out());
    let id = &asked.id;
    let envelope = json!(asked.signed(&key(&world, "bob"), |_| ())).to_string();
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
        let said = browser(&world, "bob", BOB).send(method, &target, &[kind], body).unwrap();
        assert_eq!(said.status, 401, "{target}: {said:?}");
    }
    for path in PAGES.map(|path| path.replace("ID", id)) {
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let said = browser(&world, "bob", BOB).send(method, &path, &[kind], &envelope).unwrap();
            assert_eq!(said.status, 405, "{method} {path}: {said:?}");
        }
    }
    let shown = world.show(id).unwrap();
    assert_eq!((&shown["status"], &shown["approvals"]), (&json!("waiting"), &json!([])));
    assert_eq!(world.proxy.count("PATCH"), 0);
    unharmed(&world);
}

/// A site that makes its own name resolve to the host, or reads a page from its own origin.
fn another_site() {
    let world = World::start(scim()).unwrap();
    let id = asked(&world, &locked_out()).id;
    let mut bob = browser(&world, "bob", BOB);
    let paths = PAGES.map(|path| path.replace("ID", &id));
    for path in paths.iter().map(String::as_str).chain(["/sign-in"]) {
        for origin in ["Origin: http://evil.example", "Origin: null"] {
            refused(&bob.send("GET", path, &[origin], "").unwrap(), 403);
        }
        for host in ["evil.example", "127.0.0.1.evil.example:7117", "localhost.evil.example"] {
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
            let cookie = bob.cookie.as_deref().unwrap();
            let request = format!("{head}Cookie: {cookie}\r\n\r\n");
            let said = exchange(address(&world), request.as_bytes());
            assert_eq!(said.status(), 403, "{said:?}");
            assert!(!said.body().contains("idp.restore_access"), "{said:?}");
        }
    }
    unharmed(&world);
}

/// A person of another tenant sees no name, no number and no action of this one.
fn foreign() {
    let world = World::with(scim(), "scim", with_dora).unwrap();
    let id = asked(&world, &locked_out()).id;
    let mut dora = browser(&world, "dora", DORA);
    for path in ["/", "/actions", "/agents", "/health", "/policies", "/actions?agent=helpdesk"] {
        let page = dora.get(path).unwrap();
        assert_eq!(page.status, 200, "{path}: {page:?}");
        for word in [id.as_str(), "acme", "alice", "bob"] {
            assert!(!page.html.contains(word), "{path} has `{word}`: {page:?}");
        }
    }
    let unknown = dora.get("/actions/act_00000000000000000000000000").unwrap();
    refused(&unknown, 404);
    for other in [id.as_str(), "act_x", "%ff", "act_%3Cscript%3E"] {
        let page = dora.get(&format!("/actions/{other}")).unwrap();
        assert_eq!((page.status, &page.html), (404, &unknown.html), "{other}");
    }
    let ended = world.propose(&World::proposal("idp.read_user", &locked_out())).unwrap();
    assert_eq!(ended.text("/status"), "verified", "{ended:?}");
    for other in [id.as_str(), &ended.text("/id"), "act_x"] {
        let page = dora.get(&format!("/actions/{other}/bundle")).unwrap();
        assert_eq!((page.status, &page.html), (404, &unknown.html), "{other}");
    }
    unharmed(&world);
}

/// Cookies that another site of the same machine sets, and sessions of others.
fn planted() {
    let world = World::with(scim(), "scim", with_dora).unwrap();
    let id = asked(&world, &locked_out()).id;
    let [bob, dora] =
        [("bob", BOB), ("dora", DORA)].map(|(name, token)| browser(&world, name, token));
    let [bobs, doras] = [&bob, &dora].map(|one| one.cookie.clone().unwrap());
    let ask = |cookies: &[&str]| {
        let lines: Vec<String> = cookies.iter().map(|one| format!("Cookie: {one}")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let path = format!("/actions/{id}");
        Browser::new(world.url()).send("GET", &path, &lines, "").unwrap()
    };
    assert_eq!(ask(&[&bobs]).status, 200);
    assert_eq!(ask(&[&format!("theme=dark; {bobs}; x=y")]).status, 200);
    refused(&ask(&[&doras]), 404);
    for cookies in [
        vec![format!("{bobs}; {doras}")],
        vec![format!("{doras}; {bobs}")],
        vec![format!("{bobs}; {bobs}")],
        vec![bobs.clone(), doras.clone()],
        vec![format!("{bobs}; deed-session=")],
        vec![bobs.replace("deed-session", "__Host-deed")],
        vec![bobs.to_uppercase()],
        vec![format!("{bobs}a")],
    ] {
        let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
        refused(&ask(&cookies), 303);
    }
    let mut carol = browser(&world, "carol", CAROL);
    assert_eq!(carol.get(&format!("/actions/{id}")).unwrap().status, 200);
    unharmed(&world);
}
