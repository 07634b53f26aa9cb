//! The parts, envelopes and log proofs of a bundle, before their signatures and digests are checked.
//!
//! No payload is read here. Only the container is checked, including that its bytes are the only valid encoding of its
//! content.

use deed_record::bundle::{self, CHAIN, Files, RECEIPT, proof_name, sigstore};
use deed_spec::dsse::Envelope;
use deed_spec::json;
use deed_spec::note::LogProof;
use serde_json::Value;

/// A bundle whose container is valid.
#[derive(Debug)]
pub struct Opened {
    pub files: Files,
    /// Every envelope, in the order of the chain.
    pub chain: Vec<Envelope>,
    /// The position of the receipt in the chain.
    pub receipt_at: usize,
    pub receipt: Envelope,
    /// One log proof for each envelope of the chain.
    pub proofs: Vec<LogProof>,
}

/// Opens the container.
///
/// # Errors
///
/// Fails with a description of what is wrong with the container.
pub fn open(bytes: &[u8]) -> Result<Opened, String> {
    let files = bundle::read(bytes).map_err(|e| e.to_string())?;
    let chain = envelopes(part(&files, CHAIN)?)?;
    let (receipt_at, receipt) = receipt(&chain, part(&files, RECEIPT)?)?;
    let wanted = chain.len();
    let found = files.keys().filter(|name| name.ends_with(".tlog-proof")).count();
    if found != wanted {
        return Err(format!("there are {wanted} envelopes and {found} log proofs"));
    }
    let proofs = (0..wanted).map(|n| proof(&files, n)).collect::<Result<_, _>>()?;
    Ok(Opened { files, chain, receipt_at, receipt, proofs })
}

impl Opened {
    /// A required part.
    ///
    /// # Errors
    ///
    /// Fails when the part is missing.
    pub fn part(&self, name: &str) -> Result<&[u8], String> {
        part(&self.files, name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Whether this bundle is a copy without evidence. Every other bundle contains the list of exchanges, even if the
    /// list is empty.
    pub fn is_agents_copy(&self) -> bool {
        !self.has(bundle::EXCHANGES)
    }

    /// A part as JSON.
    ///
    /// # Errors
    ///
    /// Fails when the part is missing or not canonical.
    pub fn json(&self, name: &str) -> Result<Value, String> {
        canonical(self.part(name)?).map_err(|why| format!("`{name}`: {why}"))
    }

    /// A part as a record without unknown fields.
    ///
    /// # Errors
    ///
    /// Fails when the part is missing, is not canonical, or does not match the record.
    pub fn record<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, String> {
        json::from_value(self.json(name)?).map_err(|e| format!("`{name}` {e}"))
    }

    /// A part as text.
    ///
    /// # Errors
    ///
    /// Fails when the part is missing or not UTF-8.
    pub fn text(&self, name: &str) -> Result<&str, String> {
        std::str::from_utf8(self.part(name)?).map_err(|e| format!("`{name}` is not text: {e}"))
    }
}

/// The one envelope of the chain that `receipt.sigstore.json` wraps.
fn receipt(chain: &[Envelope], wrapped: &[u8]) -> Result<(usize, Envelope), String> {
    let is_it = |envelope: &Envelope| sigstore(envelope).is_ok_and(|bytes| bytes == wrapped);
    let mut found = chain.iter().enumerate().filter(|(_, envelope)| is_it(envelope));
    match (found.next(), found.next()) {
        (Some((at, envelope)), None) => Ok((at, envelope.clone())),
        (None, _) => Err(format!("`{RECEIPT}` is not an envelope of `{CHAIN}`")),
        (Some(_), Some(_)) => Err(format!("`{CHAIN}` contains the receipt twice")),
    }
}

fn part<'a>(files: &'a Files, name: &str) -> Result<&'a [u8], String> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| format!("`{name}` is missing"))
}

fn canonical(bytes: &[u8]) -> Result<Value, String> {
    let value = json::parse(bytes).map_err(|e| e.to_string())?;
    match json::canonical(&value) {
        Ok(again) if again == bytes => Ok(value),
        _ => Err("it is not canonical JSON (RFC 8785)".to_owned()),
    }
}

fn envelopes(chain: &[u8]) -> Result<Vec<Envelope>, String> {
    let bad = |why: String| format!("`{CHAIN}`: {why}");
    let body = chain
        .strip_suffix(b"\n")
        .ok_or_else(|| bad("its last line does not end with a newline".to_owned()))?;
    let envelope = |line: &[u8]| json::from_exact(canonical(line)?).map_err(|e| e.to_string());
    body.split(|byte| *byte == b'\n').map(|line| envelope(line).map_err(bad)).collect()
}

fn proof(files: &Files, n: usize) -> Result<LogProof, String> {
    let name = proof_name(n);
    let text = std::str::from_utf8(part(files, &name)?)
        .map_err(|e| format!("`{name}` is not text: {e}"))?;
    let proof = LogProof::parse(text).map_err(|e| format!("`{name}`: {e}"))?;
    // The `extra` line of a log proof is not authenticated, and a bundle of `deed` never has one.
    if proof.extra.is_some() || proof.to_string() != text {
        return Err(format!("`{name}` is not written as `deed` writes it"));
    }
    Ok(proof)
}
