//! Mutations that drop, rename, exchange or empty parts.

use deed_record::bundle::{ENTITIES, EXCHANGES, Files, LATER, POST, PRE, REHEARSAL, REQUEST};

use crate::class::Sink;
use crate::samples::Sample;

/// The number of names that a quick run gives to parts of each bundle.
const NAMES: usize = 110;

/// Parts that may be absent from a copy.
const OPTIONAL: [&str; 7] = [PRE, POST, LATER, REHEARSAL, EXCHANGES, REQUEST, ENTITIES];

pub(super) fn dropped(sink: &mut Sink<'_>, sample: &Sample) {
    for name in sample.files.keys() {
        let mut files = sample.files.clone();
        files.remove(name);
        sink.files(&format!("{}: without {name}", sample.kind), &files);
    }
    for set in 1_u32..(1 << OPTIONAL.len()) {
        let mut files = sample.files.clone();
        let out = OPTIONAL.iter().enumerate().filter(|(n, _)| set & (1 << n) != 0);
        let gone: Vec<&str> =
            out.map(|(_, name)| *name).filter(|name| files.remove(*name).is_some()).collect();
        if gone.len() > 1 {
            sink.files(&format!("{}: without {}", sample.kind, gone.join(", ")), &files);
        }
    }
}

pub(super) fn renamed(sink: &mut Sink<'_>, sample: &Sample) {
    let names = crate::samples::part_names();
    let count = names.len() * sample.files.len();
    for (name, content) in &sample.files {
        for other in names.iter().filter(|other| *other != name) {
            if !sink.picks(NAMES, count) {
                continue;
            }
            let label = format!("{}: {name} as {other}", sample.kind);
            let mut files = sample.files.clone();
            let had = files.insert(other.clone(), content.clone());
            sink.files(&label, &files);
            match had {
                Some(had) => files.insert(name.clone(), had),
                None => files.remove(name),
            };
            sink.files(&format!("{label}, moved"), &files);
        }
    }
}

pub(super) fn foreign(sink: &mut Sink<'_>, sample: &Sample) {
    let others: Vec<(&str, &Files)> = sink
        .others()
        .into_iter()
        .filter(|other| other.kind != sample.kind)
        .map(|other| (other.kind, &other.files))
        .chain([("its twin", &sample.twin)])
        .collect();
    for (kind, other) in others {
        for (name, content) in other {
            let mut files = sample.files.clone();
            if files.insert(name.clone(), content.clone()).as_ref() != Some(content) {
                sink.files(&format!("{}: {name} of {kind}", sample.kind), &files);
            }
        }
        // All documents are replaced by those of another bundle at once, so that they match each other.
        let mut files = sample.files.clone();
        let documents =
            other.iter().filter(|(name, _)| name.contains('/') || name.contains("rant"));
        files.extend(documents.map(|(name, content)| (name.clone(), content.clone())));
        if files != sample.files {
            sink.files(&format!("{}: every document of {kind}", sample.kind), &files);
        }
    }
}

pub(super) fn emptied(sink: &mut Sink<'_>, sample: &Sample) {
    for (name, content) in &sample.files {
        let (half, last) = (content.len() / 2, content.len().saturating_sub(1));
        let spaced = [content.as_slice(), b" "].concat();
        let ways: [(&str, Vec<u8>); 9] = [
            ("empty", vec![]),
            ("half", content[..half].to_vec()),
            ("without its last byte", content[..last].to_vec()),
            ("doubled", [content.as_slice(), content].concat()),
            ("with a space", spaced),
            ("with a line", [content.as_slice(), b"\n"].concat()),
            ("after a space", [b" ", content.as_slice()].concat()),
            ("after a mark", ["\u{feff}".as_bytes(), content].concat()),
            ("null", b"null".to_vec()),
        ];
        for (what, bytes) in ways {
            let mut files = sample.files.clone();
            files.insert(name.clone(), bytes);
            sink.files(&format!("{}: {name} {what}", sample.kind), &files);
        }
    }
}
