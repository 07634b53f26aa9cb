//! Drafts of creates.

use deed_record::contract::schema::Kind;

use super::body::{Sent, Written};
use super::chosen;
use super::error::OpenApiError;
use super::look::{self, Look};
use super::operation::{Operation, form, last_parameter};
use super::params::{Origin, encoded};
use super::request::{self, Place};
use super::response;
use super::sketch::{Asked, Member, Rule, Sketch};
use super::text::{quoted, shown};
use super::verify;
use super::way::Way;
use super::work::{Work, add_state, confirming, may_be_absent, observe, perform, resource};

/// The name of the write, by which `{answer.…}` refers to its answer.
const CREATE: &str = "create";
/// The question about a write to the path of an object that answers only 201.
const NAMED: &str = "Does 201 mean that no object was at this path before? The document does not say so. If the write \
                     also takes an object that exists, write its `verb`, `before` and `after` by hand, and remove \
                     `created`.";
/// The refusal of a create whose object can be read only after the write, if nothing can be read before the write.
const NOTHING_BEFORE: &str = "what this operation creates can be read only after the write, and no GET of the document \
                              shows before the write that the credential may read: the collection has no GET without \
                              required queries, and what contains the collection has none; write the contract by hand, \
                              with another request in [[observe.http]]";
/// The placeholder by which a look finds what the action created.
const ACTION: &str = "{action.id}";
/// The question about a look that may not read where the write creates.
const OTHER: &str = "May the host send this write again if its answer is lost? The read and the write have different \
                     queries, so the read can miss what was created. Write `observable` if the read finds every object \
                     that this write creates, otherwise keep `opaque`.";

/// The contract of a create.
pub(super) fn sketch<'d>(
    work: &Work<'d>,
    way: Way<'d>,
    mut sketch: Sketch,
) -> Result<Sketch, OpenApiError> {
    let (mut rule, mut written) = perform(work, &mut sketch)?;
    let kept = match &way {
        Way::Reference { member, .. } | Way::Key { member, .. } => Some(*member),
        Way::Named { .. } | Way::Answer { .. } => None,
    };
    let body = (&mut rule, &mut written);
    chosen::leave_out(work.members, kept, body, &mut sketch.params);
    rule.created = created(&work.operation);
    let base = request::target(&work.walk, Place::of(work.operation), &mut sketch.params)?;
    sketch.resource = resource(&sketch, &base);
    sketch.effect = Asked::sure("observable");
    match way {
        Way::Named { look } => {
            observe(work, &look, &written, &mut sketch)?;
            may_be_absent(work, &look, &mut sketch)?;
            rule.created.questions.push(NAMED.to_owned());
        }
        Way::Reference { look, member, control } => {
            by_reference(work, (&look, member, control), (&mut rule, &mut written), &mut sketch)?;
        }
        Way::Key { look, member, control } => {
            let param = sketch.params.of(&Origin::Body(member.to_owned()));
            let last = param.map(|param| format!("{{{}}}", param.name)).unwrap_or_default();
            sketch.resource = resource(&sketch, &format!("{}/{last}", base.trim_end_matches('/')));
            read_child(work, (&look, base.as_str(), last.as_str()), &written, &mut sketch)?;
            if let Some(read) = sketch.observe.first_mut() {
                (read.absent, read.control) = (true, Some(control.clone()));
            }
            add_control(work, control, &mut sketch)?;
        }
        Way::Answer { look, member, schema, is_sure } => {
            let last = format!("{{answer.{CREATE}.{member}}}");
            before_write(work, &mut sketch)?;
            let base = collection(work, &look, base, &mut sketch)?;
            read_child(work, (&look, base.as_str(), last.as_str()), &written, &mut sketch)?;
            let wanted = last_parameter(look.operation.path).unwrap_or_default();
            if let Some(read) = sketch.observe.last_mut().filter(|_| !is_sure) {
                read.questions.push(format!(
                    "Is `{member}` of the answer the value of `{}` in the path of this request? The document does not \
                     say so.",
                    shown(wanted)
                ));
            }
            (rule.name, rule.answer) = (Some(CREATE), Some((member.to_owned(), *schema)));
            sketch.effect = Asked::ask(
                "opaque",
                "If the answer to this write is lost, what it created cannot be found. Write `keyed` if the upstream \
                 has idempotency keys, and enable them in `deed.toml`; `idempotent` if a second create has no second \
                 effect; otherwise keep `opaque`.",
            );
        }
    }
    if sketch.effect.questions.is_empty() && !reads_what_is_created(&sketch, &rule) {
        sketch.effect = Asked::ask("opaque", OTHER);
    }
    sketch.perform = Some(rule);
    conditions(&written, &mut sketch);
    Ok(sketch)
}

/// Whether the look, which is the first rule, has the queries of the write. Otherwise it can miss the new object, and the
/// host would create the object again.
fn reads_what_is_created(sketch: &Sketch, write: &Rule) -> bool {
    sketch.observe.first().is_some_and(|look| {
        let mut pairs = request::pairs(&look.request);
        pairs.retain(|one| !one.contains(ACTION));
        pairs == request::pairs(&write.request)
    })
}

/// The verb, the conditions and the outputs of a create.
fn conditions(written: &[Written], sketch: &mut Sketch) {
    sketch.verb = "create";
    let name = sketch.state.name.clone();
    sketch.before = vec![format!("pre.{name} == null")];
    let found = verify::conditions(written, &sketch.params, &sketch.state, true);
    sketch.after = Asked::sure(found.texts);
    if sketch.after.value.is_empty() {
        sketch.after.value.push(format!("post.{name} != null"));
    }
    sketch.after.questions.extend(verify::about_unseen(&found.unseen));
    sketch.may_change = Asked::sure(vec![format!("/{name}")]);
    // An output has a bounded size.
    let is_id = |one: &&Member| one.name == "id" && one.schema.kind() == Some(Kind::Integer);
    sketch.output =
        sketch.state.members.iter().find(is_id).map(|_| (name.clone(), format!("post.{name}.id")));
}

/// The statuses that prove that the write created the object.
fn created(operation: &Operation<'_>) -> Asked<Vec<u16>> {
    let codes = [(201, "201"), (200, "200"), (202, "202")];
    let found = codes.into_iter().find(|(_, code)| operation.answers(code));
    let question = match found {
        Some((201, _)) => return Asked::sure(vec![201]),
        Some((_, code)) => format!(
            "Does {code} always mean that this write created the object? If the object may have existed before, remove \
             `created` and send `{{action.id}}` as in step 4 of the guide."
        ),
        None => "Which status means that this write created the object? The document names none. If there is none, \
                 remove `created` and send `{action.id}` as in step 4 of the guide."
            .to_owned(),
    };
    Asked::ask(vec![found.map_or(201, |(status, _)| status)], question)
}

fn by_reference<'d>(
    work: &Work<'d>,
    (look, member, control): (&Look<'d>, &'d str, String),
    (rule, written): (&mut Rule, &mut Vec<Written>),
    sketch: &mut Sketch,
) -> Result<(), OpenApiError> {
    let origin = Origin::Body(member.to_owned());
    sketch.params.remove(&origin);
    add_state(work, look, look.place.path, written, sketch)?;
    written.retain(|one| !matches!(&one.sent, Sent::Param(sent) if *sent == origin));
    rule.body.retain(|(name, _)| name != member);
    rule.body.push((member.to_owned(), quoted(ACTION)));
    let filter = format!("{}={ACTION}", encoded(member));
    let place = Place::of(work.operation);
    let list = &look.operation;
    let request = request::request(&work.walk, list, place, &[filter], &mut sketch.params)?;
    sketch.state.from.clone_from(&request);
    sketch.state.only = Some(look.shape.at.clone());
    sketch.state.at = None;
    let has_secret = response::has_secret(&work.walk, list)?;
    let control_request = Some(control.clone());
    let mut read = Rule { request, control: control_request, has_secret, ..Rule::default() };
    request::add_headers(&work.walk, list, &mut read)?;
    sketch.observe.push(read);
    add_control(work, control, sketch)
}

/// The path of the collection that the look reads from: that of the write, unless the author named another read.
fn collection<'d>(
    work: &Work<'d>,
    look: &Look<'d>,
    base: String,
    sketch: &mut Sketch,
) -> Result<String, OpenApiError> {
    let other = look.place.parent().filter(|one| form(one.path) != form(work.operation.path));
    match other {
        Some(place) => request::target(&work.walk, place, &mut sketch.params),
        None => Ok(base),
    }
}

/// Adds the state and the rule that reads the new object below the collection.
fn read_child<'d>(
    work: &Work<'d>,
    (look, base, last): (&Look<'d>, &str, &str),
    written: &[Written],
    sketch: &mut Sketch,
) -> Result<(), OpenApiError> {
    add_state(work, look, look.place.path, written, sketch)?;
    let pairs = request::queries(&work.walk, &look.operation, &[], &mut sketch.params)?;
    let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
    let end = if look.operation.path.ends_with('/') { "/" } else { "" };
    let request = format!("GET {}/{last}{end}{query}", base.trim_end_matches('/'));
    sketch.state.from.clone_from(&request);
    let has_secret = response::has_secret(&work.walk, &look.operation)?;
    let mut rule = Rule { request, has_secret, ..Rule::default() };
    request::add_headers(&work.walk, &look.operation, &mut rule)?;
    sketch.observe.push(rule);
    Ok(())
}

/// Adds the request that confirms an absence, with the headers of the collection.
fn add_control(work: &Work<'_>, request: String, sketch: &mut Sketch) -> Result<(), OpenApiError> {
    let mut rule = confirming(request);
    if let Some(list) = work.reads.at(work.operation.path) {
        request::add_headers(&work.walk, &list, &mut rule)?;
        rule.questions.clear();
    }
    sketch.observe.push(rule);
    Ok(())
}

/// Adds a request that reads something before the write, because the new object can be read only after it.
fn before_write(work: &Work<'_>, sketch: &mut Sketch) -> Result<(), OpenApiError> {
    let place = Place::of(work.operation);
    let found = look::control(&work.walk, &work.reads, place, &mut sketch.params)?;
    let request = if let Some(request) = found {
        request
    } else {
        let look = look::find(&work.walk, &work.reads, &work.operation, None)
            .map_err(|error| nothing_before(work, error))?;
        request::request(&work.walk, &look.operation, look.place, &[], &mut sketch.params)?
    };
    let comment = "Shows before the write that the credential may read.";
    let expose = Some(vec![]);
    sketch.observe.push(Rule { comment: Some(comment), request, expose, ..Rule::default() });
    Ok(())
}

/// The refusal, if the search found no look before the write. Any other error is about another place of the document.
fn nothing_before(work: &Work<'_>, error: OpenApiError) -> OpenApiError {
    let pointer = work.operation.pointer();
    if error.pointer == pointer { OpenApiError::at(pointer, NOTHING_BEFORE) } else { error }
}
