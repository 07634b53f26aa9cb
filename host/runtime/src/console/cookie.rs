//! The cookie with the secret of a session.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use super::session::Secret;

/// How people reach the host, which decides the form of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By https. Browsers accept a cookie with this name only if it is `Secure`, from the whole host and not from
    /// another one of the same domain.
    Https,
    /// By http, which is possible on the same machine only.
    Loopback,
}

impl Way {
    /// The way to this address; `None` if the address at which people reach the host is not known.
    pub(super) fn of(public_url: Option<&str>) -> Option<Self> {
        let is_https = public_url?.starts_with("https://");
        Some(if is_https { Self::Https } else { Self::Loopback })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Https => "__Host-deed",
            Self::Loopback => "deed-session",
        }
    }

    fn attributes(self) -> &'static str {
        match self {
            Self::Https => "; Path=/; Secure; HttpOnly; SameSite=Strict",
            Self::Loopback => "; Path=/; HttpOnly; SameSite=Strict",
        }
    }

    /// The secret in the cookies of a request. A request with two such cookies has none, because one of them may be
    /// planted. The cookies of other programs on the same machine or domain may have any bytes.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<Secret> {
        let values = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
        let pairs = values.flat_map(|bytes| bytes.split(|byte| *byte == b';'));
        let mut own = pairs.filter_map(|pair| self.value_in(pair));
        match (own.next(), own.next()) {
            (Some(value), None) => Secret::parse(std::str::from_utf8(value).ok()?),
            _ => None,
        }
    }

    /// The value of a cookie; `None` if it has another name.
    fn value_in(self, pair: &[u8]) -> Option<&[u8]> {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, rest) = pair.split_at_checked(equals)?;
        let value = rest.strip_prefix(b"=")?;
        (name.trim_ascii() == self.name().as_bytes()).then(|| value.trim_ascii())
    }

    /// The header that makes a browser keep the secret until it is closed; `None` if the text does not fit a header.
    pub(super) fn set(self, secret: &Secret) -> Option<HeaderValue> {
        let text = format!("{}={}{}", self.name(), secret.as_str(), self.attributes());
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The header that makes a browser forget the secret.
    pub(super) fn clear(self) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{}={}; Max-Age=0", self.name(), self.attributes())).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret in cookies, each of which is a header. `OWN` stands for a cookie of http.
    fn read(way: Way, values: &[&str]) -> Option<Secret> {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = value.replace("OWN", &format!("deed-session={}", "a".repeat(43)));
            headers.append(COOKIE, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        way.read(&headers)
    }

    #[test]
    fn one_cookie_of_the_right_name_is_read() {
        let good: [&[&str]; 5] = [
            &["OWN"],
            &["x=1; OWN; y=2"],
            &["x=1", "OWN"],
            &["theme=\u{fc}; OWN; \u{fc}=1"],
            &["\u{fc}", "OWN"],
        ];
        for values in good {
            assert_eq!(read(Way::Loopback, values), Secret::parse(&"a".repeat(43)), "{values:?}");
        }
        let bad: [&[&str]; 10] = [
            &[],
            &["deed-session="],
            &["deed-session=a"],
            &["OWN; OWN"],
            &["OWN", "OWN"],
            &["OWN; deed-session=x"],
            &["xOWN"],
            &["OWN-and-more"],
            &["deed-session=\u{fc}"],
            &["OWN; deed-session=\u{fc}"],
        ];
        for values in bad {
            assert_eq!(read(Way::Loopback, values), None, "{values:?}");
        }
        assert_eq!(read(Way::Https, &["OWN"]), None, "a cookie of http does not count for https");
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let secret = Secret::parse(&"a".repeat(43)).unwrap();
        for (url, start, is_secure) in [
            ("https://deed.example.com", "__Host-deed=aaa", true),
            ("http://127.0.0.1:7117", "deed-session=aaa", false),
        ] {
            let value = Way::of(Some(url)).unwrap().set(&secret).unwrap();
            let text = value.to_str().unwrap();
            assert!(text.starts_with(start), "{text}");
            assert_eq!(text.contains("; Secure"), is_secure, "{text}");
            for part in ["; Path=/", "; HttpOnly", "; SameSite=Strict"] {
                assert!(text.contains(part), "{text}");
            }
            assert!(!text.contains("Domain"), "{text}");
        }
        assert_eq!(Way::of(None), None);
    }
}
