//! What expires when, as `deed check` shows it.

use deed_record::timeline::utc;
use deed_system::clock::Clock;
use serde::Serialize;

use crate::config::{AgentToken, Config, Expiry, ExpiryKind};

/// Something that expires.
#[derive(Debug, Serialize)]
pub(super) struct ExpiryReport {
    kind: &'static str,
    /// The name of the secret, the upstream of the certificate, or the id of the agent's token.
    name: String,
    /// The agent of a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    at: String,
    /// Whole days; negative if it has expired.
    days: i64,
    #[serde(skip)]
    what: String,
}

impl ExpiryReport {
    /// The line about it. The names in it have no special characters.
    pub(super) fn text(&self) -> String {
        let Self { what, at, days, .. } = self;
        match *days {
            ..0 => format!("{what} expired at {at}"),
            0 => format!("{what} at {at}, in less than a day"),
            1 => format!("{what} at {at}, in 1 day"),
            _ => format!("{what} at {at}, in {days} days"),
        }
    }
}

/// What expires of a tenant, the earliest first: what its upstreams use, and the tokens of its agents.
pub(super) fn of(config: &Config, tenant: &str, tokens: &[AgentToken]) -> Vec<ExpiryReport> {
    let now_ms = Clock::new().latest_ms();
    let known = config.tenants.get(tenant).map(|tenant| tenant.expiries()).unwrap_or_default();
    let mut all: Vec<(Expiry, Option<String>)> = known.into_iter().map(|one| (one, None)).collect();
    let own = tokens.iter().filter(|token| token.tenant == tenant);
    all.extend(own.filter_map(|token| {
        let (kind, name) = (ExpiryKind::AgentToken, token.id.clone());
        Some((Expiry { kind, name, at_ms: token.expires_ms? }, Some(token.agent.clone())))
    }));
    all.sort_by_key(|(one, _)| one.at_ms);
    all.into_iter().map(|(one, agent)| report(one, agent, now_ms)).collect()
}

fn report(one: Expiry, agent: Option<String>, now_ms: i64) -> ExpiryReport {
    let name = &one.name;
    let what = match (one.kind, &agent) {
        (ExpiryKind::Secret, _) => format!("secret {name}"),
        (ExpiryKind::ClientCertificate, _) => format!("the client certificate of {name}"),
        (ExpiryKind::TlsRoots, _) => format!("the TLS roots of {name}"),
        (ExpiryKind::Token, _) => format!("token {name}"),
        (ExpiryKind::AgentToken, Some(agent)) => format!("token {name} of agent {agent}"),
        (ExpiryKind::AgentToken, None) => format!("token {name} of an agent"),
    };
    let (kind, days, at) = (one.kind.as_str(), one.days(now_ms), utc(one.at_ms));
    ExpiryReport { kind, name: one.name, agent, at, days, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_and_in_how_many_days() {
        const DAY_MS: i64 = 24 * 3_600_000;
        let line = |at_ms| {
            let one = Expiry { kind: ExpiryKind::Secret, name: "pin".to_owned(), at_ms };
            report(one, None, 0).text()
        };
        assert_eq!(line(-1), "secret pin expired at 1969-12-31 23:59:59Z");
        assert_eq!(line(1_000), "secret pin at 1970-01-01 00:00:01Z, in less than a day");
        assert_eq!(line(DAY_MS), "secret pin at 1970-01-02 00:00:00Z, in 1 day");
        assert_eq!(line(13 * DAY_MS), "secret pin at 1970-01-14 00:00:00Z, in 13 days");
    }
}
