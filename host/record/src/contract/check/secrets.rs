//! Checks the secrets that rules of `perform` declare. No part of an answer that is shown, recorded or sent in another
//! request may be a secret.

use std::collections::BTreeSet;

use deed_spec::json::overlap;

use super::super::Contract;
use super::super::expose;
use super::super::fault::Fault;
use crate::action::id;
use crate::contract::template::Rule;
use crate::exchange::secret::SECRETS_MAX;

pub(super) fn check(contract: &Contract) -> Result<(), Fault> {
    if let Some(rule) = contract.observe.http.iter().find(|rule| !rule.secrets.is_empty()) {
        let what =
            "`secrets` is for [[perform.http]]: only a write makes the upstream create a secret";
        return Err(fault(rule, what));
    }
    let mut names = BTreeSet::new();
    for rule in contract.perform.http.iter().filter(|rule| !rule.secrets.is_empty()) {
        of_rule(rule)?;
        if let Some(name) = rule.secrets.keys().find(|name| !names.insert(name.as_str())) {
            let what = format!(
                "`secrets.{name}` is in two rules of perform; each secret needs its own name"
            );
            return Err(fault(rule, what));
        }
    }
    Ok(())
}

fn of_rule(rule: &Rule) -> Result<(), Fault> {
    if let Some(what) = unfit(rule) {
        return Err(fault(rule, what));
    }
    if rule.secrets.len() > SECRETS_MAX {
        let what = format!(
            "`secrets` has {} entries, where at most {SECRETS_MAX} are allowed",
            rule.secrets.len()
        );
        return Err(fault(rule, what));
    }
    if let Some(name) = rule.secrets.keys().find(|name| !id::is_name(name)) {
        let what = format!("`{name}` is not a name; use lower-case letters and digits");
        return Err(fault(rule, what));
    }
    let pointers: Vec<String> = rule.secrets.values().cloned().collect();
    if expose::check_pointers(&pointers).is_err() {
        let what = "`secrets` needs JSON pointers of at most 256 bytes, such as `/key/secret`";
        return Err(fault(rule, what));
    }
    rule.secrets.iter().try_for_each(|(name, pointer)| hidden(rule, name, pointer))
}

/// Why a rule can have no secrets.
fn unfit(rule: &Rule) -> Option<&'static str> {
    if !rule.may_write().unwrap_or(true) {
        return Some("`secrets` is for a write; remove `secrets`");
    }
    if rule.calls.is_some_and(|calls| calls != 1) {
        return Some("`secrets` is for a write that is sent once; remove `calls`");
    }
    if rule.request.starts_with("HEAD ") {
        return Some("`secrets` are members of the body, and the answer to HEAD has no body");
    }
    if !rule.codec.has_members() {
        return Some(
            "`secrets` are members of the body, so `codec.response` cannot be `text` or `none`",
        );
    }
    // The expression could test parts of a secret, and a verifier, which has no secret, could not evaluate it.
    rule.refused_when.is_some().then_some(
        "`secrets` cannot be together with `refused_when`, which could read a secret; remove one of them",
    )
}

/// Checks that the secret is a place of its own in the answer.
fn hidden(rule: &Rule, name: &str, pointer: &str) -> Result<(), Fault> {
    let mut others = rule.secrets.iter().filter(|(other, _)| *other != name);
    if let Some((other, _)) = others.find(|(_, place)| overlap(place, pointer)) {
        let what = format!(
            "`secrets.{name}` and `secrets.{other}` are the same place, or one is inside the other"
        );
        return Err(fault(rule, what));
    }
    let mut exposed = rule.expose.iter().flatten();
    if let Some(shown) = exposed.find(|shown| overlap(shown, pointer)) {
        let what = format!(
            "`expose` has `{shown}`, which contains `secrets.{name}` or lies inside it; expose only the other members"
        );
        return Err(fault(rule, what));
    }
    let member = |member: &String| deed_spec::json::child("", member);
    match rule.answer.keys().find(|one| overlap(&member(one), pointer)) {
        Some(member) => {
            let what = format!(
                "`answer.{member}` contains `secrets.{name}` or lies inside it; no request can contain a secret"
            );
            Err(fault(rule, what))
        }
        None => Ok(()),
    }
}

fn fault(rule: &Rule, what: impl std::fmt::Display) -> Fault {
    Fault::in_rule(&rule.request, "secrets", what)
}

#[cfg(test)]
mod tests {
    use crate::contract::Contract;

    const CONTRACT: &str = r#"format = 2
[action]
name = "a.create_key"
version = "1.0.0"
title = "Create a key"
verb = "update"
mode = "write"
effect = "observable"
resource = "a/{id}"
adapter = "declared"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[a-z0-9]+$" }
[state.user]
from = "GET /u/{id}"
required = ["on"]
properties.on = { type = "boolean" }
[[observe.http]]
upstream = "a"
request = "GET /u/{id}"
[[perform.http]]
upstream = "a"
request = "POST /u/{id}/keys"
secrets = { key = "/key/secret" }
[verify]
before = ["!pre.user.on"]
after = ["post.user.on"]
may_change = ["/user/on"]
"#;

    const RULE: &str = "secrets = { key = \"/key/secret\" }\n";

    fn why(rule: &str) -> String {
        let text = CONTRACT.replace(RULE, rule);
        Contract::from_toml("c.toml", &text).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn a_write_may_return_secrets() {
        let contract = Contract::from_toml("c.toml", CONTRACT).unwrap();
        let names: Vec<&String> = contract.secrets().map(|(name, _)| name).collect();
        assert_eq!(names, ["key"]);
        let with = |more: &str| CONTRACT.replace(RULE, &format!("{RULE}{more}"));
        for more in ["calls = 1\n", "expose = [\"/key/id\", \"/keys\"]\n", "expose = []\n"] {
            Contract::from_toml("c.toml", &with(more)).unwrap();
        }
    }

    #[test]
    fn what_could_show_or_repeat_a_secret_is_refused() {
        let more = |more: &str| format!("{RULE}{more}\n");
        for (rule, wanted) in [
            (more("calls = 2"), "remove `calls`"),
            (more("refused_when = \"answer.status == 200\""), "`refused_when`"),
            (more("codec = { response = \"text\" }"), "cannot be `text` or `none`"),
            (more("expose = [\"/key\"]"), "`expose` has `/key`"),
            (more("expose = [\"/key/secret/a\"]"), "`expose` has `/key/secret/a`"),
            (
                more("name = \"c\"\nanswer.key = { type = \"string\", pattern = \"^[a-z]+$\" }"),
                "`answer.key` contains `secrets.key`",
            ),
            ("secrets = { key = \"key\" }\n".to_owned(), "needs JSON pointers"),
            ("secrets = { \"A b\" = \"/a\" }\n".to_owned(), "is not a name"),
            ("secrets = { a = \"/k\", b = \"/k/s\" }\n".to_owned(), "are the same place"),
            (
                "secrets = { a = \"/a\", b = \"/b\", c = \"/c\", d = \"/d\", e = \"/e\" }\n"
                    .to_owned(),
                "at most 4",
            ),
            (
                more(
                    "[[perform.http]]\nupstream = \"a\"\nrequest = \"POST /x\"\nsecrets = { key = \"/k\" }",
                ),
                "is in two rules",
            ),
            (
                more(
                    "[[perform.http]]\nupstream = \"a\"\nrequest = \"GET /x\"\nsecrets = { o = \"/k\" }",
                ),
                "`secrets` is for a write",
            ),
            (
                more(
                    "[[observe.http]]\nupstream = \"a\"\nrequest = \"GET /x\"\nsecrets = { o = \"/k\" }",
                ),
                "is for [[perform.http]]",
            ),
        ] {
            let said = why(&rule);
            assert!(said.contains(wanted), "{rule}: {said}");
        }
    }
}
