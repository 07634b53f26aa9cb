use ed25519_dalek::SigningKey;

use super::*;

fn roles(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn activation() -> Activation {
    let attributes = BTreeMap::from([("tier".to_owned(), json!("gold"))]);
    Activation {
        tenant: "acme".into(),
        environment: "production".into(),
        policy_set: Digest::of(b"policies"),
        granted: [Granted { contract: Digest::of(b"c"), adapter: Digest::of(b"a") }].into(),
        approvers: [Approver {
            keyid: "ab".into(),
            person: name_digest("bob"),
            roles: roles(&["lead"]),
            passkey: None,
        }]
        .into(),
        agents: [(name_digest("desk"), agent_digest("alice", &roles(&["support"])).unwrap())]
            .into(),
        resources: [(name_digest("user:1"), attributes_digest(&attributes).unwrap())].into(),
        by_uid: 1000,
        at_ms: 5,
    }
}

#[test]
fn is_what_was_signed_and_nothing_else() {
    let key = SigningKey::from_bytes(&[3; 32]);
    let envelope = activation().statement().unwrap().sign(&key).unwrap();
    assert_eq!(open(&envelope, &key.verifying_key()).unwrap(), activation());
    let other = SigningKey::from_bytes(&[4; 32]).verifying_key();
    assert!(matches!(open(&envelope, &other), Err(OpenError::Envelope(_))));
    let statement = Statement { action: Digest::of(b"x"), ..activation().statement().unwrap() };
    let envelope = statement.sign(&key).unwrap();
    assert!(matches!(open(&envelope, &key.verifying_key()), Err(OpenError::Subject)));
    let mut more = activation().statement().unwrap();
    more.predicate["more"] = json!(1);
    let envelope = more.sign(&key).unwrap();
    assert!(matches!(open(&envelope, &key.verifying_key()), Err(OpenError::Shape(_))));
}

#[test]
fn the_subject_is_the_predicate_and_stock_tools_can_hash_it() {
    let statement = activation().statement().unwrap().value();
    assert_eq!(statement["subject"][0]["name"], "activation.json");
    let bytes = json::canonical(&statement["predicate"]).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], Digest::of(&bytes).hex());
}

#[test]
fn time_makes_no_difference_and_everything_else_does() {
    let now = activation();
    assert!(now.is_same(&Activation { at_ms: 6, ..activation() }));
    for other in [
        Activation { tenant: "globex".into(), ..activation() },
        Activation { environment: "staging".into(), ..activation() },
        Activation { policy_set: Digest::of(b"x"), ..activation() },
        Activation { granted: BTreeSet::new(), ..activation() },
        Activation { approvers: BTreeSet::new(), ..activation() },
        Activation { agents: BTreeMap::new(), ..activation() },
        Activation { resources: BTreeMap::new(), ..activation() },
        Activation { by_uid: 0, ..activation() },
    ] {
        assert!(!now.is_same(&other), "{other:?}");
    }
}

#[test]
fn says_what_belonged_to_a_name_and_that_nothing_did() {
    let now = activation();
    let had = |agent, person, names: &[&str]| now.agent_had(agent, person, &roles(names)).unwrap();
    assert!(had("desk", "alice", &["support"]));
    assert!(!had("desk", "alice", &["support", "lead"]));
    assert!(!had("desk", "alice", &[]));
    assert!(!had("desk", "bob", &["support"]));
    assert!(had("other", "alice", &[]));
    assert!(!had("other", "alice", &["support"]));
    let had = |name, attributes: &[(&str, Value)]| {
        let all = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        now.resource_had(name, &all.collect()).unwrap()
    };
    assert!(had("user:1", &[("tier", json!("gold"))]));
    assert!(!had("user:1", &[]));
    assert!(had("user:2", &[]));
    assert!(!had("user:2", &[("tier", json!("gold"))]));
    assert!(now.has_approver("ab", None, "bob", "lead"));
    assert!(!now.has_approver("ab", None, "bob", "owner"));
    assert!(!now.has_approver("ab", None, "carol", "lead"));
    assert!(!now.has_approver("cd", None, "bob", "lead"));
}

#[test]
fn a_passkey_is_activated_for_its_origins_only() {
    let party = |origin: &str| RelyingParty {
        rp_id: "deed.example".into(),
        origins: [origin.to_owned()].into(),
    };
    let one = relying_party_digest(&party("https://deed.example")).unwrap();
    let other = relying_party_digest(&party("https://console.deed.example")).unwrap();
    let canonical = br#"{"origins":["https://deed.example"],"rp_id":"deed.example"}"#;
    assert_eq!(one, Digest::of(canonical));
    let mut now = activation();
    let approver = Approver {
        keyid: "ab".into(),
        person: name_digest("bob"),
        roles: roles(&["lead"]),
        passkey: Some(one),
    };
    now.approvers = [approver].into();
    assert!(now.has_approver("ab", Some(one), "bob", "lead"));
    assert!(!now.has_approver("ab", Some(other), "bob", "lead"));
    assert!(!now.has_approver("ab", None, "bob", "lead"));
}
