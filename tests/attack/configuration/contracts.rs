//! Contracts in which two rules could match one request, contracts with names that have a special meaning in other
//! software, and deep nesting.

use std::path::Path;

use super::bench::{Bench, pin, replace};
use crate::case::{Case, cases};

const CONTRACT: &str = "contracts/restore_access.toml";

pub(super) fn cases() -> Vec<Case> {
    cases![
        "rules-that-could-meet" => rules_that_could_meet,
        "rules-that-cannot-meet" => rules_that_cannot_meet,
        "a-look-that-performs" => a_look_that_performs,
        "a-rule-twice" => a_rule_twice,
        "reserved-names" => reserved_names,
        "a-grant-wider-than-its-contract" => a_grant_wider_than_its_contract,
        "nesting-without-end" => nesting_without_end,
    ]
}

fn rule(phase: &str, request: &str, more: &str) -> String {
    format!("[[{phase}.http]]\nupstream = \"idp\"\nrequest = \"{request}\"\n{more}\n\n")
}

/// Changes the contract to have more parameters and these rules, and pins it.
fn with(rules: &[String]) -> impl FnOnce(&Path) + use<> {
    let rules = rules.concat();
    move |dir| {
        let more = "required = [\"user_id\", \"name\", \"other\", \"kind\", \"count\", \"flag\", \"word\"]\n\
            properties.flag = { type = \"boolean\" }\n\
            properties.word = { type = \"string\", enum = [\"true\", \"maybe\"] }\n\
            properties.name = { type = \"string\" }\n\
            properties.other = { type = \"string\" }\n\
            properties.kind = { type = \"string\", enum = [\"one\", \"two\"] }\n\
            properties.count = { type = \"integer\" }\n\
            properties.note = { type = \"string\" }";
        replace(dir, CONTRACT, "required = [\"user_id\"]", more);
        replace(dir, CONTRACT, "[verify]\n", &format!("{rules}[verify]\n"));
        pin(dir);
    }
}

const FORM_FLAG: &str = "body = { v = \"{flag}\" }\ncodec.request = \"form\"";
const FORM_TRUE: &str = "body = { v = \"true\" }\ncodec.request = \"form\"";

fn rules_that_could_meet() {
    let mut bench = Bench::new();
    let pairs = [
        ("GET /Users/{name}", "", "GET /Users/me", "writes = true"),
        ("GET /Users/me", "writes = true", "GET /Users/{name}", ""),
        ("GET /a/{name}", "", "GET /a/{other}", "calls = 2"),
        ("GET /a/{name}", "", "GET /a/a@b", ""),
        ("GET /a/{kind}", "", "GET /a/two", ""),
        ("GET /a/{count}", "", "GET /a/17", ""),
        // The boolean `true` and the string `"true"` are rendered alike in a path and in a form-urlencoded body.
        ("GET /a/{flag}", "", "GET /a/true", ""),
        ("GET /a/{word}", "", "GET /a/{flag}", ""),
        ("POST /a", FORM_FLAG, "POST /a", FORM_TRUE),
        ("GET /a/{name}/x", "", "GET /a/b/{other}", ""),
        ("GET /a?q={name}", "", "GET /a?q=all", ""),
        ("GET /a?q=1&r=2", "", "GET /a?r=2&q=1", "writes = true"),
        ("DELETE /a/{name}", "", "DELETE /a/{user_id}", ""),
        ("POST /a", "body = { v = \"{name}\" }", "POST /a", "body = { v = \"fixed\" }"),
        ("POST /a", "body = { v = 1, n = \"{note}\" }", "POST /a", "body = { v = 1 }"),
        ("POST /a", "body = [\"{note}\"]", "POST /a", "body = []"),
        ("POST /a", "body = \"{note}\"", "POST /a", ""),
        ("POST /a", "body = { v = [1, \"{count}\"] }", "POST /a", "body = { v = [1, 2] }"),
    ];
    for (one, more, other, also) in pairs {
        let attack = with(&[rule("perform", one, more), rule("perform", other, also)]);
        let name = format!("{one} {more} and {other} {also}");
        let (first, second) = (format!("`{one}`"), format!("`{other}`"));
        let fragments = [CONTRACT, &first, &second, "could be the same request"];
        bench.refused(&name, attack, &fragments);
    }
    let looks = with(&[rule("observe", "GET /a/{name}", ""), rule("observe", "GET /a/b", "")]);
    let fragments = [CONTRACT, "`GET /a/b`", "`GET /a/{name}`", "[[observe.http]]"];
    bench.refused("two looks", looks, &fragments);
    bench.well();
}

fn rules_that_cannot_meet() {
    let mut bench = Bench::new();
    let pairs = [
        ("GET /Users/{user_id}", "", "GET /Users/me", ""),
        ("GET /a/{kind}", "", "GET /a/three", ""),
        ("GET /a/{count}", "", "GET /a/me", ""),
        ("GET /a/{name}", "", "DELETE /a/b", ""),
        ("GET /a/{name}", "", "GET /a/b/c", ""),
        ("GET /a/{name}/1", "", "GET /a/{name}/2", ""),
        ("GET /a?q={name}", "", "GET /a?r={name}", ""),
        ("POST /a", "body = { v = \"{name}\" }", "POST /a", "body = { v = 1 }"),
        ("POST /a", "body = { v = 1 }", "POST /a", "body = { v = 2 }"),
        ("POST /a", "body = { v = 1 }", "POST /a", "body = { w = 1 }"),
        ("POST /a", "body = { v = 1 }", "POST /a", ""),
        ("GET /a/{flag}", "", "GET /a/yes", ""),
        ("GET /a/{word}", "", "GET /a/{kind}", ""),
    ];
    for (one, more, other, also) in pairs {
        let change = with(&[rule("perform", one, more), rule("perform", other, also)]);
        bench.taken(&format!("{one} {more} and {other} {also}"), change, "");
    }
}

fn a_look_that_performs() {
    let mut bench = Bench::new();
    let pairs = [
        ("GET /Users/{user_id}", "GET /Users/{user_id}"),
        ("GET /jobs/run", "GET /jobs/{name}"),
        ("GET /jobs/{name}", "GET /jobs/run"),
        ("HEAD /jobs/run", "GET /jobs/run"),
    ];
    for (look, write) in pairs {
        // The contract already has an observation of the user, so only other observations are added.
        let look_rule = rule("observe", look, "");
        let look_rule = if look.contains("{user_id}") { String::new() } else { look_rule };
        let attack = with(&[look_rule, rule("perform", write, "writes = true")]);
        let (look, write) = (format!("`{look}`"), format!("`{write}`"));
        bench.refused(&look, attack, &[CONTRACT, &look, &write, "an observation could then write"]);
    }
    let reads = with(&[rule("perform", "GET /Users/{user_id}", "")]);
    bench.taken("a GET of perform that only reads", reads, "");
}

fn a_rule_twice() {
    let mut bench = Bench::new();
    let again = rule("perform", "DELETE /a/{user_id}", "");
    let attack = with(&[again.clone(), again]);
    let fragments = [CONTRACT, "`DELETE /a/{user_id}`", "occurs twice", "`calls = 2`"];
    bench.refused("twice", attack, &fragments);
}

/// `__entity` and `__extn` have a meaning in Cedar's JSON, `__proto__` in JavaScript.
fn reserved_names() {
    let mut bench = Bench::new();
    for name in ["__entity", "__extn", "__proto__", "__expr", "__"] {
        let places = [
            (
                CONTRACT,
                "[state.user]",
                format!("properties.{name} = {{ type = \"string\" }}\n\n[state.user]"),
            ),
            (CONTRACT, "properties.displayName", format!("properties.{name}")),
            (
                CONTRACT,
                "{ version = { type = \"string\" }",
                format!("{{ {name} = {{ type = \"string\" }}"),
            ),
            (
                CONTRACT,
                "[state.user] ",
                format!("[state.{name}]\nproperties.id = {{ type = \"string\" }}\n\n[state.user] "),
            ),
            (
                "deed.toml",
                "[tenant.globex]\n",
                format!(
                    "[tenant.acme.resource.\"idp/users/x\"]\n{name} = \"x\"\n\n[tenant.globex]\n"
                ),
            ),
        ];
        for (file, from, to) in places {
            let attack = |dir: &Path| {
                replace(dir, file, from, &to);
                pin(dir);
            };
            bench.refused(&format!("{name} at {from}"), attack, &[file, name]);
        }
    }
}

fn a_grant_wider_than_its_contract() {
    let mut bench = Bench::new();
    let grant = "[tenant.acme.grant.\"idp.read_user\"]\n";
    let more = |line: &str| format!("{grant}{line}\n");
    let cases: [(&str, String, &[&str]); 6] = [
        ("another upstream", more(""), &["contracts/read_user.toml does not use `crm`"]),
        ("an upstream twice", more(""), &["`idp` occurs twice in `upstreams`"]),
        ("a wildcard", more(""), &["contracts/read_user.toml does not use `*`"]),
        ("a method", more("methods = [\"DELETE\"]"), &["unknown field `methods`"]),
        ("a safe mark", more("safe = true"), &["invalid type: boolean `true`, expected a map"]),
        ("a host", more("hosts = [\"example.com\"]"), &["unknown field `hosts`"]),
    ];
    let lists = ["[\"idp\", \"crm\"]", "[\"idp\", \"idp\"]", "[\"idp\", \"*\"]"];
    for (n, (name, line, fragments)) in cases.into_iter().enumerate() {
        let attack = |dir: &Path| {
            replace(dir, "deed.toml", grant, &line);
            if let Some(list) = lists.get(n) {
                replace(dir, "deed.toml", "upstreams = [\"idp\"]", &format!("upstreams = {list}"));
            }
        };
        bench.refused(name, attack, fragments);
    }
    let foreign = |dir: &Path| {
        replace(dir, "deed.toml", grant, "[tenant.acme.grant.\"idp.read_user\"] # was another\n");
        replace(dir, CONTRACT, "PATCH /Users/{user_id}", "DELETE /Users/{user_id}");
    };
    bench.refused("a contract that was not granted", foreign, &["differs from what was granted"]);
}

fn nesting_without_end() {
    let mut bench = Bench::new();
    let deep = 20_000;
    let arrays = format!("{}{}", "[".repeat(deep), "]".repeat(deep));
    let tables = format!("{}1{}", "{ a = ".repeat(deep), " }".repeat(deep));
    let dotted = format!("{}a = 1", "a.".repeat(deep));
    for (name, text) in [
        ("arrays", format!("body = {{ v = {arrays} }}")),
        ("tables", format!("body = {tables}")),
        ("dotted keys", format!("body.{dotted}")),
        ("an unclosed array", format!("body = {}", "[".repeat(deep))),
    ] {
        let attack = with(&[rule("perform", "POST /deep", &text)]);
        bench.refused(&format!("{name} in a contract"), attack, &[CONTRACT]);
    }
    for (name, text) in [
        ("arrays", format!("v = {arrays}\n")),
        ("tables", format!("v = {tables}\n")),
        ("dotted keys", format!("{dotted}\n")),
        ("table headers", format!("[{}a]\n", "a.".repeat(deep))),
    ] {
        let attack = |dir: &Path| {
            let file = dir.join("deed.toml");
            let good = std::fs::read_to_string(&file).unwrap();
            std::fs::write(file, format!("{text}{good}")).unwrap();
        };
        bench.refused(&format!("{name} in deed.toml"), attack, &["deed.toml:"]);
    }
    let nested = "{ type = \"object\", properties = { a = ".repeat(40)
        + "{ type = \"string\" }"
        + &" } }".repeat(40);
    let schema = |dir: &Path| {
        replace(
            dir,
            CONTRACT,
            "[state.user]",
            &format!("properties.deep = {nested}\n\n[state.user]"),
        );
        pin(dir);
    };
    bench.refused("a schema", schema, &[CONTRACT]);
    bench.well();
}
