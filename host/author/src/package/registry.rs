//! A repository of a registry, over the OCI distribution API.
//!
//! Requests go to the registry itself, to the token service that it names, and, for blobs only, to where it redirects.
//! The scheme never changes: `https`, or `http` if the registry is on this machine.

use std::cell::RefCell;

use deed_spec::digest::Digest;
use ureq::Body;
use ureq::http::uri::Authority;
use ureq::http::{Response, Uri};

use self::challenge::Challenge;
use self::wire::{Origin, Wire};
use super::error::PackageError;
use super::manifest::{MANIFEST, MANIFEST_MAX};
use super::place::Place;
use super::reference::Which;
use super::short;

mod challenge;
mod wire;

/// How often a download of a blob may be redirected.
const REDIRECTS_MAX: usize = 3;

/// The name and password for a registry.
#[derive(Clone)]
pub struct Credentials {
    pub user: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A repository of a registry.
pub(super) struct Registry {
    wire: Wire,
    origin: Origin,
    name: String,
    credentials: Option<Credentials>,
    /// The value of `Authorization` that the registry asked for last.
    authorization: RefCell<Option<String>>,
    tell: fn(&str),
    /// The other host of which the person was told last.
    told: RefCell<String>,
}

/// A request to the registry, by its path below the repository.
struct Request<'a> {
    method: &'a str,
    uri: Uri,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
}

impl Registry {
    pub(super) fn new(
        host: &str,
        name: &str,
        credentials: Option<Credentials>,
        tell: fn(&str),
    ) -> Result<Self, PackageError> {
        let origin = Origin::of(host).map_err(|why| PackageError::name(host, why))?;
        let (wire, name) = (Wire::new(), name.to_owned());
        let (authorization, told) = (RefCell::new(None), RefCell::default());
        Ok(Self { wire, origin, name, credentials, authorization, tell, told })
    }

    fn failed(&self, why: impl std::fmt::Display) -> PackageError {
        PackageError::place(&self.name(), why)
    }

    fn uri(&self, path: &str) -> Result<Uri, PackageError> {
        self.origin.join(&format!("/v2/{}/{path}", self.name)).map_err(|why| self.failed(why))
    }

    fn get(&self, path: &str, accept: &str) -> Result<Response<Body>, PackageError> {
        let headers = [("accept", accept)];
        self.call(&Request { method: "GET", uri: self.uri(path)?, headers: &headers, body: &[] })
    }

    /// Sends a request, and sends it once more with what the registry asked for if it answers 401.
    fn call(&self, request: &Request<'_>) -> Result<Response<Body>, PackageError> {
        let answer = self.send(request)?;
        if answer.status().as_u16() != 401 {
            return Ok(answer);
        }
        let authorization = self.authorize(&answer)?;
        self.authorization.replace(Some(authorization));
        self.send(request)
    }

    fn send(&self, request: &Request<'_>) -> Result<Response<Body>, PackageError> {
        let authorization = self.authorization.borrow().clone();
        let mut headers = request.headers.to_vec();
        if let Some(value) = &authorization {
            headers.push(("authorization", value.as_str()));
        }
        self.wire
            .send(request.method, &request.uri, &headers, request.body)
            .map_err(|why| self.failed(why))
    }

    fn authorize(&self, answer: &Response<Body>) -> Result<String, PackageError> {
        let asked = answer.headers().get_all("www-authenticate").iter();
        let mut asked = asked.filter_map(|value| Challenge::parse(value.to_str().ok()?));
        let basic = self.credentials.as_ref().map(challenge::basic);
        match (asked.next(), basic) {
            (Some(Challenge::Basic), Some(basic)) => Ok(basic),
            (Some(Challenge::Basic), None) => Err(self.failed(
                "the registry asks for a name and password: set DEED_REGISTRY_USER and DEED_REGISTRY_PASSWORD",
            )),
            (Some(Challenge::Bearer(asked)), basic) => {
                let url = asked.url();
                let uri = self.origin.admit(&url).map_err(|why| self.failed(why))?;
                if basic.is_some() {
                    self.tell_host(&uri);
                }
                let token = challenge::token(&self.wire, &uri, basic.as_deref());
                token.map(|token| format!("Bearer {token}")).map_err(|why| self.failed(why))
            }
            (None, _) => Err(self.failed(
                "the registry answered 401 and asks for neither `Basic` nor `Bearer` authentication",
            )),
        }
    }

    /// Tells the person that the credentials go to another host than the registry.
    fn tell_host(&self, uri: &Uri) {
        let host = uri.authority().map(Authority::as_str).unwrap_or_default();
        if self.origin.is_of(uri) || *self.told.borrow() == host {
            return;
        }
        let (registry, service) = (self.origin.authority(), short::part(host));
        (self.tell)(&format!(
            "note: the name and password are sent to `{service}`, the token service that `{registry}` names"
        ));
        self.told.replace(host.to_owned());
    }

    /// Follows the redirects of a download. The registry's credentials are not sent to another address.
    fn follow(&self, mut answer: Response<Body>) -> Result<Response<Body>, PackageError> {
        for _ in 0..REDIRECTS_MAX {
            if !answer.status().is_redirection() {
                break;
            }
            let uri = self.location(&answer)?;
            let sent = self.wire.send("GET", &uri, &[], &[]);
            answer = sent.map_err(|why| self.failed(why))?;
        }
        Ok(answer)
    }

    /// The address in `Location`.
    fn location(&self, answer: &Response<Body>) -> Result<Uri, PackageError> {
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let Some(location) = location else {
            return Err(self.failed("an answer of the registry has no valid `Location`"));
        };
        let uri = if location.starts_with('/') && !location.starts_with("//") {
            self.origin.join(location)
        } else {
            self.origin.admit(location)
        };
        uri.map_err(|why| self.failed(why))
    }

    /// The error for an answer with another status than the wanted one.
    fn refusal(&self, what: &str, mut answer: Response<Body>) -> PackageError {
        let status = answer.status().as_u16();
        if answer.status().is_redirection() {
            let why = format!("the registry redirects with status {status}, which is not followed");
            return self.failed(format!("{what}: {why}"));
        }
        self.failed(format!("{what}: the registry answered {status}{}", wire::reason(&mut answer)))
    }

    fn read(
        &self,
        what: &str,
        mut answer: Response<Body>,
        max: u64,
    ) -> Result<Vec<u8>, PackageError> {
        let read = wire::read(&mut answer, max);
        read.map_err(|why| PackageError::refused(&self.name(), format!("{what}: {why}")))
    }

    fn has(&self, digest: &Digest) -> Result<bool, PackageError> {
        let uri = self.uri(&format!("blobs/{digest}"))?;
        let answer = self.call(&Request { method: "HEAD", uri, headers: &[], body: &[] })?;
        Ok(answer.status().as_u16() == 200)
    }
}

impl Place for Registry {
    fn name(&self) -> String {
        format!("{}/{}", self.origin.authority(), self.name)
    }

    fn read_manifest(&self, which: &Which) -> Result<Option<Vec<u8>>, PackageError> {
        let which = match which {
            Which::Tag(tag) => tag.clone(),
            Which::Digest(digest) => digest.to_string(),
        };
        let answer = self.get(&format!("manifests/{which}"), MANIFEST)?;
        match answer.status().as_u16() {
            200 => self.read("the manifest", answer, MANIFEST_MAX).map(Some),
            404 => Ok(None),
            _ => Err(self.refusal("the manifest", answer)),
        }
    }

    fn read_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, PackageError> {
        let answer = self.get(&format!("blobs/{digest}"), "*/*")?;
        let answer = self.follow(answer)?;
        let what = format!("the blob {digest}");
        match answer.status().as_u16() {
            200 => self.read(&what, answer, size),
            _ => Err(self.refusal(&what, answer)),
        }
    }

    fn write_blob(&self, bytes: &[u8]) -> Result<(), PackageError> {
        let digest = Digest::of(bytes);
        if self.has(&digest)? {
            return Ok(());
        }
        let uri = self.uri("blobs/uploads/")?;
        let started = self.call(&Request { method: "POST", uri, headers: &[], body: &[] })?;
        if started.status().as_u16() != 202 {
            return Err(self.refusal("the upload", started));
        }
        let place = self.location(&started)?;
        // The request has the registry's credentials, so it goes nowhere else.
        if !self.origin.is_of(&place) {
            return Err(self.failed("the registry asks for an upload to another address"));
        }
        let join = if place.query().is_some() { '&' } else { '?' };
        let uri = self.origin.admit(&format!("{place}{join}digest={digest}"));
        let uri = uri.map_err(|why| self.failed(why))?;
        let headers = [("content-type", "application/octet-stream")];
        let stored = self.call(&Request { method: "PUT", uri, headers: &headers, body: bytes })?;
        match stored.status().as_u16() {
            201 => Ok(()),
            _ => Err(self.refusal("the upload", stored)),
        }
    }

    fn write_manifest(&self, tag: &str, bytes: &[u8]) -> Result<(), PackageError> {
        let (uri, headers) = (self.uri(&format!("manifests/{tag}"))?, [("content-type", MANIFEST)]);
        let stored = self.call(&Request { method: "PUT", uri, headers: &headers, body: bytes })?;
        match stored.status().as_u16() {
            201 => Ok(()),
            _ => Err(self.refusal("the manifest", stored)),
        }
    }
}
