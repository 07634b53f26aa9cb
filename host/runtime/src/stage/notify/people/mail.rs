//! A message as an e-mail (RFC 5322). The headers have no text from outside; the body is quoted-printable.

use deed_record::timeline::utc;
use deed_spec::digest::Digest;

use super::letter::{Letter, RESOURCE};
use super::quoted;
use crate::config::Address;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const LAST: &str = "This message was sent automatically. Opening the link approves nothing.";

/// The e-mail with all of its headers. Each line ends with CRLF.
pub(super) fn message(letter: &Letter, from: &Address, to: &Address) -> String {
    let receiver = Digest::of(to.as_str().as_bytes()).hex();
    let receiver: String = receiver.chars().take(16).collect();
    let headers = [
        ("Date", date(letter.at_ms)),
        ("From", format!("deed <{}>", from.as_str())),
        ("To", format!("<{}>", to.as_str())),
        ("Message-ID", format!("<{}.{receiver}@{}>", letter.id, from.domain())),
        ("Subject", format!("[deed] {}", visible(&letter.title))),
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "quoted-printable".to_owned()),
    ];
    let headers = headers.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let body = body(letter);
    format!("{headers}\r\n{}", quoted::encode(body.iter().map(String::as_str)))
}

fn body(letter: &Letter) -> Vec<String> {
    let mut lines = vec![letter.title.clone(), String::new()];
    lines.extend(letter.facts.iter().map(|(name, value)| match *name {
        RESOURCE => format!("{name}: {}", unlinked(value)),
        _ => format!("{name}: {value}"),
    }));
    lines.push(String::new());
    lines.push(match &letter.link {
        Some(link) => format!("page: {link}"),
        None => {
            "The host has no address for links. The console has the page of the action.".to_owned()
        }
    });
    lines.extend([String::new(), LAST.to_owned()]);
    lines
}

/// The text with `[.]` in place of a dot in a name. Programs for e-mail make a link of every name that could be the
/// name of a host, and of every text that begins with two backslashes.
fn unlinked(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_in_name = rest.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            // The other characters are dots in internationalized names (RFC 3490 section 3.1).
            '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' if is_in_name => shown.push_str("[.]"),
            '\\' if rest.peek() == Some(&'\\') => shown.push_str("\\u{5c}"),
            other => shown.push(other),
        }
    }
    shown
}

/// A time as in `20 Nov 2026 22:07:47 +0000`.
fn date(at_ms: i64) -> String {
    let text = utc(at_ms);
    let (day, time) = text.trim_end_matches('Z').split_once(' ').unwrap_or_default();
    let mut parts = day.splitn(3, '-');
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let month = month.and_then(|month| month.parse::<usize>().ok()?.checked_sub(1));
    let month = month.and_then(|month| MONTHS.get(month)).unwrap_or(&"Jan");
    format!("{} {month} {} {time} +0000", day.unwrap_or("01"), year.unwrap_or("1970"))
}

/// The text with `?` in place of every character that a header may not have.
fn visible(text: &str) -> String {
    let shown = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_rfc_5322() {
        assert_eq!(date(1_764_352_800_023), "28 Nov 2025 18:00:00 +0000");
        assert_eq!(date(0), "01 Jan 1970 00:00:00 +0000");
    }

    #[test]
    fn a_resource_has_no_name_of_which_a_program_makes_a_link() {
        for (text, shown) in [
            ("idp/users/42", "idp/users/42"),
            ("idp/users/www.evil.example/login", "idp/users/www[.]evil[.]example/login"),
            ("evil\u{3002}example", "evil[.]example"),
            ("192.0.2.1", "192[.]0[.]2[.]1"),
            ("done. 3 users ...", "done. 3 users ..."),
            (r"\\evil\share", r"\u{5c}\evil\share"),
        ] {
            assert_eq!(unlinked(text), shown);
        }
        let facts = vec![
            ("contract", "idp.restore_access".to_owned()),
            ("resource", "evil.example".to_owned()),
        ];
        let letter = Letter {
            id: String::new(),
            at_ms: 0,
            title: String::new(),
            facts,
            link: Some("https://deed.example".to_owned()),
            until_ms: None,
        };
        let said = body(&letter).join("\n");
        assert!(
            said.contains("resource: evil[.]example") && !said.contains("evil.example"),
            "{said}"
        );
        assert!(said.contains("contract: idp.restore_access"), "{said}");
        assert!(said.contains("page: https://deed.example"), "{said}");
    }

    #[test]
    fn no_text_adds_a_header_or_ends_a_line() {
        let hostile = "x\r\nBcc: eve@example.com\r\n\r\n.\r\nQUIT";
        let letter = Letter {
            id: "act_1_asked_1".to_owned(),
            at_ms: 0,
            title: hostile.to_owned(),
            facts: vec![("resource", hostile.to_owned())],
            link: None,
            until_ms: None,
        };
        let visible = visible(hostile);
        assert!(!visible.contains(['\r', '\n']) && visible.contains("Bcc"), "{visible}");
        assert_eq!(body(&letter)[2], format!("resource: {}", unlinked(hostile)));
        let encoded = quoted::encode(body(&letter).iter().map(String::as_str));
        let lines: Vec<&str> = encoded.split("\r\n").collect();
        assert!(lines.iter().all(|line| !line.starts_with("Bcc") && *line != "."), "{encoded}");
    }
}
