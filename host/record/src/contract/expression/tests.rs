use serde_json::json;

use super::*;

fn schema(value: Value) -> Schema {
    serde_json::from_value(value).unwrap()
}

fn params() -> Schema {
    schema(json!({"required": ["user_id"], "properties": {
        "user_id": {"type": "string"}, "cents": {"type": "integer"}, "x-y": {"type": "string"},
    }}))
}

fn state() -> BTreeMap<String, Schema> {
    let user = schema(json!({"required": ["id", "emails"], "properties": {
        "id": {"type": "string"},
        "active": {"type": "boolean"},
        "meta": {"required": ["version"], "properties": {"version": {"type": "integer"}, "note": {"type": "string"}}},
        "emails": {"type": "array", "items": {"required": ["value"], "properties": {
            "value": {"type": "string"}, "primary": {"type": "boolean"},
        }}},
        "tags": {"type": "array", "items": {"type": "string"}},
    }}));
    BTreeMap::from([("user".into(), user)])
}

fn refusal(source: &str, post: bool) -> String {
    let parsed = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    parsed.check(&params(), &state(), post).expect_err(source).to_string()
}

fn accept(source: &str) {
    let parsed = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    parsed.check(&params(), &state(), true).unwrap_or_else(|error| panic!("{source}: {error}"));
}

fn judge(source: &str) -> Result<bool, String> {
    let params = json!({"user_id": "u1", "cents": 7});
    let pre = json!({"user": {"id": "u1", "active": false, "emails": [{"value": "a@x", "primary": true}, {"value": "b@x"}]}});
    let post = json!({"user": {"id": "u1", "active": true, "emails": []}});
    Expression::parse(source)
        .map_err(|error| error.to_string())?
        .holds(&Env { params: &params, pre: &pre, post: Some(&post) }.scope())
}

#[test]
fn judges_the_expressions_of_the_design() {
    assert_eq!(judge("has(pre.user.active) && !pre.user.active"), Ok(true));
    assert_eq!(judge("post.user.active"), Ok(true));
    assert_eq!(judge("post.user.active && params.cents > 7"), Ok(false));
    assert_eq!(judge("pre.user.emails.exists(e, has(e.primary) && e.primary)"), Ok(true));
    assert_eq!(
        judge("size(pre.user.emails) == 2 && pre.user.emails.all(e, e.value.endsWith('@x'))"),
        Ok(true)
    );
    assert_eq!(
        judge("has(pre.user.emails[1].primary) || pre.user.id.matches('^u[0-9]$')"),
        Ok(true)
    );
}

#[test]
fn anything_but_a_boolean_is_an_error() {
    assert_eq!(judge("params.cents + 1"), Err("the result is int, not true or false".into()));
    assert!(judge("pre.user.missing").unwrap_err().contains("missing"));
    assert!(judge("pre.group.active").is_err());
    assert!(judge("params.cents > 'x'").is_err());
    assert!(judge("params.cents / 0 == 1").is_err());
    assert!(
        judge("9223372036854775807 + params.cents > 0")
            .unwrap_err()
            .to_lowercase()
            .contains("overflow")
    );
    assert!(judge("-9223372036854775808 / -1 > 0").is_err());
    assert!(judge("pre.user.emails[7].value == ''").is_err());
    let before = Expression::parse("post.user.active").unwrap();
    assert!(
        before.holds(&Env { params: &json!({}), pre: &json!({}), post: None }.scope()).is_err()
    );
    assert!(
        before
            .holds(&Env { params: &json!(1.5), pre: &json!({}), post: None }.scope())
            .unwrap_err()
            .contains("1.5")
    );
}

#[test]
fn declared_and_guarded_paths_are_accepted() {
    for source in [
        "params.user_id == pre.user.id",
        "has(pre.user.active) && !pre.user.active",
        "!has(pre.user.active) || pre.user.active",
        "has(pre.user.active) ? pre.user.active : false",
        "!has(pre.user.active) ? true : pre.user.active",
        "!(has(pre.user.active) && has(params.cents)) || pre.user.active && params.cents > 1",
        "has(params.cents) && (params.cents > 1 || params.cents < -1)",
        "has(post.user.meta) && post.user.meta.version == 1",
        "has(post.user.meta) && has(post.user.meta.note) && post.user.meta.note != ''",
        "'x-y' in params && params['x-y'] == ''",
        "pre.user.emails[0].value == 'x'",
        "has(pre.user.emails[0].primary) && pre.user.emails[0].primary",
        "pre.user.emails.all(e, e.value == params.user_id)",
        "pre.user.emails.filter(e, has(e.primary) && e.primary).size() == 1",
        "has(pre.user.tags) && pre.user.tags.exists(t, t in ['a', 'b'])",
        "has(pre.user.active) && pre.user.emails.all(e, pre.user.active)",
        "pre.user == post.user",
        "size(pre.user.emails.map(e, e.value)) > 0",
    ] {
        accept(source);
    }
}

#[test]
fn undeclared_or_unguarded_paths_are_refused() {
    for (source, part) in [
        ("pre.user.activ", "`pre.user.activ` is not declared"),
        ("pre.group.id == ''", "its properties are `user`"),
        ("params.user == ''", "`params.user` is not declared"),
        ("has(pre.user.nope)", "not declared"),
        ("pre.user.id.length == 1", "has no properties"),
        ("pre.user.active", "`pre.user.active` may be absent; write `has(pre.user.active) && …`"),
        ("params.cents > 1", "may be absent"),
        ("has(post.user.active) && pre.user.active", "`pre.user.active` may be absent"),
        ("has(pre.user.active) || pre.user.active", "may be absent"),
        ("!has(pre.user.active) && pre.user.active", "may be absent"),
        ("pre.user.active && has(pre.user.active)", "may be absent"),
        ("(has(pre.user.active) || has(params.cents)) && pre.user.active", "may be absent"),
        ("has(pre.user.meta.note)", "`pre.user.meta` may be absent"),
        (
            "pre.user.emails.exists(e, has(e.primary)) && pre.user.emails.exists(e, e.primary)",
            "`e.primary` may be absent",
        ),
        ("pre.user.emails.all(e, e.nope == 1)", "`e.nope` is not declared"),
        ("pre.user.emails[0].nope == 1", "not declared"),
        ("pre[params.user_id] == 1", "literal name"),
        ("pre.user[params.user_id] == 1", "literal name"),
        ("'x' in params && params['x-y'] == ''", "`params.x-y` may be absent"),
        ("params['user_ix'] == ''", "not declared"),
        ("pre['user'].active", "may be absent"),
        ("[pre].all(p, p.user.active)", "is not known"),
        ("(true ? pre : post).user.active", "is not known"),
        ("pre.user.emails.map(e, e)[0].nope", "is not known"),
        ("user.active", "`user` is not known"),
        ("pre.user.emails.all(pre, true)", "shadows another name"),
        ("pre.user.emails.all(e, pre.user.emails.all(e, true))", "shadows another name"),
        ("int == int", "not known"),
    ] {
        let error = refusal(source, true);
        assert!(error.contains(part), "{source}: {error}");
    }
    assert!(refusal("post.user.id == ''", false).contains("`after`"));
}

#[test]
fn a_test_for_what_is_always_there_is_refused_where_it_is_written() {
    for (source, part) in [
        ("has(pre.user.id)", "compare the value, such as `pre.user.id == …`"),
        ("!has(post.user.id) || true", "`has(post.user.id)` is always true: `id` is required"),
        ("has(params.user_id) && params.user_id != ''", "remove `user_id` from `required`"),
        ("has(pre.user)", "every state is present when it is evaluated; remove the test"),
        ("has(pre.user.emails)", "remove the test"),
        ("has(pre.user.meta) && has(pre.user.meta.version)", "`has(pre.user.meta.version)`"),
        ("pre.user.emails.all(e, has(e.value))", "`has(e.value)` is always true"),
        ("'id' in pre.user", "`'id' in pre.user` is always true"),
        ("'user_id' in params", "compare the value, such as `params['user_id'] == …`"),
        ("'nope' in pre.user", "`pre.user.nope` is not declared"),
    ] {
        let parsed = Expression::parse(source).unwrap();
        let error = parsed.check_tests(&params(), &state()).expect_err(source).to_string();
        assert!(error.contains(part), "{source}: {error}");
        // A contract that was accepted once, such as the contract of a bundle, remains valid.
        accept(source);
    }
    for source in [
        "has(pre.user.active) && !pre.user.active",
        "'x-y' in params && params['x-y'] == ''",
        "pre.user.id in ['a', 'b']",
        "has(pre.user.tags) && 'a' in pre.user.tags",
        "pre.user.emails.exists(e, has(e.primary) && e.primary)",
    ] {
        let parsed = Expression::parse(source).unwrap();
        assert_eq!(parsed.check_tests(&params(), &state()), Ok(()), "{source}");
    }
}

#[test]
fn what_contracts_may_not_use_is_refused_by_the_parser() {
    for source in [
        "",
        " ",
        "pre.",
        "1 +",
        "a b",
        "{1: 2} == {1: 2}",
        "User{a: 1}",
        "1.5 > 1.0",
        "1u == 1u",
        "b'x' == b'x'",
        "now()",
        "pre.user.id.reverse()",
        "has(pre)",
        "has(1 + 1)",
        "timestamp('x') == 1",
        "dyn(1) == 1",
        "type(1) == int",
        "pre.?user",
        "pre[?0]",
        "`a` == 1",
        "max(1, 2) == 2",
        "[1].all(a, [1].all(b, [1].all(c, true)))",
    ] {
        assert!(Expression::parse(source).is_err(), "{source}");
    }
}

#[test]
fn hostile_shapes_neither_crash_nor_hang() {
    let shapes = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("", "a", ".a"),
        ("", "a", "[0]"),
        ("", "1", "+1"),
        ("true?1:", "1", ""),
        ("", "true", "&&true"),
        ("[1].all(x,", "true", ")"),
        ("", "a", ".a()"),
        ("", "1", "==1"),
        ("size(", "1", ")"),
        ("(", "", ""),
        ("\"", "", ""),
    ];
    for (open, middle, close) in shapes {
        for size in [256, MAX_BYTES, 4 * MAX_BYTES, 1 << 20] {
            let count = size / (open.len() + close.len());
            let source = open.repeat(count) + middle + &close.repeat(count);
            let parsed = Expression::parse(&source);
            assert!(parsed.is_err() || source.len() <= MAX_BYTES, "{open}{middle}{close} {size}");
            if let Ok(expression) = parsed {
                drop(
                    expression
                        .holds(&Env { params: &json!({}), pre: &json!({}), post: None }.scope()),
                );
                drop(expression.check(&params(), &state(), true));
            }
        }
    }
}

#[test]
fn the_source_is_kept_as_written() {
    let parsed = Expression::parse("  params.cents  >  1 ").unwrap();
    assert_eq!(
        (parsed.source(), parsed.to_string().as_str()),
        ("  params.cents  >  1 ", "  params.cents  >  1 ")
    );
    assert_eq!(parsed, parsed.clone());
    assert_eq!(serde_json::from_value::<Expression>(json!(parsed)).unwrap(), parsed);
    assert!(serde_json::from_value::<Expression>(json!("1 +")).is_err());
}

#[test]
fn expressions_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Expression::parse("true").unwrap());
}

#[test]
fn a_decimal_is_compared_by_its_value_and_only_with_another() {
    let schema = |value: Value| serde_json::from_value::<Schema>(value).unwrap();
    let charge = schema(json!({"required": ["amount"], "properties": {
        "amount": {"type": "decimal"}, "fee": {"type": "decimal", "nullable": true},
        "parts": {"type": "array", "items": {"type": "decimal"}},
    }}));
    let states = [("charge".to_owned(), charge)].into();
    let params =
        schema(json!({"required": ["limit"], "properties": {"limit": {"type": "decimal"}}}));
    let check = |text: &str| {
        let parsed = Expression::parse(text)?;
        parsed.check(&params, &states, true)?;
        Ok::<_, ExpressionError>(parsed)
    };
    let state = json!({"charge": {"amount": "10.5", "fee": null, "parts": ["9.5", "1"]}});
    let params = json!({"limit": "9.75"});
    for (text, holds) in [
        ("dec(pre.charge.amount) > dec(params.limit)", true),
        ("dec(pre.charge.amount) == dec(\"10.50\")", true),
        ("dec(pre.charge.amount) - dec(params.limit) <= dec(\"0.75\")", true),
        ("-dec(pre.charge.amount) < dec(\"-10.4999\")", true),
        ("has(pre.charge.parts) && pre.charge.parts.exists(p, dec(p) == dec(\"1.0\"))", true),
        ("has(pre.charge.parts) && pre.charge.parts.all(p, dec(p) > dec(\"1\"))", false),
        (
            "has(pre.charge.parts) && size(pre.charge.parts) == 2 && pre.charge.parts.size() == 2",
            true,
        ),
        ("dec(pre.charge.amount) > dec(10)", true),
        ("!has(pre.charge.fee) || pre.charge.fee == null", true),
        ("(dec(pre.charge.amount) > dec(\"1\") ? dec(\"2\") : dec(\"3\")) == dec(\"2\")", true),
    ] {
        let scope = Env { params: &params, pre: &state, post: Some(&state) }.scope();
        assert_eq!(check(text).unwrap().holds(&scope), Ok(holds), "{text}");
    }
    for text in [
        "pre.charge.amount > params.limit",
        "pre.charge.amount == \"10.5\"",
        "dec(pre.charge.amount) > 10",
        "dec(pre.charge.amount) * 2 > dec(\"1\")",
        "dec(pre.charge.amount) + 1 > dec(\"1\")",
        "int(dec(pre.charge.amount)) > 1",
        "[dec(pre.charge.amount)] == [dec(\"1\")]",
        "dec(\"ten\") > dec(\"1\")",
        "dec(\"1.00001\") > dec(\"1\")",
        "dec(pre.charge.amount)",
        "has(pre.charge.parts) && pre.charge.parts.exists(p, p == \"1\")",
        "pre.charge.amount.startsWith(\"1\")",
        "has(pre.charge.parts) && \"9.50\" in pre.charge.parts",
        "has(pre.charge.parts) && pre.charge.parts == [\"9.50\"]",
        "(true ? dec(\"1\") : 1) == dec(\"1\")",
    ] {
        assert!(check(text).is_err(), "{text}");
    }
}
