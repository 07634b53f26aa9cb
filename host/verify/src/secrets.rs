//! Checks what the evidence says about secrets that upstreams created. The values are in no bundle, so a verifier cannot
//! compare them with the commitments.

use std::collections::BTreeMap;

use deed_record::action::commitment::PREFIX;
use deed_record::exchange::secret::{TakenSecret, file_name, placeholder};
use deed_record::exchange::{Exchange, Fate, Rendered};
use deed_record::lifecycle::event::{Attempt, GrantRecord};
use deed_spec::json::{self, covers};
use serde_json::Value;

/// The length of the hex digits of a commitment.
const DIGITS: usize = 64;

/// Checks that the binding of an upstream has a folder for each secret of its requests, and for no other.
pub(super) fn bound(
    name: &str,
    vault: &BTreeMap<String, String>,
    perform: &[Rendered],
) -> Result<(), String> {
    let rules = perform.iter().filter(|rule| rule.upstream == name);
    let mut declared: Vec<&String> = rules.flat_map(|rule| rule.secrets.keys()).collect();
    declared.sort();
    if vault.keys().eq(declared) {
        return Ok(());
    }
    Err(format!("the folders for secrets of upstream `{name}` are not for those of the contract"))
}

/// Checks the secrets of all attempts. `looks` are the exchanges of runs that send no write.
pub(super) fn check<'e>(
    action: &str,
    grant: Option<&GrantRecord>,
    attempts: &[Attempt],
    looks: impl IntoIterator<Item = &'e Exchange>,
) -> Result<(), String> {
    if let Some(look) = looks.into_iter().find(|one| !one.secrets.is_empty()) {
        return Err(format!("`{}` is no write and has a secret", line(look)));
    }
    for one in attempts.iter().flat_map(|attempt| &attempt.exchanges) {
        let folders = grant.and_then(|grant| grant.upstreams.get(&one.request.upstream));
        let folders = folders.map(|binding| &binding.vault);
        of_exchange(action, folders, one).map_err(|why| format!("`{}` {why}", line(one)))?;
    }
    Ok(())
}

fn of_exchange(
    action: &str,
    folders: Option<&BTreeMap<String, String>>,
    one: &Exchange,
) -> Result<(), String> {
    let may_have = matches!(one.fate, Fate::NoAnswer | Fate::Answered { status: 200..=299 });
    if !(one.secrets.is_empty() || may_have) {
        return Err("was not answered with success and has a secret".to_owned());
    }
    for (n, taken) in one.secrets.iter().enumerate() {
        let name = &taken.name;
        let is_twice = one.secrets.iter().take(n).any(|earlier| earlier.name == *name);
        if is_twice || !one.request.secrets.contains_key(name) {
            return Err(format!("has the secret `{name}`, which is not one of its rule"));
        }
        let folder = folders.and_then(|folders| folders.get(name));
        of_secret(action, folder, taken)?;
    }
    one.request.secrets.iter().try_for_each(|(name, pointer)| hidden(one, name, pointer))
}

/// A stored secret has a file of its own in the folder of the grant, and a commitment. Any other one has a problem.
fn of_secret(action: &str, folder: Option<&String>, taken: &TakenSecret) -> Result<(), String> {
    let name = &taken.name;
    if taken.commitment.as_ref().is_some_and(|word| !is_commitment(word)) {
        return Err(format!("has a commitment to the secret `{name}` that is none"));
    }
    let Some(file) = &taken.file else {
        return match &taken.problem {
            Some(_) => Ok(()),
            None => Err(format!("has the secret `{name}` without a file and without a reason")),
        };
    };
    if folder.is_none_or(|folder| *file != format!("{folder}/{}", file_name(action, name))) {
        return Err(format!("has the secret `{name}` in a file that is not that of the grant"));
    }
    if taken.commitment.is_none() || taken.problem.is_some() {
        return Err(format!(
            "has the stored secret `{name}` without a commitment, or with a problem"
        ));
    }
    Ok(())
}

fn is_commitment(word: &str) -> bool {
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let digits = word.strip_prefix(PREFIX).unwrap_or_default();
    digits.len() == DIGITS && digits.bytes().all(is_digit)
}

/// The recorded answer has the fixed text in place of the secret, or nothing, and the place counts as redacted.
fn hidden(one: &Exchange, name: &str, pointer: &str) -> Result<(), String> {
    let Some(value) = one.response.as_ref().and_then(|body| json::pointer(body, pointer)) else {
        return Ok(());
    };
    let is_redacted = one.redacted.iter().any(|place| covers(place, pointer));
    if is_redacted && *value == Value::String(placeholder(name)) {
        return Ok(());
    }
    Err(format!("has an answer that shows something in place of the secret `{name}`"))
}

fn line(one: &Exchange) -> String {
    format!("{} {}", one.request.method, one.request.path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::parts::{exchange, request};

    const ACTION: &str = "act_00000000040000000000000000";

    fn created() -> Exchange {
        let mut rule = request("POST", "/keys");
        rule.secrets = [("key".to_owned(), "/secret".to_owned())].into();
        let mut one = exchange(&rule, 201, Some(json!({"id": 1, "secret": "secret key"})));
        one.redacted = vec!["/secret".to_owned()];
        one.secrets = vec![TakenSecret {
            name: "key".to_owned(),
            file: Some(format!("vault/x/{ACTION}-key")),
            commitment: Some(format!("{PREFIX}{}", "5e".repeat(32))),
            problem: None,
        }];
        one
    }

    fn seen(one: &Exchange) -> Result<(), String> {
        let folders = [("key".to_owned(), "vault/x".to_owned())].into();
        of_exchange(ACTION, Some(&folders), one)
    }

    #[test]
    fn a_stored_secret_is_accepted_and_every_change_of_it_is_found() {
        assert_eq!(seen(&created()), Ok(()));
        let changes: [fn(&mut Exchange); 10] = [
            |one| one.secrets[0].file = Some("vault/x/other".to_owned()),
            |one| one.secrets[0].file = None,
            |one| one.secrets[0].commitment = None,
            |one| one.secrets[0].commitment = Some("private:hmac-sha256:00".to_owned()),
            |one| one.secrets[0].problem = Some("no space".to_owned()),
            |one| one.secrets[0].name = "other".to_owned(),
            |one| one.secrets.push(one.secrets[0].clone()),
            |one| one.response = Some(json!({"secret": "a value"})),
            |one| one.redacted.clear(),
            |one| one.fate = Fate::Answered { status: 403 },
        ];
        for (n, change) in changes.into_iter().enumerate() {
            let mut one = created();
            change(&mut one);
            assert!(seen(&one).is_err(), "change {n}");
        }
        assert!(of_exchange(ACTION, None, &created()).is_err(), "there is no folder");
    }

    #[test]
    fn a_lost_secret_has_a_reason() {
        let mut one = created();
        one.secrets[0].file = None;
        one.secrets[0].problem = Some("no space".to_owned());
        assert_eq!(seen(&one), Ok(()));
        one.secrets.clear();
        assert_eq!(seen(&one), Ok(()));
    }

    #[test]
    fn a_binding_has_the_folders_of_its_secrets() {
        let perform = [created().request];
        let vault = |name: &str| BTreeMap::from([(name.to_owned(), "vault/x".to_owned())]);
        assert_eq!(bound("idp", &vault("key"), &perform), Ok(()));
        assert!(bound("idp", &vault("other"), &perform).is_err());
        assert!(bound("idp", &BTreeMap::new(), &perform).is_err());
        assert!(bound("other", &vault("key"), &perform).is_err());
    }

    #[test]
    fn a_look_has_no_secret() {
        let look = created();
        assert!(check(ACTION, None, &[], [&look]).unwrap_err().contains("is no write"));
    }
}
