//! The members of a body that the author chose to be parameters. The other members are sent back as the look read them,
//! or are left out.

use deed_record::contract::schema::Kind;
use deed_spec::json::child;

use super::body::{self, Sent, Written};
use super::error::OpenApiError;
use super::names::is_member;
use super::operation::Operation;
use super::params::{Origin, Params};
use super::sketch::{Rule, Sketch};
use super::text::{named, shown};
use super::verify::is_comparable;

/// Refuses a choice of a member that the draft does not send.
pub(super) fn check(
    operation: &Operation<'_>,
    members: &[String],
    written: &[Written],
) -> Result<(), OpenApiError> {
    let is_sent = |name: &String| written.iter().any(|one| one.name == *name);
    let Some(unknown) = members.iter().find(|name| !is_sent(name)) else { return Ok(()) };
    let what = if written.is_empty() {
        "the write has no members that a draft can send; leave out `--member`".to_owned()
    } else {
        let names = named(written.iter().map(|one| one.name.as_str()));
        format!(
            "the draft sends no member `{}`; name with `--member` what it sends: {names}",
            shown(unknown)
        )
    };
    Err(OpenApiError::at(operation.pointer(), what))
}

/// Leaves out the members that the author did not choose and that the document does not require. `kept` is a member that
/// the draft needs.
pub(super) fn leave_out(
    members: &[String],
    kept: Option<&str>,
    (rule, written): (&mut Rule, &mut Vec<Written>),
    params: &mut Params,
) {
    if members.is_empty() {
        return;
    }
    let is_left = |one: &mut Written| {
        let Sent::Param(origin) = &one.sent else { return false };
        let is_optional = params.of(origin).is_some_and(|param| !param.required);
        is_optional && !is_chosen(members, &one.name) && kept != Some(one.name.as_str())
    };
    let left: Vec<Written> = written.extract_if(.., is_left).collect();
    for one in left {
        if let Sent::Param(origin) = &one.sent {
            params.remove(origin);
        }
        rule.left_out.push(one.name);
    }
    rule.body = body::values(written, params);
}

/// Makes the only parameter of the body required, if the author chose the members: without it, the action changes
/// nothing.
pub(super) fn require_only(
    members: &[String],
    (rule, written): (&mut Rule, &[Written]),
    params: &mut Params,
) {
    if members.is_empty() {
        return;
    }
    let mut sent = written.iter().filter_map(|one| match &one.sent {
        Sent::Param(origin) => Some(origin),
        Sent::Literal(_) | Sent::Back(_) => None,
    });
    if let (Some(only), None) = (sent.next(), sent.next()) {
        params.require(only);
        rule.body = body::values(written, params);
    }
}

/// Sends the members that the author did not choose as the look read them, if a contract can. For a write that replaces
/// the object of the look.
pub(super) fn send_back(
    members: &[String],
    (rule, written): (&mut Rule, &mut Vec<Written>),
    sketch: &mut Sketch,
) {
    let is_json = rule.codec.is_none_or(|codec| !codec.contains("request"));
    if members.is_empty() || !is_json {
        return;
    }
    let mut back = Vec::new();
    for one in written.iter_mut().filter(|one| !is_chosen(members, &one.name)) {
        let Sent::Param(origin) = &one.sent else { continue };
        if !can_be_sent_back(&one.name, origin, sketch) {
            continue;
        }
        sketch.params.remove(origin);
        one.sent = Sent::Back(format!("{{pre.{}.{}}}", sketch.state.name, one.name));
        back.push(one.name.clone());
    }
    rule.body = body::values(written, &sketch.params);
    if !back.is_empty() {
        rule.body_questions.push(format!(
            "Has the answer to the read an entity tag? If so, add `guard = \"etag\"` to this request. Otherwise another \
             change between the read and this write is lost, because these members are sent as they were read: {}.",
            named(back.iter().map(String::as_str))
        ));
    }
}

/// A contract sends back only values that are always there, and in the form in which the upstream sent them.
fn can_be_sent_back(name: &str, origin: &Origin, sketch: &Sketch) -> bool {
    let (Some(member), Some(param)) = (sketch.state.member(name), sketch.params.of(origin)) else {
        return false;
    };
    let is_there = member.required && !member.schema.nullable;
    let is_hidden = member.has_secret || param.schema.private;
    let is_stable = !sketch.state.volatile.contains(&child("", name));
    let is_exact = is_exact(member.schema.kind())
        && member.schema.items.as_deref().is_none_or(|item| is_exact(item.kind()));
    is_member(name)
        && is_there
        && !is_hidden
        && is_stable
        && is_exact
        && is_comparable(&param.schema, &member.schema)
}

/// A decimal is kept in another form than the upstream sent it.
fn is_exact(kind: Option<Kind>) -> bool {
    matches!(kind, Some(Kind::String | Kind::Integer | Kind::Boolean | Kind::Array))
}

fn is_chosen(members: &[String], name: &str) -> bool {
    members.iter().any(|one| one == name)
}
