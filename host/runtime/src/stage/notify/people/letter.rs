//! The content of a message: why it is sent, and a few facts about the action. It has no parameter, no intent and no
//! state, because e-mail and chats are stored and forwarded outside of the host.

use deed_record::lifecycle::outcome::Outcome;
use deed_record::lifecycle::story::Story;
use deed_record::policy::Obligation;
use deed_record::timeline::utc;
use deed_spec::text::safe;

use crate::config::public_url;

/// The longest text from outside, in characters.
const TEXT_MAX: usize = 200;

/// The name of the fact whose text an agent chooses.
pub(super) const RESOURCE: &str = "resource";

/// Why people get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// People are asked to approve or confirm the action.
    Asked,
    /// The request for approval expires soon.
    Reminder,
    /// A person had put the request for approval off until now.
    Again,
    /// The request has waited for some time, and further people are told.
    Escalated,
    /// All approvals are there.
    Approved,
    /// The action ended, and people were asked about it before.
    Ended,
}

impl Notice {
    fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Reminder => "reminder",
            Self::Again => "again",
            Self::Escalated => "escalated",
            Self::Approved => "approved",
            Self::Ended => "ended",
        }
    }

    /// Whether people can still answer the request.
    fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Reminder | Self::Again | Self::Escalated)
    }
}

/// A message, except for the receiver and the form of the channel.
#[derive(Debug)]
pub(super) struct Letter {
    /// The same for each repetition, also after a restart.
    pub(super) id: String,
    pub(super) at_ms: i64,
    /// Visible ASCII characters in one line.
    pub(super) title: String,
    /// Names and values. The values may come from outside; they have no line breaks.
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) link: Option<String>,
    /// When the request for approval expires, if the message asks people to answer it.
    pub(super) until_ms: Option<i64>,
}

impl Letter {
    /// `base` is the URL below which people find the page of an action.
    pub(super) fn new(notice: Notice, story: &Story, at_ms: i64, base: Option<&str>) -> Self {
        let action = &story.bound.action;
        let outcome = story.status.outcome().map_or("unknown", Outcome::as_str);
        let what = wanted(story);
        let title = match notice {
            Notice::Asked if what == "confirmation" => "Confirmation requested".to_owned(),
            Notice::Asked => "Approval requested".to_owned(),
            Notice::Reminder => format!("Request for {what} expires soon"),
            Notice::Again => format!("Request for {what} waits again"),
            Notice::Escalated => format!("Request for {what} still waits"),
            Notice::Approved if what == "confirmation" => "Confirmed".to_owned(),
            Notice::Approved => "Approved".to_owned(),
            Notice::Ended => format!("Ended as {outcome}"),
        };
        let mut facts = vec![
            ("contract", plain(&action.contract.name)),
            (RESOURCE, plain(&action.resource)),
            ("agent", plain(&action.principal)),
            ("person", plain(&action.person)),
            ("tenant", plain(&action.tenant)),
        ];
        let ask = story.ask.as_ref().filter(|_| notice.is_open());
        let until_ms = ask.map(|ask| ask.expires_ms);
        facts.extend(until_ms.map(|at_ms| ("expires", utc(at_ms))));
        facts.push(("action", action.id.to_string()));
        Self {
            id: id(notice, story, (outcome, at_ms)),
            at_ms,
            title: format!("{title}: {}", plain(&action.contract.name)),
            facts,
            link: base.map(|base| public_url::page(base, action.id.as_str())),
            until_ms,
        }
    }

    /// Whether the message asks for an answer that would come too late.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        self.until_ms.is_some_and(|until_ms| now_ms >= until_ms)
    }
}

/// What people are asked for. A request for both is one for approval; its page says who must confirm.
fn wanted(story: &Story) -> &'static str {
    let asked = story.ask.as_ref().map_or(&[][..], |ask| &ask.obligations);
    let confirms = !asked.is_empty() && asked.iter().all(Obligation::is_confirmation);
    if confirms { "confirmation" } else { "approval" }
}

fn id(notice: Notice, story: &Story, (outcome, at_ms): (&str, i64)) -> String {
    let (action, word) = (&story.bound.action.id, notice.word());
    match notice {
        Notice::Ended => format!("{action}_{word}_{outcome}"),
        // The time is that until which the request was put off.
        Notice::Again => format!("{action}_{word}_{at_ms}"),
        // Between two requests for approval, the earlier one became stale.
        _ => format!("{action}_{word}_{}", story.stale.len().saturating_add(1)),
    }
}

/// A text from outside in one line, of limited length, without the beginning of a URL. Programs for e-mail also make
/// links of names, which `mail.rs` prevents.
fn plain(text: &str) -> String {
    let mut short: String = text.chars().take(TEXT_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    safe(&short).replace("://", ":\\u{2f}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_from_outside_is_one_short_line_without_an_address() {
        for (text, shown) in [
            ("idp/users/42", "idp/users/42"),
            ("a\r\nBcc: eve@example.com", "a\\u{d}\\u{a}Bcc: eve@example.com"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("https://evil.example/x", "https:\\u{2f}/evil.example/x"),
        ] {
            assert_eq!(plain(text), shown);
        }
        let long = plain(&"x".repeat(5_000));
        assert!(long.len() < 210 && long.ends_with('…'), "{long}");
    }
}
