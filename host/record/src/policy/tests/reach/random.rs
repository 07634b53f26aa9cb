//! Random policies and requests: what the policies say before a proposal holds for each request.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

const PRINCIPALS: [&str; 3] =
    ["principal", "principal == Deed::Agent::\"helpdesk\"", "principal == Deed::Agent::\"other\""];

const ACTIONS: [&str; 4] = [
    "action",
    "action == Deed::Action::\"idp.restore_access\"",
    "action == Deed::Action::\"idp.read_user\"",
    "action in [Deed::Action::\"idp.read_user\", Deed::Action::\"idp.restore_access\"]",
];

/// Conditions of any policy. The last ones can overflow.
const ATOMS: [&str; 20] = [
    "true",
    "false",
    "context.environment == \"production\"",
    "context.environment like \"stag*\"",
    "context.verb == \"update\"",
    "context.mode == \"autonomous\"",
    "principal.roles.contains(\"support\")",
    "principal.roles.contains(\"night\")",
    "principal.person == \"owner\"",
    "context.params.user_id == \"1\"",
    "context.params.user_id like \"2*\"",
    "(context.params has cents && context.params.cents > 3)",
    "context.sources.contains(\"ticket:1\")",
    "context.sources.isEmpty()",
    "context has on_behalf_of",
    "context.time < 1700000000",
    "context.approvals[\"support-lead\"] >= 1",
    "(resource has protected && resource.protected)",
    "(context.params has cents && context.params.cents * 4611686018427387904 > 3)",
    "context.time * 4611686018427387904 < 0",
];

/// Conditions that only a forbid may have.
const OF_FORBIDS: [&str; 3] = [
    "(context has pre && context.pre has user && context.pre.user has active && context.pre.user.active)",
    "context has pre",
    "resource == Deed::Resource::\"idp/users/1\"",
];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Effect {
    Permit,
    Forbid,
    Ask,
}

fn condition(effect: Effect) -> impl Strategy<Value = String> {
    let mut atoms: Vec<&'static str> = ATOMS.to_vec();
    if effect != Effect::Permit {
        atoms.extend(OF_FORBIDS);
    }
    let atom = select(atoms).prop_map(str::to_owned);
    atom.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} && {other})")),
            (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("({one} || {other})")),
            inner.clone().prop_map(|one| format!("!({one})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(test, one, other)| format!("(if {test} then {one} else {other})")),
        ]
    })
}

/// A policy without its id.
fn policy() -> impl Strategy<Value = (Effect, String)> {
    let effect = select(vec![Effect::Permit, Effect::Permit, Effect::Forbid, Effect::Ask]);
    let scope = (select(PRINCIPALS.to_vec()), select(ACTIONS.to_vec()));
    let parts = effect.prop_flat_map(|effect| (Just(effect), condition(effect)));
    (parts, scope).prop_map(|((effect, condition), (principal, action))| {
        (effect, format!("({principal}, {action}, resource) when {{ {condition} }};"))
    })
}

fn policies() -> impl Strategy<Value = Policies> {
    proptest::collection::vec(policy(), 0..4).prop_map(|all| {
        let text = |(number, (effect, rest)): (usize, &(Effect, String))| {
            let start = match effect {
                Effect::Permit => "permit",
                Effect::Forbid => "forbid",
                Effect::Ask => "@obligation(\"approve:1:support-lead\") forbid",
            };
            format!("@id(\"p{number}\") {start} {rest}\n")
        };
        let all: String = all.iter().enumerate().map(text).collect();
        set(&[&all])
    })
}

/// What is known before a proposal.
fn known() -> impl Strategy<Value = Facts> {
    let roles = subsequence(vec!["support", "night"], 0..=2);
    (roles, select(vec!["production", "staging"])).prop_map(|(roles, environment)| Facts {
        roles: names(&roles),
        environment: environment.to_owned(),
        ..facts()
    })
}

/// What only a proposal and the state say.
fn request(known: &Facts) -> impl Strategy<Value = Facts> + use<> {
    let known = known.clone();
    let params = (select(vec!["1", "2", "22"]), proptest::option::of(0..6_i64));
    let around = (proptest::bool::ANY, proptest::bool::ANY, 0..3_i64, 0..2_u32);
    let seen =
        (proptest::option::of(proptest::option::of(proptest::bool::ANY)), select(vec!["1", "2"]));
    let marked = proptest::option::of(proptest::bool::ANY);
    (params, around, seen, marked).prop_map(
        move |((user, cents), (source, person, time, approved), (pre, resource), marked)| Facts {
            params: cents.map_or_else(
                || json!({"user_id": user}),
                |cents| json!({"user_id": user, "cents": cents}),
            ),
            sources: if source { vec!["ticket:1".to_owned()] } else { vec![] },
            on_behalf_of: person.then(|| "user@example.com".to_owned()),
            time_s: 1_699_999_999 + time,
            approvals: BTreeMap::from([("support-lead".to_owned(), approved)]),
            pre: pre.map(|active| {
                active.map_or_else(|| json!({}), |active| json!({"user": {"active": active}}))
            }),
            resource: format!("idp/users/{resource}"),
            attributes: marked
                .map(|marked| ("protected".to_owned(), json!(marked)))
                .into_iter()
                .collect(),
            ..known.clone()
        },
    )
}

/// The facts that the answer names, and the requests.
fn cases() -> impl Strategy<Value = (Policies, Facts, Vec<Facts>)> {
    (policies(), known()).prop_flat_map(|(policies, known)| {
        let requests = proptest::collection::vec(request(&known), 6);
        (Just(policies), Just(known), requests)
    })
}

proptest! {
    #[test]
    fn what_is_said_before_a_proposal_holds_for_every_request((policies, known, requests) in cases()) {
        let said = reach(&policies, &known);
        for request in requests {
            let decision = policies.evaluate(&request);
            match &said {
                Reach::Never { .. } => prop_assert_eq!(decision.verdict, Verdict::Deny),
                Reach::Always { approval } => {
                    prop_assert_ne!(decision.verdict, Verdict::Deny);
                    let first = Facts { approvals: BTreeMap::new(), ..request };
                    prop_assert_eq!(&policies.evaluate(&first).obligations, approval);
                }
                Reach::Depends { on, .. } => {
                    // A fact that is not named does not change the verdict.
                    for (name, other) in others(&request) {
                        let group = name.split('.').next().unwrap_or_default();
                        if !on.contains(name) && !on.contains(group) {
                            prop_assert_eq!(policies.evaluate(&other).verdict, decision.verdict, "{}", name);
                        }
                    }
                }
            }
        }
    }
}

/// Requests that differ in one fact from this request, with the name of the fact.
fn others(request: &Facts) -> [(&'static str, Facts); 4] {
    let mut params = request.params.clone();
    params["user_id"] = json!("3");
    let person = request.on_behalf_of.is_none().then(|| "user@example.com".to_owned());
    let sources = if request.sources.is_empty() { vec!["ticket:1".to_owned()] } else { vec![] };
    let time_s = if request.time_s < 1_700_000_000 { 1_700_000_000 } else { 1_699_999_999 };
    [
        ("params.user_id", Facts { params, ..request.clone() }),
        ("on_behalf_of", Facts { on_behalf_of: person, ..request.clone() }),
        ("sources", Facts { sources, ..request.clone() }),
        ("time", Facts { time_s, ..request.clone() }),
    ]
}
