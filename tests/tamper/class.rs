//! A class of mutations and its results: which check caught each mutation, or that none did.

use std::collections::BTreeMap;

use deed_record::bundle::{self, Files};
use deed_tests::dice::Dice;
use deed_verify::{Line, Report, Status, Trust, Verdict, verify};

use crate::samples::{Bench, Sample};

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
    /// No mutation is verified.
    Caught,
    /// Some are the host's own statement about itself and cannot be contradicted; `word.txt` lists them all.
    Word,
    /// Nothing in one bundle shows it.
    Witness,
    /// No reader relies on it, and the format tells readers to ignore it.
    Idle,
}

/// Receives the mutations: each is verified at once and counted.
pub(crate) struct Sink<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) dice: Dice,
    /// Every place, or a sample.
    pub(crate) full: bool,
    pub(crate) found: Found,
    /// One mutated bundle for each check that caught one, for other implementations.
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
    /// A mutated file. A file that the host itself would produce does not count.
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

    /// Mutated parts in a valid container.
    pub(crate) fn files(&mut self, what: &str, files: &Files) {
        match bundle::write(files) {
            Ok(bytes) => self.bytes(what, &bytes),
            // The writer refuses names and sizes that no bundle has; a verifier must find them too.
            Err(_) => self.bytes(what, &crate::classes::container::zip(files)),
        }
    }

    /// The unchanged bundle under other trust.
    pub(crate) fn trust(&mut self, what: &str, bytes: &[u8], trust: &Trust) {
        self.judge(what, &verify(bytes, Some(trust)));
    }

    fn judge(&mut self, what: &str, report: &Report) {
        match first_failing(report) {
            Some(check) => self.found.caught_by(check),
            None => self.found.through(what),
        }
    }

    /// Whether to try this one of many.
    pub(crate) fn picks(&mut self, many: usize, of: usize) -> bool {
        self.full || of <= many || self.dice.index(of) < many
    }
}

/// The first check that fails, or the first one skipped where the verdict depends on it.
pub(crate) fn first_failing(report: &Report) -> Option<&'static str> {
    // Without a policy no witnesses are required: that line is skipped whatever else is missing.
    let asked = |name: &str| name != "witnesses";
    let is = |line: &&Line, status| line.status == status && asked(line.name);
    let with = |status: Status| report.checks.iter().find(|line| is(line, status));
    match report.verdict {
        Verdict::Verified | Verdict::SignaturesOnly => None,
        Verdict::Failed => with(Status::Fail).map(|line| line.name),
        Verdict::Unverifiable => with(Status::Skip).map(|line| line.name),
    }
}
