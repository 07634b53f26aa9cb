//! The checks of a request whose rule was found: the answers that it needs were given, and its open places have what
//! they may have.

use deed_spec::json;
use serde_json::Value;

use super::super::matching::{self, Compared, inside, line};
use super::super::refusal::Refusal;
use super::{Choice, Draft};
use crate::contract::schema::Schema;

impl Draft {
    /// Checks that the answers that a request needs were given before.
    pub(super) fn check_needs(&self, one: &Choice) -> Result<(), String> {
        let needs = one.request.public.needs();
        match needs.iter().find(|path| self.value(path).is_none()) {
            Some(path) => {
                let name = path.split('.').next().unwrap_or_default();
                let request = line(&one.request.public);
                Err(self.denied(&format!(
                    "{request} contains `{{answer.{path}}}`, so the request `{name}` must be sent before it"
                )))
            }
            None => Ok(()),
        }
    }

    /// Checks that each place for a value of an answer has this value or null.
    pub(super) fn check_awaited(&self, one: &Choice, compared: &Compared) -> Result<(), String> {
        let public = &one.request.public;
        for (place, sent) in &compared.awaited {
            let path = public.awaited.get(place).map(String::as_str).unwrap_or_default();
            if !matching::is_awaited_value(public, sent, self.value(path)) {
                let request = line(public);
                return Err(self.denied(&format!(
                    "at `{place}`, the body of {request} must be the value of `answer.{path}` or null"
                )));
            }
        }
        Ok(())
    }

    /// Checks the parts that the adapter computed. Private values and tokens are searched first, because the reason for
    /// a violation of the schema quotes the value.
    pub(super) fn check_parts(&self, one: &Choice, compared: &Compared) -> Result<(), Refusal> {
        let request = line(&one.request.public);
        for (place, value) in &compared.parts {
            let schema = one.parts.get(place).and_then(Option::as_ref);
            let private = |text: &str| self.has_private(text).then_some(());
            if let Some((at, ())) = matching::find(value, place, &private) {
                return Err(Refusal::at(&at, &declared(schema, place, &at), |at| {
                    self.denied(&format!(
                        "{request} has a private value at `{at}`, and no plan may contain one"
                    ))
                }));
            }
            if let Some((at, path)) =
                matching::find(value, place, &|text: &str| self.token_in(text))
            {
                return Err(Refusal::at(&at, &declared(schema, place, &at), |at| {
                    self.misplaced(&request, at, &path)
                }));
            }
            let name = one.request.public.any.get(place).map(String::as_str).unwrap_or_default();
            if let Some(why) = unfit(schema, name, place, value) {
                let part = format!("the part `{name}` of {request}");
                return Err(why.map(|why| self.denied(&format!("{part} {why}"))));
            }
        }
        Ok(())
    }
}

/// Why a part does not fit its schema.
fn unfit(schema: Option<&Schema>, name: &str, place: &str, value: &Value) -> Option<Refusal> {
    let Some(schema) = schema else { return Some("has no schema".to_owned().into()) };
    if json::depth(value) > json::NESTED_MAX {
        return Some(format!("is nested deeper than {} levels", json::NESTED_MAX).into());
    }
    let wrong = schema.first_violation(value)?;
    let (at, wanted) = schema.wanted_at(&wrong.pointer);
    // In the body that the host shows to an adapter, null stands for a part that is not computed yet.
    let left = if value.is_null() {
        format!("; the adapter did not fill in `{name}`")
    } else {
        String::new()
    };
    let place_of = |at: &str| inside(&format!("{place}{at}"));
    let (told, reason) = (place_of(&wrong.pointer), place_of(&at));
    Some(Refusal {
        told: format!("does not fit its schema{told}: {}{left}", wrong.reason),
        reason: format!("does not fit its schema{reason}: it must be {wanted}{left}"),
    })
}

/// The part of a JSON pointer into the part at `place` that its schema declares.
fn declared(schema: Option<&Schema>, place: &str, at: &str) -> String {
    let inside = at.strip_prefix(place).unwrap_or_default();
    let inside = schema.map(|schema| schema.wanted_at(inside).0).unwrap_or_default();
    format!("{place}{inside}")
}
