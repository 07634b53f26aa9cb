//! Parses the text of a policy line by line, and reports the first invalid line.

use super::{LogPolicy, Member, Rule};
use crate::note::{KeyError, VerifierKey, WitnessKey, decimal};

/// Maximum number of logs, of witnesses and of groups in a policy. C2SP requires support for at least 32 of each. A
/// note can have 64 signatures, which is enough for 32 witnesses.
const MEMBERS_MAX: usize = 32;
const TEXT_MAX: usize = 64 << 10;
/// The name in a `quorum` line that requires no witness.
const NONE: &str = "none";

/// The number of the invalid line, counted from 1, and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct PolicyError {
    pub line: usize,
    pub why: Fault,
}

/// Why a line of a policy is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the text has more than {TEXT_MAX} bytes")]
    Long,
    #[error("the line contains a control character; only tabs are allowed")]
    Control,
    #[error("the last line does not end with a newline")]
    End,
    #[error(
        "the line is not valid; write `log VKEY [URL]`, `witness NAME VKEY [URL]`, `group NAME any|all|K NAME…` or \
        `quorum NAME`"
    )]
    Line,
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("this key is used in an earlier line; every log and witness needs its own key")]
    KeyTwice,
    #[error("`{0}` is used in an earlier line; every witness and group needs its own name")]
    NameTwice(String),
    #[error("`{NONE}` means that no witness is required; it cannot be a name")]
    None,
    #[error("there is no witness or group `{0}` in the lines above")]
    Unknown(String),
    #[error("`{0}` is already in a group; a member can be in one group only")]
    MemberTwice(String),
    #[error(
        "`{0}` is neither `any`, `all` nor a number from 1 to {1}, the number of members in the group"
    )]
    Threshold(String, usize),
    #[error("a group needs at least one member")]
    Empty,
    #[error(
        "a policy can have at most {MEMBERS_MAX} logs, {MEMBERS_MAX} witnesses and {MEMBERS_MAX} groups"
    )]
    Many,
    #[error("there is a quorum in an earlier line; only one is allowed")]
    QuorumTwice,
    #[error("there is no quorum; end with `quorum NAME`, or `quorum none` to require no witness")]
    NoQuorum,
}

pub(super) fn parse(text: &str) -> Result<LogPolicy, PolicyError> {
    let at = |line| move |why| PolicyError { line, why };
    if text.len() > TEXT_MAX {
        return Err(at(1)(Fault::Long));
    }
    let mut reader = Reader::default();
    let mut last = 0;
    for (line, text) in (1..).zip(text.split_inclusive('\n')) {
        reader.line(text).map_err(at(line))?;
        last = line;
    }
    let quorum = reader.quorum.ok_or(at(last)(Fault::NoQuorum))?;
    let Reader { logs, members, .. } = reader;
    let quorum = match quorum {
        Quorum::Nobody => None,
        Quorum::Member(place) => Some(place),
    };
    Ok(LogPolicy { text: text.to_owned(), logs, members, quorum })
}

/// The policy under construction.
#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    members: Vec<Member>,
    /// Members that are already in a group.
    placed: Vec<usize>,
    quorum: Option<Quorum>,
}

/// The content of the `quorum` line.
enum Quorum {
    Nobody,
    Member(usize),
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        let line = line.strip_suffix('\n').ok_or(Fault::End)?;
        if line.bytes().any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f) {
            return Err(Fault::Control);
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] | ["log", key, _] => self.log(key),
            ["witness", name, key] | ["witness", name, key, _] => self.witness(name, key),
            ["group", name, least, of @ ..] => self.group(name, least, of),
            ["quorum", name] => self.quorum(name),
            _ => Err(Fault::Line),
        }
    }

    fn log(&mut self, key: &str) -> Result<(), Fault> {
        let key: VerifierKey = key.parse()?;
        if self.logs.iter().any(|log| log.wraps(key.public())) {
            return Err(Fault::KeyTwice);
        }
        room(self.logs.len())?;
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str) -> Result<(), Fault> {
        let key: WitnessKey = key.parse()?;
        let witnesses = || {
            self.members.iter().filter_map(|member| match &member.rule {
                Rule::Witness(key) => Some(key),
                Rule::Group(..) => None,
            })
        };
        if witnesses().any(|witness| witness.wraps(key.public())) {
            return Err(Fault::KeyTwice);
        }
        room(witnesses().count())?;
        self.add(name, Rule::Witness(key))
    }

    fn group(&mut self, name: &str, least: &str, of: &[&str]) -> Result<(), Fault> {
        let mut members = Vec::with_capacity(of.len());
        for member in of {
            let place = self.find(member)?;
            if self.placed.contains(&place) {
                return Err(Fault::MemberTwice((*member).to_owned()));
            }
            self.placed.push(place);
            members.push(place);
        }
        let least = threshold(least, members.len())?;
        room(self.members.iter().filter(|m| matches!(m.rule, Rule::Group(..))).count())?;
        self.add(name, Rule::Group(least, members))
    }

    fn quorum(&mut self, name: &str) -> Result<(), Fault> {
        if self.quorum.is_some() {
            return Err(Fault::QuorumTwice);
        }
        self.quorum =
            Some(if name == NONE { Quorum::Nobody } else { Quorum::Member(self.find(name)?) });
        Ok(())
    }

    fn add(&mut self, name: &str, rule: Rule) -> Result<(), Fault> {
        if name == NONE {
            return Err(Fault::None);
        }
        if self.members.iter().any(|member| member.name == name) {
            return Err(Fault::NameTwice(name.to_owned()));
        }
        self.members.push(Member { name: name.to_owned(), rule });
        Ok(())
    }

    fn find(&self, name: &str) -> Result<usize, Fault> {
        if name == NONE {
            return Err(Fault::None);
        }
        let place = self.members.iter().position(|member| member.name == name);
        place.ok_or_else(|| Fault::Unknown(name.to_owned()))
    }
}

fn room(taken: usize) -> Result<(), Fault> {
    if taken < MEMBERS_MAX { Ok(()) } else { Err(Fault::Many) }
}

fn threshold(word: &str, members: usize) -> Result<usize, Fault> {
    let least = match word {
        _ if members == 0 => return Err(Fault::Empty),
        "any" => Some(1),
        "all" => Some(members),
        number => decimal(number).and_then(|number| usize::try_from(number).ok()),
    };
    let fits = least.filter(|least| (1..=members).contains(least));
    fits.ok_or_else(|| Fault::Threshold(word.chars().take(40).collect(), members))
}
