//! Keeps what looks like a secret out of the records: limits what the rules of a draft expose of their answers.

use deed_record::contract::schema::Schema;
use deed_spec::json::child;

use super::sketch::{Member, Sketch, State};

/// The most pointers of a rule, and the longest pointer.
const POINTERS_MAX: usize = 64;
const POINTER_MAX: usize = 256;

/// Limits each rule whose answer has members that look like secrets. The look exposes the values of the state, and the
/// write exposes what other requests use of its answer.
pub(super) fn hide(sketch: &mut Sketch) {
    let exposed = exposed(&sketch.state);
    for rule in sketch.observe.iter_mut().filter(|rule| rule.has_secret && rule.expose.is_none()) {
        rule.expose.clone_from(&exposed);
        if exposed.is_none() {
            rule.questions.push(
                "The answer has members that look like secrets, and the host records what it reads. Use a credential \
                 that cannot read them, or accept that they are recorded."
                    .to_owned(),
            );
        }
    }
    if let Some(write) = sketch.perform.as_mut().filter(|write| write.has_secret) {
        let used = write.answer.iter().map(|(name, _)| child("", name));
        write.expose = Some(used.collect());
    }
}

/// The pointers to the values of the state in an answer. If they are too many, objects without a secret are exposed as a
/// whole. `None` if the state is an element of a list, whose whole list must be exposed, or if they are still too many.
fn exposed(state: &State) -> Option<Vec<String>> {
    if state.only.is_some() {
        return None;
    }
    let fits = |all: &Vec<String>| {
        all.len() <= POINTERS_MAX && all.iter().all(|one| one.len() <= POINTER_MAX)
    };
    let all = Some(pointers(state, |_| false)).filter(fits);
    all.or_else(|| Some(pointers(state, |member| !member.has_secret)).filter(fits))
}

/// The pointers to the values of the state. A member that is whole has one pointer, also if it is an object.
fn pointers(state: &State, is_whole: fn(&Member) -> bool) -> Vec<String> {
    let base = state.at.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    for member in &state.members {
        let at = child(base, &member.name);
        if is_whole(member) {
            found.push(at);
        } else {
            values(&member.schema, at, &mut found);
        }
    }
    found
}

fn values(schema: &Schema, at: String, found: &mut Vec<String>) {
    if schema.properties.is_empty() {
        return found.push(at);
    }
    for (name, inner) in &schema.properties {
        values(inner, child(&at, name), found);
    }
}
