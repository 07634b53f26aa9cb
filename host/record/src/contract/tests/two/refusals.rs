//! Tests of refusals that say what to write instead.

use super::*;

#[test]
fn a_rate_limit_of_a_look_is_declared_where_it_has_an_effect() {
    let with = |lines: &str| of(&[STATE, OBSERVE, lines, PERFORM]);
    let limited = text(2, "idp/{id}", &with("throttled = [403]\n"));
    assert!(Contract::from_toml("c.toml", &limited).is_ok());
    for (lines, why) in [
        ("throttled = [503]\n", "`503` in `throttled` is not a status from 400 to 499"),
        ("throttled = [404]\nabsent = [404]\n", "`404` is in `absent` and in `throttled`"),
        ("created = [201]\n", "`created` is for [[perform.http]]"),
    ] {
        let said = refused(&with(lines));
        assert!(said.contains(why), "no `{why}`: {said}");
    }
    let search =
        with("throttled = [403]\nreads = true\n").replace("GET /t/{id}", "POST /search?id={id}");
    let said = refused(&search);
    assert!(said.contains("a POST in observe is not repeated"), "{said}");
}

#[test]
fn an_encoding_that_the_host_does_not_write_is_refused_with_its_remedy() {
    for kind in ["xml", "multipart", "merge-patch", "text"] {
        for codec in [
            format!("codec.request = \"{kind}\"\n"),
            format!("codec = {{ request = \"{kind}\" }}\n"),
        ] {
            let said = refused(&of(&[STATE, OBSERVE, PERFORM, &codec]));
            let start = format!("`codec.request = \"{kind}\"` is not supported");
            assert!(said.contains(&start) && said.contains("as `json` or `form`"), "{said}");
            assert!(
                said.contains("write `headers = { Content-Type = \"") && said.contains("c.toml:")
            );
        }
    }
    let patch = "headers = { Content-Type = \"application/merge-patch+json\" }\nbody = { a = 1 }\n";
    let text = text(2, "idp/{id}", &of(&[STATE, OBSERVE, PERFORM, patch]));
    assert!(Contract::from_toml("c.toml", &text).is_ok());
}

#[test]
fn a_text_with_single_braces_is_refused_with_its_remedy() {
    let with = |query: &str| {
        of(&[STATE, OBSERVE, PERFORM, &format!("body = {{ query = \"{query}\" }}\n")])
    };
    for (query, why) in [
        ("mutation { suspend(id: 1) { ok } }", "or `{{` and `}}` for literal braces"),
        ("mutation { suspend(id: 1) }", "or `{{` and `}}` for literal braces"),
        ("query {me}", "or write `{{me}}` if the braces are literal"),
        ("query { me", "write `{{` or `}}` for a literal brace"),
    ] {
        let said = refused(&with(query));
        assert!(said.contains(why), "no `{why}`: {said}");
    }
    let text = text(2, "idp/{id}", &with("mutation {{ suspend(id: 1) {{ ok }} }}"));
    assert!(Contract::from_toml("c.toml", &text).is_ok());
}

#[test]
fn a_type_that_may_be_null_is_written_as_nullable() {
    for kind in ["\"null\"", "[\"integer\", \"null\"]", "[\"integer\"]", "[]"] {
        let state = STATE.replace("\"integer\"", kind);
        let said = refused(&of(&[&state, OBSERVE, PERFORM]));
        assert!(said.contains("c.toml:19") && said.contains("`nullable = true`"), "{kind}: {said}");
    }
    let state = STATE.replace("\"integer\"", "\"integer\", nullable = true");
    let text = text(2, "idp/{id}", &of(&[&state, OBSERVE, PERFORM]));
    assert!(Contract::from_toml("c.toml", &text).is_ok());
    let said = refused(&of(&[&STATE.replace("integer", "number"), OBSERVE, PERFORM]));
    assert!(said.contains("unknown variant `number`, expected one of `object`"), "{said}");
}
