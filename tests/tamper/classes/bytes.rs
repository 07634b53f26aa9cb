//! Mutations of the bytes of the file and of its parts.

use crate::class::Sink;
use crate::samples::Sample;

/// The number of bytes that a quick run changes in each bundle.
const MANY: usize = 120;

pub(super) fn flipped(sink: &mut Sink<'_>, sample: &Sample) {
    for at in 0..sample.bundle.len() {
        if sink.picks(MANY, sample.bundle.len()) {
            let mut bytes = sample.bundle.clone();
            let bit = sink.rng.index(8);
            bytes[at] ^= 1 << bit;
            sink.bytes(&format!("{}: byte {at}, bit {bit}", sample.kind), &bytes);
        }
    }
}

pub(super) fn flipped_in_parts(sink: &mut Sink<'_>, sample: &Sample) {
    let size: usize = sample.files.values().map(Vec::len).sum();
    let mut files = sample.files.clone();
    for (name, content) in &sample.files {
        for at in 0..content.len() {
            if sink.picks(MANY, size) {
                let bit = sink.rng.index(8);
                files.get_mut(name).unwrap()[at] ^= 1 << bit;
                sink.files(&format!("{}: {name} byte {at}, bit {bit}", sample.kind), &files);
                files.insert(name.clone(), content.clone());
            }
        }
    }
}

pub(super) fn cut(sink: &mut Sink<'_>, sample: &Sample) {
    let whole = &sample.bundle;
    for n in 0..if sink.full { 400 } else { 20 } {
        let (one, other) = (sink.rng.index(whole.len()), sink.rng.index(whole.len()));
        let (from, to) = (one.min(other), one.max(other) + 1);
        let kind = sample.kind;
        sink.bytes(&format!("{kind}: cut at {from}"), &whole[..from]);
        sink.bytes(&format!("{kind}: from {from}"), &whole[from + 1..]);
        let doubled = [&whole[..to], &whole[from..]].concat();
        sink.bytes(&format!("{kind}: {from} to {to} twice, {n}"), &doubled);
        let out = [&whole[..from], &whole[to..]].concat();
        sink.bytes(&format!("{kind}: without {from} to {to}"), &out);
    }
}
