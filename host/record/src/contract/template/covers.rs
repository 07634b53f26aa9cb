//! Whether a rule can render a request that is written without placeholders.

use super::text::{self, Format, Piece, Source};
use super::{Rule, target};

impl Rule {
    /// Whether the rule renders a request with this method and target for some values of its placeholders. HEAD counts as
    /// GET, and the query may have other members too, because upstreams ignore those that they do not know.
    pub fn covers(&self, method: &str, sent: &str, format: Format) -> bool {
        let Ok((own_method, own)) = self.split() else { return false };
        let ((own_path, own_query), (path, query)) = (target::split(own), target::split(sent));
        as_read(own_method) == as_read(method)
            && covers_path(own_path, path, format)
            && covers_query(own_query.unwrap_or_default(), query.unwrap_or_default(), format)
    }
}

fn as_read(method: &str) -> &str {
    if method == "HEAD" { "GET" } else { method }
}

/// A slash at the end makes no difference.
fn covers_path(own: &str, path: &str, format: Format) -> bool {
    let own: Vec<&str> = target::segments(own, Format::Two).collect();
    let sent: Vec<&str> = target::segments(path, Format::Two).collect();
    let is_its = |(own, sent): (&&str, &&str)| {
        text::pieces(own, format).is_ok_and(|pieces| fits(&pieces, sent))
    };
    own.len() == sent.len() && own.iter().zip(&sent).all(is_its)
}

fn covers_query(own: &str, query: &str, format: Format) -> bool {
    target::pairs(own).all(|pair| {
        let Ok((key, value)) = pair else { return false };
        let Ok(pieces) = text::pieces(value, format) else { return false };
        let key = target::normal(key);
        let is_its = |(name, sent): (&str, &str)| name == key && fits(&pieces, sent);
        matches!(text::whole(&pieces), Some(Source::Param { optional: true, .. }))
            || target::pairs(query).filter_map(Result::ok).any(is_its)
    })
}

/// Whether the text consists of these pieces, with at least one character for each placeholder.
fn fits(pieces: &[Piece<'_>], sent: &str) -> bool {
    match pieces.split_first() {
        None => sent.is_empty(),
        Some((Piece::Literal(literal), rest)) => {
            let left = sent.strip_prefix(target::normal(literal).as_str());
            left.is_some_and(|left| fits(rest, left))
        }
        Some((Piece::Value(_), [])) => !sent.is_empty(),
        Some((Piece::Value(_), rest)) => {
            let mut ends = sent.char_indices().skip(1);
            ends.any(|(at, _)| sent.get(at..).is_some_and(|left| fits(rest, left)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(rule: &str, sent: &str) -> bool {
        let rule = Rule { request: rule.to_owned(), ..Rule::default() };
        let (method, target) = sent.split_once(' ').unwrap();
        rule.covers(method, target, Format::Two)
    }

    #[test]
    fn a_rule_covers_what_it_renders() {
        for (rule, sent) in [
            ("GET /jobs/{id}/start", "GET /jobs/17/start"),
            ("GET /jobs/{id}/start", "HEAD /jobs/17/start"),
            ("GET /jobs/{id}/start", "GET /jobs/17/start?x=1"),
            ("GET /jobs/{id}/start", "GET /jobs/17/start/"),
            ("GET /start?job={id}&now=1", "GET /start?now=1&job=17"),
            ("GET /start?job={id}&by={who?}", "GET /start?job=17"),
            ("GET /jobs/a-{id}.{kind}", "GET /jobs/a-1.2.json"),
            ("GET /a b", "GET /a%20b"),
            ("GET /", "GET /?Action=Start"),
        ] {
            assert!(covers(rule, sent), "{rule} {sent}");
        }
    }

    #[test]
    fn a_rule_does_not_cover_another_request() {
        for (rule, sent) in [
            ("GET /jobs/{id}/start", "GET /jobs/17"),
            ("GET /jobs/{id}/start", "GET /jobs/17/stop"),
            ("GET /jobs/{id}", "GET /jobs/"),
            ("POST /jobs/{id}", "GET /jobs/17"),
            ("GET /start?job={id}&now=1", "GET /start?job=17"),
            ("GET /start?job={id}", "GET /start?jobs=17"),
            ("GET /jobs/a-{id}.{kind}", "GET /jobs/a-1"),
        ] {
            assert!(!covers(rule, sent), "{rule} {sent}");
        }
    }
}
