mod bundle;
mod load;
mod plan;
mod reach;

use serde_json::json;

use super::*;
use crate::action::id::ActionId;
use crate::fixtures;

const BASE: &str = r#"@id("anyone-may-restore")
permit (principal, action == Deed::Action::"idp.restore_access", resource);
"#;

const LEAD: &str = r#"@id("restore-needs-lead") @obligation("approve:1:support-lead")
forbid (principal, action == Deed::Action::"idp.restore_access", resource) when { context.environment == "production" };
"#;

fn schema(value: Value) -> Schema {
    serde_json::from_value(value).unwrap()
}

fn vocabulary() -> Vocabulary {
    let params = schema(json!({"required": ["user_id"], "properties": {
        "user_id": {"type": "string"}, "cents": {"type": "integer"}, "x-note": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "in": {"properties": {"deep": {"type": "boolean"}}},
    }}));
    let user = schema(
        json!({"required": ["id"], "properties": {"id": {"type": "string"}, "active": {"type": "boolean"}}}),
    );
    let shape = ActionShape { params, state: BTreeMap::from([("user".into(), user)]), plan: None };
    Vocabulary {
        actions: BTreeMap::from([
            ("idp.restore_access".into(), shape.clone()),
            ("idp.read_user".into(), shape),
        ]),
        roles: BTreeSet::from(["support-lead".into(), "security \"x\"".into()]),
        attributes: BTreeMap::from([
            ("protected".into(), AttributeType::Bool),
            ("if".into(), AttributeType::Long),
        ]),
    }
}

fn facts() -> Facts {
    Facts {
        attributes: BTreeMap::from([("protected".into(), json!(false))]),
        params: json!({"user_id": "1", "cents": 5, "tags": ["a", "a"], "in": {"deep": true}}),
        ..fixtures::facts()
    }
}

fn try_compile(sources: &[&str]) -> Result<Policies, CompileError> {
    let sources: Vec<(String, String)> = sources
        .iter()
        .enumerate()
        .map(|(n, text)| (format!("{n}.cedar"), (*text).to_owned()))
        .collect();
    super::compile(&sources, &vocabulary())
}

fn set(sources: &[&str]) -> Policies {
    try_compile(sources).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(sources: &[&str]) -> CompileError {
    try_compile(sources).unwrap_err()
}

/// Evaluates the facts, and checks that the bundle's files result in the same decision.
fn decide(policies: &Policies, facts: &Facts) -> Decision {
    let decision = policies.evaluate(facts);
    let snapshot = policies.snapshot(facts);
    let again =
        reevaluate(policies.text(), policies.schema(), &snapshot.entities, &snapshot.request)
            .unwrap();
    assert_eq!(again, decision);
    decision
}

#[test]
fn an_empty_set_denies_and_says_so() {
    let decision = decide(&set(&[]), &facts());
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(decision.reason.unwrap().contains("no policies"));
}

#[test]
fn a_permit_allows_and_is_named() {
    let decision = decide(&set(&[BASE]), &facts());
    assert_eq!(
        (decision.verdict, decision.determining),
        (Verdict::Allow, vec!["anyone-may-restore".to_owned()])
    );
    assert_eq!((decision.reason, decision.errors), (None, vec![]));
}

#[test]
fn without_a_permit_nothing_is_allowed_or_asked() {
    let decision = decide(&set(&[LEAD]), &facts());
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.causes(), [""; 0], "an approval that is missing denies nothing");
    let other = Facts { contract: "idp.read_user".into(), ..facts() };
    let decision = decide(&set(&[BASE]), &other);
    assert_eq!((decision.verdict, decision.not_applied), (Verdict::Deny, vec![]));
    assert_eq!(decision.reason.as_deref(), Some("no policy permits this action"));
}

#[test]
fn an_obligation_asks_until_it_is_met() {
    let policies = set(&[BASE, LEAD]);
    assert!(policies.text().contains(r#" unless { context.approvals["support-lead"] >= 1 };"#));
    let asked = decide(&policies, &facts());
    assert_eq!(asked.verdict, Verdict::Ask);
    let wanted =
        Obligation { count: 1, role: "support-lead".into(), policy: "restore-needs-lead".into() };
    assert_eq!(asked.obligations, [wanted]);
    assert_eq!(asked.determining, ["anyone-may-restore", "restore-needs-lead"]);
    assert_eq!(asked.causes(), asked.determining);
    let approved = Facts { approvals: BTreeMap::from([("support-lead".into(), 1)]), ..facts() };
    let allowed = decide(&policies, &approved);
    assert_eq!(
        (allowed.verdict, allowed.not_applied),
        (Verdict::Allow, vec!["restore-needs-lead".to_owned()])
    );
    let elsewhere = Facts { environment: "staging".into(), ..facts() };
    assert_eq!(decide(&policies, &elsewhere).verdict, Verdict::Allow);
}

#[test]
fn a_plain_forbid_beats_every_approval() {
    let hard = r#"@id("never-protected") forbid (principal, action, resource) when { resource has protected && resource.protected };"#;
    let protected =
        Facts { attributes: BTreeMap::from([("protected".into(), json!(true))]), ..facts() };
    let decision = decide(&set(&[BASE, LEAD, hard]), &protected);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.determining, ["never-protected", "restore-needs-lead"]);
    assert_eq!(decision.causes(), ["never-protected"]);
    assert_eq!(decision.obligations, []);
}

#[test]
fn a_forbid_that_errs_denies() {
    let overflow = r#"@id("limit") forbid (principal, action, resource) when { context.params has cents && context.params.cents * 9000000000000 > 1 };"#;
    let large = Facts {
        params: json!({"user_id": "1", "cents": 9_007_199_254_740_991_i64}),
        environment: "staging".into(),
        ..facts()
    };
    let decision = decide(&set(&[BASE, overflow]), &large);
    assert_eq!(decision.verdict, Verdict::Deny);
    assert!(decision.errors[0].contains("overflow"), "{:?}", decision.errors);
}

#[test]
fn facts_of_the_wrong_shape_deny() {
    let policies = set(&[BASE]);
    for params in [
        json!({}),
        json!({"user_id": 1}),
        json!({"user_id": "1", "extra": true}),
        json!({"user_id": null}),
        json!({"user_id": 1.5}),
        json!({"user_id": {"__entity": {"type": "Deed::Agent", "id": "helpdesk"}}}),
        json!({"__entity": {"type": "Deed::Agent", "id": "helpdesk"}}),
        json!({"user_id": {"__extn": {"fn": "ip", "arg": "127.0.0.1"}}}),
        json!("x"),
    ] {
        let decision = decide(&policies, &Facts { params: params.clone(), ..facts() });
        assert_eq!((decision.verdict, decision.errors.len()), (Verdict::Deny, 1), "{params}");
    }
    let unknown = [
        Facts { contract: "idp.delete_user".into(), ..facts() },
        Facts { approvals: BTreeMap::from([("nobody".into(), 1)]), ..facts() },
        Facts { attributes: BTreeMap::from([("owner".into(), json!("x"))]), ..facts() },
        Facts { pre: Some(json!({"group": {}})), ..facts() },
    ];
    for facts in unknown {
        assert_eq!(decide(&policies, &facts).verdict, Verdict::Deny, "{facts:?}");
    }
}

#[test]
fn names_that_look_like_cedar_stay_names() {
    let hostile = Facts {
        agent: "a\" || true // \\".into(),
        resource: "idp/users/\"\n\u{202e}".into(),
        params: json!({"user_id": "Deed::Agent::\"x\"", "x-note": "}; permit(principal, action, resource);"}),
        environment: "staging".into(),
        ..facts()
    };
    let policies = set(&[
        BASE,
        r#"@id("me") forbid (principal == Deed::Agent::"helpdesk", action, resource);"#,
    ]);
    assert_eq!(decide(&policies, &hostile).verdict, Verdict::Allow);
    assert_eq!(decide(&policies, &facts()).verdict, Verdict::Deny);
}

#[test]
fn forbids_may_judge_what_was_observed() {
    let text = r#"@id("only-locked") forbid (principal, action, resource) when { context has pre && context.pre has user && context.pre.user has active && context.pre.user.active };"#;
    let policies = set(&[BASE, text]);
    let seen = |active: bool| Facts { pre: Some(json!({"user": {"active": active}})), ..facts() };
    assert_eq!(decide(&policies, &facts()).verdict, Verdict::Allow);
    assert_eq!(decide(&policies, &seen(false)).verdict, Verdict::Allow);
    assert_eq!(decide(&policies, &seen(true)).verdict, Verdict::Deny);
    assert_eq!(
        decide(&policies, &Facts { pre: Some(json!({})), ..facts() }).verdict,
        Verdict::Allow
    );
}

#[test]
fn obligations_keep_other_conditions_and_comments() {
    let text = "@id(\"a\")@obligation(\"approve:2:security \\\"x\\\"\")\nforbid (principal, action, resource) when { context.mode == \"write\" } unless { context.environment == \"staging\" } // last; word\n;// end";
    let policies =
        set(&[BASE, text, "@id(\"b\") forbid (principal, action, resource) when { false };"]);
    let decision = decide(&policies, &facts());
    assert_eq!(
        decision.obligations,
        [Obligation { count: 2, role: "security \"x\"".into(), policy: "a".into() }]
    );
    let one = Facts { approvals: BTreeMap::from([("security \"x\"".into(), 1)]), ..facts() };
    assert_eq!(decide(&policies, &one).verdict, Verdict::Ask);
    let two = Facts { approvals: BTreeMap::from([("security \"x\"".into(), 2)]), ..facts() };
    assert_eq!(decide(&policies, &two).verdict, Verdict::Allow);
    assert_eq!(
        decide(&policies, &Facts { environment: "staging".into(), ..facts() }).verdict,
        Verdict::Allow
    );
}

/// A decision can depend on a private parameter only if a policy of the set reads that parameter.
#[test]
fn a_policy_reads_a_parameter_when_its_answer_can_rest_on_the_value() {
    let reads = |when: &str, param: &str| {
        let policy = format!(
            "@id(\"one\")\npermit (principal, action == Deed::Action::\"idp.restore_access\", \
             resource) when {{ {when} }};"
        );
        try_compile(&[BASE, LEAD, &policy]).unwrap().reads("idp.restore_access", param)
    };
    for (when, param) in [
        ("context.params.user_id like \"a*\"", "user_id"),
        ("[\"a\", \"b\"].contains(context.params[\"user_id\"])", "user_id"),
        ("context.params has \"x-note\" && context.params[\"x-note\"] == \"n\"", "x-note"),
        ("principal.person == context.params.user_id", "user_id"),
    ] {
        assert!(reads(when, param), "{when}");
    }
    for (when, param) in [
        ("context.params has cents && context.params.cents > 3", "user_id"),
        ("context.params.user_id like \"a*\"", "x-note"),
        ("context.params has \"x-note\"", "x-note"),
        ("true", "user_id"),
    ] {
        assert!(!reads(when, param), "{when}");
    }
    let other = try_compile(&[
        BASE,
        "@id(\"one\")\npermit (principal, action, resource) \
         when { context.params.user_id == \"a\" };",
    ]);
    assert!(other.unwrap().reads("idp.read_user", "user_id"), "of every action");
}

#[test]
fn only_allow_gives_leave_and_only_for_what_was_asked_about() {
    let action = ActionId::new(1, [0; 10]);
    let asked = |policies: &Policies, facts: &Facts| policies.permit(&action, 1, facts, None);
    let policies = set(&[BASE, LEAD]);
    let (decision, permit) = asked(&policies, &facts());
    assert_eq!((decision.verdict, permit.is_none()), (Verdict::Ask, true));
    let (decision, permit) = asked(&set(&[LEAD]), &facts());
    assert_eq!((decision.verdict, permit.is_none()), (Verdict::Deny, true));
    let approved = Facts { approvals: BTreeMap::from([("support-lead".into(), 1)]), ..facts() };
    let leave = || {
        let (decision, permit) = asked(&policies, &approved);
        assert_eq!(decision, policies.evaluate(&approved));
        permit.unwrap()
    };
    let other = ActionId::new(2, [0; 10]);
    assert!(leave().covers(&action, 1, "acme", "idp.restore_access"));
    assert!(!leave().covers(&other, 1, "acme", "idp.restore_access"));
    assert!(!leave().covers(&action, 2, "acme", "idp.restore_access"));
    assert!(!leave().covers(&action, 1, "globex", "idp.restore_access"));
    assert!(!leave().covers(&action, 1, "acme", "idp.read_user"));
    let basis =
        PermitBasis { policy_set: policies.digest(), pre: approved.pre.clone(), plan: None };
    assert!(leave().is_based_on(&basis));
    let policy_set = set(&[BASE]).digest();
    assert!(!leave().is_based_on(&PermitBasis { policy_set, ..basis.clone() }));
    assert!(!leave().is_based_on(&PermitBasis { pre: Some(json!({"user": {}})), ..basis }));
}

/// There is no permit if the question is allowed with the recorded commitments but denied with the private values.
#[test]
fn leave_rests_on_the_values_of_private_parameters() {
    let policies = set(&[
        BASE,
        "@id(\"not-two\") forbid (principal, action == Deed::Action::\"idp.restore_access\", resource) \
         when { context.params.user_id == \"2\" };",
    ]);
    let (action, live) = (ActionId::new(1, [0; 10]), Live::new(json!({"user_id": "2"})));
    assert!(policies.permit(&action, 1, &facts(), None).1.is_some());
    let (decision, permit) = policies.permit(&action, 1, &facts(), Some(&live));
    assert!(decision.rests_on_private && permit.is_none());
}
