//! The directory that the host of a trial serves: the author's files, one tenant, one agent, two persons and the upstreams.
//! No upstream of a trial has a credential for writes. Only `deed adapter test` gives them, for its own server.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use deed_record::contract::Contract;
use deed_record::contract::template::headers::{is_allowed, is_never};

use super::credentials::Credential;
use super::inputs::Inputs;
use super::targets::Target;
use crate::cli::dir::private_dir;
use crate::cli::out::Failure;
use crate::cli::text::line;
use crate::cli::token::{Token, new_token};
use crate::config::keys;

/// The tokens of the callers.
pub(in crate::cli) struct Tokens {
    pub(in crate::cli) agent: String,
    /// Of a person, who sees the state and the evidence.
    pub(in crate::cli) person: String,
}

/// The contract in the directory.
pub(in crate::cli) const CONTRACT: &str = "contracts/trial.toml";

const FOLDERS: [&str; 6] = ["contracts", "policies", "keys", "approvers", "secrets", "adapters"];
const KEYS: [&str; 2] = ["keys/receipt.key", "keys/log.key"];

/// The first lines of the configuration. Port 0 stands for a free port.
const HEAD: &str = r#"environment = "development"

[http]
listen     = "127.0.0.1:0"
operations = "127.0.0.1:0"

[log]
origin = "trial.invalid/logs"
"#;

/// The line with which the host sends an idempotency key with each write.
const KEYS_OF_WRITES: &str = "idempotency = { header = \"Idempotency-Key\", window = \"24h\" }\n";

/// The place of a file of policies in the directory.
pub(super) fn policy(n: usize) -> String {
    format!("policies/trial-{n}.cedar")
}

/// The place of the adapter in the directory.
pub(super) fn adapter(contract: &Contract) -> String {
    format!("adapters/{}.wasm", contract.action.adapter)
}

pub(in crate::cli) fn make(served: &Path, inputs: &Inputs) -> Result<Tokens, Failure> {
    let failed = |e: std::io::Error| Failure::Failed(format!("`{}`: {e}", served.display()));
    for folder in FOLDERS {
        private_dir(&served.join(folder)).map_err(failed)?;
    }
    for name in KEYS {
        keys::create(&served.join(name)).map_err(Failure::failed)?;
    }
    let (agent, person) =
        (new_token().map_err(Failure::failed)?, new_token().map_err(Failure::failed)?);
    let config = configuration(inputs, &agent, &person)?;
    write(served, "deed.toml", config.as_bytes())?;
    write(served, CONTRACT, &inputs.file.bytes)?;
    if let Some(wasm) = &inputs.adapter {
        write(served, &adapter(&inputs.contract), &wasm.bytes)?;
    }
    for (n, own) in inputs.policies.iter().enumerate() {
        write(served, &policy(n), &own.bytes)?;
    }
    if inputs.policies.is_empty() {
        write(served, &policy(0), permit(&inputs.contract).as_bytes())?;
    }
    let writing = write_secrets(inputs);
    for (upstream, credential) in &inputs.credentials {
        if let Some(password) = &credential.password {
            write(served, &secret_file(upstream), password.as_bytes())?;
        }
        if let (Some(password), Some(name)) = (&credential.write, writing.get(upstream)) {
            write(served, &secret_file(name), password.as_bytes())?;
        }
    }
    Ok(Tokens { agent: agent.text, person: person.text })
}

fn write(served: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    keys::write_new(&served.join(name), bytes, 0o600).map_err(Failure::failed)
}

/// The policy that decides if the author gives none.
fn permit(contract: &Contract) -> String {
    let name = &contract.action.name;
    format!(
        "@id(\"trial-permits\")\npermit (principal, action == Deed::Action::\"{name}\", resource);\n"
    )
}

fn configuration(inputs: &Inputs, agent: &Token, person: &Token) -> Result<String, Failure> {
    let files = (0..inputs.policies.len().max(1)).map(policy);
    let mut text = HEAD.to_owned();
    line(&mut text, format_args!("\n[tenant.main]\npolicies = {}", list(files)));
    line(&mut text, format_args!("\n[tenant.main.agent.trial]\nperson = \"alice\""));
    line(&mut text, format_args!("roles = {}\n{}", list(&inputs.roles), agent.line));
    line(&mut text, format_args!("\n[tenant.main.person.alice]"));
    let approvers = list(approving_roles(inputs));
    line(&mut text, format_args!("\n[tenant.main.person.bob]\nroles = {approvers}"));
    line(&mut text, format_args!("{}", person.line));
    let writing = write_secrets(inputs);
    for (name, target) in &inputs.targets {
        let headers = list(extra_headers(&inputs.contract, name));
        text += &upstream(name, target, &headers, inputs.exchange);
        if let Some(credential) = inputs.credentials.get(name) {
            text += &credentials(name, credential, writing.get(name));
        }
    }
    let grant = grant(inputs)?;
    // The author of the adapter is also the operator of this host.
    let wasi = if inputs.adapter.is_some() { "wasi = true\n" } else { "" };
    Ok(text + &grant + wasi)
}

/// The table of an upstream, up to the lines that the credential adds to it.
fn upstream(name: &str, target: &Target, headers: &str, exchange: Duration) -> String {
    let milliseconds = exchange.as_millis();
    format!(
        "\n[tenant.main.upstream.{name}]\nbase_url = {}\naddresses = {}\ntimeout = \"{milliseconds}ms\"\nallow_headers = {headers}\n",
        quoted(&target.url),
        list(&target.kinds),
    )
}

/// The lines of an upstream about its credentials, and the tables of its secrets.
fn credentials(upstream: &str, credential: &Credential, writing: Option<&String>) -> String {
    let mut text = format!("read = {}", slot(upstream, credential));
    let writing = writing.filter(|_| credential.write.is_some());
    if let Some(name) = writing {
        text += "write = ";
        text += &slot(name, credential);
        text += KEYS_OF_WRITES;
    }
    text += &secret(upstream, credential);
    if let Some(name) = writing {
        line(&mut text, format_args!("\n[tenant.main.secret.{name}]"));
        line(&mut text, format_args!("file = {}", quoted(secret_file(name))));
    }
    text
}

/// The names of the secrets for writes, by upstream. A secret for reads has the name of its upstream.
fn write_secrets(inputs: &Inputs) -> BTreeMap<String, String> {
    let names = (0..=u32::MAX).map(|n| format!("write-{n}"));
    let free = names.filter(|name| !inputs.targets.contains_key(name));
    inputs.targets.keys().cloned().zip(free).collect()
}

fn secret(upstream: &str, credential: &Credential) -> String {
    let source = match &credential.password {
        Some(_) => format!("file = {}", quoted(secret_file(upstream))),
        None => format!("env = {}", quoted(&credential.variable)),
    };
    format!("\n[tenant.main.secret.{upstream}]\n{source}\n")
}

fn slot(secret: &str, credential: &Credential) -> String {
    format!("{{ secret = \"{secret}\", slot = {} }}\n", credential.slot)
}

fn secret_file(secret: &str) -> String {
    format!("secrets/{secret}")
}

/// The grant. It permits the POST requests of `observe` that the author of a trial permits.
fn grant(inputs: &Inputs) -> Result<String, Failure> {
    let contract = &inputs.contract;
    let mut text = format!("\n[tenant.main.grant.\"{}\"]\n", contract.action.name);
    line(&mut text, format_args!("upstreams = {}", list(inputs.targets.keys())));
    let mut safe = Vec::new();
    let rules = contract.observe.http.iter().filter(|rule| rule.reads);
    for rule in rules.filter(|rule| inputs.safe.contains(&rule.request)) {
        let digest = contract.reviewed(rule).map_err(Failure::failed)?;
        safe.push(format!("{} = \"{digest}\"", quoted(&rule.request)));
    }
    if !safe.is_empty() {
        line(&mut text, format_args!("safe = {{ {} }}", safe.join(", ")));
    }
    let slots: Vec<String> =
        contract.secrets().map(|(name, _)| format!("{name} = \"vault/trial\"")).collect();
    if !slots.is_empty() {
        line(&mut text, format_args!("vault = {{ {} }}", slots.join(", ")));
    }
    Ok(text)
}

/// The headers of the contract that an operator has to allow.
fn extra_headers(contract: &Contract, upstream: &str) -> BTreeSet<String> {
    let rules = contract.observe.http.iter().chain(&contract.perform.http);
    let names = rules.filter(|rule| rule.upstream == upstream).flat_map(|rule| rule.headers.keys());
    let names = names.map(|name| name.to_ascii_lowercase());
    names.filter(|name| !is_allowed(name) && !is_never(name)).collect()
}

/// The roles that the policies ask for approvals. Without them, the host would refuse the policies.
fn approving_roles(inputs: &Inputs) -> BTreeSet<String> {
    let mut roles = BTreeSet::new();
    for own in &inputs.policies {
        let text = String::from_utf8_lossy(&own.bytes);
        for part in text.split("\"approve:").skip(1) {
            let obligation = part.split('"').next().unwrap_or_default();
            roles.extend(obligation.split_once(':').map(|(_count, role)| role.to_owned()));
        }
    }
    roles
}

/// A TOML list of texts.
fn list(texts: impl IntoIterator<Item = impl Display>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// A TOML text. As a key, it must be in double quotes.
fn quoted(text: impl Display) -> String {
    let text = text.to_string();
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.extend(format!("\\u{:04X}", u32::from(c)).chars()),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_author_stays_a_text() {
        for text in ["a\"b", "a\\", "line\nbreak \u{7f}\u{9b}", "'''", "ü = [x]"] {
            let table: toml::Table = toml::from_str(&format!("x = {}", quoted(text))).unwrap();
            assert_eq!(table["x"].as_str(), Some(text));
        }
        assert_eq!(list(["a", "b"]), "[\"a\", \"b\"]");
        assert_eq!(list(Vec::<String>::new()), "[]");
    }
}
