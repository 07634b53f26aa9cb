//! The parts of a draft by the method of the operation: a read, a change, a removal, or a creation.

use deed_record::action::id;

use super::document::Document;
use super::draft::Choice;
use super::error::OpenApiError;
use super::hide::hide;
use super::look::{self, Look};
use super::operation::{Operation, form};
use super::reads::Reads;
use super::request::Place;
use super::sketch::{Asked, Sketch};
use super::text::{prose, shown};
use super::walk::Walk;
use super::way::{self, Way};
use super::work::{Work, may_be_absent, observe, perform};
use super::{change, chosen, create};

/// The longest title of an action.
const TITLE_MAX: usize = 100;

/// The contract for one operation.
pub(super) fn sketch(document: &Document, choice: Choice<'_>) -> Result<Sketch, OpenApiError> {
    check_name(choice.name)?;
    let operation = document.operation(choice.operation)?;
    let given = choice.look.map(|look| document.operation(look)).transpose()?;
    let reads = Reads::of(&document.operations());
    let members = choice.members;
    let work = Work { walk: Walk::new(document), reads, operation, given, members };
    let mut sketch = by_method(&work, base(document, choice.name, &operation))?;
    hide(&mut sketch);
    Ok(sketch)
}

fn by_method(work: &Work<'_>, sketch: Sketch) -> Result<Sketch, OpenApiError> {
    let operation = work.operation;
    match operation.method {
        "GET" => read(work, sketch),
        "HEAD" => Err(OpenApiError::at(
            operation.pointer(),
            "the answer to HEAD has no body, so no state can be read from it; use the GET of this path",
        )),
        "POST" => match way::way(work)? {
            Some(way) => create::sketch(work, way, sketch),
            None => change::sketch(work, sketch, "call"),
        },
        "PUT" => match way::named(work)? {
            Some(look) => create::sketch(work, Way::Named { look }, sketch),
            None => change::sketch(work, sketch, "update"),
        },
        "DELETE" => remove(work, sketch),
        _ => change::sketch(work, sketch, "update"),
    }
}

fn check_name(name: &str) -> Result<(), OpenApiError> {
    let upstream = name.split('.').next().unwrap_or_default();
    if id::is_contract_name(name) && name.contains('.') && id::is_name(upstream) {
        return Ok(());
    }
    Err(OpenApiError::whole(format!(
        "`{}` is not the name of an action; write the short name of the upstream, a dot and what the action does, such \
         as `desk.close_ticket`",
        shown(name)
    )))
}

/// A contract with only its head.
fn base(document: &Document, name: &str, operation: &Operation<'_>) -> Sketch {
    let id = operation.id.map(|id| format!(", operationId {}", shown(id))).unwrap_or_default();
    let mut about =
        vec![format!("Draft from an OpenAPI document: {}{id}.", shown(&operation.request()))];
    about.extend(document.server().map(|url| {
        format!("The document names the server {}. Its path belongs to `base_url`.", shown(url))
    }));
    let summary = prose(operation.summary.unwrap_or_default(), TITLE_MAX);
    let summary = summary.trim_end_matches('.');
    let title = if summary.is_empty() { shown(&operation.request()) } else { summary.to_owned() };
    Sketch { about, name: name.to_owned(), title, mode: "write", ..Sketch::default() }
}

fn read(work: &Work<'_>, mut sketch: Sketch) -> Result<Sketch, OpenApiError> {
    let operation = work.operation;
    if work.given.is_some() {
        let what = "the operation reads the state itself; leave out `--look`";
        return Err(OpenApiError::at(operation.pointer(), what));
    }
    chosen::check(&operation, work.members, &[])?;
    let shape = look::reads(&work.walk, &operation)?;
    let look = Look { operation, place: Place::of(operation), shape };
    (sketch.verb, sketch.mode) = ("read", "read");
    sketch.effect = Asked::sure("idempotent");
    observe(work, &look, &[], &mut sketch)?;
    // A read compares no two states.
    sketch.state.volatile.clear();
    sketch.state.unsure.clear();
    Ok(sketch)
}

/// A removal of the object at the path. A removal of something else changes an object.
fn remove(work: &Work<'_>, mut sketch: Sketch) -> Result<Sketch, OpenApiError> {
    let look = look::find(&work.walk, &work.reads, &work.operation, work.given)?;
    if form(look.operation.path) != form(work.operation.path) {
        return change::sketch(work, sketch, "delete");
    }
    let (mut rule, mut written) = perform(work, &mut sketch)?;
    let body = (&mut rule, &mut written);
    chosen::leave_out(work.members, None, body, &mut sketch.params);
    observe(work, &look, &[], &mut sketch)?;
    may_be_absent(work, &look, &mut sketch)?;
    sketch.perform = Some(rule);
    (sketch.verb, sketch.effect) = ("delete", Asked::sure("observable"));
    let name = sketch.state.name.clone();
    sketch.before = vec![format!("pre.{name} != null")];
    sketch.after = Asked::sure(vec![format!("post.{name} == null")]);
    sketch.may_change = Asked::sure(vec![format!("/{name}")]);
    Ok(sketch)
}
