use super::*;

#[test]
fn permits_must_not_judge_what_was_observed() {
    for condition in [
        "context has pre",
        "context has pre.user",
        "context has pre && context.pre has user",
        "{ Value: (context has pre) }.Value",
        "(if true then context else context) has pre",
    ] {
        let error = refusal(&[&format!(
            "@id(\"p\")\npermit (principal, action, resource) when {{ {condition} }};"
        )]);
        assert!(error.what.contains("context"), "{condition}: {error}");
        assert!(error.remedy.contains("forbid"), "{condition}: {error}");
    }
    set(&[
        r#"@id("p") permit (principal, action, resource) when { context.params has "x-note" && context.params["x-note"] == "pre" };"#,
    ]);
}

#[test]
fn refusals_name_file_line_and_policy() {
    let second = format!("\n// a comment\n{BASE}");
    let error = refusal(&[BASE, &second]);
    assert_eq!(
        (error.file.as_str(), error.line, error.policy.as_str()),
        ("1.cedar", 3, "anyone-may-restore")
    );
    assert!(error.what.contains("0.cedar"));

    let wrong = "// one\n// two\n@id(\"typo\")\npermit (principal, action, resource)\nwhen { context.enviroment == \"x\" };";
    let error = refusal(&[LEAD, wrong]);
    assert_eq!(
        (error.file.as_str(), error.line, error.policy.as_str()),
        ("1.cedar", 5, "typo"),
        "{error}"
    );

    let error = refusal(&[BASE, "\npermit (principal action, resource);"]);
    assert_eq!((error.file.as_str(), error.line), ("1.cedar", 2), "{error}");
}

#[test]
fn house_rules_are_enforced_at_load() {
    for (text, part) in [
        ("permit (principal, action, resource);", "no usable `@id`"),
        ("@id permit (principal, action, resource);", "no usable `@id`"),
        ("@id(\"\") forbid (principal, action, resource);", "no usable `@id`"),
        (
            "@id(\"a\") @obligation(\"approve:1:support-lead\") permit (principal, action, resource);",
            "is on a permit",
        ),
        (
            "@id(\"a\") @obligation(\"approve:0:support-lead\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"approve:10:support-lead\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"approve:+1:support-lead\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"break-glass\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"approve:1:confirm\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"confirm:1\") forbid (principal, action, resource);",
            "not known",
        ),
        (
            "@id(\"a\") @obligation(\"confirm\") permit (principal, action, resource);",
            "is on a permit",
        ),
        ("@id(\"a\") @obligation forbid (principal, action, resource);", "not known"),
        (
            "@id(\"a\") @obligation(\"approve:1:nobody\") forbid (principal, action, resource);",
            "the role `nobody` is not in the configuration",
        ),
        (
            "@id(\"a\") @obligaton(\"approve:1:support-lead\") forbid (principal, action, resource);",
            "is not known",
        ),
        ("@id(\"a\") forbid (principal == ?principal, action, resource);", "template"),
        (
            "@id(\"a\") forbid (principal, action == Deed::Action::\"idp.delete\", resource);",
            "idp.delete",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource) when { context.pre.user.active };",
            "optional attribute `pre",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource) when { context.params.user_id == 1 };",
            "",
        ),
        (
            "@id(\"a\") forbid (principal, action, resource) when { resource.protected };",
            "protected",
        ),
        ("@id(\"a\") forbid (principal is Other, action, resource);", "Other"),
    ] {
        let error = refusal(&[text]);
        assert!(error.what.contains(part), "{text}: {error}");
        assert!(!error.remedy.is_empty());
    }
}

/// Tests whether an obligation may require approval later, depending on the action and on what the obligation's policy
/// reads.
#[test]
fn obligations_that_rest_on_the_look_or_the_time_may_ask_later() {
    let restore = r#"action == Deed::Action::"idp.restore_access""#;
    for (action, condition, may) in [
        (restore, "when { context has pre && context.pre has user }", [true, false]),
        (restore, "unless { context has pre.user.active }", [true, false]),
        ("action", "when { context.time > 1700000000 }", [true, true]),
        ("action", "when { (if true then context else context).environment == \"x\" }", [true; 2]),
        ("action", "when { context.params.user_id == \"pre\" }", [false, false]),
        ("action", "when { {pre: 1} has pre && resource has protected }", [false, false]),
        ("action", "", [false, false]),
    ] {
        let policy = |mark: &str| {
            format!("@id(\"p\") {mark}\nforbid (principal, {action}, resource) {condition};")
        };
        let policies = set(&[BASE, &policy("@obligation(\"approve:1:support-lead\")")]);
        let said = ["idp.restore_access", "idp.read_user"].map(|one| policies.may_ask_later(one));
        assert_eq!(said, may, "{action} {condition}");
        // A policy set read from a bundle equals the compiled set.
        let again = Policies::read(policies.text(), policies.schema()).unwrap();
        assert_eq!(again.may_ask_later("idp.restore_access"), may[0], "{action} {condition}");
        // A forbid without an obligation denies the action and never requires approval.
        assert!(!set(&[BASE, &policy("")]).may_ask_later("idp.restore_access"), "{condition}");
    }
}

/// A confirmation has a count of its own, which no approval changes.
#[test]
fn a_confirmation_and_an_approval_do_not_stand_for_each_other() {
    let confirm = "@id(\"p\") @obligation(\"confirm\")\nforbid (principal, action, resource);\n";
    let policies = set(&[BASE, LEAD, confirm]);
    assert!(policies.ask_for_confirmations() && !set(&[BASE, LEAD]).ask_for_confirmations());
    assert!(policies.text().contains("context.approvals[\"confirm\"] >= 1"), "{}", policies.text());
    let again = Policies::read(policies.text(), policies.schema()).unwrap();
    for (given, open) in [
        (&[][..], &["confirm", "approve:1:support-lead"][..]),
        (&["support-lead"], &["confirm"]),
        (&["confirm"], &["approve:1:support-lead"]),
        (&["confirm", "support-lead"], &[]),
    ] {
        let approvals = given.iter().map(|role| ((*role).to_owned(), 1)).collect();
        let facts = Facts { approvals, ..facts() };
        for policies in [&policies, &again] {
            let decision = policies.evaluate(&facts);
            let wanted: Vec<String> =
                decision.obligations.iter().map(ToString::to_string).collect();
            assert_eq!(wanted, open, "{given:?}");
            assert_eq!(decision.verdict == Verdict::Allow, open.is_empty(), "{given:?}");
        }
    }
}
