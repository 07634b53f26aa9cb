//! The page of one action: what happened, and why it was allowed. While the action waits, the page shows what an
//! approval covers, in the text of `deed approve`, and how the reader can answer.

mod answering;
mod asked;
mod evidence;
mod ledger;
mod seen;
mod states;
mod summary;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::status::Status;
use deed_record::lifecycle::story::Story;
use maud::{Markup, html};

use self::seen::{Observed, Seen};
use super::desk::Desk;
use super::html::page;
use super::parts::{fold, note, section};
use super::place::ACTIONS;
use super::question::{self, Question};
use super::refusal::Refused;
use super::script::ANSWER;
use super::text::{Block, Plain, Shown as _, Text};
use super::visitor::Visitor;
use crate::api::problem::Problem;
use crate::api::view::View;
use crate::http::{Path, looked_at, parse_id, requested, viewed};
use crate::shown::page as record;

pub(super) async fn show(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Path(id) = path?;
    let id = parse_id(&id)?;
    let caller = &visitor.caller;
    let stored = looked_at(&desk.app, caller, &id, None).await?;
    let story = stored.story.clone();
    let request = requested(caller, &story, desk.app.engine.latest_ms())?;
    let question = request.map(|request| Question::of(&desk, caller, &story, &request));
    let view = viewed(&desk.app, caller, stored)?;
    let seen = Seen {
        view: &view,
        observed: Observed::of(&story),
        question,
        missed: question::missed(&caller.tenant, &story),
        lands_until_ms: lands_until_ms(&desk, &story),
        reader: caller.name(),
        forgery: visitor.forgery(),
        url: desk.app.public_url(),
        now_ms: desk.now_ms(),
    };
    let title = format!("{}: {}", view.id, view.status);
    let frame = visitor.frame(&title, ACTIONS);
    let frame = if is_watched(&seen) { frame.with_script(ANSWER) } else { frame };
    Ok(page(StatusCode::OK, &frame, &content(&seen)))
}

/// Until when a write of an open outcome can take effect. The page of an action whose contract is lost does not say so.
fn lands_until_ms(desk: &Desk, story: &Story) -> Option<i64> {
    let is_open = story.status == Status::Ended(Outcome::Indeterminate);
    is_open.then(|| desk.app.engine.lands_until_ms(story).ok().flatten()).flatten()
}

/// Whether the page notices changes of the action, which takes a session.
fn is_watched(seen: &Seen<'_>) -> bool {
    seen.forgery.is_some() && ["pending", "waiting", "running"].contains(&seen.view.status.as_str())
}

/// The line that says when the action changed. It is there from the start, so that nothing moves.
fn watch(seen: &Seen<'_>) -> Markup {
    let question = seen.question.as_ref();
    let shown = question.and_then(Question::shown).map(|digest| digest.to_string());
    let left = seen.view.expires_ms.map(|at_ms| at_ms.saturating_sub(seen.now_ms));
    let place = seen.place();
    html! {
        div id="watch" data-status=(Plain::new(&seen.view.status)) data-shown=[shown] data-left=[left]
            data-state={ (place) "/state" } data-sign-in=(place.through_sign_in()) {
            p id="left" class="line" {}
            p id="changed" class="line" role="status" {}
        }
    }
}

fn content(seen: &Seen<'_>) -> Markup {
    html! {
        h1 { "Action " (Text::new(&seen.view.id).shown()) }
        @if is_watched(seen) { (watch(seen)) }
        (summary::of(seen))
        (asked::what(seen.view))
        (states::stale(seen.view))
        (asked::from_agent(seen.view))
        @if let Some(question) = &seen.question {
            (asked::covers(question))
            (asked::answer(seen, question))
        }
        (asked::requests(seen))
        (evidence::policy(seen.view))
        (evidence::approvals(seen))
        (evidence::sent(seen.view))
        (evidence::changes(seen.view))
        (states::observed(seen))
        (evidence::checks(seen.view))
        (evidence::receipt(seen))
        (evidence::resolution(seen))
        (ledger::of(seen.view))
        (whole(seen))
    }
}

/// What the agent wrote, which the host does not check.
pub(super) fn from_agent(view: &View) -> Markup {
    asked::from_agent(view)
}

/// The record as text, which has everything.
fn whole(seen: &Seen<'_>) -> Markup {
    let text = Block::new(&record::of(seen.view)).shown();
    let content = html! {
        (note(&"A host that was taken over can show something else than what would be signed. deed approve recomputes \
                what it shows on your own machine; a passkey signs what this page shows."))
        (fold("The record as deed show prints it", &text))
    };
    section("record", "Record", &content)
}

#[cfg(test)]
mod tests {
    use deed_spec::digest::Digest;
    use serde_json::json;

    use super::super::question::{Closed, Offer, Open, Unshown};
    use super::*;
    use crate::stage::approval::{AnswerError, Standing};

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

    fn question(text: Result<String, Unshown>) -> Question {
        let why = AnswerError::OwnAction("bob".to_owned());
        let open = vec![Open { role: "support-lead".to_owned(), left: 2, people: vec![] }];
        let edit = Err(why.to_string());
        Question { text, offer: Err(Closed::Barred(why)), open, delegated: vec![], edit }
    }

    fn seen_by_bob(view: &View, question: Option<Question>) -> String {
        let seen = Seen {
            view,
            observed: Observed::default(),
            question,
            missed: vec![],
            lands_until_ms: None,
            reader: "bob",
            forgery: Some("zq-81"),
            url: Some("https://deed.example.com"),
            now_ms: 0,
        };
        content(&seen).into_string()
    }

    fn shown(view: &View, text: Option<Result<String, Unshown>>) -> String {
        seen_by_bob(view, text.map(question))
    }

    #[test]
    fn a_waiting_action_has_the_question_and_says_who_can_answer() {
        let page = shown(&view(&json!({})), Some(Ok("would send <b>".to_owned())));
        for wanted in [
            "would send &lt;b&gt;</pre>",
            "deed approve act_00000000000000000000000000 --person NAME --role support-lead --key FILE \
             --url https://deed.example.com",
            "Your answer would not count",
            "is responsible for the agent",
            "2 by <bdi>support-lead</bdi>",
            "idp/users/&lt;1&gt;",
            "javascript:alert(&#39;1&#39;)",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        assert!(!page.contains("--person bob"), "bob cannot answer: {page}");
        assert!(!page.contains("<script") && !page.contains("<form"), "{page}");
        assert!(!page.contains("href=\"javascript") && !page.contains("zq-81"), "{page}");
    }

    #[test]
    fn a_reader_with_a_passkey_has_buttons_that_the_script_enables() {
        let offered = |has_approved: bool| Question {
            offer: Ok(Offer {
                standing: Standing {
                    roles: vec!["it's".to_owned(), "support-lead".to_owned()],
                    delegated: vec![],
                    has_approved,
                },
                shown: Digest::of(b"text"),
                expires_ms: 1,
                rp_id: "deed.example.com".to_owned(),
                credentials: vec![],
                origin: "https://deed.example.com".to_owned(),
            }),
            ..question(Ok("text".to_owned()))
        };
        let page = seen_by_bob(&view(&json!({"expires_ms": 1})), Some(offered(false)));
        for wanted in [
            "name=\"form_token\" value=\"zq-81\"",
            "<option value=\"it&#39;s\">it&#39;s</option>",
            "<button type=\"button\" id=\"approve\" disabled>Approve</button>",
            "<button type=\"button\" id=\"deny\" disabled>Deny</button>",
            "data-shown=\"sha256:",
            "data-left=\"1\"",
        ] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
        let page = seen_by_bob(&view(&json!({})), Some(offered(true)));
        assert!(!page.contains("id=\"approve\"") && page.contains("id=\"deny\""), "{page}");
    }

    #[test]
    fn a_reader_without_a_passkey_is_told_how_to_get_one() {
        let origin = "https://deed.example.com".to_owned();
        let question =
            Question { offer: Err(Closed::NoPasskey(origin)), ..question(Ok(String::new())) };
        let page = seen_by_bob(&view(&json!({})), Some(question));
        assert!(
            page.contains("href=\"/passkeys\"") && page.contains("deed approve act_"),
            "{page}"
        );
        assert!(!page.contains("would not count") && !page.contains("id=\"deny\""), "{page}");
    }

    /// The party may come from the proposal, or from a token that an issuer signed.
    #[test]
    fn the_page_does_not_say_that_the_agent_named_the_party() {
        let page = shown(&view(&json!({"on_behalf_of": "user@example.com"})), None);
        assert!(page.contains("On behalf of (according to the agent or its token)"), "{page}");
    }

    #[test]
    fn a_command_has_the_name_of_the_reader_only_for_a_role_in_which_the_reader_can_answer() {
        let open = |role: &str, people: &[&str]| {
            let people = people.iter().map(|name| (*name).to_owned()).collect();
            Open { role: role.to_owned(), left: 1, people }
        };
        let question = Question {
            offer: Err(Closed::NoAddress),
            open: vec![open("support-lead", &["bob"]), open("security", &["carol"])],
            ..question(Ok(String::new()))
        };
        let page = seen_by_bob(&view(&json!({})), Some(question));
        for wanted in ["--person bob --role support-lead", "--person NAME --role security"] {
            assert!(page.contains(wanted), "{wanted:?} is missing in\n{page}");
        }
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let missing = json!({"missing": ["1 more approval by <lead> (1 of 2 is there)"]});
        let page = shown(&view(&missing), None);
        let words = "1 more approval by &lt;lead&gt; (1 of 2 is there)";
        assert!(page.contains(words) && !page.contains("approve:1:support-lead"), "{page}");
    }

    #[test]
    fn only_a_request_that_is_wrong_is_reported_as_wrong() {
        let page = |why: Unshown| shown(&view(&json!({})), Some(Err(why)));
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
            "status": "indeterminate", "outcome": "indeterminate", "escalated": "no look shows it",
            "obligations": ["resolve:1:operator"]
        });
        let page = shown(&view(&open), None);
        let line =
            "deed resolve act_00000000000000000000000000 applied|not-applied|retry --reason TEXT";
        assert!(page.contains(line) && !page.contains("deed approve act_"), "{page}");
    }
}
