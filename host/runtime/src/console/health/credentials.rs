//! The credentials of upstreams: the last fault of each, and what expires soon. A fault is told in the words of the
//! host, which have no secret.

use maud::{Markup, html};

use super::super::parts::{Cells, duration, paragraph, section, table};
use super::super::text::{Shown as _, Text, Time};
use crate::config::{CredentialUse, Expiry, ExpiryKind};
use crate::engine::Engine;

const HEADS: [&str; 7] =
    ["Upstream", "Credential", "Requests", "Last accepted", "Last fault", "What failed", "Pause"];
const ENDS: [&str; 4] = ["What", "Name", "Expires", "State"];

pub(super) fn credentials(engine: &Engine, tenant: &str, now_ms: i64) -> Markup {
    let uses = engine.credential_uses(tenant);
    let ends = engine.expiries();
    let due: Vec<&Expiry> = ends
        .iter()
        .filter(|(of, one)| of == tenant && one.is_due(now_ms))
        .map(|(_, one)| one)
        .collect();
    section("credentials", "Credentials of upstreams", &content(&uses, &due, now_ms))
}

fn content(uses: &[CredentialUse], due: &[&Expiry], now_ms: i64) -> Markup {
    let used: Vec<Cells> = uses.iter().map(cells).collect();
    let ends: Vec<Cells> = due.iter().map(|one| end(one, now_ms)).collect();
    html! {
        @if used.is_empty() { (paragraph(&"No upstream has a credential.")) }
        @else {
            (paragraph(&"What the host has noticed since it read the configuration in force. A fault stays in the \
                         table after the credential works again."))
            (table("Credentials", &HEADS, &used))
        }
        @if ends.is_empty() { (paragraph(&"✓ Nothing that the host knows to expire has expired or expires soon.")) }
        @else { (table("What has expired or expires soon", &ENDS, &ends)) }
    }
}

fn cells(one: &CredentialUse) -> Cells {
    let fault = one.standing.fault.as_ref();
    let pause = one.standing.pause.map(|left| {
        let left_ms = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        let left = duration(left_ms.saturating_add(999));
        Text::new(&format!("▲ no token is asked for within the next {left}"))
    });
    vec![
        Text::new(&one.upstream).shown(),
        Text::new(&one.name).shown(),
        one.requests.shown(),
        one.standing.accepted_ms.map(Time).shown(),
        fault.map(|fault| Time(fault.at_ms)).shown(),
        fault.map(|fault| Text::new(&fault.what)).shown(),
        pause.shown(),
    ]
}

fn end(one: &Expiry, now_ms: i64) -> Cells {
    let state = if one.at_ms <= now_ms { "✕ has expired" } else { "▲ expires soon" };
    vec![
        kind(one.kind).shown(),
        Text::new(&one.name).shown(),
        Time(one.at_ms).shown(),
        state.shown(),
    ]
}

fn kind(kind: ExpiryKind) -> &'static str {
    match kind {
        ExpiryKind::Secret => "secret",
        ExpiryKind::ClientCertificate => "client certificate of the upstream",
        ExpiryKind::TlsRoots => "`tls_roots` of the upstream",
        ExpiryKind::Token => "token",
        ExpiryKind::AgentToken => "token of an agent",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deed_sandbox::credentials::{CredentialFault, CredentialStanding};

    use super::*;

    #[test]
    fn a_fault_is_shown_with_its_time_and_pause_and_is_escaped() {
        let what = "no token `reader`: its endpoint answered <b>400</b>".to_owned();
        let fault = Some(CredentialFault { at_ms: 0, what });
        let pause = Some(Duration::from_millis(1_500));
        let standing = CredentialStanding { fault, accepted_ms: None, pause };
        let (upstream, name) = ("idp".to_owned(), "reader".to_owned());
        let one = CredentialUse { upstream, requests: "reads", name, standing };
        let shown = content(&[one], &[], 0).into_string();
        assert!(shown.contains("&lt;b&gt;400&lt;/b&gt;") && !shown.contains("<b>"), "{shown}");
        assert!(shown.contains("1970-01-01") && shown.contains("within the next 2 s"), "{shown}");
        assert!(shown.contains("expires soon."), "{shown}");
    }

    #[test]
    fn what_has_expired_differs_from_what_expires_soon() {
        let end =
            |name: &str, at_ms| Expiry { kind: ExpiryKind::Secret, name: name.to_owned(), at_ms };
        let (over, soon) = (end("over", 0), end("soon", 1));
        let shown = content(&[], &[&over, &soon], 0).into_string();
        let of = |name: &str| shown.split_once(&format!("<bdi>{name}</bdi>")).unwrap().1;
        assert!(of("over").split("</tr>").next().unwrap().contains("has expired"), "{shown}");
        assert!(of("soon").split("</tr>").next().unwrap().contains("expires soon"), "{shown}");
        assert!(shown.contains("No upstream has a credential."), "{shown}");
    }
}
