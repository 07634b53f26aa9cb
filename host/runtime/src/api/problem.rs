//! Errors as RFC 9457 problem details. This module maps all errors to HTTP.

mod body;

use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use deed_record::action::BindError;
use deed_record::contract::schema::Violation;

pub(crate) use self::body::{Body, Place};
use crate::api::BODY_MAX;
use crate::capacity::admission::Overload;
use crate::engine::{EngineError, IntakeError, Unready};
use crate::stage::contract::BindFault;

/// The retry delay while the store does not answer. Only an operator or a restart can fix the store, so a shorter delay
/// would not help.
const UNAVAILABLE_RETRY_S: u64 = 30;
const MEDIA_TYPE: &str = "application/problem+json";

/// An error answer: status, title, detail, and JSON pointers to invalid places in the body.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    errors: Vec<Place>,
    /// Seconds after which to retry, for a caller that sends too many requests, or while the host refuses new work.
    retry_after: Option<u64>,
    /// The limit that was reached, as a name for programs.
    limit: Option<&'static str>,
    /// The value of `WWW-Authenticate`, if it says more than that a token is needed.
    challenge: Option<Box<str>>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            errors: vec![],
            retry_after: None,
            limit: None,
            challenge: None,
        }
    }

    /// The same problem with this value of `WWW-Authenticate`.
    pub(crate) fn challenged(self, challenge: String) -> Self {
        Self { challenge: Some(challenge.into_boxed_str()), ..self }
    }

    /// A resource of another tenant gets the same answer as an unknown resource, so a caller does not learn what
    /// another tenant has.
    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not found",
            "the resource does not exist, or you may not see it",
        )
    }

    /// The answer for a contract that is unknown or not granted. The answer does not repeat the name that the caller
    /// sent.
    pub(crate) fn no_contract() -> Self {
        let detail = "no contract of this name is granted to your tenant; list the contracts to see those that are";
        Self::new(StatusCode::NOT_FOUND, "unknown contract", detail)
    }

    /// The answer to a request without a token.
    pub(crate) fn unauthorized() -> Self {
        Self::no_token("send `Authorization: Bearer <token>`")
    }

    /// The answer to a request with a token that identifies nobody.
    pub(crate) fn unknown_token() -> Self {
        Self::no_token("the host does not know this token")
    }

    fn no_token(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no valid token", detail)
    }

    pub(crate) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "not allowed", detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad request", detail)
    }

    pub(crate) fn too_large() -> Self {
        let detail = format!("a body can have at most {} KiB", BODY_MAX / 1024);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", detail)
    }

    /// The answer to a caller with too many requests. The answer says when the caller may retry; the request was not
    /// processed.
    pub(crate) fn too_many(what: &str, retry_after_s: u64) -> Self {
        let detail = format!("{what}; retry in {retry_after_s} s");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too many requests", detail);
        Self { retry_after: Some(retry_after_s), ..problem }
    }

    /// The answer when all callers together have too many requests in progress, with the time after which to retry.
    pub(crate) fn crowded(retry_after_s: u64) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let detail = format!("too many requests are in progress; retry in {retry_after_s} s");
        let problem = Self::new(status, "the host is at its limit", detail);
        Self { retry_after: Some(retry_after_s), ..problem }
    }

    /// The answer while the host cannot check an access token, because the issuer does not answer or too many tokens
    /// are being checked.
    pub(crate) fn token_not_checked(detail: &str, retry_after_s: u64) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Self::new(status, "the token cannot be checked now", detail);
        Self { retry_after: Some(retry_after_s), ..problem }
    }

    fn unprocessable(detail: String, errors: Vec<Place>) -> Self {
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            title: "the proposal is not valid",
            detail,
            errors,
            retry_after: None,
            limit: None,
            challenge: None,
        }
    }

    /// The answer for arguments of a tool that do not fit. The pointers lead into the arguments.
    pub(crate) fn arguments(violations: Vec<Violation>) -> Self {
        let one = |v: Violation| Place { pointer: v.pointer, reason: v.reason };
        let errors = violations.into_iter().map(one).collect();
        let problem = Self::unprocessable("the arguments do not fit the tool".to_owned(), errors);
        Self { title: "the arguments are not valid", ..problem }
    }

    /// The answer for fields of a form that cannot be read. The pointers lead into the body that the form stands for.
    pub(crate) fn fields(violations: Vec<Violation>) -> Self {
        let one = |v: Violation| Place { pointer: v.pointer, reason: v.reason };
        let errors = violations.into_iter().map(one).collect();
        let problem = Self::unprocessable("a field of the form cannot be read".to_owned(), errors);
        Self { title: "the form is not valid", ..problem }
    }

    /// The answer while the host refuses new work. The answer says when the caller may retry; the request had no
    /// effect.
    fn not_ready(why: &Unready) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Self::new(status, "the host accepts no new work now", why.told());
        Self { retry_after: Some(why.retry_after_s()), ..problem }
    }

    /// The answer when an action would exceed the caller's own limit or the host's limit.
    fn overload(over: Overload) -> Self {
        let (status, title) = if over.limit.is_hosts() {
            (StatusCode::SERVICE_UNAVAILABLE, "the host is at its limit")
        } else {
            (StatusCode::TOO_MANY_REQUESTS, "too many actions")
        };
        let problem = Self::new(status, title, over.to_string());
        Self { retry_after: Some(over.retry_after_s), limit: Some(over.limit.word()), ..problem }
    }

    /// Whether the answer asks the caller to retry later, in which case the request itself may be correct.
    pub(crate) fn is_for_later(&self) -> bool {
        self.retry_after.is_some()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Seconds after which the caller may retry, if the problem passes by itself.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.retry_after
    }

    /// The body of the problem document.
    pub(crate) fn into_body(self) -> Body {
        Body {
            kind: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            errors: self.errors,
            limit: self.limit,
        }
    }

    /// The host cannot process the request. The reason is only in the operator's log.
    pub(crate) fn unavailable() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Self::new(status, "the host cannot do this now", "see the operator's log");
        Self { retry_after: Some(UNAVAILABLE_RETRY_S), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status, self.retry_after);
        let challenge =
            self.challenge.as_ref().and_then(|text| text.parse::<header::HeaderValue>().ok());
        let bare = (status == StatusCode::UNAUTHORIZED)
            .then(|| header::HeaderValue::from_static("Bearer"));
        let mut response = (status, Json(self.into_body())).into_response();
        let problem = header::HeaderValue::from_static(MEDIA_TYPE);
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if let Some(challenge) = challenge.or(bare) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Marks an answer whose errors have the form of another protocol, so that they are not replaced with problem documents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OtherProtocol;

/// Replaces an error answer that other code made, such as for an invalid query, with a problem document.
pub(crate) fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|t| t == MEDIA_TYPE);
    let other = response.extensions().get::<OtherProtocol>().is_some();
    if ours || other || !status.is_client_error() {
        return response;
    }
    let title = status.canonical_reason().unwrap_or("refused");
    Problem::new(status, title, "the path or its query cannot be read").into_response()
}

pub(crate) async fn no_method() -> Problem {
    let detail = "this path does not support that method; see the `Allow` header";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail)
}

/// The answer for a body that could not be read: it was larger than the limit, or cut off.
impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            status => Self::new(status, "the body cannot be read", rejection.body_text()),
        }
    }
}

pub(crate) async fn no_route() -> Problem {
    Problem::not_found()
}

impl From<BindFault> for Problem {
    fn from(fault: BindFault) -> Self {
        let place =
            |pointer: &str, reason: String| vec![Place { pointer: pointer.to_owned(), reason }];
        match fault {
            BindFault::Json(error) => {
                Self::bad_request(format!("the body is not strict JSON: {error}"))
            }
            BindFault::Shape(error) => {
                let detail = match error.pointer.as_str() {
                    "" => format!("the body: {}", error.reason),
                    _ => error.to_string(),
                };
                Self::unprocessable(detail, place(&error.pointer, error.reason))
            }
            BindFault::Unknown(_) => Self::no_contract(),
            BindFault::NoAccess { .. } => Self::forbidden(&fault.to_string()),
            BindFault::Bind(BindError::Params(violations)) => {
                let one = |v: Violation| Place {
                    pointer: format!("/params{}", v.pointer),
                    reason: v.reason,
                };
                let errors = violations.into_iter().map(one).collect();
                Self::unprocessable("the parameters do not match the contract".to_owned(), errors)
            }
            BindFault::Bind(error) => {
                let pointer = match &error {
                    BindError::Text(pointer, _) => (*pointer).to_owned(),
                    BindError::Word(pointer) | BindError::Repeated(pointer) => pointer.clone(),
                    BindError::Expect(pointer) => deed_spec::json::child("/expect", pointer),
                    _ => "/params".to_owned(),
                };
                Self::unprocessable(error.to_string(), place(&pointer, error.to_string()))
            }
            BindFault::Canonical(error) => {
                Self::unprocessable(error.to_string(), place("/params", error.to_string()))
            }
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Unknown => Self::not_found(),
            EngineError::Conflict => Self::new(
                StatusCode::CONFLICT,
                "the action has changed",
                "read the action and retry",
            ),
            EngineError::NonceUsed => Self::new(
                StatusCode::CONFLICT,
                "already answered",
                "this person's answer was accepted earlier",
            ),
            error => {
                tracing::error!(fault = %error.fault(), %error, "a request could not be served");
                Self::unavailable()
            }
        }
    }
}

impl From<IntakeError> for Problem {
    fn from(error: IntakeError) -> Self {
        match error {
            IntakeError::Bind(fault) => fault.into(),
            IntakeError::KeyReused => {
                Self::new(StatusCode::CONFLICT, "idempotency key reused", error.to_string())
            }
            IntakeError::Answer(answer) => {
                Self::new(StatusCode::CONFLICT, "the answer does not count", answer.to_string())
            }
            IntakeError::Deferral(error) if error.is_of_the_form() => {
                Self::bad_request(error.to_string())
            }
            IntakeError::Deferral(error) => {
                Self::new(StatusCode::CONFLICT, "this cannot be put off", error.to_string())
            }
            IntakeError::Edit(error) => {
                Self::new(StatusCode::CONFLICT, "this cannot be edited", error.to_string())
            }
            IntakeError::Resolve(error) => {
                Self::new(StatusCode::CONFLICT, "the resolution does not count", error.to_string())
            }
            IntakeError::TooLate => Self::new(StatusCode::CONFLICT, "too late", error.to_string()),
            IntakeError::Unready(why) => Self::not_ready(&why),
            IntakeError::Overload(over) => Self::overload(over),
            IntakeError::Engine(error) => error.into(),
            IntakeError::Key(error) => {
                tracing::error!(%error, "a request could not be served");
                Self::unavailable()
            }
        }
    }
}
