//! Mutations that double, move or edit log proofs.

use deed_record::bundle::proof_name;
use deed_spec::note::LogProof;

use crate::class::Sink;
use crate::forge::{chain, proof};
use crate::samples::Sample;

pub(super) fn exchanged(sink: &mut Sink<'_>, sample: &Sample) {
    let count = chain(&sample.files).len();
    let others = sink.others();
    for n in 0..count {
        for other in (0..count).filter(|other| *other != n) {
            let mut files = sample.files.clone();
            files.insert(proof_name(n), sample.files[&proof_name(other)].clone());
            sink.files(&format!("{}: {other} as {n}", sample.kind), &files);
            files.insert(proof_name(other), sample.files[&proof_name(n)].clone());
            sink.files(&format!("{}: {other} and {n} exchanged", sample.kind), &files);
        }
        let mut more = sample.files.clone();
        more.insert(proof_name(count), sample.files[&proof_name(n)].clone());
        sink.files(&format!("{}: {n} more", sample.kind), &more);
        for other in &others {
            for from in 0..chain(&other.twin).len() {
                let mut files = sample.files.clone();
                files.insert(proof_name(n), other.twin[&proof_name(from)].clone());
                sink.files(&format!("{}: {n} is {from} of {}", sample.kind, other.kind), &files);
            }
        }
    }
}

pub(super) fn edited(sink: &mut Sink<'_>, sample: &Sample) {
    for n in 0..chain(&sample.files).len() {
        let right = proof(&sample.files, n);
        let text = right.to_string();
        let mut texts = values(&right);
        texts.extend(lines(&text));
        for (what, changed) in texts.into_iter().filter(|(_, changed)| *changed != text) {
            let mut files = sample.files.clone();
            files.insert(proof_name(n), changed.into_bytes());
            sink.files(&format!("{}: {n} {what}", sample.kind), &files);
        }
    }
}

/// Adds a signature line by an unknown key, which C2SP signed-note tells readers to ignore.
pub(super) fn strangers_line(sink: &mut Sink<'_>, sample: &Sample) {
    let mut files = sample.files.clone();
    for n in 0..chain(&sample.files).len() {
        let text = format!("{}— example.com/witness AAAAAGFiYw==\n", proof(&sample.files, n));
        files.insert(proof_name(n), text.into_bytes());
    }
    sink.files(&format!("{}: a stranger's line under the checkpoint", sample.kind), &files);
}

/// Well-formed log proofs with different values.
fn values(right: &LogProof) -> Vec<(String, String)> {
    let with = |edit: &dyn Fn(&mut LogProof)| {
        let mut changed = right.clone();
        edit(&mut changed);
        changed.to_string()
    };
    let mut out = vec![
        ("index + 1".to_owned(), with(&|p| p.index += 1)),
        ("index - 1".to_owned(), with(&|p| p.index = p.index.saturating_sub(1))),
        ("index of a huge tree".to_owned(), with(&|p| p.index |= 1 << 62)),
        ("extra".to_owned(), with(&|p| p.extra = Some(b"more".to_vec()))),
        ("no path".to_owned(), with(&|p| p.hashes.clear())),
        ("a hash more".to_owned(), with(&|p| p.hashes.push([0; 32]))),
        ("64 hashes".to_owned(), with(&|p| p.hashes.resize(64, [0; 32]))),
        ("path reversed".to_owned(), with(&|p| p.hashes.reverse())),
    ];
    for at in 0..right.hashes.len() {
        out.push((
            format!("hash {at} dropped"),
            with(&|p| p.hashes = [&right.hashes[..at], &right.hashes[at + 1..]].concat()),
        ));
        out.push((format!("hash {at} doubled"), with(&|p| p.hashes.insert(at, right.hashes[at]))));
        out.push((format!("hash {at} changed"), with(&|p| p.hashes[at][31] ^= 1)));
    }
    out
}

/// Texts of a log proof with the same values but different formatting.
fn lines(text: &str) -> Vec<(String, String)> {
    let signature = text.trim_end().rsplit('\n').next().unwrap_or_default();
    let ways = [
        ("CRLF", text.replace('\n', "\r\n")),
        ("no last line end", text.trim_end().to_owned()),
        ("an empty line more", format!("{text}\n")),
        ("leading zero", text.replacen("index ", "index 0", 1)),
        ("plus", text.replacen("index ", "index +", 1)),
        ("another version", text.replacen("@v1", "@v2", 1)),
        ("upper-case header", text.replacen("c2sp", "C2SP", 1)),
        ("signature twice", format!("{text}{signature}\n")),
        ("no signature", text.replacen(&format!("{signature}\n"), "", 1)),
        ("hyphen for dash", text.replace('—', "-")),
        ("extension line", text.replacen("\n\n—", "\nextension\n\n—", 1)),
        ("size with zero", text.replacen("acme\n", "acme\n0", 1)),
        ("unpadded root", text.replacen("=\n", "\n", 1)),
    ];
    ways.map(|(what, changed)| (what.to_owned(), changed)).into()
}
