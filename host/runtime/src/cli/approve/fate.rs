//! Determines from the host's view of an action whether a signed answer counts.
//!
//! A submitted answer does not always count: before the action runs, the host compares the current state with the state
//! that was signed.

use deed_record::lifecycle::outcome::Outcome;
use deed_record::statement::approval::{Answer, Terms};

use crate::api::view::View;

/// Whether an answer counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The answer counts: the action continues, waits for other approvers, or ended because of the answer.
    Counts,
    /// The host does not know yet whether the answer counts, because it still reads the state or another action holds
    /// the resource.
    Open,
    /// The answer does not count, for this reason.
    Void(String),
}

impl Fate {
    /// Determines whether the answer with these terms counts.
    pub(super) fn of(view: &View, terms: &Terms) -> Self {
        match (terms.decision, view.outcome) {
            (Answer::Deny, Some(Outcome::Denied)) => Self::Counts,
            (Answer::Deny, Some(_))
            | (Answer::Approve, Some(Outcome::Denied | Outcome::Expired | Outcome::Cancelled)) => {
                Self::Void(ended(view))
            }
            (Answer::Approve, Some(_)) => Self::Counts,
            (Answer::Deny, None) => Self::Open,
            (Answer::Approve, None) => Self::under_way(view, terms),
        }
    }

    fn under_way(view: &View, terms: &Terms) -> Self {
        let own = |said: &&crate::api::view::Said| {
            said.approves && said.person == terms.person && said.role == terms.role
        };
        match view.approvals.iter().rev().find(own) {
            Some(said) if !said.counts => Self::Void(stale(view)),
            None => Self::Void("the host does not list it".to_owned()),
            // The action waits for more approvers, or the host's checks before the run have passed.
            Some(_) if !view.obligations.is_empty() || view.status == "running" => Self::Counts,
            Some(_) => Self::Open,
        }
    }
}

fn ended(view: &View) -> String {
    let reason = view.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("the action ended as `{}`{reason}", view.status)
}

fn stale(view: &View) -> String {
    let reason = view.stale.last().map_or("state, policy or configuration changed", String::as_str);
    format!("{reason}; approval is requested again")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use deed_spec::digest::Digest;
    use serde_json::{Value, json};

    use super::*;

    fn terms(decision: Answer) -> Terms {
        let digest = Digest::of(b"");
        Terms {
            plan: None,
            contract: digest,
            adapter: digest,
            binding: BTreeMap::new(),
            pre_state: digest,
            policy_set: digest,
            decision,
            person: "bob".into(),
            role: "lead".into(),
            nonce: String::new(),
            expires_ms: 0,
            reason: None,
            shown: None,
        }
    }

    fn fate(decision: Answer, status: &str, counts: &[bool], obligations: &[&str]) -> Fate {
        let said = |counts: &bool| json!({"person": "bob", "role": "lead", "approves": true, "counts": counts});
        let said: Vec<Value> = counts.iter().map(said).collect();
        let outcome = if ["waiting", "pending", "running"].contains(&status) {
            Value::Null
        } else {
            status.into()
        };
        let view = json!({
            "id": "act_x", "status": status, "outcome": outcome, "reason": "because", "contract": "a.b",
            "resource": "r", "agent": "a", "person": "p", "environment": "e", "intent": "i", "sources": [],
            "obligations": obligations, "approvals": said, "stale": ["the state changed"], "calls": [],
            "changes": [], "unexpected": [], "checks": [], "proposed_ms": 0, "at_ms": 0, "ledger": []
        });
        Fate::of(&serde_json::from_value(view).unwrap(), &terms(decision))
    }

    #[test]
    fn an_approval_counts_unless_the_gate_or_the_end_says_otherwise() {
        let lead = ["approve:1:lead"];
        for (status, counts, obligations) in [
            ("verified", &[true][..], &[][..]),
            ("failed", &[true], &[]),
            ("running", &[true], &[]),
            ("waiting", &[true], &lead),
            ("waiting", &[false, true], &lead),
        ] {
            assert_eq!(
                fate(Answer::Approve, status, counts, obligations),
                Fate::Counts,
                "{status}"
            );
        }
        for status in ["waiting", "pending"] {
            assert_eq!(fate(Answer::Approve, status, &[true], &[]), Fate::Open, "{status}");
        }
        for (status, counts, why) in [
            ("waiting", &[false][..], "the state changed; approval is requested again"),
            ("waiting", &[], "the host does not list it"),
            ("denied", &[true], "the action ended as `denied`: because"),
            ("expired", &[true], "the action ended as `expired`: because"),
            ("cancelled", &[true], "the action ended as `cancelled`: because"),
        ] {
            let void = Fate::Void(why.to_owned());
            assert_eq!(fate(Answer::Approve, status, counts, &lead), void, "{status}");
        }
    }

    #[test]
    fn a_denial_ends_the_action_or_came_too_late() {
        assert_eq!(fate(Answer::Deny, "denied", &[], &[]), Fate::Counts);
        assert_eq!(fate(Answer::Deny, "waiting", &[], &[]), Fate::Open);
        assert!(matches!(fate(Answer::Deny, "expired", &[], &[]), Fate::Void(_)));
    }
}
