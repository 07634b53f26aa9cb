//! Drafts of changes of an object that exists before and after the action.

use super::body::{self, Sent, Written};
use super::chosen;
use super::error::OpenApiError;
use super::look;
use super::names::{is_key, snake};
use super::operation::{form, last_parameter};
use super::params::Params;
use super::request::pairs;
use super::sketch::{Asked, Rule, Sketch};
use super::text::{named, shown};
use super::verify::{self, Conditions};
use super::work::{Work, observe, perform};

/// The question about the effect of a write that the state does not show.
const EFFECT: &str = "May the host send this write again if its answer is lost? `idempotent` if a second write has no \
                      second effect, `observable` if the state shows whether the write took effect, otherwise `opaque`.";
/// The questions about what the write changes.
const MEMBER: &str = "What must hold after the action? The document does not tell which member shows the effect of \
                      this write. Write a condition about this member, and list it in `may_change`.";
const OTHER: &str = "What must hold after the action? The read and the write have different queries, so they can be \
                     about different objects. Write a condition about what the write changes, and list it in \
                     `may_change`.";

/// How a draft of a PUT gets fewer parameters.
const FEWER: &str = " With `--member NAME`, only the members that you name are parameters.";

/// The contract of a change.
pub(super) fn sketch(
    work: &Work<'_>,
    mut sketch: Sketch,
    verb: &'static str,
) -> Result<Sketch, OpenApiError> {
    let (mut rule, mut written) = perform(work, &mut sketch)?;
    let is_put = work.operation.method == "PUT";
    if !is_put {
        let body = (&mut rule, &mut written);
        chosen::leave_out(work.members, None, body, &mut sketch.params);
        chosen::require_only(work.members, (&mut rule, written.as_slice()), &mut sketch.params);
    }
    let look = look::find(&work.walk, &work.reads, &work.operation, work.given)?;
    observe(work, &look, &written, &mut sketch)?;
    sketch.verb = verb;
    // A member of another object can have the same name, and says nothing about this write.
    let is_here = form(look.operation.path) == form(work.operation.path);
    // So does one of an object that another query selects below the same path.
    let reads = |read: &Rule| pairs(&read.request) == pairs(&rule.request);
    let is_same = is_here && sketch.observe.iter().all(reads);
    if is_put {
        replace(work, is_same, (&mut rule, &mut written), &mut sketch);
    }
    if is_same {
        rule.body_questions.extend(about_key(work, &written, &sketch.params));
    }
    sketch.perform = Some(rule);
    let found = if is_same {
        verify::conditions(&written, &sketch.params, &sketch.state, false)
    } else {
        Conditions::default()
    };
    let pointers = if is_same { verify::pointers(&written, &sketch.state) } else { vec![] };
    if !found.is_telling {
        sketch.may_change = Asked::sure(pointers);
        unseen(work, &mut sketch, if is_here && !is_same { OTHER } else { MEMBER })?;
        return Ok(sketch);
    }
    seen(found, &mut sketch);
    sketch.may_change = Asked::ask(
        pointers,
        "Which other members does the upstream change with this write? Any other change ends as `mismatch`.",
    );
    Ok(sketch)
}

/// The effect and the conditions of a change that the state shows. An action that is verified must have sent a value
/// that a condition compares.
fn seen(found: Conditions, sketch: &mut Sketch) {
    let mut about = Vec::new();
    if sketch.verb == "call" {
        about.push(
            "Does the upstream store these values as they are sent? Otherwise write what must hold after the action."
                .to_owned(),
        );
    }
    let mut is_proven = true;
    if !found.optional.is_empty() {
        let guard = verify::any_of(&found.optional);
        is_proven = guard.is_some();
        sketch.before.extend(guard);
    }
    if !is_proven {
        about.push(
            "An action without any of the optional parameters is verified, and changes nothing. Add one of them to \
             `required` of [params]."
                .to_owned(),
        );
    }
    about.extend(verify::about_unseen(&found.unseen));
    let is_shown = is_proven && found.unseen.is_empty();
    sketch.effect = if is_shown { Asked::sure("observable") } else { Asked::ask("opaque", EFFECT) };
    let question = Some(about.join(" ")).filter(|text| !text.is_empty());
    sketch.after = Asked { value: found.texts, questions: question.into_iter().collect() };
}

/// The effect and the conditions of a change that the state does not show, as far as the document tells.
fn unseen(work: &Work<'_>, sketch: &mut Sketch, question: &str) -> Result<(), OpenApiError> {
    let Some(condition) = verify::same_object(&sketch.state) else {
        let what = "no member of the state can be compared before and after the action; use another `--look`, or write \
                    the contract by hand";
        return Err(OpenApiError::at(work.operation.pointer(), what));
    };
    sketch.effect = Asked::ask("opaque", EFFECT);
    sketch.after = Asked::ask(vec![condition], question);
    Ok(())
}

/// The question about a member of the body that has the name of the key in the path.
fn about_key(work: &Work<'_>, written: &[Written], params: &Params) -> Option<String> {
    let key = snake(last_parameter(work.operation.path)?, "param");
    let one = written.iter().find(|one| is_key(&key, &one.name))?;
    let Sent::Param(origin) = &one.sent else { return None };
    let param = &params.of(origin)?.name;
    Some(format!(
        "Is `{}` the key in the path? If the write can change the key, remove the member and the parameter `{param}`, \
         because the object is not found under its old key. If both are always equal, send the parameter of the path.",
        shown(&one.name)
    ))
}

/// A PUT replaces the whole object, so an upstream may delete what the agent leaves out. Members that the state shows
/// are required; about the others, the author decides. The state shows nothing of another object.
fn replace(
    work: &Work<'_>,
    is_same: bool,
    (rule, written): (&mut Rule, &mut Vec<Written>),
    sketch: &mut Sketch,
) {
    if is_same {
        chosen::send_back(work.members, (&mut *rule, &mut *written), sketch);
    }
    chosen::leave_out(work.members, None, (&mut *rule, &mut *written), &mut sketch.params);
    if !is_same {
        return;
    }
    let mut open = Vec::new();
    for one in written.iter() {
        let Sent::Param(origin) = &one.sent else { continue };
        if sketch.state.member(&one.name).is_some() {
            sketch.params.require(origin);
        } else if sketch.params.of(origin).is_some_and(|param| !param.required) {
            open.push(one.name.clone());
        }
    }
    open.append(&mut rule.left_out);
    rule.body = body::values(written, &sketch.params);
    if open.is_empty() {
        return;
    }
    rule.body_questions.push(format!(
        "What does the upstream do with members that a PUT leaves out? If it deletes them, make their parameters \
         required, or send those that are neither objects nor decimals as they are, with `{{pre.{}.MEMBER}}`: {}.{}",
        sketch.state.name,
        named(open.iter().map(String::as_str)),
        if work.members.is_empty() { FEWER } else { "" }
    ));
}
