//! The routes for the script of the page of a waiting action: the statement that a passkey signs, the signed answer, and
//! whether the page still shows the action as it is.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use deed_record::lifecycle::story::Story;
use deed_record::policy::CONFIRM;
use deed_record::statement::approval::{self, Answer, ApprovalRequest, Terms};
use deed_record::statement::approver::{ApproverKey, CHALLENGE};
use deed_spec::digest::Digest;
use deed_spec::dsse::{self, Envelope, EnvelopeSignature, PAYLOAD_TYPE};
use deed_spec::webauthn::Assertion;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::place::Place;
use super::question::{Closed, Offer, Question};
use super::sent::{self, Sent};
use super::usable::{self, Usable};
use super::visitor::still_signed_in;
use crate::api::problem::Problem;
use crate::http::{Caller, Path, not_waiting, origin, parse_id, requested, submitted};
use crate::stage::approval::AnswerError;

/// The maximum number of characters of a reason.
pub(super) const REASON_MAX: usize = 2_000;
/// How long the browser waits for the person, in milliseconds.
const TIMEOUT_MS: i64 = 5 * 60 * 1_000;
/// How long the answer waits for the action to end, so that the next page shows what followed.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a person wants to answer.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerWanted {
    /// The token of the session's forms.
    form_token: String,
    #[schemars(with = "String")]
    #[schemars(extend("enum" = ["approve", "deny"]))]
    decision: Answer,
    role: String,
    /// Required for a denial.
    #[serde(default)]
    reason: String,
    /// SHA-256 of the text that the page showed.
    shown: Digest,
}

/// What the browser asks an authenticator to sign.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AnswerToSign {
    /// Standard base64 of the statement.
    payload: String,
    /// Base64url without padding.
    challenge: String,
    rp_id: String,
    /// Credential IDs in base64url without padding.
    credentials: Vec<String>,
    /// Milliseconds.
    timeout: i64,
}

/// A signed answer, each part in standard base64.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerSigned {
    /// The token of the session's forms.
    form_token: String,
    payload: String,
    authenticator_data: String,
    client_data: String,
    /// As the authenticator wrote it: DER for ES256.
    signature: String,
}

/// What the host recorded.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AnswerRecorded {
    /// One sentence.
    recorded: String,
    /// The path of the page that shows it.
    place: String,
}

/// What the page of an action would show now.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PageState {
    status: &'static str,
    /// SHA-256 of the text of the request for approval, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<Digest>,
}

impl Sent for AnswerWanted {
    fn form_token(&self) -> &str {
        &self.form_token
    }
}

impl Sent for AnswerSigned {
    fn form_token(&self) -> &str {
        &self.form_token
    }
}

/// Makes the statement that a passkey signs.
pub(super) async fn statement(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, wanted) = sent::by_session::<AnswerWanted>(&desk, request).await?;
    let Path(id) = path?;
    let story = caller.story(&desk.app, &parse_id(&id)?)?;
    let (request, question) = asked(&desk, &caller, &story)?.ok_or_else(not_waiting)?;
    let offer = question.offer.as_ref().map_err(Closed::problem)?;
    let terms = terms(&request, offer, &caller, &wanted)?;
    let left_ms = offer.expires_ms.saturating_sub(desk.app.engine.latest_ms());
    if left_ms <= 0 {
        return Err(conflict(AnswerError::Expired.to_string()));
    }
    to_sign(&request, offer, &terms, left_ms.min(TIMEOUT_MS)).map(sent::answer)
}

/// The request for approval of a waiting action, and what its page shows to this person.
fn asked(
    desk: &Desk,
    caller: &Caller,
    story: &Story,
) -> Result<Option<(ApprovalRequest, Question)>, Problem> {
    let Some(request) = requested(caller, story, desk.app.engine.latest_ms())? else {
        return Ok(None);
    };
    let question = Question::of(desk, caller, story, &request);
    Ok(Some((request, question)))
}

/// The terms of the answer. They are those of `deed approve`, with the digest of the text.
fn terms(
    request: &ApprovalRequest,
    offer: &Offer,
    caller: &Caller,
    wanted: &AnswerWanted,
) -> Result<Terms, Problem> {
    let name = caller.name();
    if wanted.shown != offer.shown {
        return Err(conflict("the action has changed since this page was loaded; reload"));
    }
    if !offer.standing.roles.contains(&wanted.role) {
        let why = "`role` must be a role of yours in which an answer is requested";
        return Err(Problem::bad_request(why));
    }
    if wanted.decision == Answer::Approve && offer.standing.has_approved {
        let why = "you have already approved the action, or it has been approved in the role that you may use for \
                   another person; only a denial would count";
        return Err(conflict(why));
    }
    let reason = reason(wanted)?;
    let terms = request.terms(wanted.decision, name, &wanted.role);
    let terms = terms.map_err(|e| conflict(e.to_string()))?;
    Ok(Terms { reason, shown: Some(offer.shown), ..terms })
}

/// The reason, without space around it.
fn reason(wanted: &AnswerWanted) -> Result<Option<String>, Problem> {
    let text = wanted.reason.trim();
    if text.chars().count() > REASON_MAX {
        let why = format!("`reason` can have at most {REASON_MAX} characters");
        return Err(Problem::bad_request(why));
    }
    match (text, wanted.decision) {
        ("", Answer::Deny) => Err(Problem::bad_request("a denial needs a `reason`")),
        ("", Answer::Approve) => Ok(None),
        (text, _) => Ok(Some(text.to_owned())),
    }
}

fn to_sign(
    request: &ApprovalRequest,
    offer: &Offer,
    terms: &Terms,
    timeout: i64,
) -> Result<AnswerToSign, Problem> {
    let failed = |error: deed_spec::json::NotCanonical| conflict(error.to_string());
    let action = request.action.digest().map_err(failed)?;
    let payload = approval::payload(action, terms).map_err(failed)?;
    let challenge = dsse::challenge(CHALLENGE, &payload);
    Ok(AnswerToSign {
        payload: STANDARD.encode(&payload),
        challenge: URL_SAFE_NO_PAD.encode(challenge.as_bytes()),
        rp_id: offer.rp_id.clone(),
        credentials: offer.credentials.clone(),
        timeout,
    })
}

/// Takes a signed answer. It is checked and recorded like an answer that comes by the API.
pub(super) async fn take(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let (caller, signed) = sent::by_session::<AnswerSigned>(&desk, request).await?;
    let Path(id) = path?;
    let id = parse_id(&id)?;
    let (envelope, terms) = enveloped(&desk, &caller, &signed)?;
    let driven = submitted(&desk.app, &caller, &id, envelope).await?;
    // The answer is recorded. If the action does not end soon, the page says that it runs.
    tokio::time::timeout(PATIENCE, driven.to_rest()).await.ok();
    let recorded = terms.map_or_else(|| "Your answer was recorded.".to_owned(), |one| said(&one));
    Ok(sent::answer(AnswerRecorded { recorded, place: Place::action(&id).address() }))
}

fn said(terms: &Terms) -> String {
    let verb = if terms.decision == Answer::Approve { "approval" } else { "denial" };
    if terms.role == CONFIRM {
        let verb = if terms.decision == Answer::Approve { "confirmation" } else { verb };
        return format!("Your {verb} was recorded.");
    }
    format!("Your {verb} in the role {} was recorded.", terms.role)
}

/// The envelope of a signed answer. The browser does not say which passkey signed, so the passkeys of the person are
/// tried. If none fits, the envelope names the first one, and the engine refuses it with the reason.
fn enveloped(
    desk: &Desk,
    caller: &Caller,
    signed: &AnswerSigned,
) -> Result<(Envelope, Option<Terms>), Problem> {
    let origin = usable::origin(&desk.app).unwrap_or_default();
    let usable = Usable::of(&caller.tenant, caller.name(), &origin);
    let keys = usable.map(|usable| usable.keys).unwrap_or_default();
    let mut first = None;
    for key in keys {
        let Ok(keyid) = key.id() else { continue };
        let envelope = envelope(signed, keyid);
        if let Some(terms) = opened(&envelope, key) {
            return Ok((envelope, Some(terms)));
        }
        first = first.or(Some(envelope));
    }
    let none = || Problem::forbidden("you have no passkey for the address of this page");
    Ok((first.ok_or_else(none)?, None))
}

/// The terms, if this key signed them.
fn opened(envelope: &Envelope, key: &ApproverKey) -> Option<Terms> {
    let stored = envelope.clone().normalised(&key.passkey()?.key).ok()?;
    approval::open(&stored, key).ok().map(|(_, terms)| terms)
}

fn envelope(signed: &AnswerSigned, keyid: String) -> Envelope {
    let assertion = Assertion {
        authenticator_data: signed.authenticator_data.clone(),
        client_data: signed.client_data.clone(),
    };
    let signature =
        EnvelopeSignature { keyid, sig: signed.signature.clone(), webauthn: Some(assertion) };
    Envelope {
        payload: signed.payload.clone(),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![signature],
    }
}

/// What the page of an action would show now.
pub(super) async fn state(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, _) = request.into_parts();
    origin::check(&parts.headers, desk.app.engine.behind_proxy())?;
    let found = still_signed_in(&parts.headers, &desk).ok_or_else(sent::over)?;
    let caller = found.caller.admitted(&parts)?;
    let Path(id) = path?;
    let story = caller.story(&desk.app, &parse_id(&id)?)?;
    let shown = asked(&desk, &caller, &story)?.and_then(|(_, question)| question.shown());
    Ok(sent::answer(PageState { status: story.status.word(), shown }))
}

fn conflict(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "the answer cannot be signed", detail)
}
