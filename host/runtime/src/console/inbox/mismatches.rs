//! Actions that ended as a mismatch lately. The host sends nothing more for them, so people correct the system of record.

use maud::{Markup, html};

use super::super::decisions::{self, Newest, Told, Which};
use super::super::desk::Desk;
use super::super::parts::{Cells, link, note, paragraph, section, table};
use super::super::place::{ACTIONS, Place};
use super::super::text::{Shown as _, Text, Time};
use crate::api::problem::Problem;

/// How long a mismatch is shown after its latest event, in milliseconds: 24 hours.
const RECENT_MS: i64 = 24 * 60 * 60 * 1_000;
/// The maximum number of mismatches that are shown.
const ROWS: usize = 20;
const HEADS: [&str; 5] = ["Action", "Resource", "Asked by", "Who corrects it", "Last event"];

/// The newest mismatches of a tenant.
pub(super) async fn recent(desk: &Desk, tenant: &str, now_ms: i64) -> Result<Newest, Problem> {
    let since_ms = now_ms.saturating_sub(RECENT_MS);
    let which = (Which::Mismatches { since_ms }, ROWS);
    decisions::newest(&desk.app, &desk.decisions, tenant, which).await
}

pub(super) fn of(recent: &Newest) -> Markup {
    let rows: Vec<Cells> = recent.told.iter().map(|told| cells(told)).collect();
    let content = html! {
        @if rows.is_empty() { (paragraph(&empty(recent.is_partial))) }
        @else {
            (paragraph(&"Writes of these actions were sent, and the state that the host then read is not as the \
                         contract requires. An action leaves this list 24 hours after its last event, also if nobody \
                         has corrected the system of record, which the host does not check. The newest are first."))
            (table("To correct", &HEADS, &rows))
        }
        @if recent.is_partial {
            (note(&"The list may not be complete, because this page looks at a limited number of actions."))
        }
        p {
            (link(&Place::with(ACTIONS, &[("status", Some("mismatch"))]), &"All actions that ended as a mismatch"))
        }
    };
    section("to-correct", "To correct", &content)
}

fn empty(is_partial: bool) -> &'static str {
    if is_partial {
        return "No mismatch of the last 24 hours was found yet.";
    }
    "No action ended as a mismatch in the last 24 hours. Here would be actions whose writes were sent, and whose state \
     is then not as the contract requires."
}

fn cells(told: &Told) -> Cells {
    vec![
        link(&Place::action(&told.id), &Text::new(&told.contract)),
        Text::new(&told.resource).shown(),
        Text::new(&told.agent).shown(),
        html! { (Text::new(&told.person).shown()) ", or an operator" },
        Time(told.at_ms).shown(),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ID: &str = "act_00000000000000000000000000";

    fn newest(count: usize, is_partial: bool) -> Newest {
        let one = || Told {
            id: ID.parse().unwrap(),
            at_ms: 0,
            status: "mismatch",
            contract: "idp.restore_access".to_owned(),
            resource: "idp/users/<1>".to_owned(),
            agent: "helpdesk".to_owned(),
            person: "alice".to_owned(),
            decision: None,
            was_asked: false,
            answers: vec![],
        };
        Newest { told: (0..count).map(|_| Arc::new(one())).collect(), is_partial }
    }

    #[test]
    fn a_mismatch_has_the_person_who_corrects_it() {
        let shown = of(&newest(1, false)).into_string();
        let link = format!("href=\"/actions/{ID}\"");
        for wanted in [link.as_str(), "idp/users/&lt;1&gt;", "<bdi>alice</bdi>, or an operator"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(!shown.contains("may not be complete"), "{shown}");
    }

    #[test]
    fn a_search_that_stopped_early_does_not_say_that_there_is_no_mismatch() {
        let none = of(&newest(0, false)).into_string();
        assert!(none.contains("No action ended as a mismatch in the last 24 hours."), "{none}");
        let cut = of(&newest(0, true)).into_string();
        assert!(cut.contains("may not be complete") && !cut.contains("No action ended"), "{cut}");
    }
}
