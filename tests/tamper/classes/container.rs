//! Mutations of the zip container, whose results other zip readers might read as the same bundle.

use deed_record::bundle::{CHAIN, Files, PRE, RECEIPT};

use crate::class::Sink;
use crate::samples::Sample;

/// One entry of a zip file, with every field that can contain a false value.
#[derive(Clone)]
struct Entry {
    name: Vec<u8>,
    content: Vec<u8>,
    version: u16,
    flags: u16,
    method: u16,
    time: u16,
    date: u16,
    crc: u32,
    packed: u32,
    size: u32,
    extra: Vec<u8>,
    /// Whether the entry has a local header, and whether the zip directory lists the entry.
    local: bool,
    listed: bool,
    attributes: u32,
}

/// The container that `deed` writes for these parts, but without checks of names and sizes.
pub(crate) fn zip(files: &Files) -> Vec<u8> {
    build(&entries(files), b"", b"", b"")
}

fn entries(files: &Files) -> Vec<Entry> {
    files.iter().map(|(name, content)| entry(name, content)).collect()
}

fn entry(name: &str, content: &[u8]) -> Entry {
    let size = u32::try_from(content.len()).unwrap();
    Entry {
        name: name.as_bytes().to_vec(),
        content: content.to_vec(),
        version: 10,
        flags: 0,
        method: 0,
        time: 0,
        date: 0x21,
        crc: crc32(content),
        packed: size,
        size,
        extra: vec![],
        local: true,
        listed: true,
        attributes: 0,
    }
}

fn build(entries: &[Entry], before: &[u8], between: &[u8], comment: &[u8]) -> Vec<u8> {
    let (mut out, mut directory, mut listed) = (before.to_vec(), Vec::new(), 0_u16);
    for one in entries {
        let at = u32::try_from(out.len()).unwrap();
        if one.local {
            out.extend(b"PK\x03\x04");
            out.extend(common(one));
            out.extend(&one.name);
            out.extend(&one.extra);
            out.extend(&one.content);
        }
        if one.listed {
            listed += 1;
            directory.extend(b"PK\x01\x02");
            directory.extend(10_u16.to_le_bytes());
            directory.extend(common(one));
            directory.extend([0; 6]);
            directory.extend(one.attributes.to_le_bytes());
            directory.extend(at.to_le_bytes());
            directory.extend(&one.name);
            directory.extend(&one.extra);
        }
    }
    out.extend(between);
    let (start, size) = (out.len(), directory.len());
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([listed.to_le_bytes(), listed.to_le_bytes()].concat());
    out.extend(u32::try_from(size).unwrap().to_le_bytes());
    out.extend(u32::try_from(start).unwrap().to_le_bytes());
    out.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    out.extend(comment);
    out
}

fn common(one: &Entry) -> Vec<u8> {
    let mut out = Vec::new();
    for field in [one.version, one.flags, one.method, one.time, one.date] {
        out.extend(field.to_le_bytes());
    }
    for field in [one.crc, one.packed, one.size] {
        out.extend(field.to_le_bytes());
    }
    out.extend(u16::try_from(one.name.len()).unwrap().to_le_bytes());
    out.extend(u16::try_from(one.extra.len()).unwrap().to_le_bytes());
    out
}

/// CRC-32 of ISO 3309, computed four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    let nibble =
        |crc: u32| (0..4).fold(crc, |c, _| (c >> 1) ^ (0xEDB8_8320 & 0_u32.wrapping_sub(c & 1)));
    let byte = |crc: u32, byte: &u8| nibble(nibble(crc ^ u32::from(*byte)));
    !bytes.iter().fold(u32::MAX, byte)
}

/// A deflate stream of one stored block (RFC 1951 section 3.2.4).
fn deflated(content: &[u8]) -> Vec<u8> {
    let size = u16::try_from(content.len().min(65_535)).unwrap();
    let head = [&[1_u8][..], &size.to_le_bytes(), &(!size).to_le_bytes()].concat();
    [head, content[..usize::from(size)].to_vec()].concat()
}

/// A way to write the name of a part, with its description.
type Form = (&'static str, fn(&str) -> String);

type Edit = (&'static str, fn(&mut Entry));

const EDITS: [Edit; 16] = [
    ("deflated", |e| {
        e.content = deflated(&e.content);
        (e.method, e.packed) = (8, u32::try_from(e.content.len()).unwrap());
    }),
    ("method that nobody has", |e| e.method = 99),
    ("encrypted", |e| e.flags = 1),
    ("sizes in a descriptor", |e| {
        (e.flags, e.crc, e.packed, e.size) = (8, 0, 0, 0);
    }),
    ("name in UTF-8", |e| e.flags = 0x800),
    ("another time", |e| e.time = 1),
    ("another date", |e| e.date += 1),
    ("another version", |e| e.version = 20),
    ("extra field", |e| e.extra = b"\x55\x54\x04\x00abcd".to_vec()),
    ("wrong crc", |e| e.crc ^= 1),
    ("attributes", |e| e.attributes = 0x81A4_0000),
    ("bomb: unpacks to 4 GiB", |e| e.size = u32::MAX),
    ("bomb: 4 GiB stored", |e| (e.size, e.packed) = (u32::MAX, u32::MAX)),
    ("zip64", |e| {
        let size = u64::from(e.size).to_le_bytes();
        e.extra = [&b"\x01\x00\x10\x00"[..], &size, &size].concat();
        (e.size, e.packed) = (u32::MAX, u32::MAX);
    }),
    ("a size one less", |e| (e.size, e.packed) = (e.size - 1, e.packed - 1)),
    ("a size one more", |e| (e.size, e.packed) = (e.size + 1, e.packed + 1)),
];

pub(super) fn tricks(sink: &mut Sink<'_>, sample: &Sample) {
    let whole = entries(&sample.files);
    let same = build(&whole, b"", b"", b"") == sample.bundle;
    assert!(same, "{}: this writer is not the host's any more", sample.kind);
    for (what, edit) in EDITS {
        for n in 0..whole.len() {
            let mut changed = whole.clone();
            edit(&mut changed[n]);
            sink.bytes(&format!("{}: {what} {n}", sample.kind), &build(&changed, b"", b"", b""));
        }
    }
    let around: [(&str, [&[u8]; 3]); 5] = [
        ("data before", [b"#!/bin/sh\n", b"", b""]),
        ("data before the directory", [b"", b"hidden", b""]),
        ("comment", [b"", b"", b"hidden"]),
        ("another archive before", [&sample.bundle, b"", b""]),
        (
            "another archive as a comment",
            [b"", b"", &sample.bundle[..sample.bundle.len().min(60_000)]],
        ),
    ];
    for (what, [before, between, comment]) in around {
        let made = build(&whole, before, between, comment);
        sink.bytes(&format!("{}: {what}", sample.kind), &made);
    }
    for (what, tail) in
        [("a byte after", &b"\0"[..]), ("a line after", b"\n"), ("itself after", &sample.bundle)]
    {
        sink.bytes(&format!("{}: {what}", sample.kind), &[&sample.bundle, tail].concat());
    }
    sink.bytes(&format!("{}: nothing", sample.kind), b"");
    sink.bytes(&format!("{}: an empty archive", sample.kind), &build(&[], b"", b"", b""));
}

pub(super) fn names(sink: &mut Sink<'_>, sample: &Sample) {
    let whole = entries(&sample.files);
    let forms: [Form; 9] = [
        ("absolute", |name| format!("/{name}")),
        ("dots", |name| format!("../{name}")),
        ("dot", |name| format!("./{name}")),
        ("inner dots", |name| format!("policy/../{name}")),
        ("backslash", |name| format!("\\{name}")),
        ("upper case", str::to_uppercase),
        ("nul", |name| format!("{name}\0")),
        ("drive", |name| format!("C:{name}")),
        ("directory", |name| format!("{name}/")),
    ];
    for (what, form) in forms {
        for (n, (name, content)) in sample.files.iter().enumerate() {
            let mut renamed = whole.clone();
            renamed[n].name = form(name).into_bytes();
            let label = format!("{}: {what} {name}", sample.kind);
            sink.bytes(&label, &sorted(renamed));
            let mut added = whole.clone();
            added.push(entry(&form(name), content));
            sink.bytes(&format!("{label}, added"), &sorted(added));
        }
    }
    for (n, name) in sample.files.keys().enumerate() {
        let mut twice = whole.clone();
        twice.insert(n, entry(name, b"{}"));
        sink.bytes(&format!("{}: {name} twice", sample.kind), &build(&twice, b"", b"", b""));
        twice.swap(n, n + 1);
        sink.bytes(&format!("{}: {name} again", sample.kind), &build(&twice, b"", b"", b""));
    }
    for name in
        ["README", "evidence/later.json.bak", "adapter.wasm", "receipt.pub", "99.tlog-proof", ""]
    {
        let mut more = whole.clone();
        more.push(entry(name, b"more"));
        sink.bytes(&format!("{}: `{name}` added", sample.kind), &sorted(more));
    }
}

fn sorted(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    build(&entries, b"", b"", b"")
}

pub(super) fn order(sink: &mut Sink<'_>, sample: &Sample) {
    let whole = entries(&sample.files);
    for n in 1..whole.len() {
        let mut moved = whole.clone();
        moved.swap(n - 1, n);
        sink.bytes(&format!("{}: {n} moved", sample.kind), &build(&moved, b"", b"", b""));
    }
    for (n, name) in sample.files.keys().enumerate() {
        let with = |edit: fn(&mut Entry)| {
            let mut changed = whole.clone();
            edit(&mut changed[n]);
            build(&changed, b"", b"", b"")
        };
        sink.bytes(&format!("{}: {name} unlisted", sample.kind), &with(|e| e.listed = false));
        sink.bytes(&format!("{}: {name} only listed", sample.kind), &with(|e| e.local = false));
    }
    let mut hidden = whole.clone();
    for name in [CHAIN, RECEIPT, PRE] {
        let mut more = entry(name, b"hidden");
        more.listed = false;
        hidden.push(more);
        sink.bytes(&format!("{}: {name} hidden", sample.kind), &build(&hidden, b"", b"", b""));
        hidden.pop();
    }
}
