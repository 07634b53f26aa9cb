//! A browser without scripts: it keeps one cookie, sends forms with the headers that browsers send, and follows a
//! redirect only when it is told to.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::services::Result;

const PATIENCE: Duration = Duration::from_secs(90);
/// The name of the field with the token against forged requests.
pub const FORM_TOKEN: &str = "form_token";

/// One browser of one person.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Address and port of the host.
    authority: String,
    /// The origin of the pages that send forms.
    pub origin: String,
    /// The cookie as `name=value`.
    pub cookie: Option<String>,
}

/// What a host answered.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub html: String,
}

impl Page {
    /// The value of a header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The text of the page, without its markup.
    pub fn text(&self) -> String {
        let text = |part: &str| part.split_once('>').map_or("", |(_, text)| text).to_owned();
        let plain: String = self.html.split('<').map(text).collect();
        let marks =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
        marks.iter().fold(plain, |text, (mark, c)| text.replace(mark, c))
    }

    /// The token that the forms of the page carry.
    pub fn form_token(&self) -> Option<&str> {
        let (_, rest) = self.html.split_once(&format!("name=\"{FORM_TOKEN}\" value=\""))?;
        rest.split_once('"').map(|(token, _)| token)
    }
}

impl Browser {
    /// A browser in which nobody is signed in.
    pub fn new(url: &str) -> Self {
        let authority = url.strip_prefix("http://").unwrap_or(url).to_owned();
        let origin = format!("http://{authority}");
        Self { authority, origin, cookie: None }
    }

    /// A browser in which this person is signed in.
    pub fn signed_in(url: &str, name: &str, token: &str) -> Result<Self> {
        let mut browser = Self::new(url);
        let page = browser.sign_in(name, token, "/")?;
        if page.status == 303 && browser.cookie.is_some() {
            return Ok(browser);
        }
        Err(format!("{name} cannot sign in: {page:?}").into())
    }

    /// Sends the form for signing in.
    pub fn sign_in(&mut self, name: &str, token: &str, next: &str) -> Result<Page> {
        self.post("/sign-in", &[("name", name), ("token", token), ("next", next)])
    }

    pub fn get(&mut self, path: &str) -> Result<Page> {
        self.send("GET", path, &[], "")
    }

    /// Sends a form as a page of the host does.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let origin = format!("Origin: {}", self.origin);
        let lines = [origin.as_str(), "Sec-Fetch-Site: same-origin", FORM];
        self.send("POST", path, &lines, &encoded(fields))
    }

    /// Sends a form that has only the token of the session, such as for signing out.
    pub fn press(&mut self, path: &str) -> Result<Page> {
        let page = self.get("/")?;
        let token = page.form_token().ok_or("the page has no form")?.to_owned();
        self.post(path, &[(FORM_TOKEN, token.as_str())])
    }

    /// Sends a request with these header lines, and keeps the cookie of the answer.
    pub fn send(&mut self, method: &str, path: &str, lines: &[&str], body: &str) -> Result<Page> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n", self.authority);
        for line in lines.iter().copied().chain(["Connection: close"]) {
            write!(head, "{line}\r\n")?;
        }
        if let Some(cookie) = &self.cookie {
            write!(head, "Cookie: {cookie}\r\n")?;
        }
        if !body.is_empty() {
            write!(head, "Content-Length: {}\r\n", body.len())?;
        }
        let page = exchange(&self.authority, &format!("{head}\r\n{body}"))?;
        self.keep(&page);
        Ok(page)
    }

    /// The head and the body of an answer that is a file.
    pub fn download(&self, path: &str) -> Result<(String, Vec<u8>)> {
        let cookie = self.cookie.as_deref().unwrap_or_default();
        let authority = &self.authority;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {authority}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        let bytes = answer(authority, &request)?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no head")?;
        let (head, rest) = bytes.split_at(end);
        Ok((String::from_utf8(head.to_vec())?, rest.iter().skip(4).copied().collect()))
    }

    fn keep(&mut self, page: &Page) {
        let Some(cookie) = page.header("set-cookie") else { return };
        let pair = cookie.split(';').next().unwrap_or_default();
        let is_gone = cookie.contains("Max-Age=0");
        self.cookie = Some(pair.to_owned()).filter(|_| !is_gone);
    }
}

/// The type of the body of a form, as a header line.
pub const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

/// The fields of a form as browsers encode them.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let one = |(name, value): &(&str, &str)| format!("{name}={}", percent(value));
    fields.iter().map(one).collect::<Vec<_>>().join("&")
}

/// A text in which every byte but letters and digits is percent-encoded.
pub fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

/// The bytes of an answer, with its head.
fn answer(authority: &str, request: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn exchange(authority: &str, request: &str) -> Result<Page> {
    let text = String::from_utf8(answer(authority, request)?)?;
    let (head, html) = text.split_once("\r\n\r\n").ok_or("the answer has no head")?;
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?;
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Ok(Page { status: status.parse()?, headers: headers.collect(), html: html.to_owned() })
}
