//! A class of mutations of bundles, and the results of each class: how many mutations each check caught, and which
//! mutations no check caught.

use std::collections::BTreeMap;

use deed_record::bundle::{self, Files};
use deed_tests::rng::Rng;
use deed_verify::{Line, Report, Status, Trust, Verdict, verify};

use crate::samples::{Bench, KINDS, Sample};

/// One class: a name, a description, and the mutations of one sample.
#[derive(Clone, Copy)]
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) make: fn(&mut Sink<'_>, &Sample),
    pub(crate) end: End,
}

/// The expected result of every mutation of a class.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The verifier must not verify any mutation of the class.
    Caught,
    /// Mutations of certain fields may be verified, because these fields are the host's statements about itself, and no
    /// other part of a bundle contradicts them. `word.txt` lists them.
    Word,
    /// The mutation cannot be detected from a single bundle, so another party must detect it, such as a witness.
    Witness,
    /// The mutations are harmless: no reader relies on the mutated part, and the format tells readers to ignore it.
    Idle,
}

/// Receives the mutations, and verifies and counts each mutation at once.
pub(crate) struct Sink<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) rng: Rng,
    /// Whether to mutate every place or only a sample.
    pub(crate) full: bool,
    pub(crate) found: Found,
    /// For each check, one mutated bundle that it caught, as a test vector for other implementations.
    pub(crate) kept: BTreeMap<&'static str, (String, Vec<u8>, Verdict)>,
}

/// The results of the mutations of a class.
#[derive(Default, Clone)]
pub(crate) struct Found {
    pub(crate) mutations: usize,
    pub(crate) caught: BTreeMap<String, usize>,
    /// Mutations that were verified, by name.
    pub(crate) verified: Vec<String>,
}

impl Found {
    pub(crate) fn add(&mut self, other: &Self) {
        self.mutations += other.mutations;
        for (name, count) in &other.caught {
            *self.caught.entry(name.clone()).or_default() += count;
        }
        self.verified.extend(other.verified.iter().cloned());
    }

    pub(crate) fn caught_by(&mut self, check: &str) {
        self.mutations += 1;
        *self.caught.entry(check.to_owned()).or_default() += 1;
    }

    pub(crate) fn through(&mut self, what: &str) {
        self.mutations += 1;
        self.verified.push(what.to_owned());
    }
}

impl Sink<'_> {
    /// Verifies and counts a mutated file. A file that the host itself produces does not count as a mutation.
    pub(crate) fn bytes(&mut self, what: &str, bytes: &[u8]) {
        if !self.bench.honest.contains(bytes) {
            let report = verify(bytes, Some(&self.bench.trust));
            self.judge(what, &report);
            if let Some(check) = first_failing(&report) {
                let keep = || (what.to_owned(), bytes.to_vec(), report.verdict);
                self.kept.entry(check).or_insert_with(keep);
            }
        }
    }

    /// Verifies and counts a bundle with mutated parts in a valid container.
    pub(crate) fn files(&mut self, what: &str, files: &Files) {
        match bundle::write(files) {
            Ok(bytes) => self.bytes(what, &bytes),
            // This project's writer refuses invalid names and sizes, but a verifier must detect them, too.
            Err(_) => self.bytes(what, &crate::classes::container::zip(files)),
        }
    }

    /// Verifies an unchanged bundle with different trusted keys, and counts the result as that of a mutation.
    pub(crate) fn trust(&mut self, what: &str, bytes: &[u8], trust: &Trust) {
        self.judge(what, &verify(bytes, Some(trust)));
    }

    fn judge(&mut self, what: &str, report: &Report) {
        match first_failing(report) {
            Some(check) => self.found.caught_by(check),
            None => self.found.through(what),
        }
    }

    /// Decides at random whether to try a mutation, so that a sample tries about `many` of `of` mutations.
    pub(crate) fn picks(&mut self, many: usize, of: usize) -> bool {
        self.full || of <= many || self.rng.index(of) < many
    }
}

impl<'a> Sink<'a> {
    /// The bundles from which parts are taken. A sample run takes about ten of them, because the number of pairs of
    /// bundles grows with the square of the number of kinds.
    pub(crate) fn others(&mut self) -> Vec<&'a Sample> {
        let bench = self.bench;
        bench.samples.iter().filter(|_| self.picks(10, KINDS.len())).collect()
    }
}

/// The first check that fails, or else the first skipped check on which the verdict depends.
pub(crate) fn first_failing(report: &Report) -> Option<&'static str> {
    // Without a witness policy, no witnesses are required, so the check `witnesses` is always skipped.
    let asked = |name: &str| name != "witnesses";
    let is = |line: &&Line, status| line.status == status && asked(line.name);
    let with = |status: Status| report.checks.iter().find(|line| is(line, status));
    match report.verdict {
        Verdict::Verified | Verdict::SignaturesOnly => None,
        Verdict::Failed => with(Status::Fail).map(|line| line.name),
        Verdict::Unverifiable => with(Status::Skip).map(|line| line.name),
    }
}
