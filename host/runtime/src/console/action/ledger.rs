//! The ledger of an action, one line for each event. While the host repeats an observation, the same two lines recur, so
//! lines that recur are shown once.

use deed_record::timeline::Line;
use maud::{Markup, html};

use super::super::parts::{linked, section};
use super::super::text::{Shown as _, Time};
use super::evidence::{ROWS, more};
use crate::api::view::View;

/// The maximum number of lines that recur together.
const PERIOD_MAX: usize = 2;
/// How often lines must recur so that they are shown once.
const TIMES_MIN: usize = 3;

/// Lines that follow each other, and how often they recur.
struct Run<'a> {
    lines: &'a [Line],
    times: usize,
    /// The time of the last line, in Unix milliseconds.
    until_ms: i64,
}

pub(super) fn of(view: &View) -> Markup {
    let runs = runs(&view.ledger);
    let content = html! {
        ol class="timeline" {
            @for run in runs.iter().take(ROWS) {
                @for line in run.lines { li { (Time(line.at_ms)) span { (linked(&line.text)) } } }
                @if run.times > 1 { li { (Time(run.until_ms)) span { (recurs(run)) } } }
            }
        }
        (more(runs.len()))
    };
    section("ledger", "Ledger (UTC)", &content)
}

fn recurs(run: &Run<'_>) -> Markup {
    let what = if run.lines.len() == 1 { "the line above" } else { "the two lines above" };
    html! { (what) ", " ((run.times - 1).shown()) " more times until this time" }
}

/// Splits the lines into runs: lines that recur often enough, and single lines.
fn runs(all: &[Line]) -> Vec<Run<'_>> {
    let mut found = Vec::new();
    let mut rest = all;
    while !rest.is_empty() {
        let run = run(rest);
        rest = rest.get(run.lines.len() * run.times..).unwrap_or_default();
        found.push(run);
    }
    found
}

/// The run at the beginning of these lines.
fn run(rest: &[Line]) -> Run<'_> {
    let recurring = (1..=PERIOD_MAX).filter_map(|period| {
        let lines = rest.get(..period)?;
        let times =
            rest.chunks_exact(period).take_while(|chunk| says_the_same(chunk, lines)).count();
        Some((lines, times)).filter(|(_, times)| *times >= TIMES_MIN)
    });
    let (lines, times) =
        recurring.into_iter().next().unwrap_or((rest.get(..1).unwrap_or_default(), 1));
    let last = rest.get((lines.len() * times).saturating_sub(1));
    Run { lines, times, until_ms: last.map_or(0, |line| line.at_ms) }
}

fn says_the_same(some: &[Line], other: &[Line]) -> bool {
    some.iter().map(|line| &line.text).eq(other.iter().map(|line| &line.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[&str]) -> Vec<Line> {
        let line = |(at_ms, text): (i64, &&str)| Line {
            at_ms,
            event: "observed".into(),
            text: (*text).to_owned(),
        };
        (0..).zip(texts).map(line).collect()
    }

    fn shape(texts: &[&str]) -> Vec<(usize, usize, i64)> {
        runs(&told(texts)).iter().map(|run| (run.lines.len(), run.times, run.until_ms)).collect()
    }

    #[test]
    fn lines_that_recur_are_one_run() {
        assert_eq!(shape(&["a", "b", "a", "b", "a", "b", "c"]), [(2, 3, 5), (1, 1, 6)]);
        assert_eq!(shape(&["a", "a", "a", "b"]), [(1, 3, 2), (1, 1, 3)]);
        assert_eq!(shape(&["a", "b", "a", "b", "c"]).len(), 5, "twice is not often");
        assert_eq!(shape(&[]), []);
    }

    #[test]
    fn no_line_is_lost() {
        let texts = ["x", "a", "b", "a", "b", "a", "b", "a", "y"];
        let count: usize = runs(&told(&texts)).iter().map(|run| run.lines.len() * run.times).sum();
        assert_eq!(count, texts.len());
    }
}
