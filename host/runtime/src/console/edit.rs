//! The page on which a person changes a waiting action and proposes it again. It works without a script.
//!
//! `input` says how the value of each parameter is typed, `sent` is what a person typed, `faults` is why it was
//! refused, and `content` and `field` are the page. The draft goes to the function behind `/v1/actions/{id}/draft`,
//! which decides.

mod content;
mod faults;
mod field;
mod input;
mod sent;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::action::id::ActionId;
use deed_record::lifecycle::story::Story;
use maud::{Markup, html};

use self::content::Sheet;
use self::faults::Faults;
use self::sent::Sent;
use super::action::from_agent;
use super::desk::Desk;
use super::html::{FORGERY, page};
use super::parts::note;
use super::place::{ACTIONS, Place};
use super::refusal::{Refused, see};
use super::visitor::{Visitor, sender};
use crate::api::problem::Problem;
use crate::api::view::View;
use crate::config::Granted;
use crate::http::{Caller, Path, drafted, looked_at, parse_id, viewed};

const TITLE: &str = "Change and propose again";

/// The waiting action, as the engine and as the page has it.
struct Subject {
    story: Story,
    view: View,
    page: Place,
}

/// A form that was refused.
struct Refusal {
    sent: Sent,
    faults: Faults,
}

pub(super) async fn show(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    visitor: Visitor,
) -> Result<Response, Refused> {
    let Path(id) = path?;
    let subject = Subject::of(&desk, &visitor.caller, &parse_id(&id)?).await?;
    let content = subject.content(&desk, &visitor, None);
    Ok(page(StatusCode::OK, &visitor.frame(TITLE, ACTIONS), &content))
}

/// Takes the form.
pub(super) async fn take(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let id = path.and_then(|Path(id)| parse_id(&id));
    // Without a session, signing in leads to the form.
    let form = || id.as_ref().map_or_else(|_| Place::inbox(), Place::edit);
    let found = sender(&desk, &parts)?.ok_or_else(|| Refused::SignIn(form()))?;
    let sent = Sent::read(&parts.headers, body).await?;
    found.check_form(sent.get(FORGERY))?;
    let (id, visitor) = (id?, found.visitor());
    let subject = Subject::of(&desk, &visitor.caller, &id).await?;
    match subject.propose(&desk, &visitor.caller, &sent).await {
        Ok(new) => Ok(see(&Place::action(&new))),
        Err(problem) => again(&desk, &visitor, &id, (sent, problem)).await,
    }
}

/// The page with what was typed and why it was refused, as the action is now.
async fn again(
    desk: &Desk,
    visitor: &Visitor,
    id: &ActionId,
    (sent, problem): (Sent, Problem),
) -> Result<Response, Refused> {
    if problem.status() == StatusCode::UNAUTHORIZED {
        return Err(problem.into());
    }
    let refusal = Refusal { sent, faults: problem.into() };
    let subject = Subject::of(desk, &visitor.caller, id).await?;
    let content = subject.content(desk, visitor, Some(&refusal));
    let frame = visitor.frame(TITLE, ACTIONS);
    let mut response = page(refusal.faults.status, &frame, &content);
    refusal.faults.mark(&mut response);
    Ok(response)
}

impl Subject {
    /// Fails if the person may not see the action.
    async fn of(desk: &Desk, caller: &Caller, id: &ActionId) -> Result<Self, Problem> {
        let stored = looked_at(&desk.app, caller, id, None).await?;
        let story = stored.story.clone();
        Ok(Self { story, view: viewed(&desk.app, caller, stored)?, page: Place::action(id) })
    }

    /// The grant of the contract, if this person may change the action now.
    fn granted<'a>(&'a self, desk: &'a Desk, caller: &'a Caller) -> Result<&'a Granted, Problem> {
        Ok(desk.app.engine.may_edit(&caller.tenant, &self.story, caller.name())?.1)
    }

    /// Proposes the draft that the form stands for. Returns the id of the changed version.
    async fn propose(
        &self,
        desk: &Desk,
        caller: &Caller,
        sent: &Sent,
    ) -> Result<ActionId, Problem> {
        let wanted = {
            let schema = self.granted(desk, caller)?.contract.params_schema();
            let bound = &self.story.bound;
            let inputs = input::all(&schema, &bound.action.params, &bound.private);
            sent.draft(&inputs).map_err(Problem::fields)?
        };
        let told = drafted(&desk.app, caller, &self.story.bound.action.id, wanted).await?;
        Ok(told.story.bound.action.id.clone())
    }

    fn content(&self, desk: &Desk, visitor: &Visitor, refusal: Option<&Refusal>) -> Markup {
        let granted = self.granted(desk, &visitor.caller);
        let form = match (granted, visitor.forgery()) {
            (Err(why), _) => content::closed(&why.into_body().detail),
            (Ok(_), None) => note(&"Sign in to change the action."),
            (Ok(granted), Some(forgery)) => self.form(granted, forgery, refusal),
        };
        html! {
            (content::head(&self.view, &self.page))
            (form)
            (from_agent(&self.view))
        }
    }

    fn form(&self, granted: &Granted, forgery: &str, refusal: Option<&Refusal>) -> Markup {
        let (schema, bound) = (granted.contract.params_schema(), &self.story.bound);
        let inputs = input::all(&schema, &bound.action.params, &bound.private);
        content::form(&Sheet {
            page: &self.page,
            inputs: &inputs,
            sources: granted.contract.evidence.sources,
            forgery,
            sent: refusal.map(|refusal| &refusal.sent),
            faults: refusal.map(|refusal| &refusal.faults),
        })
    }
}
