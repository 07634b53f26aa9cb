//! The state of a draft: which members of an answer it keeps.

use deed_record::contract::schema::Kind;
use serde_json::Value;

use super::error::OpenApiError;
use super::names::{is_plain, singular, snake};
use super::params::{Piece, pieces};
use super::response::{self, Shape};
use super::schema::{Side, translate};
use super::secret;
use super::sketch::{Member, State};
use super::walk::{Flat, Walk};

/// The most members that are kept besides those that the action writes.
const KEPT_MAX: usize = 30;
/// The most members that a draft lists as volatile.
const VOLATILE_MAX: usize = 8;

/// Words of members that change by themselves.
const CHANGING: [&str; 20] = [
    "updated",
    "modified",
    "changed",
    "etag",
    "revision",
    "rev",
    "version",
    "views",
    "view_count",
    "last_seen",
    "last_used",
    "last_login",
    "last_activity",
    "last_accessed",
    "pushed",
    "synced",
    "counter",
    "access_count",
    "sequence",
    "generation",
];

/// Words of members that an upstream often sets itself.
const STATUS: [&str; 2] = ["status", "state"];

/// The state with the members of an object. Members that the action writes are kept first, and also if they are lists.
pub(super) fn of<'d>(
    walk: &Walk<'d>,
    shape: &Shape<'d>,
    path: &str,
    written: &[&str],
) -> Result<State, OpenApiError> {
    let mut state = State { name: name(path), ..State::default() };
    // The search for secrets has a bound of its own, as for whole answers.
    let walks = (walk, &Walk::new(walk.document));
    let mut rest = Vec::new();
    for (name, schema) in shape.flat.properties.iter().copied().filter(|(name, _)| is_plain(name)) {
        if written.contains(&name) {
            add(walks, &shape.flat, (name, schema), true, &mut state)?;
        } else {
            rest.push((name, schema));
        }
    }
    // Required members identify the object, so they come before the others.
    rest.sort_by_key(|(name, _)| !shape.flat.required.contains(name));
    let most = state.members.len() + KEPT_MAX;
    for member in rest {
        if state.members.len() < most {
            add(walks, &shape.flat, member, false, &mut state)?;
        }
    }
    let all = shape.flat.properties.iter().map(|(name, _)| *name);
    let left = all.filter(|name| state.member(name).is_none());
    state.left_out = left.map(str::to_owned).collect();
    let names: Vec<&str> = state.members.iter().map(|member| member.name.as_str()).collect();
    let changing = names.into_iter().filter(|name| !written.contains(name) && is_changing(name));
    let pointers = changing.take(VOLATILE_MAX).map(|name| deed_spec::json::child("", name));
    state.volatile = pointers.collect();
    let unsure =
        state.members.iter().map(|member| &member.name).filter(|name| {
            !written.contains(&name.as_str()) && is_status(name) && !is_changing(name)
        });
    state.unsure = unsure.cloned().collect();
    Ok(state)
}

/// Adds a member, unless a contract cannot express it, nobody needs it, or no record may contain it.
fn add<'d>(
    (walk, search): (&Walk<'d>, &Walk<'d>),
    flat: &Flat<'d>,
    (name, schema): (&'d str, &'d Value),
    is_written: bool,
    state: &mut State,
) -> Result<(), OpenApiError> {
    let inner = walk.flat(schema)?;
    let required = flat.required.contains(name);
    let format = inner.get("format").and_then(Value::as_str).unwrap_or_default();
    let is_address = name.starts_with('_') || name.ends_with("url") || format == "uri";
    let is_inexact = matches!(format, "float" | "double");
    if secret::hides(name, &inner) || !is_written && (is_address || is_inexact) {
        return Ok(());
    }
    let source = schema;
    let Some(mut schema) = translate(walk, source, Side::State)? else { return Ok(()) };
    if schema.items.is_some() && !is_written {
        return Ok(());
    }
    if schema.kind() == Some(Kind::Object) && !is_written {
        schema.properties.retain(|name, _| !is_link(name));
        schema.required.retain(|name| !is_link(name));
        if schema.properties.is_empty() {
            return Ok(());
        }
    }
    let has_secret = response::is_secret_in(search, source);
    state.members.push(Member { name: name.to_owned(), schema, required, has_secret });
    Ok(())
}

/// Whether a member of an object in the state is an address that nobody needs, by its name. A member with the name `url`
/// may be a value of the object.
fn is_link(name: &str) -> bool {
    name.starts_with('_') || name.ends_with("_url") || name.ends_with("Url")
}

/// The name of the state: the singular of the last word of the path.
fn name(path: &str) -> String {
    let mut words = path.trim_end_matches('/').rsplit('/').filter_map(|segment| {
        let pieces = pieces(segment);
        pieces.into_iter().find_map(|piece| match piece {
            Piece::Text(text) if text.contains(|c: char| c.is_ascii_alphabetic()) => Some(text),
            _ => None,
        })
    });
    let word = words.next().unwrap_or_default();
    snake(&singular(&snake(word, "object")), "object")
}

fn is_changing(name: &str) -> bool {
    let name = snake(name, "member");
    CHANGING.iter().any(|word| {
        name == *word
            || name.strip_prefix(*word).is_some_and(|rest| rest.starts_with('_'))
            || name.strip_suffix(*word).is_some_and(|rest| rest.ends_with('_'))
    })
}

fn is_status(name: &str) -> bool {
    let name = snake(name, "member");
    STATUS.iter().any(|word| {
        name.strip_suffix(*word).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_has_the_name_of_what_the_path_names() {
        for (path, wanted) in [
            ("/tickets/{ticket}", "ticket"),
            ("/repos/{owner}/{repo}", "repo"),
            ("/v1/user-groups/", "user_group"),
            ("/{id}", "object"),
            ("/", "object"),
            ("/2fa", "object_2fa"),
        ] {
            assert_eq!(name(path), wanted, "{path}");
        }
    }

    #[test]
    fn members_that_change_by_themselves_are_known_by_their_names() {
        for member in ["updated_at", "updatedAt", "lastModified", "etag", "views"] {
            assert!(is_changing(member), "{member}");
        }
        for member in ["created_at", "title", "conversion", "reviews"] {
            assert!(!is_changing(member), "{member}");
        }
    }

    #[test]
    fn members_that_an_upstream_sets_itself_are_known_by_their_names() {
        for member in ["status", "state", "build_status", "powerState"] {
            assert!(is_status(member), "{member}");
        }
        for member in ["title", "estate", "status_text", "stateless"] {
            assert!(!is_status(member), "{member}");
        }
    }
}
