//! The credential with which a request would be sent, and the way to the upstream, as people see them. All pages use
//! this file. A stored secret is shown with its source. In records of earlier releases, which have no source, a secret
//! that is sent alone, as a bearer token or in a header, is not shown, because its name says nothing about what it
//! allows.

use deed_record::action::{Binding, CredentialRef, ProxyRef, Slot, TokenRef};
use deed_record::exchange::Rendered;
use deed_spec::text::safe;

use super::text::join;
use crate::api::view::Access;

/// The access of a request under its binding. Reads of observations have the credential `read`, and an approver is
/// shown only reads that an observation sends.
pub(super) fn of_request(sent: &Rendered, binding: Option<&Binding>, indent: &str) -> String {
    let access = binding.map(|binding| Access::of(binding, sent.writes));
    of_write(access.as_ref(), sent, indent)
}

/// The part of the access that this request has.
pub(super) fn of_write(access: Option<&Access>, sent: &Rendered, indent: &str) -> String {
    access_to(access.map(|access| access.for_request(sent)).as_ref(), indent)
}

/// The credential, the proxy, the client certificate and the places of secrets, each on lines of its own.
fn access_to(access: Option<&Access>, indent: &str) -> String {
    let Some(Access { credential, client_certificate, proxy, vault }) = access else {
        return String::new();
    };
    let mut lines = credential.as_ref().map(shown).unwrap_or_default();
    lines.extend(proxy.as_ref().map(through));
    let certificate = client_certificate.as_ref();
    lines.extend(certificate.map(|path| format!("with the client certificate {}", safe(path))));
    let stored = vault.iter();
    lines.extend(stored.map(|(name, folder)| {
        format!("the secret {} in the answer is stored in {}", safe(name), safe(folder))
    }));
    join(lines.into_iter().map(|line| format!("{indent}{line}")))
}

fn shown(credential: &CredentialRef) -> Vec<String> {
    let name = safe(&credential.secret);
    let source = credential.source.as_deref();
    let mut lines = Vec::new();
    match &credential.token {
        Some(token) => lines.push(format!("with token {name}: {}", described(token))),
        None => lines.extend(stored(&name, &credential.slot, source)),
    }
    if credential.token.is_some() {
        lines.extend(placed(&name, &credential.slot));
    }
    let more = credential.headers.iter();
    lines.extend(more.map(|(header, name)| {
        let source = credential.header_sources.get(header).map(String::as_str);
        let (header, name, source) = (safe(header), safe(name), from(source));
        format!("with the secret {name}{source} in the header {header}")
    }));
    lines
}

/// A stored secret, if its source is known or its place in the request says as whom the host acts. `name` is escaped.
fn stored(name: &str, slot: &Slot, source: Option<&str>) -> Option<String> {
    let secret = format!("with the secret {name}{}", from(source));
    match slot {
        Slot::Bearer | Slot::Header { .. } => source.map(|_| secret),
        Slot::Basic { user } => Some(format!("as user {}, {secret}", safe(user))),
        Slot::Sigv4 { key_id, region, service } => Some(format!(
            "signed for AWS with the key {}, for the service {} in the region {}, {secret}",
            safe(key_id),
            safe(service),
            safe(region)
        )),
    }
}

/// Where the operator stores a secret, escaped and with a space before it.
fn from(source: Option<&str>) -> String {
    source.map(|source| format!(" {}", safe(&place(source)))).unwrap_or_default()
}

/// Where the operator stores a secret. The text is not escaped.
fn place(source: &str) -> String {
    match source.split_once(':') {
        Some(("file", path)) => format!("from the file {path}"),
        Some(("env", name)) => format!("from the environment variable {name}"),
        _ => format!("from {source}"),
    }
}

/// The place of a token in the request, if it is not sent as a bearer token. `name` is escaped.
fn placed(name: &str, slot: &Slot) -> Option<String> {
    match slot {
        Slot::Bearer => None,
        Slot::Header { name: header } => {
            Some(format!("token {name} is in the header {}", safe(header)))
        }
        Slot::Basic { user } => {
            Some(format!("token {name} is the password of user {}", safe(user)))
        }
        Slot::Sigv4 { .. } => stored(name, slot, None),
    }
}

fn described(token: &TokenRef) -> String {
    let mut parts = vec![token.kind.as_str().to_owned()];
    let mut add = |what: &str, value: Option<&String>| {
        parts.extend(value.map(|value| format!("{what} {}", safe(value))));
    };
    add("from", token.endpoint.as_ref());
    add("by", token.program.as_ref());
    let args = (!token.args.is_empty()).then(|| token.args.join(" "));
    add("with arguments", args.as_ref());
    add("as", token.client.as_ref());
    add("with the secret", token.secret_source.as_deref().map(place).as_ref());
    add("with the key", token.key.as_ref());
    add("issuer", token.issuer.as_ref().filter(|one| token.client.as_ref() != Some(*one)));
    add("assertions for", token.assertion_audience.as_ref());
    add("for", token.subject.as_ref());
    let exchanged = token.subject_token.as_ref();
    add(
        "by exchange of the access token of the request, issued by",
        exchanged.map(|one| &one.issuer),
    );
    add("to client", exchanged.and_then(|one| one.client.as_ref()));
    add("audience", token.audience.as_ref());
    add("resource", token.resource.as_ref());
    let scopes = (!token.scopes.is_empty()).then(|| token.scopes.join(" "));
    add("scopes", scopes.as_ref());
    parts.join(", ")
}

fn through(proxy: &ProxyRef) -> String {
    let classes = proxy.addresses.iter().map(|class| safe(class)).collect::<Vec<_>>().join(" or ");
    let login = match (&proxy.user, &proxy.secret) {
        (Some(user), Some(secret)) => {
            let source = from(proxy.secret_source.as_deref());
            format!(", as user {} with the secret {}{source}", safe(user), safe(secret))
        }
        _ => String::new(),
    };
    let url = safe(&proxy.url);
    format!("through the proxy {url} at {classes} addresses{login}, which looks up the host name")
}

#[cfg(test)]
mod tests;
