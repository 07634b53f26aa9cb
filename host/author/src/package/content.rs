//! What a manifest says about a package: its name, the component and the contracts.

use std::collections::BTreeSet;

use deed_record::contract::Contract;
use deed_spec::digest::Digest;
use serde::Serialize;

use super::error::PackageError;
use super::manifest::{CONTRACT, Descriptor, Manifest, TITLE, WASM, WASM_CONFIG};
use super::place::CONTRACT_MAX;
use super::{short, title};

/// The content of a package, as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Content {
    /// The digest of the manifest, which names the package as a whole.
    pub package: Digest,
    /// The name of the adapter: the file name of the component without `.wasm`.
    pub name: String,
    pub adapter: Part,
    pub contracts: Vec<Part>,
}

/// One file of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    pub file: String,
    /// The digest of the file.
    pub digest: Digest,
    pub bytes: u64,
}

impl Content {
    /// Reads the manifest of a package.
    pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Self, PackageError> {
        let refused = |why: String| PackageError::refused(place, why);
        let manifest = Manifest::read(place, bytes)?;
        let config = manifest.config.media_type.as_str();
        if config != WASM_CONFIG {
            let config = short::part(config);
            return Err(refused(format!(
                "the config has the media type `{config}`; the config of an adapter has `{WASM_CONFIG}`"
            )));
        }
        let (mut adapters, mut contracts) = (Vec::new(), Vec::new());
        for layer in &manifest.layers {
            match layer.media_type.as_str() {
                WASM => adapters.push(part(place, layer, "wasm")?),
                CONTRACT => contracts.push(part(place, layer, "toml")?),
                other => {
                    let other = short::part(other);
                    return Err(refused(format!(
                        "a layer has the media type `{other}`; only `{WASM}` and `{CONTRACT}` are read"
                    )));
                }
            }
        }
        let found = adapters.len();
        let (Some(adapter), 1) = (adapters.pop(), found) else {
            return Err(refused(format!("it has {found} components; a package has exactly one")));
        };
        if let Some(twice) = twice(&contracts) {
            return Err(refused(format!("two contracts have the title `{}`", twice.file)));
        }
        let name = title::stem(&adapter.file, "wasm").unwrap_or_default().to_owned();
        Ok(Self { package: Digest::of(bytes), name, adapter, contracts })
    }
}

/// A part whose file name another part has.
fn twice(parts: &[Part]) -> Option<&Part> {
    let mut files = BTreeSet::new();
    parts.iter().find(|one| !files.insert(one.file.as_str()))
}

fn part(place: &str, layer: &Descriptor, extension: &str) -> Result<Part, PackageError> {
    let file = layer.annotations.get(TITLE).map(String::as_str).unwrap_or_default();
    if title::stem(file, extension).is_none() {
        let why = format!(
            "a layer has the title `{}`; it must end in `.{extension}`, and {}",
            short::part(file),
            title::RULE
        );
        return Err(PackageError::refused(place, why));
    }
    Ok(Part { file: file.to_owned(), digest: layer.digest, bytes: layer.size })
}

/// Checks that a file is a contract for the adapter of this name. A package has no other texts, because other programs
/// read their settings from files with the same extension.
pub(super) fn check_contract(adapter: &str, file: &str, bytes: &[u8]) -> Result<(), String> {
    if title::stem(file, "toml").is_none() {
        return Err(format!("the name of a contract must end in `.toml`, and {}", title::RULE));
    }
    if bytes.len() as u64 > CONTRACT_MAX {
        return Err("the contract is larger than 1 MiB".to_owned());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the contract is not UTF-8".to_owned())?;
    let contract = Contract::from_toml(file, text).map_err(|error| error.to_string())?;
    let named = &contract.action.adapter;
    if named != adapter {
        return Err(format!("the contract is for the adapter `{named}`, not for `{adapter}`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::manifest::IMAGE_CONFIG;

    fn manifest(layers: Vec<Descriptor>) -> Vec<u8> {
        Manifest::new(Descriptor::of(WASM_CONFIG, b"{}"), layers).bytes().unwrap()
    }

    fn wasm(title: &str) -> Descriptor {
        Descriptor::of(WASM, b"wasm").titled(title)
    }

    fn contract(title: &str) -> Descriptor {
        Descriptor::of(CONTRACT, b"toml").titled(title)
    }

    fn why(layers: Vec<Descriptor>) -> String {
        Content::read("x", &manifest(layers)).unwrap_err().to_string()
    }

    #[test]
    fn a_package_has_one_component_and_its_contracts() {
        let bytes = manifest(vec![contract("b.toml"), wasm("titles.wasm"), contract("a.toml")]);
        let content = Content::read("x", &bytes).unwrap();
        assert_eq!((content.name.as_str(), content.package), ("titles", Digest::of(&bytes)));
        assert_eq!(content.adapter.digest, Digest::of(b"wasm"));
        let files: Vec<&str> = content.contracts.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(files, ["b.toml", "a.toml"]);
    }

    #[test]
    fn other_layers_and_names_are_refused() {
        assert!(why(vec![]).contains("0 components"));
        assert!(why(vec![wasm("a.wasm"), wasm("b.wasm")]).contains("2 components"));
        assert!(why(vec![wasm("a.wasm"), contract("a.toml"), contract("a.toml")]).contains("two"));
        assert!(
            why(vec![wasm("a.wasm"), Descriptor::of("text/html", b"")]).contains("`text/html`")
        );
        for title in ["../a.wasm", "/etc/a.wasm", "a.toml", "", ".a.wasm", "a\n.wasm"] {
            assert!(why(vec![wasm(title)]).contains("title"), "{title}");
        }
        assert!(why(vec![Descriptor::of(WASM, b"wasm")]).contains("title"));
    }

    #[test]
    fn errors_quote_only_the_beginning_of_a_long_text() {
        let long = "x".repeat(3 << 20);
        let image = Manifest::new(Descriptor::of(&long, b"{}"), vec![]).bytes().unwrap();
        let config = Content::read("x", &image).unwrap_err().to_string();
        for why in [config, why(vec![Descriptor::of(&long, b"")]), why(vec![wasm(&long)])] {
            assert!(why.len() < 1_000 && why.contains("xxx…`; "), "{why}");
        }
    }

    #[test]
    fn an_image_is_no_package() {
        let image = Manifest::new(Descriptor::of(IMAGE_CONFIG, b"{}"), vec![]);
        let why = Content::read("x", &image.bytes().unwrap()).unwrap_err().to_string();
        assert!(why.contains("the config has the media type"), "{why}");
    }
}
