//! The POST requests of `observe` that a trial may send.
//!
//! A contract can declare any POST as a request that only reads, and its author can be somebody else. As the operator of
//! a host reviews each of these requests, the user of a trial permits each of them.

use std::collections::BTreeSet;

use deed_record::contract::Contract;

use crate::cli::out::Failure;
use crate::cli::quote::quoted;

/// Every POST that the contract declares as a request that only reads.
pub(in crate::cli) fn declared(contract: &Contract) -> BTreeSet<String> {
    let rules = contract.observe.http.iter().filter(|rule| rule.reads);
    rules.map(|rule| rule.request.clone()).collect()
}

/// The requests of `--safe`. Fails unless they are exactly those that the contract declares.
pub(in crate::cli) fn permitted(
    contract: &Contract,
    given: &[String],
) -> Result<BTreeSet<String>, Failure> {
    let declared = declared(contract);
    if let Some(other) = given.iter().find(|one| !declared.contains(*one)) {
        return Err(Failure::usage(format!(
            "--safe: the contract has no [[observe.http]] with `reads = true` and the request `{other}`; write the \
             request exactly as in the contract, or leave out the option"
        )));
    }
    let given: BTreeSet<String> = given.iter().cloned().collect();
    let missing: Vec<&String> = declared.difference(&given).collect();
    if missing.is_empty() { Ok(given) } else { Err(refused(&missing)) }
}

fn refused(missing: &[&String]) -> Failure {
    let named: Vec<String> = missing.iter().map(|one| format!("`{one}`")).collect();
    let options: Vec<String> =
        missing.iter().map(|one| format!("--safe {}", quoted(one))).collect();
    Failure::usage(format!(
        "the contract reads the state with {}, which could write; nothing was sent; if each POST only reads for all \
         parameters, add {}",
        named.join(" and "),
        options.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use deed_record::action::Proposal;
    use serde_json::Value;
    use zeroize::Zeroizing;

    use super::super::credentials::Credential;
    use super::super::directory;
    use super::super::inputs::{Inputs, Own};
    use super::super::place::Place;
    use super::super::targets::Target;
    use super::*;
    use crate::config::{self, Plan};

    const TEXT: &str = r#"format = 2
[action]
name     = "desk.find_account"
version  = "1.0.0"
title    = "Find an account"
verb     = "read"
mode     = "read"
effect   = "idempotent"
resource = "desk/accounts/{id}"
adapter  = "declared"
[params]
required = ["id"]
properties.id = { type = "string", pattern = "^[a-z0-9]+$" }
[state.account]
from     = "POST /accounts/search"
required = ["name"]
properties.name = { type = "string" }
[[observe.http]]
upstream = "desk"
request  = "POST /accounts/search"
reads    = true
body     = { id = "{id}" }
"#;

    fn asked(contract: &Contract, given: &[&str]) -> Result<usize, String> {
        let given: Vec<String> = given.iter().map(|one| (*one).to_owned()).collect();
        permitted(contract, &given).map(|found| found.len()).map_err(|why| why.to_string())
    }

    #[test]
    fn each_post_of_a_contract_is_permitted_by_name() {
        let contract = Contract::from_toml("a.toml", TEXT).unwrap();
        let request = "POST /accounts/search";
        assert_eq!(asked(&contract, &[request]), Ok(1));
        assert_eq!(asked(&contract, &[request, request]), Ok(1));
        let why = asked(&contract, &[]).unwrap_err();
        assert!(why.contains("add --safe 'POST /accounts/search'"), "{why}");
        for other in ["POST /accounts", "post /accounts/search", "GET /accounts", ""] {
            let why = asked(&contract, &[request, other]).unwrap_err();
            assert!(why.contains(&format!("the request `{other}`")), "{why}");
        }
    }

    #[test]
    fn a_contract_without_such_a_post_permits_none() {
        let text = TEXT.replace("POST /accounts/search", "GET /accounts/{id}");
        let text = text.replace("reads    = true\nbody     = { id = \"{id}\" }\n", "");
        let contract = Contract::from_toml("a.toml", &text).unwrap();
        assert_eq!(asked(&contract, &[]), Ok(0));
        assert!(asked(&contract, &["GET /accounts/{id}"]).is_err());
    }

    /// What the host of a test or a trial says about its directory, with these requests permitted.
    fn served(safe: BTreeSet<String>, write: Option<Zeroizing<String>>) -> Result<usize, String> {
        let contract = Contract::from_toml("a.toml", TEXT).unwrap();
        let password = Some(Zeroizing::new("0123456789abcdef".to_owned()));
        let (option, variable) = ("the test", String::new());
        let credential = Credential { option, variable, slot: "bearer".into(), password, write };
        let target = Target { url: "http://127.0.0.1:1".to_owned(), kinds: ["loopback"].into() };
        let inputs = Inputs {
            proposal: Proposal {
                dry_run: true,
                contract: contract.action.name.clone(),
                params: Value::Null,
                intent: "try it".to_owned(),
                reasoning: None,
                on_behalf_of: None,
                sources: vec![],
                environment: None,
                expect: BTreeMap::new(),
            },
            contract,
            file: Own { name: "a.toml".to_owned(), bytes: TEXT.as_bytes().to_vec() },
            adapter: None,
            policies: vec![],
            roles: vec![],
            targets: [("desk".to_owned(), target)].into(),
            credentials: [("desk".to_owned(), credential)].into(),
            safe,
            timeout: Duration::from_secs(1),
            exchange: Duration::from_secs(1),
        };
        let place = Place::new("deed-searches").unwrap();
        directory::make(&place.served(), &inputs).unwrap();
        Plan::make(&place.served()).unwrap().carry_out().unwrap();
        let config = config::load(&place.served()).map_err(|faults| faults.to_string())?;
        Ok(config.tenants["main"].grants["desk.find_account"].safe.len())
    }

    #[test]
    fn a_host_gets_only_the_requests_that_are_permitted() {
        let all = || declared(&Contract::from_toml("a.toml", TEXT).unwrap());
        let other = || Some(Zeroizing::new("fedcba9876543210".to_owned()));
        for write in [None, other()] {
            assert_eq!(served(all(), write.clone()), Ok(1));
            let why = served(BTreeSet::new(), write).unwrap_err();
            assert!(why.contains("which could write"), "{why}");
        }
    }
}
