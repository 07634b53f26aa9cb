//! Manifests of the OCI image specification, and the media types of packages.

use std::collections::BTreeMap;

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::PackageError;
use super::short;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The config of a WebAssembly artifact, as the Wasm OCI artifact layout of the CNCF defines it.
pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
pub(super) const WASM: &str = "application/wasm";
pub(super) const CONTRACT: &str = "application/vnd.deed.contract.v1+toml";
pub(super) const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
pub(super) const COSIGN: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The annotation with the file name of a layer.
pub(super) const TITLE: &str = "org.opencontainers.image.title";

/// The largest manifest or index.
pub(super) const MANIFEST_MAX: u64 = 4 << 20;
const LAYERS_MAX: usize = 128;

/// The description of a blob. The image specification requires readers to ignore members that they do not know.
/// They remain when a descriptor is written again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    /// Members of other tools, such as `platform` and `artifactType`.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Descriptor {
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
            others: Map::new(),
        }
    }

    /// The same descriptor with the file name of the layer.
    pub(super) fn titled(mut self, title: &str) -> Self {
        self.annotations.insert(TITLE.to_owned(), title.to_owned());
        self
    }
}

/// A manifest. The signature covers its bytes, so members that are not read here cannot be changed either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
    /// Members of other tools, such as `artifactType` and `subject`.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Manifest {
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        let (media_type, annotations) = (Some(MANIFEST.to_owned()), BTreeMap::new());
        Self { schema_version: 2, media_type, config, layers, annotations, others: Map::new() }
    }

    /// The same manifest with another config and other layers. Its other members remain.
    pub(super) fn with(self, config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { config, layers, ..self }
    }

    pub(super) fn bytes(&self) -> Result<Vec<u8>, PackageError> {
        json::to_canonical(self).map_err(|error| PackageError::name("manifest", error))
    }

    /// Reads a manifest from a place.
    pub(super) fn read(place: &str, bytes: &[u8]) -> Result<Self, PackageError> {
        let refused = |why: String| PackageError::refused(place, format!("the manifest: {why}"));
        // The manifest may be written again, so no number may be read as a text.
        let value = json::parse_exact(bytes).map_err(|error| refused(error.to_string()))?;
        let found = value.get("mediaType").and_then(Value::as_str).unwrap_or(MANIFEST);
        if found != MANIFEST {
            let found = short::part(found);
            return Err(refused(format!("its media type is `{found}`; only `{MANIFEST}` is read")));
        }
        let manifest: Self = json::from_value(value).map_err(|error| refused(error.to_string()))?;
        if manifest.schema_version != 2 {
            let version = manifest.schema_version;
            return Err(refused(format!("its schema version is {version}; only 2 is read")));
        }
        if manifest.layers.len() > LAYERS_MAX {
            return Err(refused(format!("it has more than {LAYERS_MAX} layers")));
        }
        Ok(manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        Manifest::read("x", text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let layer = Descriptor::of(WASM, b"wasm").titled("a.wasm");
        let manifest = Manifest::new(Descriptor::of(WASM_CONFIG, b"{}"), vec![layer]);
        let bytes = manifest.bytes().unwrap();
        assert_eq!(Manifest::read("x", &bytes).unwrap(), manifest);
    }

    #[test]
    fn members_of_other_tools_remain() {
        let text = format!(
            "{{\"artifactType\":\"a/b\",\"config\":{{\"data\":\"e30=\",\"digest\":\"{}\",\"mediaType\":\"a/c\",\"size\":2}},\
             \"layers\":[],\"schemaVersion\":2,\"subject\":{{\"size\":1}}}}",
            Digest::of(b"{}")
        );
        let manifest = Manifest::read("x", text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(manifest.bytes().unwrap()).unwrap(), text);
        let layer = Descriptor::of(DSSE, b"{}");
        let more = manifest.with(Descriptor::of(IMAGE_CONFIG, b"{}"), vec![layer.clone()]);
        let more = Manifest::read("x", &more.bytes().unwrap()).unwrap();
        assert_eq!((more.others.len(), more.layers), (2, vec![layer]));
        // A number that canonical JSON cannot repeat is not changed silently.
        assert!(why("{\"note\":1.5}").contains("line 1"));
    }

    #[test]
    fn other_documents_are_refused_with_the_reason() {
        let index = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\"manifests\":[]}}");
        assert!(why(&index).contains("its media type is `application/vnd.oci.image.index"));
        assert!(why("{\"schemaVersion\":2}").contains("`/config`"));
        assert!(why("{\"a\":1,\"a\":2}").contains("line 1"));
        assert!(why("<html>").contains("line 1"));
        let long = format!("{{\"mediaType\":\"{}\"}}", "x".repeat(3 << 20));
        assert!(why(&long).len() < 1_000);
        let long = format!("{{\"schemaVersion\":\"{}\"}}", "x".repeat(3 << 20));
        assert!(why(&long).len() < 5_000);
    }
}
