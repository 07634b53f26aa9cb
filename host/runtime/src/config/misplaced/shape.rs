//! Which values look like names, paths and addresses, and which may be secrets.

use deed_sandbox::credentials::SECRET_MIN;
use deed_spec::digest::Digest;
use deed_system::files::is_quotable;

use crate::config::moment;

/// Fields that hold names of agents, people, roles, upstreams or headers.
const NAMES: [&str; 6] = ["person", "roles", "upstreams", "environment", "header", "allow_headers"];

/// How many letters and digits in a row make a random text of a key that has both.
const RANDOM: usize = 12;

/// The part of a value that is not shown; `None` if the whole value may be shown. Of a URL, the scheme and the host may
/// be shown.
pub(super) fn private<'v>(field: &str, value: &'v str) -> Option<&'v str> {
    if !is_quotable(value) {
        return Some(value);
    }
    // The key of a witness is public, and begins with the name of the witness. A kind is one of a few words,
    // and the origin of a log is public.
    let is_plain = value.len() < SECRET_MIN
        || field == "vkey"
        || (NAMES.contains(&field) && value.bytes().all(is_of_name))
        || (field == "env" && is_variable(value))
        || (field == "origin"
            && value.bytes().all(|byte| is_of_name(byte) || b".:/".contains(&byte)))
        || (field == "kind" && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        || (field == "expires" && moment::parse(value).is_some())
        || value.parse::<Digest>().is_ok();
    if is_plain {
        return None;
    }
    let request = value.strip_prefix("GET ").or_else(|| value.strip_prefix("HEAD "));
    if let Some(path) = request.filter(|_| field == "test") {
        return private_in_path(path);
    }
    match value.strip_prefix("https://").or_else(|| value.strip_prefix("http://")) {
        Some(rest) => private_in_url(value, rest),
        None if is_path(value) || is_address(value) => None,
        None => Some(value),
    }
}

/// The part of a URL that is not shown. `rest` is the URL without its scheme.
fn private_in_url<'v>(url: &'v str, rest: &'v str) -> Option<&'v str> {
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if !host.bytes().all(is_host) || !has_port_of_digits(host) || mixes(host) {
        return Some(url);
    }
    private_in_path(path)
}

/// The whole path with its query, if a part of it is as long as a secret.
fn private_in_path(path: &str) -> Option<&str> {
    let is_short = |segment: &str| segment.len() < SECRET_MIN;
    let is_shown = path.split(['/', '?', '#', '&', '=']).all(is_short);
    (!is_shown).then_some(path)
}

/// Whether the port of this host, if there is one, may be a port.
fn has_port_of_digits(host: &str) -> bool {
    let after_address = host.rsplit_once(']').map_or(host, |(_, rest)| rest);
    let Some((name, port)) = after_address.split_once(':') else { return true };
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port && (name.is_empty() || !host.contains(['[', ']']))
}

/// Whether a key of a table looks like a random text. Names have letters and digits too, but not so many in a row.
pub(super) fn is_random(key: &str) -> bool {
    let has = |part: &str, is: fn(&u8) -> bool| part.as_bytes().iter().any(is);
    let is_random = |part: &str| {
        part.len() >= RANDOM && has(part, u8::is_ascii_digit) && has(part, u8::is_ascii_alphabetic)
    };
    let mut parts = key.split(|letter: char| !letter.is_ascii_alphanumeric());
    key.len() >= SECRET_MIN && parts.any(is_random)
}

/// Whether a text has capital letters and digits, as random texts do.
fn mixes(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

/// Whether a text is a relative or absolute path: it has a slash or the ending of a file, and no part of it mixes
/// capital letters and digits, as random texts do.
fn is_path(text: &str) -> bool {
    let fits = |byte: u8| is_of_name(byte) || matches!(byte, b'.' | b'/' | b'+');
    let ending = text.rsplit_once('.').map(|(_, ending)| ending);
    let has_ending = ending.is_some_and(|ending| {
        (1..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_lowercase())
    });
    (text.contains('/') || has_ending) && text.bytes().all(fits) && !text.split('/').any(mixes)
}

/// Whether a text is a host name with a port.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_host = host.contains('.') && host.bytes().all(|byte| fits(byte) || byte == b'.');
    is_host && port.parse::<u16>().is_ok()
}

/// Whether a text is the name of an environment variable, of several words.
fn is_variable(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.contains('_') && text.bytes().all(fits)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
