//! A document, its operations, and the search for one of them.

use serde_json::Value;

use super::error::OpenApiError;
use super::nearest::unknown;
use super::operation::{METHODS, Operation};
use super::read;
use super::text::shown;

/// The most operations of a document.
const OPERATIONS_MAX: usize = 20_000;
/// The longest chain of references, and the longest reference in bytes. Every name in a reference is searched for.
const CHAIN_MAX: usize = 8;
const REFERENCE_MAX: usize = 1024;
/// The longest path in bytes, and the most segments of a path.
const PATH_MAX: usize = 2048;
const SEGMENTS_MAX: usize = 64;

/// An OpenAPI document of version 3.0 or 3.1.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    root: Value,
}

impl Document {
    /// Reads a document in JSON or YAML. `file` is only used in the commands that an error suggests.
    ///
    /// # Errors
    ///
    /// Fails when the bytes are not such a document, or exceed a bound.
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self, OpenApiError> {
        let root = read::document(bytes)?;
        version(&root, file)?;
        let paths = root.get("paths").and_then(Value::as_object);
        paths.into_iter().flatten().try_for_each(|(path, _)| check_path(path))?;
        match paths.map(serde_json::Map::len) {
            None | Some(0) => {
                Err(OpenApiError::whole("the document has no `paths`, so it has no operations"))
            }
            Some(count) if count > OPERATIONS_MAX => Err(OpenApiError::at(
                "/paths",
                format!(
                    "the document has {count} paths, where at most {OPERATIONS_MAX} are allowed"
                ),
            )),
            Some(_) => Ok(Self { root }),
        }
    }

    /// The operations of the document that a contract could send, in the order of the document.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let paths = self.root.get("paths").and_then(Value::as_object);
        let mut found = Vec::new();
        for (path, item) in paths.into_iter().flatten().filter(|(path, _)| path.starts_with('/')) {
            // A path item that refers elsewhere is left out here; the error is reported when it is searched for.
            let Ok(item) = self.resolve(item) else { continue };
            for method in METHODS {
                if let Some(value) = item.get(method).filter(|value| value.is_object()) {
                    found.push(Operation::new(method, path, value, item));
                }
            }
        }
        found
    }

    /// The operation with this `operationId`, or with this method and path.
    ///
    /// # Errors
    ///
    /// Fails when there is no such operation, or when several have the `operationId`. The error names similar ones.
    pub fn operation(&self, wanted: &str) -> Result<Operation<'_>, OpenApiError> {
        let all = self.operations();
        let mut named = all.iter().filter(|one| one.id == Some(wanted));
        match (named.next(), named.next()) {
            (Some(one), None) => return Ok(*one),
            (Some(one), Some(other)) => {
                let what = format!(
                    "`{}` is the operationId of `{}` and of `{}`; name the operation by its method and path",
                    shown(wanted),
                    shown(&one.request()),
                    shown(&other.request())
                );
                return Err(OpenApiError::whole(what));
            }
            (None, _) => {}
        }
        if let Some((method, path)) = wanted.trim().split_once(' ') {
            let path = path.trim();
            let is_it =
                |one: &&Operation<'_>| one.method.eq_ignore_ascii_case(method) && one.path == path;
            if let Some(one) = all.iter().find(is_it) {
                return Ok(*one);
            }
            self.is_in_this_document(path)?;
        }
        Err(unknown(wanted, &all))
    }

    /// The address of the first server that the document names.
    pub(super) fn server(&self) -> Option<&str> {
        self.root.get("servers")?.get(0)?.get("url")?.as_str()
    }

    /// Reports why a path item could not be read, if it refers to another document.
    fn is_in_this_document(&self, path: &str) -> Result<(), OpenApiError> {
        match self.root.get("paths").and_then(|paths| paths.get(path)) {
            Some(item) => self.resolve(item).map(drop),
            None => Ok(()),
        }
    }

    /// Follows `$ref` within the document.
    fn resolve<'d>(&'d self, value: &'d Value) -> Result<&'d Value, OpenApiError> {
        self.follow(value, |_| Ok(()))
    }

    /// Follows `$ref` within the document. `count` gets each reference before it is followed, and can refuse it.
    pub(super) fn follow<'d>(
        &'d self,
        value: &'d Value,
        count: impl Fn(&str) -> Result<(), OpenApiError>,
    ) -> Result<&'d Value, OpenApiError> {
        let mut value = value;
        for _ in 0..CHAIN_MAX {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
                return Ok(value);
            };
            count(reference)?;
            value = self.target(reference)?;
        }
        let last = value.get("$ref").and_then(Value::as_str).unwrap_or_default();
        Err(OpenApiError::whole(format!(
            "`{}` leads to itself, or through more than {CHAIN_MAX} others; refer to the value itself",
            shown(last)
        )))
    }

    /// The value that one reference names.
    pub(super) fn target(&self, reference: &str) -> Result<&Value, OpenApiError> {
        let name = shown(reference);
        if reference.len() > REFERENCE_MAX {
            let what = format!(
                "the reference `{name}` has more than {REFERENCE_MAX} bytes; give what it refers to a shorter name"
            );
            return Err(OpenApiError::whole(what));
        }
        let Some(fragment) = reference.strip_prefix('#') else {
            let what = format!(
                "`{name}` refers to another document, which is never opened; write one document with \
                 `npx @redocly/cli bundle FILE --output bundled.yaml`"
            );
            return Err(OpenApiError::whole(what));
        };
        let pointer = decoded(fragment);
        self.root.pointer(&pointer).ok_or_else(|| {
            OpenApiError::whole(format!("`{name}` refers to nothing in this document; correct it"))
        })
    }
}

/// Refuses a path that no server would accept, before it is compared with other paths.
fn check_path(path: &str) -> Result<(), OpenApiError> {
    if path.len() <= PATH_MAX && path.split('/').count() <= SEGMENTS_MAX + 1 {
        return Ok(());
    }
    let what = format!(
        "the path `{}` has more than {PATH_MAX} bytes or {SEGMENTS_MAX} segments; remove it, or shorten it",
        shown(path)
    );
    Err(OpenApiError::at("/paths", what))
}

/// The pointer of a URI fragment (RFC 6901 section 6). An octet that is not encoded correctly stays as it is.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        let octet = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(octet.unwrap_or(b'%'));
        rest = if octet.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes.extend(rest.bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

fn version(root: &Value, file: &str) -> Result<(), OpenApiError> {
    if let Some(old) = root.get("swagger") {
        let old = old.as_str().map_or_else(|| old.to_string(), str::to_owned);
        let what = format!(
            "the document has Swagger {}; convert it to OpenAPI 3 with \
             `npx swagger2openapi --yaml --outfile openapi.yaml {}`",
            shown(&old),
            word(file)
        );
        return Err(OpenApiError::at("/swagger", what));
    }
    let version = root.get("openapi").map(|version| match version {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    match version.as_deref() {
        Some(text) if ["3.0", "3.1"].iter().any(|one| is_version(text, one)) => Ok(()),
        Some(text) => {
            let what = format!(
                "OpenAPI {} is not supported; use a document of version 3.0 or 3.1",
                shown(text)
            );
            Err(OpenApiError::at("/openapi", what))
        }
        None => Err(OpenApiError::whole(
            "the document has no `openapi`, so it is no OpenAPI document; use one of version 3.0 or 3.1",
        )),
    }
}

fn is_version(text: &str, wanted: &str) -> bool {
    text.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A file name in a command, if it is one word of a shell.
fn word(file: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    if !file.starts_with('-') && file.chars().all(plain) { file } else { "FILE" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Result<Document, OpenApiError> {
        Document::from_bytes("api.yaml", text.as_bytes())
    }

    #[test]
    fn other_versions_are_refused_with_the_remedy() {
        for (text, why) in [
            (
                "swagger: '2.0'\npaths: {}",
                "swagger2openapi --yaml --outfile openapi.yaml api.yaml`",
            ),
            ("openapi: 3.2.0\npaths: {/a: {}}", "OpenAPI 3.2.0 is not supported"),
            ("openapi: 3.10.0\npaths: {/a: {}}", "OpenAPI 3.10.0 is not supported"),
            ("a: 1", "no `openapi`"),
            ("[1]", "no `openapi`"),
            ("openapi: 3.0.3", "no `paths`"),
            ("openapi: 3.0.3\npaths: []", "no `paths`"),
        ] {
            let error = document(text).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
        assert!(document("openapi: 3.1\npaths: {/a: {}}").is_ok());
    }

    #[test]
    fn an_operation_is_found_by_its_id_or_by_method_and_path() {
        let text = "openapi: 3.0.3\npaths:\n  /users:\n    get: {operationId: listUsers}\n    post: {operationId: addUser}\n  \
                    /a: {get: {operationId: twice}, post: {operationId: twice}}\n";
        let document = document(text).unwrap();
        assert_eq!(document.operation("addUser").unwrap().request(), "POST /users");
        assert_eq!(document.operation("get /users").unwrap().id, Some("listUsers"));
        let error = |wanted: &str| document.operation(wanted).unwrap_err().to_string();
        assert!(error("twice").contains("`GET /a` and of `POST /a`"));
        assert!(error("listuser").contains("similar are: `listUsers`"), "{}", error("listuser"));
        assert!(error("").contains("name an operation after `#`"));
    }

    #[test]
    fn a_reference_stays_in_the_document() {
        let text = "openapi: 3.0.3\npaths: {/a: {get: {}}}\nx: {'y/z': {$ref: '#/x/a%20b'}, 'a b': 1, c: {$ref: '#/x/c'}}\n";
        let document = document(text).unwrap();
        let at = |pointer: &str| document.resolve(document.root.pointer(pointer).unwrap());
        assert_eq!(at("/x/y~1z").unwrap(), 1);
        assert!(at("/x/c").unwrap_err().what.contains("leads to itself"));
        for other in ["http://127.0.0.1/a", "file:///a", "other.yaml#/a", "/a", ""] {
            let error = document.target(other).unwrap_err();
            assert!(error.what.contains("refers to another document"), "{error}");
        }
        assert!(document.target("#/x/none").unwrap_err().what.contains("refers to nothing"));
    }
}
