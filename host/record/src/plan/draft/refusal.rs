//! The reasons for which a request of a rehearsal is refused, with the remedy.

use deed_spec::json;
use serde_json::Value;

use super::super::Requested;
use super::super::matching::{self, Compared, asked_line, inside, line};
use super::super::refusal::{self, Refusal};
use super::{Choice, Draft, encoded};
use crate::exchange::Rendered;

impl Draft {
    /// A refusal for the author of the adapter or of the contract.
    pub(super) fn denied(&self, what: &str) -> String {
        format!("denied by contract `{}`: {what}", self.contract)
    }

    /// The refusal of a body that has a token where the rule has no value of an answer.
    pub(super) fn misplaced(&self, request: &str, at: &str, path: &str) -> String {
        let of_read = |one: &Choice| {
            !one.request.public.writes && one.rule.name.as_deref() == path.split('.').next()
        };
        let remedy = if self.rules.iter().any(of_read) {
            "no request can contain a value of the answer to a read".to_owned()
        } else {
            format!("write `{{answer.{path}}}` there in the rule, as the whole value")
        };
        self.denied(&format!(
            "{request} has the value of an answer at `{at}`, which is not a place for `answer.{path}`; {remedy}"
        ))
    }

    /// The refusal of a request whose body differs from its rule outside of the open places.
    pub(super) fn other_body(
        &self,
        one: &Choice,
        asked: &Requested<'_>,
        compared: &Compared,
    ) -> Refusal {
        let request = line(&one.request.public);
        let sent = asked.body.as_ref();
        let token = compared.differing.iter().find_map(|place| {
            let value = json::pointer(sent?, place)?;
            matching::find(value, place, &|text: &str| self.token_in(text))
        });
        match (token, has_body(one.request.live()), sent) {
            (Some((at, path)), _, _) => {
                let known = refusal::declared(one.request.public.body.as_ref(), &at);
                Refusal::at(&at, known, |at| self.misplaced(&request, at, &path))
            }
            (None, true, None) => {
                self.denied(&format!("{request} has a body, and the adapter sent none")).into()
            }
            (None, false, _) => {
                let what = format!("{request} has no body; `body` in its rule would give it one");
                self.denied(&what).into()
            }
            (None, true, Some(sent)) => self.differs(one, sent, compared),
        }
    }

    /// The refusal of a body that is not that of its rule.
    fn differs(&self, one: &Choice, sent: &Value, compared: &Compared) -> Refusal {
        let request = line(&one.request.public);
        let whole = one.request.public.any.get("").filter(|_| sent.is_null());
        if let Some(name) = whole {
            let what =
                format!("the body of {request} is null; the adapter did not fill in `{name}`");
            return self.denied(&what).into();
        }
        let own = one.request.public.body.as_ref();
        let mut known: Vec<&str> =
            compared.differing.iter().map(|at| refusal::declared(own, at)).collect();
        known.dedup();
        Refusal::at(&compared.differing.join("`, `"), &known.join("`, `"), |places| {
            let at = inside(places);
            self.denied(&format!(
                "the body of {request} differs from its rule{at}; `any` in the rule lets an adapter compute a part"
            ))
        })
    }

    /// The refusal of a request that no rule has. It names the requests of the contract.
    pub(super) fn unknown(&self, asked: &Requested<'_>) -> Refusal {
        let Requested { upstream, method, path, .. } = asked;
        let upstreams = self.rules.iter().map(|one| one.request.public.upstream.as_str());
        let (full, shown) = (asked_line(asked), refusal::shown(asked, upstreams));
        let token = self.tokens.iter().find(|(_, token)| {
            path.contains(token.as_str()) || path.contains(&encoded(&Value::from(token.as_str())))
        });
        if let Some((token, _)) = token {
            return Refusal::at(&full, &shown, |asked| {
                self.denied(&format!(
                    "the path of {asked} contains the value of `answer.{token}`, and no rule has `{{answer.{token}}}` \
                     at this place"
                ))
            });
        }
        let known: Vec<String> = self.rules.iter().map(|one| line(&one.request.public)).collect();
        let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
        let refusal = Refusal::at(&full, &shown, |asked| {
            self.denied(&format!("{asked} is none of this run's requests; it may send {known}"))
        });
        let remedy = format!(
            ". `[[perform.http]]` with upstream = \"{upstream}\", request = \"{method} {path}\" would allow it"
        );
        Refusal { told: refusal.told + &remedy, ..refusal }
    }

    /// The refusal of a request that was sent too often.
    pub(super) fn spent(&self, one: &Choice) -> String {
        self.denied(&format!(
            "{} was sent as often as one run may; a larger `calls` in its [[perform.http]] would allow more",
            line(&one.request.public)
        ))
    }
}

/// Whether a request of the rule has a body.
fn has_body(rule: &Rendered) -> bool {
    rule.body.is_some() || rule.any.contains_key("")
}
