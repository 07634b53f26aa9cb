//! HTML from escaped text, and the headers of every page.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use deed_spec::text::deceives;

use crate::api::problem::OtherProtocol;

/// The only style of a page. The policy of the page permits it by its digest.
const STYLE: &str = include_str!("style.css");
/// The maximum number of characters of a text within a line.
const TEXT_MAX: usize = 8_000;
/// The maximum number of characters of a block of text.
const BLOCK_MAX: usize = 100_000;

/// No other site may frame, open or read a page, nothing keeps it, and the address of an action does not leave it.
const HEADERS: [(&str, &str); 7] = [
    ("content-type", "text/html; charset=utf-8"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// The policy of every page: nothing but its own style. A page that contains markup from outside, by a fault of the
/// host, would still run and load nothing.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

/// A part of a page. Only text of the program itself is markup, and all other text is escaped.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Appends markup of the program.
    pub(super) fn markup(&mut self, markup: &'static str) {
        self.0 += markup;
    }

    /// Appends a text. A long text is cut, and the page says so.
    pub(super) fn text(&mut self, text: &str) {
        let (shown, is_cut) = beginning(text, TEXT_MAX);
        self.0 += &escape(shown);
        if is_cut {
            self.markup(" <em>(the rest is not shown here)</em>");
        }
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.markup("<h1>");
        self.text(text);
        self.markup("</h1>\n");
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.markup("<p>");
        self.text(text);
        self.markup("</p>\n");
    }

    /// Appends a text with its line breaks. A long text is cut, and the page says so.
    pub(super) fn block(&mut self, text: &str) {
        let (shown, is_cut) = beginning(text, BLOCK_MAX);
        self.markup("<pre>");
        self.0 += &escape(shown);
        self.markup("</pre>\n");
        if is_cut {
            self.markup("<p><strong>The text is too long for this page; the rest is not shown here.</strong></p>\n");
        }
    }

    /// Appends a row of a table.
    pub(super) fn row(&mut self, title: &'static str, text: &str) {
        self.markup("<tr><th scope=\"row\">");
        self.markup(title);
        self.markup("</th><td>");
        self.text(text);
        self.markup("</td></tr>\n");
    }
}

/// A whole page with this content.
pub(super) fn page(status: StatusCode, title: &str, content: &Html) -> Response {
    let head = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
                <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
    let mut page = Html(head.to_owned());
    page.text(title);
    page.markup("</title>\n<style>");
    page.markup(STYLE);
    page.markup("</style>\n</head>\n<body>\n<main>\n");
    page.0 += &content.0;
    page.markup("</main>\n</body>\n</html>\n");
    let mut response = (status, page.0).into_response();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response.extensions_mut().insert(OtherProtocol);
    response
}

/// The first characters of a text, and whether there are more.
fn beginning(text: &str, most: usize) -> (&str, bool) {
    match text.char_indices().nth(most).and_then(|(at, _)| text.get(..at)) {
        Some(beginning) => (beginning, true),
        None => (text, false),
    }
}

/// Escapes a text for elements and for quoted attributes. Characters that hide or reorder text become `\u{…}`; line
/// breaks stay.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c != '\n' && deceives(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_markup() {
        for (text, shown) in [
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("</pre>", "&lt;/pre&gt;"),
            ("\" onload='x' a=\"", "&quot; onload=&#39;x&#39; a=&quot;"),
            ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
            ("pay \u{202e}001\u{0}\u{1b}", "pay \\u{202e}001\\u{0}\\u{1b}"),
            ("a\nb\r\tc", "a\nb\\u{d}\\u{9}c"),
            ("Grüße 日本", "Grüße 日本"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_the_page_says_so() {
        let mut html = Html::default();
        html.text(&"ä".repeat(TEXT_MAX));
        assert!(!html.0.contains("<em>"), "{}", html.0.len());
        html.text(&"ä".repeat(TEXT_MAX + 1));
        html.block(&"<".repeat(BLOCK_MAX + 1));
        assert_eq!(html.0.matches('ä').count(), 2 * TEXT_MAX);
        assert_eq!(html.0.matches("&lt;").count(), BLOCK_MAX);
        assert!(html.0.contains("<em>") && html.0.contains("the rest is not shown here.</strong>"));
    }

    #[test]
    fn the_policy_permits_only_the_style() {
        let page = page(StatusCode::OK, "a", &Html::default());
        let policy = page.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("script") && !policy.contains("unsafe"), "{policy}");
        assert!(
            !STYLE.contains('<') && !STYLE.contains("url("),
            "the style is plain and loads nothing"
        );
    }
}
