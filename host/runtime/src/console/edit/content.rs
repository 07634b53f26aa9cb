//! The form that changes a waiting action.

use maud::{Markup, html};

use super::super::html::FORGERY;
use super::super::parts::{link, list, section};
use super::super::place::Place;
use super::super::text::{Shown as _, Text};
use super::faults::Faults;
use super::field::{Field, lines, param};
use super::input::Input;
use super::sent::{INTENT, SOURCES, Sent};
use crate::api::view::View;

/// The maximum number of characters of an intent. The host permits as many bytes.
const INTENT_MAX: usize = 4_096;

/// What the form is made from.
#[derive(Debug)]
pub(super) struct Sheet<'a> {
    /// The page of the action.
    pub(super) page: &'a Place,
    pub(super) inputs: &'a [Input<'a>],
    /// How many sources the contract requires.
    pub(super) sources: usize,
    /// The token of the session's forms.
    pub(super) forgery: &'a str,
    /// What the person typed, if the form was sent.
    pub(super) sent: Option<&'a Sent>,
    /// Why it was refused.
    pub(super) faults: Option<&'a Faults>,
}

/// The first lines of the page.
pub(super) fn head(view: &View, page: &Place) -> Markup {
    html! {
        h1 { "Change and propose again" }
        p {
            (link(page, &Text::new(&view.id))) ": " (Text::new(&view.contract).shown()) " on "
            (Text::new(&view.resource).shown()) ", asked by agent " (Text::new(&view.agent).shown())
        }
    }
}

/// The page for a person who cannot change the action.
pub(super) fn closed(why: &str) -> Markup {
    html! {
        p role="alert" {
            strong { "You cannot change this action and propose it again: " }
            (Text::new(why).shown()) "."
        }
    }
}

pub(super) fn form(sheet: &Sheet<'_>) -> Markup {
    let inputs = sheet.inputs.iter().enumerate();
    let fields: Vec<(Field, &Input<'_>)> = inputs
        .map(|(n, input)| (Field::of(n, input, error(sheet, &input.pointer())), input))
        .collect();
    let (intent, sources) = (intent(sheet), sources(sheet));
    let all = fields.iter().map(|(field, _)| field).chain([&intent, &sources]);
    html! {
        (explanation())
        @if let Some(faults) = sheet.faults { (summary(sheet, faults, all)) }
        form method="post" action=(sheet.page.below("edit")) {
            input type="hidden" name=(FORGERY) value=(sheet.forgery);
            (section("parameters", "Parameters", &html! {
                @if fields.is_empty() { p { "The contract has no parameters." } }
                @for (field, input) in &fields { (param(field, input, sheet.sent)) }
            }))
            (section("why", "Why you propose this", &html! {
                (lines(&intent, INTENT, typed(sheet, INTENT), Some(INTENT_MAX)))
                (lines(&sources, SOURCES, typed(sheet, SOURCES), None))
            }))
            p { button type="submit" { "Propose the changed version" } }
        }
    }
}

fn explanation() -> Markup {
    html! {
        p {
            "The changed version is a new action of the same agent: the policies and the limits of the agent apply to \
             it, and it has your intent and sources. It replaces the waiting action when it waits for people. \
             If it is refused before that, the waiting action waits on. You cannot approve the changed version; \
             another person must."
        }
    }
}

/// What is wrong, with links to the fields.
fn summary<'a>(
    sheet: &Sheet<'_>,
    faults: &Faults,
    fields: impl Iterator<Item = &'a Field>,
) -> Markup {
    let wrong = fields.filter_map(|field| Some((field, field.error.as_ref()?)));
    let inner = wrong.map(|(field, error)| {
        html! { a href={ "#" (field.id) } { (field.label) } ": " (Text::new(error).shown()) }
    });
    let pointers: Vec<String> = sheet.inputs.iter().map(Input::pointer).collect();
    let known = [pointers, vec![pointer(INTENT), pointer(SOURCES)]].concat();
    let outer = faults.elsewhere(&known).into_iter().map(|text| Text::new(&text).shown());
    let all: Vec<Markup> = inner.chain(outer).collect();
    html! {
        div role="alert" class="note" {
            p { strong { "The changed version was not proposed: " } (Text::new(&faults.detail).shown()) "." }
            @if !all.is_empty() { (list(&all)) }
        }
    }
}

fn pointer(name: &str) -> String {
    format!("/{name}")
}

fn error(sheet: &Sheet<'_>, pointer: &str) -> Option<String> {
    sheet.faults.and_then(|faults| faults.of(pointer))
}

fn typed<'a>(sheet: &Sheet<'a>, name: &str) -> &'a str {
    sheet.sent.map_or("", |sent| sent.get(name))
}

fn intent(sheet: &Sheet<'_>) -> Field {
    Field {
        id: INTENT.to_owned(),
        label: "Your intent".shown(),
        note: "What the changed version is for. The people who approve read it, and so does the agent.".shown(),
        error: error(sheet, &pointer(INTENT)),
    }
}

fn sources(sheet: &Sheet<'_>) -> Field {
    Field {
        id: SOURCES.to_owned(),
        label: if sheet.sources > 0 { "Your sources" } else { "Your sources (optional)" }.shown(),
        note: html! {
            "Tickets or documents that you rely on, one URI in each line, such as " code { "ticket:4711" } ". The \
             SHA-256 of the content may follow. The action that you change is added as the last source."
            @if sheet.sources > 0 {
                " The contract requires " (sheet.sources.shown()) " of your own."
            }
        },
        error: error(sheet, &pointer(SOURCES)),
    }
}

#[cfg(test)]
mod tests {
    use deed_record::action::private::Openings;
    use deed_record::contract::schema::{Schema, Violation};
    use serde_json::{Value, json};

    use super::super::input;
    use super::*;
    use crate::api::problem::Problem;

    fn shown(schema: &Value, params: &Value, faults: Option<&Faults>) -> String {
        let schema: Schema = serde_json::from_value(schema.clone()).unwrap();
        let inputs = input::all(&schema, params, &Openings::default());
        let page = Place::inbox();
        let form = form(&Sheet {
            page: &page,
            inputs: &inputs,
            sources: 2,
            forgery: "zq-81",
            sent: None,
            faults,
        });
        form.into_string()
    }

    #[test]
    fn each_field_has_its_label_its_rules_and_the_present_value() {
        let schema = json!({"required": ["a\"b", "plan"], "properties": {
            "a\"b": {"type": "string", "title": "<The id>", "minLength": 1},
            "plan": {"type": "string", "enum": ["basic", "<pro>"]},
            "size": {"type": "integer", "minimum": 1, "maximum": 9},
            "list": {"type": "array", "maxItems": 3, "items": {"type": "boolean"}},
        }});
        let params = json!({"a\"b": "'><b>", "plan": "<pro>", "list": [true]});
        let form = shown(&schema, &params, None);
        for wanted in [
            "name=\"form_token\" value=\"zq-81\"",
            "<label for=\"param-0\"><bdi>a&quot;b</bdi></label>",
            "name=\"param.a&quot;b\" type=\"text\" value=\"&#39;&gt;&lt;b&gt;\"",
            "<bdi>&lt;The id&gt;</bdi>. Must be <bdi>a string with at least 1 characters</bdi>",
            "<option value=\"&quot;&lt;pro&gt;&quot;\" selected>&lt;pro&gt;</option>",
            "<bdi>an integer from 1 to 9</bdi>. An empty field leaves the parameter out.",
            "inputmode=\"numeric\"",
            "each item: <bdi>a boolean</bdi>",
            ">\n[\n  true\n]</textarea>",
            "<textarea id=\"intent\" name=\"intent\" rows=\"3\" maxlength=\"4096\" required",
            "requires <span class=\"number\">2</span> of your own",
        ] {
            assert!(form.contains(wanted), "{wanted:?} is missing in\n{form}");
        }
        for unwanted in ["aria-invalid", "role=\"alert\"", "<b>", "choose a value", "<script"] {
            assert!(!form.contains(unwanted), "{unwanted:?} is in\n{form}");
        }
    }

    #[test]
    fn a_fault_is_beside_its_field_and_in_the_summary() {
        let at = |pointer: &str| Violation {
            pointer: pointer.to_owned(),
            reason: "is <wrong>".to_owned(),
        };
        let faults = Problem::fields(["/params/size", "/params/other", "/intent"].map(at).into());
        let faults: Faults = faults.into();
        let schema = json!({"properties": {"size": {"type": "integer"}}});
        let form = shown(&schema, &json!({"size": 1}), Some(&faults));
        for wanted in [
            "<div role=\"alert\" class=\"note\">",
            "<a href=\"#param-0\"><bdi>size</bdi> (optional)</a>: <bdi>is &lt;wrong&gt;</bdi>",
            "<bdi>/params/other: is &lt;wrong&gt;</bdi>",
            "id=\"param-0-error\">Error: <bdi>is &lt;wrong&gt;</bdi></span>",
            "aria-describedby=\"param-0-note param-0-error\" aria-invalid=\"true\"",
            "aria-describedby=\"intent-note intent-error\" aria-invalid=\"true\"",
            "aria-describedby=\"sources-note\">",
        ] {
            assert!(form.contains(wanted), "{wanted:?} is missing in\n{form}");
        }
    }

    #[test]
    fn a_private_value_has_an_empty_field() {
        let schema = json!({"properties": {"note": {"type": "string", "private": true}}});
        let form = shown(&schema, &json!({"note": "private:hmac-sha256:0"}), None);
        let empty =
            "name=\"param.note\" rows=\"3\" aria-describedby=\"param-0-note\">\n</textarea>";
        assert!(form.contains(empty), "{form}");
        assert!(form.contains("type=\"checkbox\" name=\"drop.note\""), "{form}");
        assert!(!form.contains("hmac-sha256"), "{form}");
    }
}
