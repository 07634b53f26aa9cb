//! The signatures of a package. They are layers of a second manifest, whose tag is made from the digest of the package,
//! so that a registry needs no other API.

use deed_spec::digest::Digest;
use deed_spec::dsse::Envelope;
use deed_spec::json;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use serde_json::json;

use super::authors::{Author, Authors};
use super::content::Content;
use super::error::PackageError;
use super::manifest::{COSIGN, DSSE, Descriptor, IMAGE_CONFIG, Manifest};
use super::place::{self, Place};
use super::reference::Which;
use super::{cosign, short, statement};

/// The largest signature, and the most signatures of one package.
const SIGNATURE_MAX: u64 = 256 << 10;
const SIGNATURES_MAX: usize = 16;

/// What is known about one signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// The id of the key, which is only claimed unless the signature is valid.
    pub keyid: Option<String>,
    /// The name of the key in the trust directory.
    pub author: Option<String>,
    pub state: State,
    /// Why the signature does not count.
    pub why: Option<String>,
}

/// Whether a signature counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// By a trusted key, and of this package.
    Valid,
    /// No trusted key has made it.
    Untrusted,
    /// By a key that was revoked.
    Revoked,
    /// Not a signature of this package by the key that it names.
    Invalid,
}

impl Signature {
    fn invalid(author: Option<&Author>, why: &str) -> Self {
        let (keyid, name) = author.map(|one| (one.keyid.clone(), one.name.clone())).unzip();
        Self { keyid, author: name, state: State::Invalid, why: Some(short::part(why)) }
    }

    fn untrusted(keyid: Option<String>) -> Self {
        let why = Some("no trusted key made it".to_owned());
        Self { keyid, author: None, state: State::Untrusted, why }
    }

    /// A signature that was checked with the key of this author.
    fn by(author: &Author) -> Self {
        let (state, why) = if author.is_revoked {
            (State::Revoked, Some("the key was revoked".to_owned()))
        } else {
            (State::Valid, None)
        };
        let (keyid, name) = (Some(author.keyid.clone()), Some(author.name.clone()));
        Self { keyid, author: name, state, why }
    }

    fn text(&self) -> String {
        let key = match (&self.author, &self.keyid) {
            (Some(name), _) => format!("by `{name}`"),
            (None, Some(keyid)) => format!("by the key {keyid}"),
            (None, None) => "by an unknown key".to_owned(),
        };
        format!("{key}: {}", self.why.as_deref().unwrap_or("valid"))
    }
}

/// The first signature that counts.
///
/// # Errors
///
/// Fails when none counts; the error says for each why.
pub fn trusted<'a>(
    place: &str,
    signatures: &'a [Signature],
) -> Result<&'a Signature, PackageError> {
    if let Some(found) = signatures.iter().find(|one| one.state == State::Valid) {
        return Ok(found);
    }
    let why = if signatures.is_empty() {
        "it has no signature; its author adds one with `deed adapter sign`".to_owned()
    } else {
        signatures.iter().map(Signature::text).collect::<Vec<_>>().join("; ")
    };
    Err(PackageError::untrusted(place, why))
}

/// The tag of the signatures of a package.
fn tag(package: &Digest) -> String {
    format!("sha256-{}.sig", package.hex())
}

/// The manifest with the signatures of a package, if it has any.
fn stored(place: &dyn Place, package: &Digest) -> Result<Option<Manifest>, PackageError> {
    let name = place.name();
    let Some(bytes) = place::manifest(place, &Which::Tag(tag(package)))? else { return Ok(None) };
    let manifest = Manifest::read(&name, &bytes)?;
    let count = manifest.layers.len();
    if count > SIGNATURES_MAX {
        let why = format!("it has {count} signatures; at most {SIGNATURES_MAX} are read");
        return Err(PackageError::refused(&name, why));
    }
    Ok(Some(manifest))
}

/// Reads and checks all signatures of a package.
pub(super) fn all(
    place: &dyn Place,
    content: &Content,
    authors: &Authors,
) -> Result<Vec<Signature>, PackageError> {
    let layers = stored(place, &content.package)?.map(|one| one.layers).unwrap_or_default();
    Ok(layers.iter().map(|layer| one(place, layer, content, authors)).collect())
}

/// One signature. A signature that cannot be read does not hide the others.
fn one(place: &dyn Place, layer: &Descriptor, content: &Content, authors: &Authors) -> Signature {
    let read = place::blob(place, "signature", &layer.digest, layer.size, SIGNATURE_MAX);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) => return Signature::invalid(None, error.why()),
    };
    match layer.media_type.as_str() {
        DSSE => dsse(&bytes, content, authors),
        COSIGN => simple(&bytes, layer, content, authors),
        other => {
            let other = short::part(other);
            Signature::invalid(None, &format!("`{other}` is not the media type of a signature"))
        }
    }
}

fn dsse(bytes: &[u8], content: &Content, authors: &Authors) -> Signature {
    let value = json::parse(bytes).map_err(|error| error.to_string());
    let envelope = value
        .and_then(|value| json::from_exact::<Envelope>(value).map_err(|error| error.to_string()));
    let envelope = match envelope {
        Ok(envelope) => envelope,
        Err(why) => return Signature::invalid(None, &format!("the envelope: {why}")),
    };
    let keyid = envelope.key_hint().and_then(|id| Digest::from_hex(id).ok()).map(|id| id.hex());
    let Some(author) = keyid.as_deref().and_then(|keyid| authors.by_id(keyid)) else {
        return Signature::untrusted(keyid);
    };
    match statement::check(&envelope, &author.key, content) {
        Ok(()) => Signature::by(author),
        Err(why) => Signature::invalid(Some(author), &why),
    }
}

fn simple(bytes: &[u8], layer: &Descriptor, content: &Content, authors: &Authors) -> Signature {
    let Some(signature) = layer.annotations.get(cosign::SIGNATURE) else {
        let why = format!("the layer has no annotation `{}`", cosign::SIGNATURE);
        return Signature::invalid(None, &why);
    };
    let Some(author) = authors.find(|key| cosign::is_by(bytes, signature, key)) else {
        return Signature::untrusted(None);
    };
    match cosign::check(bytes, &content.package) {
        Ok(()) => Signature::by(author),
        Err(why) => Signature::invalid(Some(author), &why),
    }
}

/// Adds the signature of this key to those of the package. Signing twice with one key changes nothing. What another tool
/// wrote into the manifest of the signatures remains.
pub(super) fn add(
    place: &dyn Place,
    content: &Content,
    key: &SigningKey,
) -> Result<(), PackageError> {
    let failed = |why: String| PackageError::place(&place.name(), why);
    let envelope = statement::sign(content, key).map_err(failed)?;
    let layer = Descriptor::of(DSSE, &envelope);
    let known = stored(place, &content.package)?;
    let mut layers = known.as_ref().map(|one| one.layers.clone()).unwrap_or_default();
    if layers.iter().any(|one| one.digest == layer.digest) {
        return Ok(());
    }
    if layers.len() == SIGNATURES_MAX {
        return Err(failed(format!("the package already has {SIGNATURES_MAX} signatures")));
    }
    layers.push(layer);
    let digests: Vec<&Digest> = layers.iter().map(|one| &one.digest).collect();
    let rootfs = json!({"type": "layers", "diff_ids": digests});
    let config = json!({"architecture": "", "os": "", "config": {}, "rootfs": rootfs});
    let config = json::canonical(&config).map_err(|error| failed(error.to_string()))?;
    place.write_blob(&envelope)?;
    place.write_blob(&config)?;
    let config = Descriptor::of(IMAGE_CONFIG, &config);
    let manifest = match known {
        Some(known) => known.with(config, layers),
        None => Manifest::new(config, layers),
    };
    place::write_manifest(place, &tag(&content.package), &manifest.bytes()?)
}
