//! Prints the table of classes on the terminal and compares it with docs/tamper.md, which must have the same classes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use deed_tests::services::workspace;

use crate::class::{Class, End, Found};
use crate::{classes, word};

pub(crate) type Counts = BTreeMap<&'static str, Found>;

/// A line for every class that ran.
pub(crate) fn lines(book: &Counts) -> Vec<String> {
    let ran = |class: &Class| book.get(class.name).map(|found| (*class, found.clone()));
    let rows = classes::all();
    let rows = rows.iter().filter_map(ran);
    rows.map(|(class, found)| {
        format!(
            "{:<36} {:>8}  {}  {}",
            class.name,
            found.mutations,
            caught(&found),
            note(class, &found)
        )
    })
    .collect()
}

/// The number of mutations that each check caught, largest number first.
fn caught(found: &Found) -> String {
    let mut by: Vec<(&String, &usize)> = found.caught.iter().collect();
    by.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let words: Vec<String> = by.iter().map(|(name, count)| format!("{name} {count}")).collect();
    words.join(", ")
}

fn note(class: Class, found: &Found) -> String {
    let count = found.verified.len();
    match class.end {
        End::Caught => String::new(),
        End::Word => format!("; {count} are the host's own word"),
        End::Witness => format!("; 0 caught in one bundle, {count} for a witness"),
        End::Idle => format!("; {count} passed over, as C2SP signed-note says"),
    }
}

/// The last line of the table. If the run passes, this line states that no mutation that can be detected from one
/// bundle was verified.
pub(crate) fn end(book: &Counts) -> String {
    let (mut mutations, mut verified) = (0, 0);
    for class in classes::all() {
        let Some(found) = book.get(class.name) else { continue };
        mutations += found.mutations;
        match class.end {
            End::Caught => verified += found.verified.len(),
            // Verified mutations of fields that only the host states are subtracted here, because they are not expected
            // to be caught and have lines of their own.
            End::Word => {
                mutations -= found.verified.len();
                let through = found.verified.iter().filter(|what| !word::is_listed(what)).count();
                (mutations, verified) = (mutations + through, verified + through);
            }
            End::Witness | End::Idle => mutations -= found.verified.len(),
        }
    }
    format!("tamper: {mutations} mutations, {verified} verified")
}

const PAGE: &str = "docs/tamper.md";
const BEGIN: &str = "<!-- classes -->\n";
const FINISH: &str = "<!-- end of classes -->\n";

/// The differences between the page and this run; `BLESS=1` writes the page instead.
pub(crate) fn differences(book: &Counts, full: bool) -> Vec<String> {
    let through = words(book);
    let path = workspace().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (table, tail) = rest.split_once(FINISH).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, [head, BEGIN, &rows(book), FINISH, tail].concat()).unwrap();
        return vec![];
    }
    let named: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let ran: BTreeSet<&str> = classes::all().iter().map(|class| class.name).collect();
    let lacks = ran.difference(&named).map(|name| format!("{PAGE} lacks the class `{name}`"));
    let stale =
        named.difference(&ran).map(|name| format!("{PAGE} names `{name}`, which is not a class"));
    let mut out: Vec<String> = lacks.chain(stale).collect();
    if full {
        out.extend(word::stale(&through));
    }
    out
}

/// The mutations that were verified because only the host states these fields.
pub(crate) fn words(book: &Counts) -> BTreeSet<String> {
    let found = ["host/claims", "host/fields"].into_iter().filter_map(|name| book.get(name));
    found.flat_map(|found| found.verified.iter().cloned()).collect()
}

/// The rows of the page: class, description, number of mutations in this run, caught by, verified.
fn rows(book: &Counts) -> String {
    let mut out =
        "| class | what is done | mutations | caught by | verified |\n|---|---|---|---|---|\n"
            .to_owned();
    for class in classes::all() {
        let found = book.get(class.name).cloned().unwrap_or_default();
        let verified = match class.end {
            End::Caught => found.verified.len().to_string(),
            End::Word => format!(
                "{}: the host's own word, in [`word.txt`](../tests/tamper/word.txt)",
                found.verified.len()
            ),
            End::Witness => "0 caught; only a witness or another reader can".to_owned(),
            End::Idle => "passed over, as C2SP signed-note says; nothing rests on it".to_owned(),
        };
        let caught = caught(&found);
        let row = format!(
            "| `{}` | {} | {} | {caught} | {verified} |\n",
            class.name, class.what, found.mutations
        );
        out.push_str(&row);
    }
    out
}
