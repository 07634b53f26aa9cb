//! How people decided: how many answers of each person held, and how long people took.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::decisions::{Answered, Newest};
use super::super::parts::{Cells, duration, facts, note, paragraph, section, table};
use super::super::text::{Shown as _, Text};

const HEADS: [&str; 5] = ["Person", "Approved", "Denied", "Held", "Median time to answer"];

/// The answers of one person.
#[derive(Debug, Default)]
struct Person {
    approved: usize,
    denied: usize,
    held: usize,
    waited_ms: Vec<i64>,
}

impl Person {
    fn add(&mut self, answer: &Answered) {
        let count = if answer.approves { &mut self.approved } else { &mut self.denied };
        *count += 1;
        self.held += usize::from(answer.held);
        self.waited_ms.push(answer.waited_ms);
    }
}

/// The decisions of people about the newest actions that ended.
pub(super) fn decisions(newest: &Newest) -> Markup {
    let mut people: BTreeMap<&str, Person> = BTreeMap::new();
    for answer in newest.told.iter().flat_map(|told| &told.answers) {
        people.entry(&answer.person).or_default().add(answer);
    }
    let asked = newest.told.iter().filter(|told| told.was_asked);
    let expired = asked.clone().filter(|told| told.status == "expired").count();
    let rows = [
        ("Actions that ended", newest.told.len().shown()),
        ("People were asked about", asked.count().shown()),
        ("Expired without enough answers", expired.shown()),
    ];
    let cells: Vec<Cells> = people.iter().map(|(name, person)| cells(name, person)).collect();
    let content = html! {
        p { "Among the newest 500 actions of the tenant. An answer held if it was not void at the end." }
        @if newest.is_partial {
            (note(&"The host has not read all of these actions yet; it reads more when this page is loaded again."))
        }
        (facts(&rows))
        @if cells.is_empty() { (paragraph(&"Nobody has answered. Here would be how each person decided.")) }
        @else { (table("Answers by person", &HEADS, &cells)) }
    };
    section("people", "Decisions of people", &content)
}

fn cells(name: &str, person: &Person) -> Cells {
    let median = median(&person.waited_ms).map(duration);
    vec![
        Text::new(name).shown(),
        person.approved.shown(),
        person.denied.shown(),
        person.held.shown(),
        median.as_deref().map(Text::new).shown(),
    ]
}

/// The middle one of these numbers, the lower one of two.
fn median(numbers: &[i64]) -> Option<i64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_one_of_the_numbers() {
        for (numbers, expected) in
            [(vec![], None), (vec![5], Some(5)), (vec![9, 1], Some(1)), (vec![9, 1, 4], Some(4))]
        {
            assert_eq!(median(&numbers), expected);
        }
    }
}
