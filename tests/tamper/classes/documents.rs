//! Mutations that replace documents by other valid documents and adjust every digest.

use deed_record::bundle::{ACTION, CHAIN, RECEIPT};
use deed_spec::json::canonical;
use deed_spec::note::LogKey;
use serde_json::Value;

use super::host::leaves;
use crate::class::Sink;
use crate::forge::{chain, kind, put_chain, receipt_line, rehashed};
use crate::samples::Sample;

/// Whether a part of a bundle is a document, which is every part except envelopes and log proofs.
fn is_document(name: &str) -> bool {
    ![CHAIN, RECEIPT].contains(&name) && !name.ends_with(".tlog-proof")
}

/// Forgeries without any key of the host. These forgeries use the names of the host's keys and the forger's own log.
pub(super) fn foreign(sink: &mut Sink<'_>, sample: &Sample) {
    let others = sink.others();
    let keys = &sink.bench.keys;
    let own_log = LogKey::new(keys.log.name(), keys.stranger.clone()).unwrap();
    let mut made = Vec::new();
    for (kind_of, other) in others.into_iter().map(|other| (other.kind, &other.twin)) {
        for (name, content) in other.iter().filter(|(name, _)| is_document(name)) {
            if sample.files.get(name).is_none_or(|own| own == content) {
                continue;
            }
            let named = format!("{}: {name} of {kind_of}", sample.kind);
            let forged = rehashed(&sample.files, name, content, &keys.stranger, &own_log);
            made.push((named.clone(), forged.clone()));
            let mut lines = chain(&forged);
            for (line, old) in lines.iter_mut().zip(chain(&sample.files)) {
                line.signatures[0].keyid.clone_from(&old.signatures[0].keyid);
            }
            let mut claimed = forged.clone();
            put_chain(&mut claimed, &lines, receipt_line(&chain(&sample.files)));
            made.push((format!("{named}, under the host's name"), claimed));
        }
    }
    for (what, files) in &made {
        sink.files(what, files);
    }
}

/// Forgeries by the host itself after people approved. The verifier must detect these forgeries from the content that
/// the approvers signed.
pub(super) fn approved(sink: &mut Sink<'_>, sample: &Sample) {
    if !chain(&sample.files).iter().any(|line| kind(line) == "approval") {
        return;
    }
    let keys = &sink.bench.keys;
    let mut made = Vec::new();
    for name in [ACTION, "contract.json", "grant.json"] {
        let Some(content) = sample.files.get(name) else { continue };
        let value: Value = serde_json::from_slice(content).unwrap();
        for (pointer, changed) in leaves(&value) {
            // Fields of the grant outside `/upstreams`, such as its deadline, are left out because the host alone
            // decides them.
            if name == "grant.json" && !pointer.starts_with("/upstreams") {
                continue;
            }
            let bytes = canonical(&changed).unwrap();
            let forged = rehashed(&sample.files, name, &bytes, &keys.receipt, &keys.log);
            made.push((format!("{}: {name}{pointer}", sample.kind), forged));
        }
        for other in &sink.bench.samples {
            if let Some(other) = other.twin.get(name).filter(|other| *other != content) {
                let forged = rehashed(&sample.files, name, other, &keys.receipt, &keys.log);
                made.push((format!("{}: {name} of another", sample.kind), forged));
            }
        }
    }
    let count = made.len();
    for (what, files) in made {
        if sink.picks(40, count) {
            sink.files(&what, &files);
        }
    }
}
