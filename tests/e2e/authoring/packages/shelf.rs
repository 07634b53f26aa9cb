//! Changes an OCI layout on disk as an attacker with write access to it would.

use std::fs;
use std::path::PathBuf;

use deed_spec::digest::Digest;
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(super) const DSSE: &str = "application/vnd.dsse.envelope.v1+json";
pub(super) const COSIGN: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// A layout.
pub(super) struct Shelf {
    dir: PathBuf,
}

impl Shelf {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn blob(&self, digest: &str) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.trim_start_matches("sha256:"))
    }

    pub(super) fn index(&self) -> Value {
        serde_json::from_slice(&fs::read(self.dir.join("index.json")).unwrap()).unwrap()
    }

    pub(super) fn write_index(&self, index: &Value) {
        fs::write(self.dir.join("index.json"), index.to_string()).unwrap();
    }

    /// Stores a blob, and returns its descriptor.
    pub(super) fn put(&self, media_type: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes).to_string();
        fs::write(self.blob(&digest), bytes).unwrap();
        json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
    }

    /// The manifest with a tag, and its digest.
    pub(super) fn manifest(&self, tag: &str) -> (String, Value) {
        let index = self.index();
        let all = index["manifests"].as_array().unwrap().iter();
        let mut tagged = all.filter(|one| one["annotations"][REF_NAME] == tag);
        let digest = tagged.next().unwrap()["digest"].as_str().unwrap().to_owned();
        let manifest = serde_json::from_slice(&fs::read(self.blob(&digest)).unwrap()).unwrap();
        (digest, manifest)
    }

    /// Lets a tag name this manifest, and returns the digest of the manifest.
    pub(super) fn tag(&self, tag: &str, manifest: &Value) -> String {
        self.untag(tag);
        let mut entry = self.put(MANIFEST, manifest.to_string().as_bytes());
        entry["annotations"] = json!({ REF_NAME: tag });
        let digest = entry["digest"].as_str().unwrap().to_owned();
        let mut index = self.index();
        index["manifests"].as_array_mut().unwrap().push(entry);
        self.write_index(&index);
        digest
    }

    pub(super) fn untag(&self, tag: &str) {
        let mut index = self.index();
        let all = index["manifests"].as_array_mut().unwrap();
        all.retain(|one| one["annotations"][REF_NAME] != tag);
        self.write_index(&index);
    }

    /// Replaces the signatures of a package by these layers.
    pub(super) fn signatures(&self, package: &str, layers: &[Value]) {
        let config = self.put("application/vnd.oci.image.config.v1+json", b"{}");
        let manifest =
            json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers});
        self.tag(&signature_tag(package), &manifest);
    }
}

/// The tag of the signatures of a package.
pub(super) fn signature_tag(package: &str) -> String {
    format!("{}.sig", package.replace(':', "-"))
}
