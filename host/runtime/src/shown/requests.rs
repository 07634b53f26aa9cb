//! Requests as text: method and path, headers, notes, and the origin of each value.

use std::collections::BTreeMap;

use deed_record::contract::Contract;
use deed_record::contract::template::origins::Origin;
use deed_record::contract::template::text::Source;
use deed_record::contract::template::{Place, RenderError, Rule};
use deed_record::exchange::{Guard, Rendered};
use deed_spec::text::safe;
use serde_json::Value;

use super::text::{compact, join, line};

/// A request on one line: upstream, method and path.
pub(crate) fn request(request: &Rendered) -> String {
    format!("{} {} {}", safe(&request.upstream), safe(&request.method), safe(&request.path))
}

/// The condition under which an upstream carries out a guarded write, as text.
fn guard(guard: Guard) -> &'static str {
    match guard {
        Guard::Etag => "only if the entity tag is still the one that the host saw",
        Guard::Absent => "only if nothing exists there",
    }
}

/// The precondition and the headers of a request: those of the contract, and those that the operator adds.
pub(crate) fn headers(
    request: &Rendered,
    added: Option<&BTreeMap<String, String>>,
    indent: &str,
) -> String {
    let mut text = String::new();
    if let Some(guard) = request.guard {
        line(&mut text, format_args!("{indent}{}", self::guard(guard)));
    }
    for (name, value) in &request.headers {
        line(&mut text, format_args!("{indent}{}: {}", safe(name), safe(value)));
    }
    for (name, value) in added.into_iter().flatten() {
        let (name, value) = (safe(name), safe(value));
        line(&mut text, format_args!("{indent}{name}: {value} (added by the operator)"));
    }
    text
}

/// The content type of the body, if it is neither JSON nor in a header of the contract.
pub(super) fn encoding(request: &Rendered, indent: &str) -> String {
    let says_kind = request.headers.contains_key("content-type");
    if request.body.is_none() || request.codec.is_plain() || says_kind {
        return String::new();
    }
    format!("{indent}as {}\n", request.codec.content_type())
}

/// Formats the values of the state that a request sends.
pub(super) fn from_state(request: &Rendered) -> String {
    let one = |(place, source): (&String, &String)| {
        format!("    {}: the value of {} before the action", safe(place), safe(source))
    };
    join(request.pre.iter().map(one))
}

/// Formats notes on a request: which texts are sent as numbers, which element of a list counts, and how other requests
/// refer to the answer. `others` are the requests of `perform`.
pub(crate) fn notes<'r>(
    request: &Rendered,
    others: impl IntoIterator<Item = &'r Rendered>,
) -> String {
    let mut text = String::new();
    for pointer in &request.numbers {
        line(&mut text, format_args!("    sent as a number: {}", safe(pointer)));
    }
    for (pointer, value) in &request.selected {
        let what = format_args!("    only the element with {} = {}", safe(pointer), compact(value));
        line(&mut text, what);
    }
    if let Some(name) = &request.name {
        let users = users(name, others);
        line(&mut text, format_args!("    {users} may use its answer as `{}`", safe(name)));
    }
    if let Some(form) = &request.location {
        line(
            &mut text,
            format_args!("    and the path of its `Location`, in the form {}", safe(form)),
        );
    }
    for (name, pointer) in &request.secrets {
        let what = format_args!(
            "    the host takes the secret {} out of its answer, at {}, and stores it",
            safe(name),
            safe(pointer)
        );
        line(&mut text, what);
    }
    text
}

/// Which requests may contain values of the answer to the request with this name.
fn users<'r>(name: &str, others: impl IntoIterator<Item = &'r Rendered>) -> &'static str {
    let is_its = |path: &String| path.split_once('.').is_some_and(|(request, _)| request == name);
    let uses = |one: &&Rendered| one.needs().iter().any(is_its);
    let mut found = "observations afterwards";
    for one in others.into_iter().filter(uses) {
        if one.writes {
            return "later writes and observations";
        }
        found = "later reads and observations";
    }
    found
}

/// Formats the origin of each value in the request that a rule renders with these parameters, and then the parts that
/// the adapter computed. Values that are left out are not listed.
pub(super) fn origins(
    contract: &Contract,
    rule: &Rule,
    params: &Value,
    computed: Vec<String>,
) -> Result<String, RenderError> {
    let body = rule.body_template()?;
    let origins = rule.origins(body.as_deref(), params, contract.templates())?;
    let known = origins.iter().filter(|one| one.at.is_some()).map(origin);
    Ok(listed(known.chain(computed).collect()))
}

/// Formats a list of origins. All other text of the request is literal.
pub(crate) fn listed(mut origins: Vec<String>) -> String {
    // A text may contain the same value several times.
    origins.dedup();
    if origins.is_empty() {
        return "    literal text of the contract\n".to_owned();
    }
    let lines = join(origins.into_iter().map(|one| format!("      {one}")));
    format!("    literal text of the contract, except\n{lines}")
}

/// The place of a value and its origin, on one line.
pub(crate) fn origin(origin: &Origin<'_>) -> String {
    let from = source(origin.used.source);
    let place = place(origin.used.place);
    match origin.at.as_deref() {
        Some("") => format!("{place}: {from}"),
        Some(at) => format!("{place} {}: {from}", safe(at)),
        None => format!("{place}: {from}, which is absent"),
    }
}

fn place(place: Place) -> &'static str {
    match place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
        Place::Body => "body",
        Place::Where => "element of the list",
    }
}

fn source(source: Source<'_>) -> String {
    match source {
        Source::Param { name, .. } => format!("parameter {}", safe(name)),
        Source::ActionId => "id of the action".to_owned(),
        Source::Pre(path) => format!("pre.{}, the state before the action", safe(path)),
        Source::Answer(path) => format!("answer.{}, known after the write", safe(path)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn contract(rule: &str) -> Contract {
        let text = format!(
            "format = 2\n[action]\nname = \"a.b\"\nversion = \"1.0.0\"\ntitle = \"Try\"\nverb = \"update\"\n\
             mode = \"write\"\neffect = \"observable\"\nresource = \"a/{{id}}\"\nadapter = \"declared\"\n\
             [params]\nrequired = [\"id\"]\n\
             properties.id = {{ type = \"string\", pattern = \"^[a-z0-9]+$\" }}\n\
             properties.note = {{ type = \"string\" }}\n\
             [state.user]\nfrom = \"GET /u/{{id}}\"\nrequired = [\"email\", \"on\"]\n\
             properties.email = {{ type = \"string\" }}\nproperties.on = {{ type = \"boolean\" }}\n\
             [[observe.http]]\nupstream = \"a\"\nrequest = \"GET /u/{{id}}\"\n\
             [[perform.http]]\nupstream = \"a\"\n{rule}\n\
             [verify]\nbefore = [\"!pre.user.on\"]\nafter = [\"post.user.on\"]\nmay_change = [\"/user/on\"]\n"
        );
        Contract::from_toml("c.toml", &text).unwrap()
    }

    #[test]
    fn each_value_has_its_origin() {
        let contract = contract(
            "request = \"PUT /u/{id}\"\nheaders = { Prefer = \"wait={id}\" }\n\
             body = { on = true, by = \"{action.id}\", email = \"{pre.user.email}\", note = \"{note?}\", \
             name = \"{id}-{id}\" }",
        );
        let rule = &contract.perform.http[0];
        let text = origins(&contract, rule, &json!({"id": "1"}), vec![]).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines[3..].sort_unstable();
        assert_eq!(
            lines,
            [
                "    literal text of the contract, except",
                "      path {id}: parameter id",
                "      header prefer: parameter id",
                "      body /by: id of the action",
                "      body /email: pre.user.email, the state before the action",
                "      body /name: parameter id",
            ]
        );
        let text = origins(&contract, rule, &json!({"id": "1", "note": "x"}), vec![]).unwrap();
        assert!(text.contains("      body /note: parameter note\n"), "{text}");
    }

    /// A pattern in the schema of a computed part may look like a placeholder.
    #[test]
    fn a_computed_part_is_no_template() {
        let contract = contract(
            "request = \"PUT /u/{id}\"\n\
             body = { a = { any = { type = \"string\", pattern = \"^[a-z]{2}$\" }, name = \"code\" } }",
        );
        let computed = vec!["body /a: computed by the adapter, as `code`".to_owned()];
        let rule = &contract.perform.http[0];
        let text = origins(&contract, rule, &json!({"id": "1"}), computed).unwrap();
        assert_eq!(
            text,
            "    literal text of the contract, except\n      path {id}: parameter id\n      \
             body /a: computed by the adapter, as `code`\n"
        );
    }

    #[test]
    fn a_request_without_values_is_literal() {
        assert_eq!(listed(vec![]), "    literal text of the contract\n");
    }

    #[test]
    fn the_note_on_a_name_says_who_may_use_the_answer() {
        let create = Rendered { name: Some("create".to_owned()), ..Rendered::default() };
        let uses = |path: &str, writes: bool| Rendered {
            path: path.to_owned(),
            writes,
            ..Rendered::default()
        };
        let (read, write) =
            (uses("/a/{answer.create.id}", false), uses("/a/{answer.create.id}", true));
        let (other, awaited) = (uses("/a/{answer.created.id}", true), uses("/b", true));
        let places = [("/by".to_owned(), "create.id".to_owned())].into();
        let awaited = Rendered { awaited: places, ..awaited };
        for (others, who) in [
            (vec![&create, &other], "observations afterwards"),
            (vec![&create, &read], "later reads and observations"),
            (vec![&read, &write], "later writes and observations"),
            (vec![&awaited], "later writes and observations"),
        ] {
            let note = format!("    {who} may use its answer as `create`\n");
            assert_eq!(notes(&create, others), note);
        }
    }

    #[test]
    fn the_encoding_is_named_once() {
        let mut request = Rendered { body: Some(json!({})), ..Rendered::default() };
        assert_eq!(encoding(&request, "  "), "");
        request.codec.request = deed_record::exchange::codec::Outgoing::Form;
        assert_eq!(encoding(&request, "  "), "  as application/x-www-form-urlencoded\n");
        request.headers.insert("content-type".into(), "application/x-www-form-urlencoded".into());
        assert_eq!(encoding(&request, "  "), "");
    }
}
