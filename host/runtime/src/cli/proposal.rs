//! Builds the proposal of `deed act`, which is the body of `POST /v1/actions`, from the command-line arguments.
//!
//! Types are not guessed: the contract defines the type of each `--param`.

use std::collections::BTreeMap;

use deed_record::action::{Proposal, Source};
use deed_record::contract::schema::{Kind, Schema};
use deed_spec::json;
use deed_spec::text::safe;
use serde_json::{Map, Value};

use super::out::Failure;

/// The arguments that form a proposal.
#[derive(Debug, clap::Args)]
pub(super) struct ProposalArgs {
    /// The contract's name, such as `idp.restore_access`
    contract: String,
    /// One parameter, of the type that the contract declares; write a string literally, and any other type as JSON
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// All parameters as one JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "param")]
    params: Option<String>,
    /// The purpose of the action, in a sentence for the approver
    #[arg(long, value_name = "TEXT")]
    intent: String,
    /// Why this action serves the purpose
    #[arg(long, value_name = "TEXT")]
    reasoning: Option<String>,
    /// The party on whose behalf the agent acts
    #[arg(long, value_name = "WHO")]
    on_behalf_of: Option<String>,
    /// A ticket or document that the action relies on; can be repeated
    #[arg(long, value_name = "URI")]
    source: Vec<String>,
    /// The expected environment; a host in a different environment denies the action
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A value that the state must have after the action, such as /user/active=true
    #[arg(long, value_name = "POINTER=JSON")]
    expect: Vec<String>,
}

/// A proposal from valid arguments, whose `--param` values do not have types yet.
#[derive(Debug)]
pub(super) struct Untyped {
    /// The proposal, still without the parameters that were given with `--param`.
    proposal: Proposal,
    /// Names and texts of the `--param` arguments.
    pairs: BTreeMap<String, String>,
}

impl ProposalArgs {
    /// Checks the arguments without contacting a host. Fails when an argument is not valid.
    pub(super) fn check(&self) -> Result<Untyped, Failure> {
        let source = |uri: &String| Source { uri: uri.clone(), sha256: None };
        let proposal = Proposal {
            dry_run: false,
            contract: self.contract.clone(),
            params: self.parameters()?,
            intent: self.intent.clone(),
            reasoning: self.reasoning.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            sources: self.source.iter().map(source).collect(),
            environment: self.environment.clone(),
            expect: expectations(&self.expect)?,
        };
        Ok(Untyped { proposal, pairs: pairs(&self.param)? })
    }

    /// The parameters from `--params`, which are already JSON.
    fn parameters(&self) -> Result<Value, Failure> {
        let Some(text) = &self.params else { return Ok(Value::Object(Map::new())) };
        match json::parse(text.as_bytes()) {
            Ok(value @ Value::Object(_)) => Ok(value),
            Ok(_) => Err(Failure::usage(
                "--params must be a JSON object, such as '{\"user_id\": \"…\"}'",
            )),
            Err(error) => Err(Failure::usage(format!("--params is not strict JSON: {error}"))),
        }
    }
}

impl Untyped {
    /// Completes the proposal. `declared` returns the contract's parameters, and is called only if a `--param` value
    /// needs a type. Fails when a value does not have the declared type.
    pub(super) fn proposal(
        self,
        declared: impl FnOnce(&str) -> Result<BTreeMap<String, Schema>, Failure>,
    ) -> Result<Proposal, Failure> {
        let Self { mut proposal, pairs } = self;
        if !pairs.is_empty() {
            let schemas = declared(&proposal.contract)?;
            let value = |(name, text): (&String, &String)| {
                Ok((name.clone(), typed(&proposal.contract, name, text, schemas.get(name))?))
            };
            let members: Result<Map<String, Value>, Failure> = pairs.iter().map(value).collect();
            proposal.params = Value::Object(members?);
        }
        Ok(proposal)
    }
}

pub(super) fn pairs(list: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut pairs = BTreeMap::new();
    for pair in list {
        let (name, text) = split("--param", pair, "NAME=VALUE")?;
        if pairs.insert(name.to_owned(), text.to_owned()).is_some() {
            return Err(Failure::usage(format!("--param names `{name}` twice; keep one")));
        }
    }
    Ok(pairs)
}

/// Converts the text of a parameter to its declared type. A parameter that the contract does not declare is sent as a
/// string; the host then refuses it, and names the declared parameters.
pub(super) fn typed(
    contract: &str,
    name: &str,
    text: &str,
    schema: Option<&Schema>,
) -> Result<Value, Failure> {
    let kind = match schema.and_then(Schema::kind) {
        Some(Kind::String | Kind::Decimal) | None => return Ok(Value::from(text)),
        Some(kind) => kind,
    };
    let value = json::parse(text.as_bytes()).ok().filter(|value| kind.is_of(value));
    value.ok_or_else(|| {
        let example = match kind {
            Kind::Boolean => "`true` or `false`",
            Kind::Array => "`[\"a\", \"b\"]`",
            Kind::Object => "`{\"name\": \"value\"}`",
            Kind::Integer | Kind::String | Kind::Decimal => "`7`",
        };
        Failure::usage(format!(
            "invalid value `{}` for --param {}: `{}` declares {}; write it as JSON, such as {example}",
            safe(text),
            safe(name),
            safe(contract),
            kind.name(),
        ))
    })
}

/// Parses the `--expect` arguments. A value must be JSON, so that a mistyped value such as `ture` is refused and not
/// taken as a string.
fn expectations(pairs: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut expect = BTreeMap::new();
    for pair in pairs {
        let (pointer, text) = split("--expect", pair, "POINTER=JSON")?;
        let value = json::parse(text.as_bytes()).map_err(|error| {
            Failure::usage(format!(
                "--expect {pointer}: `{text}` is not strict JSON: {error}; strings need quotes"
            ))
        })?;
        if expect.insert(pointer.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--expect names `{pointer}` twice; keep one")));
        }
    }
    Ok(expect)
}

/// The name and the text of an argument `NAME=TEXT`.
pub(super) fn split<'a>(
    option: &str,
    pair: &'a str,
    form: &str,
) -> Result<(&'a str, &'a str), Failure> {
    let parts = pair.split_once('=').filter(|(name, _)| !name.is_empty());
    parts
        .ok_or_else(|| Failure::usage(format!("invalid value `{pair}` for {option}: write {form}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn declared() -> BTreeMap<String, Schema> {
        let of = |kind: &str| serde_json::from_value(json!({ "type": kind })).unwrap();
        let kinds = ["string", "integer", "boolean", "array", "object"];
        kinds.map(|kind| (kind.to_owned(), of(kind))).into()
    }

    fn value(pair: &str) -> Result<Value, Failure> {
        let (name, text) = split("--param", pair, "NAME=VALUE")?;
        typed("a.b", name, text, declared().get(name))
    }

    #[test]
    fn a_parameter_has_the_type_that_the_contract_declares() {
        for (pair, wanted) in [
            ("string=123", json!("123")),
            ("string=true", json!("true")),
            ("string=\"x\"", json!("\"x\"")),
            ("string={}", json!("{}")),
            ("string=", json!("")),
            ("string=a=b", json!("a=b")),
            ("integer=-7", json!(-7)),
            ("boolean=false", json!(false)),
            ("array=[1, \"a\"]", json!([1, "a"])),
            ("object={\"x\": [1]}", json!({"x": [1]})),
            ("undeclared=7", json!("7")),
        ] {
            assert_eq!(value(pair).unwrap(), wanted, "{pair}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_named_with_the_type() {
        for (pair, words) in [
            ("integer=seven", "--param integer: `a.b` declares an integer"),
            ("integer=\"7\"", "an integer"),
            ("integer=1.5", "an integer"),
            ("integer=12345678901234567890123456789012", "an integer"),
            ("boolean=yes", "declares a boolean; write it as JSON, such as `true` or `false`"),
            ("array=a,b", "an array"),
            ("object=[]", "an object"),
        ] {
            let failure = value(pair).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)), "{pair}");
            assert!(failure.to_string().contains(words), "{pair}: {failure}");
        }
    }

    #[test]
    fn pairs_have_a_name_each_once() {
        for bad in [&["a"][..], &["=1"], &["a=1", "a=2"]] {
            assert!(matches!(pairs(&texts(bad)), Err(Failure::Usage(_))), "{bad:?}");
        }
    }

    #[test]
    fn expectations_are_strict() {
        let expect = expectations(&texts(&["/user/active=true"])).unwrap();
        assert_eq!(expect, BTreeMap::from([("/user/active".to_owned(), json!(true))]));
        for bad in [&["/user/active=ture"][..], &["/user/active"], &["/a=1", "/a=1"]] {
            assert!(matches!(expectations(&texts(bad)), Err(Failure::Usage(_))), "{bad:?}");
        }
    }
}
