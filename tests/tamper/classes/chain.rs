//! Mutations of the lines of the chain.

use deed_record::bundle::{CHAIN, Files, LATER, RECEIPT, proof_name};
use serde_json::Value;

use crate::class::Sink;
use crate::forge::{chain, kind, put_lines, receipt_line};
use crate::samples::Sample;

/// A line of the chain and its log proof, if the proof moves with the line.
type Link = (Value, Vec<u8>);

fn links(files: &Files) -> Vec<Link> {
    let lines = chain(files);
    let link = |(n, line)| (serde_json::to_value(line).unwrap(), files[&proof_name(n)].clone());
    lines.iter().enumerate().map(link).collect()
}

/// Every way to drop, double and move lines.
fn shuffled(links: &[Link]) -> Vec<(String, Vec<Link>)> {
    let mut out = Vec::new();
    for n in 0..links.len() {
        let with = |edit: &dyn Fn(&mut Vec<Link>)| {
            let mut changed = links.to_vec();
            edit(&mut changed);
            changed
        };
        out.push((format!("{n} dropped"), with(&|all| drop(all.remove(n)))));
        out.push((format!("{n} doubled"), with(&|all| all.insert(n, links[n].clone()))));
        out.push((format!("{n} again at the end"), with(&|all| all.push(links[n].clone()))));
        out.push((format!("{n} again at the start"), with(&|all| all.insert(0, links[n].clone()))));
        for other in n + 1..links.len() {
            out.push((format!("{n} and {other} exchanged"), with(&|all| all.swap(n, other))));
            let over = with(&|all| all[n] = links[other].clone());
            out.push((format!("{other} over {n}"), over));
            let under = with(&|all| all[other] = links[n].clone());
            out.push((format!("{n} over {other}"), under));
        }
        out.push((format!("only {n}"), vec![links[n].clone()]));
        out.push((format!("up to {n}"), links[..n].to_vec()));
        out.push((format!("from {n}"), links[n..].to_vec()));
    }
    out.retain(|(_, changed)| changed != links);
    out
}

/// Writes this chain. The second copy of the receipt (`receipt.sigstore.json`) is made from the line with the index
/// `receipt`, or stays unchanged if `receipt` is `None`.
fn put(files: &mut Files, links: &[Link], receipt: Option<usize>) {
    let kept = files[RECEIPT].clone();
    let lines: Vec<Value> = links.iter().map(|(line, _)| line.clone()).collect();
    put_lines(files, &lines, receipt.unwrap_or(lines.len()));
    if receipt.is_none() {
        files.insert(RECEIPT.to_owned(), kept);
    }
}

pub(super) fn lines(sink: &mut Sink<'_>, sample: &Sample) {
    let links = links(&sample.files);
    for (what, changed) in shuffled(&links) {
        for receipt in [None, changed.len().checked_sub(1), Some(0)] {
            let mut files = sample.files.clone();
            put(&mut files, &changed, receipt);
            sink.files(&format!("{}: {what}, {receipt:?}", sample.kind), &files);
        }
    }
    let text = String::from_utf8(sample.files[CHAIN].clone()).unwrap();
    let texts = [
        ("no last line end", text.trim_end().to_owned()),
        ("an empty line more", format!("{text}\n")),
        ("an empty line first", format!("\n{text}")),
        ("CRLF", text.replace('\n', "\r\n")),
        ("a space after a comma", text.replacen(',', ", ", 1)),
        ("a list", format!("[{}]\n", text.trim_end().replace('\n', ","))),
        ("one line", text.replacen("}\n{", "}{", 1)),
        ("null", format!("{text}null\n")),
        ("a comment", format!("# chain\n{text}")),
    ];
    for (what, changed) in texts.into_iter().filter(|(_, changed)| *changed != text) {
        let mut files = sample.files.clone();
        files.insert(CHAIN.to_owned(), changed.into_bytes());
        sink.files(&format!("{}: {what}", sample.kind), &files);
    }
}

pub(super) fn lines_with_proofs(sink: &mut Sink<'_>, sample: &Sample) {
    let links = links(&sample.files);
    for (what, changed) in shuffled(&links) {
        sink.files(&format!("{}: {what}", sample.kind), &moved(&sample.files, &changed));
    }
}

/// The chain and its proofs, where line n has proof n.
fn moved(files: &Files, links: &[Link]) -> Files {
    let mut files = files.clone();
    files.retain(|name, _| !name.ends_with(".tlog-proof"));
    let receipt =
        |(line, _): &Link| kind(&serde_json::from_value(line.clone()).unwrap()) == "receipt";
    put(&mut files, links, links.iter().position(receipt).or(links.len().checked_sub(1)));
    for (n, (_, proof)) in links.iter().enumerate() {
        files.insert(proof_name(n), proof.clone());
    }
    files
}

/// Removes all parts of the later settlement, so that the receipt's outcome `indeterminate` remains.
pub(super) fn unsettled(sink: &mut Sink<'_>, sample: &Sample) {
    if sample.files.contains_key(LATER) {
        let mut links = links(&sample.files);
        links.truncate(receipt_line(&chain(&sample.files)) + 1);
        let mut files = moved(&sample.files, &links);
        files.remove(LATER);
        sink.files(&format!("{}: without what settled it", sample.kind), &files);
    }
}

pub(super) fn foreign(sink: &mut Sink<'_>, sample: &Sample) {
    let own = links(&sample.files);
    let receipt = receipt_line(&chain(&sample.files));
    let others: Vec<(&str, Vec<Link>)> =
        sink.others().into_iter().map(|other| (other.kind, links(&other.twin))).collect();
    for (kind, other) in others {
        for (from, line) in other.iter().enumerate() {
            for at in 0..own.len() {
                let mut changed = own.clone();
                changed[at] = line.clone();
                let label = format!("{}: {at} is {from} of {kind}", sample.kind);
                sink.files(&label, &moved(&sample.files, &changed));
                changed[at].1.clone_from(&own[at].1);
                sink.files(&format!("{label}, own proof"), &moved(&sample.files, &changed));
            }
            let mut more = own.clone();
            more.insert(receipt, line.clone());
            let label = format!("{}: {from} of {kind} more", sample.kind);
            sink.files(&label, &moved(&sample.files, &more));
        }
    }
}
