//! The check after a power cut. The check compares everything that the host acknowledged (the "book") with the data of
//! the restarted host, and finds data that is missing or different. The check also asks the system of record whether a
//! write was applied twice.

use std::fs;

use deed_tests::client::Client;
use deed_tests::rng::Rng;
use deed_tests::world::{BOB, HELPDESK};
use deed_verify::audit::{self, Asked, Fetched, Since};
use deed_verify::{Verdict, verify};
use serde_json::Value;

use crate::book::{Book, Known, end, text};
use crate::callers::{Worked, post, said};
use crate::fixture::{Fixture, RESTORE};

/// The number of older checkpoints that one audit compares with the log.
const CHECKPOINTS: usize = 12;
/// How often each ended action is checked in full. Further checks of the action are made only at random.
const TIMES: u32 = 1;

/// If `full` is true, all actions are checked. Otherwise all new actions and a random part of the older actions are
/// checked.
pub(crate) struct Check<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) book: &'a Book,
    pub(crate) url: &'a str,
    pub(crate) full: bool,
    /// The first user that this chain of cuts may change.
    pub(crate) first: u64,
    pub(crate) rng: &'a mut Rng,
}

impl Check<'_> {
    pub(crate) fn run(&mut self) -> Worked {
        self.repeat_posts()?;
        self.listing()?;
        let known: Vec<(String, Known)> = self.book.pages().actions.clone().into_iter().collect();
        for (id, known) in known {
            if self.full || known.checked < TIMES || self.rng.percent(5) {
                self.action(&id, &known)?;
            }
        }
        self.log()?;
        self.untold()
    }

    /// Repeats proposals that got no answer, with the same idempotency keys. One key must result in only one action.
    fn repeat_posts(&mut self) -> Worked {
        let posts: Vec<_> = self.book.pages().posts.clone().into_iter().collect();
        let agent = Client::new(self.url, HELPDESK);
        for (key, asked) in posts {
            if asked.id.is_some() && !self.rng.percent(5) {
                continue;
            }
            let heard = post(&agent, asked.contract, &asked.user, &key, "wait=20");
            let Some(view) = heard.ok_or("the host died during a repeated proposal")?? else {
                continue;
            };
            let id = text(&view, "/id");
            if asked.id.as_ref().is_some_and(|known| *known != id) {
                return Err(format!("{key} was {:?} and is {id} now", asked.id));
            }
            if asked.id.is_none() {
                self.book.acknowledged(&key, &view);
            }
        }
        Ok(())
    }

    /// Checks that the host lists every acknowledged action, and records all listed actions, which must stay listed.
    fn listing(&self) -> Worked {
        let listed = self.get("/v1/actions?limit=500")?;
        let listed = listed["actions"].as_array().cloned().unwrap_or_default();
        let ids: Vec<String> = listed.iter().map(|one| text(one, "/id")).collect();
        let missing: Vec<String> = {
            let pages = self.book.pages();
            pages.actions.keys().filter(|id| !ids.contains(id)).cloned().collect()
        };
        if !missing.is_empty() {
            return Err(format!("acknowledged but no longer listed: {missing:?}"));
        }
        for id in ids {
            let is_new = !self.book.pages().actions.contains_key(&id);
            if is_new {
                self.book.saw(&self.get(&format!("/v1/actions/{id}"))?);
            }
        }
        Ok(())
    }

    fn action(&self, id: &str, known: &Known) -> Worked {
        let view = self.rest(id)?;
        let lost = |what: &str| format!("{what}\nnow: {view:#}\nin the book: {:#?}", known.end);
        if text(&view, "/contract") != known.contract || text(&view, "/resource") != known.resource
        {
            return Err(lost("another action has the id"));
        }
        if let Some(then) = &known.end {
            let now = end(&view).ok_or_else(|| lost("it had ended"))?;
            if then["receipt"] != now["receipt"] || known.is_final() && *then != now {
                return Err(lost("it had ended differently"));
            }
        }
        let answered = view["approvals"].as_array().is_some_and(|all| !all.is_empty());
        if known.approved && !answered {
            return Err(lost("an answer of a person was acknowledged"));
        }
        if known.cancelled && view["status"] != "cancelled" {
            return Err(lost("its cancellation was acknowledged"));
        }
        self.bundle(id, known, &view)?;
        self.outcome(&view, known)?;
        let mut pages = self.book.pages();
        let seen = pages.saw(&view);
        seen.checked += u32::from(seen.is_final());
        Ok(())
    }

    /// The view once the action has ended or waits for approvers.
    fn rest(&self, id: &str) -> Result<Value, String> {
        let client = Client::new(self.url, BOB);
        for _ in 0..3 {
            let answer = client.rests(id, 40);
            let answer = answer.map_err(|e| format!("no answer about {id}: {e}"))?;
            if answer.status != 200 && answer.status != 202 {
                return Err(format!("{id} was acknowledged: {}", said(&answer)));
            }
            let view = answer.json();
            if view["status"] == "waiting" || end(&view).is_some() {
                return Ok(view);
            }
        }
        Err(format!("{id} does not come to rest: {:#}", self.get(&format!("/v1/actions/{id}"))?))
    }

    /// Checks that the bundle equals the bundle that a caller got before, and that the offline verifier accepts it.
    fn bundle(&self, id: &str, known: &Known, view: &Value) -> Worked {
        if end(view).is_none() {
            return Ok(());
        }
        let answer = Client::new(self.url, BOB).get(&format!("/v1/actions/{id}/bundle"));
        let answer = answer.map_err(|e| format!("no bundle of {id}: {e}"))?;
        if answer.status != 200 {
            return Err(format!("no bundle of {id}: {}", said(&answer)));
        }
        if known.bundle.as_ref().is_some_and(|bytes| *bytes != answer.bytes) {
            return Err(format!("the bundle of {id} differs from the earlier bundle"));
        }
        let report = verify(&answer.bytes, Some(&self.fixture.trust));
        if report.verdict != Verdict::Verified {
            return Err(format!("the bundle of {id}: {report:#?}"));
        }
        self.book.bundled(id, answer.bytes);
        Ok(())
    }

    /// Checks that the system of record agrees with the receipt.
    fn outcome(&self, view: &Value, known: &Known) -> Worked {
        let user = self.fixture.upstream.user(known.user());
        let (restores, suspends) = self.fixture.effects;
        let effect = if known.contract == RESTORE { restores } else { suspends };
        let once = match effect {
            // An idempotent write may arrive several times, because a repetition has no further effect. A write with an
            // idempotency key may also arrive several times, but must be applied only once.
            "idempotent" => true,
            "keyed" => user.applied <= 1,
            _ => user.came <= 1,
        };
        let fits = match view["outcome"].as_str() {
            Some("verified") => user.applied > 0,
            Some("failed" | "denied" | "cancelled" | "expired") => user.applied == 0,
            _ => true,
        };
        if once && fits {
            return Ok(());
        }
        Err(format!("{} ({effect}), and the upstream says {user:?}: {view:#}", view["status"]))
    }

    /// Checks that the log is complete and consistent with every checkpoint that was read.
    fn log(&self) -> Worked {
        let pages = self.book.pages().clone();
        let since = pages.some_checkpoints(if self.full { usize::MAX } else { CHECKPOINTS });
        let since: Vec<Since> = since
            .into_iter()
            .map(|note| Since { name: "a checkpoint that was seen".to_owned(), note })
            .collect();
        let asked =
            Asked { keys: &self.fixture.trust.log, since: &since, head: None, witnesses: None };
        let log = self.fixture.log();
        let found = audit::audit(asked, |path, _| match fs::read(log.join(path)) {
            Ok(bytes) => Ok(Fetched::Bytes(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Fetched::Absent),
            Err(error) => Err(error.to_string()),
        });
        if found.verdict == Verdict::Verified {
            return Ok(());
        }
        Err(format!("the log: {found:#?}\nheld against {since:#?}"))
    }

    /// Checks that no user was changed without a known action.
    fn untold(&self) -> Worked {
        let told = self.book.pages().actions.values().map(|k| k.user().to_owned()).collect();
        let since = self.fixture.upstream.touched(self.first);
        let untold: Vec<&String> = since.difference(&told).collect();
        if untold.is_empty() {
            return Ok(());
        }
        Err(format!("users were changed, but no action changed them: {untold:?}"))
    }

    fn get(&self, path: &str) -> Result<Value, String> {
        let answer = Client::new(self.url, BOB).get(path);
        let answer = answer.map_err(|e| format!("no answer to GET {path}: {e}"))?;
        match answer.status {
            200 | 202 => Ok(answer.json()),
            _ => Err(format!("GET {path}: {}", said(&answer))),
        }
    }
}
