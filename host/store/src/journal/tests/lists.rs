//! Tests that the lists that the index finds equal the result of filtering every row.

use super::super::index::{Applied, Staged};
use super::super::record::Framed;
use super::*;

/// Returns the next number of a pseudo-random sequence that is the same in every test run.
fn random(state: &mut u64, sides: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % sides
}

fn some(word: &str, number: u64, of: u64) -> Option<String> {
    (number < of).then(|| format!("{word}{number}"))
}

/// The result of filtering every row.
fn looked_at(rows: &[(String, Row)], filter: &Filter, limit: usize) -> Vec<String> {
    let takes = |row: &Row| {
        let s = &row.summary;
        filter.agent.as_ref().is_none_or(|agent| *agent == s.agent)
            && filter.status.as_ref().is_none_or(|status| *status == s.status)
            && filter.resource.as_ref().is_none_or(|resource| *resource == s.resource)
            && filter.trace.as_ref().is_none_or(|trace| Some(trace) == s.trace.as_ref())
            && filter.since_ms.is_none_or(|since_ms| s.at_ms >= since_ms)
            && (!filter.ended || s.ended)
    };
    rows.iter().filter(|(_, row)| takes(row)).map(|(id, _)| id.clone()).take(limit).collect()
}

#[tokio::test]
async fn every_filter_gives_what_a_look_at_every_row_gives() {
    let (scratch, mut state) = (Scratch::new(), 7);
    let mut journal = scratch.open();
    for n in 0..400 {
        let mut roll = |sides| random(&mut state, sides);
        let tenant = if roll(5) == 0 { "acme\0" } else { "acme" };
        let mut first = append(&format!("a{:03}", roll(300)), 0, "x");
        let before = journal.row(&first.action).unwrap();
        first.expect = before.as_ref().map_or(0, |row| row.version);
        let (status, ended) = [("waiting", false), ("verified", true), ("failed", true)]
            [usize::try_from(roll(3)).unwrap()];
        first.summary = Summary {
            agent: format!("agent{}", roll(3)),
            resource: format!("r/{}", roll(6)),
            trace: some("trace", roll(8), 4),
            at_ms: n,
            ..summary(tenant, status, ended)
        };
        first.durable = n % 50 == 0;
        journal.append(first).await.unwrap();
    }
    for _ in 0..2 {
        let rows = journal.list("acme", &Filter::default(), usize::MAX).unwrap();
        assert!(rows.len() > 100 && rows.is_sorted_by(|one, other| one.0 > other.0));
        for _ in 0..300 {
            let mut roll = |sides| random(&mut state, sides);
            let words = ["waiting", "verified", "failed", "never"];
            let filter = Filter {
                agent: some("agent", roll(8), 4),
                status: words.get(usize::try_from(roll(8)).unwrap()).map(|w| (*w).to_owned()),
                resource: some("r/", roll(14), 7),
                trace: some("trace", roll(10), 5),
                since_ms: i64::try_from(roll(800)).ok().filter(|ms| *ms < 400),
                ended: roll(4) == 0,
                ..Filter::default()
            };
            let limit = usize::try_from(1 + roll(20)).unwrap();
            assert_eq!(
                ids(&journal, &filter, limit),
                looked_at(&rows, &filter, limit),
                "{filter:?}"
            );
        }
        assert_eq!(journal.latest_ms(), 399);
        drop(journal);
        // The index is rebuilt from the records alone.
        fs::remove_dir_all(scratch.path("index")).unwrap();
        journal = scratch.open();
    }
}

#[tokio::test]
async fn an_index_of_an_older_form_is_made_again() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    journal.append(append("a1", 0, "one")).await.unwrap();
    drop(journal);
    let older = sled::Config::new().path(scratch.path("index")).open().unwrap();
    let now = older.get("m").unwrap().unwrap();
    older.clear().unwrap();
    // The previous version of `deed` stored the position and hash of the last record without a format version.
    older.insert("m", [&now[1..17], &now[25..]].concat()).unwrap();
    older.insert("of before", "a1").unwrap();
    older.flush().unwrap();
    drop(older);
    let journal = scratch.open();
    assert_eq!(texts(&journal, "a1"), ["one"]);
    assert_eq!(ids(&journal, &Filter::default(), 9), ["a1"]);
}

/// Two indexes return the same results: one passes each change to sled immediately, and the other passes several
/// changes together.
#[test]
fn what_sled_was_not_told_counts_like_what_it_was() {
    let (scratch, mut state) = (Scratch::new(), 11);
    let open = |name: &str| Index::open(&scratch.path(name)).unwrap().0;
    let (each, mixed) = (open("each"), open("mixed"));
    for n in 0..600_u32 {
        let mut roll = |sides| random(&mut state, sides);
        let action = format!("a{:02}", roll(60));
        let (status, ended) =
            [("waiting", false), ("verified", true)][usize::try_from(roll(2)).unwrap()];
        let envelope = Framed {
            seq: u64::from(n),
            version: each.row(&action).unwrap().map_or(1, |row| row.version + 1),
            action,
            lengths: vec![1],
            summary: Summary {
                agent: format!("agent{}", roll(3)),
                ..summary("acme", status, ended)
            },
            claim: some("k", roll(8), 4).map(|key| claim(&key, i64::from(n))),
            nonces: vec![],
            durable: None,
        };
        let place = Place { segment: 1, offset: u64::from(n) };
        for (index, settles) in [(&each, true), (&mixed, roll(20) == 0)] {
            let mut staged = Staged::new(index);
            staged.put(&envelope).unwrap();
            staged.place(&envelope.action, place);
            staged.apply(&Applied { place, hash: [0; 32] });
            if settles {
                index.settle().unwrap();
            }
        }
        let status = |word: &str| Some(word.to_owned());
        for filter in [
            Filter::default(),
            Filter { status: status("verified"), ..Filter::default() },
            Filter { status: status("waiting"), agent: status("agent1"), ..Filter::default() },
        ] {
            let listed = |index: &Index| index.list("acme", &filter, 20).unwrap();
            assert_eq!(listed(&mixed), listed(&each), "{n}: {filter:?}");
        }
        assert_eq!(mixed.open_actions().unwrap(), each.open_actions().unwrap(), "{n}");
        let of = |index: &Index| index.places(&envelope.action).unwrap();
        assert_eq!(of(&mixed), of(&each), "{n}");
        let holder = |index: &Index| index.holder("acme", "helpdesk", "k1").unwrap();
        assert_eq!(holder(&mixed), holder(&each), "{n}");
    }
}

/// Ended actions that are older than many open ones are found in a few steps if only ended actions are searched for.
#[tokio::test]
async fn open_actions_do_not_hide_ended_ones() {
    let scratch = Scratch::new();
    let journal = scratch.open();
    for n in 0..100 {
        let (status, ended) = if n == 0 { ("mismatch", true) } else { ("waiting", false) };
        let summary = summary("acme", status, ended);
        let first = Append { summary, ..append(&format!("a{n:03}"), 0, "x") };
        journal.append(first).await.unwrap();
    }
    let found = |ended| {
        let filter = Filter { status: Some("mismatch".to_owned()), ended, ..Filter::default() };
        let page = journal.page("acme", &filter, &Span { from: None, rows: 9, steps: 10 }).unwrap();
        page.rows.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(found(true), ["a000"]);
    assert_eq!(found(false), [""; 0], "99 open actions take more than 10 steps");
}
