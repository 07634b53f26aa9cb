//! Parses strace output into the host's writes, syncs and sent messages, in order, and finds every byte that was sent
//! too early.

use std::collections::{BTreeMap, BTreeSet};

/// Names of the events that must be durable before an answer of the host reports them.
const WEIGHTY: [&str; 8] = [
    "proposed",
    "asked",
    "answered",
    "cancel_requested",
    "attempt_started",
    "write_intended",
    "attempt_ended",
    "sealed",
];

/// The ports of the host and of the upstream, to tell their sockets apart.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) host: u16,
    pub(super) upstream: u16,
}

/// System calls in the order in which they began, with the position in the trace at which each call ended.
pub(super) struct Trace {
    steps: Vec<Step>,
}

/// One step of a trace.
enum Step {
    /// Bytes written to a file.
    Wrote { path: String, bytes: String },
    /// A sync of a file begins. The step at which the sync ends has the same number.
    SyncBegins { call: usize },
    /// A sync succeeded.
    SyncEnds { path: String, call: usize },
    /// Bytes sent to a caller, by socket.
    Answered { socket: String, bytes: String },
    /// Bytes sent to the upstream.
    Sent { bytes: String },
}

/// The result of checking a trace.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// 2xx answers to POST requests.
    pub(super) answers: usize,
    /// Writes that were sent to the upstream.
    pub(super) writes: usize,
    pub(super) checkpoints: usize,
    pub(super) faults: Vec<String>,
}

/// One line of strace: the thread, the call, its arguments, and whether the line resumes an unfinished call.
struct Call<'a> {
    thread: &'a str,
    name: &'a str,
    rest: &'a str,
    resumed: bool,
}

impl Trace {
    pub(super) fn read(lines: &[String], ports: Ports) -> Self {
        let mut steps = Vec::new();
        // Syncs that have begun, by thread.
        let mut open: BTreeMap<&str, (String, usize)> = BTreeMap::new();
        for (number, line) in lines.iter().enumerate() {
            let Some(call) = Call::parse(line) else { continue };
            let is_sync = matches!(call.name, "fsync" | "fdatasync");
            if call.resumed {
                let begun = open.remove(call.thread).filter(|_| is_sync);
                if let Some((path, call)) = begun.filter(|_| line.ends_with(" = 0")) {
                    steps.push(Step::SyncEnds { path, call });
                }
                continue;
            }
            let target = call.target();
            if is_sync {
                let path = target.to_owned();
                steps.push(Step::SyncBegins { call: number });
                if line.ends_with("<unfinished ...>") {
                    open.insert(call.thread, (path, number));
                } else if line.ends_with(" = 0") {
                    steps.push(Step::SyncEnds { path, call: number });
                }
                continue;
            }
            let bytes = texts(call.rest);
            steps.extend(step(target, bytes, ports));
        }
        Self { steps }
    }

    /// Finds every message that was sent before its data was durable. `notes` are the checkpoints that callers
    /// received.
    pub(super) fn check(&self, notes: &[String]) -> Found {
        let mut found = Found::default();
        let mut disk = Disk::default();
        // For each socket, the part of the answer sent so far, and the data that was durable when its first byte was
        // sent.
        let mut answers: BTreeMap<&str, Begun> = BTreeMap::new();
        for step in &self.steps {
            match step {
                Step::Answered { socket, bytes } => {
                    if bytes.starts_with("HTTP/1.1 ") {
                        let tail = disk.tail.get(..disk.durable).unwrap_or_default();
                        let begun = (bytes.clone(), disk.events.clone(), tail.to_owned());
                        if let Some(before) = answers.insert(socket, begun) {
                            found.answer(&before);
                        }
                        found.checkpoint(bytes, notes, &disk);
                    } else if let Some((so_far, ..)) = answers.get_mut(socket.as_str()) {
                        so_far.push_str(bytes);
                    }
                }
                Step::Sent { bytes } => found.write(bytes, &disk),
                other => disk.take(other),
            }
        }
        for answer in answers.values() {
            found.answer(answer);
        }
        found
    }
}

/// The part of an answer sent so far, and the journal and log data that was durable when its first byte was sent.
type Begun = (String, BTreeSet<(String, String)>, String);

/// The data on disk, according to the system calls.
#[derive(Default)]
struct Disk {
    /// Action and event of each record, including records that are written but not yet synced.
    written: Vec<(String, String)>,
    /// Bytes of the log's file TAIL, whose entries are not in tiles yet.
    tail: String,
    /// The lengths of `written` and `tail` when each sync began, by the number of the sync.
    begun: BTreeMap<usize, (usize, usize)>,
    events: BTreeSet<(String, String)>,
    /// The number of durable bytes of the log's file TAIL.
    durable: usize,
    /// The action about each user, taken from the proposals.
    users: BTreeMap<String, String>,
}

impl Disk {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Wrote { path, bytes } if path.contains("/segments/") => self.records(bytes),
            Step::Wrote { path, bytes } if path.ends_with("/TAIL") => self.tail.push_str(bytes),
            Step::SyncBegins { call } => {
                self.begun.insert(*call, (self.written.len(), self.tail.len()));
            }
            Step::SyncEnds { path, call } => {
                let (records, tail) = self.begun.get(call).copied().unwrap_or_default();
                if path.contains("/segments/") {
                    self.events.extend(self.written[..records].iter().cloned());
                } else if path.ends_with("/TAIL") {
                    self.durable = self.durable.max(tail);
                }
            }
            _ => {}
        }
    }

    /// Reads the records of the journal. Each record contains the id of its action and the names of its events.
    fn records(&mut self, bytes: &str) {
        for record in bytes.split("{\"seq\":").skip(1) {
            let action = between(record, "\"action\":\"", '"').unwrap_or_default();
            for event in record.split("\"event\":{\"").skip(1) {
                let name = event.split('"').next().unwrap_or_default().to_owned();
                if name == "proposed"
                    && let Some(user) = between(event, "\"resource\":\"idp/users/", '"')
                {
                    self.users.insert(user, action.clone());
                }
                self.written.push((action.clone(), name));
            }
        }
    }
}

impl Found {
    /// Checks an answer about an action against what was durable when its first byte left.
    fn answer(&mut self, (bytes, durable, tail): &Begun) {
        let Some((_, body)) = bytes.split_once("\r\n\r\n") else { return };
        let Some(id) = between(body, "{\"id\":\"", '"') else { return };
        if !bytes.starts_with("HTTP/1.1 2") {
            return;
        }
        self.answers += 1;
        let told: Vec<&str> = body.split("\"event\":\"").skip(1).collect();
        let told: Vec<&str> = told.iter().filter_map(|rest| rest.split('"').next()).collect();
        if !told.contains(&"proposed") {
            self.faults.push(format!("answer about {id} without its ledger: {body}"));
        }
        // If an answer reports that the receipt is in the log, the log entry must be durable. The journal may record
        // the index of the entry later.
        let receipt = between(body, "\"payload_sha256\":\"", '"').unwrap_or_default();
        let leaf = receipt.trim_start_matches("sha256:");
        if told.contains(&"logged") && (leaf.is_empty() || !tail.contains(leaf)) {
            self.faults.push(format!("answer tells of `logged` of {id} before the log has it"));
        }
        for event in told.into_iter().filter(|event| WEIGHTY.contains(event)) {
            if !durable.contains(&(id.clone(), event.to_owned())) {
                self.faults.push(format!("answer tells of `{event}` of {id} before it is durable"));
            }
        }
    }

    fn write(&mut self, bytes: &str, disk: &Disk) {
        let Some(user) = between(bytes, "PATCH /v2/Users/", ' ') else { return };
        self.writes += 1;
        let action = disk.users.get(&user).cloned().unwrap_or_default();
        if !disk.events.contains(&(action.clone(), "write_intended".to_owned())) {
            self.faults.push(format!("write of {action} leaves before its intent is durable"));
        }
    }

    fn checkpoint(&mut self, bytes: &str, notes: &[String], disk: &Disk) {
        // Signature lines begin with a character that is not ASCII.
        let trees = notes.iter().filter_map(|note| Some(note.split_once("\n\n")?.0));
        let Some(tree) = trees.into_iter().find(|tree| bytes.contains(&format!("\r\n{tree}\n\n")))
        else {
            return;
        };
        self.checkpoints += 1;
        let durable = disk.tail.get(..disk.durable).unwrap_or_default();
        if !durable.contains(&format!("{tree}\n\n")) {
            self.faults.push(format!("checkpoint is shown before it is durable: {tree}"));
        }
    }
}

impl<'a> Call<'a> {
    /// `PID call(…` or `PID <... call resumed>…`.
    fn parse(line: &'a str) -> Option<Self> {
        let (thread, rest) = line.split_once(' ')?;
        let rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix("<... ") {
            let (name, rest) = rest.split_once(" resumed>")?;
            return Some(Self { thread, name, rest, resumed: true });
        }
        let (name, rest) = rest.split_once('(')?;
        Some(Self { thread, name, rest, resumed: false })
    }

    /// What the file descriptor refers to: `7</path>` or `9<TCP:[a:1->b:2]>`.
    fn target(&self) -> &'a str {
        let inside = self.rest.split_once('<').map_or("", |(_, rest)| rest);
        // The name of a connection contains the arrow `->`, whose `>` must not be taken for the end of the name.
        let end = if inside.starts_with("TCP") {
            inside.find("]>").map(|at| at + 1)
        } else {
            inside.find('>')
        };
        end.and_then(|end| inside.get(..end)).unwrap_or(inside)
    }
}

/// Classifies a write system call by its destination, which is a file or a socket.
fn step(target: &str, bytes: String, ports: Ports) -> Option<Step> {
    if target.starts_with('/') {
        return Some(Step::Wrote { path: target.to_owned(), bytes });
    }
    let (from, to) = target.strip_prefix("TCP:[")?.strip_suffix(']')?.split_once("->")?;
    if from.ends_with(&format!(":{}", ports.host)) {
        Some(Step::Answered { socket: to.to_owned(), bytes })
    } else if to.ends_with(&format!(":{}", ports.upstream)) {
        Some(Step::Sent { bytes })
    } else {
        None
    }
}

/// Decodes strace's escapes and concatenates the strings of a line. Each byte that is not ASCII becomes a question
/// mark.
fn texts(line: &str) -> String {
    let mut text = String::new();
    let mut signs = line.chars().peekable();
    let mut inside = false;
    while let Some(sign) = signs.next() {
        match sign {
            '"' => inside = !inside,
            '\\' if inside => match signs.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some(digit) if digit.is_digit(8) => {
                    let more = || signs.next_if(|sign| sign.is_digit(8));
                    std::iter::repeat_with(more).take(2).take_while(Option::is_some).for_each(drop);
                    text.push('?');
                }
                Some(other) => text.push(other),
                None => {}
            },
            _ if inside => text.push(sign),
            _ => {}
        }
    }
    text
}

fn between(text: &str, from: &str, to: char) -> Option<String> {
    let rest = text.split_once(from)?.1;
    Some(rest.split_once(to)?.0.to_owned())
}
