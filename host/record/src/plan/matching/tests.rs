use serde_json::json;

use super::*;
use crate::plan::tests::plan;

#[test]
fn the_first_difference_between_two_plans_is_named() {
    let one = plan();
    assert_eq!(first_difference(&one, &one), None);
    let changed = |change: &dyn Fn(&mut Plan)| {
        let mut other = one.clone();
        change(&mut other);
        first_difference(&one, &other).unwrap()
    };
    let found = changed(&|plan| {
        plan.writes[1].request.body.as_mut().unwrap()["lines"][0]["sku"] = json!("elm");
        plan.writes.pop();
    });
    assert_eq!(found, "write 2 differs at `/lines/0/sku`");
    let found = changed(&|plan| plan.writes[0].request.body = None);
    assert_eq!(found, "write 1 differs in its body");
    let found = changed(&|plan| plan.writes.swap(2, 3));
    let lines = "`PUT /orders/{answer.create.id}/lines` to `shop`";
    assert_eq!(found, format!("write 3 is now `POST /notes` to `shop` instead of {lines}"));
    let found = changed(&|plan| plan.writes[2].rule = 9);
    assert_eq!(found, "write 3 belongs to another rule of the contract");
    let found = changed(&|plan| plan.writes.truncate(3));
    assert_eq!(found, "write 4 is missing");
    let found = changed(&|plan| plan.writes.push(plan.writes[0].clone()));
    assert_eq!(found, "write 6 is new");
}

#[test]
fn a_path_has_the_placeholder_or_the_value() {
    let text = |path: &str| (path == "a.id").then(|| "x%20y".to_owned());
    let rule = "/o/{answer.a.id}/p-{answer.b.id}?q={answer.a.id}";
    for (sent, is) in [
        (rule, true),
        ("/o/x%20y/p-{answer.b.id}?q=x%20y", true),
        ("/o/{answer.a.id}/p-{answer.b.id}?q=x%20y", true),
        ("/o/x y/p-{answer.b.id}?q=x%20y", false),
        ("/o/x%20y/p-1?q=x%20y", false),
        ("/o/x%20y/p-{answer.b.id}?q=x%20yz", false),
        ("/o/x%20y/p-{answer.b.id}?q=", false),
        ("/o/{answer.b.id}/p-{answer.b.id}?q=x%20y", false),
        ("/o/", false),
        ("", false),
    ] {
        assert_eq!(follows(rule, sent, &text), is, "{sent}");
    }
    assert!(follows("/o", "/o", &text) && !follows("/o", "/o/", &text));
}

#[test]
fn only_the_open_places_of_a_body_are_not_compared() {
    let places = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(place, name)| ((*place).to_owned(), (*name).to_owned())).collect()
    };
    let rule = Rendered {
        body: Some(json!({"a": null, "b": [1, null], "c": {"d": null}})),
        any: places(&[("/a", "a"), ("/b/1", "b")]),
        awaited: places(&[("/c/d", "x.y")]),
        ..Rendered::default()
    };
    let compared = |sent: &Value| compare(rule.body.as_ref(), Open::of_rule(&rule), Some(sent));
    let found = compared(&json!({"a": {"z": 1}, "b": [1, "two"], "c": {"d": 7}}));
    assert_eq!(found.differing, Vec::<String>::new());
    assert_eq!(found.parts["/a"], json!({"z": 1}));
    assert_eq!(found.parts["/b/1"], json!("two"));
    assert_eq!(found.awaited["/c/d"], json!(7));
    for (sent, wanted) in [
        (json!({"b": [1, 2], "c": {"d": 7}}), vec!["/a"]),
        (json!({"a": 1, "b": [2, 2], "c": {"d": 7, "e/f": 1}}), vec!["/b/0", "/c/e~1f"]),
        (json!({"a": 1, "b": [1], "c": {}}), vec!["/b", "/c/d"]),
        (json!([]), vec![""]),
    ] {
        assert_eq!(compared(&sent).differing, wanted, "{sent}");
    }
    let many: Value = (0..100).map(|n| (n.to_string(), json!(n))).collect::<Map<_, _>>().into();
    assert_eq!(compared(&many).differing.len(), PLACES);
    let none = compare(rule.body.as_ref(), Open::of_rule(&rule), None);
    assert_eq!(none.differing, [""]);
}

#[test]
fn what_is_found_in_a_value_is_never_in_its_place() {
    let value = json!({"a": [{"b/c": "x secret y"}], "n": 12345, "my secret": 1});
    let finds = |what: &'static str| move |text: &str| text.contains(what).then_some(());
    let at = |value: &Value, what| find(value, "", &finds(what)).map(|(at, ())| at);
    assert_eq!(at(&value["a"], "secret").as_deref(), Some("/0/b~1c"));
    assert_eq!(at(&value, "2345").as_deref(), Some("/n"));
    assert_eq!(at(&value, "secret").as_deref(), Some(""));
    assert_eq!(at(&value, "other"), None);
}
