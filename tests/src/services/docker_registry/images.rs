//! Images of a registry with users, written and read without the host.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use deed_spec::digest::Digest;
use serde_json::{Value, json};

use super::DockerRegistry;
use crate::services::{Result, agent};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const BYTES: &str = "application/octet-stream";

/// An answer: the status, the header `Location`, and the body.
type Answer = (u16, String, String);

impl DockerRegistry {
    pub const READ_PASSWORD: &str = "registry-reader-of-the-harness";
    pub const WRITE_PASSWORD: &str = "registry-writer-of-the-harness";
    /// The password of the harness, whose requests do not go through the host.
    const OWN_PASSWORD: &str = "registry-own-user-of-the-harness";

    /// The base URL of the upstream for `deed.toml`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v2", self.address())
    }

    /// Pushes an image with this author under a tag. Returns the SHA-256 of its manifest in hexadecimal digits.
    pub fn push(&self, repository: &str, tag: &str, author: &str) -> Result<String> {
        let configuration = json!({"architecture": "amd64", "os": "linux", "author": author});
        let configuration = self.blob(repository, &configuration.to_string())?;
        let layer = self.blob(repository, author)?;
        let described = |kind: &str, (digest, size): (String, usize)| {
            let media = format!("application/vnd.oci.image.{kind}");
            json!({"mediaType": media, "digest": digest, "size": size})
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": described("config.v1+json", configuration),
            "layers": [described("layer.v1.tar", layer)],
        });
        self.put_manifest(repository, tag, MANIFEST, &manifest.to_string())
    }

    /// Pushes a list with one image, which is given by the SHA-256 of its manifest, under a tag. Returns the SHA-256 of
    /// the list in hexadecimal digits.
    pub fn push_list(&self, repository: &str, tag: &str, image: &str) -> Result<String> {
        let url = format!("{}/{repository}/manifests/sha256:{image}", self.base_url());
        let (status, _, manifest) = call("GET", &url, BYTES, "")?;
        if status != 200 {
            return Err(format!("reading the manifest answered {status}: {manifest}").into());
        }
        let list = json!({
            "schemaVersion": 2, "mediaType": LIST,
            "manifests": [{
                "mediaType": MANIFEST, "digest": format!("sha256:{image}"), "size": manifest.len(),
                "platform": {"architecture": "amd64", "os": "linux"},
            }],
        });
        self.put_manifest(repository, tag, LIST, &list.to_string())
    }

    /// Stores a manifest under a tag. Returns its SHA-256 in hexadecimal digits.
    fn put_manifest(&self, repository: &str, tag: &str, media: &str, text: &str) -> Result<String> {
        let url = format!("{}/{repository}/manifests/{tag}", self.base_url());
        let (status, _, said) = call("PUT", &url, media, text)?;
        if status != 201 {
            return Err(format!("pushing `{tag}` answered {status}: {said}").into());
        }
        let digest = Digest::of(text.as_bytes()).to_string();
        Ok(digest.trim_start_matches("sha256:").to_owned())
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let url = format!("{}/{repository}/tags/list", self.base_url());
        let (status, _, said) = call("GET", &url, BYTES, "")?;
        if status != 200 {
            return Err(format!("reading the tags answered {status}: {said}").into());
        }
        let list: Value = serde_json::from_str(&said)?;
        let tags = list.get("tags").and_then(Value::as_array).into_iter().flatten();
        let mut tags: Vec<String> =
            tags.filter_map(|tag| tag.as_str().map(str::to_owned)).collect();
        tags.sort();
        Ok(tags)
    }

    /// Whether the registry has a manifest with this SHA-256.
    pub fn has(&self, repository: &str, sha256: &str) -> Result<bool> {
        let url = format!("{}/{repository}/manifests/sha256:{sha256}", self.base_url());
        match call("GET", &url, BYTES, "")? {
            (200, ..) => Ok(true),
            (404, ..) => Ok(false),
            (status, _, said) => Err(format!("`{url}` answered {status}: {said}").into()),
        }
    }

    /// Uploads bytes, and returns their digest and their length.
    fn blob(&self, repository: &str, bytes: &str) -> Result<(String, usize)> {
        let url = format!("{}/{repository}/blobs/uploads/", self.base_url());
        let (_, location, said) = call("POST", &url, BYTES, "")?;
        if location.is_empty() {
            return Err(format!("beginning an upload answered {said}").into());
        }
        let digest = Digest::of(bytes.as_bytes()).to_string();
        let joint = if location.contains('?') { '&' } else { '?' };
        let url = format!("{location}{joint}digest={digest}");
        match call("PUT", &url, BYTES, bytes)? {
            (201, ..) => Ok((digest, bytes.len())),
            (status, _, said) => Err(format!("an upload answered {status}: {said}").into()),
        }
    }
}

fn call(method: &str, url: &str, content: &str, body: &str) -> Result<Answer> {
    let credential = STANDARD.encode(format!("own:{}", DockerRegistry::OWN_PASSWORD));
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", format!("Basic {credential}"))
        .header("accept", format!("{MANIFEST}, application/json"))
        .header("content-type", content)
        .body(body.to_owned())?;
    let mut answer = agent().run(request)?;
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
    let location = location.unwrap_or_default().to_owned();
    Ok((answer.status().as_u16(), location, answer.body_mut().read_to_string()?))
}
