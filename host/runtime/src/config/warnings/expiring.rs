//! Warnings about what expires soon or has expired: secrets, TLS roots, the tokens of agents, and delegations.

use std::collections::{BTreeMap, BTreeSet};

use deed_record::timeline::utc;
use deed_system::clock::Clock;

use super::super::expiry::{DUE_DAYS as DAYS, Expiry, ExpiryKind};
use super::super::fault::{Fault, Source};
use super::super::tokens::AgentToken;
use super::super::{Tenant, Tokens, raw};

pub(super) fn find(tenant: &Tenant, raw: &raw::Tenant, here: &Source, found: &mut Vec<Fault>) {
    let now_ms = Clock::new().latest_ms();
    for one in tenant.expiries().iter().filter(|one| one.days(now_ms) < DAYS) {
        let (name, when) = (&one.name, when(one.at_ms, now_ms));
        match one.kind {
            ExpiryKind::Secret => {
                let table = format!("[tenant.{}.secret.{name}]", tenant.name);
                let (users, renewal) = (used_by(raw, name), renewal(raw, name));
                let what = format!("secret `{name}` {when}; {users}; {renewal}");
                found.push(here.fault_in(&table, "expires", &what));
            }
            ExpiryKind::TlsRoots => {
                let table = format!("[tenant.{}.upstream.{name}]", tenant.name);
                let what = format!(
                    "the last certificate in `tls_roots` of upstream `{name}` {when}; replace the file by the present \
                     authorities of the upstream, and run `deed apply`"
                );
                found.push(here.fault_in(&table, "tls_roots", &what));
            }
            // The warning about a client certificate comes 30 days before. The host itself renews tokens.
            ExpiryKind::ClientCertificate | ExpiryKind::Token | ExpiryKind::AgentToken => {}
        }
    }
    delegations(tenant, here, found, now_ms);
}

/// Warnings about roles that persons can no longer use for others.
fn delegations(tenant: &Tenant, here: &Source, found: &mut Vec<Fault>, now_ms: i64) {
    for (name, person) in &tenant.persons {
        for one in person.delegations.iter().filter(|one| one.is_over(now_ms)) {
            let (table, when) =
                (format!("[tenant.{}.person.{name}]", tenant.name), when(one.until_ms, now_ms));
            let what = format!(
                "the delegation of the role `{}` by `{}` {when}; remove it, or give it another end",
                one.role, one.from
            );
            found.push(here.fault_in(&table, "delegations", &what));
        }
    }
}

fn when(at_ms: i64, now_ms: i64) -> String {
    let word = if at_ms <= now_ms { "expired" } else { "expires" };
    format!("{word} at {}", utc(at_ms))
}

/// What renews a secret.
fn renewal(raw: &raw::Tenant, name: &str) -> String {
    let is_variable = raw.secret.get(name).is_some_and(|secret| secret.env.is_some());
    let store = if is_variable {
        "set it in the environment and restart the host".to_owned()
    } else {
        format!("store it with `deed secret set DIR {name}`")
    };
    format!("get a new value where this one was issued, {store}, and correct `expires`")
}

/// The upstreams that get a secret, or a token that is obtained with it.
fn used_by(raw: &raw::Tenant, secret: &str) -> String {
    let is_it = |name: &String| name == secret;
    let tokens = raw.token.iter().filter(|(_, token)| token.secret.as_ref().is_some_and(is_it));
    let tokens: BTreeSet<&String> = tokens.map(|(name, _)| name).collect();
    let has = |one: &raw::Credential| {
        one.secret_names().any(is_it)
            || one.token.as_ref().is_some_and(|name| tokens.contains(name))
    };
    let uses = |upstream: &raw::Upstream| {
        let mut credentials = upstream.read.iter().chain(&upstream.write);
        credentials.any(has) || upstream.proxy_secret.as_ref().is_some_and(is_it)
    };
    let users: Vec<String> = raw
        .upstream
        .iter()
        .filter(|(_, one)| uses(one))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    match users.as_slice() {
        [] => "no upstream uses it".to_owned(),
        [one] => format!("upstream {one} uses it"),
        all => format!("upstreams {} use it", all.join(", ")),
    }
}

/// Warnings about agents all of whose tokens in `tokens/` expire soon or have expired. A token whose whole life is
/// short expires soon at any time, so it causes no warning before it has expired.
pub(super) fn tokens(tokens: &Tokens, has_other: impl Fn(&AgentToken) -> bool) -> Vec<Fault> {
    let now_ms = Clock::new().latest_ms();
    let mut last: BTreeMap<(&str, &str), &AgentToken> = BTreeMap::new();
    for token in &tokens.valid {
        let of_agent = last.entry((token.tenant.as_str(), token.agent.as_str())).or_insert(token);
        if end(token) > end(of_agent) {
            *of_agent = token;
        }
    }
    let all = last.into_values().filter(|token| !has_other(token));
    all.filter_map(|token| warning(token, now_ms)).collect()
}

fn end(token: &AgentToken) -> i64 {
    token.expires_ms.unwrap_or(i64::MAX)
}

fn warning(token: &AgentToken, now_ms: i64) -> Option<Fault> {
    let at_ms = token.expires_ms?;
    let expiry = |at_ms| Expiry { kind: ExpiryKind::AgentToken, name: token.id.clone(), at_ms };
    let is_short = expiry(at_ms).days(token.created_ms) < DAYS;
    let is_due = expiry(at_ms).days(now_ms) < DAYS && (!is_short || at_ms <= now_ms);
    let agent = &token.agent;
    is_due.then(|| {
        let what = format!(
            "the last token of agent `{agent}` {}; run `deed token rotate DIR {agent}`, and give the agent the new one",
            when(at_ms, now_ms)
        );
        Fault::new(&format!("tokens/{}.toml", token.id), 0, what)
    })
}

#[cfg(test)]
mod tests {
    use deed_spec::digest::Digest;

    use super::*;

    const DAY_MS: i64 = 24 * 3_600_000;

    /// A token that was created and expires in this many days.
    fn token(agent: &str, created: i64, expires: Option<i64>) -> AgentToken {
        let now_ms = Clock::new().latest_ms();
        AgentToken {
            id: "t_0123456789".to_owned(),
            tenant: "main".to_owned(),
            agent: agent.to_owned(),
            hash: Digest::of(agent.as_bytes()),
            created_ms: now_ms + created * DAY_MS,
            expires_ms: expires.map(|days| now_ms + days * DAY_MS + DAY_MS / 2),
            note: None,
        }
    }

    fn warnings(valid: Vec<AgentToken>) -> Vec<String> {
        let all = Tokens { valid, faults: Vec::new() };
        tokens(&all, |token| token.agent == "known").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_agent_is_reported_whose_last_token_ends_soon_or_has_ended() {
        for (days, word) in [(13, "expires at"), (0, "expires at"), (-1, "expired at")] {
            let told =
                warnings(vec![token("desk", -90, Some(days)), token("desk", -90, Some(-40))]);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].contains("the last token of agent `desk`"), "{told:?}");
            assert!(told[0].contains(word) && told[0].contains("`deed token rotate DIR desk`"));
        }
    }

    #[test]
    fn a_later_token_another_identity_and_a_short_life_are_no_reason() {
        assert!(warnings(vec![token("desk", -90, Some(14))]).is_empty());
        assert!(warnings(vec![token("desk", -90, Some(2)), token("desk", 0, None)]).is_empty());
        assert!(warnings(vec![token("desk", -90, Some(2)), token("desk", 0, Some(90))]).is_empty());
        assert!(warnings(vec![token("known", -90, Some(2))]).is_empty());
        assert!(warnings(vec![token("desk", -1, Some(1))]).is_empty(), "it lives for three days");
        assert_eq!(warnings(vec![token("desk", -9, Some(-1))]).len(), 1, "it has ended");
    }

    #[test]
    fn the_upstreams_that_get_a_secret_are_named_also_through_a_token_or_a_proxy() {
        let text = "policies = []\n[upstream.a]\nbase_url = \"x\"\nread = { secret = \"s\", slot = \"bearer\" }\n\
                    [upstream.b]\nbase_url = \"x\"\nwrite = { token = \"t\" }\n\
                    [upstream.c]\nbase_url = \"x\"\nproxy_secret = \"s\"\n[upstream.d]\nbase_url = \"x\"\n\
                    [token.t]\nkind = \"client_credentials\"\nsecret = \"s\"\n[secret.s]\nenv = \"S\"\n";
        let raw: raw::Tenant = toml::from_str(text).unwrap();
        assert_eq!(used_by(&raw, "s"), "upstreams `a`, `b`, `c` use it");
        assert_eq!(used_by(&raw, "other"), "no upstream uses it");
        assert!(renewal(&raw, "s").contains("set it in the environment and restart the host"));
        assert!(renewal(&raw, "other").contains("`deed secret set DIR other`"));
    }
}
