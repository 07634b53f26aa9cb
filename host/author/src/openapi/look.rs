//! Which operation reads the state, and which one shows that the credential may read.

use super::error::OpenApiError;
use super::operation::{Operation, form};
use super::params::{Params, encoded};
use super::reads::Reads;
use super::request::{self, Declared, Place, declared};
use super::response::{self, Shape};
use super::walk::Walk;

/// Names of queries that bound the length of a list.
const LIMITS: [&str; 10] = [
    "limit",
    "per_page",
    "perpage",
    "page_size",
    "pagesize",
    "count",
    "size",
    "max_results",
    "maxresults",
    "$top",
];

/// The operation that reads the state, and the object in its answer.
pub(super) struct Look<'d> {
    pub(super) operation: Operation<'d>,
    /// The path whose object is read. If the look has other names for its parameters, or the same names in another
    /// order, this is the path of the write.
    pub(super) place: Place<'d>,
    pub(super) shape: Shape<'d>,
}

/// The look for a write: the given operation, or the read whose path is the longest beginning of the written path.
pub(super) fn find<'d>(
    walk: &Walk<'d>,
    all: &Reads<'d>,
    operation: &Operation<'d>,
    given: Option<Operation<'d>>,
) -> Result<Look<'d>, OpenApiError> {
    let mut places = std::iter::successors(Some(Place::of(*operation)), |place| place.parent());
    if let Some(given) = given {
        let shape = reads(walk, &given)?;
        let wanted = form(given.path);
        let same = places.find(|place| form(place.path) == wanted);
        let place = same.map_or_else(|| Place::of(given), |place| place.with(given));
        return Ok(Look { operation: given, place, shape });
    }
    for place in places {
        if let Some(found) = all.at(place.path)
            && let Some(shape) = response::object(walk, &found)?
        {
            return Ok(Look { operation: found, place: place.with(found), shape });
        }
    }
    Err(OpenApiError::at(
        operation.pointer(),
        "no GET of the document reads what this operation changes, so its effect could not be verified; name the read \
         with `--look`, or write the contract by hand",
    ))
}

/// The object that a given look reads.
pub(super) fn reads<'d>(walk: &Walk<'d>, given: &Operation<'d>) -> Result<Shape<'d>, OpenApiError> {
    let refuse = |what: &str| Err(OpenApiError::at(given.pointer(), what));
    if given.method != "GET" {
        return refuse("the state is read by a GET; name another operation in `--look`");
    }
    match response::object(walk, given)? {
        Some(shape) => Ok(shape),
        None if response::list(walk, given)?.is_some() => refuse(
            "this operation reads a list, and a state is one object; use an operation that reads one object, or write \
             the contract by hand with `only` and `where`",
        ),
        None => refuse(
            "the document describes no JSON object that this operation answers with, so no state can be read from it; \
             use another operation, or write the contract by hand",
        ),
    }
}

/// A request that shows that the credential may read: a small page of the collection with this path. `None` if the
/// document has no such collection, or if reading it needs more than the path.
pub(super) fn control<'d>(
    walk: &Walk<'d>,
    all: &Reads<'d>,
    place: Place<'d>,
    params: &mut Params,
) -> Result<Option<String>, OpenApiError> {
    let Some(found) = all.at(place.path) else { return Ok(None) };
    let queries = declared(walk, &found)?;
    let queries: Vec<&Declared<'d>> = queries.iter().filter(|one| one.place == "query").collect();
    let is_limit = |one: &&&Declared<'d>| LIMITS.contains(&one.name.to_ascii_lowercase().as_str());
    let limit = queries.iter().find(is_limit).map(|one| one.name);
    if queries.iter().any(|one| one.required && Some(one.name) != limit) {
        return Ok(None);
    }
    let more: Vec<String> = limit.map(|name| format!("{}=1", encoded(name))).into_iter().collect();
    request::request(walk, &found, place.with(found), &more, params).map(Some)
}

/// The query of a collection with one of these names, in the spelling of the document.
pub(super) fn filter<'d>(
    walk: &Walk<'d>,
    operation: &Operation<'d>,
    name: &str,
) -> Result<Option<&'d str>, OpenApiError> {
    let all = declared(walk, operation)?;
    let mut same = all.iter().filter(|one| one.place == "query" && one.name == name);
    Ok(same.next().map(|one| one.name))
}
