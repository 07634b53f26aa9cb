use serde_json::{Value, json};

use super::*;

fn schema(value: Value) -> Schema {
    serde_json::from_value(value).unwrap()
}

fn user() -> Schema {
    schema(json!({
        "required": ["id"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9a-f]{4}$"},
            "active": {"type": "boolean"},
            "level": {"type": "integer", "minimum": 0, "maximum": 3},
            "tier": {"type": "string", "enum": ["free", "paid"]},
            "emails": {"type": "array", "maxItems": 2, "items": {"required": ["value"], "properties": {"value": {"type": "string", "maxLength": 3}}}},
        },
    }))
}

fn pointers(schema: &Schema, value: &Value) -> Vec<String> {
    schema.violations(value).into_iter().map(|violation| violation.pointer).collect()
}

#[test]
fn a_conforming_value_has_no_violations() {
    let value = json!({"id": "00ff", "active": true, "level": 3, "tier": "paid", "emails": [{"value": "aéb"}]});
    assert!(user().well_formed().is_ok());
    assert_eq!(user().violations(&value), []);
}

#[test]
fn the_first_violation_is_the_first_of_all() {
    for value in [
        json!({"id": "00ff"}),
        json!(7),
        json!({"id": 7, "extra": 1}),
        json!({"id": "00ff", "level": 4, "tier": "gold"}),
        json!({"id": "00ff", "emails": [{"value": "a"}, {"value": "long"}, {}]}),
        json!({"id": "00ff", "emails": [{"value": "a", "x": 1}]}),
    ] {
        let all = user().violations(&value);
        assert_eq!(user().first_violation(&value), all.into_iter().next(), "{value}");
    }
}

#[test]
fn every_violation_is_named_with_its_pointer() {
    let value = json!({"active": "yes", "level": 4, "tier": "gold", "emails": [{"value": "long"}, {}, {"value": "a", "x": 1}], "extra": 1});
    assert_eq!(
        pointers(&user(), &value),
        [
            "/id",
            "/extra",
            "/active",
            "/emails",
            "/emails/0/value",
            "/emails/1/value",
            "/emails/2/x",
            "/level",
            "/tier"
        ]
    );
    assert_eq!(
        user().violations(&json!({"id": "00FF"}))[0].to_string(),
        "at `/id`: does not match the pattern `^[0-9a-f]{4}$`"
    );
    assert_eq!(pointers(&user(), &json!([])), [""]);
}

#[test]
fn integers_are_exact() {
    let level = schema(json!({"type": "integer"}));
    for value in
        [json!(1.0), json!(9_007_199_254_740_992_i64), json!(u64::MAX), json!("1"), json!(null)]
    {
        assert_eq!(level.violations(&value).len(), 1, "{value}");
    }
    assert!(level.violations(&json!(-9_007_199_254_740_991_i64)).is_empty());
}

/// A text with the form of a decimal can be out of range, so the reason names the range.
#[test]
fn the_reason_for_refusing_a_decimal_names_its_range() {
    let (least, most) = ("-922337203685477.5808", "922337203685477.5807");
    let whole = json!(9_007_199_254_740_991_i64);
    for (bounds, least, most) in [
        (json!({}), least, most),
        (json!({"minimum": 1}), "1", most),
        (json!({"maximum": -1}), least, "-1"),
        (json!({"minimum": 0, "maximum": 10000}), "0", "10000"),
        (json!({"maximum": whole}), least, most),
    ] {
        let mut amount = bounds;
        amount["type"] = json!("decimal");
        let amount = schema(amount);
        assert_eq!(amount.decimal_range(), (least.to_owned(), most.to_owned()));
        for text in ["99999999999999999999", "0.00001", "ten"] {
            let found = amount.violations(&json!(text));
            let wanted = format!(
                "`\"{text}\"` is not a decimal from {least} to {most} with at most 4 fraction digits"
            );
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0].reason, wanted);
        }
    }
    let private = schema(json!({"type": "decimal", "private": true}));
    let found = private.violations(&json!("99999999999999999999"));
    assert!(found[0].reason.starts_with("the value is not a decimal from"), "{found:?}");
}

#[test]
fn a_projection_keeps_declared_properties_only() {
    let value = json!({"active": null, "level": 1, "secret": "s", "emails": [{"value": "a", "type": "work"}]});
    assert_eq!(user().project(&value).unwrap(), json!({"level": 1, "emails": [{"value": "a"}]}));
    assert_eq!(user().missing(&value), ["/id"]);
    assert_eq!(user().missing(&json!({"id": "00ff", "emails": [{}]})), ["/emails/0/value"]);
    assert_eq!(user().project(&json!({"id": 7})).unwrap_err().pointer, "/id");
    assert_eq!(
        user().project(&json!({"emails": [{"value": true}]})).unwrap_err().pointer,
        "/emails/0/value"
    );
    assert_eq!(user().project(&json!("x")).unwrap_err().pointer, "");
}

#[test]
fn unknown_keywords_and_nulls_are_refused() {
    for value in [
        json!({"type": "string", "format": "uuid"}),
        json!({"type": "number"}),
        json!({"type": "null"}),
        json!({"type": null}),
        json!({"type": "string", "const": 1, "oneOf": []}),
        json!({"type": "string", "pattern": "("}),
        json!({"type": "string", "pattern": "((a{100}){100}){100}"}),
        json!({"type": "integer", "minimum": 0.5}),
        json!({"type": "object", "additionalProperties": true}),
    ] {
        assert!(serde_json::from_value::<Schema>(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn ill_formed_schemas_are_refused() {
    for (value, pointer) in [
        (json!({}), ""),
        (json!({"type": "string", "minimum": 1}), "/minimum"),
        (json!({"type": "integer", "pattern": "a"}), "/pattern"),
        (json!({"type": "string", "properties": {"a": {"type": "string"}}}), "/properties"),
        (json!({"type": "array"}), ""),
        (json!({"required": ["b"], "properties": {"a": {"type": "string"}}}), "/required"),
        (json!({"properties": {"__entity": {"type": "string"}}}), "/properties"),
        (json!({"properties": {"a/b": {"type": "array", "items": {}}}}), "/properties/a~1b/items"),
        (json!({"type": "integer", "minimum": 2, "maximum": 1}), ""),
        (json!({"type": "integer", "maximum": 9_007_199_254_740_992_i64}), ""),
        (json!({"type": "string", "enum": []}), "/enum"),
        (json!({"type": "string", "enum": ["a", 1]}), ""),
        (json!({"type": "boolean", "const": null}), ""),
        (json!({"type": "object", "const": {}}), ""),
    ] {
        assert_eq!(schema(value.clone()).well_formed().unwrap_err().pointer, pointer, "{value}");
    }
    assert!(Schema::object([], BTreeMap::new()).well_formed().is_ok());
}

#[test]
fn at_follows_properties_and_says_whether_they_are_required() {
    let nested =
        schema(json!({"required": ["user"], "properties": {"user": user(), "other": user()}}));
    assert_eq!(
        nested.at(&["user", "id"]).map(|(found, required)| (found.kind(), required)),
        Some((Some(Kind::String), true))
    );
    assert_eq!(nested.at(&["other", "id"]).map(|(_, required)| required), Some(false));
    assert!(nested.at(&["user", "nope"]).is_none());
    assert!(nested.at(&[]).is_some());
}

#[test]
fn schemas_survive_json_and_toml() {
    let text = serde_json::to_string(&user()).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&text).unwrap(), user());
    assert!(text.contains("maxLength") && !text.contains("null"));
    let from_toml: Schema = toml::from_str(
        "required = [\"id\"]\nproperties.id = { type = \"string\", enum = [\"a\"] }",
    )
    .unwrap();
    assert!(from_toml.well_formed().is_ok());
    assert_eq!(from_toml.violations(&json!({"id": "b"})).len(), 1);
}
