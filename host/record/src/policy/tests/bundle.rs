use super::*;

#[test]
fn the_digest_covers_text_and_schema() {
    assert_eq!(set(&[BASE]).digest(), set(&[BASE]).digest());
    assert_ne!(set(&[BASE]).digest(), set(&[BASE, LEAD]).digest());
    let fewer = Vocabulary { attributes: BTreeMap::new(), ..vocabulary() };
    let other = super::compile(&[("0.cedar".into(), BASE.into())], &fewer).unwrap();
    assert_ne!(set(&[BASE]).digest(), other.digest());
}

#[test]
fn bundle_files_that_say_more_are_refused() {
    let policies = set(&[BASE]);
    let Snapshot { entities, request } = policies.snapshot(&facts());
    let again = |entities: &Value, request: &Value| {
        reevaluate(policies.text(), policies.schema(), entities, request)
    };
    assert!(again(&entities, &request).is_ok());
    let mut more = entities.clone();
    more.as_array_mut().unwrap().push(entities[0].clone());
    let mut parents = entities.clone();
    parents[0]["parents"] = json!([{"type": "Deed::Agent", "id": "root"}]);
    let mut unknown = request.clone();
    unknown["break_glass"] = json!(true);
    let mut principal = request.clone();
    principal["principal"] = json!("Deed::Agent::\"other\"");
    for (entities, request) in
        [(&more, &request), (&parents, &request), (&entities, &unknown), (&entities, &principal)]
    {
        assert!(again(entities, request).is_err());
    }
}

#[test]
fn a_snapshot_needs_the_schema_only() {
    let policies = set(&[BASE, LEAD]);
    assert_eq!(snapshot(policies.schema(), &facts()).unwrap(), policies.snapshot(&facts()));
    assert!(snapshot("namespace Deed { entity Agent; }", &facts()).is_err());
    assert!(question("namespace Deed { entity Agent; }", &facts()).is_err());
    assert!(snapshot("entity", &facts()).is_err());
}

#[test]
fn a_question_is_named_by_the_digests_of_its_files() {
    let policies = set(&[BASE, LEAD]);
    let before = Facts { pre: None, ..facts() };
    let seen = Facts { pre: Some(json!({"user": {"active": false}})), ..facts() };
    for facts in [before, seen] {
        let named = policies.question(&facts).unwrap();
        assert_eq!(named, asked::Question::of(&policies.snapshot(&facts)).unwrap());
        assert_eq!(question(policies.schema(), &facts), Ok(named));
    }
}

#[test]
fn cedar_itself_reads_the_snapshot_alike() {
    let policies = set(&[BASE, LEAD]);
    let Snapshot { entities, request } = policies.snapshot(&facts());
    let schema: cedar_policy::Schema = policies.schema().parse().unwrap();
    let uid =
        |name: &str| request[name].as_str().unwrap().parse::<cedar_policy::EntityUid>().unwrap();
    let context = cedar_policy::Context::from_json_value(
        request["context"].clone(),
        Some((&schema, &uid("action"))),
    )
    .unwrap();
    let request = cedar_policy::Request::new(
        uid("principal"),
        uid("action"),
        uid("resource"),
        context,
        Some(&schema),
    )
    .unwrap();
    let entities = cedar_policy::Entities::from_json_value(entities, Some(&schema)).unwrap();
    let response = cedar_policy::Authorizer::new().is_authorized(
        &request,
        &policies.text().parse().unwrap(),
        &entities,
    );
    assert_eq!(response.decision(), cedar_policy::Decision::Deny);
}

#[test]
fn facts_and_decisions_are_closed_records() {
    let mut value = serde_json::to_value(facts()).unwrap();
    assert_eq!(serde_json::from_value::<Facts>(value.clone()).unwrap(), facts());
    value["surprise"] = json!(1);
    assert!(serde_json::from_value::<Facts>(value).is_err());
    let decision = decide(&set(&[BASE]), &facts());
    let text = serde_json::to_string(&decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), decision);
}
