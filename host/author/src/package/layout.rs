//! An OCI image layout in a directory: `oci-layout`, `index.json` and `blobs/sha256/`.
//!
//! One command at a time may write a layout, because its index is one file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use deed_spec::digest::Digest;
use deed_spec::json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::PackageError;
use super::files::{put, read, read_if_there, refuse_links};
use super::manifest::{Descriptor, INDEX, MANIFEST, MANIFEST_MAX};
use super::place::Place;
use super::reference::Which;

/// The file that marks a directory as a layout, and its content.
const MARK: &str = "oci-layout";
const MARK_TEXT: &[u8] = b"{\"imageLayoutVersion\":\"1.0.0\"}";
/// The annotation of a manifest with its tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The largest number of manifests in an index.
const MANIFESTS_MAX: usize = 10_000;

/// A layout in a directory.
#[derive(Debug)]
pub(super) struct Layout {
    dir: PathBuf,
}

/// `index.json`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    /// Members of other tools, which remain when the index is written again.
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Index {
    fn empty() -> Self {
        let (media_type, annotations) = (Some(INDEX.to_owned()), BTreeMap::new());
        let (manifests, others) = (Vec::new(), Map::new());
        Self { schema_version: 2, media_type, manifests, annotations, others }
    }

    fn tagged(&self, tag: &str) -> Option<&Descriptor> {
        self.manifests.iter().find(|one| is_tagged(one, tag))
    }

    /// Lets a tag name this manifest, and no other one. The entries of other tags stay as they are.
    fn tag(&mut self, tag: &str, manifest: &[u8]) {
        self.manifests.retain(|one| !is_tagged(one, tag));
        let mut descriptor = Descriptor::of(MANIFEST, manifest);
        descriptor.annotations.insert(REF_NAME.to_owned(), tag.to_owned());
        self.manifests.push(descriptor);
    }

    /// The content of `index.json`, unless it would be more than what is read again.
    fn bytes(&self) -> Result<Vec<u8>, String> {
        if self.manifests.len() > MANIFESTS_MAX {
            return Err(format!(
                "the index would have more than {MANIFESTS_MAX} manifests; use another directory"
            ));
        }
        let bytes = json::to_canonical(self).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MANIFEST_MAX {
            return Err(format!(
                "the index would have more than {MANIFEST_MAX} bytes; use another directory"
            ));
        }
        Ok(bytes)
    }
}

fn is_tagged(descriptor: &Descriptor, tag: &str) -> bool {
    descriptor.annotations.get(REF_NAME).is_some_and(|name| name == tag)
}

impl Layout {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    /// The index; `None` if the directory is not there or is empty.
    fn index(&self) -> Result<Option<Index>, PackageError> {
        let path = self.dir.join("index.json");
        let Some(bytes) = read_if_there(&path, MANIFEST_MAX)? else { return Ok(None) };
        // The index may be written again, so no number may be read as a text.
        let value = json::parse_exact(&bytes).map_err(|error| PackageError::file(&path, error))?;
        let index: Index =
            json::from_value(value).map_err(|error| PackageError::file(&path, error))?;
        if index.manifests.len() > MANIFESTS_MAX {
            let why = format!("the index has more than {MANIFESTS_MAX} manifests");
            return Err(PackageError::file(&path, why));
        }
        Ok(Some(index))
    }

    /// The index, after the directory was made a layout if it was empty.
    fn prepared(&self) -> Result<Index, PackageError> {
        if let Some(index) = self.index()? {
            return Ok(index);
        }
        if !is_empty(&self.dir)? && !self.dir.join(MARK).is_file() {
            let why = "this is not an OCI layout; name a new or empty directory";
            return Err(PackageError::file(&self.dir, why));
        }
        Ok(Index::empty())
    }

    /// Writes a file of the layout.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), PackageError> {
        refuse_links(&self.dir, path)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| PackageError::file(folder, error))?;
        }
        put(path, bytes)
    }
}

/// Whether a directory is not there or has no entries.
fn is_empty(dir: &Path) -> Result<bool, PackageError> {
    match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(PackageError::file(dir, error)),
        Ok(mut entries) => Ok(entries.next().is_none()),
    }
}

impl Place for Layout {
    fn name(&self) -> String {
        format!("oci:{}", self.dir.display())
    }

    fn read_manifest(&self, which: &Which) -> Result<Option<Vec<u8>>, PackageError> {
        let digest = match which {
            Which::Digest(digest) => *digest,
            Which::Tag(tag) => {
                let index = self.index()?;
                match index.as_ref().and_then(|index| index.tagged(tag)) {
                    Some(descriptor) => descriptor.digest,
                    None => return Ok(None),
                }
            }
        };
        let Some(bytes) = read_if_there(&self.blob(&digest), MANIFEST_MAX)? else {
            return Ok(None);
        };
        if Digest::of(&bytes) != digest {
            let why = format!("the manifest does not have its digest {digest}");
            return Err(PackageError::refused(&self.name(), why));
        }
        Ok(Some(bytes))
    }

    fn read_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, PackageError> {
        read(&self.blob(digest), size)
    }

    fn write_blob(&self, bytes: &[u8]) -> Result<(), PackageError> {
        // A directory with other files is refused before anything is written into it.
        self.prepared()?;
        let path = self.blob(&Digest::of(bytes));
        refuse_links(&self.dir, &path)?;
        let mark = self.dir.join(MARK);
        if !mark.exists() {
            self.write(&mark, MARK_TEXT)?;
        }
        // A blob that is there may be incomplete or changed, so it is written again.
        self.write(&path, bytes)
    }

    fn write_manifest(&self, tag: &str, bytes: &[u8]) -> Result<(), PackageError> {
        let mut index = self.prepared()?;
        index.tag(tag, bytes);
        let path = self.dir.join("index.json");
        let text = index.bytes().map_err(|why| PackageError::file(&path, why))?;
        self.write_blob(bytes)?;
        self.write(&path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(manifests: &str) -> Index {
        let text = format!("{{\"schemaVersion\":2,\"manifests\":[{manifests}],\"note\":[1]}}");
        json::from_value(json::parse_exact(text.as_bytes()).unwrap()).unwrap()
    }

    fn entry(tag: &str) -> String {
        format!(
            "{{\"annotations\":{{\"{REF_NAME}\":\"{tag}\"}},\"artifactType\":\"a/b\",\"digest\":\"{}\",\
             \"mediaType\":\"{MANIFEST}\",\"platform\":{{\"os\":\"{tag}\"}},\"size\":1}}",
            Digest::of(tag.as_bytes())
        )
    }

    #[test]
    fn entries_of_other_tools_remain() {
        let mut index = index(&[entry("one"), entry("two")].join(","));
        index.tag("two", b"new");
        let text = String::from_utf8(index.bytes().unwrap()).unwrap();
        assert!(text.contains(&entry("one")) && text.contains("\"note\":[1]"), "{text}");
        assert!(!text.contains(&entry("two")), "{text}");
        assert_eq!(index.tagged("two").unwrap().digest, Digest::of(b"new"));
    }

    #[test]
    fn an_index_that_could_not_be_read_again_is_not_written() {
        let mut many = Index::empty();
        many.manifests = vec![Descriptor::of(MANIFEST, b"x"); MANIFESTS_MAX];
        assert!(many.bytes().is_ok());
        many.tag("one", b"more");
        assert!(many.bytes().unwrap_err().contains("more than 10000 manifests"));
        let mut large = Index::empty();
        large.annotations.insert("note".to_owned(), "x".repeat(4 << 20));
        assert!(large.bytes().unwrap_err().contains("more than 4194304 bytes"));
    }
}
