//! The plan of an action as its agent sees it, as text: the requests of the rules, and which parts the adapter computed.

use deed_spec::text::safe;

use super::plan::path;
use crate::api::view::{PlannedRequest, View};

/// One line for each planned write, as rows of a page: a title and a text.
pub(super) fn rows(view: &View) -> impl Iterator<Item = (String, String)> {
    let planned = (1_u32..).zip(&view.plan);
    planned.map(|(n, write)| (format!("{} {n}", title(view, write)), text(write)))
}

fn title(view: &View, planned: &PlannedRequest) -> &'static str {
    match (planned.unsent, view.dry_run) {
        (true, _) => "not sent",
        (false, true) => "planned",
        (false, false) => "write",
    }
}

fn text(planned: &PlannedRequest) -> String {
    let request = format!("{} {}", safe(&planned.upstream), path(&planned.request));
    let places: Vec<String> = planned.changed.iter().map(|pointer| place(pointer)).collect();
    let computed = match places.join(", ") {
        none if none.is_empty() => String::new(),
        some => format!("; the adapter computed {some}"),
    };
    let optional = if planned.optional { "; optional" } else { "" };
    format!("{request}{computed}{optional}")
}

fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the whole body".to_owned() } else { safe(pointer) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planned_write_is_one_line_without_control_characters() {
        let mut planned = PlannedRequest {
            method: "PUT".to_owned(),
            upstream: "docs".to_owned(),
            request: "PUT /documents/{answer.create.id}".to_owned(),
            changed: vec!["/owner".to_owned(), "/ti\ntle".to_owned()],
            optional: true,
            unsent: false,
        };
        let shown = text(&planned);
        let start = "docs PUT /documents/<answer.create.id>; the adapter computed /owner, /ti";
        assert!(shown.starts_with(start), "{shown}");
        assert!(shown.ends_with("; optional") && !shown.contains('\n'), "{shown}");
        let request = "PUT /documents/7".to_owned();
        planned =
            PlannedRequest { request, changed: vec![String::new()], optional: false, ..planned };
        assert_eq!(text(&planned), "docs PUT /documents/7; the adapter computed the whole body");
        planned.changed.clear();
        assert_eq!(text(&planned), "docs PUT /documents/7");
    }
}
