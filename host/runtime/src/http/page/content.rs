//! The content of the page of one action. Requests, states and records are the texts that the commands show, so that
//! the page and `deed approve` say the same.

use std::fmt::Display;

use deed_record::timeline::utc;

use super::html::Html;
use crate::api::view::{Said, View};
use crate::shown::page as record;
use crate::shown::quote::quoted;
use crate::shown::roles;
use crate::shown::text::join;

/// What the page shows.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) view: &'a View,
    /// What an approval covers, or why it is not shown; `None` if the action does not wait.
    pub(super) question: Option<Result<String, Unshown>>,
    /// The name of the person who reads the page.
    pub(super) reader: &'a str,
    /// Whether an answer by this person would count.
    pub(super) may_answer: bool,
    /// The address of the host, for commands.
    pub(super) url: Option<&'a str>,
}

/// Why the page does not show what an approval covers.
#[derive(Debug)]
pub(super) enum Unshown {
    /// Only people who may answer see the values of private parameters.
    Withheld,
    /// The parts of the request do not belong together, so `deed approve` would refuse to show it.
    Wrong(String),
}

impl Unshown {
    pub(super) fn wrong(why: &dyn Display) -> Self {
        Self::Wrong(why.to_string())
    }
}

/// The whole content of the page.
pub(super) fn of(shown: &Shown<'_>) -> Html {
    let (mut html, view) = (Html::default(), shown.view);
    html.heading(&format!("Action {}", view.id));
    html.markup(
        "<p class=\"note\">This page only shows the action. It cannot approve or deny. What counts is what \
         <code>deed approve</code> shows on your own machine: that is what you sign.</p>\n",
    );
    html.markup("<table>\n<caption>Summary</caption>\n<tbody>\n");
    for (title, text) in summary(view) {
        html.row(title, &text);
    }
    html.markup("</tbody>\n</table>\n");
    from_agent(&mut html, view);
    if let Some(question) = &shown.question {
        covered(&mut html, question);
        answer(&mut html, shown);
    }
    if view.outcome.is_some() {
        ended(&mut html, shown);
    }
    html.markup("<section>\n<h2>Record</h2>\n<p>As <code>deed show</code> prints it.</p>\n");
    html.block(&record::of(view));
    html.markup("</section>\n");
    html
}

fn summary(view: &View) -> Vec<(&'static str, String)> {
    let one = |title, text: Option<String>| text.map(|text| (title, text));
    let mut rows = vec![("Status", view.status.clone())];
    rows.extend(one("Reason", view.reason.clone()));
    rows.extend(one("Open outcome", view.escalated.clone()));
    let waits = (!view.obligations.is_empty()).then(|| view.obligations.join(", "));
    rows.extend(one("Waits for", waits));
    rows.extend(one("Expires (UTC)", view.expires_ms.map(utc)));
    rows.extend([
        ("Contract", view.contract.clone()),
        ("Resource", view.resource.clone()),
        ("Environment", view.environment.clone()),
        ("Asked by agent", view.agent.clone()),
        ("Responsible person", view.person.clone()),
    ]);
    rows.extend(one(
        "On behalf of (according to the agent or its token)",
        view.on_behalf_of.clone(),
    ));
    rows.extend(one("Policy", view.decision.as_ref().map(record::verdict)));
    rows.extend(view.approvals.iter().map(said));
    rows.extend(view.stale.iter().map(|why| ("Asked again because", why.clone())));
    rows.extend(one("Queues behind", view.held_by.clone()));
    rows
}

fn said(one: &Said) -> (&'static str, String) {
    let title = if one.approves { "Approved by" } else { "Denied by" };
    let void = if one.counts { "" } else { " (no longer counts)" };
    (title, format!("{} as {}{void}", one.person, one.role))
}

/// What the agent wrote, which the host does not check. A source is no link, because its address is the agent's.
fn from_agent(html: &mut Html, view: &View) {
    html.markup(
        "<section>\n<h2>From the agent, unchecked</h2>\n\
         <p>The agent wrote the intent, the reasoning and the sources. The host did not check them.</p>\n\
         <h3>Intent</h3>\n",
    );
    html.block(&view.intent);
    if let Some(reasoning) = &view.reasoning {
        html.markup("<h3>Reasoning</h3>\n");
        html.block(reasoning);
    }
    if !view.sources.is_empty() {
        html.markup("<h3>Sources</h3>\n<ul>\n");
        for source in &view.sources {
            html.markup("<li>");
            html.text(&source.uri);
            html.markup("</li>\n");
        }
        html.markup("</ul>\n");
    }
    html.markup("</section>\n");
}

fn covered(html: &mut Html, question: &Result<String, Unshown>) {
    html.markup("<section>\n<h2>What an approval covers</h2>\n");
    match question {
        Ok(text) => {
            html.markup(
                "<p>The same text as <code>deed approve</code> shows before you sign.</p>\n",
            );
            html.block(text);
        }
        Err(Unshown::Withheld) => {
            html.markup(
                "<p>Only people who may answer see this request, because it has private parameters.</p>\n",
            );
        }
        Err(Unshown::Wrong(why)) => {
            html.markup(
                "<p><strong>The request cannot be shown. Do not approve it.</strong></p>\n",
            );
            html.paragraph(why);
        }
    }
    html.markup("</section>\n");
}

/// The commands with which the reader answers.
fn answer(html: &mut Html, shown: &Shown<'_>) {
    html.markup("<section>\n<h2>How to answer</h2>\n");
    if !shown.may_answer {
        html.markup(
            "<p><strong>Your answer would not count.</strong> An answer needs a key and one of the roles for which \
             the action waits, and the person responsible for the agent cannot answer.</p>\n",
        );
    }
    html.markup(
        "<p>Type this on your own machine, with your token in <code>DEED_TOKEN</code> and the file of your key. \
         <code>deed deny</code> takes the same arguments.</p>\n",
    );
    let (id, person, url) = (&shown.view.id, quoted(shown.reader), to(shown));
    let line = |role: &str| {
        format!("deed approve {id} --person {person} --role {} --key FILE{url}", quoted(role))
    };
    html.block(&join(roles(shown.view, "approve").into_iter().map(line)));
    html.markup("</section>\n");
}

/// The outcome, and how to check or resolve it.
fn ended(html: &mut Html, shown: &Shown<'_>) {
    let (view, url) = (shown.view, to(shown));
    let id = &view.id;
    html.markup("<section>\n<h2>Outcome</h2>\n");
    if !view.changes.is_empty() {
        html.markup("<h3>Changes</h3>\n");
        html.block(&join(view.changes.iter().map(record::change_text)));
    }
    if !roles(view, "resolve").is_empty() {
        html.markup(
            "<p>The outcome is open. First find out in the system of record whether the writes took effect. Then an \
             operator says so:</p>\n",
        );
        html.block(&format!(
            "deed resolve {id} applied|not-applied|retry --reason TEXT --key FILE{url}"
        ));
    }
    if let Some(receipt) = &view.receipt {
        html.markup("<h3>Receipt</h3>\n");
        html.paragraph(&receipt.payload_sha256.to_string());
        html.markup(
            "<p>Check it offline with the trust directory that the operator created:</p>\n",
        );
        html.block(&format!(
            "deed bundle {id} -o {id}.deed{url}\ndeed verify {id}.deed --trust DIR"
        ));
    }
    html.markup("</section>\n");
}

/// The option that names the host.
fn to(shown: &Shown<'_>) -> String {
    shown.url.map_or_else(String::new, |url| format!(" --url {}", quoted(url)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(more: &serde_json::Value) -> View {
        let mut view = json!({
            "id": "act_00000000000000000000000000", "status": "waiting", "contract": "idp.restore_access",
            "resource": "idp/users/<1>", "agent": "helpdesk", "person": "alice", "environment": "production",
            "intent": "</pre><script>alert(1)</script>", "sources": [{"uri": "javascript:alert('1')"}],
            "obligations": ["approve:1:support-lead", "approve:1:it's"], "approvals": [], "stale": [], "calls": [],
            "changes": [], "unexpected": [], "checks": [], "proposed_ms": 0, "at_ms": 0, "ledger": []
        });
        for (name, value) in more.as_object().unwrap() {
            view[name] = value.clone();
        }
        serde_json::from_value(view).unwrap()
    }

    fn page(view: &View, question: Option<Result<String, Unshown>>) -> String {
        let url = Some("https://deed.example.com");
        format!("{:?}", of(&Shown { view, question, reader: "bob", may_answer: false, url }))
            .replace("\\n", "\n")
            .replace("\\\"", "\"")
    }

    #[test]
    fn a_waiting_action_has_the_question_and_the_lines_to_type() {
        let page = page(&view(&json!({})), Some(Ok("would send <b>".to_owned())));
        for wanted in [
            "<pre>would send &lt;b&gt;</pre>",
            "deed approve act_00000000000000000000000000 --person bob --role support-lead --key FILE \
             --url https://deed.example.com",
            "Your answer would not count",
            "idp/users/&lt;1&gt;",
            "<li>javascript:alert(&#39;1&#39;)</li>",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        assert!(
            !page.contains("<script") && !page.contains("<a ") && !page.contains("<form"),
            "{page}"
        );
    }

    /// The party may come from the proposal, or from a token that an issuer signed.
    #[test]
    fn the_page_does_not_say_that_the_agent_named_the_party() {
        let page = page(&view(&json!({"on_behalf_of": "user@example.com"})), None);
        assert!(page.contains("On behalf of (according to the agent or its token)"), "{page}");
    }

    #[test]
    fn only_a_request_that_is_wrong_is_reported_as_wrong() {
        let page = |why: Unshown| page(&view(&json!({})), Some(Err(why)));
        let wrong = page(Unshown::Wrong("it <differs>".to_owned()));
        assert!(
            wrong.contains("Do not approve it") && wrong.contains("it &lt;differs&gt;"),
            "{wrong}"
        );
        let withheld = page(Unshown::Withheld);
        assert!(withheld.contains("Only people who may answer see this request"), "{withheld}");
        assert!(!withheld.contains("Do not approve it"), "{withheld}");
    }

    #[test]
    fn an_open_outcome_says_how_to_resolve_it() {
        let open = json!({
            "status": "indeterminate", "outcome": "indeterminate", "obligations": ["resolve:1:operator"]
        });
        let page = page(&view(&open), None);
        let line =
            "deed resolve act_00000000000000000000000000 applied|not-applied|retry --reason TEXT";
        assert!(page.contains(line) && !page.contains("deed approve act_"), "{page}");
    }
}
