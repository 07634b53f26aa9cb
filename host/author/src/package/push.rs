//! Publishes a package: the files, the signature, and the manifest last, so that a tag never names an unsigned package.

use deed_spec::digest::Digest;
use deed_spec::json;
use ed25519_dalek::SigningKey;
use serde_json::json;

use super::content::{Content, check_contract};
use super::error::PackageError;
use super::manifest::{CONTRACT, Descriptor, Manifest, WASM, WASM_CONFIG};
use super::place::{self, ADAPTER_MAX, Place};
use super::pull;
use super::reference::Which;
use super::sections::Sections;
use super::{signature, title};

/// What an author publishes.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The file name of the component.
    pub file: &'a str,
    pub adapter: &'a [u8],
    /// The contracts, by file name.
    pub contracts: &'a [(String, Vec<u8>)],
    /// The names of the component's imports and exports.
    pub imports: &'a [String],
    pub exports: &'a [String],
}

/// The time in the config. It is always the same, so that the same files give the same package.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// Stores a package with a signature under a tag. Without `replace`, a tag that names another package stays.
///
/// # Errors
///
/// Fails when the files are not an adapter and its contracts, when the tag names another package, or when the place
/// refuses the package.
pub fn push(
    place: &dyn Place,
    tag: &str,
    offer: &Offer<'_>,
    key: &SigningKey,
    replace: bool,
) -> Result<Content, PackageError> {
    if tag.starts_with("sha256-") {
        return Err(PackageError::name(tag, "tags that begin with `sha256-` are for signatures"));
    }
    check(offer)?;
    let config = config(offer)?;
    let manifest = manifest(offer, &config)?;
    // What is published satisfies the rules of a pull.
    let content = Content::read(&place.name(), &manifest)?;
    if !replace {
        is_free(place, tag, &content)?;
    }
    place.write_blob(&config)?;
    place.write_blob(offer.adapter)?;
    for (_, bytes) in offer.contracts {
        place.write_blob(bytes)?;
    }
    signature::add(place, &content, key)?;
    place::write_manifest(place, tag, &manifest)?;
    Ok(content)
}

/// Adds a signature to a package that is already published.
///
/// # Errors
///
/// Fails when the place has no such package, or refuses the signature.
pub fn sign(
    place: &dyn Place,
    package: &Digest,
    key: &SigningKey,
) -> Result<Content, PackageError> {
    let content = pull::look(place, &Which::Digest(*package), None)?.content;
    signature::add(place, &content, key)?;
    Ok(content)
}

fn is_free(place: &dyn Place, tag: &str, content: &Content) -> Result<(), PackageError> {
    let there = place::manifest(place, &Which::Tag(tag.to_owned()))?;
    match there.map(|bytes| Digest::of(&bytes)) {
        Some(other) if other != content.package => {
            let why = format!(
                "the tag `{tag}` names another package, {other}; use a new tag, or move it with --replace"
            );
            Err(PackageError::place(&place.name(), why))
        }
        _ => Ok(()),
    }
}

fn check(offer: &Offer<'_>) -> Result<(), PackageError> {
    let Some(name) = title::stem(offer.file, "wasm") else {
        let why = format!("the name of the component must end in `.wasm`, and {}", title::RULE);
        return Err(PackageError::name(offer.file, why));
    };
    if offer.adapter.len() as u64 > ADAPTER_MAX {
        return Err(PackageError::name(offer.file, "the adapter is larger than 64 MiB"));
    }
    offer.contracts.iter().try_for_each(|(file, bytes)| {
        check_contract(name, file, bytes).map_err(|why| PackageError::name(file, why))
    })
}

/// The config that the Wasm OCI artifact layout asks for.
fn config(offer: &Offer<'_>) -> Result<Vec<u8>, PackageError> {
    let files = offer.contracts.iter().map(|(_, bytes)| bytes.as_slice());
    let digests: Vec<Digest> =
        std::iter::once(offer.adapter).chain(files).map(Digest::of).collect();
    let config = json!({
        "created": CREATED,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": digests,
        "component": {"imports": offer.imports, "exports": offer.exports},
    });
    json::canonical(&config).map_err(|error| PackageError::name(offer.file, error))
}

fn manifest(offer: &Offer<'_>, config: &[u8]) -> Result<Vec<u8>, PackageError> {
    let contract = |(file, bytes): &(String, Vec<u8>)| Descriptor::of(CONTRACT, bytes).titled(file);
    let mut layers = vec![Descriptor::of(WASM, offer.adapter).titled(offer.file)];
    layers.extend(offer.contracts.iter().map(contract));
    let mut manifest = Manifest::new(Descriptor::of(WASM_CONFIG, config), layers);
    for (name, value) in Sections::texts_of(offer.adapter).texts() {
        // The annotation of the image specification for a home page is `url`.
        let name = if name == "homepage" { "url" } else { name };
        manifest.annotations.insert(format!("org.opencontainers.image.{name}"), value.to_owned());
    }
    manifest.bytes()
}
