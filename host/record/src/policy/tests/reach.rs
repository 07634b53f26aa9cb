//! Tests of what the policies say before a proposal, with policies written by hand. The facts of the fixture name the
//! agent `helpdesk` with the role `support`, a write under `idp.restore_access` and the environment `production`.

mod random;

use super::*;

const SUPPORT: &str = r#"@id("support-restores")
permit (principal, action == Deed::Action::"idp.restore_access", resource)
when { principal.roles.contains("support") };
"#;

/// What the policies say about the agent and the contract of these facts. The other facts are not used.
fn reach(policies: &Policies, facts: &Facts) -> Reach {
    let asker = Asker {
        agent: &facts.agent,
        person: &facts.person,
        roles: &facts.roles,
        tenant: &facts.tenant,
        environment: &facts.environment,
    };
    let kind = Kind { contract: &facts.contract, verb: &facts.verb, mode: &facts.mode };
    policies.reach(asker, [kind]).pop().unwrap()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn never(by: &[&str]) -> Reach {
    Reach::Never { by: by.iter().map(|id| (*id).to_owned()).collect() }
}

fn always() -> Reach {
    Reach::Always { approval: vec![] }
}

fn depends(on: &[&str], policies: &[&str]) -> Reach {
    Reach::Depends {
        on: names(on),
        policies: names(policies),
        approval: vec![],
        possible_approval: vec![],
    }
}

fn lead() -> Obligation {
    Obligation { count: 1, role: "support-lead".into(), policy: "restore-needs-lead".into() }
}

/// A policy with the id `it` over every action.
fn it(effect: &str, clauses: &str) -> String {
    format!("@id(\"it\") {effect} (principal, action, resource) {clauses};")
}

/// What the base policy and a forbid with this condition say.
fn with_forbid(when: &str) -> Reach {
    reach(&set(&[BASE, &it("forbid", &format!("when {{ {when} }}"))]), &facts())
}

#[test]
fn without_policies_nothing_is_ever_allowed() {
    assert_eq!(reach(&set(&[]), &facts()), never(&[]));
}

#[test]
fn a_role_decides_before_a_proposal() {
    let (policies, without) = (set(&[SUPPORT]), Facts { roles: BTreeSet::new(), ..facts() });
    assert_eq!(reach(&policies, &facts()), always());
    assert_eq!(reach(&policies, &without), never(&[]));
    let other = Facts { contract: "idp.read_user".into(), ..facts() };
    assert_eq!(reach(&policies, &other), never(&[]), "no policy permits the other contract");
}

#[test]
fn a_forbid_for_a_role_an_agent_a_person_or_a_tenant_names_itself() {
    for when in [
        "principal.roles.contains(\"support\")",
        "principal == Deed::Agent::\"helpdesk\"",
        "principal.person == \"owner\"",
        "principal.tenant == \"acme\"",
    ] {
        assert_eq!(with_forbid(when), never(&["it"]), "{when}");
        assert_eq!(with_forbid(&format!("!({when})")), always(), "{when}");
    }
    let scope = "@id(\"it\") forbid (principal == Deed::Agent::\"other\", action, resource);";
    assert_eq!(reach(&set(&[BASE, scope]), &facts()), always());
}

#[test]
fn the_environment_the_verb_and_the_mode_are_known() {
    for (name, is, is_not) in [
        ("environment", "production", "staging"),
        ("verb", "update", "delete"),
        ("mode", "write", "autonomous"),
    ] {
        assert_eq!(with_forbid(&format!("context.{name} == \"{is}\"")), never(&["it"]), "{name}");
        let like = format!("context[\"{name}\"] like \"{is_not}*\"");
        assert_eq!(with_forbid(&like), always(), "{name}");
    }
    // The facts that follow do not matter if a known fact decides.
    let late = "context.params.user_id == \"2\" && context.environment == \"staging\"";
    assert_eq!(with_forbid(late), always());
    let permit = it("permit", &format!("when {{ {late} }}"));
    assert_eq!(reach(&set(&[&permit]), &facts()), never(&[]));
}

#[test]
fn an_obligation_says_whether_it_is_always_needed() {
    let policies = set(&[BASE, LEAD]);
    assert_eq!(reach(&policies, &facts()), Reach::Always { approval: vec![lead()] });
    let staging = Facts { environment: "staging".into(), ..facts() };
    assert_eq!(reach(&policies, &staging), always());
    let some = LEAD.replace("context.environment == \"production\"", "context.time > 7");
    let expected = Reach::Depends {
        on: names(&["time"]),
        policies: names(&["restore-needs-lead"]),
        approval: vec![],
        possible_approval: vec![lead()],
    };
    assert_eq!(reach(&set(&[BASE, &some]), &facts()), expected);
    let forbid = it("forbid", "when { context.params.user_id == \"2\" }");
    let expected = Reach::Depends {
        on: names(&["params.user_id"]),
        policies: names(&["it"]),
        approval: vec![lead()],
        possible_approval: vec![],
    };
    assert_eq!(reach(&set(&[BASE, LEAD, &forbid]), &facts()), expected);
}

#[test]
fn approvals_that_no_obligation_requires_are_facts() {
    let forbid = it("forbid", "unless { context.approvals[\"support-lead\"] >= 1 }");
    assert_eq!(
        reach(&set(&[BASE, &forbid]), &facts()),
        depends(&["approvals.support-lead"], &["it"])
    );
}

#[test]
fn facts_of_a_proposal_are_named() {
    for (when, on) in [
        ("context.params.user_id == \"2\"", "params.user_id"),
        ("context.params has cents && context.params.cents > 9", "params.cents"),
        ("context.params has \"in\" && context.params[\"in\"] has deep", "params.in.deep"),
        ("context.sources.contains(\"ticket:1\")", "sources"),
        ("context.time < 1800000000", "time"),
        ("context has on_behalf_of", "on_behalf_of"),
        ("resource == Deed::Resource::\"idp/users/1\"", "resource"),
        ("resource has protected && resource.protected", "resource.protected"),
        (
            "context has pre && context.pre has user && context.pre.user has active",
            "pre.user.active",
        ),
        ("context has pre.user.active && context.pre.user.active", "pre.user.active"),
    ] {
        assert_eq!(with_forbid(when), depends(&[on], &["it"]), "{when}");
    }
    let both =
        "resource == Deed::Resource::\"x\" || (resource has protected && resource.protected)";
    assert_eq!(with_forbid(both), depends(&["resource", "resource.protected"], &["it"]));
}

#[test]
fn a_permit_is_named_if_another_does_not_cover_it() {
    let permit = it("permit", "when { context.time < 7 }");
    assert_eq!(reach(&set(&[&permit]), &facts()), depends(&["time"], &["it"]));
    assert_eq!(reach(&set(&[BASE, &permit]), &facts()), always());
}

/// Any error denies, also in a policy that would not decide.
#[test]
fn a_policy_that_can_err_makes_nothing_certain() {
    let overflow = "context.time * 9223372036854775807 < 0";
    assert_eq!(with_forbid(overflow), depends(&["time"], &["it"]));
    let permit = it("permit", &format!("when {{ {overflow} }}"));
    assert_eq!(reach(&set(&[BASE, &permit]), &facts()), depends(&["time"], &["it"]));
    // The forbid holds or fails to evaluate, and both deny.
    assert_eq!(with_forbid(&format!("{overflow} || true")), never(&["it"]));
    assert_eq!(with_forbid(&format!("{overflow} && false")), depends(&["time"], &["it"]));
}

#[test]
fn a_policy_that_always_errs_depends_on_everything() {
    let policies = set(&[BASE, &it("forbid", "when { 9223372036854775807 + 1 > 0 }")]);
    assert_eq!(decide(&policies, &facts()).verdict, Verdict::Deny);
    let Reach::Depends { on, .. } = reach(&policies, &facts()) else { panic!("it is certain") };
    let Reach::Depends { on: every, .. } = Reach::unknown() else { panic!("it is known") };
    assert_eq!(on, every);
}

#[test]
fn the_whole_context_is_every_fact() {
    let Reach::Depends { on, policies, .. } = with_forbid("context == context") else {
        panic!("it is certain")
    };
    let Reach::Depends { on: every, .. } = Reach::unknown() else { panic!("it is known") };
    assert_eq!((on, policies), (every, names(&["it"])));
}

#[test]
fn nothing_is_certain_about_a_contract_that_is_not_in_the_schema() {
    let other = Facts { contract: "idp.delete_user".into(), ..facts() };
    assert_eq!(reach(&set(&[BASE]), &other), Reach::unknown());
}

#[test]
fn many_kinds_are_answered_in_their_order() {
    let (policies, facts) = (set(&[SUPPORT]), facts());
    let asker = Asker {
        agent: &facts.agent,
        person: &facts.person,
        roles: &facts.roles,
        tenant: &facts.tenant,
        environment: &facts.environment,
    };
    let kind = |contract| Kind { contract, verb: "update", mode: "write" };
    let kinds = ["idp.restore_access", "idp.read_user", "idp.restore_access"].map(kind);
    assert_eq!(policies.reach(asker, kinds), [always(), never(&[]), always()]);
}
