//! What `deed contract try` needs for the configuration of its host: the kinds of addresses of a base URL, and the value
//! of an environment variable.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};

use deed_sandbox::upstream::{AddressClass, Base, classify};
use zeroize::Zeroizing;

/// The values of `addresses` that a base URL needs. The function looks up the name of the host.
///
/// # Errors
///
/// Fails when the text is not a base URL, when its host has no address, or when a host never connects to its addresses.
pub fn address_kinds(url: &str) -> Result<BTreeSet<&'static str>, String> {
    // The error does not quote the URL, because the part before the `@` may be a password.
    if url.contains('@') {
        return Err(
            "the URL has an `@`; user names and passwords belong in an environment variable"
                .to_owned(),
        );
    }
    let base = Base::parse(url).map_err(|error| error.to_string())?;
    let addresses = base.address().map_or_else(|| looked_up(&base), |one| Ok(vec![one]))?;
    let classes = addresses.into_iter().filter_map(classify);
    let kinds: BTreeSet<&'static str> = classes.map(AddressClass::as_str).collect();
    if kinds.is_empty() {
        return Err(format!(
            "`{base}` has no address that a host connects to (all are link-local, metadata, multicast or reserved); \
             name the upstream's own address"
        ));
    }
    Ok(kinds)
}

fn looked_up(base: &Base) -> Result<Vec<IpAddr>, String> {
    let found = (base.host.as_str(), base.port).to_socket_addrs();
    let found = found.map_err(|error| {
        format!("`{}` has no address: {error}; correct the name of the host", base.host)
    })?;
    Ok(found.map(|address| address.ip()).collect())
}

/// The value of an environment variable.
///
/// # Errors
///
/// Fails when the variable is not set or not UTF-8. The error does not contain the value.
pub fn variable(name: &str) -> Result<Zeroizing<String>, String> {
    #[expect(clippy::disallowed_methods, reason = "the caller names this variable as a secret")]
    let value = std::env::var(name);
    let value = value.map_err(|_| {
        format!("environment variable `{name}` is not set or not UTF-8; set it, and give its name")
    })?;
    Ok(Zeroizing::new(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_a_url_has_its_kind() {
        for (url, kind) in [
            ("http://127.0.0.1:8000/v2", "loopback"),
            ("http://localhost", "loopback"),
            ("https://10.1.2.3", "private"),
            ("https://93.184.215.14/api", "public"),
        ] {
            assert_eq!(address_kinds(url), Ok(BTreeSet::from([kind])), "{url}");
        }
    }

    #[test]
    fn what_a_host_never_reaches_is_refused() {
        for (url, words) in [
            ("http://169.254.169.254", "no address that a host connects to"),
            ("ftp://127.0.0.1", "is not a base URL"),
            ("http://127.0.0.1?x=1", "is not a base URL"),
        ] {
            let why = address_kinds(url).unwrap_err();
            assert!(why.contains(words), "{url}: {why}");
        }
        let why = address_kinds("http://user:password-of-alice@127.0.0.1").unwrap_err();
        assert!(!why.contains("password-of-alice"), "{why}");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let why = variable("DEED_TEST_NO_SUCH_VARIABLE").unwrap_err();
        assert!(why.contains("`DEED_TEST_NO_SUCH_VARIABLE` is not set"), "{why}");
    }
}
