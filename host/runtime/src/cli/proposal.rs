//! What `deed act` proposes: takes arguments as people type them, gives the body of `POST /v1/actions`.
//!
//! Never guesses twice: a value is JSON when it reads as strict JSON, else it is text.

use std::collections::BTreeMap;

use deed_record::action::{Proposal, Source};
use deed_record::json;
use serde_json::{Map, Value};

use super::out::Failure;

/// What is asked for, and why.
#[derive(Debug, clap::Args)]
pub(super) struct ProposalArgs {
    /// The contract's name, such as `idp.restore_access`
    contract: String,
    /// One parameter; VALUE is JSON where it reads as JSON, else text
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// All parameters as one JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "param")]
    params: Option<String>,
    /// What this is for, in a sentence that an approver understands
    #[arg(long, value_name = "TEXT")]
    intent: String,
    /// Why this is the right thing to do
    #[arg(long, value_name = "TEXT")]
    reasoning: Option<String>,
    /// Who asked for it
    #[arg(long, value_name = "WHO")]
    on_behalf_of: Option<String>,
    /// A ticket or document that this relies on; more than one is fine
    #[arg(long, value_name = "URI")]
    source: Vec<String>,
    /// The environment you believe to act in; if it is another, nothing happens
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A value that must be there afterwards, such as /user/active=true
    #[arg(long, value_name = "POINTER=JSON")]
    expect: Vec<String>,
}

impl ProposalArgs {
    pub(super) fn proposal(&self) -> Result<Proposal, Failure> {
        let source = |uri: &String| Source { uri: uri.clone(), sha256: None };
        Ok(Proposal {
            contract: self.contract.clone(),
            params: self.parameters()?,
            intent: self.intent.clone(),
            reasoning: self.reasoning.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            sources: self.source.iter().map(source).collect(),
            environment: self.environment.clone(),
            expect: expectations(&self.expect)?,
        })
    }

    fn parameters(&self) -> Result<Value, Failure> {
        match &self.params {
            None => parameters(&self.param),
            Some(text) => match json::parse(text.as_bytes()) {
                Ok(value @ Value::Object(_)) => Ok(value),
                Ok(_) => Err(Failure::usage(
                    "--params takes a JSON object, such as '{\"user_id\": \"…\"}'",
                )),
                Err(error) => Err(Failure::usage(format!("--params is no strict JSON: {error}"))),
            },
        }
    }
}

fn parameters(pairs: &[String]) -> Result<Value, Failure> {
    let mut members = Map::new();
    for pair in pairs {
        let (name, text) = split("--param", pair, "NAME=VALUE")?;
        let value = json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text));
        if members.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--param names `{name}` twice; keep one")));
        }
    }
    Ok(Value::Object(members))
}

/// Expectations are judged, so a slip of the pen must not become a text: the value is JSON.
fn expectations(pairs: &[String]) -> Result<BTreeMap<String, Value>, Failure> {
    let mut expect = BTreeMap::new();
    for pair in pairs {
        let (pointer, text) = split("--expect", pair, "POINTER=JSON")?;
        let value = json::parse(text.as_bytes()).map_err(|error| {
            Failure::usage(format!(
                "--expect {pointer}: `{text}` is no strict JSON: {error}; texts need quotes"
            ))
        })?;
        if expect.insert(pointer.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--expect names `{pointer}` twice; keep one")));
        }
    }
    Ok(expect)
}

fn split<'a>(option: &str, pair: &'a str, form: &str) -> Result<(&'a str, &'a str), Failure> {
    let parts = pair.split_once('=').filter(|(name, _)| !name.is_empty());
    parts.ok_or_else(|| Failure::usage(format!("{option} takes {form}, and `{pair}` is not that")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn parameters_are_json_where_they_read_as_json() {
        let pairs = texts(&[
            "a=1",
            "b=true",
            "c=plain text",
            "d=\"1\"",
            "e={\"x\":[1]}",
            "f=",
            "g=a=b",
            "h=1.5",
        ]);
        let wanted = json!({"a": 1, "b": true, "c": "plain text", "d": "1", "e": {"x": [1]}, "f": "", "g": "a=b", "h": "1.5"});
        assert_eq!(parameters(&pairs).unwrap(), wanted);
        // An id of 32 decimal digits is beyond any integer that JSON readers keep, and stays text.
        let id = "12345678901234567890123456789012";
        assert_eq!(parameters(&texts(&[&format!("id={id}")])).unwrap(), json!({"id": id}));
        for bad in [&["a"][..], &["=1"], &["a=1", "a=2"]] {
            assert!(matches!(parameters(&texts(bad)), Err(Failure::Usage(_))), "{bad:?}");
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
