//! One test case of a contract, for `deed contract test` and `deed adapter test`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use deed_record::contract::Contract;
use deed_record::lifecycle::outcome::Outcome;
use serde::Deserialize;
use serde_json::Value;

use crate::maintenance::contract_test::{ContractTest, RecordedAnswer};

/// One `[[case]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::cli) struct Case {
    pub(in crate::cli) name: String,
    pub(in crate::cli) params: Value,
    /// What the adapter computes, by the names of the parts of writes, if the contract is open.
    #[serde(default)]
    computed: BTreeMap<String, Value>,
    #[serde(default)]
    before: Vec<RecordedAnswer>,
    /// The answers to reads of `perform`, which only `deed adapter test` uses: `computed` already says what the adapter
    /// makes of them.
    #[serde(default)]
    pub(in crate::cli) reads: Vec<RecordedAnswer>,
    #[serde(default)]
    writes: Vec<RecordedAnswer>,
    #[serde(default)]
    after: Vec<RecordedAnswer>,
    /// The expected outcome.
    pub(in crate::cli) want: Outcome,
    /// A part of the expected reason.
    reason: Option<String>,
    /// The complete expected states before and after the action, and the complete expected outputs.
    pre: Option<Value>,
    post: Option<Value>,
    outputs: Option<BTreeMap<String, Value>>,
}

/// The result of a run.
#[derive(Debug)]
pub(in crate::cli) struct Found<'a> {
    pub(in crate::cli) outcome: Outcome,
    pub(in crate::cli) reason: &'a str,
    pub(in crate::cli) pre: &'a Value,
    pub(in crate::cli) post: Option<&'a Value>,
    pub(in crate::cli) outputs: &'a BTreeMap<String, Value>,
}

/// `NAME.cases.toml` beside `NAME.toml`.
pub(in crate::cli) fn beside(file: &Path) -> PathBuf {
    file.with_extension("cases.toml")
}

impl Case {
    pub(in crate::cli) fn test<'a>(&'a self, contract: &'a Contract) -> ContractTest<'a> {
        ContractTest {
            contract,
            params: &self.params,
            computed: &self.computed,
            before: &self.before,
            writes: &self.writes,
            after: &self.after,
        }
    }

    /// How the result differs from the expected one; empty if it does not differ.
    pub(in crate::cli) fn differences(&self, found: &Found<'_>) -> Vec<String> {
        let mut differences = Vec::new();
        if found.outcome != self.want {
            differences.push(format!("want = \"{}\"", self.want.as_str()));
        }
        if let Some(reason) = self.reason.as_ref().filter(|part| !found.reason.contains(*part)) {
            differences.push(format!("reason = \"{reason}\""));
        }
        let pre = found.pre;
        if let Some(wanted) = self.pre.as_ref().filter(|wanted| *wanted != pre) {
            differences.push(format!("pre = {wanted}, and it is {pre}"));
        }
        let post = found.post.unwrap_or(&Value::Null);
        if let Some(wanted) = self.post.as_ref().filter(|wanted| *wanted != post) {
            differences.push(format!("post = {wanted}, and it is {post}"));
        }
        if let Some(wanted) = self.outputs.as_ref().filter(|wanted| *wanted != found.outputs) {
            let show = |all: &BTreeMap<String, Value>| serde_json::json!(all).to_string();
            differences.push(format!(
                "outputs = {}, and they are {}",
                show(wanted),
                show(found.outputs)
            ));
        }
        differences
    }
}
