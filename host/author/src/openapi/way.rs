//! How a create is found again, also if its answer is lost: by its own path, by the id of the action, by a key of the
//! agent, or by its answer.

use deed_record::contract::schema::{Kind, Pattern, Schema};

use super::body;
use super::error::OpenApiError;
use super::look::{self, Look};
use super::names::{is_key, is_member, snake};
use super::operation::{Operation, last_parameter, parent};
use super::params::Params;
use super::request::{Place, names};
use super::response;
use super::schema::{Side, translate};
use super::secret::is_secret;
use super::walk::Flat;
use super::work::Work;

/// Names of members that take a text of the caller, and keep it.
const REFERENCES: [&str; 9] = [
    "reference",
    "external_id",
    "external_reference",
    "external_ref",
    "client_reference",
    "client_reference_id",
    "correlation_id",
    "custom_id",
    "idempotency_key",
];
/// The least `maxLength` of a member that takes the id of an action.
const ID_LENGTH: u64 = 30;

/// How the new object is found.
pub(super) enum Way<'d> {
    /// The path of the write is that of the new object.
    Named { look: Look<'d> },
    /// The write sends the id of the action in a member, by which the collection can be searched.
    Reference { look: Look<'d>, member: &'d str, control: String },
    /// The agent chooses the key by which the object is read.
    Key { look: Look<'d>, member: &'d str, control: String },
    /// The answer to the write has the key. It is not sure if its name is not that of the parameter in the path.
    Answer { look: Look<'d>, member: &'d str, schema: Box<Schema>, is_sure: bool },
}

/// How the operation creates an object; `None` if the document has no read for what a create would make.
pub(super) fn way<'d>(work: &Work<'d>) -> Result<Option<Way<'d>>, OpenApiError> {
    let operation = &work.operation;
    if let Some(look) = named(work)? {
        return Ok(Some(Way::Named { look }));
    }
    let is_given = |one: &Operation<'d>| work.is_given(one);
    let sent = body::flat(&work.walk, operation)?.unwrap_or_default();
    let mut params = Params::default();
    let control = look::control(&work.walk, &work.reads, Place::of(*operation), &mut params)?;
    let list = work.reads.at(operation.path).filter(is_given);
    if let (Some(list), Some(control)) = (list, &control)
        && let Some(way) = reference(work, list, &sent, control)?
    {
        return Ok(Some(way));
    }
    let below = work.reads.child(operation.path).filter(is_given);
    let Some(child) = below.or_else(|| elsewhere(work)) else { return Ok(None) };
    let Some(shape) = response::object(&work.walk, &child)? else { return Ok(None) };
    let look = Look { operation: child, place: Place::of(child), shape };
    if below.is_some()
        && let (Some(member), Some(control)) = (key(work, &child, &sent)?, control)
    {
        return Ok(Some(Way::Key { look, member, control }));
    }
    let found = answered(work, &child)?;
    Ok(found.map(|(member, schema, is_sure)| {
        let schema = Box::new(schema);
        Way::Answer { look, member, schema, is_sure }
    }))
}

/// The read of the object at the path of the write, if 201 is the only success: then the agent names what the write
/// creates.
pub(super) fn named<'d>(work: &Work<'d>) -> Result<Option<Look<'d>>, OpenApiError> {
    let operation = work.operation;
    let is_other = |code: &&str| code.starts_with('2') && *code != "201";
    let creates = operation.answers("201") && !operation.codes().iter().any(is_other);
    if !creates || last_parameter(operation.path).is_none() {
        return Ok(None);
    }
    let read = work.reads.at(operation.path).filter(|one| work.is_given(one));
    let Some(read) = read else { return Ok(None) };
    let shape = response::object(&work.walk, &read)?;
    let place = Place::of(operation).with(read);
    Ok(shape.map(|shape| Look { operation: read, place, shape }))
}

/// The read that the author named, if it reads one object of another collection, and the write has all other parameters
/// of its path.
fn elsewhere<'d>(work: &Work<'d>) -> Option<Operation<'d>> {
    let given = work.given.filter(|given| given.method == "GET")?;
    let key = last_parameter(given.path)?;
    parent(given.path)?;
    let known = names(work.operation.path);
    let mut others = names(given.path).into_iter().filter(|name| *name != key);
    let is_found = !known.contains(&key) && others.all(|name| known.contains(&name));
    (work.operation.answers("201") && is_found).then_some(given)
}

/// A member that takes a text, is a filter of the collection, and is in its elements.
fn reference<'d>(
    work: &Work<'d>,
    list: Operation<'d>,
    sent: &Flat<'d>,
    control: &str,
) -> Result<Option<Way<'d>>, OpenApiError> {
    let Some(shape) = response::list(&work.walk, &list)? else { return Ok(None) };
    for (name, schema) in sent.properties.iter().copied() {
        if !REFERENCES.contains(&snake(name, "member").as_str()) || !shape.flat.has(name) {
            continue;
        }
        let takes_id = translate(&work.walk, schema, Side::Param)?.is_some_and(|one| {
            let fits = one.max_length.is_none_or(|most| most >= ID_LENGTH);
            one.kind() == Some(Kind::String)
                && one.pattern.is_none()
                && one.choices.is_none()
                && fits
        });
        if takes_id && look::filter(&work.walk, &list, name)?.is_some() {
            let look = Look { operation: list, place: Place::of(list), shape };
            return Ok(Some(Way::Reference { look, member: name, control: control.to_owned() }));
        }
    }
    Ok(None)
}

/// A required member of the body that is the key of the new object.
fn key<'d>(
    work: &Work<'d>,
    child: &Operation<'d>,
    sent: &Flat<'d>,
) -> Result<Option<&'d str>, OpenApiError> {
    let wanted = snake(last_parameter(child.path).unwrap_or_default(), "param");
    for (name, schema) in sent.properties.iter().copied() {
        // Records name the resource, so a key cannot be private.
        if !sent.required.contains(name) || !is_key(&wanted, name) || is_secret(name) {
            continue;
        }
        let flat = work.walk.flat(schema)?;
        let kind = translate(&work.walk, schema, Side::Param)?.and_then(|one| one.kind());
        let is_sent = !flat.is("readOnly") && flat.get("const").is_none();
        if is_sent && matches!(kind, Some(Kind::String | Kind::Integer)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The member of the answer that is the key of the new object, with a schema that is narrow enough for a path, and
/// whether its name says so. Without such a name, `id` is a guess.
fn answered<'d>(
    work: &Work<'d>,
    child: &Operation<'d>,
) -> Result<Option<(&'d str, Schema, bool)>, OpenApiError> {
    let Some(shape) = response::object(&work.walk, &work.operation)? else { return Ok(None) };
    let wanted = snake(last_parameter(child.path).unwrap_or_default(), "param");
    let all = || shape.flat.properties.iter().copied().filter(|(name, _)| is_member(name));
    let named = all()
        .find(|(name, _)| snake(name, "member") == wanted)
        .or_else(|| all().find(|(name, _)| is_key(&wanted, name)));
    let found = named.or_else(|| all().find(|(name, _)| *name == "id"));
    let Some((name, schema)) = found.filter(|_| shape.at.is_empty()) else { return Ok(None) };
    let kind = translate(&work.walk, schema, Side::State)?.and_then(|one| one.kind());
    let narrow = match kind {
        Some(Kind::Integer) => Schema { declared: kind, minimum: Some(1), ..Schema::default() },
        Some(Kind::String) => Schema {
            declared: kind,
            pattern: Pattern::new("^[A-Za-z0-9._-]+$").ok(),
            max_length: Some(200),
            ..Schema::default()
        },
        _ => return Ok(None),
    };
    Ok(Some((name, narrow, named.is_some())))
}
