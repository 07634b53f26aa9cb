//! What policy says about an agent's actions under a contract before the agent proposes one.
//!
//! An answer names policies by their ids. It never has their texts.

use deed_record::policy::{Obligation, Reach};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What policy says about an agent's actions under a contract before the agent proposes one. The contract's own
/// conditions are not part of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Can {
    pub answer: CanAnswer,
    /// The facts on which the answer `depends`, such as `params.user_id`, `resource`, `resource.tier`, `sources`,
    /// `time`, `on_behalf_of`, `approvals.ROLE` or `pre.user.active`.
    pub depends_on: Vec<String>,
    /// The ids of the policies that read these facts, or that forbid every action.
    pub policies: Vec<String>,
    /// The approvals that an action needs if it is not denied.
    pub approval: Vec<NeededApproval>,
}

/// Whether policy denies an agent's actions under a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CanAnswer {
    /// Policy denies no action.
    Always,
    /// Whether policy denies an action, or which approvals it needs, depends on facts that are not known yet.
    Depends,
    /// Policy denies every action.
    Never,
}

/// Approvals of people in one role, or the confirmation by the responsible person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeededApproval {
    /// How many distinct persons must approve.
    pub count: u32,
    /// The role, or `confirm` for the confirmation by the responsible person.
    pub role: String,
    /// The id of the policy that requires the approvals.
    pub policy: String,
    /// Whether every action needs the approvals. Otherwise, this depends on the facts that are not known yet.
    pub always: bool,
}

impl NeededApproval {
    fn new(obligation: &Obligation, always: bool) -> Self {
        let Obligation { count, role, policy } = obligation;
        Self { count: *count, role: role.clone(), policy: policy.clone(), always }
    }
}

impl From<&Reach> for Can {
    fn from(reach: &Reach) -> Self {
        let needed = |always: &[Obligation], possible: &[Obligation]| {
            let always = always.iter().map(|one| NeededApproval::new(one, true));
            always.chain(possible.iter().map(|one| NeededApproval::new(one, false))).collect()
        };
        match reach {
            Reach::Never { by } => Self {
                answer: CanAnswer::Never,
                depends_on: Vec::new(),
                policies: by.clone(),
                approval: Vec::new(),
            },
            Reach::Depends { on, policies, approval, possible_approval } => Self {
                answer: CanAnswer::Depends,
                depends_on: on.iter().cloned().collect(),
                policies: policies.iter().cloned().collect(),
                approval: needed(approval, possible_approval),
            },
            Reach::Always { approval } => Self {
                answer: CanAnswer::Always,
                depends_on: Vec::new(),
                policies: Vec::new(),
                approval: needed(approval, &[]),
            },
        }
    }
}
