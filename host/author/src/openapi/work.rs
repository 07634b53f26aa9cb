//! Parts that several kinds of drafts have: the write, the look and its state.

use super::body::{self, Sent, Written};
use super::error::OpenApiError;
use super::look::{self, Look};
use super::operation::Operation;
use super::reads::Reads;
use super::request::{self, Place};
use super::sketch::{Asked, Rule, Sketch};
use super::text::named;
use super::walk::Walk;
use super::{chosen, response, state};

/// The most members of a body about which a draft says nothing.
const FEW: usize = 8;

/// What a draft is made from.
pub(super) struct Work<'d> {
    pub(super) walk: Walk<'d>,
    pub(super) reads: Reads<'d>,
    pub(super) operation: Operation<'d>,
    /// The look that the author named.
    pub(super) given: Option<Operation<'d>>,
    /// The members of the body that the author chose; empty for all.
    pub(super) members: &'d [String],
}

impl<'d> Work<'d> {
    /// Whether the author named this look, or none.
    pub(super) fn is_given(&self, one: &Operation<'d>) -> bool {
        self.given.is_none_or(|given| given.request() == one.request())
    }
}

/// The name of the resource: the upstream and the path of the object.
pub(super) fn resource(sketch: &Sketch, target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default().trim_matches('/');
    let upstream = sketch.upstream();
    if path.is_empty() { upstream.to_owned() } else { format!("{upstream}/{path}") }
}

/// Adds the look, its state and the resource.
pub(super) fn observe<'d>(
    work: &Work<'d>,
    look: &Look<'d>,
    written: &[Written],
    sketch: &mut Sketch,
) -> Result<(), OpenApiError> {
    let target = request::target(&work.walk, look.place, &mut sketch.params)?;
    let operation = &look.operation;
    let request = request::request(&work.walk, operation, look.place, &[], &mut sketch.params)?;
    sketch.resource = resource(sketch, &target);
    add_state(work, look, look.place.path, written, sketch)?;
    sketch.state.from.clone_from(&request);
    let has_secret = response::has_secret(&work.walk, operation)?;
    let mut rule = Rule { request, has_secret, ..Rule::default() };
    request::add_headers(&work.walk, operation, &mut rule)?;
    sketch.observe.push(rule);
    Ok(())
}

/// Adds the state with the members of the look's object. `path` names the state.
pub(super) fn add_state<'d>(
    work: &Work<'d>,
    look: &Look<'d>,
    path: &str,
    written: &[Written],
    sketch: &mut Sketch,
) -> Result<(), OpenApiError> {
    let names: Vec<&str> = written.iter().map(|one| one.name.as_str()).collect();
    sketch.state = state::of(&work.walk, &look.shape, path, &names)?;
    sketch.state.at = Some(look.shape.at.clone()).filter(|at| !at.is_empty());
    if sketch.state.members.is_empty() {
        let names = named(look.shape.flat.properties.iter().map(|(name, _)| *name));
        let what = format!(
            "a state can keep no member of the object in the answer, which has {names}; use another `--look`, or write \
             the contract by hand, with `only` and `where` for an element of a list"
        );
        return Err(OpenApiError::at(look.operation.pointer(), what));
    }
    Ok(())
}

/// The write, and the members of its body.
pub(super) fn perform(
    work: &Work<'_>,
    sketch: &mut Sketch,
) -> Result<(Rule, Vec<Written>), OpenApiError> {
    let operation = &work.operation;
    let place = Place::of(*operation);
    let request = request::request(&work.walk, operation, place, &[], &mut sketch.params)?;
    let has_secret = response::has_secret(&work.walk, operation)?;
    let mut rule = Rule { request, has_secret, ..Rule::default() };
    request::add_headers(&work.walk, operation, &mut rule)?;
    let written = body::add(&work.walk, operation, work.members, &mut rule, &mut sketch.params)?;
    chosen::check(operation, work.members, &written)?;
    let count = written.iter().filter(|one| matches!(one.sent, Sent::Param(_))).count();
    if work.members.is_empty() && count > FEW {
        sketch.about.push(format!(
            "{count} members of the body are parameters. `--member NAME`, once for each member that the agent may \
             choose, drafts a smaller contract."
        ));
    }
    if response::has_other_body(&work.walk, operation)? {
        rule.codec = Some(match rule.codec {
            Some(_) => "{ request = \"form\", response = \"none\" }",
            None => "{ response = \"none\" }",
        });
    }
    if operation.answers("202") {
        rule.accepted = Asked::ask(
            true,
            "202 means that the upstream carries out the write later. Raise `settle` to the time that this takes; if \
             the answer names a job, follow the job as in step 10 of the guide.",
        );
    }
    Ok((rule, written))
}

/// Lets the object of the look be absent, and adds the request that confirms an absence.
pub(super) fn may_be_absent<'d>(
    work: &Work<'d>,
    look: &Look<'d>,
    sketch: &mut Sketch,
) -> Result<(), OpenApiError> {
    let control = match look.place.parent() {
        Some(parent) => look::control(&work.walk, &work.reads, parent, &mut sketch.params)?,
        None => None,
    };
    if let Some(read) = sketch.observe.first_mut() {
        read.absent = true;
        read.control.clone_from(&control);
        if control.is_none() {
            read.questions.push(
                "Which request shows that the credential may read the object, so that a 404 is no missing permission? \
                 Add it as another [[observe.http]], and as `control` here."
                    .to_owned(),
            );
        }
    }
    sketch.observe.extend(control.map(confirming));
    Ok(())
}

/// The rule of a request that confirms an absence.
pub(super) fn confirming(request: String) -> Rule {
    let comment =
        "Shows that the credential may read, so that an absence is not a missing permission.";
    Rule { comment: Some(comment), request, expose: Some(vec![]), ..Rule::default() }
}
