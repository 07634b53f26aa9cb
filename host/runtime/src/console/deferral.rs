//! The form with which a person puts a request for approval off. It works without a script.

use axum::extract::{Request, State};
use axum::response::Response;
use deed_record::timeline::utc;
use maud::{Markup, html};

use super::desk::Desk;
use super::form;
use super::html::FORGERY;
use super::parts::{duration, fold};
use super::place::Place;
use super::refusal::{Refused, see};
use super::text::{Plain, Shown as _, Text, Time};
use super::visitor::sender;
use crate::api::deferral::DeferralWanted;
use crate::api::problem::Problem;
use crate::http::{Path, deferred, parse_id};
use crate::stage::approval::deferral::REASON_MAX;

const MINUTE_MS: i64 = 60_000;
/// For how long a request can be put off on the page, in minutes, if it does not expire before.
const MINUTES: [i64; 8] = [15, 60, 120, 240, 480, 1_440, 2_880, 10_080];

/// Takes the form.
pub(super) async fn take(
    State(desk): State<Desk>,
    path: Result<Path<String>, Problem>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let found = sender(&desk, &parts)?.ok_or_else(|| Refused::SignIn(Place::inbox()))?;
    let fields = form::read(&parts.headers, body, &[FORGERY, "reason", "until"]).await?;
    found.check_form(fields.get(FORGERY))?;
    let Path(id) = path?;
    let id = parse_id(&id)?;
    let until_ms = fields.get("until").parse::<i64>().map_err(|_| {
        Problem::bad_request("`until` must be a time in Unix milliseconds; choose one on the page")
    })?;
    let wanted = DeferralWanted { reason: fields.get("reason").to_owned(), until_ms };
    deferred(&desk.app, &found.caller, &id, wanted).await?;
    Ok(see(&Place::action(&id)))
}

/// The form on the page of an action, for a request that expires at this time.
pub(super) fn form(page: &Place, forgery: &str, (now_ms, expires_ms): (i64, i64)) -> Markup {
    let content = html! {
        form method="post" action=(page.below("deferral")) {
            input type="hidden" name=(FORGERY) value=(forgery);
            p {
                label for="until" { "Put off for" }
                select id="until" name="until" {
                    @for (until_ms, text) in times(now_ms, expires_ms) {
                        option value=(until_ms) { (Plain::new(&text)) }
                    }
                }
            }
            p {
                label for="deferral-reason" { "Reason for putting it off" }
                textarea id="deferral-reason" name="reason" rows="2" maxlength=(REASON_MAX) required
                    aria-describedby="deferral-note" {}
                span id="deferral-note" {
                    "Until then, the request is in your inbox under “Put off”. You can still answer it, and so can \
                     others. It expires as before. People of your tenant see the reason; the agent sees only the time."
                }
            }
            p { button type="submit" { "Put off" } }
        }
    };
    fold("Put the request off", &content)
}

/// The times to choose from, in words. The last one is the expiry.
fn times(now_ms: i64, expires_ms: i64) -> Vec<(i64, String)> {
    let ends = MINUTES.iter().map(|minutes| (minutes * MINUTE_MS, now_ms + minutes * MINUTE_MS));
    let ends = ends.filter(|(_, until_ms)| *until_ms < expires_ms);
    let word = |span_ms: i64, until_ms| format!("{}, until {}", duration(span_ms), utc(until_ms));
    let mut times: Vec<(i64, String)> =
        ends.map(|(span_ms, until_ms)| (until_ms, word(span_ms, until_ms))).collect();
    times.push((expires_ms, format!("until it expires at {}", utc(expires_ms))));
    times
}

/// A deferral as a person sees it in one line.
pub(super) fn line(person: Option<&str>, until_ms: i64, reason: Option<&str>) -> Markup {
    html! {
        (Text::new(person.unwrap_or_default()).shown()) " until " (Time(until_ms).shown())
        @if let Some(reason) = reason { ": " (Text::new(reason).shown()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_after_the_expiry_and_the_expiry_can_be_chosen() {
        let spans = |left_minutes: i64| -> Vec<i64> {
            let expires_ms = 1_000 + left_minutes * MINUTE_MS;
            times(1_000, expires_ms).iter().map(|(at, _)| (at - 1_000) / MINUTE_MS).collect()
        };
        assert_eq!(spans(5), [5]);
        assert_eq!(spans(60), [15, 60]);
        assert_eq!(spans(61), [15, 60, 61]);
        assert_eq!(spans(20_000).len(), MINUTES.len() + 1);
    }

    #[test]
    fn what_a_person_wrote_is_escaped() {
        let shown = line(Some("bob"), 0, Some("<b>later</b>")).into_string();
        assert!(shown.contains("&lt;b&gt;later&lt;/b&gt;") && !shown.contains("<b>"), "{shown}");
        let form = form(&Place::inbox(), "zq-81", (0, 1)).into_string();
        assert!(form.contains("name=\"form_token\" value=\"zq-81\""), "{form}");
    }
}
