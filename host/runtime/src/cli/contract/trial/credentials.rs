//! The credentials with which a trial or a recording reads. An argument names an environment variable, because other
//! users can see arguments.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::targets::{known, only};
use crate::cli::out::Failure;
use crate::cli::proposal::split;
use crate::config::trial::variable;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct CredentialArgs {
    /// Environment variable with a bearer token that may read
    #[arg(long = "bearer-env", value_name = "[UPSTREAM=]VARIABLE")]
    bearer: Vec<String>,
    /// Environment variable with the `user:password` of a user who may read
    #[arg(long = "basic-env", value_name = "[UPSTREAM=]VARIABLE")]
    basic: Vec<String>,
    /// Header, such as X-Api-Key, and the environment variable with its value, which may read
    #[arg(long = "header-env", value_name = "[UPSTREAM:]HEADER=VARIABLE")]
    header: Vec<String>,
}

impl CredentialArgs {
    /// Whether there is any.
    pub(in crate::cli) fn are_given(&self) -> bool {
        [&self.bearer, &self.basic, &self.header].iter().any(|list| !list.is_empty())
    }
}

/// A credential for reads, and one for writes if the host may write.
pub(in crate::cli) struct Credential {
    /// The option that gave it, for messages.
    pub(in crate::cli) option: &'static str,
    pub(in crate::cli) variable: String,
    /// The slot, as `deed.toml` has it.
    pub(in crate::cli) slot: toml::Value,
    /// The password, if the variable has more than that. The host reads any other credential from the variable itself.
    pub(in crate::cli) password: Option<Zeroizing<String>>,
    /// The same for writes. A trial never has it.
    pub(in crate::cli) write: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("variable", &self.variable).finish_non_exhaustive()
    }
}

/// What a message calls an option that gives a credential.
pub(super) const OPTIONS: &str =
    "--bearer-env VARIABLE, --basic-env VARIABLE or --header-env HEADER=VARIABLE";

const BEARER: &str = "--bearer-env";
const BASIC: &str = "--basic-env";
const HEADER: &str = "--header-env";

/// The credential of each upstream that has one.
pub(in crate::cli) fn of(
    args: &CredentialArgs,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, Credential>, Failure> {
    let mut found = BTreeMap::new();
    for text in &args.bearer {
        let (upstream, name) = plain(BEARER, text, names)?;
        add(&mut found, upstream, bearer(name)?)?;
    }
    for text in &args.basic {
        let (upstream, name) = plain(BASIC, text, names)?;
        add(&mut found, upstream, basic(name)?)?;
    }
    for text in &args.header {
        let (place, name) = split(HEADER, text, "[UPSTREAM:]HEADER=VARIABLE")?;
        let (upstream, header) =
            place.split_once(':').map_or((None, place), |(one, header)| (Some(one), header));
        add(&mut found, one_of(HEADER, upstream, names)?, header_slot(header, name)?)?;
    }
    Ok(found)
}

fn add(
    found: &mut BTreeMap<String, Credential>,
    upstream: &str,
    credential: Credential,
) -> Result<(), Failure> {
    match found.insert(upstream.to_owned(), credential) {
        None => Ok(()),
        Some(_) => {
            Err(Failure::usage(format!("upstream `{upstream}` has two credentials; keep one")))
        }
    }
}

/// The upstream and the variable of an argument `[UPSTREAM=]VARIABLE`.
fn plain<'a>(
    option: &str,
    text: &'a str,
    names: &'a BTreeSet<String>,
) -> Result<(&'a str, &'a str), Failure> {
    let (upstream, name) =
        text.split_once('=').map_or((None, text), |(upstream, name)| (Some(upstream), name));
    Ok((one_of(option, upstream, names)?, name))
}

/// A credential is sent to one upstream only, so its name can be left out only if there is one.
fn one_of<'a>(
    option: &str,
    upstream: Option<&'a str>,
    names: &'a BTreeSet<String>,
) -> Result<&'a str, Failure> {
    match upstream {
        Some(upstream) => known(upstream, names).map(|()| upstream),
        None => only(names).ok_or_else(|| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            Failure::usage(format!(
                "{option}: the contract has several upstreams; say which one gets the credential: `{}`",
                names.join("`, `")
            ))
        }),
    }
}

fn bearer(name: &str) -> Result<Credential, Failure> {
    value(BEARER, name)?;
    let (option, variable) = (BEARER, name.to_owned());
    Ok(Credential { option, variable, slot: "bearer".into(), password: None, write: None })
}

fn basic(name: &str) -> Result<Credential, Failure> {
    let both = value(BASIC, name)?;
    let (user, password) = both.split_once(':').ok_or_else(|| {
        Failure::usage(format!(
            "{BASIC}: environment variable `{name}` has no `:`; set it to user:password"
        ))
    })?;
    let password = Some(Zeroizing::new(password.to_owned()));
    let (option, variable) = (BASIC, name.to_owned());
    Ok(Credential { option, variable, slot: table("basic", "user", user), password, write: None })
}

fn header_slot(header: &str, name: &str) -> Result<Credential, Failure> {
    value(HEADER, name)?;
    let (option, variable) = (HEADER, name.to_owned());
    Ok(Credential {
        option,
        variable,
        slot: table("header", "name", header),
        password: None,
        write: None,
    })
}

/// The value `{ kind = { key = value } }`.
fn table(kind: &str, key: &str, value: &str) -> toml::Value {
    let one = |key: &str, value: toml::Value| {
        toml::Value::Table([(key.to_owned(), value)].into_iter().collect())
    };
    one(kind, one(key, value.into()))
}

fn value(option: &str, name: &str) -> Result<Zeroizing<String>, Failure> {
    variable(name).map_err(|why| Failure::usage(format!("{option}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn given(bearer: &[&str], header: &[&str], names: &[&str]) -> String {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let args = CredentialArgs { bearer: texts(bearer), basic: vec![], header: texts(header) };
        match of(&args, &set(names)) {
            Ok(found) => format!("{found:?}"),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn a_credential_belongs_to_one_upstream() {
        // Every process has this variable; the host would refuse it as a secret.
        assert!(given(&["PATH"], &[], &["a"]).contains("{\"a\": Credential"));
        assert!(given(&["b=PATH"], &[], &["a", "b"]).contains("{\"b\": Credential"));
        assert!(given(&[], &["b:X-Key=PATH"], &["a", "b"]).contains("{\"b\": Credential"));
        for (bearer, header, names, words) in [
            (
                &["PATH"][..],
                &[][..],
                &["a", "b"][..],
                "say which one gets the credential: `a`, `b`",
            ),
            (&["PATH"][..], &["X-Key=PATH"][..], &["a"][..], "`a` has two credentials"),
            (&["c=PATH"][..], &[][..], &["a"][..], "no upstream `c`"),
            (&["NO_SUCH_VARIABLE"][..], &[][..], &["a"][..], "--bearer-env: environment variable"),
            (&[][..], &["X-Key"][..], &["a"][..], "write [UPSTREAM:]HEADER=VARIABLE"),
        ] {
            let said = given(bearer, header, names);
            assert!(said.contains(words), "{bearer:?} {header:?}: {said}");
        }
    }

    #[test]
    fn a_slot_is_written_as_in_deed_toml() {
        let slot = table("basic", "user", "a \"b\"");
        let text = format!("slot = {slot}");
        let read: toml::Table = toml::from_str(&text).unwrap();
        assert_eq!(read["slot"], slot);
    }
}
