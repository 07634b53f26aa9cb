use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::contract::expression::Expression;
use crate::contract::schema::Schema;

fn schema(value: Value) -> Schema {
    serde_json::from_value(value).unwrap()
}

fn check(source: &str) -> Result<(), String> {
    let params = schema(json!({"required": ["id", "count"], "properties": {
        "id": {"type": "string"}, "count": {"type": "integer"},
        "names": {"type": "array", "items": {"type": "string"}},
    }}));
    let issue = schema(json!({
        "nullable": true,
        "required": ["number", "title", "open", "sum", "labels", "tags", "marks", "by", "due", "on"],
        "properties": {
            "number": {"type": "integer"}, "title": {"type": "string"}, "open": {"type": "boolean"},
            "sum": {"type": "decimal"},
            "labels": {"type": "array", "items": {"required": ["id"], "properties": {"id": {"type": "integer"}}}},
            "tags": {"type": "array", "items": {"type": "string"}},
            "marks": {"type": "array", "items": {"type": "integer", "nullable": true}},
            "by": {"required": ["name"], "properties": {"name": {"type": "string"}}},
            "due": {"type": "string", "nullable": true}, "on": {"type": "integer", "nullable": true},
            "note": {"type": "string"},
        },
    }));
    let present = Schema { nullable: false, ..issue.clone() };
    let states = BTreeMap::from([("issue".to_owned(), present), ("other".to_owned(), issue)]);
    let parsed = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    parsed.check(&params, &states, true).unwrap_or_else(|error| panic!("{source}: {error}"));
    parsed.check_types(&params, &states).map_err(|error| error.to_string())
}

#[test]
fn comparisons_of_one_type_or_of_an_unknown_type_are_accepted() {
    for source in [
        "pre.issue.number == params.count && pre.issue.number < -1",
        "pre.issue.title != 'x' && pre.issue.title <= params.id",
        "pre.issue.open == false && (pre.issue.number > 1) == pre.issue.open",
        "pre.issue == post.issue && pre == post && pre.issue.by == post.issue.by",
        "pre.issue.labels == post.issue.labels && pre.issue.tags != []",
        "has(pre.issue.note) == has(post.issue.note)",
        "has(pre.issue.note) && pre.issue.note == 'x'",
        "size(pre.issue.tags) + 1 == pre.issue.title.size() * 2",
        "int(pre.issue.title) == pre.issue.number && string(params.count) == params.id",
        "dec(pre.issue.sum) > dec('1') && dec(pre.issue.sum) - dec('1') != dec(2)",
        "(pre.issue.open ? 'a' : 'b') == pre.issue.title",
        "(has(pre.issue.note) ? pre.issue.note : '') + 'x' == params.id",
        "(pre.issue.open ? 1 : 'b') == pre.issue.title",
        "pre.issue.title in ['a', 'b'] && params.id in pre.issue.tags",
        "pre.issue.number in [1, 2] && pre.issue.number in []",
        "pre.issue.title in ['a', 1, null] && 'x' in pre.issue && 'note' in pre.issue",
        "pre.issue.labels.exists(l, l.id == pre.issue.number)",
        "pre.issue.tags.all(t, t in ['a']) && ['a'].all(t, t == 1)",
        "pre.issue.tags.exists_one(t, t == 'a') == true",
        "pre.issue.tags.map(t, size(t)) == [1] && 1 in pre.issue.tags.map(t, size(t))",
        "pre.issue.labels[0].id == 1 && pre.issue.tags[params.count] == 1",
        "pre.other == null || pre.other.number == 1",
        "null != pre.other && pre.issue.number != null && null in pre.issue.tags",
        // Both sides may be null, and are then equal.
        "pre.issue.due == pre.issue.on && pre.issue.due in pre.issue.marks",
    ] {
        assert_eq!(check(source), Ok(()), "{source}");
    }
}

#[test]
fn comparisons_of_values_that_never_have_one_type_are_refused() {
    for (source, wanted) in [
        (
            "pre.issue.number != 'x'",
            "`pre.issue.number != 'x'` compares an integer with a string, so it always holds; compare values of one \
             type; write an integer without quotes, or convert a value with `int()` or `string()`",
        ),
        ("params.id == 5", "`params.id == 5` compares a string with an integer, so it never holds"),
        ("pre.issue.on == 'x'", "`pre.issue.on == 'x'` compares an integer with a string"),
        (
            "pre.issue.open && pre.issue.number > params.id",
            "`pre.issue.number > params.id` compares an integer with a string, so it cannot be evaluated",
        ),
        (
            "pre.issue.open == 'true'",
            "compares a boolean with a string, so it never holds; compare values of one type; write `true` and `false` \
             without quotes",
        ),
        (
            "pre.issue.tags == 'a'",
            "compares an array with a string, so it never holds; test the elements of the array with `in`, `exists` or \
             `all`",
        ),
        (
            "pre.issue.by != params.id",
            "compares an object with a string, so it always holds; compare a property of the object",
        ),
        ("pre == 1", "`pre == 1` compares an object with an integer"),
        ("size(pre.issue.tags) >= '1'", "`size(pre.issue.tags) >= '1'` compares an integer with a"),
        ("pre.issue.tags.size() == '1'", "`pre.issue.tags.size() == '1'` compares an integer with"),
        ("has(pre.issue.note) == 'x'", "`has(pre.issue.note) == 'x'` compares a boolean with a"),
        ("(has(pre.issue.note) ? pre.issue.note : '') == 1", "`… == 1` compares a string with an"),
        ("pre.issue.title + 'x' == 1", "`… == 1` compares a string with an integer"),
        ("pre.issue.title.startsWith('x') == 1", "`… == 1` compares a boolean with an integer"),
        ("pre.issue.tags.exists(t, t == 'a') == 1", "`… == 1` compares a boolean with an integer"),
        ("pre.issue.tags.filter(t, t == 'a') == 'a'", "compares an array with a string"),
        ("pre.issue.tags.exists(t, t == 1)", "`t == 1` compares a string with an integer"),
        ("pre.issue.labels.all(l, l.id != 'x')", "`l.id != 'x'` compares an integer with a string"),
        ("pre.issue.labels[0].id == 'x'", "compares an integer with a string"),
        (
            "pre.issue.number in pre.issue.labels",
            "`pre.issue.number in pre.issue.labels` searches an array of objects for an integer, so it never holds; \
             compare a property of the elements with `exists` or `all`",
        ),
        (
            "params.count in pre.issue.tags",
            "searches an array of strings for an integer, so it never holds; compare values of one type",
        ),
        (
            "!(pre.issue.number in ['a', 'b'])",
            "`pre.issue.number in ['a', 'b']` searches an array of strings for an integer, so it never holds",
        ),
        (
            "pre.issue.tags in ['a']",
            "searches an array of strings for an array, so it never holds; test the elements of the first array",
        ),
        (
            "params.count in pre.issue",
            "searches an object for an integer, so it never holds; write the name of a property, which is a string, \
             before `in`",
        ),
        (
            "'a' in pre.issue.title",
            "`'a' in pre.issue.title` searches a string, so it cannot be evaluated; use `contains` for a string",
        ),
        ("1 in pre.issue.number", "searches an integer, so it cannot be evaluated; compare the"),
    ] {
        let error = check(source).expect_err(source);
        assert!(error.contains(wanted), "{source}: {error}");
    }
}

/// Each level is an operand of the level around it.
#[test]
fn the_time_of_the_check_does_not_double_with_each_level() {
    let labels = schema(json!({"required": ["labels"], "properties": {
        "labels": {"type": "array", "items": {"required": ["id"], "properties": {"id": {"type": "integer"}}}},
    }}));
    let (params, states) =
        (schema(json!({"type": "object"})), [("user".to_owned(), labels)].into());
    for (open, close) in [("(", " == 1)[0]"), ("size(", ")[0]"), ("pre.user.labels[size(", ")].id")]
    {
        let source = format!("{}1{} == 1", open.repeat(30), close.repeat(30));
        let parsed = Expression::parse(&source).unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(parsed.check(&params, &states, true), Ok(()), "{source}");
        assert_eq!(parsed.check_types(&params, &states), Ok(()), "{source}");
    }
}
