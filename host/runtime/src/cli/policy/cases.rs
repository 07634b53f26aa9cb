//! The test cases of `deed policy test`. Each case describes an action and the expected decision.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::action::{Proposal, Source};
use deed_record::policy::{Decision, Verdict};
use serde::Deserialize;
use serde_json::Value;

use crate::config::{Config, Tenant};
use crate::maintenance::policy_test::{GivenPlan, PolicyTest, PolicyTestError};

/// One `[[case]]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) tenant: Option<String>,
    agent: String,
    contract: String,
    params: Value,
    /// The environment of the action; when absent, the host's environment.
    environment: Option<String>,
    on_behalf_of: Option<String>,
    /// URIs of the proposal's sources.
    #[serde(default)]
    sources: Vec<String>,
    /// How many distinct persons approved, by role; `confirm = 1` if the responsible person confirmed the action.
    #[serde(default)]
    approvals: BTreeMap<String, u32>,
    /// The observed state by name; when absent, policy is evaluated as before the first observation.
    pre: Option<Value>,
    /// What policies see of the plan; when absent, policy is evaluated as before a rehearsal.
    plan: Option<GivenPlan>,
    /// `context.time`, in seconds since 1970-01-01T00:00:00Z; the current time when absent.
    time: Option<i64>,
    pub(super) want: Verdict,
    /// The complete set of expected obligations, such as `approve:1:support-lead` or `confirm`.
    pub(super) obligations: Option<BTreeSet<String>>,
    /// The complete set of ids of the policies that are expected to decide.
    pub(super) by: Option<BTreeSet<String>>,
}

impl Case {
    /// Decides the case as the host would. Fails when the case is not valid.
    pub(super) fn decide(
        &self,
        config: &Config,
        tenant: &Tenant,
        now_ms: i64,
    ) -> Result<Decision, PolicyTestError> {
        let trial = PolicyTest {
            tenant,
            environment: self.environment.as_deref().unwrap_or(&config.environment),
            agent: &self.agent,
            proposal: self.proposal(),
            approvals: &self.approvals,
            pre: self.pre.as_ref(),
            plan: self.plan.as_ref(),
            now_ms: self.time.map_or(now_ms, |seconds| seconds.saturating_mul(1000)),
        };
        trial.decide()
    }

    fn proposal(&self) -> Proposal {
        let source = |uri: &String| Source { uri: uri.clone(), sha256: None };
        Proposal {
            dry_run: false,
            contract: self.contract.clone(),
            params: self.params.clone(),
            intent: self.name.clone(),
            reasoning: None,
            on_behalf_of: self.on_behalf_of.clone(),
            sources: self.sources.iter().map(source).collect(),
            environment: None,
            expect: BTreeMap::new(),
        }
    }
}
