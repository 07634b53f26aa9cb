//! The fields of the form: a label, what the contract allows, what is wrong, and the element in which a value is typed.

use deed_spec::text::plain_json;
use maud::{Markup, html};
use serde_json::Value;

use super::super::text::{Plain, Shown as _, Text, Typed};
use super::input::{Entry, Input};
use super::sent::{DROP, INTENT, PARAM, Sent};

/// A field without its element.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) id: String,
    pub(super) label: Markup,
    pub(super) note: Markup,
    pub(super) error: Option<String>,
}

impl Field {
    /// The field of a parameter at this place among the parameters.
    pub(super) fn of(n: usize, input: &Input<'_>, error: Option<String>) -> Self {
        let need = if input.is_required { "" } else { " (optional)" };
        Self {
            id: format!("param-{n}"),
            label: html! { (Text::new(input.name).shown()) (need) },
            note: note(input),
            error,
        }
    }

    /// The ids of the elements that describe the field.
    fn described(&self) -> String {
        let id = &self.id;
        if self.error.is_some() { format!("{id}-note {id}-error") } else { format!("{id}-note") }
    }

    fn invalid(&self) -> Option<&'static str> {
        self.error.as_ref().map(|_| "true")
    }

    fn around(&self, element: &Markup) -> Markup {
        let id = &self.id;
        html! {
            div class="field" {
                label for=(id) { (self.label) }
                span class="hint" id={ (id) "-note" } { (self.note) }
                @if let Some(error) = &self.error {
                    span class="hint bad" id={ (id) "-error" } { "Error: " (Text::new(error).shown()) }
                }
                (element)
            }
        }
    }
}

/// What a parameter is, what the contract allows, and how it is typed.
fn note(input: &Input<'_>) -> Markup {
    let schema = input.schema;
    let said = [&schema.title, &schema.description].into_iter().flatten();
    let allowed = schema.allowed();
    html! {
        @for text in said { (Text::new(text).shown()) ". " }
        "Must be " (Text::new(&allowed).shown())
        @if let Some(items) = &schema.items { "; each item: " (Text::new(&items.allowed()).shown()) }
        ". " (how(input))
    }
}

/// How the field stands for a value, where this is not obvious.
fn how(input: &Input<'_>) -> &'static str {
    match (input.entry, input.is_required) {
        (Entry::Private, _) if input.keeps() => {
            "The value is private and not shown here. Leave the field empty to keep the present value."
        }
        (Entry::Private, _) => "The value is private: records have a commitment in its place.",
        (Entry::Json, true) => "Type the value as JSON; a text is in double quotes.",
        (Entry::Json, false) => {
            "Type the value as JSON; a text is in double quotes. An empty field leaves the parameter out."
        }
        (Entry::Choice, _) | (_, true) => "",
        (_, false) => "An empty field leaves the parameter out.",
    }
}

/// The field of a parameter with its element, which has what was typed or the present value.
pub(super) fn param(field: &Field, input: &Input<'_>, sent: Option<&Sent>) -> Markup {
    let name = format!("{PARAM}{}", input.name);
    let typed = sent.and_then(|sent| sent.typed(input)).map(str::to_owned);
    let text = typed.unwrap_or_else(|| input.text());
    match input.entry {
        Entry::Choice => choice(field, &name, input, &text),
        Entry::Lines | Entry::Json => lines(field, &name, &text, None),
        Entry::Integer => line(field, &name, &text, Some("numeric")),
        Entry::Decimal => line(field, &name, &text, Some("decimal")),
        Entry::Line => line(field, &name, &text, None),
        Entry::Private => html! {
            // What was typed is not repeated either.
            (lines(field, &name, "", None))
            @if input.can_be_dropped() { (drop_it(input, sent)) }
        },
    }
}

fn drop_it(input: &Input<'_>, sent: Option<&Sent>) -> Markup {
    html! {
        p {
            label {
                input type="checkbox" name=(Typed::new(&format!("{DROP}{}", input.name))) value="yes"
                    checked[sent.is_some_and(|sent| sent.drops(input))];
                " Leave " (Text::new(input.name).shown()) " out"
            }
        }
    }
}

/// A field of one line. Numbers are typed as text, because a browser changes or drops what it does not take for a
/// number.
fn line(field: &Field, name: &str, text: &str, keys: Option<&'static str>) -> Markup {
    field.around(&html! {
        input id=(field.id) name=(Typed::new(name)) type="text" value=(Typed::new(text)) inputmode=[keys]
            autocomplete="off" autocapitalize="none" spellcheck="false"
            aria-describedby=(field.described()) aria-invalid=[field.invalid()];
    })
}

/// A field of several lines. A browser removes the first line break after the tag.
pub(super) fn lines(field: &Field, name: &str, text: &str, most: Option<usize>) -> Markup {
    let rows = text.lines().count().clamp(3, 12);
    let is_required = name == INTENT;
    field.around(&html! {
        textarea id=(field.id) name=(Typed::new(name)) rows=(rows) maxlength=[most] required[is_required]
            aria-describedby=(field.described()) aria-invalid=[field.invalid()] {
            "\n" (Typed::new(text))
        }
    })
}

/// A choice among values, which are sent as JSON.
fn choice(field: &Field, name: &str, input: &Input<'_>, text: &str) -> Markup {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let unset = if input.is_required { "choose a value" } else { "(left out)" };
    field.around(&html! {
        select id=(field.id) name=(Typed::new(name)) aria-describedby=(field.described())
            aria-invalid=[field.invalid()] {
            @if input.may_be_unset() { option value="" { (unset) } }
            @for value in &input.options() {
                @let json = plain_json(&value.to_string());
                option value=(Typed::new(&json)) selected[json == text] { (Plain::new(&shown(value))) }
            }
        }
    })
}
