//! E-mail addresses: of people, and of the host as a sender.

use std::fmt;

/// The longest address and the longest part before `@` (RFC 5321 section 4.5.3.1, RFC 3696 erratum 1690).
const ADDRESS_MAX: usize = 254;
const LOCAL_MAX: usize = 64;
const LABEL_MAX: usize = 63;

/// An e-mail address of visible ASCII characters that needs no quotes. It can therefore be written into a command of
/// SMTP and into a header as it is. `Debug` does not print it, because no log contains the addresses of people.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(String);

impl Address {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let is_local = local.len() <= LOCAL_MAX && local.split('.').all(is_atom);
        let fits = text.len() <= ADDRESS_MAX && is_local && domain.split('.').all(is_label);
        fits.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after `@`.
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// An atom of RFC 5322 section 3.2.3.
fn is_atom(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// A label of a domain name.
fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let ends_well = !text.starts_with('-') && !text.ends_with('-');
    (1..=LABEL_MAX).contains(&text.len()) && ends_well && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_no_quotes() {
        for good in ["bob@example.com", "b.o+b@mail.example.com", "o'b@example.com", "a@b"] {
            assert_eq!(Address::parse(good).unwrap().as_str(), good);
        }
        assert_eq!(Address::parse("bob@mail.example.com").unwrap().domain(), "mail.example.com");
    }

    #[test]
    fn a_text_that_could_end_a_command_or_a_header_is_no_address() {
        let long = format!("{}@example.com", "b".repeat(65));
        for bad in [
            "",
            "bob",
            "@example.com",
            "bob@",
            "bob@a@b",
            "bob@example..com",
            ".bob@example.com",
            "bob@-example.com",
            "bob@example.com\r\nRCPT TO:<eve@example.com>",
            "bob@example.com\n",
            "bob@example.com>",
            "bob <bob@example.com>",
            "bob@example.com,eve@example.com",
            "\"bob\"@example.com",
            "bob@[127.0.0.1]",
            "b\u{f6}b@example.com",
            &long,
        ] {
            assert_eq!(Address::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_not_printed() {
        assert_eq!(format!("{:?}", Address::parse("bob@example.com").unwrap()), "Address(…)");
    }
}
