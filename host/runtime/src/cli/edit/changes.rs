//! The parameters of a changed version: those of a file or of the waiting action, in which single ones are replaced.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use deed_spec::json;
use serde_json::{Map, Value};

use super::super::out::Failure;
use super::super::proposal::split;
use crate::api::BODY_MAX;

/// What is to differ from the waiting action.
#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    /// A file with all parameters as one JSON object, or `-` for stdin; without this option, the parameters of the
    /// waiting action stay as they are, except those of --set
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// The new value of one parameter as JSON, so that a text has quotes; can be repeated
    #[arg(long, value_name = "NAME=JSON")]
    set: Vec<String>,
}

/// Parameters as they were typed.
#[derive(Debug)]
pub(super) struct Changes {
    all: Option<Map<String, Value>>,
    set: Map<String, Value>,
}

impl ChangeArgs {
    /// Whether the parameters come from stdin, which then cannot confirm anything.
    pub(super) fn are_on_stdin(&self) -> bool {
        self.params.as_deref().is_some_and(is_stdin)
    }

    /// Reads the parameters. Fails when there are none, or they are not strict JSON.
    pub(super) fn read(&self) -> Result<Changes, Failure> {
        if self.params.is_none() && self.set.is_empty() {
            return Err(Failure::usage(
                "no change is given: use --set NAME=JSON for one parameter, or --params FILE for all of them",
            ));
        }
        let set = single(&self.set)?;
        let all = self.params.as_deref().map(whole).transpose()?;
        Ok(Changes { all, set })
    }
}

impl Changes {
    /// All parameters of the changed version of an action with these parameters.
    pub(super) fn applied(self, before: &Value) -> Value {
        let kept = || before.as_object().cloned().unwrap_or_default();
        let mut params = self.all.unwrap_or_else(kept);
        params.extend(self.set);
        Value::Object(params)
    }
}

/// The parameters of `--set`. A refusal does not repeat a value, because the parameter may be private.
fn single(pairs: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut set = Map::new();
    for pair in pairs {
        let (name, text) = split("--set", pair, "NAME=JSON")?;
        let value = json::parse(text.as_bytes()).map_err(|error| {
            Failure::usage(format!(
                "--set {name}: the value is not strict JSON: {error}; a text needs quotes, as in --set \
                 '{name}=\"text\"'"
            ))
        })?;
        if set.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("--set names `{name}` twice; keep one")));
        }
    }
    Ok(set)
}

/// The parameters of `--params`.
fn whole(path: &Path) -> Result<Map<String, Value>, Failure> {
    let name = if is_stdin(path) { "stdin".to_owned() } else { format!("`{}`", path.display()) };
    let bytes = bytes(path).map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
    if bytes.len() > BODY_MAX {
        let max = BODY_MAX / 1024;
        return Err(Failure::Failed(format!(
            "{name} has more than {max} KiB, and the host reads no more; is this the right file?"
        )));
    }
    match json::parse(&bytes) {
        Ok(Value::Object(params)) => Ok(params),
        Ok(_) => Err(Failure::usage(format!(
            "{name} must have all parameters as one JSON object, such as {{\"user_id\": \"…\"}}"
        ))),
        Err(error) => Err(Failure::usage(format!("{name} is not strict JSON: {error}"))),
    }
}

/// Reads one byte more than the host accepts, so that a longer file is noticed.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(BODY_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if is_stdin(path) {
        io::stdin().take(most).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    fn set(list: &[&str]) -> Result<Value, Failure> {
        let args = ChangeArgs { params: None, set: texts(list) };
        Ok(args.read()?.applied(&json!({"user_id": "1", "level": 7})))
    }

    #[test]
    fn parameters_that_are_not_named_stay_as_they_are() {
        for (pairs, wanted) in [
            (&["user_id=\"2\""][..], json!({"user_id": "2", "level": 7})),
            (&["level=8", "tags=[\"a=b\"]"], json!({"user_id": "1", "level": 8, "tags": ["a=b"]})),
            (&["level=null"], json!({"user_id": "1", "level": null})),
        ] {
            assert_eq!(set(pairs).unwrap(), wanted, "{pairs:?}");
        }
        let all = json!({"user_id": "3"}).as_object().cloned();
        let changes = Changes { all, set: Map::new() };
        assert_eq!(changes.applied(&json!({"level": 7})), json!({"user_id": "3"}));
    }

    #[test]
    fn changes_are_strict() {
        for (pairs, words) in [
            (&[][..], "use --set NAME=JSON"),
            (&["level"], "write NAME=JSON"),
            (&["=1"], "write NAME=JSON"),
            (&["level=high"], "a text needs quotes, as in --set 'level=\"text\"'"),
            (&["level=1", "level=2"], "names `level` twice"),
            (&["level={\"a\": 1, \"a\": 2}"], "is not strict JSON"),
        ] {
            let failure = set(pairs).unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)), "{pairs:?}");
            assert!(failure.to_string().contains(words), "{pairs:?}: {failure}");
        }
        let failure = set(&["note=known to a few"]).unwrap_err().to_string();
        assert!(!failure.contains("known to a few"), "{failure}");
    }
}
