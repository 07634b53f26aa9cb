//! The page of one action, for people with a browser. The page only shows: it has no forms and no scripts, and no other
//! route accepts the credentials that a browser sends by itself.

mod content;
mod html;
mod reader;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use deed_record::lifecycle::story::Story;
use deed_record::statement::approval::{Answer, ApprovalRequest, ShownError};

use self::content::{Shown, Unshown};
use self::reader::{Reader, Refused};
use super::App;
use super::actions::{looked_at, parse_id, viewed};
use super::approvals::requested;
use super::auth::Caller;
use super::extract::Path;
use crate::api::problem::Problem;
use crate::shown;
use crate::stage::approval;

pub(super) async fn show(
    State(app): State<App>,
    path: Result<Path<String>, Problem>,
    Reader(caller): Reader,
) -> Result<Response, Refused> {
    let Path(id) = path?;
    let id = parse_id(&id)?;
    let told = looked_at(&app, &caller, &id, None).await?;
    let story = told.story.clone();
    let may_answer = may_answer(&caller, &story);
    let question = requested(&caller, &story)?;
    let question = question.map(|request| text(&request, caller.name(), may_answer));
    let view = viewed(&app, &caller, told)?;
    let content = content::of(&Shown {
        view: &view,
        question,
        reader: caller.name(),
        may_answer,
        url: app.public_url.as_deref(),
    });
    let title = format!("{}: {}", view.id, view.status);
    Ok(html::page(StatusCode::OK, &title, &content))
}

/// The text that `deed approve` shows of this request, or why it shows none.
fn text(request: &ApprovalRequest, person: &str, may_answer: bool) -> Result<String, Unshown> {
    // The role is part of the answer, which is not shown here.
    let terms = request.terms(Answer::Approve, person, "").map_err(|error| match error {
        // To a person who may answer, the host would have shown the values.
        ShownError::Withheld if !may_answer => Unshown::Withheld,
        error => Unshown::wrong(&error),
    })?;
    let action = request.action.digest().map_err(|e| Unshown::wrong(&e))?;
    shown::question(request, action, &terms, None).map_err(|e| Unshown::wrong(&e))
}

fn may_answer(caller: &Caller, story: &Story) -> bool {
    let ask = story.ask.as_ref();
    ask.is_some_and(|ask| approval::may_answer(&caller.tenant, caller.name(), story, ask))
}
