//! The upstreams of a trial: the base URLs of `--against`, and the kinds of their addresses.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::contract::Contract;
use deed_spec::text::safe;

use crate::cli::out::Failure;
use crate::cli::proposal::split;
use crate::config::trial::address_kinds;

/// One upstream of the contract.
#[derive(Debug)]
pub(in crate::cli) struct Target {
    pub(in crate::cli) url: String,
    pub(in crate::cli) kinds: BTreeSet<&'static str>,
}

/// The upstreams that the contract names.
pub(in crate::cli) fn names(contract: &Contract) -> BTreeSet<String> {
    let rules = contract.observe.http.iter().chain(&contract.perform.http);
    rules.map(|rule| rule.upstream.clone()).collect()
}

/// The target of each upstream. Fails unless `--against` gives exactly one URL for each upstream.
pub(in crate::cli) fn targets(
    file: &str,
    names: &BTreeSet<String>,
    against: &[String],
) -> Result<BTreeMap<String, Target>, Failure> {
    if against.is_empty() {
        return Err(Failure::usage(format!(
            "a trial needs the address of the upstream: {}; without an upstream, `deed contract explain {file}` shows \
             the requests",
            example(names)
        )));
    }
    let mut found = BTreeMap::new();
    for text in against {
        let (name, url) = named(text, names)?;
        let kinds = address_kinds(url)
            .map_err(|why| Failure::usage(format!("--against for upstream `{name}`: {why}")))?;
        if found.insert(name.to_owned(), Target { url: url.to_owned(), kinds }).is_some() {
            return Err(Failure::usage(format!(
                "--against names upstream `{name}` twice; keep one"
            )));
        }
    }
    match names.iter().find(|name| !found.contains_key(*name)) {
        Some(name) => Err(Failure::usage(format!(
            "the contract uses upstream `{name}`; add --against {name}=URL"
        ))),
        None => Ok(found),
    }
}

/// The upstream and the URL of one `--against`. The name may be left out if the contract has only one upstream.
fn named<'a>(text: &'a str, names: &'a BTreeSet<String>) -> Result<(&'a str, &'a str), Failure> {
    if text.starts_with("http://") || text.starts_with("https://") {
        return match only(names) {
            Some(name) => Ok((name, text)),
            None => Err(Failure::usage(format!(
                "the contract has several upstreams; write {}",
                example(names)
            ))),
        };
    }
    let (name, url) = split("--against", text, "[NAME=]URL, with an http or https URL")?;
    known(name, names)?;
    Ok((name, url))
}

/// The only upstream, if there is one.
pub(super) fn only(names: &BTreeSet<String>) -> Option<&str> {
    names.first().filter(|_| names.len() == 1).map(String::as_str)
}

/// Fails if the contract does not use the upstream.
pub(super) fn known(name: &str, names: &BTreeSet<String>) -> Result<(), Failure> {
    if names.contains(name) {
        return Ok(());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Err(Failure::usage(format!(
        "the contract uses no upstream `{}`; it uses `{}`",
        safe(name),
        names.join("`, `")
    )))
}

/// The options that are needed.
fn example(names: &BTreeSet<String>) -> String {
    if names.len() == 1 {
        return "--against URL".to_owned();
    }
    let each: Vec<String> = names.iter().map(|name| format!("--against {name}=URL")).collect();
    each.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn given(names: &[&str], against: &[&str]) -> Result<BTreeMap<String, Target>, Failure> {
        let against: Vec<String> = against.iter().map(|text| (*text).to_owned()).collect();
        targets("a.toml", &set(names), &against)
    }

    #[test]
    fn each_upstream_has_one_url() {
        let url = "http://127.0.0.1:1/v2";
        let one = given(&["idp"], &[url]).unwrap();
        assert_eq!(one["idp"].url, url);
        let two =
            given(&["a", "b"], &["b=http://127.0.0.1:2", "a=http://localhost:1/x=y"]).unwrap();
        assert_eq!((two["a"].url.as_str(), two["b"].kinds.len()), ("http://localhost:1/x=y", 1));
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        let url = "http://127.0.0.1:1";
        for (names, against, words) in [
            (&["idp"][..], &[][..], "`deed contract explain a.toml` shows the requests"),
            (&["a", "b"][..], &[][..], "--against a=URL --against b=URL"),
            (&["a", "b"][..], &[url][..], "has several upstreams"),
            (&["a", "b"][..], &["a=http://127.0.0.1:1"][..], "add --against b=URL"),
            (&["a"][..], &["b=http://127.0.0.1:1"][..], "no upstream `b`; it uses `a`"),
            (&["a"][..], &[url, url][..], "twice; keep one"),
            (&["a"][..], &["127.0.0.1:1"][..], "write [NAME=]URL"),
            (&["a"][..], &["a=ftp://127.0.0.1"][..], "--against for upstream `a`:"),
        ] {
            let why = given(names, against).unwrap_err();
            assert!(matches!(why, Failure::Usage(_)), "{against:?}");
            assert!(why.to_string().contains(words), "{against:?}: {why}");
        }
    }
}
