//! Reads the forms of the console, and refuses those that another site made a browser send.
//!
//! A form is accepted only if the browser says that it comes from the host itself: by `Origin`, which every browser
//! sends with a form, and by `Sec-Fetch-Site` if it is there. The forms of a session also carry a token that only the
//! session's pages have.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::extract::Query;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri};

use crate::api::problem::Problem;
use crate::http::origin;

/// The maximum number of bytes of a form.
const FORM_MAX: usize = 8 * 1024;
/// The maximum number of bytes of one field, with its name, as it is sent.
const FIELD_MAX: usize = 60 * 1024;
/// The maximum number of fields of a form.
const FIELDS_MAX: usize = 1_000;
const KIND: &str = "application/x-www-form-urlencoded";

/// The fields of a form.
#[derive(Debug)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The value of a field; empty if the form does not have the field.
    pub(super) fn get(&self, name: &str) -> &str {
        self.given(name).unwrap_or_default()
    }

    /// The value of a field; `None` if the form does not have the field.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names and values of all fields.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Fails unless the headers of a form say that a page of the host sent it. If the host is reached at `public_url`
/// through a proxy or by https, its pages have this origin.
pub(super) fn check_sender(
    headers: &HeaderMap,
    behind_proxy: bool,
    public_url: Option<&str>,
) -> Result<(), Problem> {
    match public_url.filter(|url| behind_proxy || url.starts_with("https://")) {
        Some(url) => origin::check_public(headers, behind_proxy, url)?,
        None => origin::check(headers, behind_proxy)?,
    }
    if !headers.contains_key(ORIGIN) {
        return Err(elsewhere(
            "a form must have the header `Origin`; send it from a page of the host",
        ));
    }
    let mut sites = headers.get_all("sec-fetch-site").iter();
    if sites.any(|site| site != "same-origin") {
        return Err(elsewhere("another site made the browser send this form"));
    }
    Ok(())
}

fn elsewhere(detail: &str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "the request comes from elsewhere", detail)
}

/// Reads a form with these fields. Other fields, and fields that occur twice, are refused.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    known: &[&str],
) -> Result<Fields, Problem> {
    fields(pairs_of(headers, body, FORM_MAX).await?, known)
}

/// Reads the names and values of a form that has at most this many bytes.
pub(super) async fn pairs_of(
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Vec<(String, String)>, Problem> {
    if !is_form(headers) {
        let detail = format!("send the form as `{KIND}`");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not a form", detail));
    }
    let bytes = to_bytes(body, most)
        .await
        .map_err(|_| too_large(&format!("a form can have at most {} KiB", most / 1024)))?;
    if bytes.split(|byte| *byte == b'&').any(|pair| pair.len() > FIELD_MAX) {
        let most = FIELD_MAX / 1024;
        return Err(too_large(&format!(
            "a field can have at most {most} KiB, as browsers encode it"
        )));
    }
    pairs(&bytes).ok_or_else(unreadable)
}

fn too_large(detail: &str) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large", detail)
}

/// Whether there is exactly one `Content-Type`, and it is that of a form.
fn is_form(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let kind = kind.to_str().unwrap_or_default();
    kind.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case(KIND))
}

/// The names and values of a form, which is encoded like a query. Each is decoded by itself, because a query cannot be
/// as long as a form.
fn pairs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut found = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        // The parser would drop what follows.
        if pair.contains('#') {
            return None;
        }
        let uri: Uri = format!("/?{pair}").parse().ok()?;
        let Query(one) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
        found.extend(one);
        if found.len() > FIELDS_MAX {
            return None;
        }
    }
    Some(found)
}

fn unreadable() -> Problem {
    Problem::bad_request("the form cannot be parsed; send it from a page of the host")
}

/// Collects pairs of names and values. Unknown names, and names that occur twice, are refused.
pub(super) fn fields(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Fields, Problem> {
    let mut found = BTreeMap::new();
    for (name, value) in pairs {
        if !known.contains(&name.as_str()) {
            let what = format!("`{name}` is unknown; use {}", known.join(", "));
            return Err(Problem::bad_request(what));
        }
        if found.contains_key(&name) {
            return Err(Problem::bad_request(format!("`{name}` occurs twice")));
        }
        found.insert(name, value);
    }
    Ok(Fields(found))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use axum::http::header::HOST;

    use super::*;

    fn checked(lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:7117"));
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        check_sender(&headers, false, None).is_ok()
    }

    #[test]
    fn a_form_comes_from_a_page_of_the_host() {
        let own = ("origin", "http://127.0.0.1:7117");
        assert!(checked(&[own]) && checked(&[own, ("sec-fetch-site", "same-origin")]));
        for lines in [
            vec![],
            vec![("origin", "null")],
            vec![("origin", "http://evil.example")],
            vec![own, own],
            vec![own, ("sec-fetch-site", "cross-site")],
            vec![own, ("sec-fetch-site", "same-site")],
            vec![own, ("sec-fetch-site", "none")],
            vec![own, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(!checked(&lines), "{lines:?}");
        }
    }

    #[test]
    fn a_page_behind_a_proxy_has_the_origin_of_the_public_url() {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("deed.example.com"));
        let url = Some("https://deed.example.com");
        assert!(check_sender(&headers, true, url).is_err(), "a form has an origin");
        headers.insert(ORIGIN, HeaderValue::from_static("http://deed.example.com"));
        assert!(check_sender(&headers, true, url).is_err(), "a page without TLS");
        headers.insert(ORIGIN, HeaderValue::from_static("https://deed.example.com"));
        assert!(check_sender(&headers, true, url).is_ok());
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:7117"));
        assert!(check_sender(&headers, true, url).is_ok());
    }

    #[test]
    fn fields_are_decoded_and_each_is_known() {
        let read = |text: &str| fields(pairs(text.as_bytes())?, &["name", "next"]).ok();
        let found = read("name=a%20b%2B+c&next=%2Factions%3Fa%3Db").unwrap();
        assert_eq!((found.get("name"), found.get("next")), ("a b+ c", "/actions?a=b"));
        assert_eq!(found.get("token"), "");
        for bad in ["other=1", "name=1&name=2", "name=\u{1}", "na me=1", "name=a#b", "name#=a"] {
            assert!(read(bad).is_none(), "{bad:?}");
        }
        assert_eq!(found.given("token"), None);
        assert_eq!(read("&name=&").unwrap().given("name"), Some(""));
    }

    #[test]
    fn a_form_can_be_longer_than_a_query_and_has_a_limited_number_of_fields() {
        let long = "a".repeat(40_000);
        let found = pairs(format!("a={long}&b={long}").as_bytes()).unwrap();
        assert_eq!(found, [("a".to_owned(), long.clone()), ("b".to_owned(), long)]);
        let many = |count: usize| pairs("a=1&".repeat(count).as_bytes());
        assert_eq!(many(FIELDS_MAX).unwrap().len(), FIELDS_MAX);
        assert_eq!(many(FIELDS_MAX + 1), None);
    }
}
