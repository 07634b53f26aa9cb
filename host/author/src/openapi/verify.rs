//! What must hold after the action: the written members of the state have the values that were sent.

use std::collections::BTreeSet;

use deed_record::contract::schema::{Kind, Schema};
use serde_json::Value;

use super::body::{Sent, Written};
use super::names::{is_member, snake};
use super::params::{Origin, Param, Params};
use super::sketch::{Member, State};
use super::text::named;

/// The longest condition of a draft. A contract allows 1024 bytes.
const CONDITION_MAX: usize = 900;

/// The conditions about what a write sends, and what they leave open.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) texts: Vec<String>,
    /// The members that are written and that no condition covers.
    pub(super) unseen: Vec<String>,
    /// Parameters whose conditions hold without them, if no condition is about a parameter that is always sent.
    pub(super) optional: Vec<String>,
    /// Whether a condition is about a member that does not only name the object.
    pub(super) is_telling: bool,
}

/// The conditions of the members that are written and read. With `is_made`, the state may be null.
pub(super) fn conditions(
    written: &[Written],
    params: &Params,
    state: &State,
    is_made: bool,
) -> Conditions {
    let mut found = Conditions::default();
    let mut is_certain = false;
    let keys = keys(params);
    for one in written {
        let param = match &one.sent {
            Sent::Param(origin) => params.of(origin),
            Sent::Literal(_) => None,
            // The state must keep this value, because `may_change` does not name it.
            Sent::Back(_) => continue,
        };
        let text = condition(one, param, state).filter(|text| text.len() <= CONDITION_MAX);
        let Some(text) = text else {
            found.unseen.push(one.name.clone());
            continue;
        };
        // The key of the object is the same before the write, so a condition about it tells nothing of the write.
        if !keys.contains(&snake(&one.name, "member")) {
            found.is_telling = true;
            is_certain |= param.is_some_and(|param| param.required);
            let optional = param.filter(|param| !param.required);
            found.optional.extend(optional.map(|param| param.name.clone()));
        }
        let name = &state.name;
        found.texts.push(if is_made { format!("post.{name} != null && {text}") } else { text });
    }
    if is_certain {
        found.optional.clear();
    }
    found
}

/// Names of members that name the object: `id`, and that of the last parameter of its path.
fn keys(params: &Params) -> BTreeSet<String> {
    let mut in_path = params.list().iter().filter_map(|param| match &param.origin {
        Origin::Path(name) => Some(snake(name, "member")),
        Origin::Query(_) | Origin::Body(_) => None,
    });
    in_path.next_back().into_iter().chain(["id".to_owned()]).collect()
}

/// The condition of one member; `None` if the state does not show it.
fn condition(one: &Written, param: Option<&Param>, state: &State) -> Option<String> {
    let member = state.member(&one.name).filter(|member| is_member(&member.name))?;
    match &one.sent {
        Sent::Literal(value) => literal(value, member, state),
        Sent::Param(_) => sent(param?, member, state),
        Sent::Back(_) => None,
    }
}

/// A condition that one of these parameters is sent; `None` if it would be too long.
pub(super) fn any_of(optional: &[String]) -> Option<String> {
    let tests: Vec<String> = optional.iter().map(|name| format!("has(params.{name})")).collect();
    Some(tests.join(" || ")).filter(|text| text.len() <= CONDITION_MAX)
}

/// The question about members that no condition covers.
pub(super) fn about_unseen(unseen: &[String]) -> Option<String> {
    let names = named(unseen.iter().map(String::as_str));
    let question = format!(
        "What else must hold after the action? No condition covers these members of the write, because the state does \
         not show them as they are sent: {names}."
    );
    (!unseen.is_empty()).then_some(question)
}

/// The pointers of the members that are written and read. A member that is sent as it was read does not change.
pub(super) fn pointers(written: &[Written], state: &State) -> Vec<String> {
    let changed = written.iter().filter(|one| !matches!(one.sent, Sent::Back(_)));
    let known = changed.filter(|one| state.member(&one.name).is_some());
    let base = format!("/{}", state.name);
    known.map(|one| deed_spec::json::child(&base, &one.name)).collect()
}

/// A condition about the object itself, for an action whose effect the document does not tell: it is still the same
/// object. `None` if no member can be compared.
pub(super) fn same_object(state: &State) -> Option<String> {
    let is_plain = |member: &&Member| is_member(&member.name) && is_simple(&member.schema);
    let plain = || state.members.iter().filter(is_plain);
    let named = |name: &str| plain().find(|member| member.name == name);
    let own = named("id").or_else(|| named("name"));
    let own = own.or_else(|| plain().find(|member| member.required));
    let member = own.or_else(|| plain().next())?;
    let (state, name) = (&state.name, &member.name);
    Some(if member.required {
        format!("post.{state}.{name} == pre.{state}.{name}")
    } else {
        format!("has(post.{state}.{name})")
    })
}

fn is_simple(schema: &Schema) -> bool {
    matches!(schema.kind(), Some(Kind::String | Kind::Integer | Kind::Boolean))
}

fn sent(param: &Param, member: &Member, state: &State) -> Option<String> {
    if param.schema.private || !is_comparable(&param.schema, &member.schema) {
        return None;
    }
    let (path, value) = (format!("post.{}.{}", state.name, member.name), &param.name);
    let condition = if member.schema.kind() == Some(Kind::Decimal) {
        let equal = format!("dec({path}) == dec(params.{value})");
        if member.schema.nullable { format!("{path} != null && {equal}") } else { equal }
    } else {
        format!("{path} == params.{value}")
    };
    let condition = present(condition, &path, member);
    Some(if param.required { condition } else { optional(&condition, value) })
}

fn literal(value: &Value, member: &Member, state: &State) -> Option<String> {
    let text = match (value, member.schema.kind()?) {
        (Value::String(text), Kind::String) => {
            let is_quotable = |b: u8| b.is_ascii_alphanumeric() || b" _-.:/".contains(&b);
            text.bytes().all(is_quotable).then(|| format!("'{text}'"))?
        }
        (Value::Bool(_), Kind::Boolean) | (Value::Number(_), Kind::Integer) => value.to_string(),
        _ => return None,
    };
    let path = format!("post.{}.{}", state.name, member.name);
    Some(present(format!("{path} == {text}"), &path, member))
}

/// The condition, tested only if the member is present.
fn present(condition: String, path: &str, member: &Member) -> String {
    if member.required { condition } else { format!("has({path}) && {condition}") }
}

/// The condition, tested only if the agent sent the parameter.
fn optional(condition: &str, param: &str) -> String {
    format!("(!has(params.{param}) || ({condition}))")
}

pub(super) fn is_comparable(one: &Schema, other: &Schema) -> bool {
    match (one.kind(), other.kind()) {
        (Some(Kind::Array), Some(Kind::Array)) => {
            let item = |schema: &Schema| schema.items.as_deref().and_then(Schema::kind);
            let simple = matches!(item(one), Some(Kind::String | Kind::Integer | Kind::Boolean));
            simple && item(one) == item(other)
        }
        (Some(Kind::Object) | None, _) => false,
        (one, other) => one == other,
    }
}
