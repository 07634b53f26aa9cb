//! `deed defer`: puts a request for approval off for the person whose token the command has.

use std::process::ExitCode;
use std::str::FromStr;

use deed_record::timeline::{from_utc, utc};
use deed_system::clock::Clock;

use super::client::{Connection, action_path};
use super::next::Next;
use super::out::{self, Failure, Format};
use super::page;
use super::span::Span;
use crate::api::deferral::DeferralWanted;
use crate::api::view::View;

/// Put a request for approval off until a time, without answering it
///
/// Until then, you get no reminder of the request, and the console shows it under `Put off`. You can still answer it,
/// and so can others. The request expires as before. People of your tenant see the reason; the agent sees only the
/// time. You can put off a request that you may answer and have not approved.
///
/// Example: `deed defer ID --until 4h --reason "I wait for the owner of the account"`
#[derive(Debug, clap::Args)]
pub(super) struct DeferArgs {
    /// The action's id
    id: String,
    /// How long, such as 30m, 4h or 2d, or until which time in UTC, such as 2027-03-01T09:00:00Z; at most until the
    /// request expires
    #[arg(long, value_name = "TIME")]
    until: Until,
    /// Why you cannot answer yet, in at most 500 characters
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    format: Format,
}

/// The end of a deferral, as it was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    /// This long after the command was started.
    Span(Span),
    /// Unix milliseconds.
    Time(i64),
}

impl Until {
    /// The end in Unix milliseconds, if it is now this time on this machine.
    fn at(self, now_ms: i64) -> i64 {
        match self {
            Self::Span(span) => span.end(now_ms),
            Self::Time(at_ms) => at_ms,
        }
    }
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = text.parse::<Span>().ok().map(Self::Span);
        span.or_else(|| from_utc(text).map(Self::Time)).ok_or_else(|| {
            "write a whole number and s, m, h or d, as in 4h, or a time in UTC, as in 2027-03-01T09:00:00Z"
                .to_owned()
        })
    }
}

pub(super) fn run(args: &DeferArgs) -> Result<ExitCode, Failure> {
    let path = action_path(&args.id, "/deferral")?;
    let until_ms = args.until.at(Clock::default().now_ms());
    let wanted = DeferralWanted { reason: args.reason.clone(), until_ms };
    let body = serde_json::to_vec(&wanted).map_err(Failure::failed)?;
    let next = Next::new(&args.connection, args.format);
    let again = format!("deed defer {} --until TIME --reason TEXT", args.id);
    let refused = |failure| next.remedy(next.explain(failure, &args.id), 400, &again);
    let view: View = args.connection.open()?.post(&path, &[], &body).map_err(refused)?;
    args.format.print(&view, page::of)?;
    if !args.format.json {
        out::note(&format!("put off until {}; you can still answer it", utc(until_ms)));
    }
    next.show(&view.id);
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_a_span_from_now_or_a_time() {
        let at = |text: &str| text.parse::<Until>().map(|until| until.at(1_000));
        for (text, ms) in [
            ("0s", 1_000),
            ("30m", 1_801_000),
            ("2d", 172_801_000),
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-02 00:00:00Z", 86_400_000),
        ] {
            assert_eq!(at(text), Ok(ms), "{text}");
        }
        for text in ["", "4", "h", "-4h", "1970-01-02", "1970-01-02T00:00:00", "tomorrow"] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
