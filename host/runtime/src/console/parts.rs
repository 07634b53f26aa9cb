//! The parts of which pages consist. They take only values that are [`Shown`], and constants.

use deed_record::action::id::ActionId;
use deed_record::lifecycle::status::Status;
use maud::{Markup, html};

use super::place::Place;
use super::text::{Shown, Text};

/// How many ids within one text become links.
const LINKS_MAX: usize = 8;

/// A row of a table.
pub(super) type Cells = Vec<Markup>;

/// A section with a heading, to which a link can lead.
pub(super) fn section(id: &'static str, heading: &'static str, content: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-heading" } {
            h2 id={ (id) "-heading" } { (heading) }
            (content)
        }
    }
}

/// Content that is shown when a person opens it.
pub(super) fn fold(summary: &'static str, content: &Markup) -> Markup {
    html! {
        details {
            summary { (summary) }
            (content)
        }
    }
}

/// Names and values. A value that is empty is left out.
pub(super) fn facts(rows: &[(&'static str, Markup)]) -> Markup {
    html! {
        dl {
            @for (name, value) in rows {
                @if !value.0.is_empty() {
                    div { dt { (name) } dd { (value) } }
                }
            }
        }
    }
}

/// A table. On a narrow screen, each row becomes a list, in which each cell has its heading.
pub(super) fn table(caption: &'static str, heads: &[&'static str], rows: &[Cells]) -> Markup {
    html! {
        div class="scroll" {
            table {
                caption { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (head, cell) in heads.iter().zip(row) {
                                td data-label=(head) { div { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn list(items: &[Markup]) -> Markup {
    html! { ul { @for item in items { li { (item) } } } }
}

pub(super) fn paragraph(text: &impl Shown) -> Markup {
    html! { p { (text.shown()) } }
}

/// Text that stands out.
pub(super) fn note(text: &impl Shown) -> Markup {
    html! { p class="note" { (text.shown()) } }
}

pub(super) fn link(to: &Place, text: &impl Shown) -> Markup {
    html! { a href=(to) { (text.shown()) } }
}

/// A text of the host, in which the id of each action leads to its page.
pub(super) fn linked(text: &str) -> Markup {
    let (mut rest, mut parts) = (text, Vec::new());
    for _ in 0..LINKS_MAX {
        let Some((before, id, after)) = next_id(rest) else { break };
        parts.push(html! {
            @if !before.is_empty() { (Text::new(before).shown()) }
            (link(&Place::action(&id), &Text::new(id.as_str())))
        });
        rest = after;
    }
    html! {
        @for part in &parts { (part) }
        @if !rest.is_empty() { (Text::new(rest).shown()) }
    }
}

/// The first id of an action in a text, with what is before and after it.
fn next_id(text: &str) -> Option<(&str, ActionId, &str)> {
    let id = |(at, _): (usize, &str)| {
        let (before, rest) = text.split_at_checked(at)?;
        let (id, after) = rest.split_at_checked(ActionId::LENGTH)?;
        Some((before, id.parse().ok()?, after))
    };
    text.match_indices(ActionId::PREFIX).find_map(id)
}

pub(super) fn code(text: &impl Shown) -> Markup {
    html! { code { (text.shown()) } }
}

/// A status as a word with a sign, so that it does not depend on colours.
pub(super) fn status(word: &str) -> Markup {
    let known = Status::WORDS.into_iter().find(|known| *known == word);
    let Some(word) = known else { return Text::new(word).shown() };
    let (class, sign) = match word {
        "verified" | "rehearsed" => ("status good", "✓"),
        "waiting" => ("status waits", "◆"),
        "pending" | "running" => ("status goes", "▸"),
        "indeterminate" | "mismatch" => ("status open", "▲"),
        _ => ("status bad", "✕"),
    };
    html! { span class=(class) { span aria-hidden="true" { (sign) } " " (word) } }
}

/// A duration, rounded to its largest unit.
pub(super) fn duration(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_sign_beside_its_word() {
        for word in Status::WORDS {
            let shown = status(word).into_string();
            assert!(shown.contains("aria-hidden") && shown.contains(word), "{shown}");
        }
        assert_eq!(status("<b>").into_string(), "<bdi>&lt;b&gt;</bdi>");
    }

    #[test]
    fn a_table_names_each_cell() {
        let shown = table("Rows", &["Name"], &[vec![Text::new("a").shown()]]).into_string();
        assert!(shown.contains("<td data-label=\"Name\"><div><bdi>a</bdi></div></td>"), "{shown}");
    }

    #[test]
    fn the_ids_in_a_text_are_links() {
        let id = format!("act_{}", "0".repeat(26));
        let shown = linked(&format!("replaced by {id}, <b> act_x {id}")).into_string();
        let link = format!("<a href=\"/actions/{id}\"><bdi>{id}</bdi></a>");
        let text = "<bdi>replaced by </bdi>";
        assert_eq!(shown, format!("{text}{link}<bdi>, &lt;b&gt; act_x </bdi>{link}"));
        assert_eq!(linked("act_ä").into_string(), "<bdi>act_ä</bdi>");
        assert_eq!(linked(&id.repeat(20)).into_string().matches("<a ").count(), LINKS_MAX);
    }

    #[test]
    fn a_duration_has_one_unit() {
        for (ms, text) in [(0, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (-5, "0 s")] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!(duration(7_200_000), "2 h");
        assert_eq!(duration(172_800_000), "2 days");
    }
}
