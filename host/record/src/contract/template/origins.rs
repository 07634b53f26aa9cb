//! Where each value of a rendered request comes from, and where it stands in the request.

use deed_spec::json::child;
use serde_json::Value;

use super::text::{self, Format, Source};
use super::{Place, RenderError, Rule, Use, is_part, placed, target};
use crate::exchange::codec::Outgoing;

/// A placeholder of a rule, and the place of its value in the rendered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin<'t> {
    pub used: Use<'t>,
    /// The segment of the path as the contract writes it, the name in the query, the lower-case name of the header, or
    /// the JSON pointer into the body or into the element of a list. `None` if the value is left out because its
    /// parameter is absent.
    pub at: Option<String>,
}

impl Rule {
    /// The placeholders of the rule in the order of [`Rule::placeholders`], with the places of their values in the
    /// request that is rendered with these parameters.
    ///
    /// # Errors
    ///
    /// Fails at the first text that is not a template.
    pub fn origins<'t>(
        &'t self,
        body: Option<&'t Value>,
        params: &Value,
        format: Format,
    ) -> Result<Vec<Origin<'t>>, RenderError> {
        let drops_empty = self.codec.request == Outgoing::Form && format == Format::Two;
        let mut walk = Walk { params, format, drops_empty, found: Vec::new() };
        let (path, query) = target::split(self.split()?.1);
        for segment in target::segments(path, format) {
            walk.text(segment, Place::Path, segment)?;
        }
        for pair in target::pairs(query.unwrap_or_default()) {
            let (name, value) = pair?;
            walk.text(value, Place::Query, name)?;
        }
        for (name, value) in &self.headers {
            walk.text(value, Place::Header, &name.to_ascii_lowercase())?;
        }
        for (pointer, value) in &self.selected {
            if let Value::String(text) = value {
                walk.text(text, Place::Where, pointer)?;
            }
        }
        if let Some(body) = body {
            walk.body(body, "")?;
        }
        Ok(walk.found)
    }
}

/// The placeholders that were found so far in a rule.
struct Walk<'t, 'a> {
    params: &'a Value,
    format: Format,
    /// Whether the encoding of the body has no empty lists and tables.
    drops_empty: bool,
    found: Vec<Origin<'t>>,
}

impl<'t> Walk<'t, '_> {
    /// Adds the placeholders of a text, and returns whether the request contains the text.
    fn text(&mut self, text: &'t str, place: Place, at: &str) -> Result<bool, RenderError> {
        let pieces = text::pieces(text, self.format)?;
        let kept = match text::whole(&pieces) {
            Some(Source::Param { name, .. }) => self.params.get(name).is_some(),
            _ => true,
        };
        let at = kept.then(|| at.to_owned());
        let uses = placed(&pieces, text, place).into_iter();
        self.found.extend(uses.map(|used| Origin { used, at: at.clone() }));
        Ok(kept)
    }

    /// Adds the placeholders of a part of a body, and returns whether the request contains the part.
    fn body(&mut self, body: &'t Value, at: &str) -> Result<bool, RenderError> {
        match body {
            Value::String(text) => self.text(text, Place::Body, at),
            Value::Array(items) => {
                // An item that is left out does not count for the indices of later items.
                let mut kept = 0_usize;
                for item in items {
                    kept += usize::from(self.body(item, &child(at, &kept.to_string()))?);
                }
                Ok(kept > 0 || !self.drops_empty)
            }
            Value::Object(members) if self.format == Format::Two && is_part(members) => Ok(true),
            Value::Object(members) => {
                let mut kept = false;
                for (name, member) in members {
                    kept |= self.body(member, &child(at, name))?;
                }
                Ok(kept || !self.drops_empty)
            }
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::exchange::codec::Codec;

    /// Each placeholder as it is written, its place and where the place is.
    fn found(rule: &Rule, params: &Value) -> Vec<(String, Place, Option<String>)> {
        let body = rule.body_template().unwrap();
        let origins = rule.origins(body.as_deref(), params, Format::Two).unwrap();
        let one = |one: Origin<'_>| (one.used.source.written(), one.used.place, one.at);
        origins.into_iter().map(one).collect()
    }

    fn at(written: &str, place: Place, at: &str) -> (String, Place, Option<String>) {
        (written.to_owned(), place, Some(at.to_owned()))
    }

    #[test]
    fn every_value_has_its_place_and_its_source() {
        let rule = Rule {
            request:
                "GET /groups/{id}/members[{answer.create.id}]?q=name eq \"{name}\"&full={full?}"
                    .into(),
            headers: [("Prefer".to_owned(), "wait={id}".to_owned())].into(),
            selected: [("/by".to_owned(), json!("{action.id}")), ("/n".to_owned(), json!(1))]
                .into(),
            body: Some(
                json!({"a": {"b/c": "{pre.user.email}"}, "l": ["{gone?}", "x", "{id} {name}"]}),
            ),
            ..Rule::default()
        };
        let params = json!({"id": "7", "name": "ann"});
        assert_eq!(
            found(&rule, &params),
            [
                at("{id}", Place::Path, "{id}"),
                at("{answer.create.id}", Place::Path, "members[{answer.create.id}]"),
                at("{name}", Place::Query, "q"),
                ("{full?}".to_owned(), Place::Query, None),
                at("{id}", Place::Header, "prefer"),
                at("{action.id}", Place::Where, "/by"),
                at("{pre.user.email}", Place::Body, "/a/b~1c"),
                ("{gone?}".to_owned(), Place::Body, None),
                at("{id}", Place::Body, "/l/1"),
                at("{name}", Place::Body, "/l/1"),
            ]
        );
    }

    /// The places are those of the rendered body.
    #[test]
    fn what_is_left_out_has_no_place() {
        let mut rule = Rule {
            request: "POST /x".into(),
            body: Some(json!({"l": [{"a": "{gone?}"}, {"a": "{id}"}]})),
            ..Rule::default()
        };
        let params = json!({"id": "7"});
        assert_eq!(found(&rule, &params)[1], at("{id}", Place::Body, "/l/1/a"));
        rule.codec = Codec { request: Outgoing::Form, ..Codec::default() };
        assert_eq!(found(&rule, &params)[1], at("{id}", Place::Body, "/l/0/a"));
    }
}
