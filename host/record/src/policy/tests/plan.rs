//! Tests of policies that read the plan of an action with an open contract.

use super::*;

const REFERENCE: &str = include_str!("../../../../../contracts/REFERENCE.md");

/// A vocabulary in which `idp.restore_access` is open and `idp.read_user` is closed.
fn opened() -> Vocabulary {
    let part = |value, is_repeated| Computed { schema: schema(value), is_repeated };
    let parts = BTreeMap::from([
        ("owner".to_owned(), part(json!({"type": "string"}), false)),
        ("labels".to_owned(), part(json!({"type": "string"}), true)),
        ("price".to_owned(), part(json!({"type": "decimal"}), false)),
        (
            "lines".to_owned(),
            part(
                json!({"required": ["sku"], "properties": {"sku": {"type": "string"}, "in": {"type": "integer"}}}),
                true,
            ),
        ),
    ]);
    let mut vocabulary = vocabulary();
    vocabulary.actions.get_mut("idp.restore_access").unwrap().plan = Some(parts);
    vocabulary
}

fn try_opened(text: &str) -> Result<Policies, CompileError> {
    super::super::compile(&[("plan.cedar".to_owned(), format!("{BASE}{text}"))], &opened())
}

fn forbid(condition: &str) -> String {
    format!(
        "@id(\"it\") forbid (principal, action == Deed::Action::\"idp.restore_access\", resource) \
         when {{ {condition} }};"
    )
}

/// Facts at the gate, with a plan of this many writes and these computed values.
fn planned(count: u32, any: &Value) -> Facts {
    let plan = json!({
        "sha256": Digest::of(b"plan"), "count": count, "methods": ["POST", "PUT"], "any": any,
    });
    Facts { pre: Some(json!({})), plan: Some(plan), ..facts() }
}

#[test]
fn only_an_open_contract_has_a_plan_in_the_schema() {
    let text = opened().schema();
    let plan = "plan?: { sha256: String, count: Long, methods: Set<String>, any: { labels?: Set<String>, \
                lines?: Set<{ \"in\"?: Long, sku?: String }>, owner?: String, price?: __cedar::decimal } }";
    assert_eq!(text.matches(plan).count(), 1, "{text}");
    assert_eq!(text.matches("plan?").count(), 1, "{text}");
    assert!(!vocabulary().schema().contains("plan"));
}

#[test]
fn forbids_may_judge_what_was_computed() {
    let denied = |condition: &str, facts: &Facts| {
        let policies = try_opened(&forbid(condition)).unwrap_or_else(|error| panic!("{error}"));
        decide(&policies, facts).verdict == Verdict::Deny
    };
    let any = json!({
        "owner": "carol", "labels": ["a", "b"], "lines": [{"sku": "x", "in": 2}, {}],
        "price": {"__extn": {"fn": "decimal", "arg": "10.5"}},
    });
    let facts = planned(4, &any);
    for condition in [
        "context has plan && context.plan.count > 3",
        "context has plan && context.plan.methods.contains(\"PUT\")",
        "context has plan.any.owner && context.plan.any.owner == \"carol\"",
        "context has plan.any.labels && !([\"a\"].containsAll(context.plan.any.labels))",
        "context has plan.any.price && context.plan.any.price.greaterThan(decimal(\"10.0\"))",
        "context has plan.any.lines && !context.plan.any.lines.isEmpty()",
    ] {
        assert!(denied(condition, &facts), "{condition}");
        let before = Facts { pre: Some(json!({})), ..super::facts() };
        assert!(!denied(condition, &before), "there is no plan yet: {condition}");
    }
    let none = planned(1, &json!({}));
    assert!(!denied("context has plan.any.owner", &none), "the part is not planned");
}

#[test]
fn a_plan_of_another_shape_denies() {
    let policies = try_opened("").unwrap();
    assert_eq!(decide(&policies, &planned(1, &json!({}))).verdict, Verdict::Allow);
    let whole = planned(1, &json!({"labels": []})).plan.unwrap();
    let without = |member: &str| {
        let mut plan = whole.clone();
        plan.as_object_mut().unwrap().remove(member);
        plan
    };
    let mut more = whole.clone();
    more["surprise"] = json!(1);
    for plan in [
        without("sha256"),
        without("count"),
        without("any"),
        more,
        planned(1, &json!({"owner": 7})).plan.unwrap(),
        planned(1, &json!({"labels": "a"})).plan.unwrap(),
        planned(1, &json!({"unknown": "a"})).plan.unwrap(),
    ] {
        let decision = decide(&policies, &Facts { plan: Some(plan.clone()), ..facts() });
        assert_eq!((decision.verdict, decision.errors.len()), (Verdict::Deny, 1), "{plan}");
    }
    let closed = Facts { contract: "idp.read_user".into(), ..planned(1, &json!({})) };
    let permit =
        "@id(\"read\") permit (principal, action == Deed::Action::\"idp.read_user\", resource);";
    let decision = decide(&try_opened(permit).unwrap(), &closed);
    assert_eq!(decision.verdict, Verdict::Deny, "a closed contract has no plan");
}

#[test]
fn permits_must_not_judge_a_plan() {
    for condition in [
        "context has plan",
        "context has plan.any.owner && context.plan.any.owner == \"alice\"",
        "context has plan && context.plan.count < 3",
        "(if true then context else context) has plan",
    ] {
        let permit =
            format!("@id(\"p\")\npermit (principal, action, resource) when {{ {condition} }};");
        let error = try_opened(&permit).unwrap_err();
        assert!(error.what.contains("a permit"), "{condition}: {error}");
        assert!(error.remedy.contains("forbid"), "{condition}: {error}");
    }
    let error =
        try_opened("@id(\"p\") permit (principal, action, resource) when { context has plan };");
    assert!(error.unwrap_err().to_string().contains("reads `context.plan`"));
    // A forbid over every action may read the plan if it asks first whether there is one.
    let all = |condition: &str| {
        try_opened(&format!(
            "@id(\"it\") forbid (principal, action, resource) when {{ {condition} }};"
        ))
    };
    assert!(all("context.plan.count > 3").is_err(), "`plan` may be absent");
    assert!(all("context has plan && context.plan.count > 3").is_ok());
}

/// Cedar accepts a name after `has` that no contract declares, and the policy would never apply.
#[test]
fn a_name_that_no_contract_declares_is_refused() {
    let (all, open) = ("action", "action == Deed::Action::\"idp.restore_access\"");
    let closed = "action == Deed::Action::\"idp.read_user\"";
    let totl = "no contract that this policy concerns has a computed part `totl`; the parts are `labels`, `lines`, \
                `owner`, `price`";
    let usr = "no contract that this policy concerns has a state `usr`; the states are `user`";
    let forbid = |action: &str, condition: &str| {
        try_opened(&format!(
            "@id(\"it\") forbid (principal, {action}, resource) when {{ {condition} }};"
        ))
    };
    for (action, condition, why) in [
        (open, "context has plan.any.totl && context.plan.any.totl == \"x\"", totl),
        (all, "context has plan.any.totl && context.plan.any.totl == \"x\"", totl),
        (all, "context has plan && context.plan has any.totl", totl),
        (all, "context has plan && context.plan.any has totl", totl),
        (
            all,
            "context has plan && (context.plan.any has owner || context.plan.any has totl)",
            totl,
        ),
        (all, "context has plan && [context.plan.any has totl].contains(true)", totl),
        (all, "context has plan && {a: context.plan.any has totl}.a", totl),
        (
            all,
            "context has plan.cont && context.plan.cont > 3",
            "`context.plan` has no `cont`; the members are",
        ),
        (closed, "context has plan.any.owner", "a computed part `owner`; there are no parts"),
        (all, "context has pre.usr.active && context.pre.usr.active", usr),
        (open, "context has pre && context.pre has usr", usr),
    ] {
        let error = forbid(action, condition).unwrap_err();
        assert_eq!((error.line, error.policy.as_str()), (3, "it"), "{error}");
        assert!(error.to_string().contains(why), "{condition}: {error}");
    }
    for condition in [
        "context has plan.any.owner",
        "context has plan && context.plan.any has lines",
        "context has pre.user.active",
        "{plan: {any: {totl: 1}}}.plan.any has totl",
        "context.params.user_id == \"plan.any.totl\"",
    ] {
        let made = forbid(all, condition);
        assert!(made.is_ok(), "{condition}: {:?}", made.err());
    }
    // A policy over all actions may be older than the first open contract.
    let text = format!(
        "{BASE}@id(\"it\") forbid (principal, action, resource) when {{ context has plan.any.x }};"
    );
    assert!(super::super::compile(&[("p.cedar".to_owned(), text)], &vocabulary()).is_ok());
}

#[test]
fn a_member_of_a_computed_part_is_declared_by_its_schema() {
    let mut vocabulary = opened();
    let parts = vocabulary.actions.get_mut("idp.restore_access").unwrap().plan.as_mut().unwrap();
    let doc = json!({"properties": {"to": {"properties": {"name": {"type": "string"}}}}});
    parts.insert("doc".to_owned(), Computed { schema: schema(doc), is_repeated: false });
    let forbid = |condition: &str| {
        let text = format!("{BASE}{}", forbid(condition));
        super::super::compile(&[("plan.cedar".to_owned(), text)], &vocabulary)
    };
    let error = forbid("context has plan.any.doc.to.nmae").unwrap_err().to_string();
    assert!(error.contains("has `to.nmae` in the computed part `doc`; use a property"), "{error}");
    assert!(forbid("context has plan.any.doc.to.name").is_ok());
}

#[test]
fn an_obligation_over_the_plan_may_ask_later() {
    let text = forbid("context has plan && context.plan.count > 3")
        .replace("forbid", "@obligation(\"approve:1:support-lead\") forbid");
    let policies = try_opened(&text).unwrap();
    assert!(policies.may_ask_later("idp.restore_access"));
    assert!(!policies.may_ask_later("idp.read_user"));
    let decision = decide(&policies, &planned(4, &json!({})));
    assert_eq!((decision.verdict, decision.obligations.len()), (Verdict::Ask, 1));
    assert_eq!(decide(&policies, &planned(3, &json!({}))).verdict, Verdict::Allow);
}

#[test]
fn a_plan_is_unknown_before_a_proposal() {
    let policies = try_opened(&forbid("context has plan && context.plan.count > 3")).unwrap();
    let facts = facts();
    let asker = Asker {
        agent: &facts.agent,
        person: &facts.person,
        roles: &facts.roles,
        tenant: &facts.tenant,
        environment: &facts.environment,
    };
    let kind = Kind { contract: &facts.contract, verb: &facts.verb, mode: &facts.mode };
    let reach = policies.reach(asker, [kind]).pop().unwrap();
    let Reach::Depends { on, policies, .. } = reach else { panic!("it is certain") };
    assert_eq!(on, BTreeSet::from(["plan.count".to_owned()]));
    assert_eq!(policies, BTreeSet::from(["it".to_owned()]));
}

/// An agent's copy of a bundle lacks every question that contains a plan.
#[test]
fn a_question_with_a_plan_is_about_the_state() {
    let policies = try_opened("").unwrap();
    let with = Facts { pre: None, ..planned(1, &json!({})) };
    for (facts, expected) in [(with, true), (facts(), false)] {
        let named = policies.question(&facts).unwrap();
        assert_eq!(named, asked::Question::of(&policies.snapshot(&facts)).unwrap());
        assert_eq!((named.about_state, facts.is_about_state()), (expected, expected));
    }
}

#[test]
fn a_permit_is_based_on_the_plan() {
    let (policies, action) = (try_opened("").unwrap(), ActionId::new(1, [0; 10]));
    let facts = planned(1, &json!({}));
    let leave = || policies.permit(&action, 1, &facts, None).1.unwrap();
    let basis = PermitBasis {
        policy_set: policies.digest(),
        pre: facts.pre.clone(),
        plan: facts.plan.clone(),
    };
    assert!(leave().is_based_on(&basis));
    assert!(!leave().is_based_on(&PermitBasis { plan: None, ..basis.clone() }));
    let other = planned(2, &json!({})).plan;
    assert!(!leave().is_based_on(&PermitBasis { plan: other, ..basis }));
}

/// The policies that the reference shows compile, and decide as the text says.
#[test]
fn the_policies_of_the_reference_judge_the_plan() {
    let blocks: Vec<&str> =
        REFERENCE.split("```cedar\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 1, "the reference shows its policies in one block");
    let text = blocks.concat().replace("tickets.edit", "idp.restore_access");
    let policies = try_opened(&text).unwrap_or_else(|error| panic!("{error}"));
    let verdict =
        |count, owner: &str| decide(&policies, &planned(count, &json!({"owner": owner}))).verdict;
    assert_eq!(verdict(3, "alice"), Verdict::Allow);
    assert_eq!(verdict(4, "alice"), Verdict::Ask);
    assert_eq!(verdict(1, "carol"), Verdict::Deny);
    assert_eq!(decide(&policies, &facts()).verdict, Verdict::Allow, "before a rehearsal");
}
