//! The frame and the headers of every page.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::place::{PAGES, PASSKEYS, Place, SIGN_OUT, SIGN_OUT_EVERYWHERE};
use super::script::Script;
use super::text::{Plain, Text};
use crate::api::problem::OtherProtocol;

/// The only style of a page. The policy of the page permits it by its digest.
const STYLE: &str = include_str!("style.css");

/// The name of the field with the token against forged requests.
pub(super) const FORGERY: &str = "form_token";

/// No other site may frame, open or read a page, nothing keeps it, and the address of an action does not leave it. With
/// the referrer policy `no-referrer`, browsers would send the forms of a page with `Origin: null`.
const HEADERS: [(&str, &str); 7] = [
    ("content-type", "text/html; charset=utf-8"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// The policy of a page without a script.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| policy(None));

/// The policy of a page: nothing but its own style, forms and script. A page that contains markup from outside, by a
/// fault of the host, would still run and load nothing else.
fn policy(script: Option<Script>) -> HeaderValue {
    let style = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    let script = script.map(Script::directives).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; {script}base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'"
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
}

/// The person who reads a page.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) name: Text,
    pub(super) tenant: Text,
    /// The token of the session's forms; `None` if the request came with a token and not in a session.
    pub(super) forgery: Option<String>,
}

/// What stands around the content of a page.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) title: Plain,
    /// The path of the page in the navigation.
    pub(super) here: &'static str,
    /// `None` if nobody is signed in.
    pub(super) reader: Option<Reader>,
    pub(super) script: Option<Script>,
}

impl Frame {
    /// A page without navigation, for people who are not signed in.
    pub(super) fn bare(title: &'static str) -> Self {
        Self { title: Plain::new(title), here: "", reader: None, script: None }
    }

    /// The same frame for a page with this script.
    pub(super) fn with_script(self, script: Script) -> Self {
        Self { script: Some(script), ..self }
    }
}

/// A whole page with this content.
pub(super) fn page(status: StatusCode, frame: &Frame, content: &Markup) -> Response {
    let page = document(frame, content).into_string();
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = frame.script.map_or_else(|| POLICY.clone(), |script| policy(Some(script)));
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response.extensions_mut().insert(OtherProtocol);
    response
}

fn document(frame: &Frame, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (frame.title) " – deed" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                @if let Some(reader) = &frame.reader { (navigation(frame.here, reader)) }
                main id="main" { (content) }
                @if let Some(script) = frame.script { script { (PreEscaped(script.text())) } }
            }
        }
    }
}

fn navigation(here: &'static str, reader: &Reader) -> Markup {
    html! {
        header {
            nav aria-label="Pages" {
                ul {
                    @for (path, title) in PAGES {
                        li {
                            @if path == here { a href=(Place::of(path)) aria-current="page" { (title) } }
                            @else { a href=(Place::of(path)) { (title) } }
                        }
                    }
                }
            }
            div class="reader" {
                span { "Signed in as " (reader.name) " of " (reader.tenant) }
                @if here == PASSKEYS { a href=(Place::of(PASSKEYS)) aria-current="page" { "Passkeys" } }
                @else { a href=(Place::of(PASSKEYS)) { "Passkeys" } }
                @if let Some(forgery) = &reader.forgery {
                    (button(SIGN_OUT, "Sign out", forgery))
                    (button(SIGN_OUT_EVERYWHERE, "Sign out everywhere", forgery))
                }
            }
        }
    }
}

/// A form that consists of a button.
fn button(path: &'static str, text: &'static str, forgery: &str) -> Markup {
    html! {
        form method="post" action=(Place::of(path)) {
            input type="hidden" name=(FORGERY) value=(forgery);
            button type="submit" { (text) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_permits_only_the_style_and_own_forms() {
        let page = page(StatusCode::OK, &Frame::bare("a"), &html! { "b" });
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("form-action 'self'; frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
        assert!(
            !STYLE.contains('<') && !STYLE.contains("url(") && !STYLE.contains("@import"),
            "the style is plain and loads nothing"
        );
    }

    #[test]
    fn only_a_session_has_forms_for_signing_out() {
        let reader = |forgery: Option<&str>| Reader {
            name: Text::new("bob"),
            tenant: Text::new("acme"),
            forgery: forgery.map(str::to_owned),
        };
        let shown = |forgery| {
            let reader = Some(reader(forgery));
            let frame = Frame { title: Plain::new("a"), here: "/health", reader, script: None };
            document(&frame, &html! { "b" }).into_string()
        };
        assert!(!shown(None).contains("<form"), "{}", shown(None));
        let signed_in = shown(Some("word"));
        assert!(signed_in.contains("name=\"form_token\" value=\"word\""), "{signed_in}");
        assert!(signed_in.contains("<a href=\"/health\" aria-current=\"page\">"), "{signed_in}");
    }
}
